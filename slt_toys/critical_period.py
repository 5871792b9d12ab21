"""What ends a critical period? ``python -m slt_toys.critical_period`` runs arms that tell temperature from its rivals.

On any pair of potentials, exactly and sampled, and in six simulated worlds with different truths; then come shifts in
mid-training other than one sudden switch.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from .potentials.energy_options import EnergyOptions
from .results.claims import Outcome
from .results.recipe import at_least, main, positive

if TYPE_CHECKING:
    import xarray as xr

    from .potentials.potential import PotentialPair
    from .protocol.training import Training

DEFAULT_PAIR = "regular_double_well"
FEWEST_SWITCHES = 6


@dataclass(frozen=True, kw_only=True)
class CriticalPeriod(EnergyOptions):
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
        Of the control's first epoch, in units of loss. Default: 0.52 of the scale of the clean energy, 0.6 for the
        default pair, if the control's critical period then ends well within the switch epochs; else one at which it
        does.
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
    end_runs
        Of SGD at each of two switch epochs about an arm's exact end.
    world_runs
        For each arm and switch epoch in the six worlds.
    power_seeds
        Sets of counts judged for each mixture of temperature with something else; 0 leaves this out.
    shift_length
        Epochs of the deficit in the shifts in mid-training; a multiple of 4.
    shift_runs
        Sampled runs for each shift.
    published
        Beside a clean potential of your own, run the worlds and the shifts, and ask the published estimates as well; a
        pair of the catalogue always does.
    """

    NAME: ClassVar[str] = "critical_period"

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
    runs: int = 250
    end_runs: int = 4000
    world_runs: int = 45
    power_seeds: int = 3
    shift_length: int = 40
    shift_runs: int = 2000
    published: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        least = {"runs": 20, "end_runs": 20, "world_runs": 20, "shift_runs": 100, "batch_size": 1, "epochs_after": 1}
        at_least(self, **least, power_seeds=0, seed=0)
        if self.temperature is not None:
            positive(self, "temperature")
        if not 0 < self.level < 1:
            raise ValueError(f"--level must lie strictly between 0 and 1, not {self.level}")
        switches = self.switch_epochs
        if len(switches) < FEWEST_SWITCHES or switches[0] < 0 or any(b <= a for a, b in pairwise(switches)):
            told = f"at least {FEWEST_SWITCHES} increasing numbers from 0 on"
            raise ValueError(f"--switch-epochs must be {told}, not {switches}")
        if self.shift_length < 4 or self.shift_length % 4:
            raise ValueError(f"--shift-length must be a positive multiple of 4 epochs, not {self.shift_length}")
        if self.clean is None and self.deficit is not None:
            raise ValueError("--deficit needs --clean; a pair of the catalogue has its own")
        if self.clean is not None and self.pair != DEFAULT_PAIR:
            raise ValueError("--pair and --clean exclude each other; give one of them")

    def training(self, temperature: float) -> Training:
        """The control run; the variance of its gradients follows from its first temperature [eq:sgd-temperature]."""
        from .protocol.training import ExponentialDecay, Training

        rates = ExponentialDecay(self.learning_rate, self.decay)
        variance = 2 * temperature * self.batch_size / self.learning_rate
        return Training(self.batch_size, self.dataset_size, rates, variance)

    def potentials(self) -> PotentialPair:
        """The pair; `ValueError` in one line when it cannot be read or paired, or both prefer the same phase."""
        from .potentials.from_text import read_pair

        own = self.own_energy(self.clean, "--clean")
        if self.clean is None:
            return read_pair(self.pair, option="--pair")
        if own.boundary == "periodic":
            raise ValueError(
                "--boundary periodic: SGD's steps have no exact kernel on a circle; ask phase_diagram there"
            )
        return read_pair(self.clean, self.deficit, own, option="--clean")

    @property
    def asks_more(self) -> bool:
        """Whether worlds, shifts and published estimates are asked: beside a potential of one's own only if said."""
        return self.published or self.clean is None

    def run(self) -> xr.Dataset:
        """Run the arms of the pair and, where they are asked for, the worlds and the shifts."""
        from .potentials.own_units import check_not_too_hot
        from .reports.critical_period import dataset
        from .worlds.pair_runs import pair_study
        from .worlds.pair_shares import shares_on_pair
        from .worlds.window_study import window_study

        self.training(1.0)  # refuses its options before any work
        names = ("runs", "end_runs", "world_runs", "shift_runs", "power_seeds", "shift_length")
        counts = {name: getattr(self, name) for name in names}
        pair = self.potentials()
        if self.temperature is not None:
            check_not_too_hot(self.temperature, pair.clean, "--temperature")
        asked = self.temperature, self.switch_epochs, self.epochs_after, self.level
        study = pair_study(pair, self.training, *asked, **counts, seed=self.seed, more=self.asks_more)
        verdicts = shares_on_pair(study.pair, study.experiment, study.exact, seed=self.seed)
        data = dataset(study, verdicts)
        if self.asks_more:
            data = data.merge(window_study())
        return data.assign_attrs(counts, epochs_after=self.epochs_after, decay=self.decay, seed=self.seed)

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims and tables."""
        from .reports.critical_period import TITLE, claims, introduction, tables

        return Outcome(TITLE, introduction(dataset), claims(dataset), tables(dataset))

    def figures(self, dataset: xr.Dataset) -> dict[str, Any]:
        """Four of them; one without the worlds and the shifts."""
        from figures.critical_period import draw

        return draw(dataset)


if __name__ == "__main__":
    sys.exit(main(CriticalPeriod))
