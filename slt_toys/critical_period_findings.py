"""What the critical-period experiment found, and the dataset that its figure shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import beta

from .arm_experiment import Experiment, exact_ends, shares, shift_of_end
from .critical_period_end import CriticalPeriodEnd
from .potentials import PotentialPair
from .shifts import Late
from .switch_protocol import component_pairs
from .verdict import SIGNIFICANCE, Verdict

Array = NDArray[np.float64]
CONFIDENCE = 0.95
LEAST_VARIANCE = 1e-3  # of a stuck indicator, where hardly a run is stuck or free


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything that was computed and sampled.

    Attributes
    ----------
    pair, temperature
        The pair, and the first temperature of its control run.
    experiment
        All arms on the pair.
    exact
        Stuck shares of the same arms and switch epochs from the Fokker-Planck equation, shape (arms, switch epochs).
    worlds
        The same experiment in the simulated worlds.
    shifts, three_phases
        Masses of the phases at the end of runs with other shifts, for the pair and for three phases:
        ``exact``, ``sampled``, ``error`` along (shift, phase).
    windows
        Those of ``shifts`` that are windows of one length.
    """

    pair: PotentialPair
    temperature: float
    experiment: Experiment
    exact: Array
    worlds: tuple[Experiment, ...]
    shifts: xr.Dataset
    three_phases: xr.Dataset
    windows: tuple[Late, ...]

    @property
    def arms(self) -> list[str]:
        """Names, the control first."""
        return [row.arm for row in self.experiment.rows]

    @property
    def switch_epochs(self) -> tuple[int, ...]:
        """In epochs of the control."""
        return self.experiment.world.switch_epochs

    @property
    def stuck_phase(self) -> str:
        """The stuck phase's name in ``shifts``; of a separable pair those of its components."""
        return component_pairs(self.pair)[0].stuck_phase

    @property
    def ends(self) -> tuple[CriticalPeriodEnd, ...]:
        """Exact ends, by arm."""
        return exact_ends(self.switch_epochs, self.exact, self.experiment.world.level)

    @property
    def distances(self) -> Array:
        """Sampled minus exact stuck shares in standard errors, shape (arms, switch epochs)."""
        runs = self.experiment.observations[0].runs
        error = np.sqrt(np.maximum(self.exact * (1 - self.exact), LEAST_VARIANCE) / runs)
        return (shares(self.experiment.observations, self.arms) - self.exact) / error

    @property
    def hypotheses(self) -> list[str]:
        """Their names."""
        return [fit.hypothesis.name for fit in self.experiment.verdict.fits]


# ---- dataset --------------------------------------------------------------------------------------------------------
def dataset_of(found: Findings) -> xr.Dataset:
    """What the figure shows. An end or a shift that is open is nan; its state says on which side."""
    experiment, arms = found.experiment, found.arms
    sampled = shares(experiment.observations, arms)
    runs = experiment.observations[0].runs
    tail, stuck = (1 - CONFIDENCE) / 2, np.round(sampled * runs)
    low, high = beta.ppf(tail, stuck, runs - stuck + 1), beta.ppf(1 - tail, stuck + 1, runs - stuck)
    grid, cell = ("arm", "switch_epoch"), ("arm", "hypothesis")
    rows, ends, moved = experiment.rows, found.ends, experiment.shifts
    predicted = [[row.predicted[name] for name in found.hypotheses] for row in rows]
    epochs = {"units": "epochs of the control"}
    worlds = found.worlds
    return xr.Dataset(
        {
            "stuck_exact": (grid, found.exact),
            "stuck_sampled": (grid, sampled),
            "stuck_low": (grid, np.where(stuck > 0, low, 0.0)),
            "stuck_high": (grid, np.where(stuck < runs, high, 1.0)),
            "end_exact": ("arm", _numbers([end.epoch for end in ends]), epochs),
            "end_sampled": ("arm", _numbers([row.observed.epoch for row in rows]), epochs),
            "end_low": ("arm", _numbers([row.observed.low for row in rows]), epochs),
            "end_high": ("arm", _numbers([row.observed.high for row in rows]), epochs),
            "end_state": ("arm", [row.observed.state for row in rows]),
            "end_exact_state": ("arm", [end.state for end in ends]),
            "end_predicted": (cell, [_numbers([end.epoch for end in row]) for row in predicted], epochs),
            "end_predicted_state": (cell, [[end.state for end in row] for row in predicted]),
            "shift_exact": ("arm", _numbers([shift_of_end(end, ends[0]) for end in ends]), epochs),
            "shift_sampled": ("arm", _numbers([shift.epochs for shift in moved]), epochs),
            "shift_low": ("arm", _numbers([shift.low for shift in moved]), epochs),
            "shift_high": ("arm", _numbers([shift.high for shift in moved]), epochs),
            "shift_predicted": (
                cell,
                [
                    _numbers([shift_of_end(end, first) for end, first in zip(row, predicted[0], strict=True)])
                    for row in predicted
                ],
                epochs,
            ),
            "confounding": ("arm", [arm in experiment.confounding for arm in arms]),
            "p_value": ("hypothesis", _p_values(experiment.verdict)),
            "p_value_confounding": ("hypothesis", _p_values(experiment.confounded, len(found.hypotheses))),
            "world_truth": ("world", [each.world.truth for each in worlds]),
            "world_verdict": ("world", [each.verdict.outcome for each in worlds]),
            "world_verdict_confounding": ("world", [outcome_of(each.confounded) for each in worlds]),
            "world_p_value": (("world", "hypothesis"), [_p_values(each.verdict) for each in worlds]),
            "world_p_value_confounding": (
                ("world", "hypothesis"),
                [_p_values(each.confounded, len(found.hypotheses)) for each in worlds],
            ),
            **{
                f"{name}_{kind}": ((f"{name}_shift", f"{name}_phase"), data[kind].values)
                for name, data in (("pair", found.shifts), ("three", found.three_phases))
                for kind in ("exact", "sampled", "error")
            },
        },
        coords={
            "arm": arms,
            "switch_epoch": list(found.switch_epochs),
            "hypothesis": found.hypotheses,
            "world": [each.world.name for each in worlds],
            **{
                f"{name}_{axis}": data[axis].values
                for name, data in (("pair", found.shifts), ("three", found.three_phases))
                for axis in ("shift", "phase")
            },
        },
        attrs={
            "pair": found.pair.name,
            "stuck_phase": found.stuck_phase,
            "temperature": found.temperature,
            "level": experiment.world.level,
            "significance": SIGNIFICANCE,
            "verdict": experiment.verdict.outcome,
            "verdict_confounding": outcome_of(experiment.confounded),
            "window_onsets": [window.onset_epoch for window in found.windows],
            "window_length": found.windows[0].length,
        },
    )


def _numbers(values: Sequence[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _p_values(verdict: Verdict | None, count: int = 0) -> list[float]:
    return [np.nan] * count if verdict is None else [fit.p_value for fit in verdict.fits]


def outcome_of(verdict: Verdict | None) -> str:
    """The verdict in a word or two, also where there are no arms to judge by."""
    return "no such arms" if verdict is None else verdict.outcome
