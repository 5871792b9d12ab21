"""Exact answers: integrals, free energies, densities in time, first passages."""
