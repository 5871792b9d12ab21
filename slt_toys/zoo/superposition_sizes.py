"""Toy models of superposition with other dictionaries than six features: posterior, SGD's runs and their fit.

What is special to six features, the saddle between 5+ and 6, its rates and the deficit, is left to the model itself.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..fits.frequencies import FrequencyFit, PosteriorGrid, fit_frequencies, rejected_share
from ..results.claims import Claim, Table, chance_text, estimate_text
from ..results.progress import progress
from .model import Array
from .study import Influence, Study, share
from .superposition_loss import FEATURES, hessian, polygon, polygon_loss, sides
from .superposition_posterior import Posterior, sample_posterior
from .superposition_training import REPLICAS, Data, Sgd, starts, thermometer, train

SMALLEST, LARGEST = 5, 9  # four features lose nothing, and a polygon of ten is no minimum
FEWEST = 3  # columns; fewer are counted with them
SETTINGS = (Sgd(0.01, 1), Sgd(0.02, 1), Sgd(0.05, 1), Sgd(0.1, 1), Sgd(0.1, 10), Sgd(0.1, 0))
TIME, TRIALS, CONTROL_SIZE = 1000.0, 100, 250.0
REACH = 1.96


def check_features(features: int) -> None:
    """Refuse a dictionary that is not one of these.

    Raises
    ------
    ValueError
        In one line that names the option.
    """
    if not SMALLEST <= features <= LARGEST:
        raise ValueError(
            f"--features must be from {SMALLEST} to {LARGEST}, not {features}: four lose nothing, and a polygon "
            "of ten is no minimum"
        )


def shares_of(weights: Array, features: int = FEATURES) -> np.ndarray:
    """Runs with 3 or fewer, 4, ..., c sides, shape (c - 2,); runs that diverged are in none."""
    found = sides(weights)
    return np.bincount(np.maximum(found[found >= 0], FEWEST), minlength=features + 1)[FEWEST:]


def grid_of(posterior: Posterior) -> PosteriorGrid:
    """The posterior's draws as :mod:`slt_toys.fits.frequencies` takes them."""
    counts = posterior.counts()
    merged = np.concatenate([counts[..., : FEWEST + 1].sum(axis=-1, keepdims=True), counts[..., FEWEST + 1 :]], axis=-1)
    return PosteriorGrid(posterior.sizes[::-1].copy(), merged[::-1].astype(float))


def learning_coefficient(columns: int, pluses: int, features: int = FEATURES) -> float:
    """λ of a polygon: half the rank of its Hessian, as the loss does not change along the other directions."""
    values = np.linalg.eigvalsh(hessian(polygon(columns, pluses, features)))
    return float((np.abs(values) > 1e-6 * values[-1]).sum() / 2)


def phases_of(features: int) -> list[tuple[int, int]]:
    """Polygons of at least five columns, without and with a + for each dead feature."""
    return [(k, plus) for k in range(features, 4, -1) for plus in sorted({0, features - k}, reverse=True)]


def dataset(seed: int, features: int) -> xr.Dataset:
    """Posterior, runs, fits, the control and the polygons of one dictionary."""
    found: dict[str, tuple] = {}
    with progress("parts", 3) as advance:
        grid, again = (grid_of(sample_posterior([seed, k], 300, burn=200, features=features)) for k in range(2))
        for name, one in (("posterior", grid), ("posterior_again", again)):
            each = one.counts / one.counts.sum(axis=2, keepdims=True)
            found[name] = (("size", "sides"), each.mean(axis=1))
            found[f"{name}_error"] = (("size", "sides"), each.std(axis=1, ddof=1) / np.sqrt(each.shape[1]))
        advance()
        data, first = Data.drawn([seed, 10], features), starts([seed, 11], features=features)
        place = polygon(5, min(features - 5, 1), features)[None]
        runs = [train(first, data, setting, TIME, [seed, 12, k]) for k, setting in enumerate(SETTINGS)]
        counts = [shares_of(w, features) for w in runs]
        fits = [fit_frequencies(each, grid, [seed, 13, k]) for k, each in enumerate(counts)]
        advance()
        found["runs"] = (("setting", "sides"), np.array(counts))
        found["diverged"] = ("setting", [float((sides(w) < 0).mean()) for w in runs])
        found["temperature"] = ("setting", [thermometer(place, data, setting) for setting in SETTINGS])
        _put_fits(found, fits)
        own = np.exp(again.log_shares(sizes=np.array([CONTROL_SIZE]))[0])
        for name, shares in (("null", own), ("whole", counts[0] / counts[0].sum())):
            rejected = rejected_share(shares / shares.sum(), REPLICAS, grid, [seed, 20], TRIALS)
            value, error = share(np.arange(TRIALS) < round(rejected * TRIALS))
            found[f"rejected_{name}"], found[f"rejected_{name}_error"] = ((), value), ((), error)
        advance()
    phases = phases_of(features)
    found["phase_loss"] = ("phase", [polygon_loss(k, plus, features) for k, plus in phases])
    found["coefficient"] = ("phase", [learning_coefficient(k, plus, features) for k, plus in phases])
    coordinates = {
        "size": list(grid.sizes), "sides": list(range(FEWEST, features + 1)), "setting": [s.name for s in SETTINGS],
        "phase": [f"{k}{'+' * plus}" for k, plus in phases],
    }  # fmt: skip
    return xr.Dataset(found, coordinates, {"seed": seed, "features": features, "replicas": REPLICAS})


def _put_fits(found: dict[str, tuple], fits: list[FrequencyFit]) -> None:
    for name in ("size", "deviance", "null", "p_value", "misfit"):
        found[f"fit_{name}"] = ("setting", [float(getattr(fit, name)) for fit in fits])
    for name, own in (("size", "interval"), ("deviance", "deviance_interval"), ("misfit", "misfit_interval")):
        found[f"fit_{name}_low"] = ("setting", [getattr(fit, own)[0] for fit in fits])
        found[f"fit_{name}_high"] = ("setting", [getattr(fit, own)[1] for fit in fits])
    found["fit_verdict"] = ("setting", np.array([fit.verdict for fit in fits], dtype=object))


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """Whether some N fits, and whether the fit can tell."""
    verdicts = [str(v) for v in data["fit_verdict"].values]
    fit, least = verdicts.count("yes"), int(data["fit_deviance"].values.argmin())
    value, low, high, null = (
        float(data[name][least]) for name in ("fit_deviance", "fit_deviance_low", "fit_deviance_high", "fit_null")
    )
    own, error = float(data["rejected_null"]), float(data["rejected_null_error"])
    power, spread = float(data["rejected_whole"]), float(data["rejected_whole_error"])
    low_share, high_share = max(own - REACH * error, 0.0), own + REACH * error
    holds = low_share <= 0.05 <= high_share and power - REACH * spread > 0.8
    return (
        Claim.of(
            "a-posterior-has-the-frequencies", f"Some N fits SGD's frequencies at {fit} of {len(verdicts)} settings; "
            f"the least deviance is {value:.3g} [{low:.3g}, {high:.3g}], its 95 % bound {null:.2g}.", value,
            (low, high), verdict="yes" if fit == len(verdicts) else "no" if verdicts.count("no") else "cannot tell",
        ),
        Claim.of(
            "the-test-accepts-the-posterior", f"Counts from the posterior are rejected in {own:.2g} "
            f"[{low_share:.2g}, {high_share:.2g}] of trials at a level of .05, SGD's in {power:.2g}.", own,
            (low_share, high_share), 0.05, "yes" if holds else "no",
        ),
    )  # fmt: skip


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Fits, posterior and polygons."""
    heads = ["3 or fewer", *(f"{k}" for k in data["sides"].values[1:])]
    fitted, rows = [], []
    for k, name in enumerate(data["setting"].values):
        at = data.isel(setting=k)
        told = [
            estimate_text(float(at[f"fit_{x}"]), float(at[f"fit_{x}_low"]), float(at[f"fit_{x}_high"]), digits)
            for x, digits in (("size", 3), ("deviance", 3), ("misfit", 2))
        ]
        shares, warmth = at["runs"].values / at["runs"].values.sum(), float(at["temperature"])
        fitted.append((
            str(name), *(f"{x:.3f}" for x in shares), f"{float(at['diverged']):.3f}", told[0], told[1],
            f"{float(at['fit_null']):.3g}", chance_text(float(at["fit_p_value"])), told[2],
            f"{2 / warmth:.3g}" if warmth else "infinite", str(at["fit_verdict"].values),
        ))  # fmt: skip
    for n in data["size"].values:
        at = data.sel(size=n)
        three = (at[x].values for x in ("posterior", "posterior_error", "posterior_again"))
        rows.append((f"{n:g}", *(f"{v:.3f} ± {e:.3f}, {w:.3f}" for v, e, w in zip(*three, strict=True))))
    phases = [
        (str(name), f"{loss:.6f}", f"{own:g}")
        for name, loss, own in zip(
            data["phase"].values, data["phase_loss"].values, data["coefficient"].values, strict=True
        )
    ]
    return (
        Table(
            "fitted_temperature", f"Shares of {data.attrs['replicas']} runs by number of sides at flow time {TIME:g}; "
            "the best N; its deviance with its 95 % interval, 95 % bound and p; the share of runs elsewhere than the "
            "posterior says; N by the thermometer at 5 columns; whether some N fits.",
            ("setting", *heads, "diverged", "N", "deviance", "bound", "p", "elsewhere", "N by thermometer", "fits"),
            tuple(fitted),
        ),
        Table("posterior", "Shares of the posterior by N and number of sides, with standard errors over 64 chains, and "
              "those of a second sample.", ("N", *heads), tuple(rows)),
        Table("phases", "Exact losses, and learning coefficients, half the Hessian's rank.", ("phase", "loss", "λ"),
              tuple(phases)),
    )  # fmt: skip


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Temperature on the posterior's mean number of sides, batch size on that of runs."""
    number = data["sides"].values.astype(float)
    span = float(number[-1] - number[0])
    ends = []
    for n in (250.0, 900.0):
        at = data.sel(size=n)
        error = float(np.sqrt(((number * at["posterior_error"].values) ** 2).sum()))  # of shares taken as independent
        ends.append((float(number @ at["posterior"].values), error))
    runs = data["runs"].values
    names = [str(name) for name in data["setting"].values]
    means = []
    for name in ("η 0.1, B 10", "η 0.1, B 1"):
        counts = runs[names.index(name)]
        mean = number @ counts / counts.sum()
        means.append((float(mean), float(np.sqrt(((number - mean) ** 2) @ counts / counts.sum() ** 2))))
    return (
        Influence("temperature", "N from 250 to 900", "mean number of sides in the posterior", ends[0][0], ends[1][0],
                  ends[0][1], ends[1][1], span),
        Influence("batch size", "B from 10 to 1, at η 0.1", "mean number of sides of runs", means[0][0], means[1][0],
                  means[0][1], means[1][1], span),
    )  # fmt: skip


def study(features: int) -> Study:
    """The experiment with so many features."""
    check_features(features)
    return Study(
        f"Superposition with {features} features",
        f"""The network of [superposition](zoo_superposition.md) with a dictionary of {features} features instead of
{FEATURES}. Runs and draws are counted by their number of *sides* k, columns longer than ½. The posterior
exp(-N L/2) times a standard normal prior is sampled by replica exchange on the exact loss [eq:active-square], and N is
*fitted* to SGD's counts by their multinomial likelihood; *deviance*, verdict and *thermometer* are as there. What is
special to {FEATURES} features, rates over a saddle and a deficit, is not asked here. Settings of SGD in the paper could
not be verified: rates, batches, starts and prior are ours.""",
        lambda seed: dataset(seed, features), claims, tables, influences, 200.0,
    )  # fmt: skip
