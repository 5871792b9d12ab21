"""Acceptance of swaps: double quadrature of min(1, e^(Δ(x-y))), draws, and orders in the gap of the temperatures."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from scipy import integrate, stats

from tests.seeds import fresh_seed
from theory.derivation import DerivationError
from theory.equations import equation


def mean_of_minimum(coldest: float, hottest: float, cold_law, hot_law) -> float:
    """Acceptance by its definition, for losses x at the cold and y at the hot temperature above zero."""
    gap = 1 / coldest - 1 / hottest
    reach = 45 * hottest

    def given(x: float) -> float:
        below = integrate.quad(hot_law, 0, x, limit=200)[0]
        above = integrate.quad(lambda y: hot_law(y) * math.exp(gap * (x - y)), x, reach, limit=200)[0]
        return cold_law(x) * (below + above)

    return integrate.quad(given, 0, 45 * coldest, limit=200)[0]


def acceptance_on_grid(losses: np.ndarray, coldest: float, hottest: float) -> float:
    """Sum of min(p_a(x) p_b(y), p_a(y) p_b(x)) over all pairs of equally large cells."""
    cold, hot = (np.exp(-(losses - losses.min()) / t) for t in (coldest, hottest))
    joint = np.outer(cold / cold.sum(), hot / hot.sum())
    return float(np.minimum(joint, joint.T).sum())


TWO_PHASES = (np.linspace(-2.2, 2.2, 2500) ** 2 - 1) ** 2 - 0.15 * np.linspace(-2.2, 2.2, 2500)


def test_acceptance_is_twice_a_probability():
    """The equation itself with exponential laws put in, and its statement for a loss with two phases."""
    found = equation("swap-acceptance").equation.rhs
    x, y = sympy.symbols("x y", real=True)
    laws = {"p_a": 0.4, "p_b": 0.9}
    outer = next(i for i in found.atoms(sympy.Integral) if x in i.variables)
    inner = next(i for i in found.atoms(sympy.Integral) if i.variables == [y])
    assert outer.limits[0].args[1:] == (-sympy.oo, sympy.oo) and inner.limits[0].args[1:] == (-sympy.oo, x)
    numbers = {name: lambda e, t=t: math.exp(-e / t) / t if e >= 0 else 0.0 for name, t in laws.items()}
    cold, hot = numbers["p_a"], numbers["p_b"]
    stated = 2 * integrate.quad(lambda e: cold(e) * integrate.quad(hot, 0, e)[0], 0, 40)[0]
    assert stated == pytest.approx(mean_of_minimum(0.4, 0.9, cold, hot), rel=1e-7)
    coldest, hottest = 0.1, 0.35
    weights = [np.exp(-(TWO_PHASES - TWO_PHASES.min()) / t) for t in (coldest, hottest)]
    order = np.argsort(TWO_PHASES)
    p, q = (w[order] / w.sum() for w in weights)
    twice = float(p @ (2 * np.cumsum(q) - q))
    assert twice == pytest.approx(acceptance_on_grid(TWO_PHASES, coldest, hottest), abs=1e-12)
    # Negative control: the probability that the hot loss is the higher one is not half of the rejections.
    assert abs(2 * (1 - twice / 2) - twice) > 0.1


@pytest.mark.parametrize("ratio", [1.2, 3.0, 20.0])
@pytest.mark.parametrize("learning_coefficient", [0.5, 1.0, 2.5])
def test_acceptance_within_a_phase(evaluate, learning_coefficient, ratio):
    cold, hot = (stats.gamma(learning_coefficient, scale=t) for t in (0.3, 0.3 * ratio))
    law = evaluate(
        "swap-acceptance-phase",
        learning_coefficient=learning_coefficient,
        cold_temperature=0.3,
        hot_temperature=0.3 * ratio,
    )

    def root_law(distribution):
        """Density in z = sqrt(x), free of the pole at zero."""
        return lambda z: 2 * z * distribution.pdf(z * z) if z > 0 else 0.0

    gap = 1 / 0.3 - 1 / (0.3 * ratio)
    z = np.linspace(0, math.sqrt(45 * 0.3 * ratio), 3001)
    p, q = (np.array([root_law(d)(t) for t in z]) for d in (cold, hot))
    lowest = 2 / (math.gamma(0.5) * math.sqrt(0.3)) if learning_coefficient == 0.5 else 0.0
    p[0], q[0] = lowest, lowest / math.sqrt(ratio)
    accept = np.exp(np.minimum(0.0, gap * (z[:, None] ** 2 - z[None, :] ** 2)))
    direct = integrate.simpson(p * integrate.simpson(accept * q[None, :], x=z, axis=1), x=z)
    assert law == pytest.approx(direct, abs=2e-5)


@pytest.mark.parametrize("learning_coefficient", [0.25, 1.5])
def test_acceptance_of_drawn_losses(evaluate, learning_coefficient):
    seed = fresh_seed()
    random, size, temperatures = np.random.default_rng(seed), 400_000, (0.2, 0.7)
    x, y = (t * random.gamma(learning_coefficient, size=size) for t in temperatures)
    accepted = np.exp(np.minimum(0.0, (1 / 0.2 - 1 / 0.7) * (x - y)))
    error = accepted.std() / math.sqrt(size)
    values = {"cold_temperature": 0.2, "hot_temperature": 0.7}
    law = evaluate("swap-acceptance-phase", learning_coefficient=learning_coefficient, **values)
    assert abs(accepted.mean() - law) < 5 * error, f"seed {seed}"
    wrong = evaluate("swap-acceptance-phase", learning_coefficient=learning_coefficient + 0.1, **values)
    assert abs(accepted.mean() - wrong) > 12 * error


def test_acceptance_of_normal_losses(evaluate):
    seed = fresh_seed()
    random, size, deviation, gap = np.random.default_rng(seed), 400_000, 1.3, 0.9
    x = random.normal(0, deviation, size)
    y = random.normal(deviation**2 * gap, deviation, size)
    accepted = np.exp(np.minimum(0.0, gap * (x - y)))
    error = accepted.std() / math.sqrt(size)
    law = evaluate("swap-acceptance-normal", energy_deviation=deviation, inverse_temperature_gap=gap)
    assert abs(accepted.mean() - law) < 5 * error, f"seed {seed}"
    wrong = evaluate("swap-acceptance-normal", energy_deviation=1.05 * deviation, inverse_temperature_gap=gap)
    assert abs(accepted.mean() - wrong) > 12 * error


def test_a_phase_of_many_directions_is_nearly_normal(evaluate):
    """σ of the two temperatures' geometric mean; what is left falls as one over the learning coefficient."""
    off = []
    for learning_coefficient in (20.0, 80.0):
        hot = math.exp(1.0 / math.sqrt(learning_coefficient))
        exact = evaluate(
            "swap-acceptance-phase", learning_coefficient=learning_coefficient, cold_temperature=1, hot_temperature=hot
        )
        deviation, gap = math.sqrt(learning_coefficient * hot), 1 - 1 / hot
        off.append(evaluate("swap-acceptance-normal", energy_deviation=deviation, inverse_temperature_gap=gap) - exact)
    assert abs(off[0]) < 5e-3
    assert off[0] / off[1] == pytest.approx(4, rel=5e-3)


def test_rejections_of_small_gaps(evaluate):
    """The defect is of second order in the gap, for a loss with two phases near their crossover."""
    temperature, losses = 0.25, TWO_PHASES
    weight = np.exp(-(losses - losses.min()) / temperature)
    weight /= weight.sum()
    difference = float(weight @ np.abs(losses[:, None] - losses[None, :]) @ weight)
    found, defects = [], []
    for gap in (0.4, 0.2):
        law = evaluate("swap-rejection", inverse_temperature_gap=gap, mean_energy_difference=difference)
        found.append(1 - acceptance_on_grid(losses, temperature, 1 / (1 / temperature - gap)))
        defects.append(abs(found[-1] - law))
    assert math.log2(found[0] / found[1]) == pytest.approx(1, abs=0.1)
    assert math.log2(defects[0] / defects[1]) == pytest.approx(2, abs=0.3)
    assert defects[1] < 0.1 * found[1]


@pytest.mark.parametrize("learning_coefficient", [0.25, 0.5, 1.0, 6.0])
def test_barrier_is_what_many_small_steps_reject(evaluate, learning_coefficient):
    cold, hot = 0.02, 1.0
    law = evaluate(
        "communication-barrier", learning_coefficient=learning_coefficient, cold_temperature=cold, hot_temperature=hot
    )
    # Half the mean distance is the integral of F (1 - F), in units of the temperature and so at all of them.
    cdf = stats.gamma(learning_coefficient).cdf
    half = integrate.quad(lambda z: 2 * z * cdf(z * z) * (1 - cdf(z * z)), 0, 9, limit=200)[0]
    assert law == pytest.approx(half * math.log(hot / cold), rel=1e-7)
    defects = []
    for pairs in (40, 80):
        factor = (hot / cold) ** (1 / pairs)
        accepted = evaluate(
            "swap-acceptance-phase", learning_coefficient=learning_coefficient, cold_temperature=1,
            hot_temperature=factor,
        )  # fmt: skip
        defects.append(law - pairs * (1 - accepted))
    assert 0 < defects[1] < 2e-3 * law
    assert math.log2(defects[0] / defects[1]) == pytest.approx(2, abs=0.1)


def test_a_wrong_law_of_the_share_does_not_close(monkeypatch):
    import theory.laws.replica_exchange as exchange

    right = exchange._beta_density()
    monkeypatch.setattr(exchange, "_beta_density", lambda: 2 * right)
    for derive in (exchange.derive_swap_acceptance_phase, exchange.derive_communication_barrier):
        derive.cache_clear()
        with pytest.raises(DerivationError):
            derive()
