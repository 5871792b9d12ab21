"""A pair of potentials under SGD with Gaussian gradient noise: really run, and by the exact kernel of its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..exact.draws import draw_exact
from ..exact.sgd_epoch import SGDEpoch
from ..exact.sgd_plane import PlaneEpoch
from ..exact.sgd_plane_stuck import borders_in_plane, shares_in_plane
from ..exact.sgd_stuck import KernelShares, borders_of, shares_by_kernel
from ..inputs.arguments import check_fields
from ..potentials.examples import Dependence, GaussianGradients
from ..potentials.potential import Potential, PotentialPair
from ..samplers import SGD, Stage, sample_stages
from .components import component_pairs, coordinates_of, stuck_components
from .sgd_run import SGDRun

Array = NDArray[np.float64]
COSTLY_RESOLUTION = 1.0  # of kernels with a second coordinate: e* differs by .001 epochs from .75
PLANE_RESOLUTIONS = 1.25, 1.0  # of kernels of two coupled coordinates: e* differs by .03 epochs, and by .001 from .75
LOSS_DRAWS = 20_000
LOSS_UNIT = 3.0  # noise that follows the loss is the additive one at so many times the mean loss of the start
LOSS_SHARE = 0.5  # of its variance

__all__ = ["NoisyPair"]


@dataclass(frozen=True, eq=False)
class NoisyPair:
    """A pair with a gradient noise of its own.

    Attributes
    ----------
    pair
    gradient_variance
        σ², of one example's gradient in each coordinate (units (loss/length)²).
    start_temperature
        Runs start in the deficit's equilibrium at it, in every arm (units of loss).
    """

    pair: PotentialPair
    gradient_variance: float
    start_temperature: float

    def __post_init__(self) -> None:
        check_fields(self)

    @cached_property
    def loss_scale(self) -> float:
        """The loss above its least at which noise that follows the loss is as strong as additive noise."""
        deficit = self.pair.deficit
        points = draw_exact(deficit, 1 / self.start_temperature, LOSS_DRAWS, 0)
        least = min(deficit.minimum_loss(k) for k in range(len(deficit.phases)))
        return LOSS_UNIT * float(deficit.energy_function()(points).mean() - least)

    def lacks(self, run: SGDRun) -> str:
        """Why a run cannot be made here; empty where it can."""
        if run.anisotropy != 1 and self.pair.clean.dimension < 2:
            return "it has one coordinate, and anisotropic noise takes two"
        return ""

    def factors(self, run: SGDRun) -> tuple[float, ...]:
        """On the variance of the examples' gradients, by coordinate."""
        return tuple(run.anisotropy if k == 1 else 1.0 for k in range(self.pair.clean.dimension))

    def one_sweep(self, run: SGDRun) -> bool:
        """Whether :meth:`kernel_shares` finds all switch epochs at the price of one."""
        return run.momentum > 0 or run.order == "reshuffled" or self.coupled

    @property
    def coupled(self) -> bool:
        """Whether two of its coordinates are coupled."""
        return any(part.clean.dimension == 2 for part in component_pairs(self.pair))

    def starts(self, chains: int, seed: Sequence[int]) -> Array:
        """Independent weights at epoch 0, shape (chains, coordinates)."""
        return draw_exact(self.pair.deficit, 1 / self.start_temperature, chains, seed)

    def sampled(
        self, run: SGDRun, *, chains: int, seed: Sequence[int], until: int | None = None, threads: int | None = None,
    ) -> tuple[Array, Array]:  # fmt: skip
        """Weights at the switch and at the end, or their mean over the last epochs, each (chains, coordinates).

        Parameters
        ----------
        run
        chains
            Independent runs.
        seed
            The same seed gives the same result on any number of threads.
        until
            Stop after so many epochs.
        threads
            Defaults to the processors this process may use.
        """
        self._check(run)
        epochs = len(run.learning_rates) if until is None else min(until, len(run.learning_rates))
        start, steps = self.starts(chains, [*seed, 0]), run.steps_per_epoch
        turns = [0, *(np.flatnonzero(np.diff(run.deficit_weights[:epochs])) + 1), epochs]
        stages = [self._stage(run, first, last) for first, last in pairwise(turns)]
        averaged = range(max(run.switch_epoch, epochs - run.averaged_epochs + 1), epochs) if run.averaged_epochs else ()
        switch = min(run.switch_epoch, epochs)
        records = sorted({epoch * steps for epoch in (switch, *averaged, epochs) if epoch})
        draws = sample_stages(
            stages, chains=chains, record_steps=records, seed=[*seed, 1], initial=start, threads=threads
        )["w"].values
        last = draws[:, -max(1, len(averaged) + 1) :].mean(axis=1)
        return (draws[:, 0] if switch else start), last

    def stuck(self, run: SGDRun, *, chains: int, seed: Sequence[int], until: int | None = None) -> Array:
        """Whether each run ends stuck; of a separable pair, the share of its components."""
        return stuck_components(self.pair, self.sampled(run, chains=chains, seed=seed, until=until)[1]).mean(axis=0)

    def measured_variance(self, run: SGDRun, points: Array, examples: int, seed: Sequence[int]) -> float:
        """Variance of one example's gradient per coordinate (their mean), from gradients drawn at some weights.

        Parameters
        ----------
        run
            Whose noise is measured, without what the experimenter adds to it.
        points
            Weights (runs, coordinates), those of the run at its switch.
        examples
            Gradients at each.
        seed
            Of numpy's generator.
        """
        potential = self.pair.deficit if run.switch_epoch else self.pair.clean
        spread = np.sqrt(self._variance_at(run, potential, points))
        noise = np.random.default_rng(seed).standard_normal((examples, *points.shape))
        noise = noise * np.sqrt(np.array(self.factors(run)))
        return float((spread[:, None] * noise).var(axis=0, ddof=1).mean())

    def kernel_shares(self, runs: Sequence[SGDRun], *, resolution: float | None = None) -> KernelShares:
        """Exact stuck shares of runs by the transition kernel of their steps; a mean over components.

        Raises
        ------
        ValueError
            For what the kernel cannot do: more than two coupled coordinates, and in two whatever is not drawn with
            replacement, plain and additive; a fixed order, whose data decide; noise that no grid resolves.
        """
        for run in runs:
            self._check(run)
            if run.order == "fixed":
                raise ValueError(
                    "runs: a fixed order repeats every minibatch's noise: given the data a run has no chance left and "
                    f"soon forgets its start, so its share is an integral over {run.steps_per_epoch - 1} normals of "
                    "the data, with no kernel in the weight alone"
                )
        costly = runs[0].momentum > 0 or runs[0].order == "reshuffled"
        chosen = resolution or (COSTLY_RESOLUTION if costly else None)
        found = [
            self._plane_shares(part, runs, resolution)
            if part.clean.dimension == 2
            else self._component_shares(part, runs, chosen)
            for part in component_pairs(self.pair)
        ]
        return _mean(found)

    def _plane_shares(self, part: PotentialPair, runs: Sequence[SGDRun], resolution: float | None) -> KernelShares:
        """Of two coupled coordinates, on two grids unless one is given."""
        plain = all(
            run.momentum == 0 and run.order == "with replacement" and run.noise_law == "additive" for run in runs
        )  # fmt: skip
        if not plain or part.clean.boundary != "natural":
            raise ValueError(
                f"pair {part.name} has two coupled coordinates, whose kernel takes no walls or period, no momentum, no "
                "noise that follows the loss and examples with replacement alone; sample such runs"
            )
        here, energy = coordinates_of(part, self.pair), part.deficit.energy_function()
        lowest = min(part.deficit.minimum_loss(k) for k in range(len(part.deficit.phases)))

        @cache
        def epoch(weight: float, rate: float, steps: int, variances: tuple[float, float]) -> PlaneEpoch:
            return PlaneEpoch(part.deficit if weight else part.clean, rate, steps, variances)

        def epochs(run: SGDRun) -> list[PlaneEpoch]:
            own, added, _ = self._noise(run)
            first, second = (own * self.factors(run)[k] + added**2 for k in here)
            return [
                epoch(weight, rate, run.steps_per_epoch, (first, second))
                for rate, weight in zip(run.learning_rates.tolist(), run.deficit_weights.tolist(), strict=True)
            ]

        def start(points: Array) -> Array:
            return np.exp(-(energy(points) - lowest) / self.start_temperature)

        made, switches = [epochs(run) for run in runs], [run.switch_epoch for run in runs]
        borders = borders_in_plane(part.clean, part.stuck_phase)
        if resolution is not None:
            return shares_in_plane(made, switches, start, borders, resolution=resolution)
        rough, fine = (shares_in_plane(made, switches, start, borders, resolution=each) for each in PLANE_RESOLUTIONS)
        return replace(fine, refined=float(np.abs(fine.shares - rough.shares).max()))

    def _component_shares(self, part: PotentialPair, runs: Sequence[SGDRun], resolution: float | None) -> KernelShares:
        energy, temperature = part.deficit.energy_function(), self.start_temperature

        def start(points: Array) -> Array:
            values = energy(points[:, None])
            return np.exp(-(values - values.min()) / temperature)

        options = {} if resolution is None else {"resolution": resolution}
        make = cache(SGDEpoch)  # runs share most of their epochs
        return shares_by_kernel(
            [self._epochs(part, run, make) for run in runs], [run.switch_epoch for run in runs], start,
            borders_of(part.clean, part.stuck_phase), **options,
        )  # fmt: skip

    def _epochs(self, part: PotentialPair, run: SGDRun, make: Callable[..., SGDEpoch]) -> list[SGDEpoch]:
        own, added, dependence = self._noise(run)
        own *= self.factors(run)[coordinates_of(part, self.pair)[0]]
        return [
            make(
                part.deficit if weight else part.clean, float(rate), run.steps_per_epoch, own, dependence, added,
                run.momentum, run.nesterov, run.order == "reshuffled",
            )
            for rate, weight in zip(run.learning_rates, run.deficit_weights, strict=True)
        ]  # fmt: skip

    def _noise(self, run: SGDRun) -> tuple[float, float, Dependence]:
        """A minibatch's own variance, the standard deviation of independent noise, and on what the former depends."""
        own = self.gradient_variance / run.batch_size
        independent = own * run.label_noise + run.added_noise**2
        if run.noise_law == "loss":
            return own * LOSS_SHARE / self.loss_scale, float(np.sqrt(independent + own * (1 - LOSS_SHARE))), "loss"
        return own, float(np.sqrt(independent)), "additive"

    def _variance_at(self, run: SGDRun, potential: Potential, points: Array) -> Array:
        if run.noise_law == "additive":
            return np.full(len(points), self.gradient_variance)
        least = min(potential.minimum_loss(k) for k in range(len(potential.phases)))
        share = LOSS_SHARE * (potential.energy_function()(points) - least) / self.loss_scale
        return self.gradient_variance * (1 - LOSS_SHARE + share)

    def _stage(self, run: SGDRun, first: int, until: int) -> Stage:
        """Some epochs of one energy; each minibatch counts as one example."""
        potential = self.pair.deficit if run.deficit_weights[first] else self.pair.clean
        own, added, dependence = self._noise(run)
        steps = run.steps_per_epoch
        factors = self.factors(run) if run.anisotropy != 1 else ()
        target = GaussianGradients(potential, own, dependence, max(steps, 2), factors)
        rates = np.repeat(np.asarray(run.learning_rates, dtype=float)[first:until], steps)
        order = run.order.replace(" ", "_")
        sampler = SGD(rates, 1, run.momentum, run.nesterov, order, added)  # type: ignore[arg-type]
        return Stage(target, sampler, None, rates.size)

    def _check(self, run: SGDRun) -> None:
        if missing := self.lacks(run):
            raise ValueError(f"run cannot be made on pair {self.pair.name}: {missing}")


def _mean(found: Sequence[KernelShares]) -> KernelShares:
    """Of a pair's components."""
    return KernelShares(
        np.mean([each.shares for each in found], axis=0), max(each.lost for each in found),
        max(each.still_crossing for each in found), np.max([each.followed for each in found], axis=0),
        max(each.refined for each in found),
    )  # fmt: skip
