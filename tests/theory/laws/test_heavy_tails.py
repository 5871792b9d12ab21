"""Stable noise: its jumps against scipy's densities, its scale and its escapes against simulated paths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from slt_toys.reference.laws import law
from slt_toys.worlds.noisy_descent import stable_draws
from tests.seeds import fresh_seed


@pytest.mark.parametrize("stability", [0.7, 1.0, 1.5, 1.8])
def test_far_tail_of_the_density_is_that_of_single_jumps(stability):
    far = 3000.0
    density = stats.levy_stable.pdf(far, stability, 0.0)
    coefficient = law("stable-jumps")(stability=stability)
    assert density == pytest.approx(coefficient * far ** (-1 - stability), rel=0.05)


def test_scale_of_sums_is_that_of_the_law():
    """The characteristic function of the sum of a unit of Langevin time's steps, for two batch sizes and rates."""
    count = 20_000
    for stability, rate, batch in ((1.5, 0.05, 4), (1.2, 0.1, 16), (2.0, 0.05, 4)):
        steps = round(1 / rate)
        draws = stable_draws(stability, count * steps * batch, fresh_seed()).reshape(count, steps, batch)
        total = (rate * draws.mean(axis=2)).sum(axis=1)
        scale = law("stable-noise-scale")(example_scale=1.0, learning_rate=rate, batch_size=batch, stability=stability)
        seen = np.cos(total / scale)
        assert abs(seen.mean() - math.exp(-1)) < 5 * seen.std() / math.sqrt(count)


def test_escapes_are_single_jumps_and_know_no_height():
    """Rates in two parabolas of one width, one four times as steep, by simulation; in a narrower one they differ."""
    stability, scale, step, chains = 1.5, 0.1, 0.01, 20_000
    rates = {}
    for steep, width in ((2.0, 1.0), (8.0, 1.0), (2.0, 0.6)):
        draws = stable_draws(stability, chains * 600, fresh_seed()).reshape(600, chains)
        w, there, waited, escapes = np.zeros(chains), np.ones(chains, dtype=bool), 0, 0
        for kick in draws:
            w = w - steep * w * step + scale * step ** (1 / stability) * kick
            waited += int(there.sum())
            out = there & (w > width)
            escapes += int(out.sum())
            there &= ~out & (w > -30)
        rates[steep, width] = escapes / (waited * step), 1 / math.sqrt(escapes)
    for (_, width), (rate, error) in rates.items():
        expected = law("stable-escape-rate")(
            jump_coefficient=law("stable-jumps")(stability=stability), stability=stability, noise_scale=scale,
            well_width=width,
        )  # fmt: skip
        # Correction: jumps start from a spread of the scale's size, not from the minimum.
        assert abs(math.log(rate / expected)) < 5 * error + 0.15
    steep, flat = rates[8.0, 1.0], rates[2.0, 1.0]
    assert abs(math.log(steep[0] / flat[0])) < 5 * math.hypot(steep[1], flat[1]) + 0.15
    assert math.log(rates[2.0, 0.6][0] / flat[0]) > 0.5
