"""Rates over degenerate gates: brackets that hold the exact rate, and exponents that are the learning coefficients'.

It holds [eq:line-capacity], [eq:gate-rate] and [eq:gate-rate-power] against the backward equation on refined grids,
against multilevel splitting, and against the Eyring-Kramers law where all is regular.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy

from slt_toys import mean_first_passage_time, refined_passage_time, saddle_rate
from slt_toys.exact.gates import gate, gate_rate
from slt_toys.potentials.potential import Potential, declare_phase
from slt_toys.reference.laws import law
from slt_toys.samplers import OverdampedLangevin
from slt_toys.samplers.escape_rate import sample_escape_rate
from tests.seeds import fresh_seed

X, Y, Z = sympy.symbols("x y z", real=True)
QUARTIC = "(x**2-1)**2 + x**2*y**2 + y**4"
LEANING = "(3*x**4 - 4*x**3 - 12*x**2)/12"  # minima at -1 and 2, the gate at 0
# Losses, and the power of T before the exponential that theory's engine finds for each.
GERMS = [
    (QUARTIC, Fraction(-1, 4)),
    ("(x**2-1)**2 + x**2*y**2 + y**6", Fraction(-1, 3)),
    ("(x**2-1)**2 + x**2*y**2 + y**8", Fraction(-3, 8)),
    ("(x**2-1)**2 + x**2*y**2/2 + 3*y**4", Fraction(-1, 4)),
    ("(x**2-1)**2 + x**2*y**2 + y**4/10 + y**6", Fraction(-1, 4)),
    ("(x**2-1)**2 + x**2*y**2 + x*y**3/2 + 3*y**4", Fraction(-1, 4)),
    ("(x**2-1)**2 + x**2*y**2 + x*y**5/2 + y**4 + y**8", Fraction(-1, 4)),
    ("(x**2-1)**2 + x**2*y**2*2 + y**4 + y**6", Fraction(-1, 4)),
    ("(x**2-1)**2 + x**4*y**2 + y**4", Fraction(-1, 4)),
    ("(x**2-1)**2 + x**4*y**2 + y**6", Fraction(-1, 3)),
    ("(x**2-1)**2 + 3*x**2*y**2 + x*y**2/2 + y**4", Fraction(-1, 4)),
    ("(x**2-1)**2 + y**2", Fraction(0)),
    ("(x**2-1)**2 + (1+x**2)*y**2", Fraction(0)),
    ("(x**2-1)**2 + (1-x**2)**2*y**2 + y**4", Fraction(1, 4)),
    ("(x**2-1)**2 + (1-x**2)**2*y**2 + y**6", Fraction(1, 3)),
    ("(x**2-1)**2 + y**4", Fraction(0)),
    ("(x**2-1)**2 + x**2*y**4 + y**6", Fraction(1, 4) - Fraction(1, 3)),
    (f"{LEANING} + x**2*y**2 + y**4", Fraction(-1, 4)),
    (f"{LEANING} + x**2*y**2 + y**6", Fraction(-1, 3)),
    (f"{LEANING} + (1+x)**2*y**2 + y**4", Fraction(1, 4)),
    ("2*(x**2-1)**2 + x**2*y**2 + y**4 + (cosh(y) - 1 - y**2/2)", Fraction(-1, 4)),
]
FEW = (10, 13)
COLD = {True: 0.015, False: 0.05}  # barriers of 20 to 40 temperatures, leaning or not


def made(text: str, names=(X, Y)) -> Potential:
    energy = sympy.sympify(text, {s.name: s for s in names}, rational=True)
    right = 2 if text.startswith(LEANING) else 1
    left_phase = declare_phase(energy, names, "left", minimum=minimum(energy, names, -1), region=X < 0)
    right_phase = declare_phase(energy, names, "right", minimum=minimum(energy, names, right), region=X >= 0)
    return Potential.from_expression(text, phases=(left_phase, right_phase))


def minimum(energy: sympy.Expr, names, at: int) -> tuple:
    place = (at, *(0,) * (len(names) - 1))
    slopes = [sympy.diff(energy, w).subs(dict(zip(names, place, strict=True))) for w in names]
    assert all(slope == 0 for slope in slopes), f"{energy} has no minimum at {place}"
    return place


def both(number: int) -> tuple[Potential, Fraction, float]:
    text, power = GERMS[number]
    return made(text), power, COLD[text.startswith(LEANING)]


def against_a_grid(number: int) -> None:
    """The bracket holds the solution of the backward equation, its middle is within 1 %, and 1 % in T is caught."""
    potential, power, temperature = both(number)
    assert gate(potential, (0, 0)).powers(potential, "left") == (power, 0)
    found = gate_rate(potential, temperature, "left", "right", (0, 0))
    start, end = potential.minimum_point("left"), float(potential.minimum_point("right")[0])
    exact = refined_passage_time(potential, temperature, list(start), lambda w: w[..., 0] >= end, tolerance=0.003)
    slack, log_rate = exact.error + found.numerical_error, -float(np.log(exact.value))
    assert log_rate < -15 and found.width < 0.07
    assert found.log_lower - slack < log_rate < found.log_upper + slack
    assert abs(found.log_rate - log_rate) < 0.01, f"{found.log_rate} against {log_rate}"
    other = gate_rate(potential, 0.99 * temperature, "left", "right", (0, 0))
    assert not other.log_lower - slack < log_rate < other.log_upper + slack


@pytest.mark.parametrize("number", FEW, ids=lambda k: GERMS[k][0])
def test_some_germs_against_the_backward_equation(number):
    against_a_grid(number)


@pytest.mark.slow
@pytest.mark.parametrize("number", [k for k in range(len(GERMS)) if k not in FEW], ids=lambda k: GERMS[k][0])
def test_all_other_germs_against_the_backward_equation(number):
    against_a_grid(number)


def slope_of_prefactor(potential: Potential, temperatures: tuple[float, float], origin: tuple) -> float:
    """d log(rate · e^(ΔL/T)) / d log T between two temperatures."""
    depth = gate(potential, origin).loss - potential.minimum_loss("left")
    logs = [gate_rate(potential, T, "left", "right", origin).log_rate + depth / T for T in temperatures]
    return float(np.diff(logs)[0] / np.diff(np.log(temperatures))[0])


@pytest.mark.parametrize(
    "number", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in (1, 13, 16))], ids=lambda k: GERMS[k][0]
)
def test_the_exponent_is_that_of_the_learning_coefficients(number):
    """Quadrature knows nothing of blow-ups, and the engine nothing of temperatures [eq:gate-rate-power]."""
    potential, power, _ = both(number)
    assert slope_of_prefactor(potential, (1e-4, 1e-3), (0, 0)) == pytest.approx(float(power), abs=0.02)


def test_the_constant_is_that_of_the_law():
    """∫ e^(-y⁴/T) dy = 2 Γ(5/4) T^(1/4) across, (2πT)/√(8·2) in the well [eq:gate-rate]."""
    temperature = 1e-3
    found = gate_rate(made(QUARTIC), temperature, "left", "right", (0, 0))
    expected = law("gate-rate")(
        barrier_curvature=4.0, gate_constant=2 * float(sympy.gamma(sympy.Rational(5, 4))), well_constant=2 * np.pi / 4,
        gate_learning_coefficient=0.25, learning_coefficient=1.0, barrier_height=0.0, temperature=temperature,
    )  # fmt: skip
    assert found.log_rate + 1 / temperature == pytest.approx(np.log(expected), abs=0.02)
    line = law("line-capacity")(temperature=temperature, line_integral=np.sqrt(2 * np.pi * temperature / 4))
    across = 2 * float(sympy.gamma(sympy.Rational(5, 4))) * temperature**0.25
    assert np.log(line * across / (2 * np.pi * temperature / 4)) == pytest.approx(np.log(expected))


def test_a_regular_gate_is_eyring_and_kramers():
    potential = made("(x**2-1)**2 + (1+x**2)*y**2")
    found = gate(potential, (0, 0))
    assert (found.germ, found.learning_coefficient, found.multiplicity) == (0, Fraction(1, 2), 1)
    plain = Potential.from_expression("(x**2-1)**2 + (1+x**2)*y**2")
    ratios = [gate_rate(potential, T, "left", "right", (0, 0)).rate / saddle_rate(plain, T, 0, 1) for T in (0.02, 0.01)]
    assert abs(ratios[1] - 1) < 0.012 and abs(ratios[1] - 1) < 0.6 * abs(ratios[0] - 1)


def test_the_germ_is_that_of_the_tops_of_lines():
    """-x²/2 + x y² + y⁴ is -(x - y²)²/2 + 3y⁴/2: a slice at x = 0 would have y⁴."""
    potential = made("(x**2-1)**2/4 + x*y**2 + y**4 + x**2*y**2*4 + y**6")
    found = gate(potential, (0, 0))
    z = found.germ_coordinates[0]
    assert sympy.Poly(found.germ, z).coeff_monomial(z**4) == sympy.Rational(3, 2)
    mixed = potential.bound_energy.subs({X: 0, Y: z})
    assert sympy.Poly(mixed, z).coeff_monomial(z**4) == 1


def test_turned_axes_do_not_matter():
    """A turn by the angle of 3, 4 and 5, whose matrix is rational."""
    turn = {X: (3 * X + 4 * Y) / 5, Y: (-4 * X + 3 * Y) / 5}
    energy = sympy.expand(sympy.sympify(QUARTIC, {"x": X, "y": Y}).subs(turn, simultaneous=True))
    at = [(sympy.Rational(3 * s, 5), sympy.Rational(4 * s, 5)) for s in (-1, 1)]
    regions = 3 * X + 4 * Y < 0, 3 * X + 4 * Y >= 0
    phases = tuple(
        declare_phase(energy, (X, Y), name, minimum=place, region=region)
        for name, place, region in zip(("left", "right"), at, regions, strict=True)
    )
    turned = Potential.from_expression(energy, phases=phases)
    one, other = (
        gate_rate(made(QUARTIC), 0.05, "left", "right", (0, 0)),
        gate_rate(turned, 0.05, "left", "right", (0, 0)),
    )
    assert one.log_lower == pytest.approx(other.log_lower, abs=5e-4)
    assert one.log_upper == pytest.approx(other.log_upper, abs=5e-4)
    assert gate(turned, (0, 0)).powers(turned, "right") == (Fraction(-1, 4), 0)
    assert abs(gate(turned, (0, 0)).way @ [3 / 5, 4 / 5]) == pytest.approx(1)


@pytest.mark.slow
def test_units_do_not_matter():
    """Losses a thousandfold, places in units of 1/50: the rate changes by their ratio."""
    energy = sympy.sympify(QUARTIC, {"x": X / 50, "y": Y / 50}, rational=True) * 1000
    phases = tuple(
        declare_phase(energy, (X, Y), name, minimum=(50 * side, 0), region=X < 0 if side < 0 else X >= 0)
        for name, side in (("left", -1), ("right", 1))
    )
    other = gate_rate(Potential.from_expression(energy, phases=phases), 50.0, "left", "right", (0, 0))
    one = gate_rate(made(QUARTIC), 0.05, "left", "right", (0, 0))
    assert other.log_rate - np.log(1000 / 50**2) == pytest.approx(one.log_rate, abs=5e-4)


# ---- three coordinates -----------------------------------------------------------------------------------------------
CROSSING = "(x**2-1)**2 + x**2*(y**2+z**2) + y**2*z**2 + y**6 + z**6"


def test_three_coordinates_that_do_not_mix_are_a_line():
    potential = made("(x**2-1)**2 + y**2 + 2*z**2", (X, Y, Z))
    found = gate_rate(potential, 0.1, "left", "right", (0, 0, 0))
    line = mean_first_passage_time(Potential.from_expression("(x**2-1)**2"), 0.1, -1.0, 1.0)
    assert found.width < 1e-6
    assert found.log_rate == pytest.approx(-np.log(line), abs=2e-3)


@pytest.mark.slow
def test_crossing_valleys_at_a_gate_against_splitting():
    """Across the gate y²z², of λ = 1/2 and m = 2: the rate has a logarithm of T."""
    potential = made(CROSSING, (X, Y, Z))
    own = gate(potential, (0, 0, 0))
    assert (own.learning_coefficient, own.multiplicity) == (Fraction(1, 2), 2)
    assert own.powers(potential, "left") == (Fraction(-1, 2), 1)
    found = gate_rate(potential, 0.1, "left", "right", (0, 0, 0))
    sampled = sample_escape_rate(
        potential, OverdampedLangevin(0.002, "heun"), temperature=0.1, start="left", target=1.0, score=0, error=0.02,
        seed=fresh_seed(),
    )  # fmt: skip
    assert sampled.verdict == "trust"
    assert abs(sampled.log_rate - found.log_rate) < 5 / 1.96 * sampled.relative_error + found.width + 0.005


@pytest.mark.slow
def test_the_logarithm_is_seen_in_the_slope():
    """-1/2 less 1/log(1/T) and a constant: further from -1/2 than a power alone would be, and coming nearer slowly."""
    potential = made(CROSSING, (X, Y, Z))
    slopes = [slope_of_prefactor(potential, pair, (0, 0, 0)) for pair in ((1e-3, 3e-3), (1e-4, 3e-4))]
    assert -0.75 < slopes[0] < slopes[1] < -0.54


# ---- refusals --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text, point, says",
    [
        (QUARTIC, (0, 1), r"point \(0, 1\) is not critical"),
        (QUARTIC, (-1, 0), "must have one way down, not 0"),
        ("(x**2-1)**2 + x**2*y**2 + y**4", (0,), "point must have 2 exact numbers"),
        (QUARTIC, ("a", 0), "point must have 2 exact numbers"),
        (QUARTIC, (np.nan, 0), "point must have 2 exact numbers"),
        ("(x**2-1)**2 + x**2*y**2 + y**12", (0, 0), "the loss is flat across it, to order 10"),
        (
            "(x**2-1)**2 + x**2*y**2 - y**4 + y**6",
            (0, 0),
            r"has the loss .* across it, whose learning coefficient at a minimum is not known",
        ),
    ],
)
def test_what_is_no_gate_is_refused(text, point, says):
    with pytest.raises(ValueError, match=says) as problem:
        gate(made(text), point)
    assert "\n" not in str(problem.value)


def test_gates_of_other_phases_and_lines_are_refused():
    potential = made(QUARTIC)
    with pytest.raises(ValueError, match="does not lie between phases 'left' and 'left'"):
        gate_rate(potential, 0.1, "left", "left", (0, 0))
    with pytest.raises(ValueError, match="must have two or three coordinates for a gate, not 1"):
        gate(Potential.from_expression("(w**2-1)**2"), (0,))
    with pytest.raises(ValueError, match="temperature must be positive"):
        gate_rate(potential, -0.1, "left", "right", (0, 0))


def test_decimals_are_read_as_what_they_say():
    potential = made(QUARTIC)
    assert np.array_equal(gate(potential, (0.0, "0")).position, gate(potential, [sympy.S.Zero, 0]).position)
