"""Training of superposition: steps are those of the loss, Langevin has its temperature, the thermometer reads it."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.zoo.superposition_loss import gradient, losses, polygon, sides
from slt_toys.zoo.superposition_training import Data, Sgd, langevin, starts, thermometer, train
from tests.seeds import fresh_generator, fresh_seed


def _slope(w: np.ndarray, data: Data) -> np.ndarray:
    """Of the mean squared error on data, by differences."""

    def cost(v: np.ndarray) -> float:
        columns, bias = v[:12].reshape(2, 6), v[12:]
        inputs = np.zeros((data.size.size, 6))
        inputs[np.arange(data.size.size), data.feature] = data.size
        return float(((inputs - np.maximum(inputs @ (columns.T @ columns) + bias, 0)) ** 2).sum(axis=1).mean())

    return np.array([(cost(w + 1e-6 * e) - cost(w - 1e-6 * e)) / 2e-6 for e in np.eye(18)])


def test_a_step_of_one_example_is_its_slope():
    w, one = fresh_generator().standard_normal(18), Data(np.array([2]), np.array([0.7]))
    moved = train(w[None], one, Sgd(0.1, 3), 0.1, 0)[0]
    assert moved == pytest.approx(w - 0.1 * _slope(w, one), abs=1e-6)


def test_without_minibatches_it_descends_on_the_population():
    w = fresh_generator().standard_normal(18)
    moved = train(w[None], Data.drawn(0), Sgd(0.1, 0), 0.1, 0)[0]
    assert moved == pytest.approx(w - 0.1 * gradient(w), abs=1e-12)
    cut = train(w[None], Data.drawn(0).without_last(), Sgd(0.1, 0), 0.1, 0)[0]
    grown = np.concatenate([w[:12], w[12:]])
    grown[[5, 11]] = 0  # a feature that is not shown matters as an output alone
    assert not np.allclose(cut, moved) and np.isfinite(train(grown[None], Data.drawn(0), Sgd(0.1, 0), 0.1, 0)).all()


def test_a_feature_without_slope_is_absorbing():
    """5 with a dead feature of negative bias: SGD never moves that feature."""
    w = train(polygon(5)[None], Data.drawn(fresh_seed()), Sgd(0.1, 1), 100.0, fresh_seed())[0]
    assert (w[[5, 11, 17]] == polygon(5)[[5, 11, 17]]).all() and not np.allclose(w, polygon(5))


def test_a_diverged_run_is_not_a_number():
    found = train(100 * starts(0, 3), Data.drawn(0), Sgd(5.0, 1), 500.0, 1)
    assert (sides(found) == -1).all()


def test_langevin_has_half_a_temperature_for_every_curved_direction():
    size = 1e5
    w = langevin(np.tile(polygon(6), (200, 1)), size, 200.0, fresh_seed(), prior=False)
    energy = size / 2 * (losses(w) - losses(polygon(6)))
    error = energy.std(ddof=1) / np.sqrt(energy.size)
    assert abs(energy.mean() - 8.5) < 0.15 + 5 * error and abs(energy.mean() - 17) > 12 * error


def test_the_thermometer_by_hand():
    data, w, setting = Data.drawn(1, examples=50), starts(2, 2), Sgd(0.2, 4)
    slopes = np.array([[_slope(v, Data(data.feature[k : k + 1], data.size[k : k + 1])) for k in range(50)] for v in w])
    assert thermometer(w, data, setting) == pytest.approx(0.025 * slopes.var(axis=1, ddof=1).mean(), rel=1e-5)
    assert thermometer(w, data, Sgd(0.2, 0)) == 0
    assert thermometer(w, data, Sgd(0.2, 8)) == pytest.approx(thermometer(w, data, setting) / 2)


@pytest.mark.parametrize(
    ("setting", "message"), [(Sgd(0.0, 1), "learning_rate must be positive"), (Sgd(0.1, -1), "batch_size must be at")]
)
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        train(starts(0, 1), Data.drawn(0), setting, 1.0, 0)


def test_other_bad_input_is_refused():
    with pytest.raises(ValueError, match="size must be positive"):
        langevin(starts(0, 1), 0.0, 1.0, 0)
    with pytest.raises(ValueError, match="at least one example"):
        train(starts(0, 1), Data(np.empty(0, dtype=np.int64), np.empty(0)), Sgd(0.1, 1), 1.0, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "reported"),
    [(Sgd(0.05, 1), (0.12, 0.55, 0.30, 0.02)), (Sgd(0.1, 1), (0.25, 0.54, 0.19, 0.005)),
     (Sgd(0.5, 10), (0.28, 0.49, 0.17, 0.01))],
)  # fmt: skip
def test_frequencies_as_reported(setting, reported):
    """Shares of 3, 4, 5 and 6 sides of 400 replicas, by two samples of 400 and of the 1 000 examples."""
    found = sides(train(starts(fresh_seed()), Data.drawn(fresh_seed()), setting, 1000.0, fresh_seed()))
    for k, share in zip((3, 4, 5, 6), reported, strict=True):
        assert abs((found == k).mean() - share) < 0.06 + 5 * np.sqrt(2 * share * (1 - share) / 400)
