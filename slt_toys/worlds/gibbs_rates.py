"""How often the three-way verdict is right: ``python -m slt_toys.sweep gibbs_rates --docs docs``.

Every world of :mod:`slt_toys.worlds.gibbs` is run and judged for many seeds, each a point of the sweep. The page counts
the answers of the sweep and of the runs that are kept in docs/gibbs_rates.jsonl, which an earlier version made.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theory.equations import linked

from ..fits.resampling import share_interval
from ..inputs.arguments import checked_arguments
from ..sweep.study import SweptStudy
from ..thermometers.gibbs_verdict import Spread, answer_of
from .gibbs import WORLDS, GibbsWorld, anisotropic, hot_well, judge

if TYPE_CHECKING:
    import xarray as xr

CHAINS, DURATION = 640, 400.0
SHORT = ("additive, short runs", 40, 120.0)
ANSWERS = ("tempered posterior", "activated, not Gibbs", "not activated", "not Gibbs", "cannot tell")
# Beside the worlds by name: heat of the deep well over that of the shallow one, and along one axis over the other.
FACTORS, RATIOS = (1.06, 1.12), (1.25,)
CASES = {
    **WORLDS,
    **{f"hot clean well, factor {factor:g}": partial(hot_well, factor) for factor in FACTORS},
    **{f"anisotropic, ratio {ratio:g}": partial(anisotropic, ratio) for ratio in RATIOS},
    SHORT[0]: WORLDS["additive"],
}
# Cases that are counted together, by what their noise is.
FAMILIES = {
    "one temperature": ("langevin", "additive", "additive, two coordinates"),
    "noise by place": (
        "hot clean well", "hot clean well, two coordinates", "noise grows with the loss",
        *(f"hot clean well, factor {factor:g}" for factor in FACTORS),
    ),
    "heavy tails": ("heavy tails", "heavy tails, two coordinates"),
    "noise by direction": (
        "anisotropic", "aligned with the Hessian", *(f"anisotropic, ratio {ratio:g}" for ratio in RATIOS)
    ),
}  # fmt: skip


KEPT = Path(__file__).parents[2] / "docs" / "gibbs_rates.jsonl"
SEEDS = tuple(range(20_000, 20_004))  # none of those that are kept


@dataclass(frozen=True)
class GibbsRun:
    """A point of the sweep.

    Attributes
    ----------
    seed
        Of all its randomness.
    case
        The world by name.
    """

    seed: int = SEEDS[0]
    case: str = "additive"

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, not {self.seed}")
        if self.case not in CASES:
            raise ValueError(f"case must be one of {'; '.join(CASES)}, not {self.case!r}")


@checked_arguments
def judged(case: str, seed: int) -> dict[str, Any]:
    """Run one case for one seed: the answer and the numbers it rests on."""
    if case not in CASES:
        raise ValueError(f"case must be one of {', '.join(CASES)}, not {case!r}")
    world: GibbsWorld = CASES[case]()
    chains, duration = SHORT[1:] if case == SHORT[0] else (CHAINS, DURATION)
    verdict = judge(world, chains=chains, duration=duration, seed=seed)
    return {
        "case": case,
        "seed": seed,
        "answer": verdict.answer,
        "low": [round(spread.low, 4) for spread in verdict.spreads],
        "high": [round(spread.high, 4) if math.isfinite(spread.high) else None for spread in verdict.spreads],
        "ratio": [round(spread.ratio, 4) if math.isfinite(spread.ratio) else None for spread in verdict.spreads],
        "unread": [len(spread.unread) for spread in verdict.spreads],
        "exponent": [
            [
                round(value, 3) if math.isfinite(value) else None
                for value in (d.exponent_low, d.exponent, d.exponent_high)
            ]
            for d in verdict.dependences
        ],
        "escapes": [d.answer for d in verdict.dependences],
        "statement": verdict.statement,
    }


def judged_run(seed: int, case: str) -> dict[str, str]:
    """A run at a point of the sweep: its answer, and all that it rests on as JSON."""
    line = judged(case, seed)
    return {"answer": line["answer"], "line": json.dumps(line)}


def lines_of(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """What a sweep's dataset says of each run that is done."""
    return [json.loads(line) for line in dataset["line"].values.ravel() if line]


def with_kept(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those lines, and the kept ones of other runs."""
    ran = {(line["case"], line["seed"]) for line in lines}
    return [*(line for line in read(KEPT) if (line["case"], line["seed"]) not in ran), *lines]


def read(record: Path) -> list[dict[str, Any]]:
    """Lines of a record; none where there is no file."""
    if not record.exists():
        return []
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines() if line.strip()]


def page(lines: Sequence[dict[str, Any]]) -> str:
    """Count the answers of every case."""
    lines = [{**line, "answer": recounted(line)} for line in lines]
    rows = [
        "| world | should be | runs | " + " | ".join(ANSWERS) + " | share called so | thermometers apart |",
        "|---|---|---|" + "---|" * (len(ANSWERS) + 2),
    ]
    for case, make in CASES.items():
        own = [line for line in lines if line["case"] == case]
        if own:
            rows.append(_row(case, "cannot tell" if case == SHORT[0] else make().expected, own))
    for family, cases in FAMILIES.items():
        own = [line for line in lines if line["case"] in cases]
        if own:
            rows.append(_row(f"**all of {family}**", CASES[cases[0]]().expected, own))
    return linked("\n".join([*_HEAD, *rows, "", *_FOOT, ""]), "../theory/pages/")


def recounted(line: dict[str, Any]) -> str:
    """The answer that the rule of today gives to a line's bounds and escapes."""
    spreads = [
        Spread("", "", 0.0, low, math.inf if high is None else high, ("unread",) * unread)
        for low, high, unread in zip(line["low"], line["high"], line["unread"], strict=True)
    ]
    return answer_of(spreads, line["escapes"])


def _row(case: str, expected: str, own: Sequence[dict[str, Any]]) -> str:
    counts = Counter(line["answer"] for line in own)
    right, total = counts[expected], len(own)
    low, high = map(float, share_interval(right, total))
    apart = sorted(
        _median(line["ratio"][k] for line in own if k < len(line["ratio"]))
        for k in range(max(len(line["ratio"]) for line in own))
    )
    told = [f"{100 * value:.0f}" for value in apart if math.isfinite(value)]
    numbers = " | ".join(str(counts[answer]) for answer in ANSWERS)
    between = f"{told[0]} to {told[-1]} %" if told else "cannot be read"
    return f"| {case} | {expected} | {total} | {numbers} | {right / total:.3f} [{low:.3f}, {high:.3f}] | {between} |"


def _median(values: Iterable[float | None]) -> float:
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else math.nan


_HEAD = (
    "# Gibbs or merely noisy?",
    "",
    "Written by `python -m slt_toys.sweep gibbs_rates --docs docs`, with the runs that were kept before. Every run is",
    f"judged from its trajectories, its loss, η and B alone: {CHAINS} chains for {DURATION:g} of Langevin time at each",
    "of three sizes of the noise, all intervals of one verdict together at 95 %. *Tempered posterior*: thermometers",
    "agree within 20 % at every level. *Activated, not Gibbs*: they are more than 8 % apart and log escape rates are",
    "linear in B/η. *Not activated*: escape rates are a power of the noise, or do not depend on it. The last column is",
    "the median ratio of the hottest to the coldest reading, minus 1, least and largest of the levels.",
    "",
)
_FOOT = (
    "What the rows say:",
    "",
    "- Heavy tails are *not activated*: escapes are single jumps, and their rate is (η/B)^(α-1), a power that knows",
    "  the width of a well and not its height [eq:stable-escape-rate]. It depends on η/B alone all the same: that runs",
    "  collapse on η/B tells nothing of a temperature.",
    "- The deep well 1.06 times as hot: energies and escapes of the two wells differ by 6 %, occupancy by 20 %",
    "  [eq:noisy-occupancy-temperature]: the hotter phase is the emptier, which no mean of two temperatures says.",
    "- Coarse steps, ηh = .4 (the control run of the critical period begins there): the energy reads ηh/2, a fifth,",
    "  hotter than the escapes, which steps hardly change [eq:discrete-escape-factor]. By the rule of 20 % that is no",
    "  tempered posterior, for a cause that is known by law [eq:sgd-temperature-quadratic]. At ηh = .08 it is one.",
    "- Noise aligned with the Hessian, as of a network near its minimum, has a temperature for each direction",
    "  [eq:aligned-temperature]; hopping is activated by the quasi-potential [eq:geometric-action], not by the loss.",
    "- Swirl leaves exp(-L/T) stationary: where the weights are is a tempered posterior, how soon they leave is not.",
    "- Short runs: neither a difference of 20 % nor its absence is claimed, but as often as 95 % intervals miss.",
    "",
    "What one temperature allows, 8 %, was set after four runs at factor 1.06, which are not counted.",
)

STUDY = SweptStudy(
    "gibbs_rates", GibbsRun, judged_run, {"seed": SEEDS, "case": tuple(CASES)}, None,
    lambda dataset: {"gibbs.md": page(with_kept(lines_of(dataset)))},
)  # fmt: skip
