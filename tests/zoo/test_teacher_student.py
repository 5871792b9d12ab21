"""Teacher and student: averages, equations and SGD agree; the error in the end follows its laws for small rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from slt_toys.reference.laws import law
from slt_toys.zoo import local_fields
from slt_toys.zoo.teacher_student import (
    Setting,
    descend,
    final_error,
    generalisation_error,
    informed_start,
    integrate,
    random_start,
    settled_error,
    shared_start,
    thermal_error,
)
from tests.seeds import fresh_generator, fresh_seed

TIMES = (30.0, 150.0, 300.0)


def test_kernels_are_the_laws():
    """[eq:field-slope-product], [eq:field-product], [eq:field-drift] and [eq:field-noise]."""
    mixing = fresh_generator().standard_normal((4, 4))
    c = mixing @ mixing.T
    kernel = [
        local_fields._j2(c, 0, 1), local_fields._i2(c, 0, 1), local_fields._i3(c, 0, 1, 2),
        local_fields._i4(c, 0, 1, 2, 3),
    ]  # fmt: skip
    np.testing.assert_allclose(kernel, local_fields.averages(c), rtol=1e-10, atol=1e-13)


def test_averages_by_quadrature():
    """A grid of Gauss and Hermite over four independent numbers, in place of draws."""
    from scipy.special import erf

    mixing = 0.3 * fresh_generator().standard_normal((4, 4))
    points, weights = np.polynomial.hermite_e.hermegauss(16)
    grid = np.stack(np.meshgrid(*[points] * 4, indexing="ij")).reshape(4, -1)
    weight = np.prod(np.stack(np.meshgrid(*[weights / weights.sum()] * 4, indexing="ij")).reshape(4, -1), axis=0)
    a, b, c, d = mixing @ grid
    slope_a, slope_b = (np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2) for x in (a, b))
    unit_a, unit_b, unit_c, unit_d = (erf(x / np.sqrt(2)) for x in (a, b, c, d))
    products = (slope_a * slope_b, unit_a * unit_b, slope_a * b * unit_c, slope_a * slope_b * unit_c * unit_d)
    expected = [weight @ product for product in products]
    np.testing.assert_allclose(local_fields.averages(mixing @ mixing.T), expected, atol=2e-3)


def test_minibatches_divide_the_noise_alone():
    """[eq:overlap-noise]: the rates at two batch sizes differ by noise over batch size, and by nothing else."""
    network = random_start(Setting(inputs=10), fresh_seed())
    one, two, many = (
        local_fields.rates_by_laws(network.covariance, network.output, 4, Setting(batch_size=b).numbers)
        for b in (1, 2, 10**9)
    )
    np.testing.assert_allclose(one - many, 2 * (two - many), rtol=1e-6, atol=1e-12)
    noise = law("overlap-noise")(
        learning_rate=0.2, batch_size=2, first_output_weight=1.0, second_output_weight=-1.0, squared_slope_error=0.5
    )
    assert noise == pytest.approx(-0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("batch", "reported"), [(1, (0.0375, 0.02278, 0.01934)), (4, (0.03179, 0.0183, 0.01527))])
def test_sgd_follows_the_equations(batch, reported):
    """Reported for single runs: within 4 %. So it is for the mean of four; a single run departs by 1 to 2 %."""
    setting, seed = Setting(batch_size=batch), fresh_seed()
    starts = [random_start(setting, [seed, run]) for run in range(4)]
    equations = np.array([generalisation_error(*integrate(start, setting, TIMES)) for start in starts])
    runs = np.array(
        [generalisation_error(*descend(start, setting, TIMES, [seed, run, 1])) for run, start in enumerate(starts)]
    )
    assert (np.abs((runs / equations).mean(axis=0) - 1) < 0.04).all()
    assert (np.abs(equations.mean(axis=0) / reported - 1) < 0.06).all()


def test_the_error_in_the_end_with_spare_units():
    """[eq:spare-units-error]. Reported over the law: 1.022 to 1.129 at learning rate .05, 1.09 to 1.84 at .2."""
    setting = Setting(label_noise=0.01)

    def ratio(units: int, rate: float, step: float = 0.5) -> float:
        each = replace(setting, student=units, learning_rate=rate)
        return settled_error(informed_start, each, step) / final_error(each)

    small = [ratio(units, 0.05, 1.0) for units in (2, 3, 4, 6, 8)]
    np.testing.assert_allclose(small, [1.022, 1.037, 1.054, 1.090, 1.129], atol=1e-3)
    np.testing.assert_allclose([ratio(units, 0.2) for units in (2, 8)], [1.09, 1.84], atol=0.006)
    for units, whole in ((2, small[0]), (4, small[2])):  # to first order in the learning rate
        assert 0.2 < (ratio(units, 0.0125, 2.0) - 1) / (whole - 1) < 0.27


def test_the_error_in_the_end_with_shared_units():
    """[eq:shared-units-error]. Reported: 4.02e-6, 1.92e-6, 1.26e-6 and .94e-6, as one over K to within 7 %."""
    settings = [Setting(student=k, label_noise=0.01, output_rate=0.2) for k in (2, 4, 6, 8)]
    ends = np.array([settled_error(shared_start, each, 1.0) for each in settings])
    np.testing.assert_allclose(ends, [4.02e-6, 1.92e-6, 1.26e-6, 0.94e-6], rtol=0.005)
    scaled = ends * [2, 4, 6, 8]
    assert scaled.max() / scaled.min() < 1.075
    assert (np.abs(ends / [final_error(each, True) for each in settings] - 1) < 0.1).all()


def test_batch_size_and_learning_rate_act_through_their_ratio():
    """Reported: the error at B = 4 is .209 of that at B = 1. At one rate over batch size it is the same, exactly."""
    setting = Setting(label_noise=0.01)
    one, four = (settled_error(informed_start, replace(setting, batch_size=b)) for b in (1, 4))
    assert four / one == pytest.approx(0.209, abs=1e-3)
    assert settled_error(informed_start, replace(setting, learning_rate=0.05)) == pytest.approx(four, rel=1e-6)
    small = [settled_error(informed_start, replace(setting, batch_size=b, learning_rate=0.01), 2.0) for b in (1, 4)]
    assert small[1] / small[0] == pytest.approx(0.25, abs=3e-3)


def test_white_noise_leaves_half_a_temperature_for_each_unit():
    """[eq:thermal-student-error], for small temperatures and whatever the learning rate."""
    setting = Setting(student=2, label_noise=0.0, temperature=1e-6, learning_rate=0.01)
    assert settled_error(informed_start, setting, 2.0) == pytest.approx(thermal_error(setting), rel=0.01)
    other = replace(setting, temperature=0.0, label_noise=np.sqrt(2e-4))  # the same temperature, by labels
    assert settled_error(informed_start, other, 2.0) < 0.5 * thermal_error(setting)


def test_the_plateau_is_left_later_from_smaller_weights():
    """Until then the error is that of units which all learn the same."""
    setting, seed = Setting(student=2, inputs=500), fresh_seed()
    times = np.arange(0.0, 1500.0, 10.0)
    left = []
    for deviation in (0.01, 0.1):
        errors = generalisation_error(*integrate(random_start(setting, seed, deviation), setting, times, 0.05))
        assert errors[10] == pytest.approx(0.01317, rel=0.01)
        left.append(times[np.argmax(errors < 0.006)])
    assert left[0] > left[1] + 30 > 100


def test_starts_are_what_they_say():
    setting = Setting(student=4, inputs=50)
    assert generalisation_error(informed_start(setting).covariance, informed_start(setting).output) < 1e-12
    shared = shared_start(setting)
    assert generalisation_error(shared.covariance, shared.output) < 1e-12
    np.testing.assert_allclose(shared.output, [0.5] * 4 + [-1, -1])
    teacher = random_start(setting, fresh_seed()).covariance[4:, 4:]
    np.testing.assert_allclose(teacher, np.eye(2), atol=1e-12)


def test_runs_are_seeded():
    setting = Setting(inputs=50, temperature=1e-3, output_rate=0.1, batch_size=2)
    start = random_start(setting, 3)
    one, two, other = (descend(start, setting, [2.0], seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, two) and not np.array_equal(one, other)
