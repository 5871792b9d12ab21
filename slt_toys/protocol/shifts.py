"""Shifts in mid-training: how much of the loss is the deficit's, by epoch.

In epoch e the energy in force is a(e) L_deficit + (1 - a(e)) L_clean. A shift gives a(e): sudden, gradual, repeated,
partial (data that mix deficit and clean examples), or a window that comes late. :func:`shift_schedules`
makes schedules of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray

from ..inputs.arguments import check_fields, checked_arguments
from ..potentials.phases import derive_phases
from ..potentials.potential import Potential, PotentialPair
from .schedule import Schedule
from .training import Training

Array = NDArray[np.float64]


class Shift(Protocol):
    """Anything that gives the deficit's weight a(e) in [0, 1] for an array of epochs, and has an end."""

    @property
    def end_epoch(self) -> int:
        """First epoch from which on the loss is clean."""
        ...

    def __call__(self, epochs: NDArray[np.int64]) -> Array:
        """The deficit's weight in each epoch."""
        ...


@dataclass(frozen=True)
class Sudden:
    """The deficit until an epoch, clean from it on: the critical period's protocol."""

    switch_epoch: int

    def __post_init__(self) -> None:
        check_fields(self)
        _check_at_least("switch_epoch", self.switch_epoch, 0)

    @property
    def end_epoch(self) -> int:
        """The switch."""
        return self.switch_epoch

    def __call__(self, epochs: NDArray[np.int64]) -> Array:
        """1 before the switch, 0 from it on."""
        return (np.asarray(epochs) < self.switch_epoch).astype(float)


@dataclass(frozen=True)
class Gradual:
    """The deficit's weight falls in equal steps from 1 at ``first_epoch`` to 0 at ``last_epoch``."""

    first_epoch: int
    last_epoch: int

    def __post_init__(self) -> None:
        check_fields(self)
        _check_at_least("first_epoch", self.first_epoch, 0)
        _check_at_least("last_epoch", self.last_epoch, self.first_epoch + 1)

    @property
    def end_epoch(self) -> int:
        """Where the weight reaches 0."""
        return self.last_epoch

    def __call__(self, epochs: NDArray[np.int64]) -> Array:
        """Linear between the two epochs."""
        return np.clip((self.last_epoch - np.asarray(epochs)) / (self.last_epoch - self.first_epoch), 0.0, 1.0)


@dataclass(frozen=True)
class Repeated:
    """Deficit and clean by turns, deficit first, and clean after the last repetition."""

    deficit_length: int
    clean_length: int
    repetitions: int

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("deficit_length", "clean_length", "repetitions"):
            _check_at_least(name, getattr(self, name), 1)

    @property
    def end_epoch(self) -> int:
        """End of the last deficit window."""
        return self.repetitions * self.deficit_length + (self.repetitions - 1) * self.clean_length

    def __call__(self, epochs: NDArray[np.int64]) -> Array:
        """1 within the deficit windows, 0 elsewhere."""
        epochs = np.asarray(epochs)
        inside = epochs % (self.deficit_length + self.clean_length) < self.deficit_length
        return (inside & (epochs < self.end_epoch)).astype(float)


@dataclass(frozen=True)
class Partial:
    """A mixture with a constant weight of the deficit until an epoch, clean from it on."""

    switch_epoch: int
    deficit_weight: float

    def __post_init__(self) -> None:
        check_fields(self)
        _check_at_least("switch_epoch", self.switch_epoch, 0)
        _check_weight(self.deficit_weight)

    @property
    def end_epoch(self) -> int:
        """The switch."""
        return self.switch_epoch

    def __call__(self, epochs: NDArray[np.int64]) -> Array:
        """The weight before the switch, 0 from it on."""
        return np.where(np.asarray(epochs) < self.switch_epoch, float(self.deficit_weight), 0.0)


@dataclass(frozen=True)
class Late:
    """Clean at first, the deficit for a window of ``length`` epochs from ``onset_epoch``, clean again."""

    onset_epoch: int
    length: int

    def __post_init__(self) -> None:
        check_fields(self)
        _check_at_least("onset_epoch", self.onset_epoch, 0)
        _check_at_least("length", self.length, 1)

    @property
    def end_epoch(self) -> int:
        """End of the window."""
        return self.onset_epoch + self.length

    def __call__(self, epochs: NDArray[np.int64]) -> Array:
        """1 within the window, 0 elsewhere."""
        epochs = np.asarray(epochs)
        return ((epochs >= self.onset_epoch) & (epochs < self.end_epoch)).astype(float)


@checked_arguments
def shift_catalogue(length: int = 40) -> dict[str, Shift]:
    """Named shifts with the same sum of deficit weights, ``length`` epochs (the gradual one has half an epoch more).

    Raises
    ------
    ValueError
        For a length that is no positive multiple of 4.
    """
    if length < 4 or length % 4:
        raise ValueError(f"length must be a positive multiple of 4 epochs, not {length!r}")
    return {
        "sudden": Sudden(length),
        "gradual": Gradual(length // 2, 3 * length // 2),
        "repeated": Repeated(length // 4, length // 4, 4),
        "partial": Partial(2 * length, 0.5),
        "late": Late(length, length),
    }


@checked_arguments
def windows_by_onset(length: int, onsets: Sequence[int]) -> tuple[Late, ...]:
    """Deficit windows of one length by their onset, as in Achille et al. (2019)."""
    return tuple(Late(int(onset), length) for onset in onsets)


def shift_schedules(training: Training, shifts: Mapping[str, Shift], epochs: int) -> tuple[Schedule, ...]:
    """One schedule for each shift, which starts in the equilibrium of the energy in force at epoch 0.

    Raises
    ------
    ValueError
        In one line, without shifts, and for one that is not over by the end or has weights outside [0, 1].
    """
    if not shifts:
        raise ValueError("shifts must hold at least one shift, such as {'sudden': Sudden(40)}")
    _check_at_least("epochs", epochs, 1)
    temperatures, durations = training.temperatures(epochs), training.durations(epochs)
    schedules = []
    for name, shift in shifts.items():
        if shift.end_epoch > epochs:
            raise ValueError(f"epochs must reach the end of shift {name!r} at {shift.end_epoch}, not stop at {epochs}")
        weights = np.asarray(shift(np.arange(epochs)), dtype=float)
        if not ((weights >= 0) & (weights <= 1)).all():
            raise ValueError(f"shift {name!r} must give weights between 0 and 1")
        schedules.append(Schedule(weights, temperatures, durations, float(weights[0])))
    return tuple(schedules)


def shift_dataset(
    pair: PotentialPair, shifts: Mapping[str, Shift], runs: Sequence[Schedule], records: NDArray[np.int64],
    names: list[str], occupancy: Array, stuck: tuple,
) -> xr.Dataset:  # fmt: skip
    """What became of the shifts, after the recorded numbers of epochs."""
    weights = np.array([[*run.deficit_weights, np.nan] for run in runs])[:, records]
    return xr.Dataset(
        {"occupancy": (("shift", "epoch", "phase"), occupancy), "deficit_weight": (("shift", "epoch"), weights),
         "stuck": stuck},
        coords={"shift": list(shifts), "epoch": records, "phase": names},
        attrs={"pair": pair.name, "shifts": "; ".join(repr(shift) for shift in shifts.values())},
    )  # fmt: skip


@checked_arguments
def mixture(pair: PotentialPair, deficit_weight: float) -> Potential:
    """The energy a L_deficit + (1 - a) L_clean as a potential, a being a parameter: kernels compile once for every a.

    Its phases are named by, and have the regions of, the clean potential's; their minima, losses and learning
    coefficients are those of the clean potential and hold for a = 0 only.

    Raises
    ------
    ValueError
        For a weight outside [0, 1].
    """
    _check_weight(deficit_weight)
    deficit, clean = pair.deficit, pair.clean
    weight = sympy.Symbol("deficit_weight", real=True)
    names = dict(zip(deficit.coordinates, clean.coordinates, strict=True))
    energy = sympy.expand(weight * deficit.bound_energy.xreplace(names) + (1 - weight) * clean.bound_energy)
    sides = zip(deficit.box, clean.box, strict=True)
    box = tuple((min(low, other_low), max(high, other_high)) for (low, high), (other_low, other_high) in sides)
    value = sympy.Rational(float(deficit_weight))
    return Potential(
        f"mixture of {pair.name}", energy, clean.coordinates, (("deficit_weight", value),), box, clean.phases,
        clean.boundary, "deficit and clean losses mixed",
    )  # fmt: skip


def three_phase_pair(tilt: sympy.Rational = sympy.Rational(3, 10)) -> PotentialPair:
    """L = 4 w² (w²-1)² ∓ tilt w: a stuck phase on the left, a way station in the middle, the clean phase on the right.

    The barriers of the level energy are 16/27 high.
    """
    w, symbol = sympy.Symbol("w", real=True), sympy.Symbol("tilt", real=True)
    energy = 4 * w**2 * (w**2 - 1) ** 2 - symbol * w

    def potential(value: sympy.Rational) -> Potential:
        return Potential(
            "three_phases", energy, (w,), (("tilt", value),), ((-3.0, 3.0),),
            derive_phases(energy.subs(symbol, value), (w,)), description="three regular wells",
        )  # fmt: skip

    return PotentialPair("three_phases", potential(-tilt), potential(tilt), "left")


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")


def _check_weight(weight: float) -> None:
    if not 0 <= weight <= 1:
        raise ValueError(f"deficit_weight must lie between 0 and 1, not {weight}")
