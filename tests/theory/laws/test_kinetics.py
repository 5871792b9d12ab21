"""First passage times and Kramers laws against quadrature and a discretised generator."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy import integrate, linalg

from theory.equations import equation


def first_passage(loss, start: float, low: float, high: float, temperature: float, count: int = 200_001) -> float:
    """Mean first passage time by cumulative Simpson sums of the two nested integrals, in the log domain."""
    grid = np.linspace(low, high, count)
    values = loss(grid)
    shift = float(loss(start))
    inner = integrate.cumulative_simpson(np.exp(-(values - shift) / temperature), x=grid, initial=0)
    after = grid >= start
    top = values[after].max()
    outer = integrate.simpson(np.exp((values[after] - top) / temperature) * inner[after], x=grid[after])
    return float(outer / temperature * np.exp((top - shift) / temperature))


def test_mean_first_passage_solves_the_discretised_backward_equation():
    temperature, low, high = 0.3, -2.0, 1.0
    grid = np.linspace(low, high, 3001)
    spacing = grid[1] - grid[0]
    loss = (grid**2 - 1) ** 2
    middle = (loss[:-1] + loss[1:]) / 2
    up = temperature / spacing**2 * np.exp(-(middle - loss[:-1]) / temperature)
    down = temperature / spacing**2 * np.exp(-(middle - loss[1:]) / temperature)
    size = len(grid) - 1  # the last node absorbs
    bands = np.zeros((3, size))
    bands[0, 1:] = up[: size - 1]
    bands[1, :] = -up[:size]
    bands[1, 1:] -= down[: size - 1]
    bands[2, :-1] = down[: size - 1]
    solved = linalg.solve_banded((1, 1), bands, -np.ones(size))
    place = 1000  # the well at -1
    found = equation("mean-first-passage")
    tau = found.equation.rhs.xreplace(
        {
            found.symbols["start"]: sympy.Integer(-1),
            found.symbols["absorbing_end"]: sympy.Integer(1),
            found.symbols["reflecting_end"]: sympy.Integer(-2),
            found.symbols["temperature"]: sympy.Rational(3, 10),
        }
    )
    loss_function = next(iter(f.func for f in tau.atoms(sympy.Function) if f.func.__name__ == "L"))
    tau = tau.replace(loss_function, lambda w: (w**2 - 1) ** 2)
    outer = next(iter(tau.atoms(sympy.Integral)), None)
    assert outer is not None
    numeric = first_passage(lambda w: (w**2 - 1) ** 2, -1.0, low, high, temperature)
    assert solved[place] == pytest.approx(numeric, rel=1e-4)
    y, z = sympy.symbols("y z", real=True)
    inner = sympy.lambdify((z,), sympy.exp(-((z**2 - 1) ** 2) / sympy.Rational(3, 10)))
    weight = sympy.lambdify((y,), sympy.exp((y**2 - 1) ** 2 / sympy.Rational(3, 10)))
    double = integrate.quad(lambda a: weight(a) * integrate.quad(inner, low, a)[0], -1.0, high, limit=200)[0]
    assert double / temperature == pytest.approx(numeric, rel=1e-7)


@pytest.mark.parametrize("half_order", [1, 2, 3, 4])
def test_well_integral(evaluate, half_order):
    temperature, coefficient = 0.05, 1.7
    scale = (temperature / coefficient) ** (1 / (2 * half_order))
    exact = integrate.quad(
        lambda w: np.exp(-coefficient * w ** (2 * half_order) / temperature),
        -9 * scale,
        9 * scale,
        limit=300,
        epsrel=1e-12,
    )[0]
    law = evaluate("well-integral", temperature=temperature, well_coefficient=coefficient, well_half_order=half_order)
    assert law == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("half_order", [1, 2, 3])
def test_kramers_correction_is_the_next_term_of_the_well_integral(evaluate, half_order):
    linear, quadratic, coefficient = 0.4, 0.3, 1.3
    law = evaluate(
        "kramers-correction",
        well_half_order=half_order,
        well_linear_correction=linear,
        well_quadratic_correction=quadratic,
    )
    found = []
    for temperature in (1e-8**half_order, 1e-9**half_order):
        small = (temperature / coefficient) ** (1 / (2 * half_order))
        exact = integrate.quad(
            lambda u, s=small: (
                np.expm1(-(u ** (2 * half_order)) * (linear * s * u + quadratic * (s * u) ** 2))
                * np.exp(-(u ** (2 * half_order)))
                / s**2
            ),
            -9,
            9,
            limit=400,
            epsabs=1e-9,
        )[0]
        plain = integrate.quad(lambda u: np.exp(-(u ** (2 * half_order))), -9, 9, limit=400)[0]
        found.append(exact / plain)
    assert found[-1] == pytest.approx(law, rel=1e-4)


def wells(a: int, b: int, barrier: float):
    """Exact loss with wells of order 2a at -1 and 2b at +1 and a regular barrier, its height and local "
    "coefficients."""
    w, u = sympy.symbols("w u")
    top = sympy.Rational(barrier)
    force = (w + 1) ** (2 * a - 1) * (w - 1) ** (2 * b - 1) * (w - top)
    loss = sympy.integrate(sympy.expand(force), w)

    def local(place, order):
        series = sympy.Poly(sympy.expand(loss.subs(w, place + u) - loss.subs(w, place)), u)
        lead = series.coeff_monomial(u**order)
        return [float(lead)] + [float(series.coeff_monomial(u ** (order + i)) / lead) for i in (1, 2)]

    height = float(loss.subs(w, top) - loss.subs(w, -1))
    return sympy.lambdify(w, loss), height, local(-1, 2 * a), local(top, 2)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 1), (1, 2), (3, 1)])
def test_exact_passage_approaches_the_singular_law_at_the_derived_rate(evaluate, a, b):
    loss, height, (well, c1, c2), (barrier, d1, d2) = wells(a, b, 0)
    assert well > 0 > barrier
    remainders = []
    for temperature in (height / 40, height / 80):
        exact = first_passage(loss, -1.0, -2.2, min(0.75, 9 * np.sqrt(temperature / -barrier)), temperature)
        common = {
            "temperature": temperature,
            "well_coefficient": well,
            "well_half_order": a,
            "barrier_coefficient": -barrier,
            "barrier_half_order": 1,
        }
        rate = evaluate("singular-eyring-kramers", barrier_height=height, **common)
        ratio = evaluate(
            "mean-first-passage-ratio",
            well_linear_correction=c1,
            well_quadratic_correction=c2,
            barrier_linear_correction=d1,
            barrier_quadratic_correction=d2,
            **common,
        )
        remainders.append((exact * rate - ratio, exact * rate - 1, ratio - 1))
    # What the correction leaves falls faster than the correction itself, by a further power of T^(1/order).
    power = min(1 / a, 1.0)
    assert abs(remainders[1][0]) < abs(remainders[0][0]) * 2 ** (-1.5 * power)
    assert abs(remainders[1][0]) < 0.5 * abs(remainders[1][1])


def test_regular_case_and_power(evaluate):
    singular = evaluate(
        "singular-eyring-kramers",
        temperature=0.1,
        barrier_height=1,
        well_coefficient=4,
        well_half_order=1,
        barrier_coefficient=2,
        barrier_half_order=1,
    )
    regular = evaluate("eyring-kramers", temperature=0.1, barrier_height=1, well_curvature=8, barrier_curvature=4)
    assert regular == pytest.approx(singular, rel=1e-12)
    rates = [
        evaluate(
            "singular-eyring-kramers",
            temperature=t,
            barrier_height=1e-12,
            well_coefficient=1,
            well_half_order=3,
            barrier_coefficient=1,
            barrier_half_order=2,
        )
        for t in (1e-3, 1e-4)
    ]
    power = evaluate("singular-eyring-kramers-power", learning_coefficient=1 / 6, barrier_learning_coefficient=1 / 4)
    assert np.log10(rates[0] / rates[1]) == pytest.approx(power, abs=1e-6)
