"""What limits a step: the curvature that counts, the hottest replica, SGD's recursion."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import phase_table
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import SGD, SGLD, OverdampedLangevin, ReplicaExchange, UnderdampedLangevin, sample
from slt_toys.samplers.program import largest_curvature
from tests.seeds import fresh_seed

WELL = Potential.from_expression("2*w**2")  # curvature 4
QUARTIC = Potential.from_expression("w**4")


def growth(rate: float, momentum: float, nesterov: bool) -> float:
    """Largest factor of (w, v) in a step of SGD without noise at curvature 4."""
    buffer = np.array([4.0, momentum])
    slope = np.array([4.0, 0.0])
    place = np.array([1.0, 0.0]) - rate * (slope + momentum * buffer if nesterov else buffer)
    return float(np.abs(np.linalg.eigvals(np.array([place, buffer]))).max())


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.5, False), (0.9, False), (0.5, True), (0.9, True)])
def test_sgds_limit_is_where_its_recursion_grows(momentum, nesterov):
    limit = SGD(0.1, 1, momentum, nesterov).largest_stable_step(WELL, 1.0)
    assert growth(0.999 * limit, momentum, nesterov) < 1 < growth(1.001 * limit, momentum, nesterov)


@pytest.mark.parametrize("temperature", [0.01, 1.0, 100.0])
def test_curvature_counts_up_to_ten_temperatures_above_the_minimum(temperature):
    """w⁴ = 10 T, where the curvature is 12 w²."""
    steep = 12 * math.sqrt(10 * temperature)
    assert largest_curvature(QUARTIC, temperature) == pytest.approx(steep, rel=0.01)
    assert OverdampedLangevin(0.1).largest_stable_step(QUARTIC, temperature) == pytest.approx(2 / steep, rel=0.01)
    assert SGLD(0.1, 1).largest_stable_step(QUARTIC, temperature) == pytest.approx(2 / steep, rel=0.01)
    leapfrog = UnderdampedLangevin(0.1).largest_stable_step(QUARTIC, temperature)
    assert leapfrog == pytest.approx(2 / math.sqrt(steep), rel=0.01)


def test_the_hottest_replica_limits_the_step():
    """With the same step at all temperatures, whose limits are 2 / (12 √(10 T)); half as long for the second one."""
    limits = 2 / (12 * np.sqrt(10 * np.array([1.0, 4.0])))
    same = ReplicaExchange(OverdampedLangevin(0.01), (1.0, 4.0), step_sizes=(0.01, 0.01))
    assert same.largest_stable_step(QUARTIC, 1.0) == pytest.approx(limits[1], rel=0.01)
    short = ReplicaExchange(OverdampedLangevin(0.01), (1.0, 4.0), step_sizes=(0.01, 0.001))
    assert short.largest_stable_step(QUARTIC, 1.0) == pytest.approx(limits[0], rel=0.01)


@pytest.mark.parametrize(
    ("steps", "n_beta"),
    [(np.linspace(0.001, 0.002, 100), 1.0), (0.001, np.linspace(1.0, 2.0, 100)), (np.repeat([0.001, 0.002], 50), 1.0)],
    ids=["steps", "temperatures", "two steps"],
)
def test_a_run_whose_settings_change_cannot_be_judged(steps, n_beta):
    run = sample(WELL, OverdampedLangevin(steps), n_beta=n_beta, chains=4, steps=100)
    assert run.attrs["verdict"].startswith("cannot judge: the settings change during the run")
    assert not {"scheme", "n_beta", "time_step"} & set(run.attrs)
    still = sample(WELL, OverdampedLangevin(np.full(100, 0.001)), n_beta=np.ones(100), chains=4, steps=100)
    assert "settings" not in still.attrs["verdict"] and still.attrs["time_step"] == 0.001


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_a_step_is_small_against_a_kink(temperature):
    """Of the curvature beside it alone a step leaped over wells, and chains sat in both of them alike."""
    tilted = Potential.from_expression("abs(abs(w)-1) + w**2/9 - w/10")
    limit = OverdampedLangevin(0.1, "heun").largest_stable_step(tilted, temperature)
    assert limit == pytest.approx(temperature / 4, rel=1e-3)
    smooth = Potential.from_expression("abs(w)**3 + w**2")  # of order 3 there: no kink of the slope
    assert largest_curvature(smooth, temperature) < 2 + 6 * math.sqrt(10 * temperature)
    exact = phase_table(tilted, 1 / temperature)
    start = draw_exact(tilted, 1 / temperature, 2048, fresh_seed())
    many = {"n_beta": 1 / temperature, "chains": 2048, "steps": 400, "thin": 400, "initial": start, "diagnose": False}
    drawn = sample(tilted, OverdampedLangevin(limit / 2, "heun"), seed=fresh_seed(), **many)
    losses = tilted.energy_function()(drawn["w"].values[:, -1:])
    error = losses.std() / math.sqrt(losses.size)
    assert losses.mean() == pytest.approx(exact.total_mean_loss.item(), abs=5 * error + 0.01 * temperature)
    far = sample(tilted, OverdampedLangevin(9.0, "heun"), seed=fresh_seed(), **many)
    assert tilted.energy_function()(far["w"].values[:, -1:]).mean() > exact.total_mean_loss.item() + temperature / 4
