"""A mixture of mechanisms fitted to the counts of an experiment: by any set of mechanisms, with any share held.

Cells are put into an order of their own first, so that nothing depends on the order in which they came, nor on the
names of arms. The weights of a fit have one maximum; the parameters of the two-state law are fitted from many starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import qmc

from ..inputs.arguments import checked_arguments
from ..protocol.arms import Observation
from .mechanisms import (
    MECHANISMS,
    NONE,
    TEMPERATURE,
    Cells,
    Thermal,
    cells_of,
    known_thermal,
    two_state_thermal,
)
from .mixture_likelihood import LAPSE, fit_columns, log_likelihood, thermal_shares

Array = NDArray[np.float64]
STARTS, POLISHED = 128, 4
SMOOTH = 8  # intervals between knots where functions need not be monotone

__all__ = ["Mixture", "MixtureFit", "mixture_of", "thermal_order"]


@dataclass(frozen=True, eq=False)
class MixtureFit:
    """A fit by some mechanisms.

    Attributes
    ----------
    mechanisms
        Those that were allowed.
    energies
        Whether energies could differ between batch sizes.
    log_likelihood
        Without the term that no share enters.
    weights, parameters
        Of the causes, and of the thermal share.
    predicted
        Stuck shares, shape (cells,).
    """

    mechanisms: tuple[str, ...]
    energies: bool
    log_likelihood: float
    weights: Array
    parameters: Array
    predicted: Array


@dataclass(frozen=True, eq=False)
class Mixture:
    """Cells and the form of their thermal share.

    Attributes
    ----------
    cells
        In an order of their own.
    thermal
        Known or by the two-state law.
    """

    cells: Cells
    thermal: Thermal

    @property
    def saturated(self) -> float:
        """Log likelihood of a share of its own for every cell."""
        return self.log_likelihood(self.cells.stuck / self.cells.runs)

    def log_likelihood(self, shares: Array) -> float:
        """Of stuck shares, shape (cells,)."""
        return float(log_likelihood(shares, self.cells.stuck, self.cells.runs))

    def with_counts(self, stuck: Array) -> Mixture:
        """The same cells with other counts, and the starts of this one."""
        other = replace(self, cells=replace(self.cells, stuck=stuck))
        other.__dict__["starts"] = self.starts
        other.__dict__["smooth"] = self.smooth
        return other

    @cached_property
    def smooth(self) -> tuple[Array, NDArray[np.int64]]:
        """Stuck shares by causes other than temperature, with fewer knots, shape (cells, causes), and their owners."""
        coarse = cells_of(self.cells.observations, SMOOTH)
        others = coarse.owner > 0
        return coarse.columns[:, others], coarse.owner[others]

    @cached_property
    def starts(self) -> tuple[Array, ...]:
        """Thermal parameters to start from: of the pure thermal fit, and of its rivals among starts."""
        thermal = self.thermal
        zero = np.zeros(len(thermal.parameters))
        if thermal.form == "known":
            return (zero,)
        own = thermal.own
        points = qmc.Sobol(own, rng=np.random.default_rng(0)).random(STARTS)
        tried = []
        for point in points:
            parameters = zero.copy()
            parameters[:own] = thermal.low[:own] + (thermal.high[:own] - thermal.low[:own]) * point
            tried.append((self._missing(parameters), parameters))
        tried.sort(key=lambda pair: pair[0])
        fits = [self._fit((TEMPERATURE,), False, parameters, None, None) for _, parameters in tried[:POLISHED]]
        fits.sort(key=lambda fit: -fit.log_likelihood)
        kept = [fits[0].parameters]
        if not np.allclose(fits[0].parameters, fits[-1].parameters, atol=0.05):
            kept.append(fits[-1].parameters)
        return (*kept, np.array([-2.0, 4.0, 2.0, 2.0, *zero[own:]]))

    def _missing(self, parameters: Array) -> float:
        shares = LAPSE / 2 + (1 - LAPSE) * thermal_shares(parameters, self.thermal.data)[0]
        return -self.log_likelihood(shares)

    def fit(
        self, mechanisms: Sequence[str] = MECHANISMS, *, energies: bool = False,
        held: tuple[Sequence[str], float] | None = None, near: MixtureFit | None = None,
    ) -> MixtureFit:  # fmt: skip
        """Largest likelihood by some mechanisms.

        Parameters
        ----------
        mechanisms
            Those with a cause in these cells are used.
        energies
            Whether energies may differ between batch sizes.
        held
            Mechanisms whose shares have the given sum.
        near
            Another fit to start from, alone; without it, from every start.
        """
        used = tuple(name for name in mechanisms if name in self.cells.told)
        if near is not None:
            return self._fit(used, energies, near.parameters, near.weights, held)
        starts = self.starts if TEMPERATURE in used else self.starts[:1]
        fits = [self._fit(used, energies, start, None, held) for start in starts]
        return max(fits, key=lambda fit: fit.log_likelihood)

    def _fit(
        self, used: tuple[str, ...], energies: bool, parameters: Array, weights: Array | None,
        held: tuple[Sequence[str], float] | None,
    ) -> MixtureFit:  # fmt: skip
        cells, thermal = self.cells, self.thermal
        where = np.flatnonzero(cells.allowed(used))
        block, sums = np.zeros(where.size, dtype=np.int64), np.ones(1)
        if held is not None:
            members = cells.allowed([name for name in held[0] if name in used])[where]
            if not members.any() or members.all():
                raise ValueError(f"held: {held[0]} must be some, not all, of the mechanisms {used}")
            if held[1] in (0.0, 1.0):
                kept = members if held[1] else ~members
                where, block = where[kept], block[kept]
            else:
                block[members], sums = 1, np.array([1 - held[1], held[1]])
        first = _first_weights(None if weights is None else weights[where], block, sums)
        is_thermal = bool(cells.owner[where[0]] == 0)
        value, own, parameters, predicted = fit_columns(
            np.ascontiguousarray(cells.columns[:, where]), block, sums, cells.stuck, cells.runs, first, parameters,
            thermal.free(energies), thermal.low, thermal.high, is_thermal, thermal.data,
        )  # fmt: skip
        whole = np.zeros(cells.owner.size)
        whole[where] = own
        return MixtureFit(used, energies, float(value), whole, parameters, predicted)

    def shares(self, fit: MixtureFit) -> Array:
        """Shares f of all mechanisms."""
        return np.array([fit.weights[self.cells.owner == number].sum() for number in range(len(MECHANISMS))])

    def information(
        self, fit: MixtureFit, mechanism: str = TEMPERATURE, among: Sequence[str] = MECHANISMS
    ) -> tuple[float, float]:
        """A share with its standard error by Fisher information, none of the other weights being bounded.

        Rivals are any piecewise linear functions of their variables here, rising or not, and shares may be negative:
        then the share is a coefficient of a linear model, its estimate has no bias, and its error is what the
        information about all the others leaves [eq:information-about-a-share]. It is infinite where the mechanism's
        share is one of the others' functions.

        Parameters
        ----------
        fit
            Where the information is taken.
        mechanism
            Whose share.
        among
            Mechanisms that may decide; all the others decide nothing.
        """
        shares, slopes = thermal_shares(fit.parameters, self.thermal.data)
        tangents = slopes[:, self.thermal.free(fit.energies)]
        others, owner = self.smooth
        used = np.isin(owner, [MECHANISMS.index(name) for name in among])
        matrix = np.column_stack([shares, tangents, others[:, used]])
        of = np.concatenate([[0], np.full(tangents.shape[1], -1), owner[used]])
        asked = (of == MECHANISMS.index(mechanism)).astype(float)
        first = 0.0
        if mechanism == NONE:  # one of its columns is 0, so that its weight is what the others leave
            asked, first = -((of >= 0) & (of < MECHANISMS.index(NONE))).astype(float), 1.0
        predicted = np.clip(fit.predicted, LAPSE, 1 - LAPSE)
        scale = np.sqrt(self.cells.runs / (predicted * (1 - predicted)))
        left, values, right = np.linalg.svd(matrix * scale[:, None], full_matrices=False)
        kept = values > 1e-9 * values[0]
        direction = right[kept] @ asked
        if asked @ asked - direction @ direction > 1e-6:
            return float("nan"), float("inf")
        estimate = direction / values[kept] @ (left[:, kept].T @ (scale * self.cells.stuck / self.cells.runs))
        return first + float(estimate), float(np.sqrt(((direction / values[kept]) ** 2).sum()))


def _first_weights(weights: Array | None, block: NDArray[np.int64], sums: Array) -> Array:
    """Weights with the sums of their blocks: near those given, else half of the first cause and some of every other."""
    first = np.zeros(block.size)
    for number, total in enumerate(sums):
        own = block == number
        count = int(own.sum())
        if weights is not None and weights[own].sum() > 1e-6:
            first[own] = total * weights[own] / weights[own].sum()
            continue
        even = np.full(count, total / count)
        if own[0] and count > 1:
            even[:] = total / 2 / (count - 1)
            even[0] = total / 2
        first[own] = even
    return first


@checked_arguments
def thermal_order(observations: Sequence[Observation]) -> NDArray[np.int64]:
    """An order of cells that follows from what is in them, not from the order in which they came."""
    keys = []
    for each in observations:
        run = each.schedule
        keys.append((
            run.flow_time_left, run.flow_time_spent, each.deficit_loss, float(run.temperatures[0]),
            float(run.temperatures @ run.durations), each.runs, each.stuck,
        ))  # fmt: skip
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


@checked_arguments
def mixture_of(
    observations: Sequence[Observation], known: ArrayLike | None = None,
    energies: tuple[ArrayLike, ArrayLike] | None = None,
) -> Mixture:  # fmt: skip
    """Mixture of mechanisms in an experiment.

    Parameters
    ----------
    observations
        Cells; arms that repeat another's schedule are best left out.
    known
        Exact thermal shares, shape (cells,); without them, the two-state law.
    energies
        See :func:`~slt_toys.worlds.mechanisms.known_thermal`.
    """
    order = thermal_order(observations)
    seen = [observations[at] for at in order]
    if known is None:
        return Mixture(cells_of(seen), two_state_thermal(seen))
    shares = np.asarray(known, dtype=float)
    if shares.shape != (len(seen),):
        raise ValueError(f"known must hold one share for each of {len(seen)} observations")
    table = None
    if energies is not None:
        values = np.asarray(energies[1], dtype=float)
        if values.ndim != 2 or values.shape[1] != len(seen):
            raise ValueError(f"energies must have shares of shape (factors, {len(seen)}), not {values.shape}")
        table = (energies[0], values[:, order])
    return Mixture(cells_of(seen), known_thermal(seen, shares[order], table))
