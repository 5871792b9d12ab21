"""A run as a schedule: for every epoch an energy, a temperature and a duration.

In an epoch of deficit weight a the energy in force is a L_deficit + (1 - a) L_clean. Switches, shifts in mid-training
(:mod:`slt_toys.protocol.shifts`) and experimental arms (:mod:`slt_toys.protocol.arms`) all become schedules, which
:mod:`slt_toys.protocol.exact` solves and :mod:`slt_toys.protocol.sampled` samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..exact.sweeps import check_schedule
from ..inputs.arguments import check_fields

Array = NDArray[np.float64]
Order = Literal["with replacement", "reshuffled", "fixed"]
ORDERS = ("with replacement", "reshuffled", "fixed")
Start = Literal["equilibrium", "deficit phase", "clean phase"]
STARTS = ("equilibrium", "deficit phase", "clean phase")
SAME = 1e-9  # relative difference of temperatures and durations up to which two schedules are one


@dataclass(frozen=True, eq=False)
class Schedule:
    """One run epoch by epoch, as physics sees it, and what SGD needs to make its steps.

    Attributes
    ----------
    deficit_weights, temperatures, durations
        Of each epoch, shape (epochs,): the deficit's weight in the energy, in [0, 1]; T in units of loss, by the law
        with replacement; gradient flow (Langevin) time.
    start_weight
        The deficit's weight in the energy in whose equilibrium the run starts, at the first temperature.
    learning_rates, batch_size, momentum
        Of SGD, where they are known.
    order
        ``"reshuffled"``: the gradient noise of an epoch's steps sums to zero, and no law gives its temperature in these
        wells.
    steps_per_epoch
        SGD is run with so many steps an epoch, at least 2; 0 for its continuous limit, Langevin dynamics.
    """

    deficit_weights: Array
    temperatures: Array
    durations: Array
    start_weight: float = 1.0
    learning_rates: Array | None = None
    batch_size: float | None = None
    momentum: float = 0.0
    order: Order = "with replacement"
    steps_per_epoch: int = 0

    def __post_init__(self) -> None:
        check_schedule(self.temperatures, self.durations)
        weights = np.asarray(self.deficit_weights)
        if weights.shape != np.shape(self.temperatures) or not ((weights >= 0) & (weights <= 1)).all():
            raise ValueError("deficit_weights must hold one number between 0 and 1 per epoch")
        check_order(self.order)
        if self.steps_per_epoch == 1 or self.steps_per_epoch < 0:
            raise ValueError(f"steps_per_epoch must be 0 (continuous) or at least 2, not {self.steps_per_epoch}")
        if self.order != "with replacement" and not self.steps_per_epoch:
            raise ValueError(
                "steps_per_epoch must be at least 2 unless examples are drawn with replacement: only steps know it"
            )

    @property
    def switch_epoch(self) -> int:
        """First epoch from which on the energy is the clean one."""
        seen = np.flatnonzero(self.deficit_weights)
        return int(seen[-1]) + 1 if seen.size else 0

    @property
    def epochs(self) -> Array:
        """Weight, temperature and duration of every epoch, shape (epochs, 3)."""
        return np.stack([self.deficit_weights, self.temperatures, self.durations], axis=1)

    @property
    def flow_time_spent(self) -> float:
        """Gradient flow time until the switch."""
        return float(self.durations[: self.switch_epoch].sum())

    @property
    def flow_time_left(self) -> float:
        """Gradient flow time on clean data."""
        return float(self.durations[self.switch_epoch :].sum())

    def part(self, first: int, until: int) -> Schedule:
        """Some of its epochs."""
        names = ("deficit_weights", "temperatures", "durations", "learning_rates")
        own = {name: value[first:until] for name in names if (value := getattr(self, name)) is not None}
        return replace(self, **own)

    def same_as(self, other: Schedule) -> bool:
        """Whether both are one experiment: the same epochs, temperatures, durations and kind of noise, up to rounding.

        In the continuous limit, momentum and batch size act by temperatures and durations alone.
        """
        alike = ("order", "steps_per_epoch", *(("momentum",) if self.steps_per_epoch else ()))
        if any(getattr(self, name) != getattr(other, name) for name in alike):
            return False
        return np.array_equal(self.deficit_weights, other.deficit_weights) and all(
            np.allclose(getattr(self, name), getattr(other, name), rtol=SAME, atol=0.0)
            for name in ("temperatures", "durations")
        )


@dataclass(frozen=True)
class Ending:
    """When training ends: so many epochs after the switch, or at so many in all.

    Attributes
    ----------
    kind
        ``"further"`` (Achille et al. 2019) or ``"total"`` (Baker 2023).
    epochs
        How many, at least 1.
    """

    kind: Literal["further", "total"]
    epochs: int

    def __post_init__(self) -> None:
        check_fields(self)
        if self.kind not in ("further", "total"):
            raise ValueError(f"kind must be 'further' or 'total', not {self.kind!r}")
        if self.epochs < 1:
            raise ValueError(f"epochs after the switch must be a whole number of at least 1, not {self.epochs!r}")

    def last_epoch(self, switch_epoch: int) -> int:
        """Number of epochs a run lasts."""
        return switch_epoch + self.epochs if self.kind == "further" else self.epochs

    def checked(self, switch_epochs: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Switch epochs as an array, refused unless they are whole numbers that increase and come before the end."""
        switches = np.asarray(switch_epochs)
        if switches.ndim != 1 or not switches.size or switches.dtype.kind not in "iu" or switches.min() < 0:
            raise ValueError(f"switch_epochs must be whole numbers of at least 0, not {switch_epochs}")
        if (np.diff(switches) <= 0).any():
            raise ValueError(f"switch_epochs must increase, not {switch_epochs}")
        if self.kind == "total" and switches[-1] > self.epochs:
            raise ValueError(f"switch_epochs must not exceed the total of {self.epochs} epochs, not {switches[-1]}")
        return switches.astype(np.int64)


def switch_schedules(
    temperatures: Array, durations: Array, switch_epochs: Sequence[int] | NDArray[np.int64], ending: Ending
) -> tuple[Schedule, ...]:
    """The deficit until each switch epoch, the clean energy from it on; epochs as of one training run.

    Raises
    ------
    ValueError
        In one line, for switch epochs that are none, and where the training run is too short.
    """
    temperatures, durations = check_schedule(temperatures, durations)
    switches = ending.checked(switch_epochs)
    latest = int(switches[-1])
    last = ending.last_epoch(latest)
    if last > temperatures.size:
        raise ValueError(f"temperatures must hold {last} epochs (switch at {latest}), not {temperatures.size}")
    weights = np.concatenate([np.ones(latest), np.zeros(last)])
    ends = [(switch, ending.last_epoch(switch)) for switch in switches.tolist()]
    return tuple(Schedule(weights[latest - at :][:end], temperatures[:end], durations[:end]) for at, end in ends)


def check_order(order: str) -> None:
    """Refuse what is no order of the examples."""
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(map(repr, ORDERS))}, not {order!r}")


def check_start(start: str) -> None:
    """Refuse what is no start."""
    if start not in STARTS:
        raise ValueError(f"start must be one of {', '.join(map(repr, STARTS))}, not {start!r}")
