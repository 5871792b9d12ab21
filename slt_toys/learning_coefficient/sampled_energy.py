"""The energy law of a phase by sampling: E_α[n_beta (L - L_α)] from Langevin chains confined to it by the cold.

Every chain starts at the phase's minimum and runs for BURN_IN relaxation times of the Fokker–Planck process within the
phase; then DRAWS states are kept. Chains are independent, so the standard error comes from the chains' means and
holds whatever the correlation along them. The Heun step is so small that its bias, (h·step)²/4 of the energy in a well
of curvature h, stays below BIAS_SHARE of the standard error at the largest curvature that the posterior visits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import eigsh

from ..exact.draws import draw_exact, phase_at
from ..exact.fokker_planck import fokker_planck, grid_for
from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from ..samplers import OverdampedLangevin, Stage, sample_stages

SMALLEST_EFFECTIVE_SAMPLE = 1000
BIAS_SHARE = 0.1
BURN_IN, DRAWS, SPACING = 10, 20, 0.5  # relaxation times, states kept, relaxation times between them
NEGLIGIBLE = 1e-6


@dataclass(frozen=True)
class SampledEnergy:
    """Estimate of E_α[n_beta (L - L_α)] from chains in a phase.

    Attributes
    ----------
    estimate, standard_error
        Over the draws inside the phase; the error from the chains, which are independent.
    effective_sample_size
        Variance of one draw over the squared standard error.
    outside
        Share of the draws that lay outside the phase.
    steps, step_size
        Of each chain; step_size in Langevin time.
    """

    estimate: float
    standard_error: float
    effective_sample_size: float
    outside: float
    steps: int
    step_size: float


@checked_arguments
def relaxation_time_within(potential: Potential, phase: str | int, temperature: float) -> float:
    """Longest relaxation time of Langevin dynamics confined to a phase, by its Fokker–Planck process.

    Jumps out of the phase are left out, which keeps detailed balance, and so are the cells with the last NEGLIGIBLE of
    its mass, where a staircase of cells along the border would be taken for wells. Independent components, of at most
    two coordinates, are taken one by one, and those that the loss does not depend on are left out.
    """
    point = potential.minimum_point(phase)
    longest = 0.0
    for number, group in enumerate(potential.components()):
        part = potential.component(number)
        if not part.bound_energy.free_symbols:
            continue
        grid = grid_for(part, [temperature])
        process = fokker_planck(part, grid)
        inside = np.flatnonzero(part.phase_index(grid.points).ravel() == phase_at(part, point[list(group)]))
        logs = process.log_stationary(temperature).ravel()[inside]
        order = np.argsort(logs)
        mass = np.cumsum(np.exp(logs[order] - logs.max()))
        inside = inside[order[mass > NEGLIGIBLE * mass[-1]]]
        jumps = sparse.csr_array(process.generator(temperature))[inside][:, inside]
        jumps = sparse.csr_array(jumps - sparse.diags_array(jumps.diagonal()))
        leaving = np.asarray(jumps.sum(axis=1)).ravel()
        beside = sparse.csr_array(jumps.multiply(jumps.T))
        beside.data = np.sqrt(beside.data)  # symmetric by detailed balance
        shift = 1e-6 * float(np.median(leaving))
        start = np.random.default_rng(0).random(inside.size)
        symmetric = sparse.csc_array(beside - sparse.diags_array(leaving))
        rates = -np.asarray(eigsh(symmetric, k=2, sigma=shift, v0=start, return_eigenvectors=False))
        longest = max(longest, 1 / max(rates.max(), 1e-300))
    return longest


@checked_arguments
def sample_energy(
    potential: Potential,
    phase: str | int,
    n_beta: float,
    *,
    chains: int = 2048,
    seed: int = 0,
    coarser: float = 1.0,
    advance: Callable[[float], None] | None = None,
) -> SampledEnergy:
    """Estimate E_α[n_beta (L - L_α)] by Langevin chains that start at the phase's minimum.

    Parameters
    ----------
    potential, phase
        Independent components of at most two coordinates.
    n_beta
        Inverse temperature; so large that chains do not leave the phase.
    chains
        Independent, at least 1000.
    seed
        Non-negative.
    coarser
        Multiplies the step, to see its bias.
    advance
        Called with fractions of the work done.

    Raises
    ------
    ValueError
        Fewer chains than the effective sample size demanded, or what the samplers refuse.
    """
    if chains < SMALLEST_EFFECTIVE_SAMPLE:
        raise ValueError(
            f"chains must be at least {SMALLEST_EFFECTIVE_SAMPLE}, the effective sample size demanded, not {chains}"
        )
    number = potential.phase_number(phase)
    name = potential.phases[number].name
    coefficient = float(potential.phases[number].learning_coefficient)
    # An energy that is Gamma(λ) distributed has the relative standard error 1/√(λ·size).
    expected = 1 / np.sqrt(coefficient * chains * DRAWS)
    step = coarser * np.sqrt(4 * BIAS_SHARE * expected) / largest_curvature(potential, n_beta, number)
    spacing = SPACING * relaxation_time_within(potential, number, 1 / n_beta) / step
    records = np.ceil(spacing * (BURN_IN / SPACING + np.arange(1, DRAWS + 1))).astype(np.int64) + np.arange(DRAWS)
    stage = Stage(potential, OverdampedLangevin(step, "heun"), n_beta, int(records[-1]))
    draws = sample_stages(
        [stage], chains=chains, record_steps=records, initial=name, advance=advance,
        seed=(seed, *f"{potential.name} {name}".encode()),  # phases that shared their noise would err together
    )["w"].values  # fmt: skip
    inside = potential.phase_index(draws) == number
    energy = np.where(inside, n_beta * (potential.energy_function()(draws) - potential.minimum_loss(number)), 0.0)
    mean = energy.sum() / inside.sum()
    residual = np.where(inside, energy - mean, 0.0)
    error = np.sqrt((residual.sum(axis=1) ** 2).sum()) / inside.sum()
    size = (residual**2).sum() / inside.sum() / error**2
    return SampledEnergy(
        float(mean), float(error), float(size), float(1 - inside.mean()), int(records[-1]), float(step)
    )


def largest_curvature(potential: Potential, n_beta: float, phase: int) -> float:
    """Of the energy, over exact draws from the phase; independent components are looked at one by one."""
    point = potential.minimum_point(phase)
    largest = 0.0
    for number, group in enumerate(potential.components()):
        part = potential.component(number)
        if part.bound_energy.free_symbols:
            draws = draw_exact(part, n_beta, 5000, number, phase_at(part, point[list(group)]))
            largest = max(largest, float(np.abs(np.linalg.eigvalsh(part.hessian_function()(draws))).max()))
    return largest
