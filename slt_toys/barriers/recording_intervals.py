"""At what recording interval do the separate transitions of a many-barrier system show, in SGD as it is really run?

A sum of double wells of different barriers starts with every coordinate in the higher well; each falls once. Training
loss is recorded as means over single minibatches, epochs, and anything between and beyond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from sympy import Rational

from ..inputs.arguments import checked_arguments
from ..potentials.catalogue import barrier_spectrum
from ..potentials.examples import GaussianGradients
from ..reference.laws import law
from ..samplers import SGD
from .transition_records import Detector, recording_study, simulate_losses

SLANT = Rational(4, 5)  # the fall is then many temperatures, so that nothing comes back
START, FINISH = "all left", "all right"

__all__ = ["ManyBarriers", "transitions_by_interval"]


@dataclass(frozen=True)
class ManyBarriers:
    """A run of SGD over many barriers.

    Attributes
    ----------
    barriers
        Coordinates, whose barriers are evenly spread over a factor of 4.
    temperature
        In units of loss.
    learning_rate, batch_size
        So small that discrete steps widen wells by 4 % at most [eq:sgd-temperature-quadratic].
    steps_per_epoch, epochs
        Length of the run.
    window
        Langevin time that is averaged on either side of a transition.
    """

    barriers: int = 6
    temperature: float = 0.09
    learning_rate: float = 0.005
    batch_size: int = 16
    steps_per_epoch: int = 1024
    epochs: int = 80
    window: float = 2.0

    @property
    def gradient_variance(self) -> float:
        """σ² that gives the temperature [eq:sgd-temperature]."""
        unit = law("sgd-temperature")(
            learning_rate=self.learning_rate, gradient_variance=1.0, batch_size=self.batch_size, momentum=0.0
        )
        return float(self.temperature / unit)


@checked_arguments
def transitions_by_interval(
    system: ManyBarriers, every: Sequence[int], *, chains: int, seed: int | Sequence[int] = 0
) -> xr.Dataset:
    """Count separate transitions at each recording interval, by simulation and by the exact law.

    Parameters
    ----------
    system
        What is run.
    every
        Recording intervals in minibatches.
    chains, seed
        Independent runs.

    Returns
    -------
    xarray.Dataset
        Along ``interval`` (coordinate ``every``): ``detected`` and ``separate`` with standard errors, their laws, and
        the law of the number of intervals that hold a transition; see
        :func:`slt_toys.barriers.transition_records.recording_study`.
    """
    steps = system.steps_per_epoch * system.epochs
    if not every or min(every) < 1 or max(every) > steps // 3:
        raise ValueError(
            f"every must be recording intervals of 1 to {steps // 3} minibatches, a third of the run, not {every}"
        )
    if chains < 2:
        raise ValueError(f"chains must be at least 2 for a standard error, not {chains}")
    examples = GaussianGradients(barrier_spectrum(system.barriers, 1, SLANT), variance=system.gradient_variance)
    sampler = SGD(system.learning_rate, system.batch_size)
    losses = simulate_losses(
        examples, sampler, n_beta=None, steps=steps, chains=chains, seed=seed, start=START, finish=FINISH
    )
    study = recording_study(examples, sampler, system.temperature, losses, sorted(every), Detector(system.window))
    counts = study[["expected_detected", "expected_separate", "expected_intervals", "resolution"]]
    for name in ("detected", "separate"):
        # A count that is the same in every chain still has the error of one chain that differs.
        deviation = np.maximum(study[name].std("chain", ddof=1), 1 / np.sqrt(chains))
        counts[name], counts[f"{name}_error"] = study[name].mean("chain"), deviation / np.sqrt(chains)
    return counts.assign_attrs(
        study.attrs | {"barriers": system.barriers, "steps_per_epoch": system.steps_per_epoch, "chains": chains}
    )
