"""Exact laws of unadjusted schemes at a finite step, from their transition kernels on a grid: no sampling in it.

Overdamped schemes in one coordinate: a matrix of transition densities, whose trapezoidal sums converge faster than any
power of the spacing. Underdamped ones: the density on a grid of positions and momenta, of which A and B are shears
(shifts by Fourier transform) and O is a matrix of normal densities.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.samplers.checks import Array

Function = Callable[[Array], Array]


def normal_density(x: Array, variance: float) -> Array:
    return np.exp(-(x**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


def overdamped_transition(
    gradient: Function, curvature: Function, grid: Array, step: float, temperature: float, scheme: str
) -> Array:
    """Matrix (from, to) of the probabilities of one step on an even grid that holds all the mass.

    Heun's step goes on from Euler's point y to x' = ψ(y) + h ∇L(x) / 2 with ψ(y) = y - h ∇L(y) / 2, so its density is
    that of y over ψ'(y), where ψ rises.
    """
    slope = gradient(grid)
    to = np.broadcast_to(grid, (grid.size, grid.size))
    per_point = np.ones_like(to)
    if scheme == "heun":
        wanted = to - step / 2 * slope[:, None]
        table = np.linspace(grid[0] - 1, grid[-1] + 1, 200_001)
        values = table - step / 2 * gradient(table)
        assert (np.diff(values) > 0).all(), "step too large for this density"
        to = np.interp(wanted, values, table)
        for _ in range(3):
            to = to - (to - step / 2 * gradient(to) - wanted) / (1 - step / 2 * curvature(to))
        within = (wanted > values[0]) & (wanted < values[-1])
        per_point = np.where(within, 1 / (1 - step / 2 * curvature(to)), 0.0)
    mean = grid - step * slope
    matrix = normal_density(to - mean[:, None], 2 * temperature * step) * per_point * (grid[1] - grid[0])
    assert matrix.sum(axis=1).max() < 1 + 1e-9
    return matrix


class PhaseSpace:
    """Density of positions and momenta under a splitting, on even grids that hold all the mass."""

    def __init__(
        self, gradient: Function, positions: Array, momenta: Array, step: float, friction: float, temperature: float,
        splitting: str,
    ) -> None:  # fmt: skip
        self.positions, self.momenta, self.splitting = positions, momenta, splitting
        share = {letter: step / splitting.count(letter) for letter in "ABO"}
        decay = np.exp(-friction * share["O"])
        spacing = momenta[1] - momenta[0]
        self.noise = normal_density(momenta - decay * momenta[:, None], temperature * (1 - decay**2)) * spacing
        frequencies = 2 * np.pi * np.fft.rfftfreq(positions.size, positions[1] - positions[0])
        self.drift = np.exp(-1j * share["A"] * frequencies[:, None] * momenta)
        frequencies = 2 * np.pi * np.fft.rfftfreq(momenta.size, spacing)
        # Beyond the grid's own length a shift would come round again; there is no mass where the force is so large.
        kick = np.clip(share["B"] * gradient(positions), -momenta[-1], momenta[-1])
        self.kick = np.exp(1j * kick[:, None] * frequencies)

    def advanced(self, density: Array) -> Array:
        """Density a step later."""
        for letter in self.splitting:
            if letter == "A":
                density = np.fft.irfft(np.fft.rfft(density, axis=0) * self.drift, len(self.positions), axis=0)
            elif letter == "B":
                density = np.fft.irfft(np.fft.rfft(density, axis=1) * self.kick, len(self.momenta), axis=1)
            else:
                density = density @ self.noise
        return density

    def after(self, density: Array, steps: int) -> Array:
        """Probabilities of the positions some steps later."""
        for _ in range(steps):
            density = self.advanced(density)
        marginal = density.sum(axis=1)
        return marginal / marginal.sum()
