"""`python -m slt_toys.learning_coefficient.exact_fuzz`: random ideals of known answer, put to the exact engine.

Monomial ideals in two to four coordinates have their value and multiplicity from a linear programme. Here they are
disguised by what changes neither: generators times units and combined with one another, coordinates changed linearly or
by a shear with higher terms; two of them in coordinates of their own are added or multiplied, where values add or the
smaller one wins. The engine may refuse, with bounds that hold, and must not contradict; every so often the volume
function is sampled as a third opinion.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import sympy
from sympy import Expr, Integer, Rational, Symbol

from slt_toys.learning_coefficient.volume import volume_estimate
from theory.command_line import Parser
from theory.learning_coefficient.ideal import rlct_of_ideal
from theory.learning_coefficient.linear_programme import linear_programme
from theory.learning_coefficient.local_problem import LearningCoefficientRefused

NAMES = tuple(Symbol(name, real=True) for name in ("x", "y", "z", "w"))
CONFIDENCE = 0.9999
Pair = tuple[Fraction, int]


@dataclass(frozen=True)
class KnownIdeal:
    """Generators in `coordinates`, and the value and multiplicity that they must have at the origin."""

    generators: tuple[Expr, ...]
    coordinates: tuple[Symbol, ...]
    value: Fraction
    multiplicity: int
    disguise: str


@dataclass(frozen=True)
class Outcome:
    """What the engine said: "right", "refused", or what is wrong, in `seconds` of one processor.

    `sampled`: whether volumes were, and held the answer.
    """

    ideal: KnownIdeal
    verdict: str
    seconds: float
    sampled: bool = False

    @property
    def contradicts(self) -> bool:
        """Whether the engine, a bound or the volumes deny the known answer."""
        return self.verdict not in ("right", "refused")


def random_ideal(rng: np.random.Generator) -> KnownIdeal:
    """One ideal and its answer."""
    kind = str(rng.choice(["one", "sum", "product"], p=[0.6, 0.2, 0.2]))
    if kind == "one":
        names = NAMES[: int(rng.integers(2, 5))]
        rows = _rows(rng, len(names))
        value, multiplicity = _answer(rows)
        generators = _monomials(rows, names)
    else:
        names = NAMES
        parts = [_rows(rng, 2), _rows(rng, 2)]
        (value, multiplicity), (other, count) = (_answer(rows) for rows in parts)
        first, second = (_monomials(rows, pair) for rows, pair in zip(parts, (names[:2], names[2:]), strict=True))
        if kind == "sum":
            value, multiplicity, generators = value + other, multiplicity + count - 1, first + second
        else:
            generators = [f * g for f in first for g in second]
            multiplicity = (multiplicity if value <= other else 0) + (count if other <= value else 0)
            value = min(value, other)
    disguise = str(rng.choice(["units", "combined", "linear", "shear"]))
    hidden = _hidden(rng, generators, names, disguise)
    return KnownIdeal(tuple(sympy.expand(f) for f in hidden), names, value, multiplicity, f"{kind}, {disguise}")


def _rows(rng: np.random.Generator, n: int) -> tuple[tuple[int, ...], ...]:
    """Exponents of one to three monomials, none of them constant."""
    rows = [tuple(int(e) for e in rng.integers(0, 4, size=n)) for _ in range(int(rng.integers(1, 4)))]
    kept = tuple(row for row in rows if any(row))
    return kept or _rows(rng, n)


def _answer(rows: Sequence[Sequence[int]]) -> Pair:
    used = [j for j in range(len(rows[0])) if any(row[j] for row in rows)]
    whole = tuple(tuple(2 * row[j] for j in used) for row in rows)
    return linear_programme(whole, (Fraction(1),) * len(used))


def _monomials(rows: Sequence[Sequence[int]], names: Sequence[Symbol]) -> list[Expr]:
    return [sympy.Mul(*[c**e for c, e in zip(names, row, strict=True)]) for row in rows]


def _hidden(rng: np.random.Generator, generators: Sequence[Expr], names: Sequence[Symbol], disguise: str) -> list[Expr]:
    if disguise == "units":
        return [f * (1 + int(rng.integers(-1, 2)) * names[int(rng.integers(len(names)))]) for f in generators]
    if disguise == "combined":
        factors = [names[int(rng.integers(len(names)))] for _ in generators]
        combined = [f + int(rng.integers(-1, 2)) * c * generators[0] for f, c in zip(generators, factors, strict=True)]
        return [generators[0], *combined[1:]]
    order = [int(i) for i in rng.permutation(len(names))]
    target, *others = order
    shift = sum((int(rng.integers(-1, 2)) * names[i] for i in others[:2]), Integer(0))
    if disguise == "shear":
        shift = int(rng.integers(1, 3)) * names[others[0]] ** 2
    return [f.xreplace({names[target]: names[target] + shift}) for f in generators]


def examine(ideal: KnownIdeal, volume_seed: int | None = None) -> Outcome:
    """Put one ideal to the engine and, given a seed, to the volume function."""
    start = time.process_time()
    known = Rational(ideal.value.numerator, ideal.value.denominator)
    try:
        found = rlct_of_ideal(ideal.generators, ideal.coordinates, (0,) * len(ideal.coordinates))
        right = (found.value, found.multiplicity) == (known, ideal.multiplicity)
        verdict = "right" if right else f"answered {found.value}, {found.multiplicity}"
    except LearningCoefficientRefused as error:
        low, high = error.lower, error.upper
        true = (low is None or low <= known) and (high is None or known <= high)
        verdict = "refused" if true else f"refused with bounds {low}, {high}"
    held = None
    if volume_seed is not None and verdict in ("right", "refused"):
        try:
            sampled = volume_estimate(ideal.generators, ideal.coordinates, volume_seed, 0.25, confidence=CONFIDENCE)
        except ValueError:  # rounding ends the descent too soon
            sampled = None
        held = None if sampled is None else sampled.low <= float(known) <= sampled.high
        if sampled is not None and not held:
            verdict = f"sampled {sampled.low:.4f} to {sampled.high:.4f}"
    return Outcome(ideal, verdict, time.process_time() - start, bool(held))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status (1 where there is a contradiction)."""
    parser = Parser(prog="python -m slt_toys.learning_coefficient.exact_fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--volume-every", type=int, default=0, help="sample the volumes of every so many; 0: of none")
    options = parser.parse_args(arguments)
    for name, value, least in (("--cases", options.cases, 1), ("--volume-every", options.volume_every, 0)):
        if value < least:
            parser.error(f"{name}: expected a whole number of at least {least}, got {value}")
    rng = np.random.default_rng(options.seed)
    counts: dict[str, int] = {}
    slowest, held = 0.0, 0
    for number in range(options.cases):
        sampled = options.volume_every and number % options.volume_every == 0
        outcome = examine(random_ideal(rng), options.seed + number if sampled else None)
        slowest, held = max(slowest, outcome.seconds), held + outcome.sampled
        counts[outcome.verdict if not outcome.contradicts else "contradictions"] = (
            counts.get(outcome.verdict if not outcome.contradicts else "contradictions", 0) + 1
        )
        if outcome.contradicts:
            known = f"{outcome.ideal.disguise}: known {outcome.ideal.value}, {outcome.ideal.multiplicity}"
            print(f"{outcome.ideal.generators} ({known}; {outcome.verdict})")
    shown = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    print(
        f"{options.cases} ideals: {shown}; slowest {slowest:.0f} s; volumes hold {held} of those that could be sampled"
    )
    return int("contradictions" in counts)


if __name__ == "__main__":
    sys.exit(main())
