"""Means under the tempered posterior to an error that is asked for: the step, the noise and the length are chosen here.

A scheme of second order is run at a step, at half and at a quarter of it, and two orders of its bias are extrapolated
away. Functions whose mean under the posterior is zero take most of the noise away
(:mod:`slt_toys.samplers.control_variates`); independent chains, begun in equilibrium, give the error of what is left.
Steps are halved until two ways to extrapolate agree, chains run until the interval is as narrow as asked, and both
parts are told.

Talay & Tubaro (1990, Stochastic Anal. Appl. 8, 483-509) for extrapolation over steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ..inputs.arguments import checked_arguments, shown
from ..kernels.few_bits import is_rational
from ..potentials.kinks import has_kinks
from ..potentials.potential import Potential
from ..potentials.scores import read_score, score_at_rest
from .control_variates import ControlVariates, control_variates, without_noise
from .langevin import OverdampedLangevin
from .metropolis import MALA
from .program import largest_curvature
from .run import sample

Array = NDArray[np.float64]
Observable = Callable[[Array], ArrayLike]

__all__ = ["Estimate", "estimate_mean"]

LEVEL = 0.95
CHAINS, PILOT = 1024, 128  # of the latter's states, kept a while apart, the others begin
DRAWS = 100  # of a chain at the coarsest step in a round, at first
FEW_DRAWS = 40  # of brief chains
FLOOR = 1e-6  # of the observable's spread, below which no error is claimed: chains are of single numbers
BRIEF_THIN = 256  # steps between draws of brief chains, at most: still less than a draw takes
FLOOR_OF_ASKED = 0.01  # likewise, of the error asked for: places that few chains came to may not have been resolved
MOST_NOISE = 4.0  # errors asked for, beyond which brief chains give up
AT_ONCE = 4_000_000  # numbers kept at a time, 32 MB
LEAST_THIN = 8  # steps between draws: a draw takes as long
LONG = 25  # statistical inefficiencies of what is slowest in half a pilot, at least
FIRST_SHARE = 1.0  # of a step, times the largest curvature: where it begins
HALVINGS = 8
WEIGHTS = (1 / 45, -20 / 45, 64 / 45)  # of the means at a step, half and a quarter: no bias of order two or four
DIFFERENCE = (1 / 45, -5 / 45, 4 / 45)  # of them, from the extrapolation of half and a quarter alone
TIMES = (1, 4, 8)  # that chains run at them: about where a given price has the least error
ROUNDS = 4
REMEMBERED = 1e-6  # chance of groups by their starts as different as that
SHARE_OF_BIAS = 1 / 3  # of the error, by which two ways to extrapolate may differ
MOST_CHAIN_STEPS, FEWEST = 2e11, 1e7


@dataclass(frozen=True, eq=False)
class Estimate:
    """A mean with its interval and what it is made of.

    Attributes
    ----------
    value
        The mean, extrapolated over the step.
    error
        Half the width of its 95 % interval.
    asked
        The error asked for, in the units of the value.
    bias_removed
        What extrapolation has changed of the mean at the smallest step.
    bias_left
        By how much extrapolations of one and of two orders differ, with their standard error; the second is the better.
    variance_ratio
        Variance of chains' means over what functions of mean zero left of it.
    sampler
        At the smallest step.
    chain_steps
        Made in all.
    doubts
        What speaks against the number, in words; empty if nothing does.
    """

    value: float
    error: float
    asked: float
    bias_removed: float
    bias_left: float
    variance_ratio: float
    sampler: OverdampedLangevin | MALA
    chain_steps: int
    doubts: tuple[str, ...]

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval."""
        return self.value - self.error, self.value + self.error

    @property
    def verdict(self) -> str:
        """``"trust"``, or ``"doubt: "`` and why."""
        return f"doubt: {'; '.join(self.doubts)}" if self.doubts else "trust"


@dataclass
class _Level:
    """Chains at one step: where they are, and what they have seen."""

    factor: int  # coarsest step over this one
    places: Array  # (chains, d)
    sums: Array  # (chains, 1 + functions of mean zero), of the observable and of these over draws
    draws: int = 0

    @property
    def means(self) -> Array:
        return self.sums / self.draws


@checked_arguments
def estimate_mean(
    potential: Potential,
    *,
    n_beta: float,
    of: Observable | str | None = None,
    error: float | None = None,
    relative_error: float | None = None,
    seed: int | Sequence[int] = 0,
    most_chain_steps: float = MOST_CHAIN_STEPS,
    threads: int | None = None,
    advance: Callable[[float], None] | None = None,
) -> Estimate:
    """Mean of an observable under the tempered posterior, to an error that is asked for.

    Leimkuhler and Matthews' scheme is run, with noise of three random bits in single numbers where slopes are rational
    functions and numbers resolve the steps, else with normal noise; with walls or kinks MALA, which has no bias.

    Parameters
    ----------
    potential
        Of any dimension.
    n_beta
        Inverse temperature nβ, in units of 1/loss.
    of
        A function of points (..., d), or an expression of the coordinates in text; by default the loss above its least
        value at the phases' minima.
    error, relative_error
        Half the width of the 95 % interval, in the observable's units or as a share of the mean; one of them.
    seed
        A non-negative integer, or a sequence of them. The same seed gives the same bits on any number of threads.
    most_chain_steps
        Refuse where more would be needed.
    threads
        Defaults to the processors this process may use.
    advance
        Called with the fraction of the work done since the last call.

    Raises
    ------
    ValueError
        In one line: settings that make no sense, chains that do not forget where they began, or an error that would
        take more steps than allowed.
    """
    if n_beta <= 0:
        raise ValueError(f"n_beta must be positive, not {n_beta}")
    if most_chain_steps < FEWEST:
        raise ValueError(
            f"most_chain_steps must be at least {FEWEST:.0e}, what a pilot takes, not {most_chain_steps:.3g}"
        )
    if (error is None) == (relative_error is None):
        raise ValueError("error or relative_error must be given, and not both")
    asked = error if error is not None else relative_error
    assert asked is not None
    if asked <= 0:
        raise ValueError(f"{'error' if error is not None else 'relative_error'} must be positive, not {asked}")
    if error is None and asked > 1:
        raise ValueError(f"relative_error must be at most 1, the whole of the mean, not {asked}")
    work = _Work(
        potential, n_beta, _observable(potential, of), tuple(np.ravel(seed).tolist()), threads, most_chain_steps
    )
    return work.estimate(asked, error is None, advance or (lambda _: None))


@dataclass
class _Known:
    """What chains say so far."""

    value: float
    half: float  # the width of the interval
    scale: float  # the error asked for
    left: float  # difference of two extrapolations
    noise: float  # of that
    ratio: float  # of variances, without functions of mean zero over with them
    means: list[Array]  # of chains at each step, without noise that these explain

    @property
    def biased(self) -> bool:
        """Whether the two extrapolations differ by too much."""
        return self.left > SHARE_OF_BIAS * self.scale + self.noise


@dataclass
class _Work:
    potential: Potential
    n_beta: float
    observable: Observable
    seed: tuple[int, ...]
    threads: int | None
    most: float
    zeros: ControlVariates | None = None
    begun: NDArray[np.int64] = field(default_factory=lambda: np.zeros(CHAINS, dtype=np.int64))  # phase of each chain
    spread: float = 0.0  # of the observable, its standard deviation
    made: int = 0  # chain-steps
    calls: int = 0
    told: float = 0.0

    def estimate(self, asked: float, relative: bool, advance: Callable[[float], None]) -> Estimate:
        """By the sampler with the largest step that does not diverge."""
        for sampler in _samplers(self.potential, 1 / self.n_beta):
            try:
                return self._by(sampler, asked, relative, advance)
            except ValueError as problem:
                if "diverged" not in str(problem) and "precision 'single'" not in str(problem):
                    raise
        raise ValueError(
            f"potential {self.potential.name} at n_beta {self.n_beta:.4g}: chains diverge at any step tried"
        )

    def _by(
        self,
        sampler: OverdampedLangevin | MALA,
        asked: float,
        relative: bool,
        advance: Callable[[float], None],
    ) -> Estimate:
        thin, places, mean = self._pilot(sampler)
        if relative and mean == 0:
            raise ValueError("relative_error needs a mean that is not 0; give error")
        self.zeros = control_variates(self.potential, 1 / self.n_beta, places)
        found = None
        if self.zeros is not None:
            found = self._extrapolated(sampler, min(thin, BRIEF_THIN), places, asked, relative, advance, brief=True)
        if found is None:
            found = self._extrapolated(sampler, thin, places, asked, relative, advance, brief=False)
        assert found is not None
        self._tell(advance, 1.0)
        return found

    def _extrapolated(
        self, sampler: OverdampedLangevin | MALA, thin: int, places: Array, asked: float, relative: bool,
        advance: Callable[[float], None], brief: bool,
    ) -> Estimate | None:  # fmt: skip
        """By chains at three steps; brief ones, which need not go from phase to phase, give up where noise stays."""
        weights, times = ((1.0,), (1,)) if isinstance(sampler, MALA) else (WEIGHTS, TIMES)
        nothing = np.zeros((CHAINS, 1 + (self.zeros.sizes[-1] if self.zeros else 0)))
        levels = [_Level(2**k, places, nothing) for k in range(len(weights))]
        draws, halvings = FEW_DRAWS if brief else DRAWS, 0
        known = _Known(np.nan, np.inf, np.inf, 0.0, 0.0, 1.0, [])
        for number in range(ROUNDS + HALVINGS):
            self._afford(draws * thin * sum(n * 2**k for k, n in enumerate(times)), known)
            for level, time in zip(levels, times, strict=True):
                self._extend(level, sampler, thin, time * draws)
            self._tell(advance, 0.5)
            known = self._known(levels, weights, asked, relative)
            if brief and (known.half > MOST_NOISE * known.scale or self._remembers(known.means)):
                return None
            if known.biased and halvings < HALVINGS:
                # The step is too large: its half and its quarter go on as a step and its half.
                halvings, sampler, thin = halvings + 1, _at(sampler, 0.5), 2 * thin
                levels = [
                    *(replace(level, factor=level.factor // 2) for level in levels[1:]),
                    _Level(4, levels[2].places, nothing),
                ]
                self._extend(levels[2], sampler, thin, levels[1].draws // 2)
                draws = max(FEW_DRAWS if brief else DRAWS, levels[0].draws // 4)
                continue
            if known.half <= known.scale or number >= ROUNDS + halvings - 1:
                break
            done = levels[-1].draws // times[-1]
            draws = int(done * (1.1 * (known.half / known.scale) ** 2 - 1)) + 1
        if brief and known.half > known.scale:
            return None
        doubts = []
        if known.biased:
            doubts.append(f"extrapolations over the step differ by {known.left:.2g}")
        if known.half > known.scale:
            doubts.append(f"the interval is ±{known.half:.3g}, wider than the error of {known.scale:.3g} asked for")
        if not brief and self._remembers([level.means[:, 0] for level in levels]):
            doubts.append("chains remember the phase they began in; take ReplicaExchange")
        removed = known.value - float(known.means[-1].mean()) if len(levels) > 1 else 0.0
        used = _at(sampler, 1 / levels[-1].factor)
        return Estimate(
            known.value, known.half, known.scale, removed, known.left, known.ratio, used, self.made, tuple(doubts)
        )

    def _known(self, levels: Sequence[_Level], weights: Sequence[float], asked: float, relative: bool) -> _Known:
        means, ratio = self._quiet(levels)
        value, half = _combined(means, weights)
        scale = asked * abs(value) if relative else asked
        half = math.hypot(half, FLOOR * self.spread, FLOOR_OF_ASKED * scale)
        left, noise = (0.0, 0.0) if len(weights) == 1 else _combined(means, DIFFERENCE)
        return _Known(value, half, scale, abs(left), noise, ratio, means)

    # ---- the two parts -----------------------------------------------------------------------------------------------
    def _pilot(self, sampler: OverdampedLangevin | MALA) -> tuple[int, Array, float]:
        """Steps between draws, chains at rest, and a first mean."""
        steps = 512
        while True:
            own, slowest, places, mean = self._look(sampler, steps)
            if steps >= 2 * LONG * slowest:
                return max(LEAST_THIN, round(own / 2)), places, mean
            steps = int(max(2 * steps, min(8 * steps, 3 * LONG * slowest)))
            if self.made + PILOT * steps > self.most / 4:
                raise ValueError(
                    f"potential {self.potential.name} at n_beta {self.n_beta:.4g}: {steps // 2} steps do not let "
                    "chains forget where they began; take ReplicaExchange"
                )

    def _quiet(self, levels: Sequence[_Level]) -> tuple[list[Array], float]:
        """Chains' means of the observable without what functions of mean zero explain, and their gain in variance."""
        if self.zeros is None:
            return [level.means[:, 0] for level in levels], 1.0
        times = [float(np.sqrt(level.draws)) for level in levels]  # a draw takes as long at any step
        values = [time * level.means[:, 0] for time, level in zip(times, levels, strict=True)]
        functions = [time * level.means[:, 1:] for time, level in zip(times, levels, strict=True)]
        half = np.tile(np.arange(PILOT) // 8 % 2 == 0, CHAINS // PILOT)  # of the pilot's chains, begun in any phase
        left, ratio = without_noise(values, functions, half, self.zeros.sizes)
        return [own / time for own, time in zip(left, times, strict=True)], ratio

    def _tell(self, advance: Callable[[float], None], share: float) -> None:
        """Say that a share of what is left is done; how much that is nobody knows before."""
        advance(share * (1 - self.told))
        self.told += share * (1 - self.told)

    def _afford(self, steps: float, known: _Known) -> None:
        if self.made + CHAINS * steps > self.most:
            far = f"; half the width is {known.half:.3g} so far" if np.isfinite(known.half) else ""
            raise ValueError(
                f"error of {known.scale:.3g} would take {self.made + CHAINS * steps:.2g} chain-steps, more than "
                f"most_chain_steps {self.most:.2g}{far}"
            )

    def _remembers(self, levels: Sequence[Array]) -> bool:
        """Whether chains' means depend on the phase that they began in; chains begin in the phases in turn."""
        phases = len(self.potential.phases)
        if phases < 2:
            return False
        centred = np.concatenate([means - means.mean() for means in levels])
        begun = np.tile(self.begun, len(levels))
        groups = [centred[begun == k] for k in range(phases)]
        if all(np.ptp(group) == 0 for group in groups):
            return False
        return bool(stats.f_oneway(*groups).pvalue < REMEMBERED)

    # ---- chains ------------------------------------------------------------------------------------------------------
    def _look(self, sampler: OverdampedLangevin | MALA, steps: int) -> tuple[float, float, Array, float]:
        """Inefficiency of the observable and of what is slowest, in steps, places to begin from, and the mean.

        Chains begin in the phases in turn, and so do those that are begun from several places of one.
        """
        thin = max(1, steps // 512)
        places = self._places(sampler, steps, thin, None)
        late = places[:, places.shape[1] // 2 :]
        values = self._values(late)
        own = thin * max(1.0, _inefficiency(values))
        slowest = max([own, *(thin * _inefficiency(series) for series in self._slow(late))])
        self.spread = float(values.std())
        several = CHAINS // PILOT
        kept = late[:, :: -(late.shape[1] // several)][:, :several]
        self.begun = np.tile(np.arange(PILOT) % max(1, len(self.potential.phases)), several)
        return own, slowest, kept.swapaxes(0, 1).reshape(CHAINS, -1), float(values.mean())

    def _extend(self, level: _Level, sampler: OverdampedLangevin | MALA, thin: int, draws: int) -> None:
        """Go on by so many draws; the first is left out, where the scheme's own memory begins anew."""
        most = max(2, AT_ONCE // level.places.size)
        while draws > 0:
            now = min(draws, most)
            own = _at(sampler, 1 / level.factor)
            places = self._places(own, level.factor * thin * (now + 1), level.factor * thin, level.places)
            parts = [self._values(places[:, 1:]).sum(axis=1)[:, None]]
            if self.zeros is not None:
                parts.append(self.zeros.sums(places[:, 1:]))
            level.sums = level.sums + np.concatenate(parts, axis=1)
            level.places, level.draws, draws = places[:, -1], level.draws + now, draws - now

    def _places(self, sampler: OverdampedLangevin | MALA, steps: int, thin: int, initial: Array | None) -> Array:
        self.calls += 1
        chains = PILOT if initial is None else len(initial)
        self.made += chains * steps
        return sample(
            self.potential, sampler, n_beta=self.n_beta, chains=chains, steps=steps, thin=thin, initial=initial,
            seed=(*self.seed, self.calls), diagnose=False, threads=self.threads,
        )["w"].values  # fmt: skip

    def _values(self, places: Array) -> Array:
        try:
            values = np.asarray(self.observable(places), dtype=float)
        except (TypeError, ValueError) as problem:
            raise ValueError(f"of must give one number for each point (..., d): {problem}") from None
        if values.shape != places.shape[:-1]:
            raise ValueError(f"of must give one number for each point (..., d), not shape {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError("of must be finite where the posterior is")
        return values

    def _slow(self, places: Array) -> list[Array]:
        """What may be slower than the observable: whether a chain is in each phase, the coordinates and their squares.

        Along a flat valley losses forget soon and places do not.
        """
        middle = places.mean(axis=(0, 1))
        moved = np.moveaxis(places - middle, -1, 0)
        found = [*moved, *moved**2]
        if len(self.potential.phases) > 1:
            numbers = self.potential.phase_index(places)
            found += [(numbers == k).astype(float) for k in range(len(self.potential.phases) - 1)]
        return found


def _samplers(potential: Potential, temperature: float) -> list[OverdampedLangevin | MALA]:
    """What to try, in order: with a bias only where it is of second order."""
    curvature = largest_curvature(potential, temperature) or largest_curvature(potential, np.inf) or 1.0
    steps = FIRST_SHARE / curvature * 0.5 ** np.arange(HALVINGS)
    if potential.boundary == "reflecting" or has_kinks(potential.bound_energy):
        return [MALA(4 * float(step)) for step in steps]
    cheap = [OverdampedLangevin(float(step), "leimkuhler_matthews", "four_point", "single") for step in steps]
    normal = [OverdampedLangevin(float(step), "leimkuhler_matthews") for step in steps]
    return [*(cheap[:2] if is_rational(potential) else []), *normal]


def _at(sampler: OverdampedLangevin | MALA, factor: float) -> OverdampedLangevin | MALA:
    return replace(sampler, step_size=factor * float(np.asarray(sampler.step_size)))


def _inefficiency(series: Array) -> float:
    """Draws that make one independent one: variance of chains' means over that of draws, times their number."""
    spread = float(series.var())
    if spread == 0:
        return 1.0
    return float(series.mean(axis=1).var(ddof=1) * series.shape[1] / spread)


def _combined(means: Sequence[Array], weights: Sequence[float]) -> tuple[float, float]:
    """A weighted sum of the levels' means, from those of chains (chains,), and half the width of its interval.

    Chains that were begun from one of the pilot's are counted as one: brief ones may not have parted.
    """
    whole = sum(weight * own.reshape(-1, PILOT).mean(axis=0) for own, weight in zip(means, weights, strict=True))
    error = np.sqrt(np.var(whole, ddof=1) / PILOT)
    return float(np.mean(whole)), float(stats.t.ppf((1 + LEVEL) / 2, PILOT - 1) * error)


def _observable(potential: Potential, of: Any) -> Any:
    if of is None:
        energy = potential.energy_function()
        least = min(potential.minimum_loss(k) for k in range(len(potential.phases)))
        return lambda points: energy(points) - least
    if isinstance(of, str):
        return score_at_rest(potential, read_score(potential, of, momenta=False, argument="of"))
    if not callable(of):
        raise ValueError(f"of must be a function of points (..., d) or an expression in text, not {shown(of)}")
    return of
