r"""Phases of a posterior: a rectified unit is dead at small n or β, live at large, and its errors follow.

The map f = max(a, 0) w has an input weight a and four output weights w, all N(0, 1); y = f + N(0, 1) in each output,
and the true map has the length δ, the *signal*. With a < 0 the unit is *dead*: f = 0, the loss is δ²/2, and no weight
matters, so that its learning coefficient is 0. With a > 0 it is *live*: loss 0, regular in f, λ = 2. The posterior is
prior times likelihood to the power β; its two phases weigh the same where [eq:live-free-energy] is 0.

Exact: given a data set, everything. The posterior knows the live map's length a|w|, of the prior density
[eq:live-length-density], and its direction, over which Bessel functions integrate; lengths and new examples are done
by quadrature. Not exact: means over drawn data sets, which matter by their least-squares map alone, so that any n costs
the same. The law takes the live phase for normal and the noise of the examples for its mean.

Source: derived here, from the free energies of phases in Watanabe (2009), Algebraic Geometry and Statistical Learning
Theory. The model and its numbers are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import leggauss
from scipy.special import expit, i1e, ive, roots_genlaguerre

from ..reference.laws import law
from ..results.claims import Claim, Table, Verdict
from ..results.progress import progress
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import LEAST, REACH, Influence, Study

OUTPUTS, LIVE_COEFFICIENT = 4, 2.0
SIGNAL, SETS = 0.02, 1800
BETAS = (0.1, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 10.0)
SHARES = (0.03, 0.1, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 10.0, 100.0)  # n, in units of the law's
SIGNALS = (0.1, 0.02, 0.004, 0.0008)
_PLACES = np.geomspace(0.3, 100, 121)  # n at which the law is drawn, in units of its own
GROUPS = 12  # of data sets, each with a median of its own
NODES, BEYOND = 64, 9.0  # along the length; standard deviations
ALONG, ACROSS = 8, 4  # nodes of a new example along the map, and of its square across


@dataclass(frozen=True)
class UnitErrors:
    """Of each data set, shape (sets,): posterior share of the dead phase, and n times both errors on new examples."""

    dead: Array
    bayes: Array
    gibbs: Array


def _lengths(precision: float, pull: Array) -> tuple[Array, Array, Array]:
    """Nodes of the live map's length under exp(f·h - precision |f|²/2), |h| = pull, their mass, and the mass in all.

    The factor exp(pull²/2 precision) is left out.
    """
    nodes, weights = leggauss(NODES)
    middle = pull / precision
    reach = BEYOND / np.sqrt(precision)
    low = np.maximum(middle - reach, 0)
    span = (middle + reach - low)[..., None] / 2
    s = low[..., None] + span * (nodes + 1)
    turned = s * pull[..., None]  # its exponential is taken off ive, and stands in the square
    mass = np.exp(-precision / 2 * (s - middle[..., None]) ** 2) * law("live-length-density")(live_length=s)
    mass *= 2 * i1e(turned) / turned * span  # with the mean of e^(s h·direction) over four dimensions
    return s, mass * weights, mass @ weights


def _log_odds(precision: float, pull: Array) -> Array:
    """Log of the live phase's mass over the dead one's, under the same."""
    return pull**2 / (2 * precision) + np.log(_lengths(precision, pull)[2])


def least_squares_maps(size: float, signal: float, noise: Array) -> Array:
    """Of data sets whose mean noise is ``noise``/√n, shape (sets, 4)."""
    found = noise / np.sqrt(size)
    found[:, 0] += signal
    return found


def dead_share(beta: float, size: float, signal: float, noise: Array) -> Array:
    """Posterior share of the dead phase in each data set, shape (sets,)."""
    x = size * beta
    return expit(-_log_odds(x, x * np.linalg.norm(least_squares_maps(size, signal, noise), axis=1)))


def unit_errors(beta: float, size: float, signal: float, noise: Array) -> UnitErrors:
    """Errors of each data set.

    Parameters
    ----------
    beta, size
        Inverse temperature β, and number n of examples.
    signal
        Length δ of the true map.
    noise
        √n times the examples' mean noise, shape (sets, 4).
    """
    x, least = size * beta, least_squares_maps(size, signal, noise)
    length = np.linalg.norm(least, axis=1)
    odds = _log_odds(x, x * length)
    dead = expit(-odds)
    s, mass, total = _lengths(x, x * length)
    turned = x * s * length[:, None]
    square = (mass * s * s).sum(axis=1) / total
    along = (mass * s * ive(2, turned) / i1e(turned)).sum(axis=1) / total  # mean of f in the direction of the pull
    gibbs = signal**2 / 2 + (1 - dead) * (square / 2 - signal * least[:, 0] / length * along)
    pull = x * least
    pull[:, 0] += signal
    normal, shares = hermegauss(ALONG)
    half, half_shares = roots_genlaguerre(ACROSS, 0.5)  # half a chi-square of three degrees of freedom
    of = (np.linalg.norm(pull, axis=1)[:, None, None] + normal[:, None]) ** 2 + 2 * half
    gained = np.logaddexp(0, _log_odds(x + 1, np.sqrt(of))) - np.logaddexp(0, odds)[:, None, None]
    mean = np.einsum("sij,i,j->s", gained, shares / shares.sum(), half_shares / half_shares.sum())
    return UnitErrors(dead, size * (signal**2 / 2 - mean), size * gibbs)


# ---- the law ---------------------------------------------------------------------------------------------------------
def free_energy(beta: float | Array, size: float | Array, signal: float) -> Array:
    """Of the live phase less that of the dead one [eq:live-free-energy]."""
    return law("live-free-energy")(inverse_temperature=beta, sample_size=size, signal=signal)


def crossover_size(beta: float, signal: float) -> float:
    """n at which the law's two phases weigh the same, the larger solution."""
    constant = float(free_energy(beta, 1 / beta, signal)) + signal**2 / 2  # at nβ = 1 its logarithm is 0
    return (
        law("crossover")(
            loss_difference=-(signal**2) / 2, learning_coefficient_difference=LIVE_COEFFICIENT,
            free_energy_constant_difference=constant,
        )
        / beta
    )  # fmt: skip


def crossover_beta(size: float, signal: float) -> float:
    """β at which they do, at a given n: the larger solution, by bisection of the logarithm."""
    return float(np.exp(_root(lambda y: float(free_energy(np.exp(y), size, signal)), np.log(0.05), np.log(50.0))))


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that falls through 0 does so."""
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2


def _median(beta: float, size: float, signal: float, noise: Array) -> float:
    return float(np.median(dead_share(beta, size, signal, noise)))


def turning_size(beta: float, signal: float, noise: Array) -> float:
    """n at which half of the data sets have most of their posterior in the live phase."""
    start = np.log(crossover_size(beta, signal))
    return float(np.exp(_root(lambda y: _median(beta, np.exp(y), signal, noise) - 0.5, start - 1, start + 2)))


def turning_beta(size: float, signal: float, noise: Array) -> float:
    """β at which half of the data sets have most of their posterior in the live phase."""
    start = np.log(crossover_beta(size, signal))
    return float(np.exp(_root(lambda y: _median(np.exp(y), size, signal, noise) - 0.5, start - 2, start + 2)))


def width(signal: float) -> float:
    """Logarithm of n at a dead share of .1 over that at .9, at β = 1, in a data set of the mean length."""

    def share_at(y: float) -> float:
        n = np.exp(y)
        return float(dead_share(1.0, n, signal, np.array([[0.0, np.sqrt(OUTPUTS), 0.0, 0.0]]))[0])

    start = np.log(crossover_size(1.0, signal))
    late, early = (_root(lambda y, s=s: share_at(y) - s, start - 1.5, start + 3) for s in (0.1, 0.9))
    return late - early


# ---- the study -------------------------------------------------------------------------------------------------------
def _table_of(settings: Sequence[tuple[float, float]], noise: Array, dim: str) -> dict[str, tuple[str, list[float]]]:
    """Means and errors of share and errors at (β, n), names prefixed by the dimension."""
    found: dict[str, tuple[str, list[float]]] = {}
    for beta, size in settings:
        errors = unit_errors(beta, size, SIGNAL, noise)
        for name in ("dead", "bayes", "gibbs"):
            for end, value in zip(("", "_error"), mean_and_error(getattr(errors, name)), strict=True):
                found.setdefault(f"{dim}_{name}{end}", (dim, []))[1].append(float(value))
    return found


def dataset(seed: int) -> xr.Dataset:
    """Shares and errors across n and across β, where data sets turn, and how sharply."""
    noise = np.random.default_rng([seed, 0]).standard_normal((SETS, OUTPUTS))
    middle = crossover_size(1.0, SIGNAL)
    with progress("phases", 4) as advance:
        found = _table_of([(1.0, middle * share) for share in SHARES], noise, "size")
        advance()
        found |= _table_of([(beta, middle) for beta in BETAS], noise, "beta")
        advance()
        groups = np.split(noise, GROUPS)
        sizes = np.array([[turning_size(1.0, signal, part) for part in groups] for signal in SIGNALS])
        betas = np.array([turning_beta(2 * middle, SIGNAL, part) for part in groups])
        advance()
        far = [unit_errors(beta, SHARES[-1] * middle, SIGNAL, noise).bayes for beta in (0.25, 4.0)]
        near = [unit_errors(beta, middle, SIGNAL, noise).bayes for beta in (0.25, 4.0)]
        advance()
    log_mean, log_error = mean_and_error(np.log(sizes).T)
    beta_mean, beta_error = mean_and_error(np.log(betas))
    changes = [mean_and_error(cold - hot) for hot, cold in (near, far)]
    return xr.Dataset(
        found
        | {
            "turning_size": ("signal", np.exp(log_mean)), "turning_size_log_error": ("signal", log_error),
            "law_size": ("signal", [crossover_size(1.0, signal) for signal in SIGNALS]),
            "width": ("signal", [width(signal) for signal in SIGNALS]),
            "turning_beta": float(np.exp(beta_mean)), "turning_beta_log_error": float(beta_error),
            "law_beta": crossover_beta(2 * middle, SIGNAL),
            "change": ("place", [float(c) for c, _ in changes]),
            "change_error": ("place", [float(e) for _, e in changes]),
            "far_bayes": ("end", [float(x.mean()) for x in far]),
            "far_bayes_error": ("end", [float(mean_and_error(x)[1]) for x in far]),
            "law_by_size": ("law_place", expit(free_energy(1.0, middle * _PLACES, SIGNAL))),
        },
        coords={
            "size": [middle * share for share in SHARES], "beta": list(BETAS), "signal": list(SIGNALS),
            "place": ["at the transition", "beyond it"], "end": [0.25, 4.0], "law_place": _PLACES,
        },
        attrs={"seed": seed, "sets": SETS, "signal_shown": SIGNAL, "middle": middle},
    )  # fmt: skip


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Temperature at the transition and beyond it; n; the signal."""
    middle = data.attrs["middle"]

    def along(control: str, dim: str, first: float, last: float, name: str, quantity: str, span: float) -> Influence:
        ends = [data.sel({dim: at}, method="nearest") for at in (first, last)]
        values = [float(end[f"{dim}_{name}"]) for end in ends]
        errors = [float(end[f"{dim}_{name}_error"]) for end in ends]
        lever = "β from 4 to 1/4, at the transition's n" if dim == "beta" else "n from 1/4 to 4 of the transition's"
        return Influence(control, lever, quantity, *values, *errors, span)  # type: ignore[arg-type]

    hot, cold = (float(x) for x in data["far_bayes"])
    hot_error, cold_error = (float(x) for x in data["far_bayes_error"])
    return (
        along("temperature", "beta", 4.0, 0.25, "dead", "posterior share of the dead phase", 1.0),
        along("temperature", "beta", 4.0, 0.25, "bayes", "n times the Bayes error", middle * SIGNAL**2 / 2),
        Influence("temperature", "β from 4 to 1/4, at 100 times that n", "n times the Bayes error", cold, hot,
                  cold_error, hot_error, LIVE_COEFFICIENT),
        along("other", "size", 0.25 * middle, 4 * middle, "dead", "posterior share of the dead phase", 1.0),
    )  # fmt: skip


def _change_claim(data: xr.Dataset, place: int, name: str, told: str) -> Claim:
    """The post's sentence: from β = 1/4 to 4 the error moves by less than a tenth of λ."""
    change, reach = float(data["change"][place]), REACH * float(data["change_error"][place])
    allowed = LEAST * LIVE_COEFFICIENT
    verdict: Verdict = "cannot tell"
    if abs(change) + reach < allowed or abs(change) - reach > allowed:
        verdict = "yes" if abs(change) < allowed else "no"
    moved = f"{change:.2f} ± {reach:.2f}"
    sentence = f"β does not enter the Bayes error {told}: from 1/4 to 4, n times it changes by {moved}."
    return Claim.of(name, sentence, change, (change - reach, change + reach), 0.0, verdict)


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """What speaks against the law and the post first."""
    shown = data.sel(signal=SIGNAL)
    ratio = float(shown["turning_size"] / shown["law_size"])
    low, high = (ratio * np.exp(sign * REACH * float(shown["turning_size_log_error"])) for sign in (-1, 1))
    beta_ratio = float(data["turning_beta"] / data["law_beta"])
    ends = [beta_ratio * np.exp(sign * REACH * float(data["turning_beta_log_error"])) for sign in (-1, 1)]
    at = data.sel(size=data.attrs["middle"], method="nearest")
    bayes, reach = float(at["size_bayes"]), REACH * float(at["size_bayes_error"])
    warm, cold = (data.sel(beta=beta) for beta in (0.25, 4.0))
    moved = float(warm["beta_dead"] - cold["beta_dead"])
    moved_reach = REACH * float(np.hypot(warm["beta_dead_error"], cold["beta_dead_error"]))
    widths = [float(x) for x in data["width"]]
    return (
        Claim.of(
            "crossover-in-n", f"Half of the data sets have turned live at {ratio:.2f} [{low:.2f}, {high:.2f}] "
            "times the n of the crossover law.", ratio, (low, high), 1.0,
        ),
        Claim.of(
            "errors-at-the-transition", "n times the Bayes error never exceeds the larger λ, 2: at the law's "
            f"transition it is {bayes:.2f} ± {reach:.2f}.", bayes, (bayes - reach, bayes + reach),
            LIVE_COEFFICIENT, "no" if bayes - reach > LIVE_COEFFICIENT else "yes",
        ),
        _change_claim(data, 0, "post-at-the-transition", "at the transition"),
        _change_claim(data, 1, "post-beyond-it", "far beyond it"),
        Claim.of(
            "crossover-in-beta", f"At twice that n, half of the data sets turn live at {beta_ratio:.2f} "
            f"[{ends[0]:.2f}, {ends[1]:.2f}] times the β of the law.", beta_ratio, (ends[0], ends[1]), 1.0,
        ),
        Claim.of(
            "temperature-moves-it", f"From β = 4 to 1/4, at the transition's n, the dead phase gains {moved:.2f} "
            f"± {moved_reach:.2f} of the posterior.", moved, (moved - moved_reach, moved + moved_reach),
            verdict="yes" if moved - moved_reach > 0.5 else "no",
        ),
        Claim.of(
            "sharper", f"The transition's width in log n falls from {widths[0]:.2f} to {widths[-1]:.2f} as the signal "
            f"falls from {SIGNALS[0]:g} to {SIGNALS[-1]:g}.", widths[-1],
            verdict="yes" if (np.diff(widths) < 0).all() else "no",
        ),
    )  # fmt: skip


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Across n, across β, and by the signal."""

    def across(dim: str, heading: str, values: Sequence[str], name: str, caption: str) -> Table:
        columns = {heading: values}
        for what, told in (("dead", "dead share"), ("bayes", "n × Bayes error"), ("gibbs", "n × Gibbs error")):
            pairs = zip(data[f"{dim}_{what}"].values, data[f"{dim}_{what}_error"].values, strict=True)
            columns[told] = [f"{value:.3f} ± {error:.3f}" for value, error in pairs]
        return Table.of_columns(name, caption, columns)

    told = zip(data["turning_size"].values, data["turning_size_log_error"].values, strict=True)
    return (
        across("size", "n", [f"{n:.4g}" for n in data["size"].values], "across_n",
               f"At β = 1, signal {SIGNAL:g}, means over {SETS} data sets and standard errors."),
        across("beta", "β", [f"{b:g}" for b in BETAS], "across_beta",
               f"At n = {data.attrs['middle']:.4g}, where the law has its transition at β = 1."),
        Table.of_columns(
            "by_signal", "n at which the law has both phases equal, n at which half of the data sets have most "
            "of their posterior in the live phase, and the width in log n between dead shares of .9 and .1 in one.",
            {
                "signal": [f"{x:g}" for x in SIGNALS], "law": [f"{x:.4g}" for x in data["law_size"].values],
                "data sets": [f"{value:.4g} ± {100 * error:.1f} %" for value, error in told],
                "width": [f"{x:.2f}" for x in data["width"].values],
            },
        ),
    )  # fmt: skip


# ---- checks ----------------------------------------------------------------------------------------------------------
_NOISE, _SIZE, _LONG = np.array([[0.6, -0.4, 0.9, 0.1]]), 12.0, 0.8


def _by_quadrature(beta: float) -> Array:
    found = unit_errors(beta, _SIZE, _LONG, _NOISE)
    return np.array([found.dead[0], found.gibbs[0]])


def _by_weights(seed: int) -> Measured:
    """One data set: weights from the prior, weighted by the likelihood."""
    random = np.random.default_rng(seed)
    a, w = random.standard_normal(400_000), random.standard_normal((400_000, OUTPUTS))
    f = np.maximum(a, 0)[:, None] * w
    least = least_squares_maps(_SIZE, _LONG, _NOISE)[0]
    weights = np.exp(-0.5 * _SIZE * ((f - least) ** 2).sum(axis=1) / 2)
    weights /= weights.sum()
    truth = np.array([_LONG, 0.0, 0.0, 0.0])
    values = np.stack([a < 0, _SIZE * ((f - truth) ** 2).sum(axis=1) / 2])
    means = values @ weights
    return means, np.sqrt(((values - means[:, None]) ** 2) @ weights**2)


def _turning_ratio(seed: int) -> Measured:
    signal, noise = SIGNALS[-1], np.random.default_rng(seed).standard_normal((20, 60, OUTPUTS))
    ratio, error = mean_and_error(
        np.array([turning_size(1.0, signal, part) for part in noise]) / crossover_size(1.0, signal)
    )
    return np.array([float(ratio)]), np.array([float(error)])


MODEL = ZooModel("generalisation_phases", ("live-length-density", "live-free-energy"), (
    Check("dead share and Gibbs error of one data set, weights from the prior against quadrature",
          lambda: _by_quadrature(0.5), _by_weights, lambda: _by_quadrature(1.0)),
    Check("n at which half of the data sets turn live, over the law's", lambda: np.ones(1), _turning_ratio,
          lambda: np.full(1, 2.0), 0.2, "the live phase is not quite normal, and a median is no mean"),
), Study(
    "Generalisation phases: a unit that is dead, then alive",
    """One rectified unit with four outputs, y = max(a, 0) w + noise, learns a map of length δ, the *signal*. A *dead*
unit (a < 0) has the loss δ²/2 and no weight that matters (learning coefficient λ = 0); a *live* one has loss 0 and
λ = 2. At small nβ the dead phase holds the posterior, which is the prior times the likelihood to the power β; at large
nβ the live one does [eq:live-free-energy], [eq:crossover]. The *Bayes* error is that of the predictive distribution,
the *Gibbs* error that of one draw, both above the least loss. The law has no fluctuation between data sets; theirs
smears the transition, and each data set has its own.

Given a data set all is exact, by quadrature. Means are over drawn data sets. There is no training by SGD here, hence no
batch size and no time.""",
    dataset, claims, tables, influences,
))  # fmt: skip
