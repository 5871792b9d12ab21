"""How every kind of quantity changes with the units of loss and length, and what the public functions say in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
import xarray as xr

from slt_toys import (
    Ending,
    ExponentialDecay,
    Potential,
    Training,
    crossover,
    exact_stuck_probability,
    inverse_temperature,
    largest_stable_step,
    learning_coefficient_by_quadrature,
    mean_first_passage_time,
    phase_table,
    refined_passage_time,
    saddle_rate,
    saddles,
    temperature_ladder,
)
from slt_toys.exact.fokker_planck import fokker_planck, grid_for, relaxation_time
from slt_toys.exact.phase_boundaries import loss_gap_boundary, phase_asymptotics
from slt_toys.potentials.boxes import scale_of
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.potential import mirrored_pair

# L -> c L(w/a), and with it T -> c T: the powers of c and a by which a quantity of each kind is multiplied. They follow
# from dw = -L'(w) dt + sqrt(2T) dW, whose time is length²/loss, and from T = η σ²/2B with η a time.
SCALINGS: dict[str, tuple[float, float]] = {
    "number": (0, 0),
    "loss": (1, 0),
    "inverse loss": (-1, 0),
    "length": (0, 1),
    "time": (-1, 2),
    "rate": (1, -2),
    "curvature": (1, -2),
    "gradient variance": (2, -2),
    "inertial time": (-1 / 2, 1),  # of momenta of unit mass
}
Value = tuple[str, Any]


@dataclass(frozen=True)
class Units:
    """L(w) becomes loss · L((w - shift)/length), all three exact."""

    loss: Fraction = Fraction(1)
    length: Fraction = Fraction(1)
    shift: Fraction = Fraction(0)

    def of(self, kind: str) -> float:
        """The factor of a quantity of that kind."""
        loss, length = SCALINGS[kind]
        return float(self.loss) ** loss * float(self.length) ** length

    def at(self, place: float) -> float:
        """Where a place is."""
        return float(self.shift) + float(self.length) * place

    def back(self, kind: str, values: Any) -> np.ndarray:
        """Values in the units of before."""
        return np.asarray(values, dtype=float) / self.of(kind)

    def potential(self, text: str, box: Any = None) -> Potential:
        """The energy, as somebody with these units would have written it."""
        expression = parse_expression(text)
        moved = {
            s: (s - sympy.Rational(self.shift)) / sympy.Rational(self.length) for s in expression.free_symbols
        }  # fmt: skip
        walls = None if box is None else [(self.at(a), self.at(b)) for a, b in np.reshape(box, (-1, 2))]
        return Potential.from_expression(sympy.Rational(self.loss) * expression.xreplace(moved), box=walls)


PLAIN = Units()


def equilibrium(potential: Potential, units: Units, unit: float) -> Iterator[tuple[str, Value]]:
    """Phases, integrals, crossovers and learning coefficients; ``unit`` is the energy's own, in the units of before."""
    d, phases = potential.dimension, range(len(potential.phases))
    yield "scale", ("loss", scale_of(potential))
    yield "coefficients", ("number", [[float(p.learning_coefficient), p.multiplicity] for p in potential.phases])
    yield "minima", ("length", [potential.minimum_point(k) - float(units.shift) for k in phases])
    yield "losses", ("loss", [potential.minimum_loss(k) for k in phases])
    n_beta = 1 / (units.of("loss") * unit * np.array([0.02, 0.2, 1.0, 8.0]))
    table = phase_table(potential, n_beta)
    for name in ("occupancy", "excess_energy", "heat_capacity", "total_excess_energy", "total_heat_capacity"):
        yield name, ("number", table[name].values)
    for name in ("log_partition_function", "entropy"):
        yield name, ("number", table[name].values - d * np.log(units.of("length")))
    for name in ("mean_loss", "total_mean_loss", "temperature"):
        yield name, ("loss", table[name].values)
    for k in phases:
        if potential.phases[k].multiplicity == 1:
            moved = d * np.log(units.of("length")) - float(potential.phases[k].learning_coefficient) * np.log(
                units.of("loss") * unit
            )
            yield f"constant {k}", ("number", phase_asymptotics(potential, k).constant + moved)
        yield f"quadrature {k}", ("number", learning_coefficient_by_quadrature(potential, k).estimate)
    if len(phases) > 1:
        found = crossover(potential, 0, 1)
        for name in ("n_beta", "asymptotic_n_beta", "n_beta_range"):
            yield f"crossover {name}", ("inverse loss", getattr(found, name))
        yield "boundary", ("loss", loss_gap_boundary(potential, 0, 1, n_beta).exact.values)


def kinetics(potential: Potential, units: Units, unit: float) -> Iterator[tuple[str, Value]]:
    """Passages, relaxation, saddles and steps."""
    warm = units.of("loss") * unit * 0.3
    if potential.dimension == 1 and len(potential.phases) > 1:
        ends = [float(potential.minimum_point(k)[0]) for k in (0, 1)]
        for share in (0.1, 1.0, 20.0):
            yield f"passage {share}", ("time", mean_first_passage_time(potential, share * warm, *ends))
    if potential.dimension == 2 and len(potential.phases) > 1:
        start, target = (potential.minimum_point(k) for k in (0, 1))
        near = 0.1 * np.linalg.norm(target - start)
        found = refined_passage_time(potential, warm, start, lambda p: np.linalg.norm(p - target, axis=-1) < near)
        yield "refined", ("time", found.value)
    yield "relaxation", ("time", relaxation_time(fokker_planck(potential, grid_for(potential, warm)), warm))
    found = saddles(potential)
    yield "saddle loss", ("loss", [saddle.loss for saddle in found])
    yield "saddle curvature", ("curvature", [saddle.curvature for saddle in found])
    if found:
        first, second = found[0].phases
        yield "saddle rate", ("rate", saddle_rate(potential, warm, first, second))
    yield "ladder", ("loss", temperature_ladder(potential, warm / 10, 10 * warm).temperatures)
    yield "steps", ("time", [largest_stable_step(potential, t) for t in (warm / 100, warm, 20 * warm)])


def critical_period(potential: Potential, units: Units, unit: float) -> Iterator[tuple[str, Value]]:
    """The stuck mass by switch epoch, and what SGD's settings say of the temperature."""
    variance = units.of("gradient variance") * 1536 * unit**2
    rate, curvature = units.of("time") * 0.05 / unit, units.of("curvature") * unit
    training = Training(128, 50_000, ExponentialDecay(rate, 0.97), variance)
    yield "temperatures", ("loss", training.temperatures(5))
    yield "durations", ("time", training.durations(5))
    read = inverse_temperature(
        rate, 128, 0.5, gradient_variance=(variance, 1.1 * variance), curvature=(0.5 * curvature, 8 * curvature),
        barrier=(units.of("loss") * unit, curvature),
    )  # fmt: skip
    for name in ("inverse_temperature", "law", "low", "high"):
        yield f"sgd {name}", ("inverse loss", getattr(read, name))
    pair = mirrored_pair(potential)
    yield "stuck", ("number", exact_stuck_probability(pair, training, np.arange(0, 61, 15), Ending("further", 60)))


def compared(one: dict[str, Value], two: dict[str, Value], units: Units, tolerance: dict[str, float]) -> list[str]:
    """The names of what differs, in units of before, with how much."""
    wrong = [] if one.keys() == two.keys() else [f"{sorted(one.keys() ^ two.keys())} in one alone"]
    for name in one.keys() & two.keys():
        kind, before = one[name]
        first, second = np.asarray(before, dtype=float), units.back(kind, two[name][1])
        if first.shape != second.shape:
            wrong.append(f"{name}: shapes {first.shape} and {second.shape}")
            continue
        allowed = next((t for part, t in tolerance.items() if name.startswith(part)), tolerance[""])
        size = np.abs(first).max(initial=0.0) if first.ndim > 1 or kind == "loss" else np.abs(first)
        if (
            not np.allclose(first, second, rtol=allowed, atol=0)
            and not (np.abs(first - second) <= allowed * size).all()
        ):
            wrong.append(f"{name}: {np.abs(first - second).max():.2e} of {np.abs(first).max():.3g}")
    return wrong


def measured(ask: Callable[..., Iterator[tuple[str, Value]]], text: str, box: Any, units: Units) -> dict[str, Value]:
    """What a group of functions says of an energy in some units."""
    unit = scale_of(PLAIN.potential(text, box))
    return dict(ask(units.potential(text, box), units, unit))


def apart(one: xr.Dataset, two: xr.Dataset, units: Units, kinds: dict[str, str]) -> dict[str, float]:
    """The largest relative difference of every numeric variable of two datasets, in units of before, by name."""
    found = {}
    for name in map(str, one.variables):
        first, second = one[name].values, two[name].values
        if first.dtype.kind not in "fiu":
            found[name] = 0.0 if first.shape == second.shape and (first == second).all() else np.inf
            continue
        kind = next((kind for part, kind in kinds.items() if name.startswith(part)), "number")
        back = units.back(kind, second)
        if first.shape != back.shape or (np.isfinite(first) != np.isfinite(back)).any():
            found[name] = np.inf
            continue
        known = np.isfinite(first)
        size = np.abs(first[known]).max(initial=0.0)
        found[name] = float(np.abs(first[known] - back[known]).max(initial=0.0) / size) if size else 0.0
    return found
