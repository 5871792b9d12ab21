"""Comparisons in standard errors, for checks that must agree and for negative controls that must not."""

from __future__ import annotations

import math
import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Array = NDArray[np.float64]
Deviations = dict[str, float]

LIMIT = 5.0  # standard errors; two-sided, 6e-7 for each number compared
# (test, whether it is a control) -> for every time it ran, the sizes of its deviations.
SEEN: dict[tuple[str, bool], list[list[float]]] = defaultdict(list)


def deviation(samples: Array, exact: float) -> float:
    """How many standard errors the mean of independent samples is off; infinite for samples that make no sense."""
    assert samples.ndim == 1 and samples.size >= 1000, "too few samples for a normal error"
    with np.errstate(over="ignore", invalid="ignore"):
        error = samples.std(ddof=1) / math.sqrt(samples.size)
        value = (samples.mean() - exact) / error if error > 0 else math.inf
    return float(value) if np.isfinite(value) else math.inf


def distribution_deviation(samples: Array, distribution: Callable[[Array], Array]) -> float:
    """Kolmogorov and Smirnov's test, its p-value said as the standard errors of a normal number as rare."""
    assert samples.ndim == 1 and samples.size >= 1000
    if not np.isfinite(samples).all():
        return math.inf
    statistic = stats.ks_1samp(samples, distribution, method="asymp").statistic
    tail = special.kolmogorov(statistic * math.sqrt(samples.size))
    return float(stats.norm.isf(max(tail, 1e-300) / 2))


def agree(deviations: Mapping[str, float], limit: float = LIMIT) -> None:
    """Assert that nothing is more than the limit off."""
    assert deviations
    _note(deviations, control=False)
    wrong = {name: round(value, 1) for name, value in deviations.items() if not abs(value) < limit}
    assert not wrong, f"standard errors off: {wrong}"


def disagree(deviations: Mapping[str, float]) -> None:
    """Assert of a negative control that the check would fail: something is more than the limit off."""
    _note(deviations, control=True)
    assert max(abs(value) for value in deviations.values()) > LIMIT, f"a wrong variant passes: {deviations}"


def _note(deviations: Mapping[str, float], control: bool) -> None:
    test = os.environ.get("PYTEST_CURRENT_TEST", "").split("::")[-1].removesuffix(" (call)")
    name, _, case = re.sub(r"\[\d+-?", "[", test).partition("[")
    # Controls are told apart one by one, positive checks only by test.
    label = f"{name}[{case}" if control else name
    SEEN[label, control].append([abs(value) for value in deviations.values()])
