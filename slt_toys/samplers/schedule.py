"""Step-size and temperature schedules, kept as runs of equal steps so that memory does not grow with their number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments


@dataclass(frozen=True)
class Segments:
    """Runs of steps with constant step size and temperature."""

    lengths: NDArray[np.int64]  # steps in each run
    step_size: NDArray[np.float64]  # Langevin time per step, for each run
    temperature: NDArray[np.float64]  # 1/n_beta in units of loss, for each run; 0 for a sampler that takes no n_beta

    @property
    def total(self) -> int:
        """Number of steps."""
        return int(self.lengths.sum())

    def cut(self, position: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], int]:
        """Runs that cover ``size`` steps from ``position`` (fewer at the end), as the kernels take them.

        Returns
        -------
        tuple
            Steps, step size and temperature of each run, and the position after them.
        """
        ends = np.cumsum(self.lengths)
        stop = min(position + size, int(ends[-1]))
        first, last = np.searchsorted(ends, [position, stop - 1], side="right")
        kept = slice(first, last + 1)
        edges = np.concatenate([[position], np.minimum(ends[kept], stop)])
        return np.diff(edges), self.step_size[kept], self.temperature[kept], stop

    def time_after(self, steps: ArrayLike) -> NDArray[np.float64]:
        """Langevin time after so many steps."""
        ends = np.concatenate([[0], np.cumsum(self.lengths)])
        times = np.concatenate([[0.0], np.cumsum(self.lengths * self.step_size)])
        return np.interp(np.asarray(steps, dtype=float), ends, times)


@checked_arguments
def segments(step_size: ArrayLike, n_beta: ArrayLike | None, steps: int) -> Segments:
    """Collect equal neighbours of per-step schedules into runs.

    Raises
    ------
    ValueError
        When a schedule has another length than ``steps`` or holds a value that is not positive and finite.
    """
    schedules = {"step_size": np.asarray(step_size, dtype=float)}
    if n_beta is not None:
        schedules["n_beta"] = np.asarray(n_beta, dtype=float)
    for name, values in schedules.items():
        if values.shape not in ((), (steps,)):
            raise ValueError(
                f"{name} must be one number or one for each of the {steps} steps, not shape {values.shape}"
            )
        if not np.isfinite(values).all() or not (values > 0).all():
            raise ValueError(f"{name} must be positive and finite, not {float(values.min()):.3g}")
    if all(values.ndim == 0 for values in schedules.values()):
        changes = np.array([0])
    else:
        full = [np.broadcast_to(values, steps) for values in schedules.values()]
        changes = np.flatnonzero(np.concatenate([[True], np.any([np.diff(v) != 0 for v in full], axis=0)]))
    lengths = np.diff(np.append(changes, steps))
    picked = {
        name: values[changes] if values.ndim else np.full(len(changes), values) for name, values in schedules.items()
    }
    temperature = np.zeros(len(changes)) if n_beta is None else 1.0 / picked["n_beta"]
    return Segments(lengths.astype(np.int64), picked["step_size"], temperature)
