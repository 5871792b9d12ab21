"""What is looked up: theory's labelled equations as functions, and cited tables."""
