"""What each experiment amounts to: its dataset, its tables and its claims."""
