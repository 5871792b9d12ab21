"""
Two phases change places
========================

A flat well of higher loss against a regular one of lower loss: the exact shares of both at each temperature, and their
crossover by the asymptotic law.
"""

import matplotlib.pyplot as plt
import numpy as np

from slt_toys import crossover, find_potential, phase_table

potential = find_potential("singular_double_well_4_2")
n_beta = np.geomspace(0.5, 60, 120)
table = phase_table(potential, n_beta)
where = crossover(potential, "left", "right")

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
w = np.linspace(-2, 2, 300)
loss = potential.energy_function()(w[:, None])
left.plot(w, loss, color="black")
left.set(xlabel="w", ylabel="loss", ylim=(loss.min() - 0.1, 1.5), title="the energy")
for phase, style in zip(potential.phases, ("-", "--"), strict=True):
    share = table.occupancy.sel(phase=phase.name)
    right.semilogx(n_beta, share, style, label=f"{phase.name}, λ = {phase.learning_coefficient}")
right.axvline(where.asymptotic_n_beta[0], color="0.5", linestyle=":", label="crossover by law")
right.set(xlabel="inverse temperature nβ", ylabel="share of the posterior", ylim=(0, 1), title="exact shares")
right.legend(fontsize=8)
plt.show()
