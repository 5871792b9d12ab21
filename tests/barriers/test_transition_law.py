"""Separate transitions: their exact laws against independent routes, their detection on known answers, then a run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.barriers import transition_law
from slt_toys.barriers.transition_law import (
    DecayLaw,
    arrival_laws,
    expected_intervals,
    expected_separate,
    expected_transitions,
    loss_drops,
    loss_noise,
    transition_table,
)
from slt_toys.barriers.transition_records import (
    Detector,
    detect_transitions,
    mean_difference_error,
    record_means,
    simulate_losses,
)
from slt_toys.exact.fokker_planck import fokker_planck, grid_for
from slt_toys.exact.kinetics import mean_first_passage_time
from slt_toys.potentials.catalogue import find_potential
from slt_toys.samplers import OverdampedLangevin
from tests.barriers.made_transitions import SIDES, SYSTEM, TEMPERATURE
from tests.seeds import fresh_seeds


def exponential(rate: float) -> DecayLaw:
    return DecayLaw(np.array([1.0]), np.array([rate]))


# ---- exact laws ----------------------------------------------------------------------------------------------------


def test_arrival_laws_against_quadrature():
    laws = arrival_laws(SYSTEM, TEMPERATURE, *SIDES)
    table = transition_table(SYSTEM, TEMPERATURE, *SIDES)
    for number, found in enumerate(laws):
        part = SYSTEM.component(number)
        mean = mean_first_passage_time(part, TEMPERATURE, *(float(part.minimum_point(side)[0]) for side in (0, 1)))
        assert found.integral == pytest.approx(mean, rel=5e-3)
        assert table["waiting_time"].values[number] == pytest.approx(mean)
        survival = found(np.array([0.0, 0.01, mean / 2, mean, 3 * mean]))
        assert survival[0] == pytest.approx(1, abs=1e-6) and survival[1] == pytest.approx(1, abs=1e-6)
        assert (np.diff(survival[1:]) < 0).all() and survival[-1] == pytest.approx(math.exp(-3), abs=0.02)
    assert (np.diff(table["drop"].values) > 0).all() and table["drop"].values == pytest.approx(
        loss_drops(SYSTEM, *SIDES)
    )


def test_the_duration_of_a_crossing_against_the_conditioned_process():
    """Doob's transform of the generator, solved densely: the same mean time by another system of equations."""
    table = transition_table(SYSTEM, TEMPERATURE, *SIDES)
    part = SYSTEM.component(1)
    grid = grid_for(part, [TEMPERATURE], transition_law.GRID_CELLS)
    begin, end = (grid.cell(part.minimum_point(side)) for side in (0, 1))
    generator = fokker_planck(part, grid).generator(TEMPERATURE).toarray()
    inside = np.arange(begin + 1, end)
    chance = np.linalg.solve(generator[np.ix_(inside, inside)], -generator[inside, end])
    conditioned = generator[np.ix_(inside, inside)] * chance / chance[:, None]
    times = np.linalg.solve(conditioned, -np.ones(inside.size))
    assert table["duration"].values[1] == pytest.approx(times[0], rel=1e-6)
    assert table["duration"].values[1] < 0.05 * table["waiting_time"].values[1]


@pytest.mark.parametrize("resolution", [0.3, 3.0])
def test_counts_against_drawn_arrivals(resolution):
    """Five exponential arrivals, drawn 20 000 times."""
    rates, total = np.array([1.0, 0.4, 0.2, 0.1, 0.02]), 20.0
    laws = [exponential(rate) for rate in rates]
    times = np.sort(np.random.default_rng(fresh_seeds()).exponential(1 / rates, (20_000, 5)), axis=1)
    inside = times < total
    far = np.concatenate([np.ones((len(times), 1), dtype=bool), np.diff(times, axis=1) > resolution], axis=1)
    separate = (inside & far).sum(axis=1)
    count = int(total / resolution * (1 + 1e-12))
    held = np.array([np.unique(np.floor(row[row < count * resolution] / resolution)).size for row in times])
    for drawn, exact in (
        (separate, expected_separate(laws, total, resolution)),
        (held, expected_intervals(laws, total, resolution)),
        (inside.sum(axis=1), expected_transitions(laws, total)),
    ):
        assert abs(drawn.mean() - exact) < 5 * drawn.std() / math.sqrt(len(drawn))
    wrong = expected_separate(laws, total, 1.5 * resolution)
    assert abs(separate.mean() - wrong) > 12 * separate.std() / math.sqrt(len(separate))


def test_limits_of_the_counts(monkeypatch):
    laws = [exponential(rate) for rate in (1.0, 0.3, 0.05)]
    assert expected_separate(laws, 30.0, 0.0) == pytest.approx(expected_transitions(laws, 30.0), abs=1e-9)
    assert expected_intervals(laws, 30.0, 30.0) == pytest.approx(1.0, abs=1e-6)
    half = expected_separate(laws[:1], 30.0, 1.0, lambda times: np.full((1, times.size), 0.5))
    assert half == pytest.approx(0.5 * expected_transitions(laws[:1], 30.0), abs=1e-9)
    coarse = expected_separate(laws, 30.0, 2.0)
    monkeypatch.setattr(transition_law, "QUADRATURE", 2 * transition_law.QUADRATURE)
    assert expected_separate(laws, 30.0, 2.0) == pytest.approx(coarse, abs=1e-4)


def test_noise_of_the_loss():
    """Cold wells are harmonic: variance T²/2 and correlation time 1/(2 h). Warm ones differ."""
    curvatures = SYSTEM.hessian_function()(SYSTEM.minimum_point("all left"))
    right = SYSTEM.hessian_function()(SYSTEM.minimum_point("all right"))
    slowest = np.minimum(np.diag(curvatures), np.diag(right))
    for temperature, close in ((0.002, True), (TEMPERATURE, False)):
        noise = loss_noise(SYSTEM, temperature, *SIDES)
        variance = np.array([float(part(0.0)) for part in noise]) / (temperature**2 / 2)
        times = np.array([part.integral / float(part(0.0)) for part in noise]) * 2 * slowest
        assert (np.abs(variance - 1) < 0.05).all() == close and (np.abs(times - 1) < 0.06).all() == close


# ---- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: arrival_laws(find_potential("curve_against_point"), 0.1, "circle", "point"), "couples coordinates"),
        (lambda: arrival_laws(SYSTEM, 0.1, "all left", "all left"), "target must be another phase"),
        (lambda: arrival_laws(SYSTEM, -0.1, *SIDES), "temperature must be positive"),
        (lambda: arrival_laws(SYSTEM, 0.004, *SIDES), "too low: the fall"),
        (lambda: expected_intervals([exponential(1.0)], 1.0, 0.0), "interval must be a positive"),
        (lambda: expected_separate([exponential(1.0)], 1.0, -1.0), "resolution must be"),
        (
            lambda: expected_separate([exponential(1.0)], 1.0, 0.1, lambda t: np.full((1, t.size), 2.0)),
            "seen must give",
        ),
        (lambda: Detector(-1.0), "window must be"),
        (lambda: Detector(1.0, 0.0), "false_alarm must lie"),
        (lambda: record_means(np.ones(5), 6), "every must be a whole number"),
        (lambda: detect_transitions(np.ones(5), 1.0, 3, 3.0), "averaged must be at least 1 and at most 2"),
        (lambda: detect_transitions(np.ones(5), 0.0, 1, 3.0), "error must be a positive"),
        (lambda: mean_difference_error([exponential(1.0)], 0.0, 1.0), "length must be positive"),
        (
            lambda: simulate_losses(SYSTEM, OverdampedLangevin(0.02), n_beta=10.0, steps=10**7, chains=100),
            "run fewer chains",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_counts_of_two_exponential_arrivals():
    """Rates 1 and 3: within a time, in intervals, and apart; integrals by hand."""
    laws = [DecayLaw(np.array([1.0]), np.array([rate])) for rate in (1.0, 3.0)]
    assert [law.integral for law in laws] == pytest.approx([1, 1 / 3])
    assert DecayLaw(np.array([2.0, -1.0]), np.array([1.0, 4.0])).integral == pytest.approx(1.75)
    assert expected_transitions(laws, 0.7) == pytest.approx(2 - math.exp(-0.7) - math.exp(-2.1))
    edges = np.arange(4) * 0.25
    held = [np.exp(-r * edges[:-1]) - np.exp(-r * edges[1:]) for r in (1.0, 3.0)]
    assert expected_intervals(laws, 0.75, 0.25) == pytest.approx(float((1 - (1 - held[0]) * (1 - held[1])).sum()))
    # One alone: not preceded by the other within w. For t < w that is the other's survival, then 1 - (e^w' - 1) S.
    w, total, count = 0.2, 2.0, 0.0
    for rate, other in ((1.0, 3.0), (3.0, 1.0)):
        both = rate + other
        early = rate / both * (1 - math.exp(-both * w))
        late = math.exp(-rate * w) - math.exp(-rate * total)
        crowded = (math.exp(other * w) - 1) * rate / both * (math.exp(-both * w) - math.exp(-both * total))
        count += early + late - crowded
    assert expected_separate(laws, total, w) == pytest.approx(count, rel=1e-4)
    assert expected_separate(laws, total, 0.0) == pytest.approx(expected_transitions(laws, total), rel=1e-6)
