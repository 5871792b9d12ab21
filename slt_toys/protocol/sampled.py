"""Any schedule sampled: Langevin chains, or SGD's own steps, with one stage for each run of epochs of one energy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..exact.draws import draw_exact
from ..inputs.arguments import checked_arguments
from ..potentials.examples import GaussianGradients
from ..potentials.potential import Potential, PotentialPair
from ..samplers import SGD, OverdampedLangevin, Stage, largest_stable_step, sample_stages
from .components import component_pairs, coordinates_of, preferred_phase, stuck_components
from .exact import FrozenCurve, needed_epochs
from .schedule import SAME, Ending, Schedule, Start, check_start, switch_schedules
from .shifts import Shift, mixture, shift_dataset, shift_schedules
from .training import Training

Array = NDArray[np.float64]
Advance = Callable[[float], None]
Energy = Callable[[float], Potential]  # the potential of a deficit weight
# The Heun step as a share of the largest stable one. At 0.5 the bias of the stuck probability is still below 0.001, the
# sampling error of 400 000 chains.
STEP_SHARE = 0.5
SCHEME = "heun"
BOUNDED = 1.5  # largest curvature over that of the wells, below which wells are what curves most
IN_WELLS = 0.25  # of the share that a step then is: the variance in a well is off by 2 %
MOST_STEPS = 100_000_000  # of a chain
SHORTCUTS = 1e-5  # share of chains that epochs left out may put into another phase


@checked_arguments
def sampled_stuck(
    pair: PotentialPair, training: Training, switch_epochs: Sequence[int] | NDArray[np.int64], ending: Ending, *,
    chains: int, seed: int | Sequence[int] = 0, start: Start = "equilibrium", threads: int | None = None,
    step_share: float = STEP_SHARE, shortcuts: float = SHORTCUTS, advance: Advance | None = None,
) -> Array:  # fmt: skip
    """Whether each chain ends stuck, for each switch epoch.

    One trunk of chains runs in the deficit potential; at each switch epoch its states are forked into the clean one
    with noise of their own. So chains are independent, but the switch epochs of one chain share their past: resample
    chains, not entries (:func:`slt_toys.fits.resampling.resample_chains`).

    Parameters
    ----------
    pair, training, switch_epochs, ending, start
        As in :func:`slt_toys.protocol.exact.exact_stuck_probability`.
    chains
        Number of independent chains.
    seed
        The same seed gives the same result on any number of threads.
    threads
        Defaults to the processors this process may use.
    step_share
        Step of the Heun scheme in units of the largest stable one.
    shortcuts
        Epochs are left out where by the exact law that puts at most this share of the chains of a switch epoch into
        another phase: hot ones, after which a run is in equilibrium whatever it did before (chains then begin there, by
        exact draws), and cold ones, in which no run changes its phase. 0 runs all epochs.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    ndarray
        Shape (chains, len(switch_epochs)): 1 for stuck, 0 for not; for separable pairs the components' stuck share.
    """
    prepared = stuck_chains(pair, training, switch_epochs, ending, chains, seed, start, threads, step_share, shortcuts)
    return prepared.stuck(prepared.final(advance))


@dataclass(frozen=True, eq=False)
class StuckChains:
    """Chains of :func:`sampled_stuck` that are ready to run.

    ``final`` may run in a thread beside other work: it calls no symbolic mathematics, whose precision is one for all
    threads. The rest may not.
    """

    pair: PotentialPair
    runs: Sequence[Schedule]
    steps: NDArray[np.int64]  # of every epoch
    forks: Sequence[int]  # epoch from which each run has chains of its own
    ends: Sequence[int]
    firsts: Sequence[Array | None]  # their states there; None for those of the trunk
    begun: int  # epoch at which the trunk begins
    trunk: Array | None  # its states there
    chains: int
    seeds: Sequence[int]
    threads: int | None

    def _later(self) -> list[int]:
        """Epochs at which chains leave the trunk."""
        return sorted({fork for fork, first in zip(self.forks, self.firsts, strict=True) if first is None})

    def work(self) -> int:
        """How many steps a chain takes, in the trunk and after every switch."""
        later = self._later()
        steps = sum(int(self.steps[fork:end].sum()) for fork, end in zip(self.forks, self.ends, strict=True))
        return steps + (int(self.steps[self.begun : later[-1]].sum()) if later else 0)

    def final(self, advance: Advance | None = None) -> Array:
        """Run: the states at each run's end, (runs, chains, coordinates)."""
        later, work, trunk = self._later(), self.work(), {}
        if self.trunk is not None:
            records = np.cumsum(self.steps[self.begun :])[np.array(later) - self.begun - 1]
            states = self._sampled(self.runs[-1], self.begun, later[-1], self.trunk, 0, records, work, advance)
            trunk = dict(zip(later, states.swapaxes(0, 1), strict=True))
        final = np.empty((len(self.runs), self.chains, self.pair.clean.dimension))
        for row, (run, fork, end, first) in enumerate(zip(self.runs, self.forks, self.ends, self.firsts, strict=True)):
            states = trunk[fork] if first is None else first
            if end > fork:
                states = self._sampled(run, fork, end, states, run.switch_epoch + 1, None, work, advance)[:, -1]
            final[row] = states
        return final

    def stuck(self, final: Array) -> Array:
        """What :func:`sampled_stuck` returns, of what ``final`` did."""
        return np.stack([stuck_components(self.pair, states).mean(axis=0) for states in final], axis=1)

    def _sampled(
        self, run: Schedule, first: int, until: int, initial: Array, fork: int, records: ArrayLike | None, work: float,
        advance: Advance | None,
    ) -> Array:  # fmt: skip
        own = self.steps[first:until]
        return sample_schedule(
            run.part(first, until), pure_energies(self.pair), own, chains=self.chains, seed=[*self.seeds, 1, fork],
            initial=initial, record_steps=records, threads=self.threads, advance=_share(advance, own.sum() / work),
        )  # fmt: skip


def stuck_chains(
    pair: PotentialPair, training: Training, switch_epochs: Sequence[int] | NDArray[np.int64], ending: Ending,
    chains: int, seed: int | Sequence[int], start: Start = "equilibrium", threads: int | None = None,
    step_share: float = STEP_SHARE, shortcuts: float = SHORTCUTS, known: FrozenCurve | None = None,
) -> StuckChains:  # fmt: skip
    """Prepare the chains of :func:`sampled_stuck`, whose parameters these are; ``known`` is an exact curve."""
    if chains < 1:
        raise ValueError(f"chains must be at least 1, not {chains}")
    if not step_share > 0:
        raise ValueError(f"step_share must be positive, not {step_share}")
    last = ending.last_epoch(int(ending.checked(switch_epochs)[-1]))
    temperatures, durations = training.temperatures(last), training.durations(last)
    runs = switch_schedules(temperatures, durations, switch_epochs, ending)
    needed = needed_epochs(pair, runs, start, shortcuts, known)
    runs = [run.part(0, needed.until) for run in runs]
    steps = step_counts(durations, step_limit(pair, temperatures, step_share))
    shared = [first < run.switch_epoch for first, run in zip(needed.begins, runs, strict=True)]
    begun = min((first for first, on in zip(needed.begins, shared, strict=True) if on), default=0)
    forks = [max(first, run.switch_epoch) for first, run in zip(needed.begins, runs, strict=True)]
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    energy = pure_energies(pair)

    def first_states(run: Schedule, at: int, fork: int) -> Array:
        if at == 0:
            return _initial(pair, run, start, energy, chains, [*seeds, 0])
        weight, temperature = float(run.deficit_weights[at - 1]), float(run.temperatures[at - 1])
        return draw_exact(energy(weight), 1 / temperature, chains, [*seeds, 0, fork])

    trunk = first_states(runs[-1], begun, 0) if any(shared) else None
    firsts = [
        None if on else first_states(run, fork, fork + 1) for run, fork, on in zip(runs, forks, shared, strict=True)
    ]
    for potential in (pair.deficit, pair.clean):
        OverdampedLangevin(1.0, SCHEME).program(potential)
    ends = [run.durations.size for run in runs]
    return StuckChains(pair, runs, steps, forks, ends, firsts, begun, trunk, chains, seeds, threads)


@checked_arguments
def sampled_shifts(
    pair: PotentialPair, training: Training, shifts: Mapping[str, Shift], epochs: int, *, chains: int,
    record_epochs: Sequence[int] | NDArray[np.int64] | None = None, seed: int | Sequence[int] = 0,
    start: Start = "equilibrium", threads: int | None = None, step_share: float = STEP_SHARE,
    advance: Advance | None = None,
) -> xr.Dataset:  # fmt: skip
    """Shares of Langevin chains in the phases, with chains of their own for every shift.

    Parameters
    ----------
    pair, training, shifts, epochs, start
        As in :func:`slt_toys.protocol.exact.exact_shifts`.
    chains
        For each shift.
    record_epochs
        Increasing numbers of epochs done, from 1; default: the end only.
    seed, threads, step_share, advance
        As in :func:`sampled_stuck`.

    Returns
    -------
    xarray.Dataset
        ``occupancy`` and ``standard_error`` (shift, epoch, phase), ``deficit_weight`` (shift, epoch) and ``stuck``
        (shift, chain): 1 for stuck at the end, 0 for not; for separable pairs the components' share.
    """
    runs = shift_schedules(training, shifts, epochs)
    records = np.array([epochs]) if record_epochs is None else np.asarray(record_epochs)
    if records.ndim != 1 or not records.size or records[0] < 1 or records[-1] > epochs or (np.diff(records) <= 0).any():
        raise ValueError(f"record_epochs must increase from at least 1 to at most {epochs}, not {records.tolist()}")
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    steps = step_counts(runs[0].durations, step_limit(pair, runs[0].temperatures, step_share))
    parts = component_pairs(pair)
    names = [phase.name for phase in parts[0].clean.phases]
    energy = partial(mixture, pair)
    shares = np.empty((len(shifts), chains, records.size, len(names)))
    for number, run in enumerate(runs):
        draws = sample_schedule(
            run, energy, steps, chains=chains, seed=[*seeds, number, 1],
            initial=_initial(pair, run, start, energy, chains, [*seeds, number, 0]),
            record_steps=np.cumsum(steps)[records - 1], threads=threads, advance=_share(advance, 1 / len(runs)),
        )  # fmt: skip
        shares[number] = _phase_shares(pair, parts, draws, len(names))
    occupancy = shares.mean(axis=1)
    error = np.sqrt(np.maximum(shares.var(axis=1), 1 / chains) / chains)
    stuck = shares[:, :, -1, names.index(parts[0].stuck_phase)]
    dataset = shift_dataset(pair, shifts, runs, records, names, occupancy, stuck=(("shift", "chain"), stuck))
    return dataset.assign(standard_error=(("shift", "epoch", "phase"), error))


# ---- one schedule ---------------------------------------------------------------------------------------------------
def sample_schedule(
    schedule: Schedule, energy: Energy, steps: NDArray[np.int64], *, chains: int, seed: Sequence[int], initial: Array,
    record_steps: ArrayLike | None = None, threads: int | None = None, advance: Advance | None = None,
) -> Array:  # fmt: skip
    """Run chains through a schedule: a stage for each run of epochs of one energy.

    The schedule is run as SGD's own steps where it has some, otherwise by Langevin dynamics, in each epoch with so many
    ``steps``. Other parameters are those of :func:`slt_toys.samplers.sample_stages`.

    Returns
    -------
    ndarray
        States (chains, records, coordinates): those after ``record_steps``, otherwise at the end of each stage.
    """
    turns = [0, *(np.flatnonzero(np.diff(schedule.deficit_weights)) + 1), schedule.durations.size]
    stages = []
    for first, until in pairwise(turns):
        part, own = schedule.part(first, until), steps[first:until]
        potential = energy(float(part.deficit_weights[0]))
        if schedule.steps_per_epoch:
            stages.append(sgd_stage(part, potential))
        else:
            sampler = OverdampedLangevin(np.repeat(part.durations / own, own), SCHEME)
            stages.append(Stage(potential, sampler, np.repeat(1 / part.temperatures, own), int(own.sum())))
    return sample_stages(
        stages, chains=chains, record_steps=record_steps, seed=seed, initial=initial, threads=threads, advance=advance
    )["w"].values


def sgd_stage(schedule: Schedule, potential: Potential) -> Stage:
    """Some epochs of one energy as SGD's own steps, with its flow time and temperature [eq:sgd-temperature].

    Each minibatch counts as one example: the noise of a step has the variance σ²/B = 2 T (1-μ)/η. Reshuffled, the
    noise of the steps of an epoch has the covariance (σ²/B)(δᵢⱼ - 1/M) and sums to zero.

    Raises
    ------
    ValueError
        If temperature over learning rate is not the same in all epochs.
    """
    slowing = 1 - schedule.momentum
    rates = schedule.durations * slowing / schedule.steps_per_epoch
    variances = 2 * schedule.temperatures * slowing / rates
    if np.ptp(variances) > SAME * variances.max():
        raise ValueError("schedule: its gradient noise changes between epochs, which SGD of one stage cannot do")
    order = "reshuffled" if schedule.order == "reshuffled" else "with_replacement"
    target = GaussianGradients(potential, float(variances.mean()), size=schedule.steps_per_epoch)
    steps = np.repeat(rates, schedule.steps_per_epoch)
    return Stage(target, SGD(steps, 1, schedule.momentum, order=order), None, steps.size)


def pure_energies(pair: PotentialPair) -> Energy:
    """The pair's own potentials, for schedules without mixtures."""
    return {1.0: pair.deficit, 0.0: pair.clean}.__getitem__


def step_counts(durations: Array, limits: Array) -> NDArray[np.int64]:
    """Equal steps of each epoch, none larger than its limit.

    Raises
    ------
    ValueError
        In one line, for more steps than can be run.
    """
    counts = np.maximum(1, np.ceil(durations / limits))
    if not counts.sum() <= MOST_STEPS:
        raise ValueError(
            f"learning_rate makes epochs of up to {durations.max():.3g} units of time, {counts.sum():.2g} steps in all "
            f"where at most {MOST_STEPS:g} are run; take a smaller learning rate, fewer examples or larger batches"
        )
    return counts.astype(np.int64)


def step_limit(pair: PotentialPair, temperatures: Array, share: float) -> Array:
    """Largest step for each epoch, interpolated over a few temperatures (it varies slowly)."""
    low, high = temperatures.min(), temperatures.max()
    knots = np.geomspace(low, high * (1 + 1e-9), 6 if high > low else 1)
    limits = [min(resolved_step(p, float(t), share) for p in (pair.deficit, pair.clean)) for t in knots]
    return np.exp(np.interp(np.log(temperatures), np.log(knots), np.log(limits)))


def resolved_step(potential: Potential, temperature: float, share: float = STEP_SHARE) -> float:
    """A share of the largest stable step, or less where the wells themselves are what curves most.

    Energies that grow like a polynomial curve most above their wells, so that a step that is stable there is small in
    the wells. On circles, and where the curvature is bounded, it is not: Heun's variance there is off by a third
    [eq:heun-variance].
    """
    limit = largest_stable_step(potential, temperature)
    wells = np.array([potential.minimum_point(i) for i in range(len(potential.phases))])
    curvature = np.linalg.eigvalsh(potential.hessian_function()(wells))
    steepest = float(curvature.max()) if np.isfinite(curvature).all() else 0.0
    bounded = limit * steepest > 2 / BOUNDED
    return min(share * limit, IN_WELLS * 2 * share / steepest) if bounded else share * limit


def _initial(pair: PotentialPair, run: Schedule, start: str, energy: Energy, chains: int, seed: Sequence[int]) -> Array:
    """Independent draws at epoch 0."""
    check_start(start)
    if start == "equilibrium":
        return draw_exact(energy(run.start_weight), 1 / run.temperatures[0], chains, seed)
    phase = pair.stuck_phase if start == "deficit phase" else preferred_phase(pair)
    return draw_exact(pair.deficit, 1 / run.temperatures[0], chains, seed, phase)


def _share(advance: Advance | None, share: float) -> Advance | None:
    return None if advance is None else lambda fraction: advance(share * fraction)


def _phase_shares(pair: PotentialPair, parts: Sequence[PotentialPair], draws: Array, phases: int) -> Array:
    """Whether each chain is in each phase at each record: (chains, records, phases), a mean over components."""
    shares = np.zeros((*draws.shape[:2], phases))
    for part in parts:
        index = part.clean.phase_index(draws[..., coordinates_of(part, pair)])
        shares += (index[..., None] == np.arange(phases)) / len(parts)
    return shares
