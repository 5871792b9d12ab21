"""Ends of critical periods, how they move with the batch size, and what rival laws make of them."""
