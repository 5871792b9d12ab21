"""Learning coefficients that are published or known by hand, as questions to the engine."""
