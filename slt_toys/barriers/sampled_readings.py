"""Declines sampled from populations whose spectra are known, read as if they were not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..potentials.potential import PotentialPair
from ..protocol.schedule import Ending
from ..protocol.training import Training
from .kernel import BarrierKernel, Method, barrier_kernel
from .population import Population, height_range, sampled_decline
from .readings import DeclineReading, read_barriers

__all__ = ["ratios_within", "read_populations"]


def read_populations(
    pair: PotentialPair,
    training: Training,
    ending: Ending,
    populations: Mapping[str, Population],
    switch_epochs: int,
    *,
    chains: int,
    method: Method,
    cells: int,
    spacing: float,
    seed: int,
    advance: Callable[[float], None],
) -> list[DeclineReading]:
    """Sample each population through switch epochs 0, 1, ... and read its decline, all with one kernel.

    Parameters
    ----------
    pair, training, ending
        Shape of the subsystems and protocol.
    populations
        By what a message calls the options that set them.
    switch_epochs
        How many.
    chains, seed
        Langevin chains of each population.
    method, cells, spacing
        Of the kernel; see :func:`slt_toys.barriers.kernel.barrier_kernel`.
    advance
        Called with the per cent of the work done since the last call: 5 for the kernel, 20 for each population.

    Raises
    ------
    ValueError
        In one line, where a population has barriers that these switch epochs do not show.
    """
    epochs = np.arange(switch_epochs)
    low, high = height_range(pair, training, 0, int(epochs[-1]), ending)
    for option, population in populations.items():
        if not low < population.heights[0] <= population.heights[-1] < high:
            raise ValueError(
                f"{option} must keep barriers between {low:.3g} and {high:.3g}, which these switch epochs show, "
                f"not between {population.heights[0]:.3g} and {population.heights[-1]:.3g}"
            )
    kernel = barrier_kernel(pair, training, epochs, ending, low, high, method=method, cells=cells, spacing=spacing)
    advance(5)
    readings = []
    for number, population in enumerate(populations.values()):
        decline = sampled_decline(
            pair, training, epochs, ending, population, chains=chains, seed=[seed, 1, number],
            advance=lambda share: advance(20 * share),
        )  # fmt: skip
        readings.append(read_barriers(kernel, decline, neighbours_weight=2 / 3, seed=[seed, 0, number]))
    return readings


def ratios_within(kernel: BarrierKernel, centre: float, ratios: Sequence[float]) -> list[float]:
    """Those ratios for which three barriers about the centre lie within what the switch epochs show; at least one."""
    room = min(centre / kernel.lowest, kernel.highest / centre) * (1 - 1e-9)
    return [ratio for ratio in ratios if ratio <= room] or [float(room)]
