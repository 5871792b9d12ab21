"""`python -m slt_toys.learning_coefficient.table_volumes`: the table of known values held against volumes.

Every case of :mod:`theory.learning_coefficient.table` that asks for a polynomial loss or ideal is sampled by
:func:`slt_toys.learning_coefficient.volume.volume_estimate`, which knows nothing of the engine. A loss K that is no
sum of given squares is sampled as the ideal (K), of which λ is half. What is no polynomial, has another prior than
powers of coordinates, has too many of them, or is answered by a theorem's formula from sizes alone is not sampled, and
is counted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Abs, Expr, Symbol
from sympy.core.relational import Relational

from slt_toys.learning_coefficient.volume import VolumeEstimate, volume_estimate
from theory.command_line import Parser
from theory.learning_coefficient.domain import read_relations
from theory.learning_coefficient.door import rlct
from theory.learning_coefficient.published.cases import Case
from theory.learning_coefficient.table import cases
from theory.learning_coefficient.text import read_expression, read_relation

CONFIDENCE, RADIUS = 0.9999, 0.25
WIDE = 4.0  # ends of an interval that says nothing
MOST = 9  # coordinates: in 15 of them a case takes five minutes


@dataclass(frozen=True)
class Question:
    """What is sampled for a case: generators at the origin, and by how much their λ is that of the case."""

    generators: tuple[Expr, ...]
    coordinates: tuple[Symbol, ...]
    factor: float
    exponents: tuple[float, ...]
    relations: tuple[Relational, ...]

    def inside(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether points, shape (points, d), lie in the domain."""
        there = np.ones(len(points), dtype=np.bool_)
        for relation in self.relations:
            held = sympy.lambdify(self.coordinates, relation, "numpy")(*points.T)
            there &= np.broadcast_to(np.asarray(held, dtype=np.bool_), there.shape)
        return there

    def sampled(self, seed: int | Sequence[int]) -> VolumeEstimate:
        """The volumes' numbers."""
        inside = self.inside if self.relations else None
        return volume_estimate(
            self.generators, self.coordinates, seed, RADIUS, self.exponents, inside, confidence=CONFIDENCE
        )


@dataclass(frozen=True)
class Verdict:
    """What the volumes say to a case's known value.

    "held"; "held, but for its multiplicity", where λ lies in the interval of another one; "too wide to tell", where the
    ends of the interval are more than four times apart; "denied"; or why it was not sampled.
    """

    case: Case
    said: str
    found: VolumeEstimate | None
    seconds: float


def question(case: Case) -> Question | str:
    """What to sample for a case, or why nothing can be."""
    ask = case.ask
    if not isinstance(ask, partial) or ask.func is not rlct:
        return "answered from sizes"
    expression, named, options = *ask.args, ask.keywords
    several = isinstance(expression, sympy.MatrixBase | list | tuple)
    read = [_read(item) for item in (list(expression) if several else [expression])]
    symbols = {c.name: c for f in read for c in f.free_symbols if isinstance(c, Symbol)}
    names = [symbols.get(str(c), Symbol(str(c), real=True)) for c in named] if named is not None else [
        symbols[name] for name in sorted(symbols)
    ]  # fmt: skip
    place = options.get("point")
    there = [sympy.sympify(v) for v in (place.values() if isinstance(place, dict) else place or [0] * len(names))]
    moved = {c: c + v for c, v in zip(names, there, strict=True)}
    generators = [sympy.expand(f.xreplace(moved)) for f in read]
    if not all(f.is_polynomial(*names) for f in generators):
        return "no polynomial"
    exponents = _exponents(_read(options.get("prior", 1), symbols), names)
    if exponents is None:
        return "another prior"
    relations = [_relation(item, symbols) for item in _listed(options.get("domain"))]
    return Question(
        tuple(generators), tuple(names), 1.0 if several else 0.5, exponents,
        tuple(r.xreplace(moved) for r in relations),
    )  # fmt: skip


def _read(value: Any, known: dict[str, Symbol] | None = None) -> Any:
    return read_expression("expression", value, known or {}) if isinstance(value, str) else sympy.sympify(value)


def _listed(domain: Any) -> list[Any]:
    return [] if domain is None else [domain] if isinstance(domain, str | Relational) else list(domain)


def _relation(item: Any, known: dict[str, Symbol]) -> Any:
    (read,) = read_relations([read_relation("domain", item, known) if isinstance(item, str) else item])
    return read


def _exponents(prior: Expr, names: Sequence[Symbol]) -> tuple[float, ...] | None:
    powers = dict.fromkeys(names, 0.0)
    for part in sympy.Mul.make_args(prior):
        base, power = part.as_base_exp()
        inside = base.args[0] if isinstance(base, Abs) else base
        if part.is_number:
            continue
        if inside not in powers or not power.is_number:
            return None
        powers[inside] += float(power)
    return tuple(powers.values())


def judge(case: Case, seed: int | Sequence[int], most: int = MOST) -> Verdict:
    """Sample a case, where it can be, and has no more than so many coordinates."""
    asked, start = question(case), time.process_time()
    if not isinstance(asked, str) and len(asked.coordinates) > most:
        asked = f"more than {most} coordinates"
    if isinstance(asked, str):
        return Verdict(case, asked, None, 0.0)
    try:
        found = asked.sampled(seed)
    except ValueError as error:  # rounding ends the descent too soon
        return Verdict(case, str(error).split(":")[0], None, time.process_time() - start)
    value, m = asked.factor * float(case.value), case.multiplicity
    said = "denied"
    if found.low <= value <= found.high:
        said = "held" if m is None or found.allows(value, m) else "held, but for its multiplicity"
        said = said if found.high < WIDE * found.low else "too wide to tell"
    return Verdict(case, said, found, time.process_time() - start)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status (1 where volumes deny a known value)."""
    parser = Parser(prog="python -m slt_toys.learning_coefficient.table_volumes", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--family", help="only the cases of this family")
    parser.add_argument("--most-coordinates", type=int, default=MOST)
    options = parser.parse_args(arguments)
    chosen = [(at, case) for at, case in enumerate(cases()) if options.family in (None, case.family)]
    if not chosen:
        names = ", ".join(dict.fromkeys(case.family for case in cases()))
        parser.error(f"--family: {options.family!r} is none; expected one of {names}")
    counts: dict[str, int] = {}
    for at, case in chosen:
        verdict = judge(case, [options.seed, at], options.most_coordinates)
        counts[verdict.said] = counts.get(verdict.said, 0) + 1
        told = "" if verdict.found is None else f" [{verdict.found.low:.4f}, {verdict.found.high:.4f}]"
        known = f"{case.value}, {case.multiplicity or '-'}"
        print(f"{verdict.said}: {case.name} ({known}){told} {verdict.seconds:.1f} s", flush=True)
    print(f"{len(chosen)} cases: {', '.join(f'{count} {said}' for said, count in sorted(counts.items()))}")
    return int("denied" in counts)


if __name__ == "__main__":
    sys.exit(main())
