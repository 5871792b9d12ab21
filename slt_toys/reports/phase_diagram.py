"""What the phase diagram amounts to: the numbers of its JSON file, and its table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import sympy
import xarray as xr
from rich.console import Console
from rich.table import Table

from ..exact.equilibrium import Crossover, crossover
from ..fits.batch_size import Comparison, EpochsPerHalving, compare, epochs_per_halving, usable_ends
from ..fits.collapse import BatchCurve, BestExponent, Collapse, best_exponent, collapse
from ..fits.ends import (
    HALF_DEPTH,
    HINGE,
    CriticalPeriodEnd,
    Definition,
    find_end,
    hinge_fit,
    minimum_rows,
    replicate_epochs,
)
from ..fits.published import PublishedFindings, what_the_published_curves_can_tell
from ..fits.resampling import end_with_interval, resample_chains
from ..fits.rival_laws import rival_models
from ..potentials.potential import PotentialPair
from ..protocol.curves import StuckCurve, pad, rise
from ..reference.laws import law
from ..reference.published import published_curves

# Exact curves are smooth and sampled ones nearly so: monotone cubics interpolate both.
HALF_STUCK_MASS = Definition("half_stuck_mass", interpolation="monotone_cubic")
DEFINITIONS = (HALF_STUCK_MASS, HINGE, HALF_DEPTH)
REPETITIONS = 1000
# Where a toy's curve is taken to start rising, in widths (10 to 90 %) before its middle.
ONSET = 0.8


class Settings(Protocol):
    """What the report needs to know of the experiment."""

    @property
    def decay(self) -> float:
        """Factor of the learning rate per epoch."""
        ...

    @property
    def learning_rate(self) -> float:
        """At epoch 0."""
        ...

    @property
    def dataset_size(self) -> int:
        """Examples in an epoch."""
        ...

    @property
    def seed(self) -> int:
        """Of the resampling."""
        ...


@dataclass(frozen=True)
class Report:
    """Every number the phase diagram states; per definition of e*, then per batch size."""

    pair: PotentialPair
    exact: dict[str, dict[int, CriticalPeriodEnd]]
    sampled: dict[str, dict[int, CriticalPeriodEnd]]
    law: dict[int, float]
    theory_epochs_per_halving: float
    exact_halving: dict[str, EpochsPerHalving]
    sampled_halving: dict[str, EpochsPerHalving]
    comparison: Comparison | None
    collapse: dict[str, Collapse]
    best_exponent: BestExponent | None
    crossover: Crossover
    published: PublishedFindings
    grid_error: float | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for JSON."""
        name = HALF_STUCK_MASS.name
        ends = {
            str(size): {
                "exact": exact.epoch,
                "sampled": self.sampled[name][size].epoch,
                "sampled_interval": [self.sampled[name][size].low, self.sampled[name][size].high],
                "law": self.law.get(size),
                "statement": {"exact": exact.statement(), "sampled": self.sampled[name][size].statement()},
                "definitions": {
                    other: {"exact": self.exact[other][size].to_dict(), "sampled": self.sampled[other][size].to_dict()}
                    for other in self.exact
                },
            }
            for size, exact in self.exact[name].items()
        }
        published = self.published.to_dict()
        return {
            "potential": _describe(self.pair),
            "critical_period_end": ends,
            "epochs_per_halving": {
                "theory": self.theory_epochs_per_halving,
                "exact": {name: shift.to_dict() for name, shift in self.exact_halving.items()},
                "sampled": {name: shift.to_dict() for name, shift in self.sampled_halving.items()},
                "published": published["epochs_per_halving"],
            },
            "collapse": {
                "toy": {name: spread.to_dict() for name, spread in self.collapse.items()},
                "toy_best_exponent": None if self.best_exponent is None else self.best_exponent.to_dict(),
                "published": published["collapse"],
                "published_best_exponent": published["best_exponent"],
            },
            "crossover": {
                "statement": self.crossover.statement,
                "n_beta": list(self.crossover.n_beta),
                "temperature": list(self.crossover.temperature),
                "asymptotic_n_beta": list(self.crossover.asymptotic_n_beta),
                "asymptotic_temperature": list(self.crossover.asymptotic_temperature),
            },
            "models": {
                "toy": None if self.comparison is None else self.comparison.to_dict(),
                "published": published["comparison"],
            },
            "exact_grid_error_epochs": self.grid_error,
            "published_critical_period_end": published["critical_period_end"],
            "in_words": [*self.notes, published["in_words"]],
        }


def make_report(
    settings: Settings,
    pair: PotentialPair,
    preferred: str,
    curves: Sequence[StuckCurve],
    findings: PublishedFindings,
    grid_error: float | None = None,
) -> Report:
    """Locate e* on every curve by every definition, fit the rival laws and measure the collapse."""
    exact: dict[str, dict[int, CriticalPeriodEnd]] = {}
    sampled: dict[str, dict[int, CriticalPeriodEnd]] = {}
    replicates: dict[str, list[np.ndarray]] = {}
    resampled = {
        _size(c): resample_chains(c.stuck, repetitions=REPETITIONS, seed=[settings.seed, 3, _size(c)]) for c in curves
    }
    for definition in DEFINITIONS:
        exact[definition.name], sampled[definition.name], replicates[definition.name] = {}, {}, []
        for curve in curves:
            size, at = _size(curve), curve.sampled_switch_epochs
            # A hinge and a half depth depend on the rows they are given: exact and sampled ones get the same rows.
            # The hinge has no flat start, so it gets the rows from the rise on.
            middle, width = rise(curve.switch_epochs, curve.exact)
            kept = at >= (middle - ONSET * width if definition is HINGE else 0)
            if kept.sum() < minimum_rows(definition):
                kept = np.ones(len(at), dtype=bool)
            rows = slice(None) if definition is HALF_STUCK_MASS else np.isin(curve.switch_epochs, at[kept])
            exact[definition.name][size] = find_end(curve.switch_epochs[rows], curve.exact[rows], definition)
            drawn = resampled[size][:, kept]
            sampled[definition.name][size] = end_with_interval(
                at[kept], curve.stuck.mean(axis=0)[kept], drawn, definition, method="bootstrap over chains"
            )
            replicates[definition.name].append(replicate_epochs(at[kept], drawn, definition))
    offset = [
        end.epoch - law("critical-period-end-exponential")(epoch_offset=0, batch_size=size, decay=settings.decay)
        for size, end in exact[HALF_STUCK_MASS.name].items()
        if end.epoch is not None
    ]
    lawful = {
        _size(c): law("critical-period-end-exponential")(
            epoch_offset=float(np.mean(offset)), batch_size=_size(c), decay=settings.decay
        )
        for c in curves
        if offset
    }
    notes = [f"{HALF_STUCK_MASS.name}: {text}" for text in usable_ends(exact[HALF_STUCK_MASS.name])[3]]
    sizes, epochs, errors, left_out = usable_ends(sampled[HALF_STUCK_MASS.name])
    notes += [f"left out of the sampled fits: {text}" for text in left_out]
    comparison = None
    if len(sizes) > 1:
        models = rival_models(
            sizes, decay=settings.decay, learning_rate=settings.learning_rate, dataset_size=settings.dataset_size
        )
        comparison = compare(models, sizes, epochs, errors)
    spreads, exponent = _collapse(settings, curves, resampled)
    if grid_error is not None:
        notes.append(f"the exact ends are right to about {grid_error:.2g} epochs, by comparing two grids")
    if exponent is None:
        notes.append("no collapse: it needs at least two batch sizes whose curves cross common levels")
    return Report(
        pair,
        exact,
        sampled,
        lawful,
        law("epochs-per-halving")(decay=settings.decay),
        _halvings(exact),
        _halvings(sampled, replicates),
        comparison,
        spreads,
        exponent,
        crossover(pair.clean, pair.stuck_phase, preferred),
        findings,
        grid_error,
        tuple(notes),
    )


def _halvings(
    ends: Mapping[str, Mapping[int, CriticalPeriodEnd]], replicates: Mapping[str, Sequence[np.ndarray]] | None = None
) -> dict[str, EpochsPerHalving]:
    found = {}
    for name, of_size in ends.items():
        kept = [i for i, end in enumerate(of_size.values()) if end.epoch is not None]
        if len(kept) < 2:
            continue
        sizes = [list(of_size)[i] for i in kept]
        epochs = np.array([of_size[size].epoch for size in sizes], dtype=float)
        drawn = None if replicates is None else np.column_stack([replicates[name][i] for i in kept])
        found[name] = epochs_per_halving(sizes, epochs, replicates=drawn)
    return found


def _collapse(
    settings: Settings, curves: Sequence[StuckCurve], resampled: Mapping[int, np.ndarray]
) -> tuple[dict[str, Collapse], BestExponent | None]:
    def batch_curve(curve: StuckCurve, epochs: np.ndarray, values: np.ndarray) -> BatchCurve:
        rates = curve.training.learning_rates(int(epochs[-1]) + 1)[epochs]
        return BatchCurve(_size(curve), epochs.astype(float), values, rates)

    if len(curves) < 2:
        return {}, None
    exact = [batch_curve(c, c.switch_epochs, c.exact) for c in curves]
    spreads = collapse(exact, dataset_size=settings.dataset_size, absolute=True)
    try:
        drawn = [batch_curve(c, c.sampled_switch_epochs, c.stuck.mean(axis=0)) for c in curves]
        return spreads, best_exponent(drawn, replicates=resampled, absolute=True)
    except ValueError:
        return spreads, None


def report_dataset(report: Report, findings: PublishedFindings) -> xr.Dataset:
    """The report's numbers that the figure shows."""
    name = HALF_STUCK_MASS.name
    sizes = list(report.exact[name])
    curves = published_curves()
    number = lambda value: np.nan if value is None else value  # noqa: E731
    data: dict[str, Any] = {
        "end_exact": ("batch_size", [number(report.exact[name][s].epoch) for s in sizes]),
        "end_law": ("batch_size", [number(report.law.get(s)) for s in sizes]),
        **{
            f"end_sampled{suffix}": ("batch_size", [number(getattr(report.sampled[name][s], field)) for s in sizes])
            for suffix, field in (("", "epoch"), ("_low", "low"), ("_high", "high"))
        },
        "published_switch_epoch": (
            ("published_batch_size", "published_row"),
            pad([c.switch_epochs for c in curves.values()]),
        ),
        "published_accuracy": (
            ("published_batch_size", "published_row"),
            pad([c.final_accuracy for c in curves.values()]),
        ),
    }
    fits = [hinge_fit(curve.switch_epochs, curve.final_accuracy) for curve in curves.values()]
    data |= {
        f"published_hinge_{field}": ("published_batch_size", [getattr(fit, field) for fit in fits])
        for field in ("intercept", "slope")
    }
    for definition in (HINGE, HALF_DEPTH):
        ends = findings.ends[definition.name]
        for suffix, field in (("", "epoch"), ("_low", "low"), ("_high", "high")):
            data[f"published_{definition.name}{suffix}"] = (
                "published_batch_size",
                [number(getattr(ends[s], field)) for s in curves],
            )
    return xr.Dataset(
        data,
        coords={"batch_size": [float(s) for s in sizes], "published_batch_size": list(curves)},
        attrs={
            "epochs_per_halving_theory": report.theory_epochs_per_halving,
            **{
                f"epochs_per_halving_published_{d}": [s.slope, number(s.low), number(s.high)]
                for d, s in findings.epochs_per_halving.items()
            },
        },
    )


def print_report(report: Report, stem: Path) -> None:
    """Print the table and what it means."""
    console = Console()
    table = Table(title=f"End of the critical period, epochs ({report.pair.clean.name})")
    for heading in ("batch size", "exact", "sampled, 95 %", "law", "hinge (sampled)", "half depth (sampled)"):
        table.add_column(heading, justify="right")
    name = HALF_STUCK_MASS.name
    for size, exact in report.exact[name].items():
        table.add_row(
            str(size),
            exact.statement(),
            report.sampled[name][size].statement(),
            f"{report.law[size]:.1f}" if size in report.law else "-",
            report.sampled[HINGE.name][size].statement(),
            report.sampled[HALF_DEPTH.name][size].statement(),
        )
    console.print(table)
    shifts = Table(title="Epochs per halving of the batch")
    for heading in ("definition", "theory", "exact", "sampled, 95 %", "published CIFAR-10, 95 %"):
        shifts.add_column(heading, justify="right")
    for definition in report.exact:
        shifts.add_row(
            definition.replace("_", " "),
            f"{report.theory_epochs_per_halving:.2f}",
            _slope(report.exact_halving.get(definition), interval=False),
            _slope(report.sampled_halving.get(definition)),
            _slope(report.published.epochs_per_halving.get(definition)),
        )
    console.print(shifts)
    spreads = Table(title="Spread of the collapsed curves (lower is better)")
    for heading in ("variable", "this toy", "published CIFAR-10"):
        spreads.add_column(heading, justify="right")
    for variable in report.published.collapse:
        spreads.add_row(
            variable.replace("_", " "),
            *(_spread(found.get(variable)) for found in (report.collapse, report.published.collapse)),
        )
    for found, label in ((report.best_exponent, "this toy"), (report.published.best_exponent, "published")):
        if found is not None:
            low, high = (("open" if x is None else f"{x:.2f}") for x in (found.low, found.high))
            spreads.caption = (
                spreads.caption or ""
            ) + f"best exponent of B, {label}: {found.exponent:.2f} [{low}, {high}]\n"
    console.print(spreads)
    console.print(f"Crossover: {report.crossover.statement}", highlight=False)
    for note in (*report.notes, what_the_published_curves_can_tell(report.published)):
        console.print(note, highlight=False)
    console.print(f"Written: {stem}.png, .svg, .nc, .json", highlight=False)


def _slope(shift: EpochsPerHalving | None, interval: bool = True) -> str:
    if shift is None:
        return "-"
    if not interval:
        return f"{shift.slope:.2f}"
    low, high = (("open" if x is None else f"{x:.1f}") for x in (shift.low, shift.high))
    return f"{shift.slope:.1f} [{low}, {high}]"


def _spread(found: Collapse | None) -> str:
    return "-" if found is None or found.spread is None else f"{found.spread:.3f}"


def _size(curve: StuckCurve) -> int:
    return int(curve.training.batch_size)


def _describe(pair: PotentialPair) -> dict[str, Any]:
    return {
        "name": pair.name,
        "stuck_phase": pair.stuck_phase,
        **{
            role: {
                "energy": sympy.sstr(potential.energy),
                "parameters": {name: str(value) for name, value in potential.parameters},
                "phases": {
                    phase.name: {
                        "minimum": [float(x) for x in potential.minimum_point(phase.name)],
                        "loss": potential.minimum_loss(phase.name),
                        "learning_coefficient": str(phase.learning_coefficient),
                        "multiplicity": phase.multiplicity,
                    }
                    for phase in potential.phases
                },
            }
            for role, potential in (("deficit", pair.deficit), ("clean", pair.clean))
        },
    }
