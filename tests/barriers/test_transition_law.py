"""Separate transitions: their exact laws against independent routes, their detection on known answers, then a run."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sympy import Rational

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
    recording_study,
    simulate_losses,
)
from slt_toys.exact.fokker_planck import fokker_planck, grid_for
from slt_toys.exact.kinetics import mean_first_passage_time
from slt_toys.potentials.catalogue import barrier_spectrum, find_potential
from slt_toys.potentials.examples import GaussianGradients
from slt_toys.reference.laws import law
from slt_toys.samplers import SGD, OverdampedLangevin
from tests.seeds import fresh_seeds

SYSTEM = barrier_spectrum(4, 1, Rational(4, 5))
TEMPERATURE = 0.09
SIDES = ("all left", "all right")


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


def test_error_of_a_difference_of_means():
    """Against the double sum over a fine grid of times; white noise would give another answer."""
    noise = [DecayLaw(np.array([0.7, 0.2]), np.array([0.5, 4.0])), DecayLaw(np.array([0.3]), np.array([1.5]))]
    length, gap, step = 2.0, 0.7, 0.01
    times = np.concatenate([np.arange(0, length, step), length + gap + np.arange(0, length, step)]) + step / 2
    weights = np.where(times < length, 1.0, -1.0) / (length / step)
    apart = np.abs(times[:, None] - times)
    exact = math.sqrt(weights @ sum(part(apart) for part in noise) @ weights)
    assert mean_difference_error(noise, length, gap) == pytest.approx(exact, rel=1e-3)
    assert mean_difference_error(noise, 1e-9, 1e9) == pytest.approx(math.sqrt(2 * 1.2), rel=1e-6)


# ---- detection on known answers ------------------------------------------------------------------------------------
@pytest.mark.parametrize("averaged", [1, 4])
def test_steps_are_found_where_they_are(averaged):
    noise = 1e-4 * np.random.default_rng(fresh_seeds()).standard_normal(100)
    places = [12, 12 + 2 * averaged + 2, 40, 70]
    record = noise - sum((np.arange(100) > place) + 0.5 * (np.arange(100) == place) for place in places)
    (found,) = detect_transitions(record, 0.05, averaged, 5.0)
    assert found.tolist() == places
    closer = noise - sum(1.0 * (np.arange(100) > place) for place in (40, 40 + averaged))
    assert len(detect_transitions(closer, 0.05, averaged, 5.0)[0]) == 1  # too close: one
    assert len(detect_transitions(-record, 0.05, averaged, 5.0)[0]) == 0  # rises are no transitions


@pytest.mark.parametrize("averaged", [1, 5])
def test_false_alarms_keep_their_level(averaged):
    runs, count, detector = 4000, 60, Detector(0.0, 0.05)
    records = np.random.default_rng(fresh_seeds()).standard_normal((runs, count))
    error = math.sqrt(2 / averaged)
    alarms = np.array([len(f) for f in detect_transitions(records, error, averaged, detector.threshold(count))])
    assert alarms.mean() < 0.05 + 5 * math.sqrt(0.05 / runs)
    loose = np.array([len(f) for f in detect_transitions(records, error, averaged, 1.0)])
    assert loose.mean() > 0.05 + 100 * math.sqrt(0.05 / runs)  # control: a threshold of one standard error


def test_record_means_and_windows():
    assert record_means(np.arange(7.0), 2) == pytest.approx([0.5, 2.5, 4.5])
    assert [Detector(2.0).records(interval) for interval in (0.02, 0.5, 1.9, 5.0)] == [100, 4, 1, 1]
    assert Detector(2.0).resolution(0.5) == pytest.approx(2.5)


# ---- runs ----------------------------------------------------------------------------------------------------------
def test_recording_intervals():
    """From single minibatches up: what can be told apart follows the exact law, and what is detected follows it."""
    step, chains, every = 0.02, 100, [5, 50, 500, 3000]
    sampler = OverdampedLangevin(step, "heun")
    losses = simulate_losses(SYSTEM, sampler, n_beta=1 / TEMPERATURE, steps=20_000, chains=chains, seed=fresh_seeds())
    study = recording_study(SYSTEM, sampler, TEMPERATURE, losses, every, Detector(2.0))

    def error(counts):
        return np.maximum(counts.std("chain").values, 0.2) / math.sqrt(chains)

    arrived = np.isfinite(losses["arrival"].values).sum(axis=1)
    assert abs(arrived.mean() - study.attrs["expected_total"]) < 5 * arrived.std() / math.sqrt(chains)
    separate = study["separate"]
    distance = (separate.mean("chain").values - study["expected_separate"].values) / error(separate)
    assert np.abs(distance).max() < 5
    detected = study["detected"].mean("chain").values
    fine = slice(0, 2)  # where the windows are short against the fastest waiting time, the leading order is good
    assert (np.abs(detected - study["expected_detected"].values)[fine] < 5 * error(study["detected"])[fine]).all()
    assert detected[0] - detected[-1] > 12 * error(study["detected"] - study["detected"][-1])[0]  # rare records merge
    assert (np.diff(study["expected_detected"].values) < 1e-9).all()
    # Control: had the noise been taken for a third of what it is, false alarms would swamp the count.
    records = record_means(losses["loss"].values, 50)
    honest = mean_difference_error(loss_noise(SYSTEM, TEMPERATURE, *SIDES), 2.0, 1.0)
    threshold = Detector(2.0).threshold(records.shape[1])
    swamped = np.mean([len(found) for found in detect_transitions(records, honest / 3, 2, threshold)])
    assert swamped > detected[1] + 12 * error(study["detected"])[1]


def test_sgd_makes_the_same_transitions():
    # The step is so small that wells are wider than Langevin's by 4 % at most [eq:sgd-temperature-quadratic].
    rate, batch = 0.005, 16
    variance = 2 * TEMPERATURE * batch / rate
    assert law("sgd-temperature")(learning_rate=rate, gradient_variance=variance, batch_size=batch, momentum=0) == (
        pytest.approx(TEMPERATURE)
    )
    examples, sampler, chains = GaussianGradients(SYSTEM, variance=variance), SGD(rate, batch), 100
    losses = simulate_losses(examples, sampler, n_beta=None, steps=8000, chains=chains, seed=fresh_seeds())
    study = recording_study(examples, sampler, TEMPERATURE, losses, [1, 80], Detector(2.0))
    separate = study["separate"]
    error = separate.std("chain").values / math.sqrt(chains)
    assert (np.abs(separate.mean("chain").values - study["expected_separate"].values) < 5 * error).all()
    detected = study["detected"].mean("chain").values
    assert (np.abs(detected - separate.mean("chain").values) < 5 * error).all()


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
