"""A sweep: units of work, the results file, and the workers."""
