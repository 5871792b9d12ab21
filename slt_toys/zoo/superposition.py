r"""Superposition: more features than dimensions, polygons as phases, and no temperature that SGD's frequencies have.

c features, one at a time, of size u uniform on [0, 1]; x = u e_i goes through two numbers W x and comes back as
max(WᵀW x + b, 0). The loss is the squared error's mean over all inputs; c = 6, and 5 to 9 by the option ``--features``
(``superposition_sizes``). Its phases are polygons: *k* is the number of columns of W longer than ½, and a + stands for
a feature without a column that has a bias. The posterior is exp(-N L/2) times a standard normal prior, N = nβ. Units:
loss, flow time (rate times steps), temperature 2/N of the loss.

Exact: the loss, pair by pair [eq:active-square], [eq:active-moment]; the polygons' losses [eq:polygon-loss],
[eq:dead-feature-loss]; their learning coefficients, half the rank of the Hessian, as every other direction is a
symmetry or a feature without any slope; rates over the saddle between 6 and 5+ at low temperature
[eq:eyring-kramers-saddle]; log odds of two phases at large N, up to a constant, [eq:phase-free-energy]. Not
exact: the posterior's shares, which replica exchange samples, and SGD's. Below N of about 100 the posterior is hot and
its sides count columns that are no polygon; the best N of SGD's runs lie there.

Source: Elhage et al. (2022), Toy models of superposition; Chen, Lau, Mendel, Wei & Murfet (2023), Dynamical versus
Bayesian phase transitions in a toy model of superposition, arXiv:2310.06301. Their settings of SGD could not be
verified: rates, batches, starts and prior are ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..fits.frequencies import FrequencyFit, PosteriorGrid, fit_frequencies, rejected_share
from ..results.progress import progress
from . import superposition_deficit as deficit
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import Study, share
from .superposition_kinetics import barrier, escapes, kramers
from .superposition_loss import FEATURES, losses, polygon, polygon_loss, sides
from .superposition_odds import fit_odds, log_odds_of
from .superposition_posterior import sample_posterior
from .superposition_report import claims, influences, tables
from .superposition_sizes import FEWEST, grid_of, learning_coefficient, shares_of
from .superposition_sizes import study as study_of_size
from .superposition_training import REPLICAS, Data, Sgd, langevin, starts, thermometer, train

SETTINGS = (
    Sgd(0.01, 1), Sgd(0.02, 1), Sgd(0.05, 1), Sgd(0.1, 1), Sgd(0.1, 10), Sgd(0.5, 10), Sgd(0.1, 0),
)  # fmt: skip
TIME = 1000.0
TIMES = (100.0, 1000.0, 5000.0)  # at which the second setting is looked at
RUNS, BLOCKS = 1600, 3  # replicas whose frequencies are fitted, and blocks of 64 chains that the posterior is drawn by
PHASES = ((6, 0), (5, 1), (5, 0), (4, 2), (4, 0), (3, 0))
POLYGONS = ((6, 0), (5, 1), (5, 0))  # whose λ is measured
CONTROL_SIZES, CONTROL_TIME, CONTROL_LOOKS = (250.0, 900.0), 100.0, 6
RATES = ((6, 600.0, 120_000.0), (6, 500.0, 40_000.0), (6, 400.0, 20_000.0), (5, 1500.0, 30_000.0))
TRIALS = 200  # of counts whose law is known
OTHERS = (5, 7, 8)
SCALES = (0.1, 0.3, 1.0)  # of the start


def measured_coefficient(
    columns: int, pluses: int, seed: int | Sequence[int], size: float = 1e5, paths: int = 64
) -> Measured:
    """λ = N/2 times the mean loss above the minimum, of Langevin paths that stay at the polygon."""
    w = langevin(np.tile(polygon(columns, pluses, low=-1.0), (paths, 1)), size, 150.0, seed, prior=False)
    found = []
    for look in range(20):
        w = langevin(w, size, 10.0, [*np.atleast_1d(seed), look], prior=False)
        found.append(size / 2 * (losses(w) - polygon_loss(columns, pluses)))
    return mean_and_error(np.mean(found, axis=0))


# ---- the study -----------------------------------------------------------------------------------------------------
def dataset(seed: int) -> xr.Dataset:
    """The posterior, SGD's frequencies and their fits, controls, kinetics, the deficit."""
    found: dict[str, tuple] = {}
    with progress("parts", 6) as advance:
        grid, again = (grid_of(sample_posterior([seed, k], 300, BLOCKS, burn=200)) for k in range(2))
        _put_posterior(found, grid, again)
        advance()
        _put_sgd(found, grid, seed)
        advance()
        _put_controls(found, grid, again, seed)
        advance()
        _put_langevin(found, grid, seed)
        advance()
        _put_kinetics(found, seed)
        _put_others(found, seed)
        advance()
        _put_deficit(found, seed)
        advance()
    found["phase_loss"] = ("phase", [polygon_loss(k, plus) for k, plus in PHASES])
    found["coefficient"] = ("polygon", [learning_coefficient(k, plus) for k, plus in POLYGONS])
    measured = [measured_coefficient(k, plus, [seed, 9, k, plus]) for k, plus in POLYGONS]
    found["coefficient_measured"] = ("polygon", [float(m) for m, _ in measured])
    found["coefficient_measured_error"] = ("polygon", [float(e) for _, e in measured])
    return xr.Dataset(
        found, coords=_coordinates(grid), attrs={"seed": seed, "replicas": RUNS, "few": REPLICAS, "trials": TRIALS}
    )


def _coordinates(grid: PosteriorGrid) -> dict[str, list]:
    return {
        "size": list(grid.sizes), "sides": list(range(FEWEST, FEATURES + 1)), "setting": [s.name for s in SETTINGS],
        "time": list(TIMES), "phase": [f"{k}{'+' * plus}" for k, plus in PHASES],
        "polygon": [f"{k}{'+' * plus}" for k, plus in POLYGONS], "control_size": list(CONTROL_SIZES),
        "rate": [f"{'6 to 5+' if k == 6 else '5+ to 6'}, N {n:g}" for k, n, _ in RATES], "features": list(OTHERS),
        "other_sides": list(range(FEWEST, max(OTHERS) + 1)), "scale": list(SCALES), "end": list(deficit.ENDS),
        "batch": [s.batch_size for s in deficit.SETTINGS], "pentagon": ["5", "5+"],
    }  # fmt: skip


def _put_posterior(found: dict[str, tuple], grid: PosteriorGrid, again: PosteriorGrid) -> None:
    for name, one in (("posterior", grid), ("posterior_again", again)):
        each = one.counts / one.counts.sum(axis=2, keepdims=True)
        found[name] = (("size", "sides"), each.mean(axis=1))
        found[f"{name}_error"] = (("size", "sides"), each.std(axis=1, ddof=1) / np.sqrt(each.shape[1]))


def _put_fits(found: dict[str, tuple], fits: Sequence[FrequencyFit]) -> None:
    for name in ("size", "deviance", "null", "p_value", "misfit", "at_edge"):
        found[f"fit_{name}"] = ("setting", [float(getattr(fit, name)) for fit in fits])
    for name, own in (("size", "interval"), ("deviance", "deviance_interval"), ("misfit", "misfit_interval")):
        found[f"fit_{name}_low"] = ("setting", [getattr(fit, own)[0] for fit in fits])
        found[f"fit_{name}_high"] = ("setting", [getattr(fit, own)[1] for fit in fits])
    found["fit_verdict"] = ("setting", np.array([fit.verdict for fit in fits], dtype=object))


def _put_sgd(found: dict[str, tuple], grid: PosteriorGrid, seed: int) -> None:
    data, first = Data.drawn([seed, 10]), starts([seed, 11], RUNS)
    counts, fits, lost, warmth = [], [], [], []
    for number, setting in enumerate(SETTINGS):
        w = train(first, data, setting, TIME, [seed, 12, number])
        counts.append(shares_of(w))
        lost.append(float((sides(w) < 0).mean()))
        fits.append(fit_frequencies(counts[-1], grid, [seed, 13, number]))
        warmth.append(thermometer(polygon(5, 1)[None], data, setting))
    found["runs"] = (("setting", "sides"), np.array(counts))
    found["diverged"], found["temperature"] = ("setting", lost), ("setting", warmth)
    found["noise"] = ("setting", [setting.noise for setting in SETTINGS])
    _put_fits(found, fits)
    _put_odds(found, grid, np.array(counts), seed)
    first = first[:REPLICAS]
    w, before, through = first, 0.0, []
    for number, time in enumerate(TIMES):
        w = train(w, data, SETTINGS[1], time - before, [seed, 14, number])
        before = time
        through.append(shares_of(w))
    found["runs_at_time"] = (("time", "sides"), np.array(through))
    flow = Sgd(0.1, 0)
    scaled = [shares_of(train(scale * first, data, flow, TIME / 2, [seed, 15])) for scale in SCALES]
    found["runs_by_scale"] = (("scale", "sides"), np.array(scaled))


def _put_odds(found: dict[str, tuple], grid: PosteriorGrid, counts: np.ndarray, seed: int) -> None:
    """The second fit: log odds of 6 against 5 by losses and λ, from the posterior, and of each setting."""
    six, parts = (6, 0), (polygon_loss, learning_coefficient)
    for pentagon in ((5, 0), (5, 1)):
        loss, coefficient = ((each(*six), each(*pentagon)) for each in parts)
        odds = fit_odds(grid, loss, coefficient, (-1, -2), seed)
        least = float(odds(odds.least_at)) if np.isfinite(odds.least_at) else np.nan
        told = (odds.constant, odds.constant_error, odds.misfit, odds.least_at, least)
        for key, value in zip(("constant", "constant_error", "misfit", "least_at", "least"), told, strict=True):
            found.setdefault(f"odds_{key}", ("pentagon", []))[1].append(value)
        found.setdefault("odds_law", (("pentagon", "size"), []))[1].append(odds(grid.sizes))
        with_odds = [odds.sizes_with(log_odds_of(each[[-1, -2]])[0])[1] for each in counts]
        found.setdefault("odds_size", (("pentagon", "setting"), []))[1].append(with_odds)
    pairs = [log_odds_of(each[[-1, -2]]) for each in counts]
    own = grid.counts.sum(axis=1)[:, [-1, -2]]
    found["posterior_log_odds"] = ("size", [log_odds_of(each)[0] for each in own])
    found["log_odds"] = ("setting", [value for value, _ in pairs])
    found["log_odds_error"] = ("setting", [error for _, error in pairs])


def _put_controls(found: dict[str, tuple], grid: PosteriorGrid, again: PosteriorGrid, seed: int) -> None:
    """Counts drawn from a second sample of the posterior are rejected at 5 %; SGD's, and a quarter of them, more."""
    size = np.array([CONTROL_SIZES[0]])
    own = np.exp(again.log_shares(sizes=size)[0])
    other = found["runs"][1][0] / found["runs"][1][0].sum()
    for name, mixed in (("null", 0.0), ("quarter", 0.25), ("half", 0.5), ("whole", 1.0)):
        shares = (1 - mixed) * own + mixed * other
        rejected = rejected_share(shares / shares.sum(), RUNS, grid, [seed, 20, int(4 * mixed)], TRIALS)
        hits = np.arange(TRIALS) < round(rejected * TRIALS)
        found[f"rejected_{name}"], found[f"rejected_{name}_error"] = ((), share(hits)[0]), ((), share(hits)[1])


def _put_langevin(found: dict[str, tuple], grid: PosteriorGrid, seed: int) -> None:
    """Langevin paths at the posterior's N: from its own draws they are to stay, from the prior they may be trapped."""
    draws = sample_posterior([seed, 30], CONTROL_LOOKS, burn=300)
    warm, cold, start = [], [], []
    for number, size in enumerate(CONTROL_SIZES):
        own = draws.draws[int(np.flatnonzero(draws.sizes == size)[0])].reshape(-1, 3 * FEATURES)
        start.append(shares_of(own))
        warm.append(shares_of(langevin(own, size, CONTROL_TIME, [seed, 31, number])))
        cold.append(shares_of(langevin(starts([seed, 32]), size, CONTROL_TIME, [seed, 33, number])))
    for name, counts in (("start", start), ("stayed", warm), ("cold", cold)):
        found[f"langevin_{name}"] = (("control_size", "sides"), np.array(counts))


def _put_kinetics(found: dict[str, tuple], seed: int) -> None:
    counted = [escapes(k, 2 / n, time, [seed, 40, i]) for i, (k, n, time) in enumerate(RATES)]
    found["escapes"] = ("rate", [float(n) for n, _ in counted])
    found["escape_rate"] = ("rate", [n / time for n, time in counted])
    found["escape_rate_error"] = ("rate", [np.sqrt(max(n, 1)) / time for n, time in counted])
    found["escape_rate_law"] = ("rate", [kramers(k, 2 / n) for k, n, _ in RATES])
    found["barrier_from_5"], found["barrier_from_6"] = ((), barrier(5)), ((), barrier(6))
    warmth = np.array(found["temperature"][1])
    found["log_rate_at_temperature"] = (
        "setting", [float(np.log10(kramers(5, t))) if t > 0 and barrier(5) / t < 500 else -np.inf for t in warmth]
    )  # fmt: skip


def _put_others(found: dict[str, tuple], seed: int) -> None:
    """Frequencies of gradient descent with other dictionaries."""
    counts = np.zeros((len(OTHERS), max(OTHERS) - FEWEST + 1), dtype=int)
    for row, size in enumerate(OTHERS):
        w = train(
            starts([seed, 50, size], features=size), Data.drawn([seed, 51], size), Sgd(0.1, 0), 300.0, [seed, 52]
        )  # fmt: skip
        counts[row, : size - FEWEST + 1] = shares_of(w, size)
    found["runs_of_others"] = (("features", "other_sides"), counts)


def _put_deficit(found: dict[str, tuple], seed: int) -> None:
    data, rows, laws, warmth = Data.drawn([seed, 10]), [], [], []
    for number, setting in enumerate(deficit.SETTINGS):
        own = [seed, 60, number]
        warmth.append(deficit.temperature(setting, data, own))
        rows.append(deficit.learned(setting, data, own, REPLICAS))
        laws.append(deficit.predicted(setting, warmth[-1], own, REPLICAS))
    for name, hits in (("learned", rows), ("learned_law", laws)):
        told = [[share(at) for at in each] for each in hits]
        found[name] = (("batch", "end"), [[v for v, _ in each] for each in told])
        found[f"{name}_error"] = (("batch", "end"), [[e for _, e in each] for each in told])
    for name, hits in (("critical_end", rows), ("critical_end_law", laws)):
        ends = [deficit.end_with_error(each, [seed, 61, k]) for k, each in enumerate(hits)]
        found[name], found[f"{name}_error"] = ("batch", [v for v, _ in ends]), ("batch", [e for _, e in ends])
    found["deficit_temperature"] = ("batch", warmth)


# ---- checks --------------------------------------------------------------------------------------------------------
_PLACES = np.random.default_rng(0).standard_normal((4, 3 * FEATURES))


def _drawn_loss(seed: int) -> Measured:
    random = np.random.default_rng(seed)
    count = 100_000
    u, i = random.random(count), random.integers(0, FEATURES, count)
    inputs = np.zeros((count, FEATURES))
    inputs[np.arange(count), i] = u
    found = []
    for w in _PLACES:
        columns, bias = w[: 2 * FEATURES].reshape(2, FEATURES), w[2 * FEATURES :]
        found.append(((inputs - np.maximum(inputs @ (columns.T @ columns) + bias, 0)) ** 2).sum(axis=1))
    return mean_and_error(np.array(found).T)


def _without_bias() -> Array:
    return losses(np.where(np.arange(3 * FEATURES) < 2 * FEATURES, _PLACES, 0.0))


def _descended(seed: int) -> Measured:
    random = np.random.default_rng(seed)
    near = np.array([polygon(k, plus) for k, plus in POLYGONS]) + 0.02 * random.standard_normal((3, 3 * FEATURES))
    ends = train(near, Data.drawn(seed), Sgd(0.2, 0), 2000.0, seed)
    return losses(ends), np.zeros(3)


def _coefficients(seed: int) -> Measured:
    found = [measured_coefficient(k, plus, [seed, k, plus]) for k, plus in POLYGONS]
    return np.array([m for m, _ in found]), np.array([e for _, e in found])


MODEL = ZooModel(
    "superposition",
    ("active-square", "active-moment", "polygon-loss", "dead-feature-loss", "eyring-kramers-saddle",
     "phase-free-energy"),
    (
        Check("population loss at four places, from drawn inputs", lambda: losses(_PLACES), _drawn_loss, _without_bias),
        Check("loss of 6, 5+ and 5 by gradient descent", lambda: np.array([polygon_loss(*each) for each in POLYGONS]),
              _descended, lambda: np.array([polygon_loss(k) for k in (6, 5, 4)]), 1e-8,
              "rounding, and slow directions"),
        Check("λ of 6, 5+ and 5 by energies", lambda: np.array([learning_coefficient(*each) for each in POLYGONS]),
              _coefficients, lambda: np.full(3, 9.0), 0.25, "a step of .02, and terms of the order of the temperature"),
    ),
    Study(
        "Superposition: no temperature has the frequencies of SGD",
        """A network passes six features, one at a time, through two dimensions. Its phases are polygons of columns: 6,
5, 5+ (a fifth and a *dead* feature, which has no column but a bias) and so on; runs and draws are counted by their
number of *sides* k. The posterior exp(-N L/2) times a standard normal prior is sampled at fifteen values of N = nβ at
once, by the project's replica exchange on the exact loss [eq:active-square]. SGD trains 1 600 replicas from
standard normal starts on a fixed sample of 1 000; other [dictionaries](zoo_superposition_features_8.md) by the option
--features.

N is *fitted* to SGD's counts by their multinomial likelihood. The *deviance* is twice what the fit lacks in log
likelihood against the counted shares; its interval is of counts drawn again from those, and its 95 % bound is of counts
from the fitted posterior, the grid's chains drawn anew. A setting's verdict is "no" where p < 0.05, "yes" where at most
a tenth of the runs can be in another phase than the posterior says, else "cannot tell". How often the fit is rejected
where only a part of the runs are SGD's is its *power*, in a table below: half of them are always found, a quarter often
are not. A second fit takes the odds of 6 against 5 alone, by losses and λ [eq:phase-free-energy]. The *thermometer*
reads SGD's temperature from the variance of single examples' slopes, at 5+ in the table, and 2 over it is the N that
SGD would sample at if its noise were white.

In the *deficit* the sixth feature is withheld until e_s. *e-star* is the e_s at which the share of runs that learn it
has fallen half way from no deficit's to the longest one's; the prediction is of Langevin paths on the exact loss at the
temperature that the thermometer reads during the deficit. Settings of SGD in the paper could not be verified: rates,
batches, starts and prior are ours, and so are the fit, the kinetics and the deficit.""",
        dataset, claims, tables, influences, 180.0,
    ),
    {"features": study_of_size},
)  # fmt: skip
