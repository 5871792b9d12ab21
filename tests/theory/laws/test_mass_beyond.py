"""Mass above a level: bounds that hold by quadrature of losses that meet their lower bound, and of some that do not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

SHARES = (0.01, 0.1, 0.5, 1.0)


@pytest.mark.parametrize(("amount", "power", "constant"), [(1.0, 2.0, 0.5), (0.3, 1.0, 2.0), (2.0, 4.0, -1.0)])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_no_loss_above_its_bound_has_more_mass_above_a_level(evaluate, amount, power, constant, temperature):
    rng = np.random.default_rng(3)
    w = np.linspace(-60, 60, 400_001)
    bound = amount * np.abs(w) ** power - constant
    for loss in (bound, bound + 3 * np.sin(5 * w) ** 2, bound + rng.exponential(2, w.size)):
        for level in (1.0, 5.0, 20.0):
            mass = np.where(loss > level, np.exp(-loss / temperature), 0.0).sum() * (w[1] - w[0])
            known = {"growth_amount": amount, "growth_power": power, "growth_constant": constant}
            laws = [
                evaluate("mass-beyond-a-level", **known, temperature=temperature, loss_level=level, tail_share=share)
                for share in SHARES
            ]
            assert mass <= min(laws) * (1 + 1e-6)
    # Negative control: a loss that falls below its bound can have more.
    low = bound - (amount * 3**power + 10 * temperature) * np.exp(-((np.abs(w) - 3) ** 2))
    mass = np.exp(-low / temperature).sum() * (w[1] - w[0])
    law = evaluate("mass-beyond-a-level", **known, temperature=temperature, loss_level=0.0, tail_share=1.0)
    assert mass > law


@pytest.mark.parametrize(
    ("amount", "power", "temperature"), [(1.0, 2.0, 1.0), (1.0, 2.0, 1.9), (3.0, 1.0, 0.7), (1, 6, 2)]
)
def test_the_integral_of_logarithmic_growth(evaluate, amount, power, temperature):
    law = evaluate("logarithmic-growth-integral", growth_amount=amount, growth_power=power, temperature=temperature)
    exact = 2 * sum(
        quad(lambda u: math.exp(u - amount / temperature * np.logaddexp(0, power * u)), a, b, epsabs=0, limit=500)[0]
        for a, b in ((-60, 0), (0, 60), (60, 600))
    )
    assert law == pytest.approx(exact, rel=1e-7)
