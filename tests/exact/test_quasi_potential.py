"""Quasi-potentials as fields: potentials, a Lyapunov equation, a peer's answers, and the least paths of one's own."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.exact.minimum_action import geometric_action, least_action_path
from slt_toys.exact.quasi_potential import QuasiPotential, _action, _table, quasi_potential
from slt_toys.potentials.potential import Potential
from slt_toys.reference.laws import law
from tests.exact.made_drifts import DOCUMENTED, half, maier_stein

BOX = [(-1.5, 1.5), (-1.0, 1.0)]
HESSIAN, NOISE = np.diag([8.0, 2.0]), np.array([[0.5, 0.25], [0.25, 0.25]])
WELL = Potential.from_expression("(x**2-1)**2/4 + (y - x/3)**2", name="leaning wells")


def nodes(found: QuasiPotential) -> np.ndarray:
    return np.stack(np.meshgrid(*found.axes, indexing="ij"), axis=-1)


def even(matrix: np.ndarray):
    return lambda points: np.broadcast_to(matrix, (len(points), 2, 2))


@pytest.mark.parametrize("beta", DOCUMENTED)
def test_documented_answers_of_a_peer(beta):
    found = quasi_potential(maier_stein(beta), half, [-1, 0], BOX)
    value, error = DOCUMENTED[beta]
    assert found.at([0, 0]) == pytest.approx(value, abs=error + 1e-4)
    assert found.error < 0.02 * found.limit
    if beta == 2:  # below β = 4 the axis is the least way, and its cost known in closed form
        u = found.axes[0]
        on = (u > -1.4) & (u < 0)
        assert np.abs(found.values[on, 50] - (1 - u[on] ** 2) ** 2 / 2).max() < found.error
        assert found.values[(u > 0.2) & (u < 1), 50] == pytest.approx(0.5, abs=found.error), "downhill is free"


@pytest.mark.parametrize("end", [(-0.4, 0.5), (0.0, 0.3), (-1.2, -0.4)])
def test_a_field_and_a_path_cost_the_same(end):
    """Two ways to compute it that share the integrand alone."""
    found = quasi_potential(maier_stein(5.0), half, [-1, 0], BOX)
    path = least_action_path(maier_stein(5.0), half, [-1, 0], end)
    assert found.at(end) == pytest.approx(path.action, abs=0.003)


@pytest.mark.parametrize("turn", [0.0, 0.7])
def test_isotropic_noise_costs_the_height_and_a_swirl_costs_nothing(turn):
    """(L - L_min)/T up to the saddle; the control is another temperature."""
    minimum = WELL.minimum_point(0)

    def drift(points):
        slope = WELL.gradient_function()(points)
        return -slope - turn * np.stack([slope[:, 1], -slope[:, 0]], axis=1)

    found = quasi_potential(drift, even(0.3 * np.eye(2)), minimum, [(-1.6, 1.4), (-1.2, 1.2)])
    height = (WELL.energy_function()(nodes(found)) - WELL.minimum_loss(0)) / 0.3
    # Below the pass the drift goes down to this minimum whatever it swirls; above it, it need not.
    left = (height < 0.99 * 0.25 / 0.3) & (nodes(found)[..., 0] < 0)
    assert left.sum() > 1000 and np.isfinite(found.values[left]).all()
    assert np.abs(found.values - height)[left].max() < found.error < 0.1
    assert np.abs(found.values - height * 0.3 / 0.28)[left].max() > found.error


def test_quadratic_well_by_the_lyapunov_equation():
    found = quasi_potential(lambda w: -w @ HESSIAN, even(NOISE), [0, 0], [(-1, 1), (-1.5, 1.5)])
    x, y = np.moveaxis(nodes(found), -1, 0)
    expected = law("quasi-potential-quadratic")(
        curvature_1=8.0, curvature_2=2.0, diffusion_11=0.5, diffusion_12=0.25, diffusion_22=0.25, direction_1=x,
        direction_2=y,
    )  # fmt: skip
    assert np.nanmax(np.abs(found.values - expected)) < found.error < 0.01 * found.limit
    assert np.isnan(found.values).any() and np.nanmax(found.values) <= found.limit * 1.001


def test_noise_by_place():
    """Of one coordinate alone: the slope over the noise, integrated."""
    found = quasi_potential(
        lambda w: np.stack([-w[:, 0], -w[:, 1]], axis=1),
        lambda w: np.stack([np.eye(2) * (1 + own**2) for own in w[:, 0]]), [0, 0], [(-1, 1), (-1, 1)],
    )  # fmt: skip
    x = found.axes[0]
    row = found.values[:, 50]
    seen = np.isfinite(row)
    # ∫ w/(1 + w²) = ½ log(1 + w²); a way off the axis is no cheaper, as its noise is the same and its slope more.
    assert np.abs(row - np.log(1 + x**2) / 2)[seen].max() < max(found.error, 1e-3)


def test_the_kernel_s_action_is_the_law_s():
    """[eq:geometric-action] along straight ways, in a metric that is no multiple of the identity."""
    noise = np.array([[0.5, 0.1], [0.1, 0.2]])
    table, spacing = _table(maier_stein(5.0), even(noise), np.array(BOX), 400), np.array([3.0, 2.0]) / 200
    for start, end in (((60.0, 90.0), (70.0, 97.0)), ((120.0, 150.0), (110.0, 149.0))):
        places = np.array(BOX)[:, 0] + np.linspace(start, end, 401) * spacing
        assert _action(table, spacing, *start, *end) == pytest.approx(
            geometric_action(maier_stein(5.0), even(noise), places), rel=2e-3
        )


def test_a_singular_attractor_has_straight_ways():
    well = Potential.from_expression("x**4 + y**4", phases=None)
    found = quasi_potential(
        lambda w: -well.gradient_function()(w), even(np.eye(2)), [0, 0], [(-1, 1), (-1, 1)], cells=80
    )
    height = well.energy_function()(nodes(found))
    assert np.nanmax(np.abs(found.values - height)) < max(found.error, 0.005)


def test_units_do_not_matter():
    """Lengths of each coordinate and times in other units: the same costs, which units of powers of two round alike."""
    one = quasi_potential(maier_stein(5.0), half, [-1, 0], BOX, cells=40)
    scale, slow = np.array([8.0, 1 / 128]), 1024.0
    other = quasi_potential(
        lambda w: maier_stein(5.0)(w / scale) * scale / slow,
        lambda w: np.broadcast_to(np.diag(scale**2) / 2 / slow, (len(w), 2, 2)), [-8, 0],
        [(-12, 12), (-1 / 128, 1 / 128)], cells=40,
    )  # fmt: skip
    assert np.allclose(one.values, other.values, rtol=1e-6, atol=1e-9, equal_nan=True)
    assert one.limit == pytest.approx(other.limit, rel=1e-9)


def test_the_order_of_coordinates_does_not_matter():
    one = quasi_potential(maier_stein(5.0), half, [-1, 0], BOX, cells=40)
    other = quasi_potential(lambda w: maier_stein(5.0)(w[:, ::-1])[:, ::-1], half, [0, -1], BOX[::-1], cells=40)
    # Ties are settled in another order, which matters where two ways cost the same.
    assert np.allclose(one.values, other.values.T, rtol=0, atol=one.error, equal_nan=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"attractor": [0.3, 0]}, "attractor must be a place where the drift vanishes"),
        ({"attractor": [0, 0]}, "attractor must attract"), ({"attractor": [2, 0]}, "attractor must be a place inside"),
        ({"box": [(1, -1), (-1, 1)]}, "box must be two pairs"), ({"cells": 50}, "cells must be a multiple of four"),
        ({"cells": 20}, "cells must be a multiple of four from 40"),
        ({"diffusion": even(np.diag([1.0, -1.0]))}, "diffusion must be symmetric and positive"),
        ({"diffusion": even(np.array([[1.0, 0.5], [0.0, 1.0]]))}, "diffusion must be symmetric"),
        ({"diffusion": lambda w: np.ones(3)}, "diffusion must give finite matrices"),
        ({"drift": lambda w: w[:, :1]}, "drift must give finite values"),
        ({"drift": lambda w: w * np.nan}, "drift must give finite values"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(changes, words):
    arguments = {"drift": maier_stein(2.0), "diffusion": half, "attractor": [-1, 0], "box": BOX, "cells": 40} | changes
    with pytest.raises(ValueError, match=words) as caught:
        quasi_potential(**arguments)
    assert "\n" not in str(caught.value)


def test_places_that_are_not_known_are_refused():
    found = quasi_potential(maier_stein(2.0), half, [-1, 0], BOX, cells=40)
    with pytest.raises(ValueError, match="costs more than the edge of the box"):
        found.at([-1.0, 0.99])
    with pytest.raises(ValueError, match="place must be two numbers in the box"):
        found.at([3.0, 0.0])
