"""Potentials in other units of energy and length."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from slt_toys.potentials.potential import Potential


@dataclass(frozen=True)
class Change:
    """L(w) becomes energy · L((w - shift)/stretch) + constant."""

    energy: str = "1"
    stretch: str = "1"
    shift: str = "0"
    constant: str = "0"

    @property
    def numbers(self) -> tuple[float, float, float, float]:
        return tuple(float(sympy.Rational(x)) for x in (self.energy, self.stretch, self.shift, self.constant))  # type: ignore[return-value]

    def of(self, text: str, **more) -> Potential:
        """The changed potential, as somebody with other units would have written it."""
        expression = sympy.sympify(text)
        moved = {s: (sympy.Symbol(s.name) - sympy.Rational(self.shift)) / sympy.Rational(self.stretch)
                 for s in expression.free_symbols}  # fmt: skip
        changed = sympy.Rational(self.energy) * expression.xreplace(moved) + sympy.Rational(self.constant)
        if "box" in more:
            _, stretch, shift, _ = self.numbers
            more["box"] = tuple((shift + stretch * a, shift + stretch * b) for a, b in more["box"])
        return Potential.from_expression(changed, **more)


CHANGES = {
    "energies times a million": Change(energy="1000000"),
    "energies by a million": Change(energy="1/1000000"),
    "energies times 37": Change(energy="37"),
    "stretched": Change(stretch="1000"),
    "squeezed": Change(stretch="1/1000"),
    "stretched a million fold": Change(stretch="1000000", energy="1/1000"),
    "moved": Change(shift="100"),
    "moved back": Change(shift="-100"),
    "with a constant": Change(constant="1000"),
    "everything": Change("1000000", "1/1000", "1/10", "-7000000"),
}
LINES = {
    "regular": "(w**2-1)**2 - 3*w/20",
    "singular": "(w+1)**2*(w-1)**4 + w/200 + w**8/1000",
    "wide": "w**2*(w-8)**2 - w",
    "three wells": "4*w**2*(w**2-1)**2 - 3*w/10",
    "one well": "w**2 + w**4/7",
    "degenerate": "w**4 + w**6",
}
