"""Every measurement in one run, as a page of tables."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import effective
from benchmarks.bound import load_bound
from benchmarks.commands import FEWEST, JOBS, LIMITS, STEPS
from benchmarks.engines import FAMILY, POTENTIALS, SCHEMES, family_member, kernel, of_dimension, through_sample
from benchmarks.exact import CASES, difference, ends_plane, reference_case
from benchmarks.measure import Unavailable, compare, machine, measure, versions
from benchmarks.peers import RIVALS
from benchmarks.sweeps import ENGINES, UNITS
from benchmarks.sweeps import LIMITS as SWEEP_LIMITS
from slt_toys.potentials.catalogue import catalogue
from slt_toys.results.claims import markdown

DIMENSIONS = (1, 2, 10, 100)
EFFECTIVE = (1, 2, 10)  # in 100 coordinates chains would have to run for minutes
COMMANDS = 3  # repetitions of a whole command
LIMITED = (1, 10)  # dimensions in which the family's limits hold


@dataclass(frozen=True)
class Report:
    """The page, and what was missed (a limit, or scipy's answer), one line each."""

    page: str
    missed: tuple[str, ...]


def make_report(repetitions: int, say: Callable[[str], None]) -> Report:
    """Measure everything that can be measured here; ``say`` is told what is being done."""
    missed: list[str] = []
    parts = [
        "# What the benchmarks found",
        f"{machine()}. {versions()}. {time.strftime('%Y-%m-%d')}.",
        "Written by `python -m benchmarks`. Every number is a median; costs are CPU time over all threads;\n"
        f"ratios are medians of {repetitions} pairs timed in turns (fewer for exact solvers) and quartiles.",
        "## The Langevin engine against a bound and against peers",
        _rivals(repetitions, say, missed),
        "## The Langevin engine",
        _engine(repetitions, say, missed),
        "## Effective samples",
        _effective(repetitions, say),
        "## The exact solvers against scipy",
        _exact(say, missed),
        "## Whole commands and first use",
        _commands(say, missed),
        "## Sweeps",
        _sweeps(say, missed),
    ]
    return Report("\n\n".join(parts) + "\n", tuple(missed))


def _rivals(repetitions: int, say: Callable[[str], None], missed: list[str]) -> str:
    rows, notes = [], []
    for name, (make_ours, make_other, _, limit) in RIVALS.items():
        say(f"engine against {name}")
        try:
            found = compare(make_ours(), make_other(), repetitions)
        except Unavailable as reason:
            notes.append(f"Not measured: {name} ({reason}).")
            continue
        if limit is not None and found.ratio > limit:
            missed.append(f"{name}: ratio {found.ratio:.3g}, at most {limit:.3g} is wanted")
        rows.append([
            found.other,
            f"{1e9 * found.our_cost.cpu:.2f}",
            f"{1e9 * found.other_cost.cpu:.2f}",
            found.cell(),
            "" if limit is None else f"{limit:.3g}",
        ])  # fmt: skip
        if name == "c_bound":
            notes.append(f"The bound was compiled by {load_bound().description}.")
    heads = ["other", "engine, ns per chain-step", "other, ns per chain-step", "engine / other", "limit"]
    note = "deeptime's row is the engine in deeptime's two-dimensional well; all others are one-dimensional."
    return "\n\n".join([markdown(heads, rows), note, *notes])


def _engine(repetitions: int, say: Callable[[str], None], missed: list[str]) -> str:
    rows = []
    for name in POTENTIALS:
        potential = catalogue()[name]
        for scheme in SCHEMES:
            say(f"engine, {name}, {scheme}")
            alone = measure(kernel(potential, scheme), repetitions)
            whole = measure(through_sample(potential, scheme), repetitions)
            costs = [f"{1e9 * alone.cpu:.2f}", f"{1e9 * whole.cpu:.2f}", f"{1e-6 / whole.wall:.0f}"]
            rows.append([name, str(potential.dimension), scheme, *costs])
    family = []
    for name, (sampler, limit) in FAMILY.items():
        say(f"engine, {name}")
        cells = []
        for d in DIMENSIONS:
            found = compare(family_member(sampler, of_dimension(d)), through_sample(of_dimension(d)), repetitions)
            cells.append(f"{1e9 * found.our_cost.cpu:.2f} ({found.ratio:.2f})")
            if limit is not None and d in LIMITED and found.ratio > limit:
                missed.append(
                    f"{name} in {d}-D: {found.ratio:.2f} times the unadjusted step, at most {limit:g} is wanted"
                )
        family.append([name, *cells, "" if limit is None else f"{limit:g}"])
    others = markdown(["sampler", *(f"{d}-D" for d in DIMENSIONS), "limit in 1-D and 10-D"], family)
    heads = ["potential", "d", "scheme", "kernel, ns", "`sample`, ns", "`sample`, million a second (wall)"]
    say("engine on two threads")
    one, two = (through_sample(catalogue()["regular_double_well"], threads=n) for n in (1, 2))
    both = compare(two, one, repetitions)
    scaling = both.other_cost.wall / both.our_cost.wall
    note = (
        f"Two threads against one, regular_double_well: {both.ratio:.2f} times the CPU time per chain-step, "
        f"{both.our_cost.wall / both.other_cost.wall:.2f} times the wall time: {scaling:.2f} times the speed (load "
        f"average {os.getloadavg()[0]:.1f}: other work took its share where it is above 2)."
    )
    return (
        f"{markdown(heads, rows)}\n\nPer chain-step: one step of all d coordinates of one chain. {note}\n\n"
        "The rest of the family by `sample`: CPU time per chain-step in ns, and in brackets over unadjusted\n"
        f"Langevin's (Euler). 100-D is barrier_spectrum with 100 coordinates.\n\n{others}"
    )


def _effective(repetitions: int, say: Callable[[str], None]) -> str:
    tried = {d: effective.candidates(of_dimension(d)) for d in EFFECTIVE}
    rows, in_one = [], {}
    for name in tried[1]:
        best = {}
        for d in EFFECTIVE:
            say(f"effective samples, {name}, {d}-D")
            best[d] = max(effective.worth(sampler, of_dimension(d)) for sampler in tried[d][name])
        in_one[name] = best[1]
        rows.append([name, *(f"{value:.3g}" for value in best.values())])
    for name, ours in (("blackjax_mala", "MALA"), ("blackjax_random_walk", "random walk"), ("blackjax_slice", "Gibbs")):
        make_ours, make_other, _, _ = RIVALS[name]
        try:
            ratio = compare(make_ours(), make_other(), repetitions)
        except Unavailable:
            continue
        rows.append(
            [f"{ratio.other}: the same steps", f"{in_one[ours] * ratio.ratio:.3g}", *[""] * (len(EFFECTIVE) - 1)]
        )
    heads = ["sampler", *(f"{d}-D" for d in EFFECTIVE)]
    return (
        "Bulk effective samples per CPU second of the slowest of the coordinates, their squares and the energy, at\n"
        f"n_beta {effective.N_BETA:g} on the potentials above, each sampler at the best of a few steps. A peer that\n"
        "takes the same steps is worth as much per step; its row is what they cost it.\n\n" + markdown(heads, rows)
    )


def _exact(say: Callable[[str], None], missed: list[str]) -> str:
    rows = []
    for name, make in CASES.items():
        say(name)
        try:
            case = make()
        except Unavailable:
            continue
        answer = case.ours.run()
        for other in case.others:
            apart = difference(answer, other.run())
            if not apart < case.tolerance:
                missed.append(f"{name}: differs from {other.name} by {apart:.2g}")
            found = compare(case.ours, other, case.repetitions)
            rows.append([
                f"{name}, per {case.unit}",
                f"{1e3 * found.our_cost.cpu:.3g}",
                other.name,
                f"{1e3 * found.other_cost.cpu:.3g}",
                found.cell(),
                f"{apart:.1e}",
            ])  # fmt: skip
    say("reference case")
    whole, work = measure(reference_case(), 3), reference_case().units
    say("ends in a plane")
    plane = measure(ends_plane(), 3).cpu * ends_plane().units
    heads = ["job", "ours, ms", "other", "other, ms", "ours / other", "largest difference"]
    note = "The whole reference case (fixed total, every switch epoch of 200, four batch sizes, with grids)"
    more = "A coupled pair in a plane (121 switch epochs, four batch sizes, with grids)"
    return f"{markdown(heads, rows)}\n\n{note}: {whole.cpu * work:.2f} s of CPU time. {more}: {plane:.1f} s."


def _commands(say: Callable[[str], None], missed: list[str]) -> str:
    rows = []
    for name, measured in JOBS.items():
        say(name)
        found = measured(COMMANDS)
        limit = LIMITS.get(name)
        if limit is not None and found.ratio > limit:
            missed.append(f"{name}: {found.ratio:.2f} times its parts, at most {limit:g} is wanted")
        parts = ", ".join(f"{part} {cpu:.2f}" for part, cpu in found.parts.items())
        cells = [f"{found.job.cpu:.2f}", f"{found.job.wall:.2f}", parts, f"{found.ratio:.2f}"]
        rows.append([name, *cells, "" if limit is None else f"{limit:g}"])
    heads = ["job", "CPU s", "wall s", "parts alone, CPU s", "job / parts", "limit"]
    return (
        f"{markdown(heads, rows)}\n\nEach in a process of its own, start and end included; medians of {COMMANDS}. "
        f"Load average {os.getloadavg()[0]:.1f}: other work took its share where it is above 2. First draws: {FEWEST} "
        f"chains, {STEPS} steps of overdamped Langevin; with empty caches compiling is in the job and in no part."
    )


def _sweeps(say: Callable[[str], None], missed: list[str]) -> str:
    rows, notes = [], []
    for name, measured in ENGINES.items():
        say(f"sweep by {name}")
        try:
            found = measured(COMMANDS)
        except Unavailable as reason:
            notes.append(f"Not measured: {name} ({reason}).")
            continue
        limit = SWEEP_LIMITS[name]
        if found.sweep.wall > limit:
            missed.append(f"sweep by {name}: {1e3 * found.sweep.wall:.2f} ms a unit, at most {1e3 * limit:g} is wanted")
        ratio = "" if found.ratio is None else f"{found.ratio:.2f}"
        rows.append([name, f"{1e3 * found.sweep.wall:.2f}", f"{1e3 * found.sweep.cpu:.2f}", ratio, f"{1e3 * limit:g}"])
    heads = ["engine", "ms a unit", "driver's CPU, ms a unit", "over Ray Core alone", "limit, ms a unit"]
    note = (
        f"Sweeps of {UNITS} units that do nothing, on two workers that are there already: keys, ledger, checksums and\n"
        f"dataset included; medians of {COMMANDS}. Ray Core alone makes the same calls and keeps nothing."
    )
    return "\n\n".join([markdown(heads, rows), note, *notes])
