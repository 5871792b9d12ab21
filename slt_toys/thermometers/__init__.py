"""Four thermometers: the inverse temperature of a trajectory, each read from another of its exact laws.

*Energy* (equipartition) matches the mean loss, *occupancy* the shares of the phases, *escape rate* the mean first
passage time, *fluctuation–dissipation* (Yaida 2018, arXiv:1810.00004) the size of SGD's own steps. The first three are
solved against exact values at any n_beta, so that λ and its finite-n_beta correction are in them. A sampler of
exp(-n_beta L) makes all agree; SGD is one exactly as far as they do
(:func:`slt_toys.thermometers.readings.disagreement`).

Positions have shape (chain, draw, coordinate); chains are independent, draws follow each other in time.
"""
