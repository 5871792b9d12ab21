"""Temperature schedules: inverse temperatures for each step of an annealed run."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments

SHAPES = ("geometric", "linear", "linear_temperature")


@checked_arguments(finite=False)
def annealing_schedule(
    first: float,
    last: float,
    steps: int,
    shape: Literal["geometric", "linear", "linear_temperature"] = "geometric",
    plateaus: int | None = None,
) -> NDArray[np.float64]:
    """Inverse temperatures that lead from one to another, for ``n_beta`` of :func:`slt_toys.samplers.sample`.

    Parameters
    ----------
    first, last
        n_beta on the first and on the last plateau, positive, in units of 1/loss; rising or falling.
    steps
        Length of the schedule.
    shape
        ``"geometric"``: equal factors (what a learning rate that decays by a constant factor gives); ``"linear"``:
        equal differences of n_beta; ``"linear_temperature"``: equal differences of 1/n_beta.
    plateaus
        Number of levels, each held for an equal number of steps to within one; default: every step has its own. Few
        levels cost the engine less.

    Returns
    -------
    ndarray
        Shape (steps,).

    Raises
    ------
    ValueError
        In one line, for values that are not positive, an unknown shape, or more plateaus than steps.
    """
    for name, value in (("first", first), ("last", last)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive and finite, an inverse temperature, not {value}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    levels = steps if plateaus is None else plateaus
    if not 1 <= levels <= steps:
        raise ValueError(f"plateaus must lie between 1 and steps = {steps}, not {plateaus}")
    if shape == "geometric":
        values = np.geomspace(first, last, levels)
    elif shape == "linear":
        values = np.linspace(first, last, levels)
    elif shape == "linear_temperature":
        values = 1 / np.linspace(1 / first, 1 / last, levels)
    else:
        raise ValueError(f"shape must be one of {', '.join(SHAPES)}, not {shape!r}")
    return values[np.arange(steps) * levels // steps]
