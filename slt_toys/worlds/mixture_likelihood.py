"""Largest likelihood of a mixture of stuck shares, in weights and in the parameters of its thermal part.

Stuck shares are p = A w, columns of A being shares by one cause and w weights of sum 1; the likelihood of binomial
counts is concave in w, so that the weights have no second maximum. The first column may be the thermal share, which
depends on parameters of its own: known shares at another temperature or energy scale, interpolated, or the two-state
law. Newton steps on weights and Gauss-Newton steps on parameters are made together, each a quadratic programme with
weights of at least 0, which an active set solves exactly. For profiles, blocks of weights are held to fixed sums.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
LAPSE = 1e-4  # share of runs that may end either way whatever decides
TOLERANCE = 1e-5  # of log likelihood, in the last step
MOST_STEPS = 80
NOT_THERMAL, KNOWN, TWO_STATES = -1, 0, 1

__all__ = [
    "KNOWN",
    "LAPSE",
    "NOT_THERMAL",
    "TWO_STATES",
    "ThermalData",
    "fit_columns",
    "log_likelihood",
    "solve_programme",
    "thermal_shares",
]


class ThermalData(NamedTuple):
    """What the thermal share is computed from; arrays that a form does not use are empty.

    Attributes
    ----------
    kind
        :data:`KNOWN` or :data:`TWO_STATES`.
    logits
        Of known shares, shape (cells,).
    scale_knots, scale_pieces, energy_knots, energy_pieces
        Cubic pieces, shape (cells, knots - 1, 4), of how the logit changes with the logarithm of a temperature scale
        of all cells, and of an energy scale.
    group
        Of each cell, from 0: cells of group g > 0 have energies times exp(parameter g), shape (cells,).
    temperatures, durations, epoch_group
        Of the distinct epochs, in units of their typical size, shape (distinct,).
    epochs
        Which of them make up each cell's run, padded with -1, shape (cells, epochs).
    switches
        First clean epoch of each cell, shape (cells,).
    """

    kind: int
    logits: Array
    scale_knots: Array
    scale_pieces: NDArray[np.float64]
    energy_knots: Array
    energy_pieces: NDArray[np.float64]
    group: Integers
    temperatures: Array
    durations: Array
    epoch_group: Integers
    epochs: NDArray[np.int64]
    switches: Integers


@njit(cache=True)
def _piece(knots: Array, pieces: Array, at: Any) -> tuple[float, float]:
    """Value and slope of a cubic piece."""
    last = knots.size - 2
    number = 0
    while number < last and at > knots[number + 1]:
        number += 1
    x = at - knots[number]
    a, b, c, d = pieces[number, 0], pieces[number, 1], pieces[number, 2], pieces[number, 3]
    return ((a * x + b) * x + c) * x + d, (3 * a * x + 2 * b) * x + c


@njit(cache=True)
def _known(parameters: Array, data: ThermalData) -> tuple[Array, Array]:
    cells = data.logits.size
    shares, slopes = np.empty(cells), np.zeros((cells, parameters.size))
    for i in range(cells):
        logit = data.logits[i]
        if data.scale_knots.size:
            change, slope = _piece(data.scale_knots, data.scale_pieces[i], parameters[0])
            logit += change
            slopes[i, 0] = slope
        group = data.group[i]
        if group > 0 and data.energy_knots.size:
            change, slope = _piece(data.energy_knots, data.energy_pieces[i], parameters[group])
            logit += change
            slopes[i, group] = slope
        share = 1 / (1 + np.exp(-logit))
        shares[i] = share
        slopes[i] *= share * (1 - share)
    return shares, slopes


FROZEN = 1e-18  # runs that change their state in an epoch, below which exp of minus it is 1


@njit(cache=True)
def _epoch_of_two_states(
    pace: Any, temperature: Any, barrier: Any, difference: Any, deficit: int
) -> tuple[Any, Any, Any, Any, Any, Any, Any, Any]:
    """What an epoch leaves, its resting share, and derivatives: of the first in all, of the second in two."""
    back = np.exp(-min(difference / temperature, 500.0))
    exponent = min(pace * (1 + back), 500.0)
    kept = np.exp(-exponent)
    d_back = -back / temperature
    sign = -1.0 if deficit else 1.0
    return (
        kept,
        (1.0 if deficit else back) / (1 + back),
        -kept * exponent,  # attempts
        kept * exponent * (1 / temperature - 1),  # barrier
        -kept * pace * d_back,  # difference
        kept * (exponent * barrier + pace * back * difference) / temperature,  # energies
        sign * d_back / (1 + back) ** 2,  # difference
        -sign * difference * back / temperature / (1 + back) ** 2,  # energies
    )


@njit(cache=True)
def _two_states(parameters: Array, data: ThermalData) -> tuple[Array, Array]:
    """Share and its derivatives: within an epoch both rates are constant, and epochs compose linearly."""
    attempts, barrier, size = parameters[0], parameters[1], parameters.size
    temperatures, durations, epochs, epoch_group = data.temperatures, data.durations, data.epochs, data.epoch_group
    count, cells, most = temperatures.size, epochs.shape[0], epochs.shape[1]
    scales = np.ones(1 + max(size - 4, 0))
    for k in range(4, size):
        scales[k - 3] = np.exp(parameters[k])
    paces = np.empty(count)
    for e in range(count):
        factor = scales[epoch_group[e]]
        temperature = temperatures[e] / factor
        exponent = max(min(attempts - barrier * (1 / temperature - 1), 50.0), -500.0)
        paces[e] = temperature * (durations[e] * factor) * np.exp(exponent)
    shares, slopes = np.empty(cells), np.zeros((cells, size))
    d_kept = np.empty(5)
    own = np.empty(5)  # attempts, barrier, deficit's difference, clean difference, energies of the group
    for i in range(cells):
        share, kept, group, switch = 0.0, 1.0, data.group[i], data.switches[i]
        d_kept[:] = 0.0
        own[:] = 0.0
        for number in range(most - 1, -1, -1):
            e = epochs[i, number]
            if e < 0 or paces[e] < FROZEN:
                continue
            deficit = 1 if number < switch else 0
            mine = 2 if deficit else 3
            stays, target, by_attempts, by_barrier, by_difference, by_energies, rest, rest_by_energies = (
                _epoch_of_two_states(
                    paces[e], temperatures[e] / scales[epoch_group[e]], barrier, parameters[mine], deficit
                )
            )  # fmt: skip
            if stays == 1.0:
                continue
            for k in range(5):
                own[k] += d_kept[k] * (1 - stays) * target
                d_kept[k] *= stays
            moved = kept * (1 - stays)
            own[0] -= kept * target * by_attempts
            d_kept[0] += kept * by_attempts
            own[1] -= kept * target * by_barrier
            d_kept[1] += kept * by_barrier
            own[mine] += moved * rest - kept * target * by_difference
            d_kept[mine] += kept * by_difference
            own[4] += moved * rest_by_energies - kept * target * by_energies
            d_kept[4] += kept * by_energies
            share += moved * target
            kept *= stays
            if kept < 1e-12:
                break
        first = epochs[i, 0]
        at = temperatures[first] / scales[epoch_group[first]]
        _, start, _, _, _, _, rest, rest_by_energies = _epoch_of_two_states(
            paces[first], at, barrier, parameters[2], 1
        )  # fmt: skip
        shares[i] = share + kept * start
        for k in range(4):
            slopes[i, k] = own[k] + d_kept[k] * start
        slopes[i, 2] += kept * rest
        if group > 0:
            slopes[i, 3 + group] = own[4] + d_kept[4] * start + kept * rest_by_energies
    return shares, slopes


@njit(cache=True)
def thermal_shares(parameters: Array, data: ThermalData) -> tuple[Array, Array]:
    """Thermal stuck shares (cells,) and their derivatives (cells, parameters)."""
    if data.kind == TWO_STATES:
        return _two_states(parameters, data)
    return _known(parameters, data)


@njit(cache=True)
def log_likelihood(shares: Array, stuck: Array, runs: Array) -> float:
    """Of binomial counts, without the term that no share enters; minus infinity where a share is impossible."""
    total = 0.0
    for i in range(shares.size):
        if stuck[i] > 0:
            if shares[i] <= 0:
                return -np.inf
            total += stuck[i] * np.log(shares[i])
        if runs[i] > stuck[i]:
            if shares[i] >= 1:
                return -np.inf
            total += (runs[i] - stuck[i]) * np.log(1 - shares[i])
    return total


@njit(cache=True)
def solve_programme(matrix: Array, right: Array, block: Integers, sums: Array, start: Array) -> Array:
    """Least z'Mz/2 - r'z with z >= 0 and a fixed sum in each block; variables of block -1 are free.

    Primal active set from a feasible start: each step solves the equality problem on the support, and moves there as
    far as no variable turns negative; then the most promising variable at 0 joins.
    """
    count, blocks = right.size, sums.size
    z = start.copy()
    support = np.empty(count, dtype=np.bool_)
    for j in range(count):
        support[j] = block[j] < 0 or z[j] > 0
    slack = 1e-10 * (1 + np.abs(right).max())
    for _ in range(4 * count):
        index = np.flatnonzero(support)
        size = index.size
        bordered, side = np.zeros((size + blocks, size + blocks)), np.zeros(size + blocks)
        for a in range(size):
            for b in range(size):
                bordered[a, b] = matrix[index[a], index[b]]
            side[a] = right[index[a]]
            if block[index[a]] >= 0:
                bordered[a, size + block[index[a]]] = bordered[size + block[index[a]], a] = 1.0
        for b in range(blocks):
            side[size + b] = sums[b]
            if bordered[size + b].sum() == 0:  # no variable of the block is in the support
                bordered[size + b, size + b] = 1.0
                side[size + b] = 0.0
        solved = np.linalg.solve(bordered, side)
        share, at = 1.0, -1
        for a in range(size):
            j = index[a]
            if block[j] >= 0 and solved[a] <= 0 and z[j] > solved[a]:
                part = z[j] / (z[j] - solved[a])
                if part < share:
                    share, at = part, j
        for a in range(size):
            z[index[a]] += share * (solved[a] - z[index[a]])
        if at >= 0:
            z[at] = 0.0
            support[at] = False
            continue
        worst, joins = -slack, -1
        for j in range(count):
            if not support[j]:
                slope = -right[j] + solved[size + block[j]]
                for a in range(size):
                    slope += matrix[j, index[a]] * z[index[a]]
                if slope < worst:
                    worst, joins = slope, j
        if joins < 0:
            break
        support[joins] = True
    return z


@njit(cache=True)
def _shares_of(columns: Array, weights: Array) -> Array:
    return LAPSE / 2 + (1 - LAPSE) * (columns @ weights)


@njit(cache=True)
def fit_columns(
    columns: Array,
    block: Integers,
    sums: Array,
    stuck: Array,
    runs: Array,
    weights: Array,
    parameters: Array,
    free: NDArray[np.bool_],
    low: Array,
    high: Array,
    thermal: bool,
    data: ThermalData,
) -> tuple[float, Array, Array, Array]:
    """Weights and thermal parameters of largest likelihood.

    Parameters
    ----------
    columns
        Stuck shares by each cause, shape (cells, causes); the first is overwritten if ``thermal``.
    block, sums
        Block of each weight, and the sum of the weights of each block.
    stuck, runs
        Counts of each cell.
    weights, parameters
        To start from; weights have the sums of their blocks.
    free, low, high
        Which parameters are fitted, and between what bounds.
    thermal
        Whether the first column is the thermal share.
    data
        What that follows from.

    Returns
    -------
    tuple
        Log likelihood, weights, parameters, and stuck shares with lapses.
    """
    columns, weights, parameters = columns.copy(), weights.copy(), parameters.copy()
    causes, which = weights.size, np.flatnonzero(free) if thermal else np.zeros(0, dtype=np.int64)
    size = causes + which.size
    slopes = np.zeros((stuck.size, parameters.size))
    if thermal:
        share, slopes = thermal_shares(parameters, data)
        columns[:, 0] = share
    blocks = np.full(size, -1)
    blocks[:causes] = block
    shares = _shares_of(columns, weights)
    value, damping = log_likelihood(shares, stuck, runs), 1e-6
    jacobian = np.empty((stuck.size, size))
    small = 0
    for _ in range(MOST_STEPS):
        jacobian[:, :causes] = (1 - LAPSE) * columns
        for k in range(which.size):
            jacobian[:, causes + k] = (1 - LAPSE) * weights[0] * slopes[:, which[k]]
        gradient = stuck / shares - (runs - stuck) / (1 - shares)
        curvature = stuck / shares**2 + (runs - stuck) / (1 - shares) ** 2
        weighted = jacobian * curvature.reshape(-1, 1)
        matrix = jacobian.T @ weighted
        now = np.zeros(size)
        now[:causes] = weights
        right = jacobian.T @ gradient + matrix @ now
        diagonal = 0.0
        for j in range(size):
            diagonal = max(diagonal, matrix[j, j])
        for j in range(size):
            ridge = 1e-11 * diagonal
            right[j] += ridge * now[j]
            matrix[j, j] += ridge
            if j >= causes:
                matrix[j, j] += damping * matrix[j, j] + 1e-6
        moved = solve_programme(matrix, right, blocks, sums, now)
        step = moved - now
        promised = gradient @ (jacobian @ step)
        length, better = 1.0, False
        for _half in range(30):
            w = weights + length * step[:causes]
            t = parameters.copy()
            for k in range(which.size):
                j = which[k]
                t[j] = min(max(t[j] + length * step[causes + k], low[j]), high[j])
            trial, trial_slopes = columns, slopes
            if which.size:
                share, trial_slopes = thermal_shares(t, data)
                trial = columns.copy()
                trial[:, 0] = share
            p = _shares_of(trial, w)
            new = log_likelihood(p, stuck, runs)
            if new >= value:
                better = True
                break
            length *= 0.4
        if not better:
            if which.size and damping < 1e3:
                damping = max(damping, 1e-3) * 30
                continue
            break
        gain = new - value
        weights, parameters, columns, slopes, shares, value = w, t, trial, trial_slopes, p, new
        damping = max(damping * 0.1, 1e-6) if length == 1.0 else min(damping * 5 + 1e-4, 1e3)
        small = small + 1 if gain < TOLERANCE else 0
        if small >= 2 or (gain < TOLERANCE and promised < 10 * TOLERANCE):
            break
    return value, weights, parameters, shares
