"""Simulated worlds: what an experimenter would record in each arm if this or that ended the critical period.

Every world has dynamics of its own, out of the catalogue or the zoo, and none knows of a hypothesis or is given a
temperature: it is handed the settings of SGD (:class:`~slt_toys.protocol.sgd_run.SGDRun`), has a gradient noise of its
own, and runs. What ends the critical period in it is a consequence. Each is one mechanism pure; mixtures of mechanisms
are in :mod:`slt_toys.worlds.verdict_power`.

=================== =============================================================== =================
world               dynamics                                                        what decides
=================== =============================================================== =================
thermal two-phase   SGD on a catalogue pair (:mod:`slt_toys.protocol.sgd_pair`)     temperature
thermal pathways    SGD along the valley of two pathways of depth 2                 temperature
pathways            gradient descent of two pathways of depth 4                     flow time spent
bottleneck          gradient descent through a bottleneck after the switch          flow time left
memorising saddle   SGD off a saddle, then into the wells of the clean loss         loss threshold
diagonal network    SGD on examples, whose noise acts only while there is loss      none of these alone
=================== =============================================================== =================

In the worlds of gradient descent the noise is in further directions, a quadratic bowl, as all the others of a network
would be; it touches nothing but the recorded loss. The experimenter measures the variance of the world's gradients at
the switch, and only then are there temperatures: those of an observation's schedule [eq:sgd-temperature].
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments
from ..potentials.catalogue import find_pair
from ..potentials.own_units import relative_loss
from ..potentials.potential import PotentialPair
from ..protocol.arms import ARMS, Arm, Observation
from ..protocol.components import stuck_components
from ..protocol.sampled import pure_energies, sample_schedule, step_counts, step_limit
from ..protocol.sgd_pair import NoisyPair
from ..protocol.sgd_run import SGDRun
from ..protocol.training import ExponentialDecay, Training
from ..samplers import largest_stable_step
from ..zoo import bottleneck, deep_linear_pathways, diagonal_linear_network, memorising_saddle
from .sgd_steps import BOTTLENECK, PATHWAYS, SADDLE, sgd_steps

Array = NDArray[np.float64]
Outcome = tuple[NDArray[np.bool_], Array]
BULK_DIRECTIONS = 10
LEAST_SHIFT = 0.012  # of the diagonal network
MEASURED_PROBLEMS = 4
MEASURED_RUNS, MEASURED_EXAMPLES = 64, 4_096  # by which an experimenter measures the variance of gradients
STEP_SHARE = 0.5  # of Langevin dynamics, the Heun step over the largest stable one


@dataclass(frozen=True)
class World:
    """One simulated world.

    Attributes
    ----------
    name
    truth
        Name of the hypothesis of :mod:`slt_toys.worlds.verdict` that holds in it, or ``"none"``.
    training
        The control run; its gradient variance is a pilot's, by which noise to be added is chosen.
    switch_epochs, epochs_after
        Where to look, and epochs on clean data, both in the control's epochs.
    level
        Stuck share that marks the end of the critical period: midway between the least and the most there is.
    run
        Takes SGD's settings, a number of runs and a seed; returns for each run whether it ended stuck, and its deficit
        loss at the switch.
    variance
        Takes the same; returns the variance of one example's gradient per coordinate at the switch, as it is measured,
        without what the experimenter adds.
    lacks
        Takes SGD's settings; says why they cannot be run, nothing where they can.
    makes_steps
        Whether it runs SGD's own steps; otherwise it runs Langevin dynamics, the limit of small ones.
    """

    name: str
    truth: str
    training: Training
    switch_epochs: tuple[int, ...]
    epochs_after: int
    level: float
    run: Callable[[SGDRun, int, Sequence[int]], Outcome]
    variance: Callable[[SGDRun, int, Sequence[int]], float]
    lacks: Callable[[SGDRun], str]
    makes_steps: bool = True

    def why_not(self, arm: Arm) -> str:
        """Why an arm cannot be carried out here; empty where it can."""
        try:
            return self.lacks(arm.sgd_run(self.training, 1, 1))
        except ValueError as refused:
            return str(refused)

    def can_run(self, arm: Arm) -> bool:
        """Whether the arm can be carried out here."""
        return not self.why_not(arm)


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
    for arm in arms:
        if reason := world.why_not(arm):
            raise ValueError(f"arms: {arm.name!r} cannot be run in world {world.name!r}: {reason}; leave it out")
    switches = world.switch_epochs if switch_epochs is None else tuple(switch_epochs)
    found = []
    for arm in arms:
        for switch in switches:
            run = arm.sgd_run(world.training, switch, world.epochs_after)
            # The same gradients are drawn in every arm, so that arms of one noise are told one number.
            measured = world.variance(run, MEASURED_RUNS, [seed, int(switch)])
            stuck, loss = world.run(run, runs, [seed, zlib.crc32(arm.name.encode()), int(switch)])
            found.append(
                Observation(
                    arm.name, int(switch), int(runs), int(stuck.sum()), float(loss.mean()), run.schedule(measured)
                )
            )
            if advance is not None:
                advance(1 / (len(arms) * len(switches)))
    return tuple(found)


# ---- the worlds ----------------------------------------------------------------------------------------------------
@checked_arguments
def thermal_two_phase(
    pair: str | PotentialPair = "regular_double_well",
    training: Training | None = None,
    switch_epochs: Sequence[int] = tuple(range(0, 101, 10)),
    epochs_after: int = 100,
    level: float = 0.5,
    langevin: bool = False,
) -> World:
    """SGD in a deficit and a clean potential, from the deficit's equilibrium at the control's first temperature.

    The gradient noise is Gaussian, with the control's variance. Where SGD's own steps are unstable at the control's
    learning rates, or with ``langevin``, the limit of small steps is run instead, at the temperatures that follow.
    ``pair`` may be named; the other arguments are the world's attributes. Of a pair that is separable into several
    components with two phases each run records one, in turn.
    """
    pair = find_pair(pair) if isinstance(pair, str) else pair
    if training is None:
        training = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
    hot, rates = float(training.temperatures(1)[0]), training.learning_rates(switch_epochs[-1] + epochs_after)
    noisy = NoisyPair(pair, training.gradient_variance, hot)
    least = min(pair.deficit.minimum_loss(phase.name) for phase in pair.deficit.phases)
    stable = min(largest_stable_step(potential, hot) for potential in (pair.deficit, pair.clean))
    steps = bool(rates.max() < stable and training.dataset_size >= 2 * training.batch_size) and not langevin
    limits = _heun_limits(pair)

    def run(settings: SGDRun, runs: int, seed: Sequence[int]) -> Outcome:
        if steps:
            at_switch, last = noisy.sampled(settings, chains=runs, seed=seed)
        else:
            at_switch, last = _in_the_limit(noisy, settings, limits, runs, seed)
        stuck, number = stuck_components(pair, last), np.arange(runs)
        return stuck[number % len(stuck), number], pair.deficit.energy_function()(at_switch) - least

    def variance(settings: SGDRun, runs: int, seed: Sequence[int]) -> float:
        points = np.zeros((runs, pair.clean.dimension))  # additive noise is the same everywhere
        if settings.noise_law != "additive":
            at = settings.switch_epoch
            points = (
                noisy.sampled(settings, chains=runs, seed=[*seed, 2], until=at)[0]
                if at
                else noisy.starts(runs, [*seed, 2])
            )
        return noisy.measured_variance(settings, points, MEASURED_EXAMPLES, [*seed, 3])

    def lacks(settings: SGDRun) -> str:
        plain = settings.order == "with replacement" and settings.noise_law == "additive" and settings.anisotropy == 1
        if steps or plain:
            return noisy.lacks(settings) or ("" if steps or not settings.averaged_epochs else NO_STEPS)
        return NO_STEPS

    return World(
        "thermal two-phase", "temperature", training, tuple(switch_epochs), epochs_after, level, run, variance, lacks,
        steps,
    )  # fmt: skip


NO_STEPS = "SGD's own steps are unstable in these wells, or too few, and its limit knows neither order nor such noise"


def _heun_limits(pair: PotentialPair) -> Callable[[Array], Array]:
    """Largest Heun step by temperature; made when it is first asked for."""
    knots = relative_loss(pair.clean) * np.geomspace(1e-7, 10.0, 25)  # the step that is stable varies slowly
    known: list[Array] = []

    def limits(temperatures: Array) -> Array:
        if not known:
            known.append(np.concatenate([step_limit(pair, knots[i : i + 1], STEP_SHARE) for i in range(knots.size)]))
        return np.interp(np.log(temperatures), np.log(knots), known[0])

    return limits


def _in_the_limit(
    noisy: NoisyPair, run: SGDRun, limits: Callable[[Array], Array], runs: int, seed: Sequence[int]
) -> tuple[Array, Array]:
    """Weights at the switch and at the end of Langevin dynamics at the run's temperatures."""
    schedule, states = run.schedule(noisy.gradient_variance), noisy.starts(runs, [*seed, 0])
    steps = step_counts(schedule.durations, limits(schedule.temperatures))
    draws = sample_schedule(
        schedule, pure_energies(noisy.pair), steps, chains=runs, seed=[*seed, 1], initial=states
    )  # fmt: skip
    return (draws[:, 0] if draws.shape[1] == 2 else states), draws[:, -1]


def thermal_pathways() -> World:
    """Two pathways of depth 2 under SGD; stuck is who ends with the deprived pathway the weaker one."""
    training = Training(128, 2_560, ExponentialDecay(0.15, 0.97), 51.2)

    def run(settings: SGDRun, runs: int, seed: Sequence[int]) -> Outcome:
        at_switch, end = sgd_steps(
            PATHWAYS,
            settings,
            training.gradient_variance,
            np.full((runs, 2), 0.1),
            np.tile([1.0, 2.0], (runs, 1)),
            seed,
        )
        stuck = np.abs(end[:, 1]) < np.abs(end[:, 0])  # the loss is even in both
        return stuck, deep_linear_pathways.residual_loss(at_switch, 1.0, 2)

    return World(
        "thermal pathways", "temperature", training, tuple(range(5, 106, 10)), 150, 0.75, run, _measured(training),
        _lacks_of_steps,
    )  # fmt: skip


def pathways() -> World:
    """Two pathways of depth 4 by gradient descent, from random starts; recovered is who ends with a share of 5 %."""
    training = Training(128, 768, ExponentialDecay(0.005, 0.99), 512.0)
    strength, depth, share = float(deep_linear_pathways.STRONGEST), 4, 0.05

    def run(settings: SGDRun, runs: int, seed: Sequence[int]) -> Outcome:
        random = np.random.default_rng(seed)
        start = deep_linear_pathways.START ** (1 / depth) * np.exp(0.05 * random.standard_normal((runs, 2)))
        given = np.tile([strength, float(depth)], (runs, 1))
        at_switch, end = sgd_steps(PATHWAYS, _without_noise(settings), 0.0, start, given, [*seed, 1])
        loss = deep_linear_pathways.residual_loss(at_switch, strength, depth)
        return end[:, 1] ** depth < share * strength, loss + _bulk_loss(training, settings, runs, random)

    return World(
        "pathways", "flow time spent", training, tuple(range(0, 41, 4)), 150, 0.5, run, _measured(training),
        _lacks_of_steps,
    )  # fmt: skip


def flow_time_left() -> World:
    """Gradient descent through the bottleneck after the switch."""
    training = Training(128, 2_816, ExponentialDecay(0.05, 0.97), 51.2)

    def run(settings: SGDRun, runs: int, seed: Sequence[int]) -> Outcome:
        random = np.random.default_rng(seed)
        start = bottleneck.START_SPREAD * random.standard_normal((runs, 1))
        drive = bottleneck.DRIVE * np.exp(bottleneck.DRIVE_SPREAD * random.standard_normal(runs))
        held = np.full(runs, bottleneck.DEFICIT_CURVATURE)
        given = np.stack([held, drive, np.full(runs, bottleneck.CURVING)], axis=1)
        at_switch, end = sgd_steps(BOTTLENECK, _without_noise(settings), 0.0, start, given, [*seed, 1])
        loss = bottleneck.DEFICIT_CURVATURE * (at_switch[:, 0] + 1) ** 2 / 2
        return end[:, 0] < 1, loss + _bulk_loss(training, settings, runs, random)

    return World(
        "bottleneck", "flow time left", training, tuple(range(0, 101, 10)), 150, 0.5, run, _measured(training),
        _lacks_of_steps,
    )  # fmt: skip


def loss_threshold() -> World:
    """Off the saddle under the deficit; afterwards the wells of the clean loss hold what was memorised."""
    training = Training(128, 768, ExponentialDecay(0.05, 0.97), 1.024)

    def run(settings: SGDRun, runs: int, seed: Sequence[int]) -> Outcome:
        random = np.random.default_rng(seed)
        size = (runs, memorising_saddle.DIRECTIONS)
        start = np.sqrt(memorising_saddle.INITIAL_VARIANCE) * random.standard_normal(size)
        at_switch, end = sgd_steps(
            SADDLE, settings, training.gradient_variance, start, np.zeros((runs, 1)), [*seed, 1]
        )  # fmt: skip
        stuck = np.linalg.norm(end, axis=1) > memorising_saddle.BARRIER
        return stuck, memorising_saddle.deficit_loss(at_switch)

    return World(
        "memorising saddle", "loss threshold", training, tuple(range(0, 51, 5)), 150, 0.5, run, _measured(training),
        _lacks_of_steps,
    )  # fmt: skip


def early_noise() -> World:
    """A diagonal network trained on full batches until the switch, and on minibatches afterwards.

    Noise helps it to generalise, as long as there is loss; stuck is whose ln u v has fallen by less than
    :data:`LEAST_SHIFT` on average. How much loss is left follows from the flow time spent, how much noise it makes from
    learning rate and batch size afterwards. Its gradient variance is what the minibatches of the first problems make.
    """
    training = Training(2, 20, ExponentialDecay(0.01, 0.98), 4.0)

    def trained(settings: SGDRun, number: int, seed: Sequence[int]) -> tuple[bool, float]:
        data = diagonal_linear_network.problem([*seed, number, 0], 20, 50, 3)
        epochs = len(settings.learning_rates)
        batches = np.where(np.arange(epochs) < settings.switch_epoch, 0, int(settings.batch_size))
        result = diagonal_linear_network.train(
            data, 0.1, settings.learning_rates, settings.steps_per_epoch, batches, seed=[*seed, number, 1]
        )
        loss = result.losses[settings.switch_epoch - 1] if settings.switch_epoch else data.initial_loss
        return result.log_scale_shift(0.1) > -LEAST_SHIFT, float(loss)

    def run(settings: SGDRun, runs: int, seed: Sequence[int]) -> Outcome:
        both = [trained(settings, number, seed) for number in range(runs)]
        return np.array([stuck for stuck, _ in both]), np.array([loss for _, loss in both])

    def lacks(settings: SGDRun) -> str:
        plain = settings.momentum == 0 and settings.order == "with replacement" and settings.averaged_epochs == 0
        additive = settings.added_noise == 0 and settings.label_noise == 0 and settings.noise_law == "additive"
        if plain and additive and settings.anisotropy == 1 and float(settings.batch_size).is_integer():
            return ""
        return "it trains on its examples, by plain SGD with whole minibatches drawn with replacement"

    return World(
        "diagonal network", "none", training, tuple(range(0, 25, 4)), 60, 0.5, run, _measured_on_examples, lacks
    )


def _measured_on_examples(settings: SGDRun, runs: int, seed: Sequence[int]) -> float:
    """Variance of one example's gradient in β = u² - v² at the switch, a mean over coordinates and problems."""
    found = []
    for number in range(min(runs, MEASURED_PROBLEMS)):
        data = diagonal_linear_network.problem([*seed, number, 0], 20, 50, 3)
        beta = np.zeros(data.teacher.size)
        if settings.switch_epoch:
            rates = np.asarray(settings.learning_rates)[: settings.switch_epoch]
            beta = diagonal_linear_network.train(data, 0.1, rates, settings.steps_per_epoch, 0).coefficients
        gradients = (data.features @ beta - data.targets)[:, None] * data.features
        found.append(float(gradients.var(axis=0, ddof=1).mean()))
    return float(np.mean(found))


def _measured(training: Training) -> Callable[[SGDRun, int, Sequence[int]], float]:
    """Measure noise that is additive and Gaussian: the sample variance of so many examples' gradients."""

    def variance(settings: SGDRun, runs: int, seed: Sequence[int]) -> float:
        noise = np.random.default_rng([*seed, 3]).standard_normal((MEASURED_EXAMPLES, runs))
        return float(training.gradient_variance * noise.var(axis=0, ddof=1).mean())

    return variance


def _lacks_of_steps(settings: SGDRun) -> str:
    if settings.noise_law != "additive":
        return "its gradient noise does not depend on the loss"
    return "" if settings.anisotropy == 1 else "its gradient noise is the same in every coordinate"


def _without_noise(settings: SGDRun) -> SGDRun:
    """The settings where noise acts in other directions only."""
    return replace(settings, added_noise=0.0, label_noise=0.0)


def _bulk_loss(training: Training, settings: SGDRun, runs: int, random: np.random.Generator) -> Array:
    """Loss of the other directions at the switch, each with half the temperature that its own noise makes."""
    at = max(settings.switch_epoch - 1, 0)
    temperature = settings.schedule(training.gradient_variance).temperatures[at]
    return float(temperature) * random.gamma(BULK_DIRECTIONS / 2, size=runs)


WORLDS: tuple[Callable[[], World], ...] = (
    thermal_two_phase,
    thermal_pathways,
    pathways,
    flow_time_left,
    loss_threshold,
    early_noise,
)
