"""The experimental arms as data: what each changes in a control run, and the schedule that follows.

An arm changes learning rate, batch size, momentum, gradient noise or the order of the examples. What a hypothesis may
look at is the :class:`~slt_toys.protocol.schedule.Schedule` that follows: temperature and duration of every epoch.
The temperature is always that of the law for examples drawn with replacement [eq:sgd-temperature]; an arm that breaks
this condition is told the same number, and is run as SGD.

Under exponential decay several arms multiply temperatures and durations by one factor, so that temperature and flow
time left stay the same function of one another [eq:confound]; :func:`confounding_arms` computes which. Arms may come to
the same schedule, as a momentum of 1/2 and half the batch do: :func:`copied_arms` finds them, and they count once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import check_fields, checked_arguments
from .schedule import Order, Schedule, check_order
from .sgd_run import SGDRun
from .training import Training, check_positive

FloatArray = NDArray[np.float64]
RATES = ("control", "constant", "step", "cosine", "reset", "restarts", "cyclic")
STEP_EPOCHS, COSINE_EPOCHS, LEAST_RATE = 20, 120, 1e-3
COLDEST = 1e-6  # smallest factor on a temperature, where the loss that it follows vanishes


@dataclass(frozen=True)
class Arm:
    """What one experimental arm changes in the control run.

    Attributes
    ----------
    name
    batch_factor, learning_rate_factor
        On the control's batch size and on all its learning rates.
    epoch_stretch
        Epochs of the arm per epoch of the control; the schedule is stretched with it, so that 2 turns a decay of γ
        per epoch into √γ.
    rate
        ``"control"``: the control's schedule; ``"constant"``: its first rate throughout; ``"step"``: held for
        :data:`STEP_EPOCHS` epochs at a time; ``"cosine"``: half a cosine from the first rate to nearly nothing at
        :data:`COSINE_EPOCHS`; ``"reset"``: started anew at the switch; ``"restarts"``: started anew every period from
        epoch 0; ``"cyclic"``: started anew one period after the switch, and every period from then on.
    period
        Of ``"cyclic"`` and ``"restarts"``, in epochs of the control.
    momentum, nesterov
        In place of the control's; None leaves it. Whether its steps look ahead.
    noise_factor
        Variance of a step's gradient noise over that of its minibatch alone: above 1, Gaussian noise is added.
    label_noise
        Variance of one example's gradient by labels drawn anew at each visit, over that by the examples.
    noise_follows_loss
        Gradient noise follows the loss. SGD is run so, step by step; the schedule of its limit can only follow the
        control run's deficit loss, epoch by epoch, over that of epoch 0.
    order
        Of the examples: ``"with replacement"``, ``"reshuffled"`` every epoch, or ``"fixed"``; the latter two are run
        as SGD's own steps, and take neither added noise, which would not sum to zero, nor noise that follows the loss.
    anisotropy
        Factor on the variance of the gradient in the second coordinate, where there is one. The first, along which
        phases lie, keeps its own: without coupling nothing then changes, at one total variance it would.
    averaged_epochs
        The mean of the weights at the ends of so many last epochs decides; the run is the control's.
    """

    name: str
    batch_factor: float = 1.0
    learning_rate_factor: float = 1.0
    epoch_stretch: int = 1
    rate: Literal["control", "constant", "step", "cosine", "reset", "restarts", "cyclic"] = "control"
    period: int = 40
    momentum: float | None = None
    nesterov: bool = False
    noise_factor: float = 1.0
    label_noise: float = 0.0
    noise_follows_loss: bool = False
    order: Order = "with replacement"
    anisotropy: float = 1.0
    averaged_epochs: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        check_positive(self, "batch_factor", "learning_rate_factor")
        for name in ("epoch_stretch", "period"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {getattr(self, name)!r}")
        if self.rate not in RATES:
            raise ValueError(f"rate must be one of {', '.join(map(repr, RATES))}, not {self.rate!r}")
        check_order(self.order)
        if not (np.isfinite(self.noise_factor) and self.noise_factor >= 1):
            raise ValueError(f"noise_factor must be at least 1 (noise can only be added), not {self.noise_factor}")
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), not {self.momentum}")
        if self.order != "with replacement" and (self.noise_factor != 1 or self.noise_follows_loss):
            raise ValueError(
                f"order {self.order!r} goes with the minibatches' noise alone, which sums to zero over an epoch; give "
                "noise_factor=1 and noise_follows_loss=False"
            )

    @property
    def within_the_law(self) -> bool:
        """Whether [eq:sgd-temperature] gives its temperature: additive noise alike everywhere, with replacement."""
        return self.order == "with replacement" and not self.noise_follows_loss and self.anisotropy == 1

    def training(self, base: Training, switch_epoch: int) -> Training:
        """The arm's run as :class:`~slt_toys.protocol.training.Training`, for a switch in the control's epochs.

        Added noise raises the per-example variance as it appears at this batch size. Noise that follows the loss and
        reshuffled examples are beyond it: see :meth:`schedule`.
        """

        def rates(epochs: NDArray[np.int64]) -> FloatArray:
            control = np.asarray(epochs, dtype=float) / self.epoch_stretch  # a start anew loses no fraction of an epoch
            if self.rate == "constant":
                control = np.zeros_like(control)
            elif self.rate == "step":
                control = STEP_EPOCHS * np.floor(control / STEP_EPOCHS)
            elif self.rate == "cosine":
                share = np.maximum((1 + np.cos(np.pi * np.minimum(control / COSINE_EPOCHS, 1.0))) / 2, LEAST_RATE)
                first = np.asarray(base.learning_rate_at(np.zeros_like(control)), dtype=float)  # type: ignore[arg-type]
                return self.learning_rate_factor * share * first
            elif self.rate == "restarts":
                control = np.mod(control, self.period)
            elif self.rate == "reset":
                control = np.where(control >= switch_epoch, control - switch_epoch, control)
            elif self.rate == "cyclic":
                after = control - switch_epoch
                control = np.where(after >= self.period, np.mod(after, self.period), control)
            return self.learning_rate_factor * np.asarray(base.learning_rate_at(control), dtype=float)  # type: ignore[arg-type]

        return replace(
            base,
            batch_size=base.batch_size * self.batch_factor,
            learning_rate_at=rates,
            gradient_variance=base.gradient_variance * (self.noise_factor + self.label_noise),
            momentum=base.momentum if self.momentum is None else self.momentum,
        )

    def schedule(
        self, base: Training, switch_epoch: int, epochs_after: int, *, relative_loss: ArrayLike | None = None,
    ) -> Schedule:  # fmt: skip
        """Rates, temperatures and flow times of the arm's run.

        Parameters
        ----------
        base
            The control run.
        switch_epoch, epochs_after
            In epochs of the control; the arm's own are ``epoch_stretch`` times as many.
        relative_loss
            For noise that follows the loss: the control's deficit loss in epochs 0, 1, ... over that of epoch 0;
            the last entry holds from then on.

        Raises
        ------
        ValueError
            When an epoch count is no whole number, an arm lacks the loss that it needs, or reshuffled examples make
            fewer than two minibatches.
        """
        _check_epochs(switch_epoch, epochs_after)
        training = self.training(base, switch_epoch)
        epochs = self.epoch_stretch * (switch_epoch + epochs_after)
        rates, temperatures = training.learning_rates(epochs), training.temperatures(epochs)
        if self.noise_follows_loss:
            if relative_loss is None:
                raise ValueError(f"relative_loss: arm {self.name!r} follows the control's loss; give one per epoch")
            losses = np.asarray(relative_loss, dtype=float)
            if losses.ndim != 1 or not losses.size or not (np.isfinite(losses) & (losses >= 0)).all():
                raise ValueError("relative_loss must hold finite numbers of at least 0, one per epoch of the control")
            at = np.minimum(np.arange(epochs) // self.epoch_stretch, losses.size - 1)
            temperatures = temperatures * np.maximum(losses[at], COLDEST)
        steps = 0
        if self.order != "with replacement":
            steps = round(training.dataset_size / training.batch_size)
            if steps < 2:
                raise ValueError(
                    f"batch_size {training.batch_size:g} leaves arm {self.name!r} {steps} minibatch of "
                    f"{training.dataset_size:g} examples, whose noise is nothing; give at most half of them"
                )
        return Schedule(
            (np.arange(epochs) < self.epoch_stretch * switch_epoch).astype(float), temperatures,
            training.durations(epochs), learning_rates=rates, batch_size=training.batch_size,
            momentum=training.momentum, order=self.order, steps_per_epoch=steps,
        )  # fmt: skip

    def sgd_run(self, base: Training, switch_epoch: int, epochs_after: int) -> SGDRun:
        """What a world is given: the settings of the arm's run, without any temperature.

        Parameters
        ----------
        base
            The control run; its gradient variance is a pilot's, by which the experimenter chooses how much noise to
            add.
        switch_epoch, epochs_after
            In epochs of the control; the arm's own are ``epoch_stretch`` times as many.
        """
        _check_epochs(switch_epoch, epochs_after)
        training = self.training(base, switch_epoch)
        epochs = self.epoch_stretch * (switch_epoch + epochs_after)
        pilot = base.gradient_variance / training.batch_size
        return SGDRun(
            training.learning_rates(epochs), (np.arange(epochs) < self.epoch_stretch * switch_epoch).astype(float),
            training.batch_size, training.dataset_size, training.momentum, self.nesterov, self.order,
            float(np.sqrt((self.noise_factor - 1) * pilot)), self.label_noise,
            "loss" if self.noise_follows_loss else "additive", self.anisotropy,
            self.epoch_stretch * self.averaged_epochs,
        )  # fmt: skip


def _check_epochs(switch_epoch: int, epochs_after: int) -> None:
    for name, value, least in (("switch_epoch", switch_epoch, 0), ("epochs_after", epochs_after, 1)):
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")


CONTROL = Arm("control")
ARMS: tuple[Arm, ...] = (
    CONTROL,
    Arm("halve the batch", batch_factor=0.5),
    Arm("linear scaling", batch_factor=0.5, learning_rate_factor=0.5),
    Arm("flow-time matched", batch_factor=2.0, epoch_stretch=2),
    Arm("constant rate", rate="constant"),
    Arm("reset at the switch", rate="reset"),
    Arm("cyclic rate", rate="cyclic"),
    Arm("added gradient noise", noise_factor=2.0),
    Arm("momentum", momentum=0.5),
    Arm("loss-dependent noise", noise_follows_loss=True),
    Arm("reshuffled", order="reshuffled"),
    Arm("halve the learning rate", learning_rate_factor=0.5),
    Arm("step decay", rate="step"),
    Arm("cosine", rate="cosine"),
    Arm("warm restarts", rate="restarts"),
    Arm("Nesterov momentum", learning_rate_factor=0.5, momentum=0.5, nesterov=True),
    Arm("fixed order", order="fixed"),
    Arm("label noise", label_noise=1.0),
    Arm("anisotropic noise", anisotropy=4.0),
    Arm("weight averaging", averaged_epochs=5),
)


@checked_arguments
def find_arm(name: str) -> Arm:
    """Look up an arm.

    Raises
    ------
    ValueError
        If no arm has this name.
    """
    known = {arm.name: arm for arm in ARMS}
    if name not in known:
        raise ValueError(f"arm {name!r} is unknown; use one of {', '.join(known)}")
    return known[name]


@dataclass(frozen=True, eq=False)
class Observation:
    """What an experimenter records of the runs of one arm that switch at one epoch (of the control).

    ``stuck`` of the ``runs`` ended stuck; ``deficit_loss`` is their mean training loss on the deficit data at the
    switch, ``schedule`` the temperature and duration of every epoch.
    """

    arm: str
    switch_epoch: int
    runs: int
    stuck: int
    deficit_loss: float
    schedule: Schedule

    def __post_init__(self) -> None:
        check_fields(self)
        if self.runs < 1 or not 0 <= self.stuck <= self.runs:
            raise ValueError(f"stuck must lie between 0 and runs = {self.runs} (at least 1), not {self.stuck}")


@checked_arguments
def confounding_arms(
    arms: Sequence[Arm], base: Training, switch_epochs: Sequence[int] | NDArray[np.int64], epochs_after: int, *,
    relative_loss: ArrayLike | None = None,
) -> tuple[str, ...]:  # fmt: skip
    """Names of the arms that no data can use to tell temperature from flow time left.

    These are the arms in which, for every switch epoch, temperatures and durations after the switch are those of the
    control run switched at epoch 0, both times one factor. With an exponential decay the control is one of them; with
    another schedule there may be none. An arm outside the law is none: it has no known temperature.
    """
    reference = CONTROL.schedule(base, 0, epochs_after)

    def is_the_reference(arm: Arm, switch: int) -> bool:
        run = arm.schedule(base, switch, epochs_after, relative_loss=relative_loss)
        after = slice(run.switch_epoch, None)
        if len(run.durations[after]) != len(reference.durations):
            return False
        ratios = np.concatenate(
            [run.temperatures[after] / reference.temperatures, run.durations[after] / reference.durations]
        )
        return bool(np.ptp(ratios) <= 1e-9 * ratios.max())

    # Every schedule is made, of lawless arms too, so that one that cannot be run is refused.
    alike = [[is_the_reference(arm, int(switch)) for switch in switch_epochs] for arm in arms]
    return tuple(arm.name for arm, same in zip(arms, alike, strict=True) if arm.within_the_law and all(same))


def copied_arms(observations: Sequence[Observation]) -> dict[str, str]:
    """Names of arms whose schedules are those of an earlier arm at every switch epoch, with that arm's name.

    Such arms are one experiment made twice, up to rounding: see :meth:`~slt_toys.protocol.schedule.Schedule.same_as`.
    """
    arms: dict[str, dict[int, Schedule]] = {}
    for each in observations:
        arms.setdefault(each.arm, {})[each.switch_epoch] = each.schedule
    originals: dict[str, dict[int, Schedule]] = {}
    copies: dict[str, str] = {}
    for arm, own in arms.items():
        for original, runs in originals.items():
            if own.keys() == runs.keys() and all(run.same_as(runs[switch]) for switch, run in own.items()):
                copies[arm] = original
                break
        else:
            originals[arm] = own
    return copies
