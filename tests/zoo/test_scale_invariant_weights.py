"""Scale-invariant weights: the norm's laws, the temperature that follows, and where they end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from slt_toys.reference.laws import law
from slt_toys.zoo.scale_invariant_weights import (
    REFERENCE,
    Setting,
    alignment,
    in_equilibrium,
    starts,
    told_temperature,
    train,
)
from tests.seeds import fresh_generator, fresh_seed


def test_a_normalised_layer_has_this_step():
    """[eq:norm-step] for a loss of normalised weights with a gradient by differences."""
    random = fresh_generator()
    w, tilt = random.standard_normal(5), random.standard_normal(5)
    loss = lambda v: float(np.cos(tilt @ v / np.linalg.norm(v)))  # noqa: E731
    gradient = np.array([(loss(w + e) - loss(w - e)) / 2e-6 for e in 1e-6 * np.eye(5)])
    rate, decay = 0.3, 0.2
    after = (1 - rate * decay) * w - rate * gradient
    told = law("norm-step")(
        learning_rate=rate, weight_decay=decay, norm=np.linalg.norm(w), sphere_gradient=gradient @ gradient * (w @ w)
    )
    assert after @ after == pytest.approx(told, rel=1e-7)


def test_mean_alignment_by_quadrature():
    """[eq:mean-alignment]."""
    for temperature in (0.05, 0.5, 5.0):
        whole, first = (quad(lambda c: c**p * np.exp((c - 1) / temperature), -1, 1)[0] for p in (0, 1))  # noqa: B023
        assert float(alignment(1.0, temperature)) == pytest.approx(first / whole, rel=1e-8)
        assert told_temperature(1.0, first / whole) == pytest.approx(temperature, rel=1e-6)
    assert np.isnan(told_temperature(1.0, -0.1))


@pytest.mark.parametrize("change", [{"batch_size": 8}, {"learning_rate": 0.05}, {"weight_decay": 0.005}])
def test_halving_moves_the_temperature_by_the_root_of_two(change):
    """[eq:self-set-temperature]: twice the batch, half the rate or decay, up to what the loss's own gradient adds."""
    assert replace(REFERENCE, **change).temperature / REFERENCE.temperature == pytest.approx(0.5**0.5, rel=1e-3)
    assert REFERENCE.temperature == pytest.approx(REFERENCE.noise_temperature, rel=1e-3)


def test_rate_and_decay_act_by_their_product():
    """And [eq:norm-equilibrium] follows its closed form."""
    assert REFERENCE.norm_power(1e-9) == pytest.approx(0.1 * 50 / (0.01 * (2 - 1e-3)))
    other = replace(REFERENCE, learning_rate=1.0, weight_decay=1e-3)
    assert other.noise_temperature == pytest.approx(REFERENCE.noise_temperature, rel=1e-12)
    means = [in_equilibrium(each, 200, [fresh_seed()])[:, 0] for each in (REFERENCE, other)]
    apart = means[0].mean() - means[1].mean()
    assert abs(apart) < 5 * np.sqrt(sum(m.var() for m in means) / 200)


def test_the_norm_forgets_its_start_as_the_law_says():
    """[eq:norm-relaxation]."""
    setting = Setting(learning_rate=0.1, weight_decay=0.02)
    for steps in (20, 125, 400):
        weights = starts(2000, 20.0, fresh_seed())
        train(setting, weights, steps, 0, fresh_seed())
        power = (weights**2).sum(axis=1) ** 2
        told = law("norm-relaxation")(
            learning_rate=0.1, weight_decay=0.02, steps_taken=steps, initial_norm_power=400.0,
            sphere_gradient=setting.square_gradient(setting.temperature),
        )  # fmt: skip
        # The law leaves out terms of second order in ηγ and in the kick over the norm.
        assert abs(power.mean() - told) < 5 * power.std() / np.sqrt(2000) + 0.01 * told


def test_without_noise_the_direction_becomes_unstable():
    silent = train(replace(REFERENCE, variance=0.0), starts(8, 10.0, fresh_seed()), 40_000, 0, fresh_seed())
    assert (silent[:, 4] > 2).all()
    noisy = train(REFERENCE, starts(8, 10.0, fresh_seed()), 40_000, 0, fresh_seed())
    assert (noisy[:, 4] < 0.1).all()
