"""What a derivation and a labelled equation are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sympy
from sympy import Basic, Eq, Expr, Symbol

from theory.symbols import DEFINITIONS
from theory.uses import drawn_in, used_by


class DerivationError(AssertionError):
    """A step of a derivation does not close."""


Story = tuple[str | Basic, ...]


@dataclass(frozen=True)
class Step:
    """One step: a sentence and, where there is one, the formula it speaks of."""

    text: str
    formula: Basic | None = None


@dataclass(frozen=True)
class Derivation:
    """Result of a derivation (the right-hand side of its equation) and the steps that lead to it.

    A result too long to read is `shown` with abbreviations that the steps introduce; the pages demand that putting
    them in gives the result.
    """

    result: Expr
    steps: tuple[Step, ...]
    shown: Expr | None = None
    abbreviations: Mapping[Symbol, Expr] = field(default_factory=dict)

    @classmethod
    def of(cls, result: Expr, *story: str | Basic, **shown: Any) -> Derivation:
        """A result and the story that leads to it: sentences, each followed by the formula it speaks of, if any."""
        steps: list[Step] = []
        for part in story:
            if isinstance(part, str):
                steps.append(Step(part))
            elif steps and steps[-1].formula is None:
                steps[-1] = Step(steps[-1].text, part)
            else:
                raise DerivationError(f"no sentence leads to the formula {part}")
        return cls(result, tuple(steps), **shown)


def equality(left: Basic, right: Basic) -> Eq:
    """left = right as they are written, whatever sympy makes of it."""
    return Eq(left, right, evaluate=False)


def demand_zero(expression: Expr, what: str) -> None:
    """Raise `DerivationError` unless `expression` simplifies to zero."""
    value = sympy.simplify(sympy.expand(expression))
    if value != 0:
        value = sympy.simplify(sympy.gammasimp(sympy.expand_log(value, force=True)))
    if value != 0:
        raise DerivationError(f"{what}: {value} is left, expected 0")


def demand(condition: object, what: str) -> None:
    """Raise `DerivationError` unless `condition` is true."""
    if condition is not True and condition is not sympy.true:
        raise DerivationError(f"{what}: got {condition}")


@dataclass(frozen=True)
class Equation:
    """A labelled equation whose right-hand side is what its derivation returns.

    Attributes
    ----------
    label : str
        Name by which code and prose cite it, as in [eq:sgd-temperature].
    title : str
    left : sympy.Symbol
        Left-hand side.
    derivation : callable
        Takes nothing, returns a `Derivation`; raises `DerivationError` if a step does not close.
    motivation : str
        Why one wants it and when it holds.
    example : mapping
        Values of the symbols for a number printed on the page.
    source : str
        Where it was first published, or that it is derived here.
    tests : tuple of str
        Files that test it, if not the one in tests/theory/laws that mirrors its derivation's.
    """

    label: str
    title: str
    left: Symbol
    derivation: Callable[[], Derivation]
    motivation: str
    example: Mapping[Symbol, Any] = field(default_factory=dict)
    source: str = "derived here"
    tests: tuple[str, ...] = ()

    @cached_property
    def derived(self) -> Derivation:
        """The derivation, carried out once."""
        return self.derivation()

    @cached_property
    def equation(self) -> Eq:
        """Left-hand side = derived right-hand side."""
        return equality(self.left, self.derived.result)

    @property
    def tested_by(self) -> tuple[str, ...]:
        """Files that test it."""
        return self.tests or (f"tests/theory/laws/test_{self.derivation.__module__.rpartition('.')[2]}.py",)

    @property
    def used_by(self) -> tuple[str, ...]:
        """Sources that look it up or cite it, beyond `slt_toys.reference.laws`."""
        return used_by(self.label)

    @property
    def drawn_in(self) -> tuple[str, ...]:
        """Sources of figures that draw it."""
        return drawn_in(self.label)

    @property
    def derived_in(self) -> str:
        """The source that derives it."""
        return f"{self.derivation.__module__.replace('.', '/')}.py"

    @property
    def symbols(self) -> dict[str, Symbol]:
        """Symbols of the equation by name, the left-hand side first."""
        free = sorted((s for s in self.derived.result.free_symbols if isinstance(s, Symbol)), key=lambda s: s.name)
        return {s.name: s for s in (self.left, *free)}

    @property
    def meanings(self) -> dict[str, str]:
        """Meaning and unit of each symbol by name."""
        return {name: DEFINITIONS[name].meaning for name in self.symbols}
