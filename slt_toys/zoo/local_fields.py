"""Local fields of two-layer networks with the error function: their averages, equations and steps, as kernels.

A *local field* is what enters a hidden unit. For many normal inputs the fields of all units are normal, and averages of
units g(x) = erf(x/√2), slopes g' and fields depend on their covariances alone: [eq:field-slope-product],
[eq:field-product], [eq:field-drift] and [eq:field-noise]. The kernels hold the same formulas as the laws.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from ..reference.laws import law
from .model import Array


def _entries(covariance: ArrayLike, letters: str, name: str) -> float:
    """An average for fields of a covariance, in the letters' order."""
    c = np.asarray(covariance, dtype=float)
    given = {f"field_variance_{a}": c[i, i] for i, a in enumerate(letters)}
    given |= {
        f"field_covariance_{a}{b}": c[i, j] for i, a in enumerate(letters) for j, b in enumerate(letters) if i < j
    }
    if name == "field-drift":
        del given["field_variance_b"]
    return float(law(name)(**given))


def averages(covariance: ArrayLike) -> Array:
    """J_2, I_2, I_3 and I_4 of four fields a, b, c, d with this covariance (4, 4), each of its first fields."""
    c = np.asarray(covariance, dtype=float)
    names = (("field-slope-product", "ab"), ("field-product", "ab"), ("field-drift", "abc"), ("field-noise", "abcd"))
    return np.array([_entries(c[: len(letters), : len(letters)], letters, name) for name, letters in names])


def rates_by_laws(c: Array, s: Array, students: int, numbers: Array) -> Array:
    """Rates of change of covariances (units, units) from the laws alone, entry by entry, as the kernel has them.

    ``s`` holds signed output weights (units,), students first; ``numbers`` are rates of both layers, batch size,
    label noise and temperature.
    """
    eta, _, batch, noise, temperature = numbers
    units, rate = range(len(s)), np.zeros_like(c)

    def mean(name: str, *fields: int) -> float:
        return _entries(c[np.ix_(fields, fields)], "abcd"[: len(fields)], name)

    for i in range(students):
        for m in units:
            drift = -eta * s[i] * sum(s[j] * mean("field-drift", i, m, j) for j in units)
            rate[i, m] += drift
            rate[m, i] += drift
        for k in range(students):
            square = noise**2 * mean("field-slope-product", i, k)
            square += sum(s[j] * s[m] * mean("field-noise", i, k, j, m) for j in units for m in units)
            rate[i, k] += law("overlap-noise")(
                learning_rate=eta, batch_size=batch, first_output_weight=s[i], second_output_weight=s[k],
                squared_slope_error=square,
            )  # fmt: skip
        rate[i, i] += 2 * eta * temperature
    return rate


# ---- the differential equations ------------------------------------------------------------------------------------
@njit(cache=True)
def _i2(c: Array, a: int, b: int) -> float:
    return 2 / np.pi * np.arcsin(c[a, b] / np.sqrt((1 + c[a, a]) * (1 + c[b, b])))


@njit(cache=True)
def _j2(c: Array, a: int, b: int) -> float:
    return 2 / np.pi / np.sqrt((1 + c[a, a]) * (1 + c[b, b]) - c[a, b] ** 2)


@njit(cache=True)
def _i3(c: Array, a: int, b: int, d: int) -> float:
    return _j2(c, a, d) * (c[b, d] - c[a, b] * c[a, d] / (1 + c[a, a]))


@njit(cache=True)
def _i4(c: Array, a: int, b: int, k: int, l: int) -> float:  # noqa: E741
    one, two, both = 1 + c[a, a], 1 + c[b, b], c[a, b]
    det = one * two - both * both
    ak, al, bk, bl = c[a, k], c[a, l], c[b, k], c[b, l]
    cross = det * c[k, l] - bk * bl * one - ak * al * two + both * (ak * bl + al * bk)
    first = det * (1 + c[k, k]) - bk * bk * one - ak * ak * two + 2 * both * ak * bk
    second = det * (1 + c[l, l]) - bl * bl * one - al * al * two + 2 * both * al * bl
    return 4 / np.pi**2 / np.sqrt(det) * np.arcsin(min(1.0, max(-1.0, cross / np.sqrt(first * second))))


@njit(cache=True)
def change_fields(c: Array, s: Array, students: int, numbers: Array, rate: Array, output_rate: Array) -> None:
    """Rates of change of covariances and output weights, written into the last two."""
    units = s.size
    eta, eta_v, batch, noise, heat = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    drift = np.zeros((students, units))
    for i in range(students):
        output_rate[i] = 0.0
        for j in range(units):
            output_rate[i] -= eta_v * s[j] * _i2(c, i, j)
            for m in range(units):
                drift[i, m] -= eta * s[i] * s[j] * _i3(c, i, m, j)
    for i in range(students):
        for m in range(students, units):
            rate[i, m] = rate[m, i] = drift[i, m]
        for k in range(i + 1):
            square = noise * noise * _j2(c, i, k)
            for j in range(units):
                square += s[j] * s[j] * _i4(c, i, k, j, j)
                for m in range(j):
                    square += 2 * s[j] * s[m] * _i4(c, i, k, j, m)
            rate[i, k] = drift[i, k] + drift[k, i] + eta * eta / batch * s[i] * s[k] * square
            if i == k:
                rate[i, k] += 2 * eta * heat
            rate[k, i] = rate[i, k]


@njit(cache=True)
def integrate_fields(
    c: Array, s: Array, students: int, numbers: Array, step: float, kept: np.ndarray
) -> tuple[Array, Array]:
    """Euler steps from covariances and output weights, which are changed; both after the numbers of steps kept."""
    rate, output_rate, place = np.zeros_like(c), np.zeros(students), 0
    covariances, outputs = np.empty((kept.size, *c.shape)), np.empty((kept.size, s.size))
    for now in range(kept[-1] + 1):
        if now == kept[place]:
            covariances[place], outputs[place] = c, s
            place += 1
            if place == kept.size:
                break
        change_fields(c, s, students, numbers, rate, output_rate)
        c += step * rate
        for i in range(students):
            s[i] += step * output_rate[i]
    return covariances, outputs


# ---- stochastic gradient descent -----------------------------------------------------------------------------------
@njit(cache=True)
def descend_fields(
    random: np.random.Generator, w: Array, s: Array, students: int, numbers: Array, kept: np.ndarray
) -> tuple[Array, Array]:
    """Online SGD of weights, which are changed; covariances and output weights after the numbers of steps kept."""
    units, inputs = w.shape
    eta, eta_v, batch, noise, heat = numbers[0], numbers[1], int(numbers[2]), numbers[3], numbers[4]
    kick, place = np.sqrt(2 * eta * heat / inputs), 0
    covariances, outputs = np.empty((kept.size, units, units)), np.empty((kept.size, units))
    x, pull, fields, moved = np.empty((batch, inputs)), np.empty((batch, students)), np.empty(units), np.empty(students)
    for now in range(kept[-1] + 1):
        if now == kept[place]:
            for a in range(units):
                for b in range(units):
                    covariances[place, a, b] = (w[a] * w[b]).sum() / inputs
            outputs[place] = s
            place += 1
            if place == kept.size:
                break
        moved[:] = 0.0
        for n in range(batch):
            for i in range(inputs):
                x[n, i] = random.standard_normal()
            error = -noise * random.standard_normal()
            for a in range(units):
                field = 0.0
                for i in range(inputs):
                    field += w[a, i] * x[n, i]
                fields[a] = field / np.sqrt(inputs)
                error += s[a] * math.erf(fields[a] / np.sqrt(2))
            for k in range(students):
                slope = np.sqrt(2 / np.pi) * np.exp(-(fields[k] ** 2) / 2)
                pull[n, k] = eta / np.sqrt(inputs) * s[k] * slope * error / batch
                moved[k] += eta_v / inputs * math.erf(fields[k] / np.sqrt(2)) * error / batch
        for k in range(students):
            for n in range(batch):
                for i in range(inputs):
                    w[k, i] -= pull[n, k] * x[n, i]
            if kick > 0:
                for i in range(inputs):
                    w[k, i] += kick * random.standard_normal()
            s[k] -= moved[k]
    return covariances, outputs
