"""Theory of the project: exact learning coefficients and labelled, re-derived equations (sympy only)."""
