"""The verdict in shares: how many of the runs each mechanism decides, with intervals, and what cannot be told.

A mixture of mechanisms (:mod:`slt_toys.worlds.mechanisms`) is fitted to all counts together. What is told of it:

- whether the best mixture fits at all; if not, "none of these" comes first;
- the shares. Those that are told from all the others have the interval of their Fisher information with all other
  functions left free, which holds at the boundary too. Where there is too little information, and where the others fit
  the counts without temperature, an interval is what a region of confidence for the whole mixture leaves of the share:
  it covers at least as often as it says;
- mechanisms from which temperature is not told: by the information about its share in a mixture with that one alone
  [eq:information-about-a-share], a fifth of the runs would not be told in four experiments of five. In the two-state
  law a constant share is such a mechanism, for its energy differences do the same [eq:apparent-energy-difference];
- a likelihood ratio for each nested pair (:mod:`slt_toys.worlds.share_tests`), and one family-wise statement (Holm);
- the smallest sets of mechanisms that the counts do not refuse. One set: that is the verdict. Several: "cannot tell",
  and the share of all their members together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from ..inputs.arguments import checked_arguments
from ..protocol.arms import Observation, copied_arms
from .mechanisms import MECHANISMS, NONE, TEMPERATURE
from .mixture import Mixture, MixtureFit, mixture_of
from .share_tests import LEAST_THERMAL, SURE, Draws, LikelihoodRatio, bootstrap, holm, ratio_of, tail, upper_bound
from .verdict import CANNOT_TELL, SIGNIFICANCE, Dispersion

NONE_OF_THESE, NOT_SOUGHT = "none of these", "not sought"
ENERGIES_DIFFER = "temperature, energies by batch size"
DRAWS, QUICK_DRAWS = 199, 999
WIDEST = 0.25  # half-width from which on an interval by information says nothing
FIFTH, POWER = 0.2, 0.8  # a share that a design must be able to tell, and how often
CLOSE = 1e-4  # error of an interval's end

__all__ = [
    "DRAWS",
    "ENERGIES_DIFFER",
    "NONE_OF_THESE",
    "NOT_SOUGHT",
    "Share",
    "ShareTests",
    "ShareVerdict",
    "intervals",
    "judge_shares",
    "sentences",
    "share_by_information",
    "temperature_alone",
    "untold",
]


@dataclass(frozen=True)
class Share:
    """Share of the runs that a mechanism decides.

    Attributes
    ----------
    mechanism
    estimate
        Of largest likelihood, or by information.
    low, high
        Ends of the interval, within 0 and 1.
    standard_error
        By Fisher information with everything else free and the scatter of repeats; infinite where the design has none.
    how
        ``"information"``, or ``"region"``: covers at least as often as it says.
    """

    mechanism: str
    estimate: float
    low: float
    high: float
    standard_error: float
    how: str


@dataclass(frozen=True, eq=False)
class ShareVerdict:
    """What the counts say about shares.

    Attributes
    ----------
    form
        Of the thermal share: ``"known"`` or ``"two-state law"``.
    outcome
        The mechanisms of the one smallest set that is not refused, joined by "and"; ``"cannot tell"`` if there are
        several sets, or if temperature is in the one set and is not told from a mechanism outside; ``"none of these"``
        if the best mixture does not fit; ``"temperature, energies by batch size"`` if only that mends temperature
        alone; ``"not sought"`` without pairs.
    shares
        By mechanism.
    deviance, p_value
        Of the best mixture, and the probability of a larger one.
    pure_ratio, pure_deviance
        Temperature alone against everything, and its own deviance, with their p-values.
    refused
        Whether temperature alone is refused by one of the two, at :data:`~slt_toys.worlds.verdict.SIGNIFICANCE`
        together (Holm).
    pairs
        Likelihood ratios of nested mixtures.
    family
        Which of the pairs are refused with one chance of error for all (Holm).
    sets
        Smallest sets of mechanisms that are not refused, the smallest and likeliest first.
    together
        Mechanisms of the first two of those sets, but for none, and the least that they decide together; None unless
        there are several sets.
    untold
        Mechanisms from which temperature is not told: see :func:`untold`.
    energy_scales
        Factor on the energies at each further batch size, as fitted; empty where there is none.
    best
        The fit by all mechanisms.
    mixture
        What was fitted.
    copies
        Arms left out, with the arm whose schedule each repeats.
    """

    form: str
    outcome: str
    shares: tuple[Share, ...]
    deviance: float
    p_value: float
    pure_ratio: LikelihoodRatio
    pure_deviance: LikelihoodRatio
    refused: bool
    pairs: tuple[LikelihoodRatio, ...]
    family: tuple[bool, ...]
    sets: tuple[tuple[str, ...], ...]
    together: tuple[tuple[str, ...], float] | None
    untold: tuple[str, ...]
    energy_scales: dict[str, float]
    best: MixtureFit
    mixture: Mixture
    copies: dict[str, str]

    def share(self, mechanism: str) -> Share:
        """Share of one mechanism."""
        return next(each for each in self.shares if each.mechanism == mechanism)


class ShareTests:
    """Likelihood ratios of one mixture, each null drawn from once."""

    def __init__(self, mixture: Mixture, draws: int, seed: int, dispersion: Dispersion | None) -> None:
        self.mixture, self.draws, self.seed, self.dispersion = mixture, draws, seed, dispersion
        self.spread = 1.0 if dispersion is None else max(dispersion.ratio, 1.0)
        self.told = mixture.cells.told
        self.fits: dict[tuple[tuple[str, ...], bool], MixtureFit] = {}
        self.of_known: Draws | None = None  # where temperature alone has no parameter, its draws are always the same

    def fit(self, mechanisms: Sequence[str], energies: bool = False) -> MixtureFit:
        """Fit some mechanisms, once; no smaller mixture is likelier than a larger one that was fitted after it."""
        key = (tuple(name for name in self.told if name in mechanisms), energies)
        if key not in self.fits:
            self.fits[key] = self.mixture.fit(key[0], energies=energies)
        return self.fits[key]

    def larger_fit(self, mechanisms: Sequence[str], energies: bool, null: MixtureFit) -> MixtureFit:
        """Fit a larger mixture, from the smaller one as well."""
        found, near = self.fit(mechanisms, energies), self.mixture.fit(mechanisms, energies=energies, near=null)
        if near.log_likelihood > found.log_likelihood:
            self.fits[(found.mechanisms, energies)] = found = near
        return found

    def drawn(self, null: MixtureFit, larger: Sequence[tuple[Sequence[str], bool]]) -> Draws:
        """Bootstrap of a null."""
        if self.of_known is not None and null.mechanisms == (TEMPERATURE,):
            return self.of_known
        draws = self.draws
        if self.mixture.thermal.form == "known" or self.mixture.shares(null)[0] > LEAST_THERMAL:
            draws = max(draws, QUICK_DRAWS)  # by programmes, which cost hardly anything
        return bootstrap(
            self.mixture, null, larger, draws=draws, seed=self.seed, dispersion=self.dispersion
        )  # fmt: skip

    def compare(self, smaller: Sequence[str], larger: Sequence[str]) -> LikelihoodRatio:
        """One pair."""
        return self.compare_all(smaller, [(larger, False)])[0][0]

    def compare_all(
        self, smaller: Sequence[str], larger: Sequence[tuple[Sequence[str], bool]]
    ) -> tuple[list[LikelihoodRatio], Draws | None]:
        """One smaller mixture against several; drawn from once, if any ratio leaves a doubt."""
        null = self.fit(smaller)
        ratios = [ratio_of(self.larger_fit(*case, null), null) for case in larger]
        bounds = [
            upper_bound(self.mixture, ratio, *case, self.spread) for ratio, case in zip(ratios, larger, strict=True)
        ]
        doubtful = [at for at, bound in enumerate(bounds) if bound >= SURE and ratios[at] > 0]
        draws = self.drawn(null, [larger[at] for at in doubtful]) if doubtful else None
        told = []
        for at, (case, ratio) in enumerate(zip(larger, ratios, strict=True)):
            how, chance = "bound", bounds[at]
            if draws is not None and at in doubtful:
                how, chance = "bootstrap", tail(ratio, draws.ratios[:, doubtful.index(at)])
            elif ratio <= 0:
                how, chance = "bootstrap", 1.0
            told.append(LikelihoodRatio(_words(smaller), _words(*case), ratio, chance, how))
        return told, draws


def _words(mechanisms: Sequence[str], energies: bool = False) -> str:
    told = "all" if len(mechanisms) == len(MECHANISMS) else " and ".join(mechanisms)
    return told + (", energies by batch size" if energies else "")


@checked_arguments
def judge_shares(
    observations: Sequence[Observation],
    known: ArrayLike | None = None,
    energies: tuple[ArrayLike, ArrayLike] | None = None,
    *,
    dispersion: Dispersion | None = None,
    draws: int = DRAWS,
    confidence: float = 0.95,
    seed: int = 0,
    pairs: bool = True,
    advance: Callable[[], None] | None = None,
) -> ShareVerdict:
    """Say how many of the runs each mechanism decides.

    Parameters
    ----------
    observations
        Arms that repeat another's schedule are left out.
    known
        Exact thermal stuck shares, one for each observation; without them the two-state law is fitted.
    energies
        With ``known``: factors on all energies, and exact shares at each, shape (factors, observations); then energies
        may differ between batch sizes.
    dispersion
        Of repeats, if they scatter more than binomially; see
        :func:`~slt_toys.worlds.verdict.dispersion_of_repeats`.
    draws
        Of each bootstrap, at least 20; those that need no fits have :data:`QUICK_DRAWS` at least.
    confidence
        Of intervals.
    seed
        Of the bootstraps.
    pairs
        Whether to compare all nested pairs and to look for the smallest sets; else only temperature alone is judged.
    advance
        Called after each of three parts.

    Raises
    ------
    ValueError
        If there are fewer draws, or no more observations than causes of one mechanism.
    """
    if draws < 20:
        raise ValueError(f"draws must be at least 20, not {draws}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie strictly between 0 and 1, not {confidence}")
    copies = copied_arms(observations)
    kept = [at for at, each in enumerate(observations) if each.arm not in copies]
    if known is not None:
        known = np.asarray(known, dtype=float)[kept]
    if energies is not None:
        energies = energies[0], np.asarray(energies[1], dtype=float)[:, kept]
    mixture = mixture_of([observations[at] for at in kept], known, energies)
    tests = ShareTests(mixture, draws, seed, dispersion)
    pure, refused, of_temperature = temperature_alone(tests, pairs)
    if advance is not None:
        advance()
    best = tests.larger_fit(MECHANISMS, False, tests.fit([TEMPERATURE]))
    deviance = 2 * (mixture.saturated - best.log_likelihood)
    drawn = tests.drawn(best, [])
    p_value = tail(deviance, drawn.deviances)
    shares = intervals(mixture, best, drawn, confidence, tests.spread)
    if advance is not None:
        advance()
    told, sets, together = (
        (of_temperature, (), None) if not pairs else _all_pairs(tests, of_temperature, refused, drawn, confidence)
    )
    alike = untold(tests, confidence)
    outcome = _outcome(p_value, refused, sets, told, alike) if pairs or p_value < SIGNIFICANCE else NOT_SOUGHT
    chances = [each.p_value for each in told]
    scales = {}
    if mixture.thermal.groups:
        fitted = tests.fit(MECHANISMS, True).parameters[mixture.thermal.own :]
        scales = {name: float(np.exp(each)) for name, each in zip(mixture.thermal.groups, fitted, strict=True)}
    if advance is not None:
        advance()
    return ShareVerdict(
        mixture.thermal.form, outcome, shares, deviance, p_value, *pure, refused, tuple(told),
        holm(chances, SIGNIFICANCE), sets, together, alike, scales, best, mixture, copies,
    )  # fmt: skip


def _outcome(
    p_value: float, refused: bool, sets: Sequence[tuple[str, ...]], told: Sequence[LikelihoodRatio],
    alike: Sequence[str],
) -> str:  # fmt: skip
    if p_value < SIGNIFICANCE:
        return NONE_OF_THESE
    if len(sets) == 1 and sets[0] == (TEMPERATURE,) and refused:
        # no other mechanism joins it, but it is not that of one set of energies
        differ = any(each.larger == ENERGIES_DIFFER and each.p_value < SIGNIFICANCE for each in told)
        return ENERGIES_DIFFER if differ else CANNOT_TELL
    if len(sets) == 1 and not (TEMPERATURE in sets[0] and set(alike) - set(sets[0])):
        return " and ".join(sets[0])
    return CANNOT_TELL


def temperature_alone(
    tests: ShareTests, pairs: bool
) -> tuple[tuple[LikelihoodRatio, LikelihoodRatio], bool, list[LikelihoodRatio]]:
    """Temperature alone against everything and by its own deviance; and against each mechanism that may join it."""
    alone, energies = (TEMPERATURE,), bool(tests.mixture.thermal.groups)
    rivals = [name for name in tests.told if name != TEMPERATURE]
    larger: list[tuple[Sequence[str], bool]] = [(MECHANISMS, energies), (MECHANISMS, False)]
    larger += [((TEMPERATURE, name), False) for name in rivals]
    if energies:
        larger.append((alone, True))
    ratios, draws = tests.compare_all(alone, larger if pairs else larger[:1])
    null = tests.fit(alone)
    deviance = 2 * (tests.mixture.saturated - null.log_likelihood)
    chance, how = float(stats.chi2.sf(deviance / tests.spread, tests.mixture.cells.runs.size)), "bound"
    if chance >= SURE:
        chance, how = tail(deviance, (draws or tests.drawn(null, [])).deviances), "bootstrap"
    own = LikelihoodRatio(TEMPERATURE, "a share for each cell", deviance, chance, how)
    refused = any(holm([ratios[0].p_value, own.p_value], SIGNIFICANCE))
    return (ratios[0], own), refused, ratios[1:]


def untold(tests: ShareTests, confidence: float) -> tuple[str, ...]:
    """Mechanisms that may decide a fifth of the runs unnoticed, even if they and temperature alone decide.

    By the information about temperature's share, at the fit of temperature alone and at that of the two; the larger
    error counts.
    """
    mixture, found, alone = tests.mixture, [], tests.fit((TEMPERATURE,))
    needed = FIFTH / float(stats.norm.isf((1 - confidence) / 2) + stats.norm.ppf(POWER))
    for name in tests.told:
        if name == TEMPERATURE:
            continue
        both = (TEMPERATURE, name)
        fits = [alone, tests.fit(both)]
        errors = [mixture.information(fit, TEMPERATURE, both)[1] for fit in fits if _is_thermal(mixture, fit)]
        if not max(errors) * np.sqrt(tests.spread) <= needed:
            found.append(name)
    return tuple(found)


def _is_thermal(mixture: Mixture, fit: MixtureFit) -> bool:
    """Whether a fit tells the parameters of the two-state law."""
    return bool(mixture.shares(fit)[0] > LEAST_THERMAL)


def share_by_information(
    mixture: Mixture, best: MixtureFit, confidence: float, spread: float = 1.0, mechanism: str = TEMPERATURE
) -> Share | None:
    """A share by information; None where there is too little of it."""
    estimate, error = mixture.information(best, mechanism)
    error *= float(np.sqrt(spread))
    half = float(stats.norm.isf((1 - confidence) / 2)) * error
    if not half <= WIDEST:
        return None
    middle, low, high = (float(np.clip(value, 0, 1)) for value in (estimate, estimate - half, estimate + half))
    return Share(mechanism, middle, low, high, error, "information")


def intervals(mixture: Mixture, best: MixtureFit, drawn: Draws, confidence: float, spread: float) -> tuple[Share, ...]:
    """Shares of all mechanisms, from draws of the best fit; see :class:`ShareVerdict`."""
    cut, told = _cut(drawn, confidence), mixture.shares(best)
    shares = []
    for number, name in enumerate(MECHANISMS):
        if name not in mixture.cells.told:
            shares.append(Share(name, 0.0, 0.0, 1.0, float("inf"), "region"))
            continue
        share = share_by_information(mixture, best, confidence, spread, name)
        if share is not None and name == TEMPERATURE:
            # Where the others can do without it, or it without them, information by lines is no use.
            ends = (0.0, 1.0) if share.high < 1 else (0.0,)
            if any(_as_likely(mixture, best, name, end, cut) for end in ends):
                share = None
        if share is None:
            low, high = _region(mixture, best, [name], cut)
            error = mixture.information(best, name)[1] * float(np.sqrt(spread))
            share = Share(name, float(told[number]), low, high, error, "region")
        shares.append(share)
    return tuple(shares)


def _cut(drawn: Draws, confidence: float) -> float:
    """What twice the log likelihood of the best mixture gains on the truth, but for this confidence."""
    mean, variance = drawn.to_truth.mean(), drawn.to_truth.var(ddof=1)
    return float(stats.gamma.isf(1 - confidence, mean**2 / variance, scale=variance / mean))


def _as_likely(mixture: Mixture, best: MixtureFit, name: str, share: float, cut: float) -> bool:
    """Whether a mixture with this share of a mechanism is as likely as the best, but for a cut."""
    return ratio_of(best, mixture.fit(held=([name], share), near=best)) <= cut


def _region(mixture: Mixture, best: MixtureFit, names: Sequence[str], cut: float) -> tuple[float, float]:
    """Least and largest sum of shares in the mixtures that are as likely as the best, but for a cut."""
    own = float(sum(mixture.shares(best)[MECHANISMS.index(name)] for name in names))

    def beyond(value: float) -> float:
        if value == own:
            return -np.sqrt(cut)
        return float(np.sqrt(ratio_of(best, mixture.fit(held=(names, value), near=best))) - np.sqrt(cut))

    ends = []
    for limit in (0.0, 1.0):
        if abs(own - limit) < 1e-9 or beyond(limit) <= 0:
            ends.append(limit)
        else:
            ends.append(float(optimize.brentq(beyond, own, limit, xtol=CLOSE, rtol=CLOSE)))  # type: ignore[arg-type]
    return ends[0], ends[1]


def _all_pairs(
    tests: ShareTests, of_temperature: Sequence[LikelihoodRatio], refused: bool, drawn: Draws, confidence: float
) -> tuple[list[LikelihoodRatio], tuple[tuple[str, ...], ...], tuple[tuple[str, ...], float] | None]:
    """Likelihood ratios of all nested pairs, and the smallest sets that are not refused."""
    rivals = [name for name in tests.told if name != TEMPERATURE]
    told = list(of_temperature)
    told += [tests.compare([name], (TEMPERATURE, name)) for name in rivals]
    alone = of_temperature[0].p_value
    chances = {frozenset([TEMPERATURE]): alone if refused else max(alone, SIGNIFICANCE)}
    for name in tests.told:
        rest = tuple(other for other in tests.told if other != name)
        pair = tests.compare(rest, MECHANISMS)
        chances[frozenset(rest)] = pair.p_value
        told.append(LikelihoodRatio(f"all but {name}", pair.larger, pair.ratio, pair.p_value, pair.how))
    sets = _smallest_sets(tests, chances)
    if len(sets) < 2:
        return told, sets, None
    members = tuple(name for name in tests.told if name != NONE and any(name in each for each in sets[:2]))
    low, _ = _region(tests.mixture, tests.fit(MECHANISMS), members, _cut(drawn, confidence))
    return told, sets, (members, low)


def _smallest_sets(tests: ShareTests, chances: dict[frozenset[str], float]) -> tuple[tuple[str, ...], ...]:
    """Sets of mechanisms that all mechanisms together do not refuse, of which no part is one."""
    # A set falls with a larger one that is refused; six of those are tested, so that each is held to a sixth.
    refused = [names for names, chance in chances.items() if chance < SIGNIFICANCE / len(tests.told)]
    kept: list[frozenset[str]] = []
    for size in range(1, len(tests.told) + 1):
        for members in combinations(tests.told, size):
            names = frozenset(members)
            if any(each <= names for each in kept) or any(names <= each for each in refused):
                continue
            chance = chances.get(names)
            if chance is None:
                chance = 1.0 if size == len(tests.told) else tests.compare(members, MECHANISMS).p_value
            (kept if chance >= SIGNIFICANCE else refused).append(names)
    kept.sort(key=lambda names: (len(names), -tests.fit(tuple(names)).log_likelihood))
    return tuple(tuple(name for name in tests.told if name in each) for each in kept)


# ---- in words ------------------------------------------------------------------------------------------------------
def sentences(verdict: ShareVerdict) -> tuple[str, ...]:
    """The verdict in short sentences, what speaks against it first."""
    told = []
    if verdict.p_value < SIGNIFICANCE:
        told.append(f"None of these: the best mixture misses the counts (p = {verdict.p_value:.2g}).")
    share = verdict.share(TEMPERATURE)
    told.append(
        f"Temperature decides f = {share.estimate:.2f} [{share.low:.2f}, {share.high:.2f}] of the runs; temperature "
        f"alone is {'refused' if verdict.refused else 'not refused'}."
    )
    others = [each for each in verdict.shares if each.mechanism != TEMPERATURE]
    least = [f"{each.mechanism} at least {each.low:.2f}" for each in others if each.low > 0]
    most = [f"{each.mechanism} at most {each.high:.2f}" for each in others if each.low <= 0]
    if least or most:
        text = "; ".join(least + most)
        told.append(text[0].upper() + text[1:] + ".")
    if verdict.untold:
        told.append(
            f"Cannot tell temperature from {' or '.join(verdict.untold)}: there is too little information about its "
            "share."
        )
    if len(verdict.sets) > 1:
        options = " from ".join(" with ".join(each) for each in verdict.sets)
        told.append(f"Cannot tell {options}.")
    if verdict.together is not None:
        told.append(f"Together {' and '.join(verdict.together[0])} decide at least {verdict.together[1]:.2f}.")
    return tuple(told)
