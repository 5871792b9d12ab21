"""Free energies, energies and crossovers against quadrature and root finding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate
from scipy.special import erf


@pytest.mark.parametrize("half_order", [1, 2, 3])
def test_constant_of_the_well(evaluate, half_order):
    n_beta, coefficient, density = 1e4, 0.7, 0.25
    scale = (n_beta * coefficient) ** (-1 / (2 * half_order))
    exact = (
        density
        * integrate.quad(
            lambda w: np.exp(-n_beta * coefficient * w ** (2 * half_order)),
            -9 * scale,
            9 * scale,
            limit=200,
            epsrel=1e-12,
        )[0]
    )
    constant = evaluate(
        "free-energy-constant-well", prior_density=density, well_coefficient=coefficient, well_half_order=half_order
    )
    law = evaluate(
        "phase-free-energy",
        n_beta=n_beta,
        loss=0,
        learning_coefficient=1 / (2 * half_order),
        multiplicity=1,
        free_energy_constant=constant,
    )
    assert law == pytest.approx(-np.log(exact), rel=1e-9)


def crossing_partition(n_beta: float, half_order: int) -> float:
    """Integral of exp(-n_beta (w1 w2)^(2k)) over the unit square: with p = w1 w2, of -log(p) exp(-n_beta "
    "p^(2k))."""
    ends = [0.0, *np.geomspace(1e-14, 1.0, 60)]
    return sum(
        integrate.quad(lambda p: -np.log(p) * np.exp(-n_beta * p ** (2 * half_order)), a, b, epsabs=0)[0]
        for a, b in itertools.pairwise(ends)
    )


@pytest.mark.parametrize("half_order", [1, 2])
def test_constant_of_the_crossing(evaluate, half_order):
    n_beta = 1e10
    constant = evaluate("free-energy-constant-crossing", well_half_order=half_order)
    value = 1 / (2 * half_order)
    law = evaluate(
        "phase-free-energy",
        n_beta=n_beta,
        loss=0,
        learning_coefficient=value,
        multiplicity=2,
        free_energy_constant=constant,
    )
    offset = evaluate("energy-offset", learning_coefficient=value, pole_coefficient=1, next_pole_coefficient=0)
    corrected = law - np.log1p(offset / np.log(n_beta))
    assert -np.log(crossing_partition(n_beta, half_order)) == pytest.approx(corrected, abs=1e-6)


def test_energy_of_the_crossing_at_finite_n_beta(evaluate):
    step = 1e-4
    n_beta = 144.76
    slope = -(
        np.log(crossing_partition(n_beta * np.exp(step), 1)) - np.log(crossing_partition(n_beta * np.exp(-step), 1))
    ) / (2 * step)
    # The mean energy itself, by the error function in one coordinate.
    first = integrate.quad(lambda x: erf(np.sqrt(n_beta) * x) / x, 0, 1)[0]
    second = integrate.quad(lambda x: np.exp(-n_beta * x * x), 0, 1)[0]
    direct = 0.5 - second * np.sqrt(n_beta / np.pi) / first
    assert slope == pytest.approx(direct, abs=1e-6)
    assert slope == pytest.approx(0.35588, abs=1e-5)
    offset = evaluate("energy-offset", learning_coefficient=0.5, pole_coefficient=1, next_pole_coefficient=0)
    law = evaluate("energy-law", learning_coefficient=0.5, multiplicity=2, n_beta=n_beta, energy_offset=offset)
    assert law == pytest.approx(slope, abs=1e-3)
    assert abs(0.5 - slope) > 0.1  # negative control: the asymptotic value alone is far away


def test_offset_with_a_second_pole(evaluate):
    # Loss x^2 y^2 with density 1 + x on the unit square: zeta = 1/(2z+1)^2 + 1/((2z+2)(2z+1)), the second term
    # near z = -1/2 being 1/(2z+1) + ...; so c_2 = 1/4 and c_1 = 1/2.
    offset = evaluate("energy-offset", learning_coefficient=0.5, pole_coefficient=0.25, next_pole_coefficient=0.5)

    def partition(n_beta: float) -> float:
        # Inner integral over y is the error function.
        root = np.sqrt(n_beta)

        def inner(log_x: float) -> float:
            x = np.exp(log_x)
            return (1 + x) * np.sqrt(np.pi) / (2 * root) * erf(root * x)

        knee = -np.log(n_beta) / 2
        return sum(integrate.quad(inner, *ends, epsabs=0, limit=400)[0] for ends in ((-50, knee), (knee, 0)))

    n_beta, step = 1e12, 1e-3
    slope = -(np.log(partition(n_beta * np.exp(step))) - np.log(partition(n_beta * np.exp(-step)))) / (2 * step)
    law = evaluate("energy-law", learning_coefficient=0.5, multiplicity=2, n_beta=n_beta, energy_offset=offset)
    assert law == pytest.approx(slope, abs=1e-6)


def test_constant_formula_against_a_known_transform(evaluate):
    # Loss t on [0, 1] with density t^(-1/2) (-log t): zeta = 1/(z + 1/2)^2, so pole coefficient 1.
    n_beta = 1e12
    ends = [0.0, *np.geomspace(1e-30, 1.0, 80)]
    exact = sum(
        integrate.quad(lambda r: -4 * np.log(r) * np.exp(-n_beta * r * r), a, b, epsabs=0)[0]
        for a, b in itertools.pairwise(np.sqrt(ends))
    )
    constant = evaluate("free-energy-constant", pole_coefficient=1, learning_coefficient=0.5, multiplicity=2)
    offset = evaluate("energy-offset", learning_coefficient=0.5, pole_coefficient=1, next_pole_coefficient=0)
    law = constant + 0.5 * np.log(n_beta) - np.log(np.log(n_beta) + offset)
    assert law == pytest.approx(-np.log(exact), abs=1e-6)
