"""Energies written once in sympy: phases, boxes, conditional distributions, the catalogue, sets of examples."""
