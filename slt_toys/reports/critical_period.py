"""What the critical-period experiment amounts to: one dataset of every number, and its claims.

Tables are in :mod:`slt_toys.reports.critical_period_tables`. Arms are the unlike ones: an arm that repeats another's
schedule has no row, and its cells are repeats of that arm's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..fits.ends import CriticalPeriodEnd
from ..fits.resampling import share_interval
from ..potentials.potential import PotentialPair
from ..potentials.printing import energy_text
from ..protocol.components import component_pairs
from ..results.claims import Claim, against_first, inside
from ..results.claims import Verdict as Holds
from ..results.variables import variables
from ..worlds.arm_ends import ArmEnd
from ..worlds.experiment import EndShift, Experiment, exact_ends, shares, shift_of_end
from ..worlds.pair_runs import CONFIDENCE, PairStudy
from ..worlds.shares import ShareVerdict
from ..worlds.verdict import SIGNIFICANCE, Dispersion, Fit, Verdict
from ..worlds.verdict_power import Power
from ..worlds.well_steepness import reshuffling_factors, steepest_of_one_temperature, steepness, well_curvatures
from .critical_period_shares import share_claims, share_variables
from .critical_period_tables import tables
from .critical_period_windows import window_claims

__all__ = ["TITLE", "claims", "dataset", "introduction", "tables"]

LEAST_VARIANCE = 1e-3  # of a stuck indicator, where hardly a run is stuck or free
JUDGED = ("the law's arms", "all arms", "confounding arms")
TOLD = ("definition", "level", "confidence", "method", "repetitions")  # of every end alike

TITLE = "What ends a critical period?"
OF_MORE = """\
A *world* is a simulated problem whose truth is known.
A *window* is a deficit of fixed length that starts late; its *harm* is the stuck mass that it adds. *Learning
coefficients* are followed along the run: of the phase it is in, and as estimates about its state read them."""
PURE = """ The worlds are pure; the table of mixtures shows what is detected where
mechanisms mix."""
INTRODUCTION = """\
A run trains on a *deficit* energy until its *switch epoch* and on the clean energy afterwards. It is *stuck* if it
ends in the phase that the deficit prefers; the *stuck share* is the share of runs that are. The *critical period* ends
at the switch epoch from which half of the runs are stuck.

An *arm* changes one thing in the *control* run: batch size, learning rate, momentum, noise or order of the examples.
*Mechanisms* may decide whether a run is stuck: temperature, *flow time left* (learning rates summed over the clean
epochs), *flow time spent* (over the deficit's epochs), a threshold on the deficit's loss, memory of the start, or none
(a constant share). The verdict gives the *share* of the runs that each decides [eq:mixture-of-mechanisms], with thermal
shares that are exact or by the two-state law [eq:two-state-epoch]; how often it is right is in
[verdict_power.md](../verdict_power.md). Four *hypotheses* of four parameters say that one of them decides alone; a
p-value below 0.01 refutes, by binomial sampling error. *Predictions* come from fits to the control alone.

In *confounding* arms temperature and flow time left are one function [eq:confound]. Every arm is run as SGD's own
steps, from settings that hold no temperature. Arms that break a condition of the law (examples with replacement,
additive noise) are judged apart. An arm that repeats another, by its schedule or by its exact kernel
[eq:sgd-transition-density] [eq:epoch-bridge-step], counts once.{of_more}

Limits: every hypothesis is told a temperature and a duration of each epoch, computed from the settings and from the
variance of the gradients, measured at the switch. So the verdict says which of them decides in these systems, not that
SGD in a network has this temperature."""


def introduction(data: xr.Dataset) -> str:
    """What was asked and how; of worlds and windows only where they were run."""
    more = "world" in data.coords
    return INTRODUCTION.format(of_more=f" {OF_MORE}" * more) + PURE * more


# ---- dataset --------------------------------------------------------------------------------------------------------
def dataset(study: PairStudy, verdicts: Mapping[str, ShareVerdict]) -> xr.Dataset:
    """Every number that is told or drawn. An end or a shift that is open is nan; its state says on which side."""
    in_shares, axes = share_variables(verdicts)
    pair, experiment, exact, shifts = study.pair, study.experiment, study.exact, study.shifts
    world, arms = experiment.world, [row.arm for row in experiment.rows]
    hypotheses = [fit.hypothesis.name for fit in experiment.verdict.fits]
    masses = {} if shifts is None else {"pair": shifts.pair, "three": shifts.three_phases}
    cells: dict[str, Any] = {
        **_stuck_shares(experiment, exact),
        **_ends_of_arms(experiment, exact, hypotheses),
        **_three_ways(study.ends),
        "confounding": ("arm", [arm in experiment.confounding for arm in arms]),
        "beyond": ("arm", [arm in experiment.beyond for arm in arms]),
        **{name: (dims[1:], values[0]) for name, (dims, values) in _verdicts([experiment]).items()},
        **({f"world_{name}": cell for name, cell in _verdicts(study.worlds).items()} if study.worlds else {}),
        **variables(Dispersion, experiment.repeats, [], "repeats_", also=["ratio", "p_value"]),
        **_steepness(pair, experiment, exact),
        **({"world_truth": ("world", [each.world.truth for each in study.worlds])} if study.worlds else {}),
        **(_power(study.power) if study.power else {}),
        **in_shares,
        **{
            f"{name}_{kind}": ((f"{name}_shift", f"{name}_phase"), data[kind].values)
            for name, data in masses.items()
            for kind in ("exact", "sampled", "error")
        },
    }
    coordinates = {
        "arm": arms, "switch_epoch": list(world.switch_epochs), "hypothesis": hypotheses, "judged": list(JUDGED),
        **({"world": [each.world.name for each in study.worlds]} if study.worlds else {}), **axes,
        **{f"{name}_{axis}": data[axis].values for name, data in masses.items() for axis in ("shift", "phase")},
    }  # fmt: skip
    windows = [] if shifts is None else list(shifts.windows.values())
    of_windows = (
        {"window_onsets": [each.onset_epoch for each in windows], "window_length": windows[0].length} if windows else {}
    )
    return xr.Dataset(cells, coordinates).assign_attrs(
        pair=pair.name,
        deficit=energy_text(pair.deficit.bound_energy),
        clean=energy_text(pair.clean.bound_energy),
        stuck_phase=component_pairs(pair)[0].stuck_phase,  # of a separable pair, that of its components
        temperature=study.temperature,
        level=world.level,
        confidence=CONFIDENCE,
        repetitions=experiment.rows[0].observed.repetitions,
        significance=SIGNIFICANCE,
        copies="; ".join(f"{copy} is {original}" for copy, original in experiment.copies.items()),
        **of_windows,
    )


def _end(prefix: str, dims: Sequence[str], ends: Any) -> dict[str, Any]:
    return {} if ends is None else variables(CriticalPeriodEnd, ends, dims, prefix, also=["statement"], skip=TOLD)


def _three_ways(ends: Sequence[ArmEnd]) -> dict[str, Any]:
    """Every arm's end by kernel, by SGD and in the limit, along (solved_arm)."""
    if not ends:
        return {}
    cells: dict[str, Any] = {"solved_arm": [end.arm for end in ends]}
    for name in ("kernel", "sampled", "langevin"):
        cells |= _end(f"solved_{name}_", ["solved_arm"], [getattr(end, name) for end in ends])
    cells |= _end("solved_control_", ["solved_arm"], [end.control for end in ends])
    for name in ("error", "runs", "distance", "redundant_with", "difference", "refusal", "pair"):
        cells[f"solved_{name}"] = ("solved_arm", [getattr(end, name) for end in ends])
    return cells


def _stuck_shares(experiment: Experiment, exact: NDArray[np.float64]) -> dict[str, Any]:
    """Exact and sampled stuck shares, and how far the two are apart in standard errors."""
    grid, runs = ("arm", "switch_epoch"), experiment.observations[0].runs
    sampled = shares(experiment.observations, [row.arm for row in experiment.rows])
    low, high = share_interval(np.round(sampled * runs), runs, CONFIDENCE)
    distance = (sampled - exact) / np.sqrt(np.maximum(exact * (1 - exact), LEAST_VARIANCE) / runs)
    known = distance[np.isfinite(exact).all(axis=1)]
    return {
        "stuck_exact": (grid, exact),
        "stuck_sampled": (grid, sampled),
        "stuck_low": (grid, low),
        "stuck_high": (grid, high),
        "stuck_distance": (grid, distance),
        "distance_root_mean_square": float(np.sqrt((known**2).mean())),
        "distance_largest": float(np.abs(known).max()),
        "distance_count": int(known.size),
    }


def _exact_ends(experiment: Experiment, exact: NDArray[np.float64]) -> list[CriticalPeriodEnd | None]:
    """By arm; None where there are no exact shares."""
    solved, world = [bool(np.isfinite(row).all()) for row in exact], experiment.world
    ends = iter(exact_ends(world.switch_epochs, exact[solved], world.level))
    return [next(ends) if known else None for known in solved]


def _ends_of_arms(experiment: Experiment, exact: NDArray[np.float64], hypotheses: list[str]) -> dict[str, Any]:
    """Ends as they happened and as predicted from the control, and how far each arm moves them."""
    rows, arms, both = experiment.rows, ["arm"], ["arm", "hypothesis"]
    ends = _exact_ends(experiment, exact)
    predicted = [[row.predicted[name] for name in hypotheses] for row in rows]

    def moved(end: CriticalPeriodEnd | None, first: CriticalPeriodEnd | None) -> float:
        shift = None if end is None or first is None else shift_of_end(end, first)
        return math.nan if shift is None else shift

    cells = {
        **_end("end_exact_", arms, ends),
        **_end("end_sampled_", arms, [row.observed for row in rows]),
        **_end("end_predicted_", both, predicted),
        **variables(EndShift, experiment.shifts, arms, "shift_sampled_"),
        "shift_exact": (arms, [moved(end, ends[0]) for end in ends]),
        "shift_predicted": (both, [[moved(*two) for two in zip(row, predicted[0], strict=True)] for row in predicted]),
        "prediction_deviance": (both, [[row.deviances[name] for name in hypotheses] for row in rows]),
    }
    happened = [row.observed if end is None else end for row, end in zip(rows, ends, strict=True)]
    epochs = np.array([math.nan if end.epoch is None else end.epoch for end in happened[1:]])
    misses = np.abs(cells["end_predicted_epoch"][1][1:] - epochs[:, None])
    sides = cells["end_predicted_state"][1][1:] == np.array([end.state for end in happened[1:]])[:, None]
    return cells | {
        "unseen_arms": len(happened) - 1,
        "right_side": ("hypothesis", sides.sum(axis=0)),
        "ends_compared": ("hypothesis", np.isfinite(misses).sum(axis=0)),
        "largest_miss": ("hypothesis", np.fmax.reduce(misses, initial=math.nan)),
    }


def _verdicts(experiments: Sequence[Experiment]) -> dict[str, Any]:
    """Fits by experiment, by the arms judged (the law's, all, the confounding) and by hypothesis."""
    judged = [(each.verdict, each.everything, each.confounded) for each in experiments]
    fits = [[[] if verdict is None else verdict.fits for verdict in row] for row in judged]
    place, none = ["world", "judged"], [[math.nan] * 4] * len(experiments[0].verdict.fits)
    return {
        **variables(Verdict, judged, place, "verdict_"),
        **variables(Fit, fits, [*place, "hypothesis"]),
        "arms_judged": (
            place,
            [[0 if each is None else len({cell.arm for cell in each.observations}) for each in row] for row in judged],
        ),
        "parameters": (
            [*place, "hypothesis", "parameter"],
            np.array([[[fit.parameters for fit in each] or none for each in row] for row in fits]),
        ),
    }


def _steepness(pair: PotentialPair, experiment: Experiment, exact: NDArray[np.float64]) -> dict[str, Any]:
    """Learning rate times the largest curvature of the wells in the control, and where one temperature holds."""
    first = _exact_ends(experiment, exact)[0] or experiment.rows[0].observed
    training, curvatures = experiment.world.training, well_curvatures(pair.clean)
    steepest = float(curvatures[-1])
    return {
        "well_curvature": ("well", curvatures),
        "steepness_first": steepness(training, steepest, 0.0),
        "steepness_at_end": math.nan if first.epoch is None else steepness(training, steepest, first.epoch),
        "steepness_of_one_temperature": steepest_of_one_temperature(),
        "reshuffling_factor": ("end", list(reshuffling_factors(training, curvatures, first.epoch))),
    }


def _power(power: Sequence[Power]) -> dict[str, Any]:
    outcomes = list(dict.fromkeys(name for each in power for name in each.outcomes))
    counts = [[each.outcomes.get(name, 0) for name in outcomes] for each in power]
    return {
        **variables(Power, power, ["mixture"], "power_"),
        "power_verdicts": (("mixture", "outcome"), counts),
        "outcome": outcomes,
    }


# ---- claims ---------------------------------------------------------------------------------------------------------
def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """At most eight, those that come out against the law first."""
    return against_first(
        [_reshuffled(data), *window_claims(data), *_worlds(data), *_detected(data), *share_claims(data)]
    )


def _holds(part: xr.Dataset, expected: str) -> Holds:
    """Whether the sampled end's interval holds another end; "no" where the two lie on different sides."""
    if str(part[f"{expected}_state"].values) != str(part["end_sampled_state"].values):
        return "no"
    low, high = (float(part[f"end_sampled_{end}"]) for end in ("low", "high"))
    return inside(float(part[f"{expected}_epoch"]), low, high)


def _end_claim(name: str, sentence: str, part: xr.Dataset, expected: str) -> Claim:
    """A claim that a sampled end is the expected one."""
    low, high, value = (float(part[f"end_sampled_{field}"]) for field in ("low", "high", "epoch"))
    return Claim.of(name, sentence, value, (low, high), float(part[f"{expected}_epoch"]), _holds(part, expected))


def _reshuffled(data: xr.Dataset) -> Claim:
    if "reshuffled" not in data["arm"].values:
        sentence = "Reshuffled examples were not run: SGD's own steps are unstable in these wells, or too few."
        return Claim("end-when-reshuffled", sentence, None, None, None, "cannot tell")
    part = data.sel(arm="reshuffled", hypothesis="temperature")
    sentence = (
        f"Temperature predicts the end of the {part['arm'].item()} arm: {part['end_predicted_statement'].item()} "
        f"predicted, {part['end_sampled_statement'].item()} sampled."
    )
    return _end_claim("end-when-reshuffled", sentence, part, "end_predicted")


def _worlds(data: xr.Dataset) -> list[Claim]:
    if "world" not in data.coords:
        return []
    right = int((data["world_truth"] == data["world_verdict_outcome"].isel(judged=0)).sum())
    count = data.sizes["world"]
    sentence = f"The verdict names the truth in every simulated world: in {right} of {count}."
    return [Claim("worlds-judged-rightly", sentence, right, None, count, "yes" if right == count else "no")]


def _detected(data: xr.Dataset) -> list[Claim]:
    if "mixture" not in data.dims:
        return []
    told = []
    for percent in (10,):
        mixed = data.isel(mixture=[f", {percent} % " in str(name) for name in data["power_world"].values])
        hits, count = int(mixed["power_refuted"].sum()), int(mixed["power_seeds"].sum())
        low, high = map(float, share_interval(hits, count, CONFIDENCE))
        sentence = (
            f"The verdict always detects {percent} % of another mechanism: it refutes temperature in {hits} of {count} "
            "sets of counts."
        )
        holds = "yes" if hits == count else "no"
        told.append(Claim(f"power-at-{percent}-per-cent", sentence, hits / count, (low, high), 1.0, holds))
    return told
