"""SGD at one setting, looked at by every thermometer: the unit of the temperature experiment.

The toy is a one-dimensional double well whose four thermometers have exact laws. Chains start from the exact posterior
at the law's temperature, forget it for ``FORGET`` of Langevin time, and are then seen every ``SPACING`` of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sympy import Rational

from ..exact.draws import draw_exact
from ..inputs.arguments import checked_arguments
from ..potentials.example_catalogue import additive_examples, two_phase_regression_examples
from ..potentials.examples import Examples, GaussianGradients
from ..potentials.own_units import relative_loss, relative_time
from ..potentials.potential import Potential
from ..reference.laws import law
from ..samplers import SGD, Stage, sample_stages
from .dynamic import escape_thermometer, fluctuation_dissipation_thermometer
from .equilibrium import energy_thermometer, occupancy_thermometer
from .readings import Array, Disagreement, Reading, disagreement
from .sgd_temperature import SGDTemperature, inverse_temperature

Noise = Literal["additive", "table", "loss", "regression"]
Order = Literal["with_replacement", "reshuffled"]

THERMOMETERS = ("energy", "occupancy", "fluctuation-dissipation", "escape")
FORGET, SPACING = 40.0, 0.04  # Langevin time, in the reference potential's units
COARSER = 5  # draws between those that all but the escape thermometer look at
LABEL_NOISE = 4.0  # of the regression, so large that its noise is as hot as the others'
FLOOR = 0.5  # share of the additive noise beside noise that grows with the loss


@dataclass(frozen=True)
class Setting:
    """SGD's settings in one ``sweep`` of the experiment, and where its noise comes from.

    The ``noise`` is ``"additive"``: normal, alike everywhere; ``"table"``: additive, from a finite table of examples;
    ``"loss"``: a floor beside noise whose variance grows with the loss; ``"regression"``: the examples of a regression.
    ``gradient_variance`` is σ² of one example's gradient, of a regression that of its data; ``steps_per_epoch`` is N/B,
    0 where there are no epochs.
    """

    sweep: str
    learning_rate: float
    batch_size: int
    momentum: float
    gradient_variance: float
    noise: Noise = "additive"
    order: Order = "with_replacement"
    steps_per_epoch: int = 0

    @property
    def time_per_step(self) -> float:
        """Langevin time of a step."""
        return law("epoch-time")(
            learning_rate=self.learning_rate, momentum=self.momentum, dataset_size=1.0, batch_size=1.0
        )

    def sampler(self, added_noise: float = 0.0) -> SGD:
        """SGD with these settings."""
        return SGD(self.learning_rate, self.batch_size, self.momentum, order=self.order, added_noise=added_noise)


def four_series(
    temperature: float, learning_rate: float, batch_size: int, batch_sizes: Sequence[int], multiples: Sequence[int],
    momentum: float, steps_per_epoch: Sequence[int], loss: float = 1.0,
) -> list[Setting]:  # fmt: skip
    """Four series of settings that depart from one: its σ² gives it its temperature [eq:sgd-temperature].

    Parameters
    ----------
    temperature, learning_rate, batch_size
        Of the reference setting.
    batch_sizes
        Of the first series.
    multiples, momentum
        Of learning rate and batch size together in the second, without and with momentum.
    steps_per_epoch
        Of the third, without replacement, at the middle multiple. The fourth is over kinds of noise.
    loss
        The potential's own unit of loss over the reference's, in which a regression has its temperature.
    """
    rate, batch, variance = learning_rate, batch_size, 2 * temperature * batch_size / learning_rate
    middle = sorted(multiples)[len(multiples) // 2]
    regression = 2 * (temperature / loss) / (8 * LABEL_NOISE**2)  # its σ² at the minima is about 8 LABEL_NOISE²
    return [
        *(Setting("batch size", rate, size, 0.0, variance) for size in sorted(batch_sizes)),
        *(
            Setting("step size", k * rate * (1 - own), k * batch, own, variance)
            for own in (0.0, momentum)
            for k in sorted(multiples)
        ),
        *(
            Setting("reshuffling", middle * rate, middle * batch, 0.0, variance, "additive", "reshuffled", steps)
            for steps in sorted(steps_per_epoch)
        ),
        Setting("noise", rate, batch, 0.0, variance),
        Setting("noise", rate, batch, 0.0, variance, "table", steps_per_epoch=64),
        Setting("noise", rate, batch, 0.0, variance, "loss"),
        Setting("noise", regression, 1, 0.0, np.nan, "regression", steps_per_epoch=4096),
    ]


@dataclass(frozen=True)
class Well:
    """What the laws need to know of the loss that SGD descends.

    ``curvatures`` at the minima, least and largest; the ``barrier``'s height above the shallower minimum, and its
    curvature; ``variances`` of one example's gradient over minima and barrier, least and largest; ``variance`` at the
    deeper minimum.
    """

    potential: Potential
    curvatures: tuple[float, float]
    barrier: tuple[float, float]
    variances: tuple[float, float]
    variance: float


@dataclass(frozen=True)
class Calibration:
    """What the thermometers read at one setting, one reading for each of ``THERMOMETERS``, and what the laws say.

    ``law_temperature`` is T of [eq:sgd-temperature] at the variance of the deeper minimum, ``disagreement`` that of the
    thermometers that could be read, ``expected`` what the laws say.
    """

    setting: Setting
    well: Well
    law_temperature: float
    readings: tuple[Reading, ...]
    disagreement: Disagreement
    expected: SGDTemperature


@checked_arguments
def target_of(setting: Setting, potential: Potential, seed: int) -> tuple[Examples | GaussianGradients, float]:
    """What SGD trains on, and the standard deviation of the noise to add to each minibatch's gradient."""
    size = setting.steps_per_epoch * setting.batch_size or None
    if setting.noise == "additive":
        return GaussianGradients(potential, setting.gradient_variance, size=size), 0.0
    if setting.noise == "loss":
        growing = GaussianGradients(potential, setting.gradient_variance / relative_loss(potential), "loss", size)
        return growing, float(np.sqrt(FLOOR * setting.gradient_variance / setting.batch_size))
    if size is None:
        raise ValueError(f"steps_per_epoch must be at least 1 for noise {setting.noise!r}, which has a finite data set")
    if setting.noise == "table":
        return additive_examples(potential, setting.gradient_variance, size, seed), 0.0
    return two_phase_regression_examples(size, LABEL_NOISE, Rational(3, 10), seed), 0.0


@checked_arguments
def well_of(target: Examples | GaussianGradients, setting: Setting, added_noise: float) -> Well:
    """Curvatures, barrier and variances of a one-dimensional double well.

    Raises
    ------
    ValueError
        For a loss without two phases in one coordinate.
    """
    potential = target.potential
    if potential.dimension != 1 or len(potential.phases) != 2:
        raise ValueError(f"potential must have one coordinate and two phases, which {potential.name} has not")
    minima = np.array([potential.minimum_point(k) for k in range(2)])
    top = np.array([potential.barrier()])
    hessian, energy = potential.hessian_function(), potential.energy_function()
    curvatures = hessian(minima)
    # Seed of examples and batch go in through the covariance, added noise as if it were an example's.
    places = np.concatenate([minima, top[None]])
    variances = target.gradient_covariance(places).ravel() + added_noise**2 * setting.batch_size
    return Well(
        potential,
        (float(curvatures.min()), float(curvatures.max())),
        (float(energy(top) - energy(minima).max()), float(-hessian(top).item())),
        (float(variances.min()), float(variances.max())),
        float(variances[np.argmin(energy(minima))]),
    )


@checked_arguments
def calibrate(
    setting: Setting, potential: Potential, *, chains: int = 512, duration: float = 160.0, seed: int = 0
) -> Calibration:
    """Run SGD at one setting and read every thermometer.

    Parameters
    ----------
    potential
        The toy; a regression brings its own.
    duration
        Langevin time for which the chains are looked at; a regression is for as long in its own units.
    """
    unit = relative_time(potential)
    target, added = target_of(setting, potential, seed)
    well = well_of(target, setting, added)
    reshuffled = setting.order == "reshuffled"
    expected = inverse_temperature(
        setting.learning_rate, setting.batch_size, setting.momentum, gradient_variance=well.variances,
        curvature=(0.0 if reshuffled else well.curvatures[0], well.curvatures[1]), barrier=well.barrier,
        order=setting.order, dataset_size=setting.steps_per_epoch * setting.batch_size if reshuffled else None,
    )  # fmt: skip
    temperature = law("sgd-temperature")(
        learning_rate=setting.learning_rate, momentum=setting.momentum, batch_size=setting.batch_size,
        gradient_variance=well.variance,
    )  # fmt: skip
    unit, duration = (1.0, duration / unit) if setting.noise == "regression" else (unit, duration)
    before, after, spacing = _run(setting, target, added, temperature, chains, (duration, unit), seed)
    # Equipartition in the deeper phase, escapes from the other; all but the latter look at the draws that before has.
    few, loss = after[:, COARSER - 1 :: COARSER], well.potential
    deeper = int(np.argmin([loss.minimum_loss(k) for k in range(2)]))
    sgd = {"learning_rate": setting.learning_rate, "momentum": setting.momentum}
    readings = (
        energy_thermometer(loss, few, deeper),
        occupancy_thermometer(loss, few),
        fluctuation_dissipation_thermometer(loss, before, few, **sgd),
        escape_thermometer(loss, after, time_per_draw=spacing, phase=1 - deeper),
    )
    return Calibration(setting, well, temperature, readings, disagreement(readings), expected)


def _run(
    setting: Setting, target: Any, added: float, temperature: float, chains: int, times: tuple[float, float], seed: int
) -> tuple[Array, Array, float]:
    """Positions before every fifth draw's step, all draws, and the Langevin time between draws.

    ``times`` are for how long chains are looked at, and the unit of what is usual.
    """
    step, (duration, unit) = setting.time_per_step, times
    thin = max(1, round(SPACING * unit / step))
    # Where the place in an epoch matters, a spacing that shares no factor with its length sees all of them.
    while setting.order == "reshuffled" and np.gcd(thin, setting.steps_per_epoch) > 1:
        thin += 1
    burn = round(FORGET * unit / step)
    ends = burn + thin * np.arange(1, round(duration / (thin * step)) + 1)
    pairs = ends[COARSER - 1 :: COARSER]  # those whose step is looked at as well
    kept = np.unique(np.concatenate([pairs - 1, ends]))
    start = draw_exact(target.potential, 1 / temperature, chains, (seed, 1))
    stage = Stage(target, setting.sampler(added), None, int(kept[-1]))
    drawn = sample_stages([stage], chains=chains, record_steps=kept, seed=(seed, 2), initial=start)["w"].values
    return drawn[:, np.searchsorted(kept, pairs - 1)], drawn[:, np.searchsorted(kept, ends)], thin * step
