"""What chains run on: types of numbers, samplers and their localisation."""

from __future__ import annotations

import math

import pytest
import torch

from slt_toys.learning_coefficient import curvature
from slt_toys.learning_coefficient.ground import ground
from slt_toys.learning_coefficient.steep_walls import LENGTH
from tests.learning_coefficient.made_losses import DOUBLE, generator, quadratic, stacked


def test_scaled_coordinates_make_curved_directions_equally_stiff():
    found = ground(quadratic([1e-4, 1.0, 1e4]), "hmc", 10.0, None, generator())
    assert found.known.stiffness == pytest.approx([1.0] * 3) and found.bare.curvature == pytest.approx([1e-3, 10, 1e5])
    weaker = found.weaker(10.0).localisation
    assert isinstance(weaker, torch.Tensor) and weaker.tolist() == pytest.approx([1e-6, 1e-2, 1e2])


def test_plain_sgld_has_one_localisation():
    found = ground(quadratic([1.0, 4.0]), "sgld", 10.0, None, generator())
    assert found.posterior.vectors is None and found.localisation == pytest.approx(0.4)
    assert found.known.stiffness == pytest.approx([10.4, 40.4]) and found.top == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("dtype", "height", "used"),
    [
        (torch.float32, 0.0, torch.float32),
        (torch.float32, 1e4, DOUBLE),
        (torch.bfloat16, 0.0, DOUBLE),
        (DOUBLE, 1e4, DOUBLE),
    ],
)
def test_the_type_of_numbers_resolves_the_loss(dtype, height, used):
    loss = stacked(lambda w: (w**2).sum() + height, [0.0, 0.0], dtype)
    found = ground(loss, "hmc", 1e4, None, generator())
    assert found.posterior.loss.start.dtype == used
    assert (found.twin is None) is (used == DOUBLE)


def test_leapfrogs_where_the_order_is_higher():
    plain = ground(quadratic([1.0, 4.0]), "hmc", 10.0, None, generator())
    assert plain.leapfrogs(0.25) == 4  # a quarter turn of stiffness 1 by steps of a half
    higher = ground(stacked(lambda w: (w**4).sum(), [0.0, 0.0]), "hmc", 1e4, None, generator())
    assert higher.leapfrogs(0.25) == math.ceil(LENGTH / 0.5)  # several times across, whatever the step
    assert plain.largest_step == math.inf and higher.largest_step < 1
    assert higher.ruling.stiffness.min() >= 1


def test_many_parameters_are_known_by_quadrature(monkeypatch):
    monkeypatch.setattr(curvature, "EXACT_UP_TO", 0)
    found = ground(quadratic([1.0, 4.0]), "hmc", 10.0, None, generator())
    assert found.hold is None and found.many and found.top == pytest.approx(4.0)
    plain = ground(quadratic([1.0, 4.0]), "sgld", 10.0, None, generator())
    assert not plain.many and plain.localisation == pytest.approx(0.4)


def test_how_far_the_start_lies_above_the_bottom():
    """Inside its circle of minima the loss has a negative curvature along it; the bottom is on the circle."""
    inside = ground(stacked(lambda w: ((w**2).sum() - 1) ** 2, [0.99, 0.0]), "hmc", 100.0, None, generator())
    assert inside.height == pytest.approx(100 * (1 - 0.99**2) ** 2, rel=1e-6)
    assert inside.known.start_excess == pytest.approx(inside.height, rel=0.1)
    assert ground(quadratic([1.0, 4.0], at=[0.1, 0.1]), "hmc", 10.0, None, generator()).height is None
