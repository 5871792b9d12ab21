"""What a sweep amounts to: curves, verdicts, report, export."""
