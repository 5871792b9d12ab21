"""Size and power of the verdict in shares: ``python -m slt_toys.worlds.share_power`` writes docs/verdict_power.md.

Counts are drawn from the exact stuck shares of a pair in the unlike arms: purely thermal; with a part of the runs
decided by each rival, whose thresholds have a log-logistic law that ends the control's critical period where
temperature does; and with energies that are higher in the arms with another batch size. Each set of counts is judged
with both forms of the thermal share.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from ..inputs.arguments import checked_arguments
from ..potentials.catalogue import find_pair
from ..potentials.potential import PotentialPair
from ..protocol.arms import ARMS, Observation, copied_arms
from ..protocol.exact import exact_stuck_in_arm
from ..results.progress import progress
from ..results.records import write_bytes_atomically
from .hypotheses import design
from .mechanisms import MECHANISMS, NONE, RIVALS, TEMPERATURE, Rival, batch_groups
from .mixture import Mixture, mixture_of
from .share_tests import Draws, bootstrap
from .shares import ShareTests, intervals, temperature_alone, temperature_share
from .verdict_power import redrawn, scaled_energies
from .world import observe, thermal_two_phase

Array = NDArray[np.float64]
FACTORS = (0.6, 0.8, 1.0, 1.25, 1.6)  # on energies, where known shares are tabulated
HIGHER = 1.25
RUNS, CONFIDENCE = 100, 0.95
SWITCHES = tuple(range(0, 101, 5))
SHARPEST = -2.5  # log width of the thresholds of a rival made up here
REFERENCE = 1999  # draws of temperature alone with known shares
REGIONS = 100  # sets of which all intervals are judged

__all__ = ["PowerRow", "default_cells", "energy_table", "power_row", "rival_shares", "table"]


@dataclass(frozen=True)
class PowerRow:
    """What sets of counts of one world amount to.

    Attributes
    ----------
    world
        In words.
    form
        Of the thermal share.
    share
        Of the runs that temperature decides.
    sets
        Of counts.
    refused
        In how many of them temperature alone is refused at .01.
    covered, judged
        In how many the interval of temperature's share holds it, of how many.
    rivals_covered, rivals_judged
        The same of all other shares together.
    width
        Median width of temperature's interval.
    """

    world: str
    form: str
    share: float
    sets: int
    refused: int
    covered: int
    judged: int
    rivals_covered: int
    rivals_judged: int
    width: float


# ---- worlds ---------------------------------------------------------------------------------------------------------
@checked_arguments
def default_cells(
    pair: str = "regular_double_well", runs: int = RUNS, seed: int = 0
) -> tuple[tuple[Observation, ...], Array]:
    """Cells of the unlike arms within the law, and their exact stuck shares."""
    world = thermal_two_phase(pair, switch_epochs=SWITCHES)
    seen = observe(world, [arm for arm in ARMS if arm.within_the_law], runs=runs, seed=seed)
    copies = copied_arms(seen)
    seen = tuple(each for each in seen if each.arm not in copies)
    return seen, _exact(find_pair(pair), seen)


def _exact(pair: PotentialPair, observations: Sequence[Observation]) -> Array:
    shares = np.empty(len(observations))
    names = np.array([each.arm for each in observations])
    for arm in dict.fromkeys(names):
        own = np.flatnonzero(names == arm)
        shares[own] = exact_stuck_in_arm(pair, [observations[int(at)].schedule for at in own])
    return shares


@checked_arguments
def energy_table(
    pair: PotentialPair, observations: Sequence[Observation], shares: Array, factors: Sequence[float] = FACTORS
) -> tuple[Array, Array]:
    """Exact stuck shares with all energies times a factor, for cells with another batch size than most.

    Parameters
    ----------
    pair, observations
    shares
        Exact, of all cells.
    factors

    Returns
    -------
    tuple
        Factors, and shares of shape (factors, cells).
    """
    group, table = batch_groups(observations)[0], np.tile(np.asarray(shares, dtype=float), (len(factors), 1))
    where = np.flatnonzero(group)
    if where.size:
        own = [observations[int(at)] for at in where]
        for row, factor in enumerate(factors):
            if factor != 1:
                table[row, where] = _exact(pair, scaled_energies(own, factor, [each.arm for each in own]))
    return np.array(factors, dtype=float), table


@checked_arguments
def rival_shares(observations: Sequence[Observation], thermal: Array, name: str) -> Array:
    """Stuck shares of runs that a rival decides, shape (cells,).

    Thresholds are log-logistic. Centre and width are those by which it comes nearest to the thermal shares of the first
    arm; memory of the start has the median flow time and a width of .3, and none a share of one half.
    """
    if name == NONE:
        return np.full(len(observations), 0.5)
    rival = next(each for each in RIVALS if each.name == name)
    values = rival.log_variable(design(observations))
    control = np.array([each.arm == observations[0].arm for each in observations])
    if name == "memory of the start":
        return _log_logistic(rival, values, float(np.median(values)), float(np.log(0.3)))
    middles = np.quantile(values[control & np.isfinite(values)], [0.2, 0.4, 0.6, 0.8])
    fits = [
        optimize.minimize(
            lambda at: float(((_log_logistic(rival, values, *at) - thermal)[control] ** 2).sum()),
            [middle, -1.5],
            method="Nelder-Mead",
        )
        for middle in middles
    ]
    centre, log_width = min(fits, key=lambda fit: fit.fun).x
    return _log_logistic(rival, values, float(centre), max(float(log_width), SHARPEST))


def _log_logistic(rival: Rival, values: Array, centre: float, log_width: float) -> Array:
    sign = 1 if rival.rising else -1
    beyond = np.clip(sign * (np.nan_to_num(values, neginf=-1e9) - centre) / np.exp(log_width), -500, 500)
    return np.asarray(1 / (1 + np.exp(-beyond)), dtype=float)


def _truth(observations: Sequence[Observation], rival: str, share: float, shares: Array) -> Array:
    """Shares of all mechanisms: a rival's thresholds beyond all values count as none."""
    truth = np.zeros(len(MECHANISMS))
    truth[0] = share
    within = 1.0 if rival in (NONE, TEMPERATURE) else float(np.ptp(shares))
    if rival != TEMPERATURE:
        truth[MECHANISMS.index(rival)] += (1 - share) * within
    truth[-1] += (1 - share) * (1 - within)
    return truth


# ---- rows -----------------------------------------------------------------------------------------------------------
@checked_arguments
def power_row(
    mixture: Mixture,
    observations: Sequence[Observation],
    shares: Array,
    world: str,
    truth: Array | None,
    *,
    sets: int,
    draws: int,
    seed: int,
    regions: int,
    of_known: Draws | None = None,
) -> PowerRow:
    """Judge counts drawn from the stuck shares of one world.

    Parameters
    ----------
    mixture
        Of these cells; its counts do not matter.
    observations
        In the order of the mixture's cells.
    shares
        That make the counts, shape (cells,).
    world
        In words.
    truth
        Shares of the mechanisms; None where no mixture holds.
    sets, seed
    draws
        Of each bootstrap.
    regions
        Sets of which all intervals are judged; of the others, that of temperature alone, if it is by information.
    of_known
        Draws of temperature alone with known shares.
    """
    refused, covered, count, others, judged, widths = 0, 0, 0, 0, 0, []
    fixed = mixture.thermal.form == "known"
    for number in range(sets):
        stuck = np.array([float(each.stuck) for each in redrawn(observations, shares, [seed, number])])
        again = mixture.with_counts(stuck)
        if not fixed:
            again.__dict__.pop("starts")
        tests = ShareTests(again, draws, seed + number, None)
        tests.of_known = of_known
        refused += int(temperature_alone(tests, False)[1])
        if truth is None:
            continue
        best = tests.larger_fit(MECHANISMS, False, tests.fit([TEMPERATURE]))
        first = temperature_share(again, best, CONFIDENCE)
        if number < regions:
            drawn = bootstrap(again, best, [], draws=draws, seed=seed + number)
            told = intervals(again, best, drawn, CONFIDENCE, 1.0)
            inside = [bool(each.low <= value <= each.high) for each, value in zip(told, truth, strict=True)]
            first, others, judged = told[0], others + sum(inside[1:]), judged + len(inside) - 1
        if first is not None:
            covered, count = covered + int(first.low <= truth[0] <= first.high), count + 1
            widths.append(first.high - first.low)
    share = float("nan") if truth is None else float(truth[0])
    width = float(np.median(widths)) if widths else float("nan")
    return PowerRow(world, mixture.thermal.form, share, sets, refused, covered, count, others, judged, width)


def _worlds(observations: Sequence[Observation], thermal: Array, portions: Sequence[float]) -> list[tuple]:
    """Name, shares and truth of every mixture."""
    told: list[tuple] = [("temperature alone", thermal, _truth(observations, TEMPERATURE, 1.0, thermal))]
    for share in portions:
        for name in MECHANISMS[1:]:
            rival = rival_shares(observations, thermal, name)
            mixed = share * thermal + (1 - share) * rival
            told.append(
                (f"{share:g} temperature, {1 - share:.2g} {name}", mixed, _truth(observations, name, share, rival))
            )
    return told


def _interval(hits: int, count: int) -> str:
    low = float(stats.beta.ppf(0.025, hits, count - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(0.975, hits + 1, count - hits)) if hits < count else 1.0
    return f"{100 * hits / count:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def table(rows: Sequence[PowerRow]) -> str:
    """Rows as markdown."""
    lines = [
        "| world | thermal share by | sets | temperature alone refused at .01 | its interval covers | other intervals "
        "cover | median width |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        covers = _interval(row.covered, row.judged) if row.judged else "-"
        others = f"{100 * row.rivals_covered / row.rivals_judged:.1f} %" if row.rivals_judged else "-"
        width = f"{row.width:.2f}" if row.judged else "-"
        lines.append(
            f"| {row.world} | {row.form} | {row.sets} | {_interval(row.refused, row.sets)} | {covers} | {others} | "
            f"{width} |"
        )
    return "\n".join(lines) + "\n"


# ---- command --------------------------------------------------------------------------------------------------------
def _cached(folder: Path, name: str, make: Callable[[], PowerRow]) -> PowerRow:
    path = folder / f"{name}.json"
    if path.exists():
        return PowerRow(**json.loads(path.read_text(encoding="utf-8")))
    row = make()
    write_bytes_atomically(json.dumps(asdict(row)).encode("utf-8"), path)
    return row


def study(folder: Path, forms: Sequence[str], sets: int, draws: int, seed: int) -> list[PowerRow]:
    """All rows; each is kept in a folder as soon as it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    pair = find_pair("regular_double_well")
    seen, shares = default_cells(seed=seed)
    energies = energy_table(pair, seen, shares)
    group = batch_groups(seen)[0]
    higher = np.where(group > 0, energies[1][list(FACTORS).index(HIGHER)], shares)
    rows = []
    for form in forms:
        known = form == "known"
        mixture = mixture_of(seen, shares, energies) if known else mixture_of(seen)
        cells = mixture.cells.observations
        order = [next(at for at, each in enumerate(seen) if each is one) for one in cells]
        worlds = _worlds(seen, shares, (0.95, 0.8, 0.6) if known else (0.8,))
        worlds.append((f"energies times {HIGHER:g} at other batch sizes", higher, None))
        of_known = None
        if known:
            start = mixture.with_counts(mixture.cells.runs * shares[order]).fit([TEMPERATURE])
            larger = [(MECHANISMS, bool(mixture.thermal.groups))]
            of_known = bootstrap(mixture, start, larger, draws=REFERENCE, seed=seed)
        with progress(f"power, {form}", len(worlds)) as advance:
            for number, (name, made, truth) in enumerate(worlds):
                count = 4 * sets if known and not number else sets if known or not number else sets // 8
                regions = min(REGIONS, count // 5)
                make = partial(
                    power_row, mixture, cells, made[order], name, truth, sets=count, draws=draws,
                    seed=seed + 1000 * number, regions=regions, of_known=of_known,
                )  # fmt: skip
                rows.append(_cached(folder, f"{form.replace(' ', '_')}_{number}_{count}_{draws}_{seed}", make))
                advance()
    return rows


TEXT = """\
# Size and power of the verdict in shares

Counts drawn from exact stuck shares of `regular_double_well` in the {arms} unlike arms, {cells} cells of {runs} runs;
written by `python -m slt_toys.worlds.share_power`. A set is refused if temperature alone is, by its likelihood ratio
to all mechanisms with energies that may differ between batch sizes, or by its deviance, at .01 together. Brackets are
95 % intervals of the percentages.

- *Its interval covers*: the 95 % interval of the share of runs that temperature decides. By known shares it is that of
  the information. Where temperature decides all runs, the interval ends at 1 and can miss on one side only: 97.5 %.
- *Other intervals cover*: those of the five other shares together, by regions of likely mixtures, which cover at least
  95 %. A cut of each share's own profile by bootstrap was tried and left: it covers .35 to 1.
- The two-state law misses the exact shares by at most .007, which adds .7 to its deviance at 100 runs a cell. It needs
  no pair, but its intervals are twice to three times as wide, and it takes a constant share for temperature, because
  its energy differences move the shares that it starts and ends with: none is not told from it. Known shares have the
  lead.

"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=500, help="sets of counts of a world")
    parser.add_argument("--draws", type=int, default=99, help="of each bootstrap")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forms", nargs="+", default=["known", "two-state law"])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "verdict_power")
    parser.add_argument("--output", type=Path, default=Path("docs") / "verdict_power.md")
    given = parser.parse_args(arguments)
    rows = study(given.folder, given.forms, given.sets, given.draws, given.seed)
    seen, _ = default_cells(seed=given.seed)
    text = TEXT.format(arms=len({each.arm for each in seen}), cells=len(seen), runs=RUNS)
    write_bytes_atomically((text + table(rows)).encode("utf-8"), given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
