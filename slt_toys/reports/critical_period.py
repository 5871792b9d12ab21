"""What the critical-period experiment amounts to: one dataset of every number, and its claims.

Tables are in :mod:`slt_toys.reports.critical_period_tables`. Arms are the unlike ones: an arm that repeats another's
schedule has no row, and its cells are repeats of that arm's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import beta

from ..fits.ends import CriticalPeriodEnd
from ..potentials.potential import PotentialPair
from ..protocol.components import component_pairs
from ..results.claims import Claim, Verdict
from ..worlds.experiment import Experiment, exact_ends, shares, shift_of_end
from ..worlds.pair_runs import ShiftStudy
from ..worlds.verdict import CANNOT_TELL, SIGNIFICANCE
from ..worlds.verdict_power import Power
from ..worlds.well_steepness import reshuffling_factors, steepest_of_one_temperature, steepness, well_curvatures
from .critical_period_tables import JUDGED, chance, end_of, power_of_mixtures, tables

__all__ = ["CONFIDENCE", "INTRODUCTION", "TITLE", "claims", "dataset", "tables"]

CONFIDENCE = 0.95
LEAST_VARIANCE = 1e-3  # of a stuck indicator, where hardly a run is stuck or free
EPOCHS = {"units": "epochs of the control"}
SAMPLED = ("low", "high", "standard_error", "censored_share")

TITLE = "What ends a critical period?"
INTRODUCTION = """\
A run trains on a *deficit* energy until its *switch epoch* and on the clean energy afterwards. It is *stuck* if it
ends in the phase that the deficit prefers; the *stuck share* is the share of runs that are. The *critical period* ends
at the switch epoch from which half of the runs are stuck.

An *arm* changes one thing in the *control* run: batch size, learning rate, momentum, noise or order of the examples.
Four *hypotheses* say what decides whether a run is stuck: temperature (two states with a barrier), *flow time left*
(learning rates summed over the clean epochs), *flow time spent* (over the deficit's epochs), and a threshold on the
deficit's loss. Each has four parameters. The *verdict* names the hypothesis that alone survives the stuck counts of
all unlike arms. A p-value below 0.01 refutes, by binomial sampling error; nothing is allowed for idealisation.
*Predictions* come from fits to the control alone.

In *confounding* arms temperature and flow time left are one function [eq:confound]. The *reshuffled* arm breaks a
condition of the law, examples with replacement; it is run as SGD's own steps and judged apart. An arm that repeats the
schedule of another counts once. A *world* is a simulated problem whose truth is known. A *window* is a deficit of
fixed length that starts late.

Limits: every hypothesis is handed the temperature and duration of each epoch, the numbers that made the data. So the
verdict says which of them decides in a Langevin system, not that SGD in a network has this temperature. Arms are run
in the limit of small steps. The worlds are pure; the table of mixtures shows what is detected where mechanisms mix."""


# ---- dataset --------------------------------------------------------------------------------------------------------
def dataset(
    pair: PotentialPair,
    temperature: float,
    experiment: Experiment,
    exact: NDArray[np.float64],
    as_sgd: CriticalPeriodEnd | None,
    power: Sequence[Power],
    worlds: Sequence[Experiment],
    shifts: ShiftStudy,
) -> xr.Dataset:
    """Every number that is told or drawn. An end or a shift that is open is nan; its state says on which side.

    Parameters
    ----------
    pair, temperature
        The pair, and the first temperature of its control run.
    experiment
        All arms on the pair.
    exact
        Stuck shares of its unlike arms, shape (arms, switch epochs); nan for arms beyond the law.
    as_sgd
        End of the control as SGD's own steps; None where the world makes none.
    power
        How often mixtures of temperature with something else are refuted.
    worlds
        The same experiment in the simulated worlds.
    shifts
        Runs with other shifts than one switch.
    """
    rows, world = experiment.rows, experiment.world
    hypotheses = [fit.hypothesis.name for fit in experiment.verdict.fits]
    solved: NDArray[np.bool_] = np.asarray(np.isfinite(exact).all(axis=1), dtype=np.bool_)
    ends = iter(exact_ends(world.switch_epochs, exact[solved], world.level))
    exact_end = [next(ends) if one else None for one in solved]
    happened = [row.observed if end is None else end for row, end in zip(rows, exact_end, strict=True)]
    predicted = [[row.predicted[name] for name in hypotheses] for row in rows]
    verdicts = {name: (dims[1:], values[0]) for name, (dims, values) in _verdicts([experiment]).items()}
    outcomes = list(dict.fromkeys(name for each in power for name in each.outcomes))
    variables: dict[str, Any] = {
        **_stuck_shares(experiment, exact, solved),
        **_ends("end_exact", ("arm",), exact_end),
        **_ends("end_sampled", ("arm",), [row.observed for row in rows], SAMPLED),
        **_ends("end_predicted", ("arm", "hypothesis"), predicted),
        **_ends("end_as_sgd", (), as_sgd, SAMPLED),
        **_shifts_of_the_end(experiment, exact_end, predicted),
        "prediction_deviance": (("arm", "hypothesis"), [[row.deviances[name] for name in hypotheses] for row in rows]),
        **_predictions(happened, predicted),
        "confounding": ("arm", [row.arm in experiment.confounding for row in rows]),
        "beyond": ("arm", [row.arm in experiment.beyond for row in rows]),
        **verdicts,
        **_repeats(experiment),
        **_steepness(pair, experiment, happened[0].epoch),
        **{f"world_{name}": cells for name, cells in _verdicts(worlds).items()},
        "world_truth": ("world", [each.world.truth for each in worlds]),
        "power_refuted": ("mixture", [each.refuted for each in power]),
        "power_largest_p_value": ("mixture", [each.largest_p_value for each in power]),
        "power_verdicts": (
            ("mixture", "outcome"),
            [[each.outcomes.get(name, 0) for name in outcomes] for each in power],
        ),
        **{
            f"{name}_{kind}": ((f"{name}_shift", f"{name}_phase"), data[kind].values)
            for name, data in (("pair", shifts.pair), ("three", shifts.three_phases))
            for kind in ("exact", "sampled", "error")
        },
    }
    if not power:
        variables = {name: cells for name, cells in variables.items() if not name.startswith("power_")}
    coordinates = {
        "arm": [row.arm for row in rows],
        "switch_epoch": list(world.switch_epochs),
        "hypothesis": hypotheses,
        "judged": list(JUDGED),
        "world": [each.world.name for each in worlds],
        **({"mixture": [each.world for each in power], "outcome": outcomes} if power else {}),
        **{
            f"{name}_{axis}": data[axis].values
            for name, data in (("pair", shifts.pair), ("three", shifts.three_phases))
            for axis in ("shift", "phase")
        },
    }
    attributes = {
        "pair": pair.name,
        "deficit": str(pair.deficit.bound_energy),
        "clean": str(pair.clean.bound_energy),
        # of a separable pair, the phase of its components
        "stuck_phase": component_pairs(pair)[0].stuck_phase,
        "temperature": temperature,
        "level": world.level,
        "confidence": CONFIDENCE,
        "repetitions": rows[0].observed.repetitions,
        "significance": SIGNIFICANCE,
        "makes_steps": int(world.makes_steps),
        "copies": "; ".join(f"{copy} is {original}" for copy, original in experiment.copies.items()),
        "window_onsets": [window.onset_epoch for window in shifts.windows.values()],
        "window_length": next(iter(shifts.windows.values())).length,
    }
    return xr.Dataset(variables, coordinates, attributes)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _ends(name: str, dims: tuple[str, ...], ends: Any, further: Sequence[str] = ()) -> dict[str, Any]:
    """Epoch, bound, state and more of ends, nested as the dimensions are; no end has the state ``""``."""

    def each(read: Callable[[CriticalPeriodEnd | None], Any], part: Any) -> Any:
        return [each(read, one) for one in part] if isinstance(part, list) else read(part)

    fields = {name: "epoch", **{f"{name}_{field}": field for field in ("bound", *further)}}
    cells = {
        key: (
            dims,
            each(lambda end, field=field: np.nan if end is None else _number(getattr(end, field)), ends),
            EPOCHS,
        )
        for key, field in fields.items()
    }
    return cells | {f"{name}_state": (dims, each(lambda end: "" if end is None else end.state, ends))}


def _stuck_shares(experiment: Experiment, exact: NDArray[np.float64], solved: NDArray[np.bool_]) -> dict[str, Any]:
    """Exact and sampled stuck shares, and how far the two are apart in standard errors."""
    grid, runs = ("arm", "switch_epoch"), experiment.observations[0].runs
    sampled = shares(experiment.observations, [row.arm for row in experiment.rows])
    tail, stuck = (1 - CONFIDENCE) / 2, np.round(sampled * runs)
    low, high = beta.ppf(tail, stuck, runs - stuck + 1), beta.ppf(1 - tail, stuck + 1, runs - stuck)
    error = np.sqrt(np.maximum(exact * (1 - exact), LEAST_VARIANCE) / runs)
    distance = (sampled - exact) / error
    return {
        "stuck_exact": (grid, exact),
        "stuck_sampled": (grid, sampled),
        "stuck_low": (grid, np.where(stuck > 0, low, 0.0)),
        "stuck_high": (grid, np.where(stuck < runs, high, 1.0)),
        "stuck_distance": (grid, distance),
        "distance_root_mean_square": float(np.sqrt((distance[solved] ** 2).mean())),
        "distance_largest": float(np.abs(distance[solved]).max()),
        "distance_count": int(distance[solved].size),
    }


def _shifts_of_the_end(
    experiment: Experiment, exact: Sequence[CriticalPeriodEnd | None], predicted: list[list[CriticalPeriodEnd]]
) -> dict[str, Any]:
    first, moved = exact[0], experiment.shifts
    return {
        "shift_exact": (
            "arm",
            [_number(None if end is None or first is None else shift_of_end(end, first)) for end in exact],
            EPOCHS,
        ),
        "shift_sampled": ("arm", [_number(shift.epochs) for shift in moved], EPOCHS),
        "shift_low": ("arm", [_number(shift.low) for shift in moved], EPOCHS),
        "shift_high": ("arm", [_number(shift.high) for shift in moved], EPOCHS),
        "shift_predicted": (
            ("arm", "hypothesis"),
            [[_number(shift_of_end(end, at)) for end, at in zip(row, predicted[0], strict=True)] for row in predicted],
            EPOCHS,
        ),
    }


def _predictions(happened: list[CriticalPeriodEnd], predicted: list[list[CriticalPeriodEnd]]) -> dict[str, Any]:
    """How each hypothesis, fitted to the control, does in the other arms."""
    sides, compared, largest = [], [], []
    for ends in zip(*predicted[1:], strict=True):
        pairs = list(zip(ends, happened[1:], strict=True))
        sides.append(sum(one.state == end.state for one, end in pairs))
        misses = [abs(one.epoch - end.epoch) for one, end in pairs if one.epoch is not None and end.epoch is not None]
        compared.append(len(misses))
        largest.append(max(misses, default=np.nan))
    return {
        "unseen_arms": len(happened) - 1,
        "right_side": ("hypothesis", sides),
        "ends_compared": ("hypothesis", compared),
        "largest_miss": ("hypothesis", largest, EPOCHS),
    }


def _verdicts(experiments: Sequence[Experiment]) -> dict[str, Any]:
    """Fits by experiment, by the arms judged (the law's, all, the confounding) and by hypothesis."""
    judged = [(each.verdict, each.everything, each.confounded) for each in experiments]
    count = len(experiments[0].verdict.fits)
    most = max(fit.parameters.size for fit in experiments[0].verdict.fits)

    def cells(read: Callable[[Any], Any], missing: Any) -> list[list[Any]]:
        return [[missing if verdict is None else read(verdict) for verdict in row] for row in judged]

    place, by_hypothesis = ("world", "judged"), ("world", "judged", "hypothesis")
    none = [np.nan] * count
    return {
        "verdict": (place, cells(lambda verdict: verdict.outcome, "no such arms")),
        "arms_judged": (place, cells(lambda verdict: len({each.arm for each in verdict.observations}), 0)),
        "degrees_of_freedom": (place, cells(lambda verdict: verdict.fits[0].degrees_of_freedom, 0)),
        "p_value": (by_hypothesis, cells(lambda verdict: [fit.p_value for fit in verdict.fits], none)),
        "deviance": (by_hypothesis, cells(lambda verdict: [fit.deviance for fit in verdict.fits], none)),
        "parameters": (
            (*by_hypothesis, "parameter"),
            cells(lambda verdict: [fit.parameters.tolist() for fit in verdict.fits], [[np.nan] * most] * count),
        ),
    }


def _repeats(experiment: Experiment) -> dict[str, Any]:
    repeats = experiment.repeats
    names = ("chi_square", "degrees_of_freedom", "ratio", "p_value")
    return {f"repeats_{name}": np.nan if repeats is None else float(getattr(repeats, name)) for name in names}


def _steepness(pair: PotentialPair, experiment: Experiment, end: float | None) -> dict[str, Any]:
    """Learning rate times the largest curvature of the wells in the control, and where one temperature holds."""
    training, curvatures = experiment.world.training, well_curvatures(pair.clean)
    steepest = float(curvatures[-1])
    return {
        "well_curvature": ("well", curvatures),
        "steepness_first": steepness(training, steepest, 0.0),
        "steepness_at_end": np.nan if end is None else steepness(training, steepest, end),
        "steepness_of_one_temperature": steepest_of_one_temperature(),
        "reshuffling_factor": ("end", list(reshuffling_factors(training, curvatures, end))),
    }


# ---- claims ---------------------------------------------------------------------------------------------------------
def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """At most eight, those that come out against the law first."""
    told = [
        *_reshuffled(data), _window(data), _worlds(data), *_power(data), _survives(data), _confounded(data),
        _control(data),
    ]  # fmt: skip
    return tuple(sorted(told, key=lambda claim: claim.verdict != "no"))


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _inside(value: float | None, low: float | None, high: float | None, same_side: bool) -> Verdict:
    """Whether a number lies in an interval; without the number, whether both are on one side of the switch epochs."""
    if value is None or (low is None and high is None):
        return "cannot tell" if same_side else "no"
    if (low is not None and value < low) or (high is not None and value > high):
        return "no"
    return "cannot tell" if low is None or high is None else "yes"


def _reshuffled(data: xr.Dataset) -> list[Claim]:
    if not data["beyond"].any():
        sentence = "Reshuffled examples were not run: SGD's own steps are unstable in these wells, or too few."
        return [Claim("end-when-reshuffled", sentence, None, None, None, "cannot tell")]
    arm = data.isel(arm=int(np.flatnonzero(data["beyond"].values)[0])).sel(hypothesis="temperature")
    low, high = _finite(arm["end_sampled_low"]), _finite(arm["end_sampled_high"])
    expected = _finite(arm["end_predicted"])
    same = str(arm["end_predicted_state"].values) == str(arm["end_sampled_state"].values)
    sentence = (
        f"Temperature predicts the end of the {arm['arm'].item()} arm: {end_of(arm, 'end_predicted')} predicted, "
        f"{end_of(arm, 'end_sampled')} sampled."
    )
    verdict = _inside(expected, low, high, same)
    return [Claim("end-when-reshuffled", sentence, _finite(arm["end_sampled"]), (low, high), expected, verdict)]


def _window(data: xr.Dataset) -> Claim:
    onsets = np.atleast_1d(data.attrs["window_onsets"]).tolist()
    stuck = data["pair_exact"].sel(pair_phase=data.attrs["stuck_phase"])
    peak = max(onsets, key=lambda onset: float(stuck.sel(pair_shift=f"window at {onset}")))
    sentence = (
        f"The earliest deficit window leaves most runs stuck, as in Achille et al. (2019): here the one from epoch "
        f"{peak} does."
    )
    return Claim("worst-window-first", sentence, peak, None, onsets[0], "yes" if peak == onsets[0] else "no")


def _worlds(data: xr.Dataset) -> Claim:
    right = int((data["world_truth"] == data["world_verdict"].isel(judged=0)).sum())
    count = data.sizes["world"]
    sentence = f"The verdict names the truth in every simulated world: in {right} of {count}."
    return Claim("worlds-judged-rightly", sentence, right, None, count, "yes" if right == count else "no")


def _power(data: xr.Dataset) -> list[Claim]:
    if "mixture" not in data.dims:
        return []
    told = []
    for portion in (10, 20):
        refuted = power_of_mixtures(data, portion)
        count = refuted.size * int(data.attrs["power_seeds"])
        tail, hits = (1 - CONFIDENCE) / 2, int(refuted.sum())
        low = float(beta.ppf(tail, hits, count - hits + 1)) if hits else 0.0
        high = float(beta.ppf(1 - tail, hits + 1, count - hits)) if hits < count else 1.0
        sentence = (
            f"The verdict always detects {portion} % of another mechanism: it refutes temperature in {hits} of {count} "
            "sets of counts."
        )
        verdict = "yes" if hits == count else "no"
        told.append(Claim(f"power-at-{portion}-per-cent", sentence, hits / count, (low, high), 1.0, verdict))
    return told


def _survives(data: xr.Dataset) -> Claim:
    law = data.isel(judged=0)
    p_value, outcome = float(law["p_value"].sel(hypothesis="temperature")), str(law["verdict"].values)
    verdict: Verdict = "yes" if outcome == "temperature" else "cannot tell" if outcome == CANNOT_TELL else "no"
    sentence = (
        f"Temperature alone survives in the {int(law['arms_judged'])} arms within the law's conditions: "
        f"{chance(p_value)}, verdict {outcome}."
    )
    return Claim("temperature-survives", sentence, p_value, None, None, verdict)


def _confounded(data: xr.Dataset) -> Claim:
    alone = data.isel(judged=2)
    count, outcome = int(alone["arms_judged"]), str(alone["verdict"].values)
    left = _finite(alone["p_value"].sel(hypothesis="flow time left"))
    if left is None:
        sentence = "No arm confounds temperature with flow time left under this schedule."
        return Claim("confounding-arms-decide", sentence, None, None, None, "cannot tell")
    p_value = float(alone["p_value"].sel(hypothesis="temperature"))
    sentence = (
        f"The {count} confounding arms tell temperature from flow time left: {chance(p_value)} and {chance(left)}."
    )
    verdict: Verdict = "cannot tell" if outcome == CANNOT_TELL else "yes" if outcome == "temperature" else "no"
    return Claim("confounding-arms-decide", sentence, left, None, None, verdict)


def _control(data: xr.Dataset) -> Claim:
    control = data.isel(arm=0)
    low, high = _finite(control["end_sampled_low"]), _finite(control["end_sampled_high"])
    expected = _finite(control["end_exact"])
    same = str(control["end_exact_state"].values) == str(control["end_sampled_state"].values)
    sentence = (
        f"The sampled end of the control is the exact one: {end_of(control, 'end_sampled')} sampled, "
        f"{end_of(control, 'end_exact')} exact."
    )
    verdict = _inside(expected, low, high, same)
    return Claim("control-end", sentence, _finite(control["end_sampled"]), (low, high), expected, verdict)
