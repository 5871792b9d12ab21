"""Whether draws can be trusted: each quantity's R-hat, effective sample size and error, and a verdict in one line.

The functions of arrays are in :mod:`slt_toys.samplers.statistics` and :mod:`slt_toys.samplers.phase_trips`. What the
verdict rests on:

- R-hat, so that chains agree with each other and their first halves with their second ones;
- effective sample sizes, so that there are enough draws for R-hat and the standard errors to be believed;
- phases left and entered often enough (:mod:`slt_toys.samplers.phase_evidence`). Chains that all sit in one phase agree
  with each other, so R-hat finds nothing amiss;
- no drift. Thousands of chains have so small a standard error that a start R-hat cannot see outweighs it;
- the step's bias, by the scheme's law (:mod:`slt_toys.samplers.step_bias`), else by draws of half the step;
- exact means, where one or two coupled coordinates let a grid have them (:mod:`slt_toys.exact.means`).

The last two need to know what the draws are of: the attributes ``n_beta``, ``scheme`` and ``time_step`` that
:func:`slt_toys.samplers.sample` writes. Trusted means are within 4.5 standard errors of the exact
ones as far as all this can tell. A step's bias is doubted from two standard errors on where it is more than a hundredth
of T in the energy (of a standard deviation in other quantities), and from 4.5 on in any case.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from .phase_trips import phase_round_trips, phase_transitions
from .references import (
    Judged,
    Reference,
    bias_unknown,
    biased,
    least_effective,
    of_references,
    off,
    reference,
    worst_of,
)
from .statistics import FEWEST_DRAWS_R_HAT, MANY_CHAINS, drift, summarise

Array = NDArray[np.float64]

# The limit of Vehtari et al. 2021; 1.1, usual before, lets four chains through whose means are off by 0.46 standard
# deviations.
LARGEST_R_HAT = 1.01
# Of a hundred chains R-hat is known to a tenth of its distance from 1, and the drift between halves to the precision of
# the mean itself. Then it is enough that half a chain forgets where it began: R-hat 1.1 is 1 / (1.1² - 1), about five,
# effective draws in each half. Thousands of short chains, whose R-hat only says that each is short, are served by this.
LARGEST_R_HAT_OF_MANY = 1.1
# 50 for each half of four chains, likewise: fewer leave the variances in R-hat and in the errors unsure. It is a total
# here, for more chains only make the variance between chains surer.
LEAST_EFFECTIVE_SAMPLE_SIZE = 400
# Five standard errors: a stationary run is taken for a drifting one once in 1.7 million quantities.
DRIFT_PROBABILITY = 5.7e-7
FEWEST_CHAINS_FOR_DRIFT = 8  # fewer may all move by the same amount by chance where values are few
LOWEST_ACCEPTANCE = 0.05  # most of the work is wasted, and a chain in a corner may never get out
HIGHEST_ACCEPTANCE = 0.99  # steps are far below the width of the wells
UNKNOWN_BIAS = "no law gives the step bias of"
LOWEST_SWAP_ACCEPTANCE = 0.05  # the temperatures on the two sides hardly talk to each other

# Bounds of the work: a quarter of a second on one core.
JUDGED_NUMBERS = 500_000  # of all quantities together
JUDGED_COORDINATES = 32
JUDGED_PHASES = 16
LEAST_JUDGED = 20_000  # draws of each quantity, however many there are
LEAST_JUDGED_CHAINS = 16


@checked_arguments(finite=False)
def diagnose(draws: xr.Dataset, potential: Potential, half_step: xr.Dataset | None = None) -> xr.Dataset:
    """Judge draws from one distribution, such as :func:`slt_toys.samplers.sample` gives at a fixed temperature.

    Parameters
    ----------
    draws
        Variable ``w`` (chain, draw, coordinate); ``acceptance`` (chain, ...) and ``swap_acceptance`` (chain, pair) are
        looked at where they are. All draws are judged: a start that still shows counts against them. Attributes
        ``n_beta``, ``scheme`` and ``time_step``, as :func:`slt_toys.samplers.sample` writes them, say what the draws
        are of; without them neither the step's bias nor exact means are looked at.
    potential
        What was sampled: its energy and its phases are judged beside the coordinates.
    half_step
        Draws of the same run at half the step: they measure the step's bias where there is no law.

    Returns
    -------
    xarray.Dataset
        Along ``quantity`` (the coordinates, ``energy`` and, where there are several phases, ``phase <name>``: the share
        of draws in it): ``mean``, its ``monte_carlo_standard_error``, ``r_hat``, ``bulk_effective_sample_size``,
        ``tail_effective_sample_size`` and ``drift`` as the functions of these names define them. With several phases
        also ``phase_transitions`` and ``phase_round_trips`` (from the phase a chain is first seen in to any other and
        back), summed over chains; where they are known ``exact_mean`` and ``step_bias``. Attribute ``verdict``: one
        line that begins with "trust", "do not trust" or "cannot judge". Attribute ``judged``: which draws this rests
        on; of a large result it is some chains, picked at random but the same every time, if need be every k-th draw,
        and of many coordinates 32 evenly spaced ones. Numbers are those of this part, so that sample sizes are too
        small and errors too large for the whole.

    Raises
    ------
    ValueError
        When ``w`` is missing, empty or has other coordinates than the potential.
    """
    judged = _judged(draws, potential)
    summary = summarise(judged.values)
    half = None
    if half_step is not None:
        if not isinstance(half_step, xr.Dataset) or "step_order" not in half_step.attrs:
            raise ValueError(
                "half_step must be draws of the same run at half the step, as sample returns them, or None"
            )
        half = summarise(_judged(half_step, potential).values), int(half_step.attrs["step_order"])
    known = reference(draws, potential, judged, summary, half)
    variables: dict[str, Any] = {name: ("quantity", values) for name, values in summary._asdict().items()}
    variables["drift"] = ("quantity", drift(judged.values))
    if judged.phase_index is not None:
        variables["phase_transitions"] = ((), int(phase_transitions(judged.phase_index).sum()))
        variables["phase_round_trips"] = ((), _round_trips(judged.phase_index))
    for name, values in (("exact_mean", known.exact), ("step_bias", known.bias)):
        if np.isfinite(values).any():
            variables[name] = ("quantity", values)
    diagnosis = xr.Dataset(variables, {"quantity": list(judged.names)})
    verdict = _verdict(draws, judged, diagnosis, known)
    return diagnosis.assign_attrs(verdict=verdict, judged=judged.statement)


def attach(draws: xr.Dataset, potential: Potential, half_step: xr.Dataset | None = None) -> xr.Dataset:
    """Draws with what :func:`diagnose` finds beside them: its variables and its attributes are added.

    Parameters
    ----------
    draws, potential, half_step
        As for :func:`diagnose`.
    """
    diagnosis = diagnose(draws, potential, half_step)
    return draws.drop_dims("quantity", errors="ignore").assign(diagnosis.variables).assign_attrs(diagnosis.attrs)


def lacks_step_bias(diagnosis: xr.Dataset) -> bool:
    """Whether draws could be trusted but for a step bias that nothing told of: half a step would."""
    return UNKNOWN_BIAS in diagnosis.attrs["verdict"]


# ---- what is looked at -----------------------------------------------------------------------------------------------
def _judged(draws: xr.Dataset, potential: Potential) -> Judged:
    if not isinstance(draws, xr.Dataset):
        raise ValueError(f"draws must be what sample returns, not {type(draws).__name__}")
    if "w" not in draws or draws["w"].dims != ("chain", "draw", "coordinate") or not draws["w"].size:
        given = f"{draws['w'].dims} of shape {draws['w'].shape}" if "w" in draws else f"only {sorted(map(str, draws))}"
        raise ValueError(f"draws must hold w (chain, draw, coordinate) as sample returns it, not {given}")
    chains, kept, dimension = draws["w"].shape
    if dimension != potential.dimension:
        raise ValueError(f"draws must have {potential.name}'s {potential.dimension} coordinates, not {dimension}")
    names = [symbol.name for symbol in potential.coordinates]
    picked = np.unique(np.linspace(0, dimension - 1, min(dimension, JUDGED_COORDINATES)).round().astype(int))
    phases = [phase.name for phase in potential.phases][:JUDGED_PHASES]
    # Of two phases the shares add up to one (or to what lies outside both): one of them says it all.
    phases = [] if len(phases) < 2 else phases[:1] if len(phases) == 2 else phases
    quantities = len(picked) + 1 + len(phases)
    rows, stride = _part(chains, kept, max(LEAST_JUDGED, JUDGED_NUMBERS // quantities))
    points = draws["w"].values[rows, stride - 1 :: stride]
    values = np.empty((*points.shape[:2], quantities))
    values[..., : len(picked)] = points[..., picked]
    with np.errstate(all="ignore"):  # of points far outside; what is not finite is told below
        values[..., len(picked)] = potential.energy_function()(points)
        index = potential.phase_index(points) if phases else None
    for number in range(len(phases)):
        values[..., len(picked) + 1 + number] = index == number
    whole = points.shape[:2] == (chains, kept) and len(picked) == dimension
    statement = f"{_count(points.shape[0])} of {_count(chains)} chains" + (f", every {stride}th draw" * (stride > 1))
    if len(picked) < dimension:
        statement += f", {len(picked)} of {dimension} coordinates"
    return Judged(
        values, (*(names[i] for i in picked), "energy", *(f"phase {name}" for name in phases)), len(picked), index,
        "all draws" if whole else statement, whole, points, rows, picked,
    )  # fmt: skip


def _part(chains: int, draws: int, limit: int) -> tuple[slice | NDArray[np.int64], int]:
    """Which chains, and every how many-th draw, so that about ``limit`` are left."""
    if chains * draws <= limit:
        return slice(None), 1
    left = min(chains, max(LEAST_JUDGED_CHAINS, limit // draws))
    # Not evenly spaced: chains started in the phases in turn would then all be of one phase.
    rows = np.sort(np.random.default_rng(0).choice(chains, left, replace=False))
    return rows, -(-left * draws // limit)


def _round_trips(index: NDArray[np.int64]) -> int:
    seen = index >= 0
    start = np.take_along_axis(index, seen.argmax(1)[:, None], axis=1)
    return int(phase_round_trips(np.where(seen, (index == start).astype(np.int64), -1), 1, 0).sum())


# ---- the verdict -----------------------------------------------------------------------------------------------------
def _verdict(draws: xr.Dataset, judged: Judged, diagnosis: xr.Dataset, known: Reference) -> str:
    chains, kept, _ = judged.values.shape
    problems = _problems(judged, diagnosis, known, draws)
    r_hat, least = worst_of(diagnosis, "r_hat", np.nanargmax), least_effective(diagnosis)
    if problems:
        text = "do not trust: " + "; ".join(problems)
    elif kept < FEWEST_DRAWS_R_HAT or r_hat is None or least is None:
        text = (
            f"cannot judge: {_count(kept)} draw{'s' * (kept > 1)} per chain; "
            f"{_count(chains)} independent chain{'s' * (chains > 1)} of unknown burn-in"
        )
    elif bias_unknown(judged, known):
        text = f"cannot judge: {UNKNOWN_BIAS} {known.scheme} here: sample at half the step as well"
    else:
        text = f"trust: R-hat {_r_hat_text(r_hat[0])} ({r_hat[1]}), {least[2]} ESS {_count(least[0])} ({least[1]})"
        text += of_references(judged, diagnosis, known)
        if len(known.evidence) > 1:
            text += (
                f", {_count(min(border.least_entries() for border in known.evidence))} entries at least into a phase"
            )
        elif judged.phase_index is not None:
            text += f", {_count(int(diagnosis['phase_round_trips']))} phase round trips"
        if chains == 1:
            text += "; one chain only, no other start was tried"
        text += "".join(f"; {note}" for border in known.evidence for note in border.notes())
    if known.scheme is not None and known.temperature is None:
        text += "; the law is that of SGD itself, not of a temperature"
    for warning in _warnings(draws, bool(problems)):
        text += f"; {warning}"
    return text if judged.whole else f"{text} [judged from {judged.statement}]"


def _problems(judged: Judged, diagnosis: xr.Dataset, known: Reference, draws: xr.Dataset) -> list[str]:
    """What speaks against the draws, the worst first."""
    chains, kept, _ = judged.values.shape
    reduced = judged.values.reshape(-1, judged.values.shape[2])
    low, high = reduced.min(0), reduced.max(0)
    broken = [name for name, a, b in zip(judged.names, low, high, strict=True) if not np.isfinite([a, b]).all()]
    if broken:
        return [f"{broken[0]} holds values that are not finite"]
    problems = []
    frozen = [judged.names[i] for i in range(judged.coordinates) if low[i] == high[i]]
    if frozen and chains * kept > 1:
        problems.append(f"{frozen[0]} never moved")
    if kept >= FEWEST_DRAWS_R_HAT:
        r_hat, least = worst_of(diagnosis, "r_hat", np.nanargmax), least_effective(diagnosis)
        if r_hat is not None and r_hat[0] > (LARGEST_R_HAT if chains < MANY_CHAINS else LARGEST_R_HAT_OF_MANY):
            problems.append(f"R-hat {_r_hat_text(r_hat[0])} on {r_hat[1]}")
        problems += next((told for border in known.evidence if (told := list(border.problems()))), [])
        problems += _same_start(draws, known)
        if least is not None and least[0] < LEAST_EFFECTIVE_SAMPLE_SIZE:
            problems.append(f"{least[2]} ESS {_count(least[0])} on {least[1]}")
    moved = worst_of(np.abs(diagnosis), "drift", np.nanargmax)
    limit = -stdtrit(chains - 1, DRIFT_PROBABILITY / 2) if chains >= FEWEST_CHAINS_FOR_DRIFT else np.inf
    if moved is not None and moved[0] > limit:
        problems.append(f"{moved[1]} drifts, {moved[0]:.0f} standard errors between the run's halves: drop its start")
    return problems + biased(judged, diagnosis, known) + off(judged, diagnosis, known)


def _same_start(draws: xr.Dataset, known: Reference) -> list[str]:
    """Replicas that all started in one phase can agree on shares that none of them knows."""
    exchanged = "swap_acceptance" in draws and draws.attrs.get("start_phases") == 1
    if exchanged and any(border.matters.sum() > 1 and np.isnan(border.exact).any() for border in known.evidence):
        return ["all replicas started in one phase: start chains in every phase (initial=None)"]
    return []


def _warnings(draws: xr.Dataset, in_trouble: bool) -> list[str]:
    """What makes a run slow or frail and does not by itself speak against its draws."""
    warnings = []
    if "acceptance" in draws:
        share = _over_chains(draws["acceptance"])
        if share.min() < LOWEST_ACCEPTANCE:
            warnings.append(f"acceptance {share.min():.1%} is low, shorten the step")
        elif in_trouble and share.min() > HIGHEST_ACCEPTANCE:
            warnings.append(f"acceptance {share.min():.1%} is high, lengthen the step")
    if "swap_acceptance" in draws:
        share = _over_chains(draws["swap_acceptance"])
        if share.min() < LOWEST_SWAP_ACCEPTANCE:
            pair = int(share.argmin())
            warnings.append(f"swaps of pair {pair} are accepted {share.min():.1%}, put a temperature between")
    return warnings


def _over_chains(variable: xr.DataArray) -> NDArray[np.float64]:
    others = [dimension for dimension in variable.dims if dimension != "chain"]
    return np.atleast_1d(variable.mean("chain").transpose(*others).values.ravel())


def _r_hat_text(value: float) -> str:
    return f"{value:.3f}" if value < 1.1 else f"{value:.2g}"


def _count(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")
