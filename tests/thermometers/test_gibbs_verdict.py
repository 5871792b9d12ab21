"""Bounds and verdicts from made readings, whose truth is known: coverage, power, and what must be refused."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from slt_toys.thermometers.escapes import EscapeRate
from slt_toys.thermometers.gibbs_verdict import (
    ALLOWED,
    RESOLVED,
    NoiseLevel,
    escape_dependence,
    gibbs_verdict,
    spread_of,
)
from slt_toys.thermometers.readings import Reading, refusal
from tests.seeds import fresh_generator

CHAINS = 200
NAMES = ("energy in left", "energy in right", "occupancy", "escape from left", "escape from right")
ERRORS = np.array([0.006, 0.003, 0.014, 0.008, 0.005])
X = np.array([1.0, 1.43, 2.0])


def made_readings(random: np.random.Generator, temperatures: np.ndarray, scale: float = 1.0) -> list[Reading]:
    """Readings whose errors have the sizes above, correlated along one common cause, from shares of as many chains."""
    common = random.standard_normal(CHAINS)
    shares = 0.6 * common + 0.8 * random.standard_normal((len(NAMES), CHAINS))
    shares *= (scale * ERRORS * math.sqrt(CHAINS))[:, None]
    found = []
    for name, temperature, own in zip(NAMES, temperatures, shares, strict=True):
        n_beta = math.exp(own.mean()) / temperature
        error = n_beta * own.std(ddof=1) / math.sqrt(CHAINS)
        found.append(Reading(name, n_beta, error, n_beta - 2 * error, n_beta + 2 * error, CHAINS, "", own - own.mean()))
    return found


def made_rates(random: np.random.Generator, logs: np.ndarray, error: float = 0.015) -> list[EscapeRate]:
    return [EscapeRate("left", 4000, value + error * random.standard_normal(), error) for value in logs]


@pytest.mark.parametrize("temperatures", [np.full(5, 0.4), np.array([0.4, 0.4, 0.44, 0.42, 0.4])])
def test_bounds_hold_for_all_pairs_together(temperatures):
    """At 90 % the largest true ratio lies between the bounds in at least 90 % of made data sets, for any seed."""
    random, runs, held = fresh_generator(), 200, 0
    truth = max(max(a / b, b / a) for a, b in combinations(temperatures, 2)) - 1
    for _ in range(runs):
        spread = spread_of(made_readings(random, temperatures), 0.9)
        held += spread.low <= truth + 1e-12 and truth <= spread.high
    assert held / runs > 0.9 - 5 * math.sqrt(0.09 / runs)
    # Control: one pair's interval for each would miss more often.
    missed = 0
    for _ in range(runs):
        logs = np.array([math.log(each.inverse_temperature) for each in made_readings(random, np.full(5, 0.4))])
        shares = np.stack([each.shares for each in made_readings(random, np.full(5, 0.4))])
        covariance = np.cov(shares) / CHAINS
        missed += any(
            abs(logs[i] - logs[j]) > 1.645 * math.sqrt(covariance[i, i] + covariance[j, j] - 2 * covariance[i, j])
            for i, j in combinations(range(5), 2)
        )
    assert missed / runs > 0.2


@pytest.mark.parametrize(("exponent", "fall"), [(1.0, 1.5), (0.5, 1.5), (-0.5, 1.0)])
def test_intervals_of_the_exponent_cover(exponent, fall):
    random, runs = fresh_generator(), 400
    shape = (X**exponent - 1) / exponent
    logs = -fall * shape / shape[-1]
    held = covered = 0
    for _ in range(runs):
        found = escape_dependence("left", X.tolist(), made_rates(random, logs), 0.9)
        held += found.exponent_low - 0.011 <= exponent <= found.exponent_high + 0.011
        covered += found.fall_low <= fall <= found.fall_high
    tolerance = 5 * math.sqrt(0.0475 / runs)
    assert held / runs > 0.95 - tolerance and covered / runs > 0.95 - tolerance
    assert held / runs < 0.95 + tolerance  # not too wide either: each has half of the error


def made_levels(
    random: np.random.Generator, temperatures: np.ndarray, logs: np.ndarray, scale: float = 1.0, x: np.ndarray = X
) -> list[NoiseLevel]:
    rates = made_rates(random, logs, 0.012)
    return [
        NoiseLevel(float(own), tuple(made_readings(random, temperatures / own, scale)), (rate,))
        for own, rate in zip(x, rates, strict=True)
    ]


SAME, APART = np.full(5, 0.6), np.array([0.6, 0.6, 0.6 * 1.21, 0.6, 0.6])
WIDE = np.array([1.0, 4.0, 16.0])
ACTIVATED, POWER, LEVEL = -2.4 * X, -0.5 * np.log(WIDE), np.zeros(3)


@pytest.mark.parametrize(
    ("temperatures", "x", "logs", "expected"),
    [
        (SAME, X, ACTIVATED, "tempered posterior"),
        (APART, X, ACTIVATED, "activated, not Gibbs"),
        (APART, WIDE, POWER, "not activated"),
        (APART, X, LEVEL, "not activated"),
    ],
    ids=["one temperature", "21 per cent apart", "power law", "no dependence"],
)
def test_answers_are_right_in_at_least_95_per_cent(temperatures, x, logs, expected):
    random, runs = fresh_generator(), 100
    right = sum(
        gibbs_verdict(made_levels(random, temperatures, logs, 0.8, x)).answer == expected for _ in range(runs)
    )  # fmt: skip
    assert right / runs > 0.95 - 5 * math.sqrt(0.0475 / runs)


def test_wide_intervals_cannot_tell():
    """Errors six times as large: neither a difference of 20 % nor its absence is claimed."""
    random = fresh_generator()
    for temperatures in (SAME, np.array([0.6, 0.6, 0.66, 0.6, 0.6])):
        answers = [gibbs_verdict(made_levels(random, temperatures, ACTIVATED, 6.0)).answer for _ in range(20)]
        assert answers.count("cannot tell") >= 17
    assert 0 < ALLOWED < RESOLVED


def test_a_thermometer_that_cannot_be_read_is_no_agreement():
    random = fresh_generator()
    levels = made_levels(random, SAME, ACTIVATED)
    assert gibbs_verdict(levels).answer == "tempered posterior"
    first = levels[0]
    blind = NoiseLevel(first.coldness, (*first.readings[:-1], refusal("escape from right", "3 escapes")), first.rates)
    found = gibbs_verdict([blind, *levels[1:]])
    assert found.answer == "cannot tell" and found.spreads[0].unread == ("escape from right: 3 escapes",)


def test_order_of_levels_and_unit_of_loss_and_noise_do_not_matter():
    random = fresh_generator()
    levels = made_levels(random, APART, ACTIVATED)
    first = gibbs_verdict(levels)
    turned = gibbs_verdict(levels[::-1])
    assert turned.spreads == first.spreads and turned.dependences == first.dependences
    scaled = [NoiseLevel(1e6 * level.coldness, level.readings, level.rates) for level in levels]
    assert gibbs_verdict(scaled).answer == first.answer
    assert gibbs_verdict(scaled).dependences[0].exponent == pytest.approx(first.dependences[0].exponent, abs=0.011)
    hotter = [
        NoiseLevel(level.coldness, tuple(
            Reading(r.thermometer, r.inverse_temperature * 1e-5, r.standard_error * 1e-5, r.low * 1e-5, r.high * 1e-5,
                    r.effective_sample_size, "", r.shares) for r in level.readings), level.rates)
        for level in levels
    ]  # fmt: skip
    for own, other in zip(gibbs_verdict(hotter).spreads, first.spreads, strict=True):
        assert own.low == pytest.approx(other.low) and own.high == pytest.approx(other.high)


def test_bad_input_is_refused():
    levels = made_levels(fresh_generator(), SAME, ACTIVATED)
    with pytest.raises(ValueError, match="levels must be at least 3"):
        gibbs_verdict(levels[:2])
    with pytest.raises(ValueError, match="coldness must be positive, finite and another"):
        gibbs_verdict([levels[0], levels[0], levels[1]])
    with pytest.raises(ValueError, match="confidence must lie"):
        gibbs_verdict(levels, confidence=1.0)
