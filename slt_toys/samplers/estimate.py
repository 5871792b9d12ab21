"""Means under the tempered posterior to an error that is asked for: the step, the noise and the length are chosen here.

A scheme of second order is run at a step, at half and at a quarter of it, and two orders of its bias are extrapolated
away; independent chains, begun in equilibrium, give the error of what is left. Steps are halved until two ways to
extrapolate agree, chains run until the interval is as narrow as asked, and both parts are told.

Talay & Tubaro (1990, Stochastic Anal. Appl. 8, 483-509) for extrapolation over steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ..inputs.arguments import checked_arguments, shown
from ..kernels.few_bits import is_rational
from ..potentials.kinks import has_kinks
from ..potentials.potential import Potential
from ..potentials.scores import read_score, score_at_rest
from .langevin import OverdampedLangevin
from .metropolis import MALA
from .program import largest_curvature
from .run import sample

Array = NDArray[np.float64]
Observable = Callable[[Array], ArrayLike]

__all__ = ["Estimate", "estimate_mean"]

LEVEL = 0.95
CHAINS = 1024
DRAWS = 100  # of a chain at the coarsest step in a round, at first
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
    sums: Array  # (chains,), of the observable over draws
    draws: int = 0

    @property
    def means(self) -> Array:
        return self.sums / self.draws

    @property
    def variance(self) -> float:
        """Of the mean over chains."""
        return float(self.means.var(ddof=1) / self.sums.size)


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
    work = _Work(
        potential, n_beta, _observable(potential, of), tuple(np.ravel(seed).tolist()), threads, most_chain_steps
    )
    return work.estimate(asked, error is None, advance or (lambda _: None))


@dataclass
class _Work:
    potential: Potential
    n_beta: float
    observable: Observable
    seed: tuple[int, ...]
    threads: int | None
    most: float
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
        scale = asked * abs(mean) if relative else asked
        exact = isinstance(sampler, MALA)
        weights, times = ((1.0,), (1,)) if exact else (WEIGHTS, TIMES)
        levels = [_Level(2**k, places, np.zeros(CHAINS)) for k in range(len(weights))]
        draws, halvings = DRAWS, 0
        value, half, left, noise = 0.0, np.inf, 0.0, 0.0
        for number in range(ROUNDS + HALVINGS):
            self._afford(draws * thin * sum(n * 2**k for k, n in enumerate(times)), scale, half)
            for level, time in zip(levels, times, strict=True):
                self._extend(level, sampler, thin, time * draws)
            self._tell(advance, 0.5)
            value, half = _combined(levels, weights)
            scale = asked * abs(value) if relative else asked
            left, noise = (0.0, 0.0) if exact else _combined(levels, DIFFERENCE)
            left = abs(left)
            if left > SHARE_OF_BIAS * scale + noise and halvings < HALVINGS:
                # The step is too large: its half and its quarter go on as a step and its half.
                halvings, sampler, thin = halvings + 1, _at(sampler, 0.5), 2 * thin
                levels = [
                    *(replace(level, factor=level.factor // 2) for level in levels[1:]),
                    _Level(4, levels[2].places, np.zeros(CHAINS)),
                ]
                self._extend(levels[2], sampler, thin, levels[1].draws // 2)
                draws = max(DRAWS, levels[0].draws // 4)
                continue
            if half <= scale or number >= ROUNDS + halvings - 1:
                break
            done = levels[-1].draws // times[-1]
            draws = int(done * (1.1 * (half / scale) ** 2 - 1)) + 1
        self._tell(advance, 1.0)
        doubts = []
        if left > SHARE_OF_BIAS * scale + noise:
            doubts.append(f"extrapolations over the step differ by {left:.2g}")
        if half > scale:
            doubts.append(f"the interval is ±{half:.3g}, wider than the error of {scale:.3g} asked for")
        if self._remembers([level.means for level in levels]):
            doubts.append("chains remember the phase they began in; take ReplicaExchange")
        removed = value - float(levels[-1].means.mean())
        used = _at(sampler, 1 / levels[-1].factor)
        return Estimate(value, half, scale, removed, left, used, self.made, tuple(doubts))

    # ---- the two parts -----------------------------------------------------------------------------------------------
    def _pilot(self, sampler: OverdampedLangevin | MALA) -> tuple[int, Array, float]:
        """Steps between draws, chains at rest, and a first mean."""
        steps = 512
        while True:
            own, slowest, places, mean = self._look(sampler, steps)
            if steps >= 2 * LONG * slowest:
                return max(LEAST_THIN, round(own / 2)), places, mean
            steps = int(max(2 * steps, min(8 * steps, 3 * LONG * slowest)))
            if self.made + CHAINS * steps > self.most / 4:
                raise ValueError(
                    f"potential {self.potential.name} at n_beta {self.n_beta:.4g}: {steps // 2} steps do not let "
                    "chains forget where they began; take ReplicaExchange"
                )

    def _tell(self, advance: Callable[[float], None], share: float) -> None:
        """Say that a share of what is left is done; how much that is nobody knows before."""
        advance(share * (1 - self.told))
        self.told += share * (1 - self.told)

    def _afford(self, steps: float, scale: float, half: float) -> None:
        if self.made + CHAINS * steps > self.most:
            known = f"; half the width is {half:.3g} so far" if np.isfinite(half) else ""
            raise ValueError(
                f"error of {scale:.3g} would take {self.made + CHAINS * steps:.2g} chain-steps, more than "
                f"most_chain_steps {self.most:.2g}{known}"
            )

    def _remembers(self, levels: Sequence[Array]) -> bool:
        """Whether chains' means depend on the phase that they began in; chains begin in the phases in turn."""
        phases = len(self.potential.phases)
        if phases < 2:
            return False
        centred = np.concatenate([means - means.mean() for means in levels])
        begun = np.tile(np.arange(CHAINS) % phases, len(levels))
        groups = [centred[begun == k] for k in range(phases)]
        if all(np.ptp(group) == 0 for group in groups):
            return False
        return bool(stats.f_oneway(*groups).pvalue < REMEMBERED)

    # ---- chains ------------------------------------------------------------------------------------------------------
    def _look(self, sampler: OverdampedLangevin | MALA, steps: int) -> tuple[float, float, Array, float]:
        """Inefficiency of the observable and of what is slowest, in steps, last places, and the mean, of a run."""
        thin = max(1, steps // 512)
        places = self._places(sampler, steps, thin, None)
        late = places[:, places.shape[1] // 2 :]
        values = self._values(late)
        own = thin * max(1.0, _inefficiency(values))
        slowest = max([own, *(thin * _inefficiency(series) for series in self._slow(late))])
        return own, slowest, places[:, -1], float(values.mean())

    def _extend(self, level: _Level, sampler: OverdampedLangevin | MALA, thin: int, draws: int) -> None:
        """Go on by so many draws; the first is left out, where the scheme's own memory begins anew."""
        most = max(2, AT_ONCE // level.places.size)
        while draws > 0:
            now = min(draws, most)
            own = _at(sampler, 1 / level.factor)
            places = self._places(own, level.factor * thin * (now + 1), level.factor * thin, level.places)
            level.sums = level.sums + self._values(places[:, 1:]).sum(axis=1)
            level.places, level.draws, draws = places[:, -1], level.draws + now, draws - now

    def _places(self, sampler: OverdampedLangevin | MALA, steps: int, thin: int, initial: Array | None) -> Array:
        self.calls += 1
        self.made += CHAINS * steps
        return sample(
            self.potential, sampler, n_beta=self.n_beta, chains=CHAINS, steps=steps, thin=thin, initial=initial,
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


def _combined(levels: Sequence[_Level], weights: Sequence[float]) -> tuple[float, float]:
    """A weighted sum of the levels' means, and half the width of its interval."""
    value = sum(weight * float(level.means.mean()) for level, weight in zip(levels, weights, strict=True))
    variance = sum(weight**2 * level.variance for level, weight in zip(levels, weights, strict=True))
    return value, float(stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance))


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
