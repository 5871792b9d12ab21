"""
A learning coefficient is a power of a volume
=============================================

The volume of weights with loss below ε shrinks as ε to the power λ, times log(1/ε) to the power m - 1. Uniform draws
measure it for a regular minimum, a cusp and a crossing; the exact engine gives λ and m.
"""

import matplotlib.pyplot as plt
import numpy as np

from slt_toys import rlct

losses = {
    "x**2 + y**2": lambda x, y: x**2 + y**2,
    "(x**2 - y**3)**2": lambda x, y: (x**2 - y**3) ** 2,
    "x**2*y**2": lambda x, y: x**2 * y**2,
}
x, y = np.random.default_rng(0).uniform(-1, 1, (2, 2_000_000))
levels = np.geomspace(1e-5, 1e-1, 24)

figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
for (text, loss), marker in zip(losses.items(), "os^", strict=True):
    exact = rlct(text)
    volume = np.searchsorted(np.sort(loss(x, y)), levels) / len(x)
    law = levels ** float(exact.value) * np.log(1 / levels) ** (exact.multiplicity - 1)
    (points,) = axes.loglog(
        levels, volume, marker, markersize=4, label=f"{text}:  λ = {exact.value}, m = {exact.multiplicity}"
    )
    axes.loglog(levels, law * volume[12] / law[12], color=points.get_color(), linewidth=1)
axes.set(xlabel="loss below ε", ylabel="share of the square")
axes.legend(fontsize=8)
plt.show()
