"""Where two phases are equal, exactly and asymptotically, and the learning coefficients the integrals show.

F_A(n_beta) = F_B(n_beta) [eq:crossover], with F_α = n_beta L_α + λ_α log n_beta - log P_α(log n_beta) + o(1), where
P_α is a polynomial of degree m_α - 1 (a constant e^{-C_α} if m = 1; Watanabe 2009, theorem 6.7). Without
logarithms the asymptotic equation ΔL x + Δλ log x + ΔC = 0 is solved by Lambert's W.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import comb

from ..inputs.arguments import checked_arguments
from ..potentials.boxes import loss_unit
from ..potentials.potential import Potential
from ..reference.laws import law
from .phase_integrals import checked_n_beta, phase_moments

Array = NDArray[np.float64]
# All in the energy's own unit of loss (slt_toys.potentials.boxes.loss_unit):
ASYMPTOTIC_N_BETA = (1e6, 1e8)  # where the constants of the asymptotic law are read off
ARRIVED, COLDER = 1e-4, 4  # the excess energy must be this near λ there, or a hundredth of the temperature is tried
SLOPE_N_BETA = (1e5, 1e8)  # where a learning coefficient is
SEARCHED = (0.1, 1e8)  # where crossovers are looked for, and further down where the losses of two phases are closer
GAPS_SEARCHED = 1e3  # ... to n_beta times the loss gap of this: there the lower loss has won
POINTS_PER_DECADE = 8


@dataclass(frozen=True)
class PhaseAsymptotics:
    """F = n_beta loss + learning_coefficient log n_beta - log Σ_j coefficients[j] (log n_beta)^j + o(1).

    Attributes
    ----------
    loss, learning_coefficient, multiplicity
        The phase's, as declared.
    coefficients
        Fitted to the exact integrals, shape (multiplicity,), lowest power first.
    constant
        C_α = -log of the highest one.
    """

    loss: float
    learning_coefficient: float
    multiplicity: int
    coefficients: tuple[float, ...]

    @property
    def constant(self) -> float:
        """C_α in F = n_beta L + λ log n_beta - (m-1) log log n_beta + C."""
        return -float(np.log(self.coefficients[-1]))

    def excess_free_energy(self, n_beta: ArrayLike) -> Array:
        """F - n_beta loss, leading terms; NaN where n_beta is so small that the polynomial is not positive."""
        log_n_beta = np.log(np.asarray(n_beta, dtype=float))
        value = np.polynomial.polynomial.polyval(log_n_beta, self.coefficients)
        return self.learning_coefficient * log_n_beta - np.log(np.where(value > 0, value, np.nan))


@dataclass(frozen=True)
class Crossover:
    """Every n_beta of a range at which two phases have equal free energy.

    Attributes
    ----------
    phase_a, phase_b
        Names.
    n_beta_range
        Range searched.
    n_beta, temperature
        Exact crossovers in order of rising n_beta; empty if there is none in the range.
    asymptotic_n_beta, asymptotic_temperature
        Those of the asymptotic law [eq:crossover] in the same range.
    statement
        One sentence that says what was found.
    """

    phase_a: str
    phase_b: str
    n_beta_range: tuple[float, float]
    n_beta: tuple[float, ...]
    asymptotic_n_beta: tuple[float, ...]
    statement: str

    @property
    def temperature(self) -> tuple[float, ...]:
        """Exact crossover temperatures, in units of loss."""
        return tuple(1 / x for x in self.n_beta)

    @property
    def asymptotic_temperature(self) -> tuple[float, ...]:
        """Asymptotic crossover temperatures, in units of loss."""
        return tuple(1 / x for x in self.asymptotic_n_beta)


@dataclass(frozen=True)
class LearningCoefficientEstimate:
    """Learning coefficient by quadrature.

    Attributes
    ----------
    estimate
        Slope of -log Z_α - n_beta L_α against log n_beta, logarithms divided out, extrapolated.
    error
        By how much the last step of the extrapolation moved it, plus the quadrature's own error.
    n_beta
        Points used, shape (points,).
    local
        Estimates from successive windows of multiplicity + 1 points, before extrapolation.
    """

    estimate: float
    error: float
    n_beta: tuple[float, ...]
    local: tuple[float, ...]


@checked_arguments
def phase_asymptotics(potential: Potential, phase: str | int) -> PhaseAsymptotics:
    """Read the constants of a phase's asymptotic free energy off its exact integrals [eq:phase-free-energy].

    Raises
    ------
    ValueError
        As :func:`slt_toys.exact.equilibrium.phase_table`, or no such phase.
    """
    number = potential.phase_number(phase)
    own = potential.phases[number]
    exponent, multiplicity = float(own.learning_coefficient), own.multiplicity
    n_beta = np.geomspace(*ASYMPTOTIC_N_BETA, multiplicity + 2) / loss_unit(potential)
    (part,) = phase_moments(potential, n_beta, [number])
    for _ in range(COLDER):  # a well may be much shallower than the energy's unit
        if multiplicity > 1 or abs(n_beta[-1] * part.moments.mean[-1] - exponent) < ARRIVED:
            break
        n_beta = 100 * n_beta
        (part,) = phase_moments(potential, n_beta, [number])
    log_n_beta = np.log(n_beta)
    scaled = np.exp(part.moments.log_integral + exponent * log_n_beta)
    if multiplicity == 1:
        coefficients = [_extrapolated(scaled)]
    else:  # what is not a polynomial of logarithms is a power of n_beta, negligible at the last points
        last = slice(-multiplicity, None)
        powers = np.vander(log_n_beta[last], multiplicity, increasing=True)
        coefficients = np.linalg.solve(powers, scaled[last])
    return PhaseAsymptotics(part.reference, exponent, multiplicity, tuple(float(c) for c in coefficients))


def _extrapolated(sequence: Array) -> float:
    """Limit of a sequence that converges geometrically, from its last three members (Aitken 1926)."""
    first, second, third = sequence[-3:]
    step, bend = third - second, third - 2 * second + first
    # A bend at rounding level, or steps that do not shrink, say nothing about the limit.
    if abs(step) <= 1e-9 * abs(third) or abs(step) >= abs(second - first):
        return float(third)
    return float(third - step**2 / bend)


@checked_arguments
def crossover(
    potential: Potential, phase_a: str | int, phase_b: str | int, n_beta_range: tuple[float, float] | None = None
) -> Crossover:
    """Find where two phases have equal free energy, exactly and by the asymptotic law [eq:crossover].

    The difference of free energies is bracketed on a grid of log n_beta, also where it nearly touches zero between
    two grid points, and solved by Brent's method to a relative 1e-12 in n_beta.

    Parameters
    ----------
    potential
        As for :func:`slt_toys.exact.equilibrium.phase_table`.
    phase_a, phase_b
        Names or numbers of two different phases.
    n_beta_range
        (low, high), searched; by default from a tenth of the energy's own unit of 1/loss to 1e8 of it, or to where the
        loss gap is a thousand temperatures if that is further.

    Raises
    ------
    ValueError
        As :func:`slt_toys.exact.equilibrium.phase_table`, one phase twice, or a range that is not rising.
    """
    a, b = _two_phases(potential, phase_a, phase_b)
    gap = _loss_gap(potential, a, b)
    if n_beta_range is None:
        n_beta_range = (SEARCHED[0] / loss_unit(potential), SEARCHED[1] / loss_unit(potential))
        if gap:
            n_beta_range = (n_beta_range[0], max(n_beta_range[1], GAPS_SEARCHED / abs(gap)))
    low, high = checked_n_beta(np.asarray(n_beta_range, dtype=float).ravel())[[0, -1]]
    if not low < high:
        raise ValueError(f"n_beta_range must be (low, high) with 0 < low < high, not {n_beta_range}")
    names = (potential.phases[a].name, potential.phases[b].name)
    grid = np.linspace(np.log(low), np.log(high), 2 + int(POINTS_PER_DECADE * np.log10(high / low)))
    difference, noise = _difference(potential, a, b, np.exp(grid))

    def exact(log_n_beta: float) -> float:
        return float(_difference(potential, a, b, np.exp([log_n_beta]))[0][0])

    first, second = phase_asymptotics(potential, a), phase_asymptotics(potential, b)
    roots = laws = ()
    same = (np.abs(difference) <= noise).all()
    if not same:
        roots = tuple(float(np.exp(x)) for x in _roots(exact, grid, difference))
        laws = _asymptotic_roots(gap, first, second, grid)
    if same:
        statement = f"{names[0]} and {names[1]} are equal at every n_beta from {low:.3g} to {high:.3g}"
    elif roots:
        statement = f"{names[0]} and {names[1]} are equal at n_beta = " + ", ".join(f"{x:.6g}" for x in roots)
    else:
        lower = names[0] if difference[0] < 0 else names[1]
        statement = f"none in the range: {lower} has the lower free energy at every n_beta from {low:.3g} to {high:.3g}"
    return Crossover(*names, (float(low), float(high)), roots, laws, statement)


def _two_phases(potential: Potential, phase_a: str | int, phase_b: str | int) -> tuple[int, int]:
    a, b = potential.phase_number(phase_a), potential.phase_number(phase_b)
    if a == b:
        raise ValueError(f"phase_a and phase_b must be two different phases, not {potential.phases[a].name!r} twice")
    return a, b


def _loss_gap(potential: Potential, a: int, b: int) -> float:
    """L_a - L_b, subtracted exactly."""
    first, second = phase_moments(potential, np.full(1, 1 / loss_unit(potential)), [a, b])
    return first.offset - second.offset


def _difference(potential: Potential, a: int, b: int, n_beta: Array) -> tuple[Array, Array]:
    """F_a - F_b, and the quadrature's error of it."""
    first, second = phase_moments(potential, n_beta, [a, b])
    value = n_beta * (first.offset - second.offset) - first.moments.log_integral + second.moments.log_integral
    return value, first.moments.error + second.moments.error + 1e-14


def _roots(function: Callable[[float], float], grid: Array, values: Array) -> list[float]:
    """All roots on the grid's interval, those of a near-touch between grid points included."""
    points, heights = list(grid), list(values)
    for i in range(1, len(grid) - 1):
        sign = np.sign(values[i])
        before, here, after = sign * values[i - 1 : i + 2]
        if 0 < here <= min(before, after):
            ends = (grid[i - 1], grid[i + 1])
            touch = scipy.optimize.minimize_scalar(lambda x, s=sign: s * function(x), bounds=ends, method="bounded")
            points.append(float(touch.x))
            heights.append(float(sign * touch.fun))
    order = np.argsort(points)
    x, y = np.asarray(points)[order], np.asarray(heights)[order]
    roots = [float(p) for p, h in zip(x, y, strict=True) if h == 0]
    for i in np.flatnonzero(y[:-1] * y[1:] < 0):
        roots.append(scipy.optimize.brentq(function, x[i], x[i + 1], xtol=1e-12))  # pyright: ignore[reportArgumentType]
    return sorted(roots)


def _asymptotic_roots(gap: float, first: PhaseAsymptotics, second: PhaseAsymptotics, grid: Array) -> tuple[float, ...]:
    """Solve gap x + Δλ log x + ΔC = 0 by Lambert's W; numerically if logarithms of logarithms take part."""
    slope = first.learning_coefficient - second.learning_coefficient
    if first.multiplicity == second.multiplicity == 1:
        constant = first.constant - second.constant
        return tuple(x for x in lambert_crossover(gap, slope, constant) if np.exp(grid[0]) <= x <= np.exp(grid[-1]))

    def difference(log_n_beta: float | Array) -> Array:
        n_beta = np.exp(log_n_beta)
        return gap * n_beta + first.excess_free_energy(n_beta) - second.excess_free_energy(n_beta)

    valid = np.isfinite(difference(grid))
    return tuple(float(np.exp(x)) for x in _roots(lambda x: float(difference(x)), grid[valid], difference(grid[valid])))


@checked_arguments
def lambert_crossover(loss_gap: float, coefficient_gap: float, constant_gap: float) -> tuple[float, ...]:
    """Positive roots x of loss_gap x + coefficient_gap log x + constant_gap = 0, in rising order.

    By the two real branches of Lambert's W, [eq:crossover] and [eq:crossover-principal]; without one of the first two
    terms the equation is elementary.
    """
    if coefficient_gap == 0:
        root = -constant_gap / loss_gap if loss_gap else -1.0
        return (root,) if root > 0 else ()
    if loss_gap == 0:
        return (float(np.exp(-constant_gap / coefficient_gap)),)
    gaps = {
        "loss_difference": loss_gap, "learning_coefficient_difference": coefficient_gap,
        "free_energy_constant_difference": constant_gap,
    }  # fmt: skip
    roots = {law(label)(**gaps) for label in ("crossover", "crossover-principal")}
    return tuple(sorted(root for root in roots if root > 0))  # NaN where a branch is not real


@checked_arguments
def loss_gap_boundary(potential: Potential, phase_a: str | int, phase_b: str | int, n_beta: ArrayLike) -> xr.Dataset:
    """Loss that has to be added to phase b for the two phases to be equal, at each temperature.

    δ(T) = T (F_a - F_b): on one side of this curve in the plane of temperature and loss gap phase a is preferred, on
    the other phase b.

    Parameters
    ----------
    potential, phase_a, phase_b
        As for :func:`crossover`.
    n_beta
        Inverse temperatures, a number or shape (temperatures,).

    Returns
    -------
    xarray.Dataset
        Dimension n_beta: ``exact``, ``asymptotic`` (from the phases' losses, learning coefficients, multiplicities
        and constants; NaN where its logarithms do not exist), ``error_estimate`` of the exact one, in units of loss.
        The crossovers of the potential as it is are the zeros of ``exact``.

    Raises
    ------
    ValueError
        As :func:`crossover`.
    """
    a, b = _two_phases(potential, phase_a, phase_b)
    values = checked_n_beta(n_beta)
    difference, error = _difference(potential, a, b, values)
    first, second = phase_asymptotics(potential, a), phase_asymptotics(potential, b)
    excess = first.excess_free_energy(values) - second.excess_free_energy(values)
    losses = {
        "exact": difference / values, "asymptotic": _loss_gap(potential, a, b) + excess / values,
        "error_estimate": error / values, "temperature": 1 / values,
    }  # fmt: skip
    return xr.Dataset(
        {name: ("n_beta", loss, {"units": "loss"}) for name, loss in losses.items()},
        coords={"n_beta": ("n_beta", values, {"units": "1/loss"})},
        attrs={"potential": potential.name, "phase_a": potential.phases[a].name, "phase_b": potential.phases[b].name},
    )


@checked_arguments
def learning_coefficient_by_quadrature(
    potential: Potential, phase: str | int, n_beta: ArrayLike | None = None
) -> LearningCoefficientEstimate:
    """Learning coefficient of a phase from the slope of its exact free energy, given its multiplicity m.

    On m + 1 points in geometric progression of n_beta, ∫ exp(-n_beta (L - L_α)) times n_beta^λ is a polynomial of
    degree m - 1 in log n_beta, so its m-th difference vanishes: an equation for λ, polynomial in (ratio)^λ, whose
    largest root is the one sought. For m = 1 that is the plain slope. Successive windows are extrapolated.

    Parameters
    ----------
    potential, phase
        As for :func:`slt_toys.exact.equilibrium.free_energy`.
    n_beta
        Geometric progression of at least m + 3 values; by default from 1e5 to 1e8 of the energy's own unit of 1/loss.

    Raises
    ------
    ValueError
        As :func:`slt_toys.exact.equilibrium.phase_table`, or too few or unevenly spaced n_beta.
    """
    number = potential.phase_number(phase)
    multiplicity = potential.phases[number].multiplicity
    usual = np.geomspace(*SLOPE_N_BETA, multiplicity + 6) / loss_unit(potential)
    values = checked_n_beta(usual if n_beta is None else n_beta)
    steps = np.diff(np.log(values))
    if values.size < multiplicity + 3 or not np.allclose(steps, steps[0], rtol=1e-6, atol=0) or steps[0] <= 0:
        raise ValueError(
            f"n_beta must be a rising geometric progression of at least {multiplicity + 3} values "
            f"(multiplicity + 3), such as numpy.geomspace(1e5, 1e8, {multiplicity + 6}), not {values}"
        )
    (part,) = phase_moments(potential, values, [number])
    logs = part.moments.log_integral
    signs = np.array([(-1) ** j * comb(multiplicity, j) for j in range(multiplicity + 1)])
    local = []
    for first in range(values.size - multiplicity):
        window = logs[first : first + multiplicity + 1]
        roots = np.roots((signs * np.exp(window - window[0]))[::-1])
        real = roots[np.abs(roots.imag) <= 1e-6 * np.abs(roots)].real
        local.append(np.log(real.max()) / steps[0] if (real > 0).any() else np.nan)
    estimates = np.array(local)
    estimate = _extrapolated(estimates)
    rounding = (part.moments.error.max() + 1e-15) * 2**multiplicity / steps[0]
    error = abs(estimate - estimates[-1]) + abs(estimates[-1] - estimates[-2]) + rounding
    return LearningCoefficientEstimate(estimate, float(error), tuple(map(float, values)), tuple(map(float, estimates)))
