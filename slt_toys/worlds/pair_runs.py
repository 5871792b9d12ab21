"""All that is run on one pair: its arms exactly and as SGD's own steps, mixtures of mechanisms, and other shifts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..potentials.own_units import relative_loss, relative_time
from ..potentials.potential import PotentialPair
from ..protocol.arms import ARMS, CONTROL, Arm
from ..protocol.exact import exact_shifts, exact_stuck_in_arm
from ..protocol.sampled import sampled_shifts
from ..protocol.sgd_pair import NoisyPair
from ..protocol.shifts import Late, Shift, Sudden, shift_catalogue, three_phase_pair, windows_by_onset
from ..protocol.training import Training, in_another_time
from ..results.progress import progress
from .arm_ends import ArmEnd, arm_ends
from .experiment import Experiment, carry_out
from .hypotheses import HYPOTHESES
from .verdict_power import Power, mixtures, power, scaled_energies
from .world import WORLDS, World, thermal_two_phase

Array = NDArray[np.float64]
CONFIDENCE = 0.95
USUAL_TEMPERATURE = 0.6  # in the units of the reference pair
MIDDLE = (0.1, 0.7)  # where the control's end may lie among the switch epochs, as a share of the last
AIM = 0.35
COARSE_CELLS = {1: 160, 2: 28}  # by coordinates, for the search of a temperature
PORTIONS = (0.1, 0.2)  # of the runs, for another mechanism than temperature
HIGHER = 1.25  # energies in arms with another batch size, over those of the control

__all__ = [
    "CONFIDENCE", "MIDDLE", "PORTIONS", "USUAL_TEMPERATURE", "PairStudy", "ShiftStudy", "all_worlds",
    "control_temperature", "counted_arms", "ends_of_arms", "exact_arms",
    "masses_after_shifts", "pair_study", "power_on_pair", "shift_study",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class PairStudy:
    """All that was run on one pair, beside the simulated worlds.

    Attributes
    ----------
    pair, temperature
        The pair, and the first temperature of its control run.
    experiment
        All arms on the pair.
    exact
        Stuck shares of its unlike arms, shape (arms, switch epochs); nan for arms without an exact kernel.
    ends
        Of every arm by kernel, by SGD and in its limit; none where the world does not run SGD's own steps.
    power
        How often mixtures of temperature with something else are refuted.
    worlds
        The same experiment in the simulated worlds; none where they were not asked for.
    shifts
        Runs with other shifts than one switch; None likewise.
    """

    pair: PotentialPair
    temperature: float
    experiment: Experiment
    exact: Array
    ends: Sequence[ArmEnd]
    power: Sequence[Power]
    worlds: Sequence[Experiment]
    shifts: ShiftStudy | None


def pair_study(
    pair: PotentialPair, training_at: Callable[[float], Training], temperature: float | None,
    switch_epochs: Sequence[int], epochs_after: int, level: float, *, runs: int, end_runs: int, world_runs: int,
    shift_runs: int, power_seeds: int, shift_length: int, seed: int, more: bool = True,
) -> PairStudy:  # fmt: skip
    """Run the arms of the pair and, where there is to be more, the worlds and the shifts.

    Parameters
    ----------
    pair, switch_epochs, epochs_after, level
        The experiment.
    training_at, temperature
        The control run by its first temperature, and that one; None for that of `control_temperature`.
    runs, end_runs, world_runs, shift_runs, power_seeds
        For each arm and switch epoch of the pair, about its end, and of the worlds; for each shift and each mixture.
    shift_length
        Epochs of the deficit in the shifts.
    seed
        Of everything.
    more
        Whether to run the worlds and the shifts.
    """
    seeds = [int(word) for word in np.random.SeedSequence([seed]).generate_state(6)]
    protocol = switch_epochs, epochs_after, level
    with progress("temperature", None):
        temperature = temperature or control_temperature(pair, training_at, *protocol)
    world = thermal_two_phase(pair, training_at(temperature), *protocol)
    ends = ends_of_arms(pair, world, end_runs, seeds[4], CONFIDENCE)
    with progress(f"arms of {pair.name}", 1.0) as advance:
        experiment = carry_out(world, counted_arms(world, ends), runs=runs, seed=seeds[0], advance=advance)
    exact = exact_arms(pair, experiment, ends)
    power = power_on_pair(pair, experiment, exact, seeds=power_seeds, seed=seeds[5])
    if not more:
        return PairStudy(pair, temperature, experiment, exact, ends, power, (), None)
    worlds = all_worlds(world_runs, seeds[1], {end.arm for end in ends if end.redundant_with})
    shifts = shift_study(
        pair, training_at, temperature, shift_length, epochs_after, chains=shift_runs, seeds=seeds[2:4]
    )  # fmt: skip
    return PairStudy(pair, temperature, experiment, exact, ends, power, worlds, shifts)


def control_temperature(
    pair: PotentialPair,
    training_at: Callable[[float], Training],
    switch_epochs: Sequence[int],
    epochs_after: int,
    level: float,
) -> float:
    """The usual one, or where the control's end lies well within the switch epochs; else the usual one again.

    The usual one is 0.6 for the reference pair, and as much of the clean energy's own unit of loss for any other.

    Parameters
    ----------
    pair, switch_epochs, epochs_after, level
        The experiment.
    training_at
        The control run by its first temperature.
    """
    last = switch_epochs[-1]
    cells = COARSE_CELLS[min(2, max(len(group) for group in pair.clean.components()))]

    def missing(log_temperature: float, share: float) -> float:
        run = CONTROL.schedule(training_at(float(np.exp(log_temperature))), round(share * last), epochs_after)
        return float(exact_stuck_in_arm(pair, [run], cells)[0]) - level

    usual_temperature = USUAL_TEMPERATURE * relative_loss(pair.clean)
    usual = float(np.log(usual_temperature))
    if missing(usual, MIDDLE[0]) < 0 < missing(usual, MIDDLE[1]):
        return usual_temperature
    grid = usual + np.log(2.0) * np.arange(-8, 6)
    values = [missing(float(at), AIM) for at in grid]
    for low, high in zip(range(len(grid)), range(1, len(grid)), strict=False):
        if values[low] > 0 > values[high]:
            root = brentq(missing, float(grid[low]), float(grid[high]), args=(AIM,), xtol=0.02)
            return usual_temperature * float(f"{np.exp(float(root) - usual):.3g}")  # type: ignore[arg-type]
    return usual_temperature


def ends_of_arms(pair: PotentialPair, world: World, runs: int, seed: int, confidence: float) -> tuple[ArmEnd, ...]:
    """The end in every arm by SGD's exact kernel, by SGD really run and in its limit; none where SGD is unstable."""
    if not world.makes_steps:
        return ()
    training = world.training
    noisy = NoisyPair(pair, training.gradient_variance, float(training.temperatures(1)[0]))
    with progress("arms three ways", len(ARMS)) as advance:
        return arm_ends(
            noisy, training, ARMS, world.switch_epochs, world.epochs_after, world.level, runs=runs, seed=seed,
            confidence=confidence, advance=advance,
        )  # fmt: skip


def counted_arms(world: World, ends: Sequence[ArmEnd]) -> tuple[Arm, ...]:
    """The arms that the world can run, without those that the kernel shows to be another's but for a rounding.

    Arms of one schedule stay: :func:`~slt_toys.protocol.arms.copied_arms` finds them, and their cells are repeats.
    """
    arms = {arm.name: arm for arm in ARMS if world.can_run(arm)}
    variance, names = world.training.gradient_variance, dict(arms)
    for end in ends:
        if end.redundant_with and end.arm in arms:
            own, other = (arms[name].sgd_run(world.training, 1, 1) for name in (end.arm, end.redundant_with))
            told = own.noise_variance(1.01 * variance) / own.noise_variance(variance)
            if abs(told / (other.noise_variance(1.01 * variance) / other.noise_variance(variance)) - 1) > 1e-9:
                names.pop(end.arm)
    return tuple(names.values())


def exact_arms(pair: PotentialPair, experiment: Experiment, ends: Sequence[ArmEnd]) -> Array:
    """Exact stuck shares of the unlike arms by SGD's kernel, shape (arms, switch epochs); not numbers without one.

    In a world that runs the limit of small steps they are those of the Fokker-Planck equation.
    """
    arms = [row.arm for row in experiment.rows]
    exact = np.full((len(arms), len(experiment.world.switch_epochs)), np.nan)
    by_kernel = {end.arm: end.shares for end in ends}
    with progress("exact arms", len(arms)) as advance:
        for row, arm in enumerate(arms):
            if arm in by_kernel:
                exact[row] = by_kernel[arm]
            elif not ends and arm not in experiment.beyond:
                own = [each.schedule for each in experiment.observations if each.arm == arm]
                exact[row] = exact_stuck_in_arm(pair, own)
            advance()
    return exact


def power_on_pair(
    pair: PotentialPair, experiment: Experiment, exact: Array, *, seeds: int, seed: int
) -> tuple[Power, ...]:
    """What the verdict makes of mixtures, and of energies that are higher in arms with another batch size."""
    if not seeds:
        return ()
    cells = experiment.verdict.observations
    judged = {each.arm for each in cells}
    shares = exact[[row.arm in judged for row in experiment.rows]].ravel()
    worlds = {"temperature alone": shares}
    for rival in HYPOTHESES[1:]:
        worlds |= mixtures(cells, shares, rival, PORTIONS)
    changed = [arm.name for arm in ARMS if arm.batch_factor != 1]
    moved = scaled_energies(cells, HIGHER, changed)
    worlds[f"temperature, energies times {HIGHER:g} in arms with another batch size"] = np.concatenate(
        [
            exact_stuck_in_arm(pair, [each.schedule for each in moved if each.arm == arm])
            if arm in changed
            else shares[[each.arm == arm for each in cells]]
            for arm in dict.fromkeys(each.arm for each in cells)
        ]
    )
    with progress("power of the verdict", len(worlds) * seeds) as advance:
        return power(cells, worlds, seeds=seeds, seed=seed, advance=advance)


def all_worlds(runs: int, seed: int, left_out: Collection[str] = ()) -> tuple[Experiment, ...]:
    """The same experiment in every simulated world, without arms of some names."""
    experiments: list[Experiment] = []
    with progress("worlds", len(WORLDS)) as advance:
        for make in WORLDS:
            world = make()
            arms = [arm for arm in ARMS if arm.name not in left_out and world.can_run(arm)]
            experiments.append(carry_out(world, arms, runs=runs, seed=seed))
            advance()
    return tuple(experiments)


@dataclass(frozen=True, eq=False)
class ShiftStudy:
    """Masses of the phases at the end of runs with other shifts than one switch.

    Attributes
    ----------
    pair, three_phases
        ``exact``, ``sampled`` and ``error`` along (shift, phase), for the pair and for three phases.
    windows
        Those shifts of the pair that are windows of one length, by name.
    """

    pair: xr.Dataset
    three_phases: xr.Dataset
    windows: dict[str, Late]


def shift_study(
    pair: PotentialPair,
    training_at: Callable[[float], Training],
    temperature: float,
    length: int,
    epochs_after: int,
    *,
    chains: int,
    seeds: Sequence[int],
) -> ShiftStudy:
    """Run the shifts of the catalogue and windows by onset on a pair, and the catalogue on three phases.

    Parameters
    ----------
    pair, temperature
        The pair, and the first temperature of its control run.
    training_at
        The control run by its first temperature.
    length, epochs_after
        Epochs of the deficit, and of clean data after the last shift is over.
    chains, seeds
        Sampled runs for each shift, and two seeds.
    """
    named: dict[str, Shift] = {"none": Sudden(0), **shift_catalogue(length)}
    onsets = range(0, 3 * length, length // 4)
    windows = {f"window at {window.onset_epoch}": window for window in windows_by_onset(length // 2, onsets)}
    of_pair = masses_after_shifts(
        pair, training_at(temperature), {**named, **windows}, epochs_after, chains=chains, seed=seeds[0]
    )
    # As many of its own units of time in an epoch as the control run has of the pair's.
    training = in_another_time(training_at(USUAL_TEMPERATURE), 1 / relative_time(pair.clean))
    of_three = masses_after_shifts(
        three_phase_pair(), training, named, epochs_after, chains=chains, seed=seeds[1]
    )  # fmt: skip
    return ShiftStudy(of_pair, of_three, windows)


def masses_after_shifts(
    pair: PotentialPair, training: Training, shifts: Mapping[str, Shift], epochs_after: int, *, chains: int, seed: int
) -> xr.Dataset:
    """Masses of the phases so many epochs after the last shift is over, exact and sampled, along (shift, phase)."""
    epochs = max(shift.end_epoch for shift in shifts.values()) + epochs_after
    exact = exact_shifts(pair, training, shifts, epochs).isel(epoch=-1)
    with progress(f"shifts of {pair.name}", 1.0) as advance:
        sampled = sampled_shifts(
            pair, training, shifts, epochs, chains=chains, seed=seed, advance=advance
        ).isel(epoch=-1)  # fmt: skip
    return xr.Dataset(
        {"exact": exact["occupancy"], "sampled": sampled["occupancy"], "error": sampled["standard_error"]}
    ).drop_vars("epoch")
