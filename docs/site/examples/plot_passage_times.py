"""
How long a change of phase takes
================================

The exact mean first passage time from one minimum to the other, of a regular well and of a flat one. Both grow as the
exponential of barrier over temperature; the flat well's has another power of the temperature before it, by its learning
coefficient.
"""

import matplotlib.pyplot as plt
import numpy as np

from slt_toys import find_potential, mean_first_passage_time

temperatures = np.geomspace(0.06, 0.4, 14)
figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, style in (("regular_double_well", "o-"), ("singular_double_well_4_2", "s--")):
    potential = find_potential(name)
    start, target = (float(phase.minimum[0]) for phase in potential.phases[:2])
    times = [mean_first_passage_time(potential, T, start=start, target=target) for T in temperatures]
    axes.semilogy(1 / temperatures, times, style, markersize=4, label=name.replace("_", " "))
axes.set(xlabel="1 / temperature", ylabel="mean first passage time\n(Langevin time)")
axes.legend()
plt.show()
