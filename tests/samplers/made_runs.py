"""Runs that the tests of the engine and of Langevin dynamics share."""

from __future__ import annotations

import math
from itertools import pairwise

from scipy import integrate

from slt_toys.potentials.potential import Potential


def exact_mean(potential: Potential, n_beta: float, observable) -> float:
    energy = potential.energy_function()
    low, high = potential.box[0]
    base = min(potential.minimum_loss(i) for i in range(len(potential.phases)))
    weight = lambda x: math.exp(-n_beta * (float(energy([x])) - base))  # noqa: E731
    edges = sorted({low, high, *(float(potential.minimum_point(i)[0]) for i in range(len(potential.phases))),
                    *([potential.barrier()] if len(potential.phases) > 1 else [])})  # fmt: skip
    total = lambda f: sum(integrate.quad(f, a, b, epsabs=1e-13)[0] for a, b in pairwise(edges))  # noqa: E731
    return total(lambda x: observable(x) * weight(x)) / total(weight)
