"""What ends a critical period? ``python -m slt_toys.critical_period`` runs arms that tell temperature from its rivals.

On any pair of potentials, exactly and sampled, and in six simulated worlds with different truths. For the pair, each
hypothesis is fitted to the control run alone and predicts the end in the other arms; how often mixtures of temperature
with something else would be refuted is measured; then come shifts in mid-training other than one sudden switch.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq

from .fits.ends import CriticalPeriodEnd, Definition
from .fits.resampling import end_with_interval, resample_counts
from .potentials.catalogue import find_pair
from .potentials.potential import Potential, PotentialPair, mirrored_pair
from .protocol.arms import ARMS, CONTROL
from .protocol.exact import exact_shifts, exact_stuck_in_arm
from .protocol.sampled import sampled_shifts
from .protocol.shifts import Shift, Sudden, shift_catalogue, three_phase_pair, windows_by_onset
from .protocol.training import ExponentialDecay, Training
from .reports.critical_period import print_report, record_of
from .reports.critical_period_findings import CONFIDENCE, Findings, dataset_of
from .reports.critical_period_tables import readme_tables
from .results.marked_text import write_tables
from .results.progress import command_line, progress
from .results.records import manifest, writable_folder, write_dataset, write_figure, write_json, written_together
from .worlds.experiment import Experiment, carry_out
from .worlds.hypotheses import HYPOTHESES
from .worlds.verdict_power import Power, mixtures, power, scaled_energies
from .worlds.world import WORLDS, World, thermal_two_phase

Array = NDArray[np.float64]
NAME = "critical_period"
DEFAULT_PAIR = "regular_double_well"
USUAL_TEMPERATURE = 0.6
MIDDLE = (0.1, 0.7)  # where the control's end may lie among the switch epochs, as a share of the last
AIM = 0.35
COARSE_CELLS = {1: 160, 2: 28}  # by coordinates, for the search of a temperature
FEWEST_SWITCHES = 6
PORTIONS = (0.05, 0.1, 0.2, 0.4)  # of the runs, for another mechanism than temperature
HIGHER = 1.25  # energies in arms with another batch size, over those of the control


@dataclass(frozen=True)
class CriticalPeriod:
    """Run the critical period in every experimental arm, and say which hypothesis about its end survives.

    The control is SGD with learning rate η₀γ^e; its temperature is that of its noise. A run is stuck if it ends in the
    phase that the deficit prefers.

    Attributes
    ----------
    pair
        Deficit and clean potential: a name of the catalogue.
    clean
        In its place, a clean potential of your own, such as "(w**2-1)**2 - 0.2*w".
    deficit
        The deficit that goes with ``clean``. Default: its mirror image, in one coordinate.
    temperature
        Of the control's first epoch, in units of loss. Default: 0.6 if the control's critical period then ends well
        within the switch epochs, else one at which it does.
    batch_size
        Of the control.
    learning_rate
        Of the control's first epoch.
    decay
        Factor of the learning rate per epoch, between 0 and 1.
    dataset_size
        Examples in an epoch.
    switch_epochs
        In epochs of the control, increasing, at least six.
    epochs_after
        Clean epochs after the switch.
    level
        Stuck share that marks the end of the critical period.
    runs
        For each arm and switch epoch.
    world_runs
        Likewise, in the six worlds.
    power_seeds
        Sets of counts judged for each mixture of temperature with something else; 0 leaves this out.
    shift_length
        Epochs of the deficit in the shifts in mid-training; a multiple of 4.
    shift_runs
        Sampled runs for each shift.
    seed
        Same seed, same result, on any number of threads.
    out
        Folder for critical_period.png, .svg, .nc and .json.
    write_readme
        Put the tables between this file's markers.
    """

    pair: str = DEFAULT_PAIR
    clean: str | None = None
    deficit: str | None = None
    temperature: float | None = None
    batch_size: int = 128
    learning_rate: float = 0.05
    decay: float = 0.97
    dataset_size: int = 50_000
    switch_epochs: tuple[int, ...] = tuple(range(0, 101, 5))
    epochs_after: int = 100
    level: float = 0.5
    runs: int = 400
    world_runs: int = 60
    power_seeds: int = 5
    shift_length: int = 40
    shift_runs: int = 2000
    seed: int = 0
    out: Path = Path("results")
    write_readme: Path | None = None

    def __post_init__(self) -> None:
        for option, value, least in (
            ("--runs", self.runs, 20),
            ("--world-runs", self.world_runs, 20),
            ("--power-seeds", self.power_seeds, 0),
            ("--shift-runs", self.shift_runs, 100),
            ("--batch-size", self.batch_size, 1),
            ("--epochs-after", self.epochs_after, 1),
            ("--seed", self.seed, 0),
        ):
            if value < least:
                raise ValueError(f"{option} must be at least {least}, not {value}")
        if self.temperature is not None and not (np.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"--temperature must be positive and finite, not {self.temperature}")
        if not 0 < self.level < 1:
            raise ValueError(f"--level must lie strictly between 0 and 1, not {self.level}")
        switches = self.switch_epochs
        if len(switches) < FEWEST_SWITCHES or switches[0] < 0 or (np.diff(switches) <= 0).any():
            raise ValueError(
                f"--switch-epochs must be at least {FEWEST_SWITCHES} increasing numbers from 0 on, not {switches}"
            )
        if self.clean is None and self.deficit is not None:
            raise ValueError("--deficit needs --clean; a pair of the catalogue has its own")
        if self.clean is not None and self.pair != DEFAULT_PAIR:
            raise ValueError("--pair and --clean exclude each other; give one of them")
        shift_catalogue(self.shift_length)
        self.training(USUAL_TEMPERATURE)

    def training(self, temperature: float) -> Training:
        """The control run; the variance of its gradients follows from its first temperature [eq:sgd-temperature]."""
        variance = 2 * temperature * self.batch_size / self.learning_rate if self.learning_rate > 0 else 1.0
        schedule = ExponentialDecay(self.learning_rate, self.decay)
        return Training(self.batch_size, self.dataset_size, schedule, variance)

    def potentials(self) -> PotentialPair:
        """The pair.

        Raises
        ------
        ValueError
            In one line, when it cannot be read, derived or paired, or the clean data prefer what the deficit does.
        """
        if self.clean is None:
            pair = find_pair(self.pair, "--pair")
        else:
            clean = Potential.from_expression(self.clean, argument="--clean")
            if self.deficit is None:
                pair = mirrored_pair(clean)
            else:
                deficit = Potential.from_expression(self.deficit, argument="--deficit")
                lowest = min(deficit.phases, key=lambda phase: deficit.minimum_loss(phase.name)).name
                pair = PotentialPair(clean.name, deficit, clean, lowest)
        losses = {phase.name: pair.clean.minimum_loss(phase.name) for phase in pair.clean.phases}
        if losses[pair.stuck_phase] <= min(loss for name, loss in losses.items() if name != pair.stuck_phase):
            raise ValueError(
                f"--deficit: the clean potential prefers phase {pair.stuck_phase!r} just as the deficit does, so "
                "nothing can get stuck; give a deficit that prefers another phase"
            )
        return pair

    def run(self) -> tuple[xr.Dataset, Findings]:
        """Carry everything out; the dataset is what the figure shows, the findings what the record says."""
        pair = self.potentials()
        with progress("temperature", None):
            temperature = self.temperature or self._temperature(pair)
        training = self.training(temperature)
        world = thermal_two_phase(pair, training, self.switch_epochs, self.epochs_after, self.level)
        seeds = [int(word) for word in np.random.SeedSequence([self.seed]).generate_state(6)]
        with progress(f"arms of {pair.name}", 1.0) as advance:
            experiment = carry_out(world, runs=self.runs, seed=seeds[0], advance=advance)
        as_sgd = self._control_as_sgd(world, seeds[4]) if world.makes_steps else None
        exact = self._exact(pair, experiment)
        tested = self._power(pair, experiment, exact, seeds[5])
        others = [make() for make in WORLDS]
        worlds: list[Experiment] = []
        with progress("worlds", len(others)) as advance:
            for other in others:
                worlds.append(carry_out(other, runs=self.world_runs, seed=seeds[1]))
                advance()
        named = dict(shift_catalogue(self.shift_length))
        windows = windows_by_onset(self.shift_length // 2, range(0, 3 * self.shift_length, self.shift_length // 4))
        onsets = {f"window at {window.onset_epoch}": window for window in windows}
        shifts = self._shifts(pair, training, {"none": Sudden(0), **named, **onsets}, seeds[2])
        three = self._shifts(
            three_phase_pair(), self.training(USUAL_TEMPERATURE), {"none": Sudden(0), **named}, seeds[3]
        )
        findings = Findings(
            pair, temperature, experiment, exact, as_sgd, tested, tuple(worlds), shifts, three, tuple(windows)
        )
        dataset = dataset_of(findings)
        dataset.attrs |= {
            "runs": self.runs, "world_runs": self.world_runs, "shift_runs": self.shift_runs, "seed": self.seed,
            "power_seeds": self.power_seeds,
            "shift_length": self.shift_length, "epochs_after": self.epochs_after, "decay": self.decay,
        }  # fmt: skip
        return dataset, findings

    def _control_as_sgd(self, world: World, seed: int) -> CriticalPeriodEnd:
        """End of the control run as SGD's own steps, with replacement: the control of the reshuffled arm."""
        steps, counts = round(self.dataset_size / self.batch_size), []
        for switch in self.switch_epochs:
            schedule = replace(CONTROL.schedule(world.training, switch, self.epochs_after), steps_per_epoch=steps)
            counts.append(int(world.run(schedule, self.runs, [seed, switch])[0].sum()))
        curves = resample_counts(counts, self.runs, seed=[seed])
        definition = Definition("half_stuck_mass", self.level)
        return end_with_interval(
            self.switch_epochs, np.array(counts) / self.runs, curves, definition, confidence=CONFIDENCE
        )

    def _exact(self, pair: PotentialPair, experiment: Experiment) -> Array:
        """Exact stuck shares of the unlike arms; not a number for those that the equation does not cover."""
        arms = [row.arm for row in experiment.rows]
        exact = np.full((len(arms), len(self.switch_epochs)), np.nan)
        with progress("exact arms", len(arms)) as advance:
            for row, arm in enumerate(arms):
                if arm not in experiment.beyond:
                    own = [each.schedule for each in experiment.observations if each.arm == arm]
                    exact[row] = exact_stuck_in_arm(pair, own)
                advance()
        return exact

    def _power(self, pair: PotentialPair, experiment: Experiment, exact: Array, seed: int) -> tuple[Power, ...]:
        """What the verdict makes of mixtures, and of energies that are higher in arms with another batch size."""
        if not self.power_seeds:
            return ()
        cells = experiment.verdict.observations
        shares = exact[np.isfinite(exact).all(axis=1)].ravel()
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
        with progress("power of the verdict", len(worlds) * self.power_seeds) as advance:
            return power(cells, worlds, seeds=self.power_seeds, seed=seed, advance=advance)

    def _temperature(self, pair: PotentialPair) -> float:
        """0.6, or where the control's end lies well within the switch epochs; 0.6 again if there is no such place."""
        last = self.switch_epochs[-1]
        cells = COARSE_CELLS[min(2, max(len(group) for group in pair.clean.components()))]

        def missing(log_temperature: float, share: float) -> float:
            run = CONTROL.schedule(
                self.training(float(np.exp(log_temperature))), round(share * last), self.epochs_after
            )
            return float(exact_stuck_in_arm(pair, [run], cells)[0]) - self.level

        usual = float(np.log(USUAL_TEMPERATURE))
        if missing(usual, MIDDLE[0]) < 0 < missing(usual, MIDDLE[1]):
            return USUAL_TEMPERATURE
        grid = usual + np.log(2.0) * np.arange(-8, 6)
        values = [missing(float(at), AIM) for at in grid]
        for low, high in zip(range(len(grid)), range(1, len(grid)), strict=False):
            if values[low] > 0 > values[high]:
                found = brentq(missing, float(grid[low]), float(grid[high]), args=(AIM,), xtol=0.02)
                return float(f"{np.exp(float(found)):.3g}")  # type: ignore[arg-type]
        return USUAL_TEMPERATURE

    def _shifts(self, pair: PotentialPair, training: Training, shifts: dict[str, Shift], seed: int) -> xr.Dataset:
        """Stuck shares and masses of phases at the end, exact and sampled."""
        epochs = max(shift.end_epoch for shift in shifts.values()) + self.epochs_after
        exact = exact_shifts(pair, training, shifts, epochs).isel(epoch=-1)
        with progress(f"shifts of {pair.name}", 1.0) as advance:
            sampled = sampled_shifts(
                pair, training, shifts, epochs, chains=self.shift_runs, seed=seed, advance=advance
            ).isel(epoch=-1)
        return xr.Dataset(
            {"exact": exact["occupancy"], "sampled": sampled["occupancy"], "error": sampled["standard_error"]}
        ).drop_vars("epoch")


def main(config: CriticalPeriod) -> None:
    """Run, print the tables, and write the four files."""
    began = time.perf_counter()
    folder = writable_folder(config.out, argument="--out")
    dataset, findings = config.run()
    from figures.critical_period import draw

    with written_together():
        with progress("figure", None):
            files = {f"{NAME}.nc": write_dataset(dataset, folder / f"{NAME}.nc")}
            files |= write_figure(draw(dataset), folder / NAME, ("png", "svg"))
        record = record_of(findings) | {
            "manifest": manifest(config, config.seed, time.perf_counter() - began, files=files),
        }
        write_json(record, folder / f"{NAME}.json", not_finite="null")
    print_report(record, folder / NAME)
    if config.write_readme is not None:
        write_tables(config.write_readme, readme_tables(record))


if __name__ == "__main__":
    sys.exit(command_line(CriticalPeriod, main))
