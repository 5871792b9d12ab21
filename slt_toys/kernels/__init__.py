"""Templates of the compiled kernels, 64 chains in lanes, and what prints and imports them."""
