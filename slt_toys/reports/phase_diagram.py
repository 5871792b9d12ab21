"""What the phase diagram amounts to: its dataset, its tables and its claims."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..exact.phase_boundaries import Crossover, crossover
from ..fits.batch_size import EpochsPerHalving, compare, epochs_per_halving, usable_ends
from ..fits.collapse import BatchCurve, BestExponent, Collapse, best_exponent, collapse
from ..fits.ends import HALF_DEPTH, HINGE, CriticalPeriodEnd, Definition, find_end, minimum_rows, replicate_epochs
from ..fits.published import PublishedFindings
from ..fits.resampling import end_with_interval, resample_chains
from ..fits.rival_laws import rival_models
from ..potentials.potential import PotentialPair
from ..potentials.printing import energy_latex, energy_text
from ..protocol.curves import StuckCurve, curves_dataset, grid_error, rise
from ..protocol.sampled import SHORTCUTS
from ..protocol.schedule import Ending
from ..reference.laws import law
from ..results.claims import (
    Claim,
    Table,
    Verdict,
    against_first,
    chance_text,
    estimate_text,
    inside,
    number_text,
    spoken,
    texts,
)
from .fits import collapse_variables, comparison_variables, end_variables, halving_variables
from .published import halving_claim, log_law_claim, loss_claim, published_dataset, published_table

# Exact curves are smooth and sampled ones nearly so: monotone cubics interpolate both.
HALF_STUCK_MASS = Definition("half_stuck_mass", interpolation="monotone_cubic")
DEFINITIONS = (HALF_STUCK_MASS, HINGE, HALF_DEPTH)
REPETITIONS = 1000
ONSET = 0.8  # a toy's curve starts rising so many widths (10 to 90 %) before its middle
EXACT_ERROR = 0.05  # epochs, of an exact end on a grid of switch epochs
CROSSOVER_ERROR = 0.1  # of n_beta, up to which the asymptotic law counts as right

TITLE = "Phase diagram: when does the critical period end?"
INTRODUCTION = """\
A *phase* is a region of weights around one minimum of the loss. A run starts on a *deficit*: data that prefer another
phase than the clean data do. At the *switch epoch* it changes to clean data. SGD is taken as Langevin dynamics at a
*temperature* T = 1/n_beta that falls with the learning rate; n_beta is the inverse temperature of the tempered
posterior. The *stuck probability* is the share of runs that end in the phase the deficit prefers. The *critical
period* is the part of training in which a switch still frees most runs. It ends at the switch epoch e*.

Three definitions of e* were fixed beforehand. *Half stuck mass*: the stuck probability reaches 1/2. *Hinge*: the kink
of the best line that turns flat. *Half depth*: the curve is midway between its first row and the mean of its last
three.

The law says e* = e_0 + log B / log γ, with B the batch size and γ the factor of the learning rate per epoch. Each
halving of the batch then delays the end by log 2 / log(1/γ) epochs. In the toy e* is found *exactly* (Fokker-Planck
equation), *sampled* (Langevin chains) and by the *law*, whose e_0 is a mean over the exact ends."""
READ_OFF = """ By hinge and half
depth it is also read off the published CIFAR-10 curves (Baker 2023; one seed for each batch size)."""
CANNOT_BE_TOLD = """

What cannot be told: under a learning rate that falls by a constant factor, temperature and flow time left are both
functions of learning rate / batch size, so such curves do not separate them."""
LACKING = """ Intervals of published ends show the
scatter between rows; how far another seed would move a whole curve is not in the table."""


def introduction(data: xr.Dataset) -> str:
    """The terms, and what the numbers do not tell."""
    own = _asks_published(data)
    return INTRODUCTION + READ_OFF * own + CANNOT_BE_TOLD + LACKING * own


def _asks_published(data: xr.Dataset) -> bool:
    return "published_batch_size" in data.sizes


# ---- dataset ---------------------------------------------------------------------------------------------------------
def dataset(
    pair: PotentialPair,
    preferred: str,
    curves: Iterable[StuckCurve],
    ending: Ending,
    findings: PublishedFindings | None,
    maps: Sequence[xr.Dataset] = (),
    *,
    decay: float,
    learning_rate: float,
    seed: int,
) -> xr.Dataset:
    """Everything that is told or drawn: ends by every definition, fits, collapse, crossover, published curves.

    ``preferred`` is the phase of least clean loss, ``ending`` what the curves were computed with, ``findings`` are left
    out where the published curves are not asked for, ``maps`` are kept with the rest, and ``seed`` is that of the
    resampling.
    """
    phases = _phases(pair, crossover(pair.clean, pair.stuck_phase, preferred))
    published = xr.Dataset() if findings is None else published_dataset(findings)
    arrived, drawn, by_curve = list[StuckCurve](), list[np.ndarray](), []
    for curve in curves:  # the next one may still be sampled
        rows = resample_chains(curve.stuck, repetitions=REPETITIONS, seed=[seed, 3, _size(curve)])
        arrived.append(curve)
        drawn.append(rows)
        by_curve.append([_ends(curve, rows, definition) for definition in DEFINITIONS])
    located = {
        definition.name: [*each] for definition, each in zip(DEFINITIONS, zip(*by_curve, strict=True), strict=True)
    }
    curves, sizes, training = arrived, [_size(curve) for curve in arrived], arrived[0].training
    exact = {name: [end for end, _, _ in each] for name, each in located.items()}
    sampled = {name: [end for _, end, _ in each] for name, each in located.items()}
    replicates = {name: [rows for _, _, rows in each] for name, each in located.items()}
    half = HALF_STUCK_MASS.name
    used, epochs, errors, _ = usable_ends(dict(zip(sizes, sampled[half], strict=True)))
    comparison = None
    if len(used) > 1:
        models = rival_models(used, decay=decay, learning_rate=learning_rate, dataset_size=int(training.dataset_size))
        comparison = compare(models, used, epochs, errors)
    # At the largest batch size that has an end; by θ the grid's error is the same at all.
    known = [(curve, end.epoch) for curve, end in zip(curves, exact[half], strict=True) if end.epoch is not None]
    error = grid_error(pair, known[-1][0], ending, known[-1][1]) if known else math.nan
    spreads, best = _collapse(curves, dict(zip(sizes, drawn, strict=True)))
    laws = list((comparison.fits if comparison else ()) if findings is None else published["rival_law"].values)
    variables_of_collapse = list(spreads if findings is None else published["collapse_variable"].values)
    own = xr.Dataset(
        {
            **end_variables(list(exact.values()), ("definition", "batch_size"), "exact_end_"),
            **end_variables(list(sampled.values()), ("definition", "batch_size"), "sampled_end_"),
            "law_end_epoch": ("batch_size", _law(exact[half], sizes, decay)),
            **halving_variables({n: _halving(sizes, exact[n]) for n in exact}, "definition", "exact_halving_"),
            **halving_variables(
                {n: _halving(sizes, sampled[n], replicates[n]) for n in sampled}, "definition", "sampled_halving_"
            ),
            "law_halving": ((), law("epochs-per-halving")(decay=decay)),
            **comparison_variables([comparison], laws, "sampled_definition", "sampled_fit_"),
            **collapse_variables(spreads, best, variables_of_collapse, "toy_collapse_"),
            "grid_error": ((), error, {"units": "epochs"}),
            **phases,
        },
        coords={
            "definition": list(located),
            "sampled_definition": [half],
            "batch_size": sizes,
            "role": ["deficit", "clean"],
            "phase": [phase.name for phase in pair.clean.phases],
            "collapse_variable": variables_of_collapse,
            "rival_law": laws,
        },
    )
    whole = xr.merge([*maps, curves_dataset(curves, decay), published, own], combine_attrs="drop_conflicts")
    energies = {"deficit": pair.deficit.bound_energy, "clean": pair.clean.bound_energy}
    return whole.assign_attrs(
        potential=pair.clean.name, energy_latex=energy_latex(energies["clean"]) if pair.clean.dimension <= 2 else "",
        **{f"{role}_energy": energy_text(energy) for role, energy in energies.items()}, stuck_phase=pair.stuck_phase,
        preferred_phase=preferred, decay=decay, chains=len(curves[0].stuck), epochs_after=ending.epochs,
    )  # fmt: skip


def _ends(
    curve: StuckCurve, drawn: np.ndarray, definition: Definition
) -> tuple[CriticalPeriodEnd, CriticalPeriodEnd, np.ndarray]:
    """The exact end, the sampled one, and that of every resampled curve."""
    at = curve.sampled_switch_epochs
    # A hinge and a half depth depend on the rows they are given: exact and sampled ones get the same rows.
    # The hinge has no flat start, so it gets the rows from the rise on.
    middle, width = rise(curve.switch_epochs, curve.exact)
    kept = at >= (middle - ONSET * width if definition is HINGE else 0)
    if kept.sum() < minimum_rows(definition):
        kept = np.ones(len(at), dtype=bool)
    rows = slice(None) if definition is HALF_STUCK_MASS else np.isin(curve.switch_epochs, at[kept])
    mean, drawn = curve.stuck.mean(axis=0)[kept], drawn[:, kept]
    return (
        find_end(curve.switch_epochs[rows], curve.exact[rows], definition),
        end_with_interval(at[kept], mean, drawn, definition, method="bootstrap over chains"),
        replicate_epochs(at[kept], drawn, definition),
    )


def _law(exact: Sequence[CriticalPeriodEnd], sizes: Sequence[int], decay: float) -> list[float]:
    """The law's ends; its offset is the mean over the exact ends that are numbers."""
    law_of = law("critical-period-end-exponential")
    offsets = [
        end.epoch - law_of(epoch_offset=0, batch_size=size, decay=decay)
        for size, end in zip(sizes, exact, strict=True)
        if end.epoch is not None
    ]
    if not offsets:
        return [math.nan] * len(sizes)
    return [law_of(epoch_offset=float(np.mean(offsets)), batch_size=size, decay=decay) for size in sizes]


def _halving(
    sizes: Sequence[int], ends: Sequence[CriticalPeriodEnd], replicates: Sequence[np.ndarray] | None = None
) -> EpochsPerHalving | None:
    kept = [i for i, end in enumerate(ends) if end.epoch is not None]
    if len(kept) < 2:
        return None
    epochs = np.array([ends[i].epoch for i in kept], dtype=float)
    drawn = None if replicates is None else np.column_stack([replicates[i] for i in kept])
    return epochs_per_halving([sizes[i] for i in kept], epochs, replicates=drawn)


def _collapse(
    curves: Sequence[StuckCurve], resampled: dict[int, np.ndarray]
) -> tuple[dict[str, Collapse], BestExponent | None]:
    def batch_curve(curve: StuckCurve, epochs: np.ndarray, values: np.ndarray) -> BatchCurve:
        rates = curve.training.learning_rates(int(epochs[-1]) + 1)[epochs]
        return BatchCurve(_size(curve), epochs.astype(float), values, rates)

    if len(curves) < 2:
        return {}, None
    exact = [batch_curve(c, c.switch_epochs, c.exact) for c in curves]
    spreads = collapse(exact, dataset_size=int(curves[0].training.dataset_size), absolute=True)
    try:
        sampled = [batch_curve(c, c.sampled_switch_epochs, c.stuck.mean(axis=0)) for c in curves]
        return spreads, best_exponent(sampled, replicates=resampled, absolute=True)
    except ValueError:  # curves that cross no common level
        return spreads, None


def _phases(pair: PotentialPair, crossovers: Crossover) -> dict[str, Any]:
    grid, both = ("role", "phase"), (pair.deficit, pair.clean)
    names = [phase.name for phase in pair.clean.phases]
    own = [{phase.name: phase for phase in potential.phases} for potential in both]
    absent = [math.nan] * pair.clean.dimension  # a deficit may have no minimum in a phase that nobody prefers
    return {
        "phase_minimum": (
            (*grid, "coordinate"),
            [[[*p.minimum_point(n)] if n in o else absent for n in names] for p, o in zip(both, own, strict=True)],
        ),
        "phase_loss": (
            grid,
            [[p.minimum_loss(n) if n in o else math.nan for n in names] for p, o in zip(both, own, strict=True)],
        ),
        "phase_learning_coefficient": (
            grid,
            [[str(o[n].learning_coefficient) if n in o else "" for n in names] for o in own],
        ),
        "phase_multiplicity": (grid, [[o[n].multiplicity if n in o else 0 for n in names] for o in own]),
        **{
            f"crossover_{way}{name}": (f"{way}crossover", [*getattr(crossovers, f"{way}{name}")])
            for way in ("", "asymptotic_")
            for name in ("n_beta", "temperature")
        },
        "crossover_range": ("range_end", [*crossovers.n_beta_range]),
    }


def _size(curve: StuckCurve) -> int:
    return int(curve.training.batch_size)


# ---- tables ----------------------------------------------------------------------------------------------------------
def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Ends, epochs per halving, published ends where asked for, collapse, rival laws."""
    published = (published_table(data),) if _asks_published(data) else ()
    return (_ends_table(data), _halvings_table(data), *published, _collapse_table(data), _laws_table(data))


def _estimates(data: xr.Dataset, prefix: str) -> list[str]:
    """Epochs per halving with their intervals."""
    numbers = (data[f"{prefix}halving_{name}"].values for name in ("slope", "low", "high"))
    return [estimate_text(*each) for each in zip(*numbers, strict=True)]


def _ends_table(data: xr.Dataset) -> Table:
    columns = {"batch size": texts(data["batch_size"].values)}
    for name in data["definition"].values:
        for way in ("exact", "sampled"):
            columns[f"{spoken(name)}: {way}"] = texts(data[f"{way}_end_statement"].sel(definition=name).values)
        columns.setdefault("law", texts(data["law_end_epoch"].values, 4))
    caption = (
        f"End of the critical period in epochs for `{data.attrs['clean_energy']}` after "
        f"`{data.attrs['deficit_energy']}`. Sampled ends have 95 % intervals, by resampling chains. The grid leaves an "
        f"error of {number_text(data['grid_error'].item(), 1)} epochs in exact ends. Chains leave out epochs that put "
        f"at most {SHORTCUTS:g} of them into another phase."
    )
    return Table.of_columns("critical_period_end", caption, columns)


def _halvings_table(data: xr.Dataset) -> Table:
    columns = {
        "definition of the end": texts(data["definition"].values),
        "law": [f"{data['law_halving'].item():.2f}"] * data.sizes["definition"],
        "exact": texts(data["exact_halving_slope"].values, 4),
        "sampled, 95 %": _estimates(data, "sampled_"),
    }
    if _asks_published(data):
        published = data.reindex(published_definition=data["definition"].values)
        columns["published CIFAR-10, 95 % within one seed"] = _estimates(published, "published_")
    return Table.of_columns("epochs_per_halving", "Epochs by which halving the batch delays the end.", columns)


def _collapse_table(data: xr.Dataset) -> Table:
    columns = {
        "variable at the switch": [*texts(data["collapse_variable"].values), "best power of the batch size, 95 %"]
    }
    for heading, own in (("toy", "toy_"), ("published CIFAR-10, one seed", "published_"))[: 1 + _asks_published(data)]:
        best = (data[f"{own}collapse_best_{name}"].item() for name in ("exponent", "low", "high"))
        columns[heading] = [*texts(data[f"{own}collapse_spread"].values), estimate_text(*best)]
    caption = "Spread between the curves of all batch sizes over one variable; 0 is a perfect collapse."
    return Table.of_columns("collapse", caption, columns)


def _laws_table(data: xr.Dataset) -> Table:
    columns = {"law": texts(data["rival_law"].values)}
    for heading, own in (("toy", "sampled"), ("published", "published"))[: 1 + _asks_published(data)]:
        for row, name in enumerate(data[f"{own}_definition"].values):
            for field, told in (("p_value", "p"), ("weight", "weight")):
                shares = data[f"{own}_fit_{field}"].values[row]
                columns[f"{heading}, {spoken(name)}: {told}"] = [chance_text(share) for share in shares]
    caption = "Rival laws of e*(B): p is the chance of larger residuals if the law is true."
    if _asks_published(data):
        caption += " Akaike weights need more batch sizes than were published for laws of two parameters."
    return Table.of_columns("rival_laws", caption, columns)


# ---- claims ----------------------------------------------------------------------------------------------------------
def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """What the law says and what came out; those that speak against it first."""
    if not _asks_published(data):
        return against_first([_crossover(data), _collapse_exponent(data), _end(data), _toy_halving(data)])
    return (
        halving_claim(data, HINGE.name), loss_claim(data), _crossover(data), log_law_claim(data),
        halving_claim(data, HALF_DEPTH.name), _collapse_exponent(data), _end(data), _toy_halving(data),
    )  # fmt: skip


def _crossover(data: xr.Dataset) -> Claim:
    """Exact and asymptotic crossover, each at its largest n_beta, where the asymptotic law is best."""
    exact, expected = (
        max(data[f"crossover_{name}"].values, default=math.nan) for name in ("n_beta", "asymptotic_n_beta")
    )
    none = math.isnan(exact), math.isnan(expected)
    agree = all(none) if any(none) else abs(math.log(exact / expected)) <= math.log1p(CROSSOVER_ERROR)
    low, high = data["crossover_range"].values
    sentence = (
        f"Free energies of {data.attrs['stuck_phase']} and {data.attrs['preferred_phase']} cross at "
        f"{f'no n_beta from {low:.2g} to {high:.2g}' if none[0] else f'n_beta {exact:.3g}'}; the asymptotic law says "
        f"{'none' if none[1] else f'{expected:.3g}'}."
    )
    return Claim.of("crossover", sentence, exact, expected=expected, verdict="yes" if agree else "no")


def _collapse_exponent(data: xr.Dataset) -> Claim:
    toy, *rest = (
        [data[f"{whose}_collapse_best_{name}"].item() for name in ("exponent", "low", "high")]
        for whose in ("toy", "published")[: 1 + _asks_published(data)]
    )
    if not rest:
        told = f"The toy's curves collapse best over learning rate/B^a at a = {estimate_text(*toy)}; by law a = 1."
        return Claim.of("collapse-exponent", told, toy[0], (toy[1], toy[2]), 1.0)
    own = rest[0]
    verdicts = inside(1.0, *toy[1:]), inside(1.0, *own[1:])
    worst: Verdict = "no" if "no" in verdicts else "cannot tell" if "cannot tell" in verdicts else "yes"
    sentence = (
        f"Published one-seed curves collapse best over learning rate/B^a at a = {estimate_text(*own)}, the toy's at "
        f"{estimate_text(*toy)}; by law a = 1."
    )
    return Claim.of("collapse-exponent", sentence, own[0], (own[1], own[2]), 1.0, worst)


def _end(data: xr.Dataset) -> Claim:
    """At batch size 128, or else the middle one."""
    sizes = data["batch_size"].values.tolist()
    size = 128 if 128 in sizes else sizes[len(sizes) // 2]
    own = data.sel(definition=HALF_STUCK_MASS.name, batch_size=size)
    exact, expected = own["exact_end_epoch"].item(), own["law_end_epoch"].item()
    low, high = [own[f"sampled_end_{name}"].item() for name in ("low", "high")]
    verdict = inside(expected, low, high)
    if verdict == "yes" and (inside(exact, low, high) == "no" or abs(exact - expected) > EXACT_ERROR):
        verdict = "no"
    told, sampled = (own[f"{way}_end_statement"].item().split(":")[0] for way in ("exact", "sampled"))
    if math.isfinite(exact):
        told = number_text(exact, 4)
    sentence = (
        f"At batch size {size:g} the end of the critical period is {told} exactly, {sampled} sampled and "
        f"{number_text(expected, 4)} by law, in epochs."
    )
    return Claim.of(f"end-at-{size:g}", sentence, exact, (low, high), expected, verdict)


def _toy_halving(data: xr.Dataset) -> Claim:
    own = data.sel(definition=HALF_STUCK_MASS.name)
    slope, low, high = [own[f"sampled_halving_{name}"].item() for name in ("slope", "low", "high")]
    expected = data["law_halving"].item()
    exact = number_text(own["exact_halving_slope"].item(), 4)
    sentence = (
        f"Halving the batch delays the toy's end by {exact} epochs exactly, "
        f"{estimate_text(slope, low, high)} sampled; the law says {expected:.2f}."
    )
    return Claim.of("toy-halving", sentence, slope, (low, high), expected)
