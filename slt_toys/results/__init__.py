"""What goes out: whole files, records of what made them, command lines and their progress."""
