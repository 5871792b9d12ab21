"""Law of the loss itself at a temperature, by quadrature: how probable each level is, and at other temperatures too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..potentials.boxes import widened
from ..potentials.potential import Potential
from .mass_cells import NEGLIGIBLE, mass_cells
from .phase_integrals import part_of

Array = NDArray[np.float64]
BINS = 2**14  # of the loss of several components together
ROUNDING = 1e-15  # of probabilities that went through a Fourier transform


@dataclass(frozen=True)
class EnergyLaw:
    """Law of the loss at one temperature."""

    temperature: float  # in units of loss
    lowest: float  # loss
    levels: Array  # losses above it, not decreasing, (levels,)
    probabilities: Array  # of the levels, with sum 1, (levels,)
    log_sum: float  # log ∫ exp(-(L - lowest)/T) over the box

    def probabilities_at(self, hot: EnergyLaw) -> Array:
        """Probabilities of these levels at a higher temperature; what that has elsewhere lies above them all."""
        gap = 1 / self.temperature - 1 / hot.temperature
        shift = self.log_sum - hot.log_sum - (self.lowest - hot.lowest) / hot.temperature
        return self.probabilities * np.exp(gap * self.levels + shift)

    def mean_difference(self) -> float:
        """Mean distance E|L - L'| = 2 ∫ F (1 - F) dL of two independent losses."""
        below = np.cumsum(self.probabilities)[:-1]
        return 2 * float((below * (1 - below) * np.diff(self.levels)).sum())


@lru_cache(maxsize=16)
def energy_law(potential: Potential, temperature: float) -> EnergyLaw:
    """Law of a potential's loss (cached for the last few).

    A component's levels are the losses of cells that hold its mass; the laws of several independent components are
    convolved on a grid much finer than the temperature.

    Parameters
    ----------
    potential
        At most two coordinates coupled at a time.
    temperature
        Positive.

    Raises
    ------
    ValueError
        For more than two coupled coordinates, or mass beyond a box that is no part of the model.
    """
    largest = max(len(own) for own in potential.components())
    if largest > 2:
        raise ValueError(
            f"potential {potential.name} couples {largest} coordinates, too many for quadrature; sample it at a few "
            "temperatures and give their energies to ladder_from_energies"
        )
    potential = widened(potential, temperature)
    parts = [_component_law(part_of(potential, own), temperature) for own in potential.components()]
    if len(parts) == 1:
        return parts[0]
    # Sums of products, not dots: these are short, and a linear algebra library would start its threads for each.
    means = [float((part.probabilities * part.levels).sum()) for part in parts]
    variance = sum(
        float((part.probabilities * (part.levels - mean) ** 2).sum()) for part, mean in zip(parts, means, strict=True)
    )
    spacing = (sum(means) + 12 * math.sqrt(variance) + NEGLIGIBLE / 2 * temperature) / BINS
    spectrum = np.ones(BINS + 1, dtype=complex)  # of twice as many bins: sums beyond them do not come round again
    for part in parts:
        place = part.levels / spacing
        bins = np.minimum(place.astype(np.int64), 2 * BINS - 2)
        share = np.minimum(place - bins, 1.0)  # split between two bins, which keeps the mean
        held = np.bincount(bins, part.probabilities * (1 - share), 2 * BINS)
        held += np.bincount(bins + 1, part.probabilities * share, 2 * BINS)
        spectrum *= fft.rfft(held)
    total = fft.irfft(spectrum, 2 * BINS)[:BINS]
    total = np.where(total > ROUNDING, total, 0.0)
    lowest, log_sum = sum(part.lowest for part in parts), sum(part.log_sum for part in parts)
    levels: Array = spacing * np.arange(BINS, dtype=float)
    return EnergyLaw(temperature, lowest, levels, total / total.sum(), log_sum)


def _component_law(part: Potential, temperature: float) -> EnergyLaw:
    _, _, losses, volumes = mass_cells(part, temperature)
    order = np.argsort(losses)
    losses, volumes = losses[order], volumes[order]
    levels = losses - losses[0]
    weights = volumes * np.exp(-levels / temperature)
    total = float(weights.sum())
    return EnergyLaw(temperature, float(losses[0]), levels, weights / total, math.log(total))
