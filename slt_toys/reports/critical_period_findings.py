"""What the critical-period experiment found, and the dataset that its figure shows.

Arms are the unlike ones: an arm that repeats another's schedule is in no table, and its cells are repeats of that
arm's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import beta

from ..fits.ends import CriticalPeriodEnd
from ..potentials.potential import PotentialPair
from ..protocol.components import component_pairs
from ..protocol.shifts import Late
from ..reference.laws import law
from ..worlds.experiment import Experiment, exact_ends, shares, shift_of_end
from ..worlds.verdict import SIGNIFICANCE, Row, Verdict
from ..worlds.verdict_power import Power

Array = NDArray[np.float64]
CONFIDENCE = 0.95
LEAST_VARIANCE = 1e-3  # of a stuck indicator, where hardly a run is stuck or free
ONE_TEMPERATURE = 0.05  # a well this much hotter than the law's temperature has another


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
        Stuck shares of its unlike arms and switch epochs from the Fokker-Planck equation, shape (arms, switch epochs);
        not a number for arms beyond the law, which it does not cover.
    as_sgd
        End of the control run as SGD's own steps, with replacement; None where the world makes none.
    power
        How often mixtures of temperature with something else are refuted.
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
    as_sgd: CriticalPeriodEnd | None
    power: tuple[Power, ...]
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
    def solved(self) -> NDArray[np.bool_]:
        """Which arms have exact shares."""
        return np.asarray(np.isfinite(self.exact).all(axis=1), dtype=np.bool_)

    @property
    def ends(self) -> tuple[CriticalPeriodEnd | None, ...]:
        """Exact ends, by arm; None where there are no exact shares."""
        found = iter(exact_ends(self.switch_epochs, self.exact[self.solved], self.experiment.world.level))
        return tuple(next(found) if solved else None for solved in self.solved)

    @property
    def happened(self) -> tuple[CriticalPeriodEnd, ...]:
        """What happened to the end in each arm: exactly, or as sampled where there are no exact shares."""
        return tuple(row.observed if end is None else end for row, end in zip(self.rows, self.ends, strict=True))

    @property
    def rows(self) -> tuple[Row, ...]:
        """Arm by arm, with predictions from the control alone."""
        return self.experiment.rows

    @property
    def distances(self) -> Array:
        """Sampled minus exact stuck shares in standard errors, shape (arms with exact shares, switch epochs)."""
        runs, exact = self.experiment.observations[0].runs, self.exact[self.solved]
        error = np.sqrt(np.maximum(exact * (1 - exact), LEAST_VARIANCE) / runs)
        arms = [arm for arm, solved in zip(self.arms, self.solved, strict=True) if solved]
        return (shares(self.experiment.observations, arms) - exact) / error

    @property
    def well_curvatures(self) -> Array:
        """Curvatures of the clean energy at its minima, in increasing order."""
        found = []
        for part in (self.pair.clean.component(k) for k in range(len(self.pair.clean.components()))):
            minima = np.array([part.minimum_point(k) for k in range(len(part.phases))])
            found.append(np.linalg.eigvalsh(part.hessian_function()(minima)).ravel())
        return np.sort(np.concatenate(found))

    def steepness(self, epoch: float) -> float:
        """Learning rate times the largest curvature of the wells, in the control at an epoch."""
        rate = float(np.asarray(self.experiment.world.training.learning_rate_at(np.array([epoch])))[0])  # type: ignore[arg-type]
        return rate * float(self.well_curvatures[-1])

    @property
    def steepest_of_one_temperature(self) -> float:
        """Learning rate times curvature at which a well is 5 % hotter than the law [eq:sgd-temperature-quadratic]."""

        def excess(steepness: float) -> float:
            hotter = law("sgd-temperature-quadratic")(
                temperature=1.0, learning_rate=steepness, momentum=0.0, curvature=1.0
            )
            return float(hotter) - 1 - ONE_TEMPERATURE

        return float(brentq(excess, 1e-9, 1.0))  # type: ignore[arg-type]

    @property
    def reshuffling_factors(self) -> tuple[float, float] | None:
        """Least and largest factor on the temperature of the wells, if examples are reshuffled, from epoch 0 to the
        end.

        [eq:reshuffling-temperature-factor]; None where a well is flat or there is no end.
        """
        training, end, curvatures = self.experiment.world.training, self.happened[0].epoch, self.well_curvatures
        if end is None or curvatures[0] <= 0:
            return None
        rates = np.asarray(training.learning_rate_at(np.array([0.0, end])), dtype=float)  # type: ignore[arg-type]
        steps = round(training.dataset_size / training.batch_size)
        factors = [
            float(law("reshuffling-temperature-factor")(learning_rate=rate, curvature=one, steps_per_epoch=steps))
            for rate in rates
            for one in (curvatures[0], curvatures[-1])
        ]
        return min(factors), max(factors)

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
    epochs_of = [None if end is None else end.epoch for end in ends]
    moved_by = [None if end is None or ends[0] is None else shift_of_end(end, ends[0]) for end in ends]
    predicted = [[row.predicted[name] for name in found.hypotheses] for row in rows]
    epochs = {"units": "epochs of the control"}
    worlds = found.worlds
    return xr.Dataset(
        {
            "stuck_exact": (grid, found.exact),
            "stuck_sampled": (grid, sampled),
            "stuck_low": (grid, np.where(stuck > 0, low, 0.0)),
            "stuck_high": (grid, np.where(stuck < runs, high, 1.0)),
            "end_exact": ("arm", _numbers(epochs_of), epochs),
            "end_sampled": ("arm", _numbers([row.observed.epoch for row in rows]), epochs),
            "end_low": ("arm", _numbers([row.observed.low for row in rows]), epochs),
            "end_high": ("arm", _numbers([row.observed.high for row in rows]), epochs),
            "end_state": ("arm", [row.observed.state for row in rows]),
            "end_exact_state": ("arm", ["" if end is None else end.state for end in ends]),
            "end_predicted": (cell, [_numbers([end.epoch for end in row]) for row in predicted], epochs),
            "end_predicted_state": (cell, [[end.state for end in row] for row in predicted]),
            "shift_exact": ("arm", _numbers(moved_by), epochs),
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
            "beyond": ("arm", [arm in experiment.beyond for arm in arms]),
            "p_value": ("hypothesis", _p_values(experiment.verdict)),
            "p_value_everything": ("hypothesis", _p_values(experiment.everything, len(found.hypotheses))),
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
            "verdict_everything": outcome_of(experiment.everything),
            "copies": "; ".join(f"{copy} is {original}" for copy, original in experiment.copies.items()),
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
