"""Options of every experiment that takes an energy: its walls, its phases and its parameters, the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import tyro

from ..results.recipe import Experiment

if TYPE_CHECKING:
    import sympy

    from .declared import DeclaredPhase

__all__ = ["EnergyOptions", "OwnEnergy"]


@dataclass(frozen=True)
class OwnEnergy:
    """What options say of an energy that is given as text.

    Attributes
    ----------
    box
        ``(low, high)`` for every coordinate, or one pair for all; None without walls.
    boundary
        As the option says.
    phases
        Declared; none where they are to be derived.
    parameters
        Exact values by name.
    """

    box: tuple[tuple[float, float], ...] | None = None
    boundary: Literal["reflecting", "periodic"] | None = None
    phases: tuple[DeclaredPhase, ...] = ()
    parameters: tuple[tuple[str, sympy.Expr], ...] = ()

    @property
    def options(self) -> list[str]:
        """Those that are given."""
        given = {"--box": self.box, "--boundary": self.boundary, "--phase": self.phases, "--parameter": self.parameters}
        return [option for option, value in given.items() if value]

    def check_held(self, *energies: sympy.Expr) -> None:
        """Refuse, in one line, a parameter that none of these energies holds."""
        names = {symbol.name for energy in energies for symbol in energy.free_symbols}
        for name, _ in self.parameters:
            if name not in names:
                raise ValueError(
                    f"--parameter names {name!r}, which no energy holds; there are {', '.join(sorted(names)) or 'none'}"
                )

    def of(self, energy: sympy.Expr) -> OwnEnergy:
        """The same with the parameters of one energy alone."""
        names = {symbol.name for symbol in energy.free_symbols}
        return replace(self, parameters=tuple((name, value) for name, value in self.parameters if name in names))


@dataclass(frozen=True, kw_only=True)
class EnergyOptions(Experiment):
    """Options of an experiment that takes an energy of one's own.

    Attributes
    ----------
    box
        Walls about an energy of your own: LOW HIGH, or such a pair for each coordinate in the order of their names.
        Numbers such as 4, -1.5, 2*pi or (-pi).
    boundary
        What happens at the ends of --box: its walls reflect, as without this option, or they are one place, periodic.
    phase
        NAME=POINT[:λ[:m]], a phase of an energy of your own; once for each of its phases. POINT is the minimum or a
        place in its phase: one number, or one for each coordinate, joined by commas. λ is the learning coefficient and
        m its multiplicity, where they cannot be derived.
    parameter
        NAME=VALUE of a name in your energy that is no coordinate; may be given several times.
    """

    box: tuple[str, ...] = ()
    boundary: Literal["reflecting", "periodic"] | None = None
    phase: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    parameter: tyro.conf.UseAppendAction[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        self.own_energy()

    def own_energy(self, energy: str | None = "", option: str = "--potential") -> OwnEnergy:
        """What these options say; refused in one line where they cannot be read, or ``energy`` is None."""
        if not (self.box or self.boundary or self.phase or self.parameter):
            return OwnEnergy()
        from .declared import read_phase

        if self.boundary and not self.box:
            raise ValueError(f"--boundary {self.boundary} needs --box LOW HIGH, to say where")
        own = OwnEnergy(
            self._pairs(), self.boundary, tuple(read_phase(text) for text in self.phase),
            tuple(self._parameter(text) for text in self.parameter),
        )  # fmt: skip
        for kind, names in (("phase", [p.name for p in own.phases]), ("parameter", [n for n, _ in own.parameters])):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"--{kind} must have different names; {twice[0]!r} comes twice")
        if energy is None:
            raise ValueError(f"{own.options[0]} goes with an energy of your own; give {option}")
        return own

    def _pairs(self) -> tuple[tuple[float, float], ...] | None:
        from .declared import read_number

        numbers = [float(read_number(text, "--box")) for text in self.box]
        pairs = tuple(zip(numbers[::2], numbers[1::2], strict=False))
        if len(numbers) % 2 or any(low >= high for low, high in pairs):
            raise ValueError(f"--box must be pairs LOW HIGH with LOW below HIGH, not {' '.join(self.box)}")
        return pairs or None

    @staticmethod
    def _parameter(text: str) -> tuple[str, sympy.Expr]:
        from .declared import read_number

        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ValueError(f"--parameter must be NAME=VALUE, such as a=0.15, not {text!r}")
        return name.strip(), read_number(value, f"--parameter {name.strip()}")
