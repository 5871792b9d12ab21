"""Shapes and textures: what is drawn, what a blur leaves of it, and what no wave says alone."""

from __future__ import annotations

import numpy as np
import pytest

from cifar.data.textures import TEST, TEXTURE_WAVES, TRAIN, Textures
from tests.seeds import fresh_seed

TASK = Textures()


def waves(task: Textures) -> np.ndarray:
    angle = 2 * np.pi * np.arange(task.points) / task.points
    return np.array([np.cos(k * angle) for k in TEXTURE_WAVES])


def largest_difference(features: np.ndarray, labels: np.ndarray) -> float:
    """Between the two classes of each shape, in standard errors, the largest of all."""
    found = []
    for shape in range(TASK.shapes):
        unlike, like = (features[labels == 2 * shape + agree] for agree in (0, 1))
        error = np.sqrt(unlike.var(0) / len(unlike) + like.var(0) / len(like))
        found.append(np.abs(like.mean(0) - unlike.mean(0)) / error)
    return float(np.max(found))


def test_what_is_drawn_depends_on_seed_purpose_and_epoch_alone():
    seed = fresh_seed() % 2**32
    curves, labels = TASK.draw(seed, TRAIN, 3, 50)
    assert curves.dtype == np.float32 and curves.shape == (50, 32) and set(labels) <= set(range(10))
    again, same = TASK.draw(seed, TRAIN, 3, 50)
    assert np.array_equal(curves, again) and np.array_equal(labels, same)
    for other in ((seed + 1, TRAIN, 3), (seed, TEST, 3), (seed, TRAIN, 4)):
        assert not np.array_equal(curves, TASK.draw(*other, 50)[0])
    assert Textures(noise=0.4).checksum != TASK.checksum == Textures().checksum


def test_no_wave_says_anything_alone_and_both_say_it():
    curves, labels = TASK.draw(fresh_seed() % 2**32, TRAIN, 0, 40_000)
    alone = curves @ waves(TASK).T
    assert largest_difference(np.concatenate([curves, alone], 1), labels) < 6  # of 170 comparisons, none
    assert largest_difference(alone.prod(1, keepdims=True), labels) > 30
    means = np.array([curves[labels // 2 == shape].mean(0) for shape in range(5)])
    assert min(np.linalg.norm(a - b) for i, a in enumerate(means) for b in means[:i]) > 1, "shapes differ"


def test_a_blur_keeps_shapes_and_hides_waves():
    blur = TASK.under("blur")
    assert np.abs(waves(TASK) @ blur).max() < 0.2 < 0.9 < np.abs(waves(TASK)).max()
    shapes = TASK._waves[0]
    assert (np.linalg.norm(shapes @ blur, axis=1) > 0.25 * np.linalg.norm(shapes, axis=1)).all()
    curves = TASK.draw(0, TRAIN, 0, 10)[0]
    assert np.array_equal(curves @ TASK.under("vertical_flip"), curves[:, ::-1])
    assert np.array_equal(curves @ TASK.under("none"), curves)
    level = np.full((1, 32), 3.0)
    assert np.allclose(level @ blur, level, atol=1e-5), "a mean of equals is what they are"


def test_what_a_deficit_hides_is_what_no_curve_under_it_has():
    curves = TASK.draw(1, TRAIN, 0, 100)[0]
    hidden = TASK.unseen("blur")
    assert np.allclose(hidden @ hidden, hidden, atol=1e-5) and np.trace(hidden) == pytest.approx(28, abs=1e-3)
    assert np.abs(curves @ TASK.under("blur") @ hidden).max() < 1e-4 < np.abs(curves @ hidden).max()
    assert np.abs(TASK.unseen("vertical_flip")).max() < 1e-5
    with pytest.raises(ValueError, match="deficit: 'greyscale' is none of curves"):
        TASK.under("greyscale")


def test_weights_that_add_noise_have_mean_one_and_the_variance_asked_for():
    drawn = TASK.example_weights(fresh_seed() % 2**32, 0, 40_000, 2.0)
    assert abs(drawn.mean() - 1) < 6 * (2 / 40_000) ** 0.5 and abs(drawn.var() / 2 - 1) < 6 * (2 / 40_000) ** 0.5
