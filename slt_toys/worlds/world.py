"""Simulated worlds: what an experimenter would record in each arm if this or that ended the critical period.

Every world has dynamics of its own, out of the catalogue or the zoo, and none knows of a hypothesis: it is given the
temperature and the flow time of each epoch and runs. What ends the critical period in it is a consequence. Each is one
mechanism pure; mixtures of mechanisms are in :mod:`slt_toys.worlds.verdict_power`.

=================== =============================================================== =================
world               dynamics                                                        what decides
=================== =============================================================== =================
thermal two-phase   Langevin or SGD, a catalogue pair (:mod:`slt_toys.exact.draws`)   temperature
thermal pathways    Langevin along the valley of two pathways of depth 2             temperature
pathways            gradient flow of two pathways of depth 4                         flow time spent
bottleneck          gradient flow through a bottleneck after the switch              flow time left
memorising saddle   Langevin off a saddle, then into the wells of the clean loss     loss threshold
diagonal network    SGD whose noise acts only while there is loss                    none of these alone
=================== =============================================================== =================

In the worlds of gradient flow the temperature touches nothing but the recorded loss: there, further directions in a
quadratic bowl hold T/2 each, as all the others of a network would. Only the thermal two-phase world has SGD's own
steps, so that only there examples can be reshuffled.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..exact.draws import draw_exact
from ..inputs.arguments import checked_arguments
from ..potentials.catalogue import find_pair
from ..potentials.potential import PotentialPair
from ..protocol.arms import ARMS, CONTROL, Arm, Observation
from ..protocol.components import stuck_components
from ..protocol.sampled import pure_energies, sample_schedule, step_counts, step_limit
from ..protocol.schedule import Schedule
from ..protocol.training import ExponentialDecay, Training
from ..samplers import largest_stable_step
from ..zoo import bottleneck, deep_linear_pathways, diagonal_linear_network, memorising_saddle

Array = NDArray[np.float64]
Outcome = tuple[NDArray[np.bool_], Array]
BULK_DIRECTIONS = 10
LARGEST_RATE, LEAST_SHIFT = 0.02, 0.012  # of the diagonal network
STEP_SHARE = 0.5  # Heun step over the largest stable one


@dataclass(frozen=True)
class World:
    """One simulated world.

    Attributes
    ----------
    name
    truth
        Name of the hypothesis of :mod:`slt_toys.worlds.verdict` that holds in it, or ``"none"``.
    training
        The control run.
    switch_epochs, epochs_after
        Where to look, and epochs on clean data, both in the control's epochs.
    level
        Stuck share that marks the end of the critical period: midway between the least and the most there is.
    run
        Takes a schedule, a number of runs and a seed; returns for each run whether it ended stuck, and its deficit loss
        at the switch.
    makes_steps
        Whether it can be run as SGD's own steps.
    """

    name: str
    truth: str
    training: Training
    switch_epochs: tuple[int, ...]
    epochs_after: int
    level: float
    run: Callable[[Schedule, int, Sequence[int]], Outcome]
    makes_steps: bool = False

    def can_run(self, arm: Arm) -> bool:
        """Whether the arm can be carried out here: reshuffled examples need SGD's own steps."""
        return arm.within_the_law or self.makes_steps


@checked_arguments
def observe(
    world: World,
    arms: Sequence[Arm] | None = None,
    *,
    switch_epochs: Sequence[int] | None = None,
    runs: int = 100,
    seed: int = 0,
    advance: Callable[[float], None] | None = None,
) -> tuple[Observation, ...]:
    """Carry out an experiment in a world: runs of their own for every arm and switch epoch.

    Parameters
    ----------
    world
    arms
        Any of :data:`slt_toys.protocol.arms.ARMS`, or others; all of those that the world can run when not given.
    switch_epochs
        In the control's epochs; the world's own when not given.
    runs
        Per arm and switch epoch.
    seed
        The same seed gives the same counts in an arm, whatever other arms there are.
    advance
        Called with the fraction of the work done since the last call.

    Raises
    ------
    ValueError
        If ``runs`` is less than 1, a switch epoch is no whole number from 0 on, or the world cannot run an arm.
    """
    if not isinstance(runs, int | np.integer) or runs < 1:
        raise ValueError(f"runs must be a whole number of at least 1, not {runs!r}")
    arms = tuple(arm for arm in ARMS if world.can_run(arm)) if arms is None else tuple(arms)
    unfit = [arm.name for arm in arms if not world.can_run(arm)]
    if unfit:
        raise ValueError(
            f"arms: {unfit[0]!r} cannot be run in world {world.name!r}, which has no steps of SGD whose noise could "
            "sum to zero; leave it out"
        )
    switches = world.switch_epochs if switch_epochs is None else tuple(switch_epochs)
    losses = relative_loss(world, runs, seed) if any(arm.noise_follows_loss for arm in arms) else None
    found = []
    for arm in arms:
        for switch in switches:
            schedule = arm.schedule(world.training, switch, world.epochs_after, relative_loss=losses)
            stuck, loss = world.run(schedule, runs, [seed, zlib.crc32(arm.name.encode()), int(switch)])
            found.append(Observation(arm.name, int(switch), int(runs), int(stuck.sum()), float(loss.mean()), schedule))
            if advance is not None:
                advance(1 / (len(arms) * len(switches)))
    return tuple(found)


@checked_arguments
def relative_loss(world: World, runs: int, seed: int) -> Array:
    """Deficit loss of the control by epoch, over that of epoch 0: pilot runs, joined by straight lines."""
    switches = sorted({0, *world.switch_epochs})
    losses = []
    for switch in switches:
        schedule = CONTROL.schedule(world.training, switch, 1)
        losses.append(float(world.run(schedule, runs, [seed, 0, switch])[1].mean()))
    return np.interp(np.arange(switches[-1] + 1), switches, np.array(losses) / losses[0])


# ---- the worlds ----------------------------------------------------------------------------------------------------
@checked_arguments
def thermal_two_phase(
    pair: str | PotentialPair = "regular_double_well",
    training: Training | None = None,
    switch_epochs: Sequence[int] = tuple(range(0, 101, 10)),
    epochs_after: int = 100,
    level: float = 0.5,
) -> World:
    """Langevin dynamics in a deficit and a clean potential, from the deficit's equilibrium at the first temperature.

    Where SGD's own steps are stable at the control's learning rates, a schedule with steps is run as SGD with Gaussian
    gradient noise (:class:`~slt_toys.potentials.examples.GaussianGradients`), whose variance follows from the
    schedule's temperature and step [eq:sgd-temperature]. ``pair`` may be named; the other arguments are the world's
    attributes. Of a pair that is separable into several components with two phases each run records one, in turn.
    """
    pair = find_pair(pair) if isinstance(pair, str) else pair
    if training is None:
        training = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
    knots = np.geomspace(1e-7, 10.0, 25)  # of temperature; the step that is stable varies slowly
    limits = np.concatenate([step_limit(pair, knots[i : i + 1], STEP_SHARE) for i in range(knots.size)])
    least = min(pair.deficit.minimum_loss(phase.name) for phase in pair.deficit.phases)
    hot, rates = float(training.temperatures(1)[0]), training.learning_rates(switch_epochs[-1] + epochs_after)
    stable = min(largest_stable_step(potential, hot) for potential in (pair.deficit, pair.clean))
    makes_steps = bool(rates.max() < stable and training.dataset_size >= 2 * training.batch_size)

    def run(schedule: Schedule, runs: int, seed: Sequence[int]) -> Outcome:
        states = draw_exact(pair.deficit, 1 / schedule.temperatures[0], runs, [*seed, 0])
        steps = step_counts(schedule.durations, np.interp(np.log(schedule.temperatures), np.log(knots), limits))
        draws = sample_schedule(schedule, pure_energies(pair), steps, chains=runs, seed=[*seed, 1], initial=states)
        at_switch = draws[:, 0] if draws.shape[1] == 2 else states
        stuck = stuck_components(pair, draws[:, -1])
        number = np.arange(runs)
        return stuck[number % len(stuck), number], pair.deficit.energy_function()(at_switch) - least

    return World(
        "thermal two-phase", "temperature", training, tuple(switch_epochs), epochs_after, level, run, makes_steps
    )


def thermal_pathways() -> World:
    """Two pathways of depth 2 with a temperature; stuck is who ends with the deprived pathway the weaker one."""
    training = Training(128, 7_500, ExponentialDecay(0.05, 0.97), 153.6)

    def run(schedule: Schedule, runs: int, seed: Sequence[int]) -> Outcome:
        deficit = np.arange(schedule.durations.size) < schedule.switch_epoch
        states = deep_linear_pathways.langevin(
            np.random.default_rng(seed), np.full((runs, 2), 0.1), schedule.temperatures, schedule.durations,
            deficit, 1.0, 2, 0.1,
        )  # fmt: skip
        at_switch = states[schedule.switch_epoch - 1] if schedule.switch_epoch else np.full((runs, 2), 0.1)
        return states[-1, :, 1] < states[-1, :, 0], deep_linear_pathways.residual_loss(at_switch, 1.0, 2)

    return World("thermal pathways", "temperature", training, tuple(range(5, 106, 10)), 150, 0.75, run)


def pathways() -> World:
    """Two pathways of depth 4 by gradient flow, from random starts; recovered is who ends with a share of 5 %."""
    training = Training(128, 768, ExponentialDecay(0.005, 0.99), 512.0)
    strength, depth, share = float(deep_linear_pathways.STRONGEST), 4, 0.05

    def run(schedule: Schedule, runs: int, seed: Sequence[int]) -> Outcome:
        random = np.random.default_rng(seed)
        start = deep_linear_pathways.START ** (1 / depth) * np.exp(0.05 * random.standard_normal((runs, 2)))
        deficit = np.arange(schedule.durations.size) < schedule.switch_epoch
        states = deep_linear_pathways.flow(start, schedule.durations, deficit, strength, depth, 0.01)
        at_switch = states[schedule.switch_epoch - 1] if schedule.switch_epoch else start
        loss = deep_linear_pathways.residual_loss(at_switch, strength, depth)
        return states[-1, :, 1] ** depth < share * strength, loss + _bulk_loss(schedule, runs, random)

    return World("pathways", "flow time spent", training, tuple(range(0, 41, 4)), 150, 0.5, run)


def flow_time_left() -> World:
    """Gradient flow through the bottleneck after the switch."""
    training = Training(128, 2_816, ExponentialDecay(0.05, 0.97), 51.2)

    def run(schedule: Schedule, runs: int, seed: Sequence[int]) -> Outcome:
        _, loss, end = bottleneck.simulate(schedule.flow_time_spent, schedule.flow_time_left, runs, seed)
        return end < 1, loss + _bulk_loss(schedule, runs, np.random.default_rng([*seed, 1]))

    return World("bottleneck", "flow time left", training, tuple(range(0, 101, 10)), 150, 0.5, run)


def loss_threshold() -> World:
    """Off the saddle under the deficit; afterwards the wells of the clean loss hold what was memorised."""
    training = Training(128, 768, ExponentialDecay(0.05, 0.97), 1.024)

    def run(schedule: Schedule, runs: int, seed: Sequence[int]) -> Outcome:
        at_switch, end = memorising_saddle.simulate(
            schedule.temperatures, schedule.durations, schedule.switch_epoch, runs, seed
        )
        return np.linalg.norm(end, axis=1) > memorising_saddle.BARRIER, memorising_saddle.deficit_loss(at_switch)

    return World("memorising saddle", "loss threshold", training, tuple(range(0, 51, 5)), 150, 0.5, run)


def early_noise() -> World:
    """A diagonal network trained on full batches until the switch, and on minibatches afterwards.

    Noise helps it to generalise, as long as there is loss; stuck is whose ln u v has fallen by less than
    :data:`LEAST_SHIFT` on average. How much loss is left follows from the flow time spent, how much noise it makes from
    the temperature afterwards.
    """
    training = Training(2, 20, ExponentialDecay(0.01, 0.98), 4.0)

    def run(schedule: Schedule, runs: int, seed: Sequence[int]) -> Outcome:
        steps = np.maximum(1, np.ceil(schedule.durations / LARGEST_RATE - 1e-9)).astype(np.int64)
        rates = schedule.durations / steps
        # minibatches of the control's size, their noise scaled so that the arm's temperature results
        noise = np.sqrt(2 * schedule.temperatures * training.batch_size / (rates * training.gradient_variance))
        batches = np.where(np.arange(rates.size) < schedule.switch_epoch, 0, int(training.batch_size))
        stuck, loss = np.empty(runs, dtype=bool), np.empty(runs)
        for number in range(runs):
            data = diagonal_linear_network.problem([*seed, number, 0], 20, 50, 3)
            trained = diagonal_linear_network.train(
                data, 0.1, rates, steps, batches, noise=noise, seed=[*seed, number, 1]
            )
            at_switch = trained.losses[schedule.switch_epoch - 1] if schedule.switch_epoch else data.initial_loss
            stuck[number], loss[number] = trained.log_scale_shift(0.1) > -LEAST_SHIFT, at_switch
        return stuck, loss

    return World("diagonal network", "none", training, tuple(range(0, 41, 4)), 60, 0.5, run)


def _bulk_loss(schedule: Schedule, runs: int, random: np.random.Generator) -> Array:
    """Loss of the other directions, each with T/2 on average, at the switch."""
    return schedule.temperatures[max(schedule.switch_epoch - 1, 0)] * random.gamma(BULK_DIRECTIONS / 2, size=runs)


WORLDS: tuple[Callable[[], World], ...] = (
    thermal_two_phase,
    thermal_pathways,
    pathways,
    flow_time_left,
    loss_threshold,
    early_noise,
)
