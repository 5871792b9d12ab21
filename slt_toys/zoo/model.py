"""What a zoo model has to offer: checks of its simulator against its exact law, and facts to reproduce."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .study import Study

Array = NDArray[np.float64]
Measured = tuple[Array, Array]


@dataclass(frozen=True)
class Check:
    """One comparison of a simulation with a law, or with numbers reported for the model.

    ``expected`` gives these values. ``simulate`` takes a seed and returns the simulated values and their standard
    errors, which are 0 where nothing is random. ``wrong`` is the negative control: values of a law that is not this
    one, at least one of which the simulation must contradict. By ``tolerance`` the law or the reported number may be
    off for a ``reason`` that is no sampling error. ``slow``: it takes more than a few seconds.
    """

    name: str
    expected: Callable[[], Array]
    simulate: Callable[[int], Measured]
    wrong: Callable[[], Array]
    tolerance: float = 0.0
    reason: str = ""
    slow: bool = False


@dataclass(frozen=True)
class ZooModel:
    """An entry of the zoo: name of its file, labels of its equations, and checks, at least one of an exact law.

    ``study`` is its own experiment, where it has one. ``options`` are those of the command that make another of it: by
    an option's name what takes its value and returns the experiment, or refuses the value in one line.
    """

    name: str
    labels: tuple[str, ...]
    checks: tuple[Check, ...]
    study: Study | None = None
    options: Mapping[str, Callable[[int], Study]] = field(default_factory=dict, hash=False)


def mean_and_error(values: Array) -> Measured:
    """Mean over the first axis and its standard error."""
    values = np.asarray(values, dtype=float)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
