"""What comes in: checks of arguments by their annotations, and strict tables of numbers."""
