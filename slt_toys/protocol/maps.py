"""Which of two phases the tempered posterior prefers, over temperature and loss gap: exact, asymptotic and sampled.

And what the two energies look like around their minima.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..exact.fokker_planck import fokker_planck, grid_for, relaxation_time
from ..exact.phase_boundaries import loss_gap_boundary
from ..exact.turned import laid
from ..potentials.potential import Potential, PotentialPair
from ..results.background import Beside, at_once
from ..samplers import OverdampedLangevin, Stage, sample_stages
from .sampled import resolved_step

RELAXATION_TIMES = 12.0  # after which a chain has forgotten its start (e^-12)
MOST_STEPS = 60_000  # to spend on a chain
SCHEME = "heun"
MAP_SHARE = 0.1  # of the work of sampling, in finding for how long


BEYOND = 0.6  # of the widest distance between minima, shown beyond them
POINTS = {1: 401, 2: 121}  # along each coordinate of one or two


def energy_map(pair: PotentialPair) -> xr.Dataset:
    """Both energies around all their minima, as far as they can be drawn.

    Returns
    -------
    xarray.Dataset
        ``landscape`` (role, landscape_x) or (role, landscape_x, landscape_y), in units of loss; empty for more than two
        coordinates. Roles are the deficit and the clean energy.
    """
    both, dimension = (pair.deficit, pair.clean), pair.clean.dimension
    if dimension not in POINTS:
        return xr.Dataset()
    minima = np.array([p.minimum_point(phase.name) for p in both for phase in p.phases], dtype=float)
    margin = BEYOND * float(np.ptp(minima, axis=0).max())
    walls = np.array(pair.clean.box, dtype=float)
    low, high = np.maximum(minima.min(0) - margin, walls[:, 0]), np.minimum(minima.max(0) + margin, walls[:, 1])
    if pair.clean.boundary == "periodic":  # all the way around
        low, high = walls.T
    axes = [np.linspace(*ends, POINTS[dimension]) for ends in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    names = ("landscape_x", "landscape_y")[:dimension]
    return xr.Dataset(
        {"landscape": (("role", *names), np.stack([p.energy_function()(points) for p in both]))},
        {"role": ["deficit", "clean"], **dict(zip(names, axes, strict=True))},
        {"coordinate_names": [w.name for w in pair.clean.coordinates]},
    )


def relaxation_times(
    potential: Potential, temperatures: NDArray[np.float64], advance: Callable[[float], None] | None = None
) -> NDArray[np.float64]:
    """Langevin time in which a sampler forgets its phase, 1 / spectral gap of the slowest component: shape (n,).

    The potential has one or two coordinates, or is separable into such components; temperatures (n,) are in units of
    loss. ``advance`` is called with the fraction of the work done since the last call.
    """
    slowest, count = np.zeros(len(temperatures)), len(potential.components())
    for number in range(count):
        part, cells = potential.component(number), None
        if part.dimension == 2:
            found = laid((part,), temperatures)
            (part,), cells = found.potentials, found.cells
        process = fokker_planck(part, grid_for((part,), temperatures, cells))
        process.check_walls(float(np.max(temperatures)))  # walls that hold at the hottest hold at all
        for i, temperature in enumerate(temperatures):
            slowest[i] = max(slowest[i], relaxation_time(process, float(temperature)))
            if advance is not None:
                advance(1 / (count * len(temperatures)))
    return slowest


def equilibrium_map(
    pair: PotentialPair, preferred_phase: str, temperatures: NDArray[np.float64], *, chains: int, seed: int,
    samples: int = 7, threads: int | None = None, advance: Callable[[float], None] | None = None,
) -> xr.Dataset:  # fmt: skip
    """Phase boundary of the clean potential in the plane of temperature and loss gap.

    The loss gap is the stuck phase's loss minus the preferred phase's. It is varied by adding a constant to the loss
    of the stuck phase, which leaves everything else as it is; then the two phases are equally occupied at the gap
    (L_s - L_p) + T (F_p - F_s) [eq:phase-free-energy].

    Parameters
    ----------
    pair, preferred_phase
        The pair, whose clean potential is mapped, and the phase that this one prefers.
    temperatures
        Increasing, in units of loss, shape (n,).
    samples
        How many temperatures to sample at, each with so many ``chains``; those at which chains would not forget their
        start are left out.

    Returns
    -------
    xarray.Dataset
        ``boundary_exact``, ``boundary_asymptotic`` (temperature); ``occupancy`` of the stuck phase among the two
        (temperature, loss_gap); ``boundary_sampled`` with ``_low`` and ``_high``, 95 % (sampled_temperature);
        attributes ``clean_gap`` and ``deficit_gap``.
    """
    return begin_equilibrium_map(
        pair, preferred_phase, temperatures, chains=chains, seed=seed, samples=samples, threads=threads, advance=advance
    )()


def begin_equilibrium_map(
    pair: PotentialPair, preferred_phase: str, temperatures: NDArray[np.float64], *, chains: int, seed: int,
    samples: int = 7, threads: int | None = None, advance: Callable[[float], None] | None = None,
    beside: Beside = at_once,
) -> Callable[[], xr.Dataset]:  # fmt: skip
    """Start the chains of an :func:`equilibrium_map`; what is returned waits for them and gives the map."""
    chosen, drawn = _boundary_chains(pair, temperatures, chains, seed, samples, threads, advance, beside)
    stuck = pair.stuck_phase
    gaps = {
        name: potential.minimum_loss(stuck) - potential.minimum_loss(preferred_phase)
        for name, potential in (("clean", pair.clean), ("deficit", pair.deficit))
    }
    boundary = loss_gap_boundary(pair.clean, preferred_phase, stuck, 1 / temperatures)
    exact, asymptotic = (gaps["clean"] + boundary[name].values for name in ("exact", "asymptotic"))
    reach = 1.15 * max(abs(gaps["clean"]), abs(gaps["deficit"]), float(np.abs(exact).max()))
    loss_gap = np.linspace(-reach, reach, 2 * len(temperatures) + 1)
    odds = (loss_gap[None, :] - exact[:, None]) / temperatures[:, None]

    def finish() -> xr.Dataset:
        sampled = _sampled_boundary(pair, preferred_phase, gaps["clean"], chosen, drawn())
        return xr.Dataset(
            {
                "boundary_exact": ("temperature", exact),
                "boundary_asymptotic": ("temperature", asymptotic),
                "occupancy": (("temperature", "loss_gap"), 1 / (1 + np.exp(np.clip(odds, -700, 700)))),
                "boundary_sampled": ("sampled_temperature", sampled[1]),
                "boundary_sampled_low": ("sampled_temperature", sampled[2]),
                "boundary_sampled_high": ("sampled_temperature", sampled[3]),
            },
            coords={"temperature": temperatures, "loss_gap": loss_gap, "sampled_temperature": sampled[0]},
            attrs={"clean_gap": gaps["clean"], "deficit_gap": gaps["deficit"]},
        )

    return finish


def _boundary_chains(
    pair: PotentialPair, temperatures: NDArray[np.float64], chains: int, seed: int, samples: int,
    threads: int | None, advance: Callable[[float], None] | None, beside: Beside,
) -> tuple[list[float], Callable[[], list[NDArray[np.float64]]]]:  # fmt: skip
    """Temperatures at which chains forget their start, and the states (chains, d) that they end in, once drawn."""
    clean = pair.clean
    chosen = temperatures[np.linspace(0, len(temperatures) - 1, 4 * samples).round().astype(int)]
    sizes = [resolved_step(clean, float(t)) for t in chosen]
    mapped = None if advance is None else lambda fraction: advance(MAP_SHARE * fraction)
    needed = RELAXATION_TIMES * relaxation_times(clean, chosen, mapped) / sizes
    fit = [(t, size, max(int(np.ceil(n)), 100)) for t, size, n in zip(chosen, sizes, needed, strict=True)
           if n <= MOST_STEPS]  # fmt: skip
    fit = [fit[i] for i in np.unique(np.linspace(0, len(fit) - 1, samples).round().astype(int))] if fit else []
    starts = np.resize([clean.minimum_point(i) for i in range(len(clean.phases))], (chains, clean.dimension))
    OverdampedLangevin(1.0, SCHEME).program(clean)

    def draw(told: Callable[[float], None]) -> list[NDArray[np.float64]]:
        return [
            sample_stages(
                [Stage(clean, OverdampedLangevin(size, SCHEME), 1 / temperature, steps)], chains=chains,
                seed=[seed, 2, number], initial=starts, threads=threads,
                advance=lambda fraction: told((1 - MAP_SHARE) * fraction / len(fit)),
            )["w"].values[:, -1]
            for number, (temperature, size, steps) in enumerate(fit)
        ]  # fmt: skip

    return [temperature for temperature, _, _ in fit], beside(draw, advance)


def _sampled_boundary(
    pair: PotentialPair, preferred_phase: str, gap: float, temperatures: list[float], drawn: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Rows temperature, boundary, low, high: δ = T log(N_s / N_p) from the final states of independent chains."""
    clean, rows = pair.clean, []
    for temperature, draws in zip(temperatures, drawn, strict=True):
        index = clean.phase_index(draws)
        counts = [int((index == clean.phase_number(name)).sum()) for name in (pair.stuck_phase, preferred_phase)]
        if min(counts) < 10:  # the interval below is a normal approximation
            continue
        middle = gap + temperature * np.log(counts[0] / counts[1])
        half = 1.96 * temperature * np.sqrt(1 / counts[0] + 1 / counts[1])
        rows.append((temperature, middle, middle - half, middle + half))
    return np.array(rows).T if rows else np.empty((4, 0))
