"""Worlds record what their dynamics do: against exact laws, for any seed, and the same for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from slt_toys.fits.ends import half_stuck_mass
from slt_toys.potentials.catalogue import find_pair
from slt_toys.potentials.potential import Potential
from slt_toys.protocol.arms import ARMS, CONTROL, Arm, find_arm
from slt_toys.protocol.exact import exact_stuck_in_arm
from slt_toys.protocol.sampled import sgd_stage
from slt_toys.protocol.schedule import Schedule
from slt_toys.protocol.sgd_pair import NoisyPair
from slt_toys.protocol.training import ExponentialDecay, Training
from slt_toys.reference.laws import law
from slt_toys.samplers import sample_stages
from slt_toys.worlds.world import (
    WORLDS,
    early_noise,
    flow_time_left,
    loss_threshold,
    observe,
    pathways,
    thermal_pathways,
    thermal_two_phase,
)
from slt_toys.zoo import bottleneck, diagonal_linear_network, memorising_saddle
from tests.seeds import fresh_seeds

RUNS = 3000
PAIR = find_pair("regular_double_well")


def standard_errors(stuck: np.ndarray, exact: float) -> float:
    return abs(stuck.mean() - exact) / np.sqrt(max(exact * (1 - exact), 1e-3) / stuck.size)


def exact_thermal(run: Schedule) -> float:
    return float(exact_stuck_in_arm(PAIR, [run])[0])


@pytest.mark.parametrize(
    ("arm", "switch"),
    [("control", 35), ("flow-time matched", 12), ("added gradient noise", 55), ("cyclic rate", 20)],
)
def test_the_limit_of_the_thermal_world_is_the_fokker_planck_equations(arm, switch):
    world = thermal_two_phase(langevin=True)
    settings = find_arm(arm).sgd_run(world.training, switch, 60)
    stuck, _ = world.run(settings, RUNS, fresh_seeds())
    assert standard_errors(stuck, exact_thermal(settings.schedule(3072.0))) < 5
    # Negative control: the temperature of the control run with batches twice as large.
    other = Arm("colder", batch_factor=2.0).schedule(world.training, 35, 60)
    if arm == "control":
        assert standard_errors(stuck, exact_thermal(other)) > 12


@pytest.mark.parametrize("arm", ["control", pytest.param("reshuffled", marks=pytest.mark.slow), "loss-dependent noise"])
def test_the_thermal_world_is_the_kernel_of_its_steps(arm):
    """SGD really run within 5 standard errors; the limit of small steps is far off where the law does not hold."""
    world = thermal_two_phase()
    noisy = NoisyPair(PAIR, 3072.0, 0.6)
    settings = find_arm(arm).sgd_run(world.training, 30, 100)
    exact = noisy.kernel_shares([settings])
    stuck, _ = world.run(settings, RUNS, fresh_seeds())
    assert standard_errors(stuck, float(exact.shares[0])) < 5
    limit = exact_thermal(CONTROL.schedule(world.training, 30, 100))
    if arm != "control":
        assert standard_errors(stuck, limit) > 8


def test_reshuffled_sgd_ends_earlier_and_sgd_with_replacement_where_the_law_says():
    """An audit's own code: 31.4 and 35.9 for 35.5 by the law. A share of one half moves by 3.4 % an epoch there."""
    world, switches, runs = thermal_two_phase(), range(20, 46, 5), 1500
    error, ends = np.sqrt(0.25 / runs) / 0.034, []
    for arm in (find_arm("reshuffled"), CONTROL):
        seed, shares = fresh_seeds(), []
        for switch in switches:
            settings = arm.sgd_run(world.training, switch, world.epochs_after)
            shares.append(world.run(settings, runs, [*seed, switch])[0].mean())
        end = half_stuck_mass(switches, shares).epoch
        assert end is not None
        ends.append(end)
    reshuffled, replaced = ends
    assert abs(reshuffled - 31.4) < 5 * error and abs(replaced - 35.5) < 5 * error, (reshuffled, replaced)
    assert reshuffled < 33.6 and replaced - reshuffled > 5 * np.sqrt(2) * 0.25  # the negative control: order alone


def test_noise_of_reshuffled_steps_sums_to_zero_over_an_epoch():
    """On a flat energy an epoch leads nowhere; with replacement it is the diffusion of temperature times time."""
    flat = Potential.from_expression("0.0001*w**2")
    rates, steps = np.array([0.02, 0.01]), 40
    temperatures, slowing = 3.0 * rates, 0.5
    for momentum, order, spread in (
        (0.0, "reshuffled", 0.0),
        (0.0, "with replacement", 1.0),
        (0.5, "with replacement", 1.0),
    ):
        slowing = 1 - momentum
        kind: dict[str, Any] = {"momentum": momentum, "order": order, "steps_per_epoch": steps}
        run = Schedule(np.zeros(2), temperatures, rates * steps / slowing, **kind)
        stage = sgd_stage(run, flat)
        assert stage.steps == 2 * steps
        draws = sample_stages([stage], chains=4000, seed=fresh_seeds()[0], initial=np.zeros((4000, 1)))["w"].values
        law_says = 2 * float((run.temperatures * run.durations).sum())
        found = float((draws[:, -1, 0] ** 2).mean()) / law_says
        # momentum's last steps are not yet done: of 80 steps about one relaxation, 2, and less at the lower rate
        assert abs(found - spread) < 5 * np.sqrt(2 / 4000) + (0.001 if momentum == 0 else 0.03)
    uneven = Schedule(np.zeros(2), np.ones(2), rates * steps, order="reshuffled", steps_per_epoch=steps)
    with pytest.raises(ValueError, match="its gradient noise changes between epochs"):
        sgd_stage(uneven, flat)


def exact_angle(run: Schedule) -> float:
    """Share of runs beyond 45 degrees, by diffusion in the angle on cells; the deficit holds the share at 1 %."""
    cells = 200
    width, spread = np.pi / 2 / cells, float((run.temperatures * run.durations)[run.switch_epoch :].sum())
    rates = np.diag(np.ones(cells - 1), 1) + np.diag(np.ones(cells - 1), -1)
    rates -= np.diag(rates.sum(axis=0))
    start = np.zeros(cells)
    start[int(np.arcsin(0.1) / width)] = 1.0
    return float((expm(spread / width**2 * rates) @ start)[: cells // 2].sum())


def test_thermal_pathways_diffuse_in_the_angle():
    """Colder than the world's own arms, so that the valley is narrow; 5 standard errors and 0.01 for its width."""
    world = thermal_pathways()
    settings = Arm("colder", batch_factor=4.0, epoch_stretch=8).sgd_run(world.training, 20, 60)
    stuck, _ = world.run(settings, RUNS, fresh_seeds())
    exact = exact_angle(settings.schedule(world.training.gradient_variance))
    error = np.sqrt(exact * (1 - exact) / RUNS)
    assert 0.55 < exact < 0.95 and abs(stuck.mean() - exact) < 5 * error + 0.01, (stuck.mean(), exact)
    hotter = Arm("hotter", batch_factor=1.0, epoch_stretch=8).schedule(world.training, 20, 60)
    assert abs(stuck.mean() - exact_angle(hotter)) > 12 * error + 0.01


@pytest.mark.parametrize("name", ["control", "momentum", "added gradient noise"])
def test_the_bottleneck_knows_only_the_time_left(name):
    world = flow_time_left()
    settings = find_arm(name).sgd_run(world.training, 40, world.epochs_after)
    run = settings.schedule(world.training.gradient_variance)
    stuck, loss = world.run(settings, RUNS, fresh_seeds())
    exact = float(bottleneck.stuck_share(np.array([run.flow_time_left]))[0])
    assert standard_errors(stuck, exact) < 5
    if name == "control":
        assert standard_errors(stuck, float(bottleneck.stuck_share(np.array([0.8 * run.flow_time_left]))[0])) > 12
    heat = run.temperatures[run.switch_epoch - 1]
    assert loss.mean() == pytest.approx(5 * heat, rel=5 / np.sqrt(5 * RUNS)), "ten directions with T/2 each"


def test_pathways_follow_their_invariant():
    """Far from the switch epochs where the start decides, all are stuck; at a switch the invariant says how many."""
    world = pathways()
    settings = CONTROL.sgd_run(world.training, 10, world.epochs_after)
    run = settings.schedule(world.training.gradient_variance)
    stuck, _ = world.run(settings, 20_000, fresh_seeds())
    strength, share = np.sqrt(15.0), 0.05
    # The invariant at the end of a run with just that share, and what the deficit adds to it: both powers fall at the
    # rate 2 (S - p_a^4) while p_b is held, with p_a^4 « S throughout.
    end = law("pathway-invariant")(
        pathway_open=((1 - share) * strength) ** 0.25, pathway_deprived=(share * strength) ** 0.25, depth=4
    )
    random = np.random.default_rng(fresh_seeds())
    a, b = (0.01**0.25 * np.exp(0.05 * random.standard_normal((2, 400_000)))) ** -2.0
    exact = float((a - b - 2 * strength * run.flow_time_spent < end).mean())
    assert 0.2 < exact < 0.8
    error = np.sqrt(0.25 / 20_000)
    assert abs(stuck.mean() - exact) < 5 * error + 0.02, "p_a^4 is 1 % of S, and Euler steps"
    assert abs(stuck.mean() - float((a - b < end).mean())) > 12 * error + 0.02


def test_the_saddles_state_decides():
    """Stuck is who was beyond the barrier at the switch; early on that is a chi-square probability."""
    world = loss_threshold()
    run = CONTROL.schedule(world.training, 15, world.epochs_after)
    at_switch, end = memorising_saddle.simulate(run.temperatures, run.durations, 15, RUNS, fresh_seeds())
    before, after = (np.linalg.norm(x, axis=1) > memorising_saddle.BARRIER for x in (at_switch, end))
    assert (before == after).mean() > 0.98 and 0.05 < after.mean() < 0.95
    at_switch, _ = memorising_saddle.simulate(run.temperatures, run.durations, 4, RUNS, fresh_seeds())
    variance = 1e-5
    for heat, time in zip(run.temperatures[:4], run.durations[:4], strict=True):
        variance = law("saddle-variance")(
            saddle_curvature=1.0, temperature=heat, initial_variance=variance, elapsed_time=time
        )
    square = (at_switch**2).sum(axis=1) / variance
    assert stats.kstest(square, stats.chi2(4).cdf).pvalue > 1e-7
    assert stats.kstest(1.5 * square, stats.chi2(4).cdf).pvalue < 1e-30


def test_the_diagonal_network_trains_on_its_own_minibatches(monkeypatch):
    """Full batches until the switch; afterwards minibatches of the arm's size, whose noise nobody scales."""
    world, asked = early_noise(), {}
    train = diagonal_linear_network.train

    def caught(data, scale, rates, steps, batches, **others):
        asked.update(rates=rates, steps=steps, batches=batches, others=others)
        return train(data, scale, rates, steps, batches, **others)

    monkeypatch.setattr(diagonal_linear_network, "train", caught)
    for name, batch in (("control", 2), ("halve the batch", 1), ("flow-time matched", 4)):
        settings = find_arm(name).sgd_run(world.training, 4, 5)
        world.run(settings, 1, [1])
        stretch = len(settings.learning_rates) // 9
        assert asked["batches"].tolist() == [0] * 4 * stretch + [batch] * 5 * stretch
        assert asked["steps"] == 20 // batch and (asked["rates"] == settings.learning_rates).all()
        assert "noise" not in asked["others"]


# ---- what is measured ----------------------------------------------------------------------------------------------
def test_temperatures_are_measured_and_follow_the_settings():
    """The world's variance to the sampling error of the gradients drawn; noise that dies with the loss is seen to."""
    world = thermal_two_phase()
    for name in ("control", "momentum", "added gradient noise"):
        arm = find_arm(name)
        seen = observe(world, [arm], switch_epochs=[20], runs=2, seed=3)[0].schedule
        told = arm.schedule(world.training, 20, world.epochs_after)
        assert seen.temperatures == pytest.approx(told.temperatures, rel=5 * np.sqrt(2 / (64 * 4096)))
        assert not seen.same_as(told), "measured, not handed on"
    follows = find_arm("loss-dependent noise")
    early, late = (
        world.variance(follows.sgd_run(world.training, switch, 100), 64, fresh_seeds()) for switch in (1, 80)
    )
    assert late < 0.62 * world.training.gradient_variance < 1.05 * early
    network = early_noise()
    fresh, trained = (network.variance(CONTROL.sgd_run(network.training, switch, 60), 8, [5]) for switch in (0, 40))
    assert trained < 0.5 * fresh, "the variance of examples that are learned falls"


# ---- recording -----------------------------------------------------------------------------------------------------
def test_observations_are_the_same_for_the_same_seed_and_independent_of_other_arms():
    world = loss_threshold()
    both = observe(world, [CONTROL, find_arm("momentum")], switch_epochs=[10, 20], runs=30, seed=7)
    one = observe(world, [find_arm("momentum")], switch_epochs=[20], runs=30, seed=7)
    assert [(x.arm, x.switch_epoch) for x in both] == [(a, e) for a in ("control", "momentum") for e in (10, 20)]
    assert (one[0].stuck, one[0].deficit_loss) == (both[3].stuck, both[3].deficit_loss)
    names = [Arm("one"), Arm("another")]  # of one schedule
    alike = observe(world, names, switch_epochs=[10, 20], runs=30, seed=7)
    assert len({each.deficit_loss for each in alike}) == 4, "noise of their own"
    other = observe(world, [find_arm("momentum")], switch_epochs=[20], runs=30, seed=8)
    assert other[0].deficit_loss != one[0].deficit_loss


@pytest.mark.parametrize("make", WORLDS, ids=lambda make: make.__name__)
def test_every_world_runs_in_every_arm(make):
    world, work = make(), []
    arms = [arm for arm in ARMS if world.can_run(arm)]
    assert len(arms) >= (10 if make is early_noise else 17)
    seen = observe(world, switch_epochs=[world.switch_epochs[2]], runs=3, seed=1, advance=work.append)
    assert sum(work) == pytest.approx(1) and [each.arm for each in seen] == [arm.name for arm in arms]
    assert all(np.isfinite(each.deficit_loss) and each.deficit_loss > 0 for each in seen)


def test_bad_input_is_refused_in_one_line():
    for runs in (0, 2.5):
        with pytest.raises(ValueError, match="runs must be a whole number"):
            observe(loss_threshold(), runs=runs)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="switch_epoch must be a whole number"):
        observe(loss_threshold(), [CONTROL], switch_epochs=[-1])
    with pytest.raises(ValueError, match="arms: 'anisotropic noise' cannot be run in world 'pathways'"):
        observe(pathways(), [CONTROL, find_arm("anisotropic noise")])
    with pytest.raises(ValueError, match="arms: 'momentum' cannot be run in world 'diagonal network'"):
        observe(early_noise(), [find_arm("momentum")])
    # where SGD's own steps are unstable, and where an epoch is one minibatch
    for training in (
        Training(128, 50_000, ExponentialDecay(0.5, 0.97), 3072.0),
        Training(30_000, 50_000, ExponentialDecay(0.05, 0.97), 3072.0),
    ):
        world = thermal_two_phase(training=training)
        assert not world.makes_steps and not world.can_run(find_arm("reshuffled")) and world.can_run(CONTROL)
