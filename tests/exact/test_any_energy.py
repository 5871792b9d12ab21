"""Free energies, occupancies and mean losses of energies that were refused, against integrators that know no boxes."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
import sympy
from scipy.integrate import quad

from slt_toys.exact.equilibrium import phase_table
from slt_toys.potentials.boxes import box_at, mass_beyond, scale_of
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.phases import Phase
from slt_toys.potentials.potential import Potential
from tests.potentials.literature import GROWS

HALF = sympy.Rational(1, 2)

# Energies on a line: places of minima (one, or two with a border between them), and where the integrand is cut.
LINES = {
    "exp(w) - w - 1": ([0], None),
    "log(1+w**2) + w**2/10": ([0], None),
    "sqrt(1+w**2)": ([0], None),
    "log(cosh(w))": ([0], None),
    "abs(w) + w**2/4": ([0], None),
    "(tanh(w)-0.5)**2 + w**2/10": (["0.45"], None),
    "1 - exp(-(w-1)**2) - exp(-(w+1)**2) + w**2/100 + w/50": (["-0.98", "0.97"], 0),
    "(w**2-1)**2/(1+w**2) + w/5": (["-1.05", "0.95"], 0),
    "1 - cos(w) + w**2/200": ([0], None),
    "log(1+exp(-w)) + w**2/10": (["1.3"], None),
    "4*(w**8 + 0.8*exp(-80*w**2) + 0.2*exp(-80*(w-0.5)**2) + 0.5*exp(-40*(w+0.5)**2))": (["-0.73", "0.7"], 0),
}  # fmt: skip


def at_rest(energy: sympy.Expr, coordinates, guess) -> tuple[sympy.Rational, ...]:
    """The critical point next to a guess, to 40 digits."""
    if all(g == 0 for g in guess):
        return tuple(sympy.S.Zero for _ in coordinates)
    slopes = [sympy.diff(energy, w) for w in coordinates]
    found = sympy.nsolve(slopes, coordinates, [sympy.Float(g, 50) for g in guess], prec=50)
    return tuple(sympy.Rational(str(x)) for x in (found if hasattr(found, "__len__") else [found]))


def potential_of(text: str, guesses, border=None) -> Potential:
    energy = parse_expression(text)
    coordinates = tuple(sorted(energy.free_symbols, key=lambda w: w.name))
    w = coordinates[0]
    regions = [sympy.true] if border is None else [w < border, w >= border]
    phases = []
    for number, (guess, region) in enumerate(zip(guesses, regions, strict=True)):
        point = at_rest(energy, coordinates, guess if isinstance(guess, tuple) else (guess,))
        loss = energy.subs(dict(zip(coordinates, point, strict=True)))
        phases.append(Phase(f"p{number}", point, region, loss, HALF * len(coordinates)))
    return Potential.from_expression(text, phases=phases)


def integral(function, cuts) -> float:
    return sum(quad(function, a, b, epsabs=0, epsrel=1e-12, limit=800)[0] for a, b in pairwise(cuts))


@pytest.mark.parametrize("text", LINES)
def test_lines_against_adaptive_quadrature(text):
    guesses, border = LINES[text]
    potential = potential_of(text, guesses, border)
    assert potential.boundary == "natural"
    energy, unit = potential.energy_function(), scale_of(potential)
    lowest = min(potential.minimum_loss(i) for i in range(len(guesses)))
    middle = float(potential.minimum_point(0)[0]) if border is None else float(border)
    for t in unit * np.array([0.02, 0.1, 0.5, 3.0, 40.0]):
        table = phase_table(potential, 1 / t)
        assert table.attrs["mass_beyond"] < 1e-8
        near = [middle + s * x for s in (-1, 1) for x in np.sqrt(t / unit) * np.array([0.3, 1.5, 6])]
        cuts = sorted(
            {-np.inf, np.inf, middle, *near, *(float(potential.minimum_point(i)[0]) for i in range(len(guesses)))}
        )

        def weight(u: float, t: float = t) -> float:
            with np.errstate(over="ignore"):
                return math.exp(min(-(float(energy([u])) - lowest) / t, 700.0))

        whole = integral(weight, cuts)
        assert table.total_log_partition_function.item() + lowest / t == pytest.approx(math.log(whole), abs=1e-8)

        def energy_of(u: float) -> float:
            return weight(u) * (float(energy([u])) - lowest) if weight(u) else 0.0

        mean = integral(energy_of, cuts) / whole
        assert table.total_mean_loss.item() - lowest == pytest.approx(mean, rel=1e-8, abs=1e-8 * unit)
        if border is not None:
            left = integral(weight, [c for c in cuts if c <= border]) / whole
            assert table.occupancy.values[0] == pytest.approx([left, 1 - left], abs=1e-8)


@lru_cache
def powers_of_w2(text: str) -> list:
    w = sympy.symbols("w1 w2", real=True)
    expanded = parse_expression(text).expand()
    return [sympy.lambdify(w[0], expanded.coeff(w[1], k), "math") for k in range(3)]


def inner_gaussian(text: str, w1: float, t: float) -> float:
    """log ∫ exp(-L/t) dw2 for a loss that is quadratic in w2."""
    c, b, a = (f(w1) for f in powers_of_w2(text))
    return -(c - b * b / (4 * a)) / t + 0.5 * math.log(math.pi * t / a)


PLANES = {
    "(1-w1)**2 + 100*(w2-w1**2)**2": (1, 1),
    "(w1*w2-1)**2 + 0.1*(w1**2+w2**2)": ("0.94", "0.94"),
    "(w1*w2-1)**2 + (w1-w2)**2": (1, 1),
    "w1**2/200 + (w2+0.03*w1**2-3)**2/2": (0, 3),
    "(w2*tanh(w1)-0.5)**2 + (w2*tanh(2*w1)-0.7)**2 + 0.01*(w1**2+w2**2)": ("1", "0.6"),
}


@pytest.mark.parametrize("text", PLANES)
def test_planes_against_one_exact_and_one_adaptive_integral(text):
    potential = potential_of(text, [PLANES[text]])
    for t in (0.1, 0.5, 2.0):
        table = phase_table(potential, 1 / t)
        top = max(inner_gaussian(text, float(x), t) for x in np.linspace(-6, 6, 501))
        cuts = [-np.inf, -20, -6, -2, -1, -0.3, 0, 0.3, 1, 2, 6, 20, np.inf]

        def weight(x: float, t: float = t, top: float = top) -> float:
            return math.exp(inner_gaussian(text, x, t) - top) if abs(x) < 1e60 else 0.0

        assert table.total_log_partition_function.item() == pytest.approx(
            top + math.log(integral(weight, cuts)), abs=1e-7
        )
        assert table.attrs["mass_beyond"] < 1e-5


MUELLER_BROWN = next(text for text in GROWS if text.startswith("-200"))


def test_mueller_and_brown_against_the_trapezium_rule():
    """Of an analytic integrand that is nothing at the walls it converges like exp(-c/h)."""
    potential = potential_of(MUELLER_BROWN, [("-0.56", "1.44")])
    assert potential.minimum_loss(0) == pytest.approx(-146.6995, abs=1e-3)  # published
    for t in (15.0, 200.0):
        (a, b), (c, d) = box_at(potential, t)
        sums = []
        for n in (601, 1201):
            x, y = np.linspace(a, b, n), np.linspace(c, d, n)
            losses = potential.energy_function()(np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1))
            sums.append(np.exp(-(losses + 147) / t).sum() * (x[1] - x[0]) * (y[1] - y[0]))
        assert sums[0] == pytest.approx(sums[1], rel=1e-9)
        found = phase_table(potential, 1 / t).total_log_partition_function.item()
        assert found == pytest.approx(math.log(sums[1]) + 147 / t, abs=1e-7)


@pytest.mark.parametrize(
    "text", ["exp(w) - w - 1", "(w1*w2-1)**2 + 0.1*(w1**2+w2**2)", "w1**4/4 - w1**2/2 + (1+w1**2)*w2**2/2"]
)
def test_twice_the_box_says_the_same(text):
    guess = {"exp(w) - w - 1": [0], "(w1*w2-1)**2 + 0.1*(w1**2+w2**2)": [("0.94", "0.94")]}.get(text, [(1, 0)])
    potential = potential_of(text, guess)
    for t in scale_of(potential) * np.array([0.1, 1.0, 20.0]):
        box = box_at(potential, t)
        twice = replace(potential, box=tuple((1.5 * a - 0.5 * b, 1.5 * b - 0.5 * a) for a, b in box))
        one, two = (phase_table(p, 1 / t) for p in (potential, twice))
        for name in ("total_log_partition_function", "total_mean_loss", "total_heat_capacity"):
            assert one[name].item() == pytest.approx(two[name].item(), rel=1e-8, abs=1e-8), name
        # Negative control: a wall that cuts mass off changes the answer.
        small = tuple(
            (float(p) - 0.7 * math.sqrt(t), float(p) + 0.7 * math.sqrt(t)) for p in potential.minimum_point(0)
        )
        cut = phase_table(replace(potential, box=small, boundary="reflecting"), 1 / t)
        assert abs(cut.total_log_partition_function.item() - one.total_log_partition_function.item()) > 1e-3


def test_tails_like_students_have_a_hottest_temperature():
    potential = potential_of("log(1+w**2)", [0])
    for t in (0.05, 0.5, 1.0):
        exact = math.log(math.pi) / 2 + math.lgamma(1 / t - 0.5) - math.lgamma(1 / t)
        assert phase_table(potential, 1 / t).total_log_partition_function.item() == pytest.approx(exact, abs=1e-8)
        assert mass_beyond(potential, t) <= 1e-9
    for t in (2.0, 5.0):
        with pytest.raises(ValueError, match=r"integral only below T = 2\b"):
            phase_table(potential, 1 / t)
