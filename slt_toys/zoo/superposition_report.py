"""What the experiment on superposition says: claims, tables and what controls the number of sides."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from ..results.claims import Claim, Table, Verdict, chance_text, estimate_text, number_text
from .model import Array
from .study import Influence, share

REACH = 1.96
SLOW, FLOW = 0, -1  # of the settings: the slowest SGD, and gradient descent without minibatches
MANY = 5  # sides: a run that has as many represents five or six features


def _share_of(counts: Array, at: int) -> tuple[float, float]:
    total = int(counts.sum())
    return share(np.arange(total) < int(counts[at]))


def _many(counts: Array) -> tuple[float, float]:
    """Share of runs with at least five sides, from counts of 3, 4, 5 and 6."""
    total = int(counts.sum())
    return share(np.arange(total) < int(counts[MANY - 3 :].sum()))


def _difference(first: Array, second: Array, at: int) -> tuple[float, tuple[float, float]]:
    (one, error), (two, other) = _share_of(first, at), _share_of(second, at)
    reach = REACH * math.hypot(error, other)
    return two - one, (two - one - reach, two - one + reach)


def _small(interval: tuple[float, float], least: float = 0.1) -> Verdict:
    """Whether something is within a tenth of the runs."""
    if max(abs(x) for x in interval) < least:
        return "yes"
    return "no" if interval[0] > least or interval[1] < -least else "cannot tell"


# ---- claims --------------------------------------------------------------------------------------------------------
def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """Whether a temperature has SGD's frequencies, and what they are instead."""
    return (
        _any_fits(data), _thermometer(data), _ends_agree(data), _control(data), _noise_is_not_it(data), _frozen(data),
        _stays(data), _kramers(data),
    )  # fmt: skip


def _any_fits(data: xr.Dataset) -> Claim:
    verdicts = [str(v) for v in data["fit_verdict"].values]
    fit, least = verdicts.count("yes"), int(data["fit_deviance"].values.argmin())
    value, low, high, null = (
        float(data[name][least]) for name in ("fit_deviance", "fit_deviance_low", "fit_deviance_high", "fit_null")
    )
    return Claim.of(
        "a-posterior-has-the-frequencies",
        f"Some N fits SGD's frequencies at {fit} of {len(verdicts)} settings; the least deviance is {value:.3g} "
        f"[{low:.3g}, {high:.3g}], its 95 % bound {null:.2g}.",
        value, (low, high),
        verdict="yes" if fit == len(verdicts) else "no" if verdicts.count("no") else "cannot tell",
    )  # fmt: skip


def _thermometer(data: xr.Dataset) -> Claim:
    fitted, low, high = (float(data[name][SLOW]) for name in ("fit_size", "fit_size_low", "fit_size_high"))
    read = 2 / float(data["temperature"][SLOW])
    return Claim.of(
        "the-fitted-n-is-the-thermometer-s",
        f"At the slowest SGD the best N is {fitted:.3g} [{low:.3g}, {high:.3g}], where its thermometer says "
        f"{read:.3g}.",
        fitted, (low, high), read,
    )  # fmt: skip


def _ends_agree(data: xr.Dataset) -> Claim:
    own, error, law, other = (
        data[name].values
        for name in ("critical_end", "critical_end_error", "critical_end_law", "critical_end_law_error")
    )
    weight = 1 / ((error / own) ** 2 + (other / law) ** 2)  # of logarithms of the ratios
    middle, reach = float((weight * np.log(own / law)).sum() / weight.sum()), REACH / math.sqrt(weight.sum())
    value, low, high = (math.exp(x) for x in (middle, middle - reach, middle + reach))
    return Claim.of(
        "end-of-the-deficit-by-the-thermometer",
        f"Over {own.size} batch sizes e-star is {number_text(value, 2)} [{low:.2g}, {high:.2g}] times that of "
        f"Langevin paths "
        "at the temperature read.",
        value, (low, high), 1.0,
    )  # fmt: skip


def _control(data: xr.Dataset) -> Claim:
    own, error = float(data["rejected_null"]), float(data["rejected_null_error"])
    power, spread = float(data["rejected_whole"]), float(data["rejected_whole_error"])
    low, high = max(own - REACH * error, 0.0), own + REACH * error
    holds = low <= 0.05 <= high and power - REACH * spread > 0.8
    return Claim.of(
        "the-test-accepts-the-posterior",
        f"Counts from the posterior are rejected in {own:.2g} [{low:.2g}, {high:.2g}] of trials at a level of "
        f".05, SGD's "
        f"in {power:.2g}.", own, (low, high), 0.05, "yes" if holds else "no",
    )  # fmt: skip


def _noise_is_not_it(data: xr.Dataset) -> Claim:
    runs = data["runs"].values
    value, interval = _difference(runs[FLOW], runs[SLOW], MANY - 3)
    return Claim.of(
        "without-noise-the-same",
        f"Gradient descent without minibatches ends at 5 sides as often as the slowest SGD: difference {value:.2g} "
        f"[{interval[0]:.2g}, {interval[1]:.2g}].", value, interval, 0.0, _small(interval),
    )  # fmt: skip


def _frozen(data: xr.Dataset) -> Claim:
    runs = data["runs_at_time"].values
    value, interval = _difference(runs[1], runs[2], MANY - 3)
    return Claim.of(
        "frozen",
        f"From flow time {data['time'].values[1]:g} to {data['time'].values[2]:g} the share of 5 sides changes by "
        f"{value:.2g} [{interval[0]:.2g}, {interval[1]:.2g}].", value, interval, 0.0, _small(interval),
    )  # fmt: skip


def _stays(data: xr.Dataset) -> Claim:
    start, stayed, cold = (data[f"langevin_{name}"].values[-1] for name in ("start", "stayed", "cold"))
    value, interval = _difference(start, stayed, -1)
    trapped, _ = _difference(start, cold, -1)
    return Claim.of(
        "langevin-from-the-posterior-stays",
        f"At N {data['control_size'].values[-1]:g} Langevin paths from posterior draws change their share of "
        f"hexagons by "
        f"{value:.2g} [{interval[0]:.2g}, {interval[1]:.2g}], others miss {-trapped:.2g}.",
        value, interval, 0.0, _small(interval),
    )  # fmt: skip


def _kramers(data: xr.Dataset) -> Claim:
    rate, error, law = (float(data[name][0]) for name in ("escape_rate", "escape_rate_error", "escape_rate_law"))
    ratio, reach = rate / law, REACH * error / law
    return Claim.of(
        "hexagons-leave-by-kramers",
        f"Hexagons leave over the saddle at {number_text(ratio)} [{ratio - reach:.3g}, {ratio + reach:.3g}] "
        f"times Kramers' "
        "rate, at the lowest temperature.", ratio, (ratio - reach, ratio + reach), 1.0,
    )  # fmt: skip


# ---- what controls it ----------------------------------------------------------------------------------------------
def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Temperature in the posterior, batch size and time in SGD, the start's scale."""
    found = []
    sizes = (250.0, 900.0)
    ends = [
        (float(data["posterior"].sel(size=n, sides=6)), float(data["posterior_error"].sel(size=n, sides=6)))
        for n in sizes
    ]
    told = "share of hexagons in the posterior"
    lever = f"N from {sizes[0]:g} to {sizes[1]:g}"
    found.append(Influence("temperature", lever, told, ends[0][0], ends[1][0], ends[0][1], ends[1][1], 1.0))
    runs, names = data["runs"].values, [str(name) for name in data["setting"].values]
    told = "share of runs with at least 5 sides"

    def between(control: str, lever: str, first: Array, last: Array) -> Influence:
        (one, error), (two, other) = _many(first), _many(last)
        return Influence(control, lever, told, one, two, error, other, 1.0)  # type: ignore[arg-type]

    ten, one = names.index("η 0.1, B 10"), names.index("η 0.1, B 1")
    through, scaled = data["runs_at_time"].values, data["runs_by_scale"].values
    return (
        *found,
        between("batch size", "all inputs to B 10, at η 0.1", runs[FLOW], runs[ten]),
        between("batch size", "B from 10 to 1, at η 0.1", runs[ten], runs[one]),
        between("time", "flow time from 100 to 1000", through[0], through[1]),
        between("time", "flow time from 1000 to 5000", through[1], through[2]),
        _ends_by_batch(data),
        between("other", "scale of the start from 0.1 to 1", scaled[0], scaled[-1]),
    )


def _ends_by_batch(data: xr.Dataset) -> Influence:
    last, first = (data.sel(batch=b) for b in (1, 10))
    ends = [(float(x["critical_end"]), float(x["critical_end_error"])) for x in (first, last)]
    return Influence(
        "batch size", "B from 10 to 1, at η 0.1", "e-star of the deficit [flow time]", ends[0][0],
        ends[1][0], ends[0][1], ends[1][1], ends[0][0],
    )  # fmt: skip


# ---- tables --------------------------------------------------------------------------------------------------------
def _cells(counts: Array) -> list[str]:
    total = max(counts.sum(), 1)
    return [f"{x / total:.3f}" for x in counts]


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Fits, controls, posterior, phases, rates, Langevin, the deficit, other dictionaries."""
    return (
        _fits(data), _odds(data), _controls(data), _posterior(data), _phases(data), _rates(data), _paths(data),
        _ends(data), _through(data), _others(data),
    )  # fmt: skip


def _fits(data: xr.Dataset) -> Table:
    rows = []
    for k, name in enumerate(data["setting"].values):
        at = data.isel(setting=k)
        size = estimate_text(float(at["fit_size"]), float(at["fit_size_low"]), float(at["fit_size_high"]))
        deviance = estimate_text(
            float(at["fit_deviance"]), float(at["fit_deviance_low"]), float(at["fit_deviance_high"])
        )
        wrong = estimate_text(float(at["fit_misfit"]), float(at["fit_misfit_low"]), float(at["fit_misfit_high"]), 2)
        warmth = float(at["temperature"])
        rows.append((
            str(name), *_cells(at["runs"].values), f"{float(at['diverged']):.3f}",
            size + (" (edge)" if float(at["fit_at_edge"]) else ""), deviance, number_text(float(at["fit_null"])),
            chance_text(float(at["fit_p_value"])), wrong, number_text(2 / warmth) if warmth else "infinite",
            _power_of_ten(float(at["log_rate_at_temperature"])), str(at["fit_verdict"].values),
        ))  # fmt: skip
    return Table(
        "fitted_temperature",
        f"Shares of {data.attrs['replicas']} runs by number of sides at flow time 1000, of those that have not "
        f"diverged; the "
        "best N; its deviance with its 95 % interval, 95 % bound and p; the share of runs elsewhere than the "
        "posterior says; "
        "N by the thermometer at 5+; Kramers' rate from 5+ to 6 at its temperature; whether some N fits.",
        ("setting", "3 or fewer", "4", "5", "6", "diverged", "N", "deviance", "bound", "p", "elsewhere",
         "N by thermometer", "rate", "fits"),
        tuple(rows),
    )  # fmt: skip


def _power_of_ten(exponent: float) -> str:
    return f"1e{exponent:.0f}" if math.isfinite(exponent) else "0"


def _odds(data: xr.Dataset) -> Table:
    """The law of both rivals, then each setting's log odds and the N that has them."""
    rows = []
    for name in data["pentagon"].values:
        at = data.sel(pentagon=name)
        least, place = float(at["odds_least"]), float(at["odds_least_at"])
        constant, error = (float(at[key]) for key in ("odds_constant", "odds_constant_error"))
        rows.append((
            f"law, 6 against {name}", f"{constant:.2f} ± {error:.2f}", f"{float(at['odds_misfit']):.3g}",
            f"at least {least:.2f}, at N {place:.0f}" if math.isfinite(least) else "-", "-", "-",
        ))  # fmt: skip
    for k, name in enumerate(data["setting"].values):
        value, error = float(data["log_odds"][k]), float(data["log_odds_error"][k])
        sizes = [float(x) for x in data["odds_size"].values[:, k]]
        told = (f"{x:.0f}" if math.isfinite(x) else "none" for x in sizes)
        rows.append((str(name), "-", "-", f"{value:.2f} ± {error:.2f}", *told))
    least = float(data["posterior_log_odds"].min())
    return Table(
        "second_fit", "Log odds of 6 sides against 5. The law N (L5 - L6)/2 - (λ6 - λ5) ln N has the constant of the "
        "posterior at N from 600 to 1300, and χ² per degree of freedom of the posterior about it, well above 1 as "
        "sides count 5 and 5+ alike; then each setting's odds, and the N that has them by either law. "
        f"The posterior itself never has less than {least:.2f}: an N by a "
        "law is one at which it no longer holds.",
        ("of", "constant", "χ²", "log odds", "N by 5", "N by 5+"), tuple(rows),
    )  # fmt: skip


def _controls(data: xr.Dataset) -> Table:
    rows = [
        (told, estimate_text(v := float(data[f"rejected_{name}"]), max(v - (r := REACH * float(
            data[f"rejected_{name}_error"])), 0.0), min(v + r, 1.0), 2))
        for name, told in (("null", "the posterior at N 250, from another sample of it"),
                           ("quarter", "a quarter of the runs as SGD's"), ("half", "half of the runs as SGD's"),
                           ("whole", "all runs as SGD's"))
    ]  # fmt: skip
    caption = (
        f"How often {data.attrs['replicas']} counts of known shares are rejected at a level of .05, in "
        f"{data.attrs['trials']} trials."
    )
    return Table("can_the_fit_be_wrong", caption, ("counts from", "rejected"), tuple(rows))


def _posterior(data: xr.Dataset) -> Table:
    rows = []
    for n in data["size"].values:
        at = data.sel(size=n)
        cells = [
            f"{float(v):.3f} ± {float(e):.3f}, {float(w):.3f}"
            for v, e, w in zip(
                at["posterior"].values, at["posterior_error"].values, at["posterior_again"].values, strict=True
            )
        ]
        rows.append((f"{n:g}", *cells))
    return Table(
        "posterior", "Shares of the posterior by N and number of sides, with standard errors over 64 chains, and "
        "those of a "
        "second sample.", ("N", "3 or fewer", "4", "5", "6"), tuple(rows),
    )  # fmt: skip


def _phases(data: xr.Dataset) -> Table:
    known = {str(name): data.sel(polygon=name) for name in data["polygon"].values}
    rows = []
    for name, loss in zip(data["phase"].values, data["phase_loss"].values, strict=True):
        own = known.get(str(name))
        exact = "-" if own is None else f"{float(own['coefficient']):g}"
        seen = "-"
        if own is not None:
            seen = f"{float(own['coefficient_measured']):.2f} ± {float(own['coefficient_measured_error']):.2f}"
        rows.append((str(name), f"{loss:.6f}", exact, seen))
    return Table(
        "phases", "Exact losses; learning coefficients, half the Hessian's rank; the same from the energies of "
        "Langevin paths "
        "at N = 100 000, with a standard error.", ("phase", "loss", "λ", "λ by energies"), tuple(rows),
    )  # fmt: skip


def _rates(data: xr.Dataset) -> Table:
    rows = []
    for k, name in enumerate(data["rate"].values):
        at = data.isel(rate=k)
        rate, error, law = (float(at[each]) for each in ("escape_rate", "escape_rate_error", "escape_rate_law"))
        rows.append((str(name), f"{float(at['escapes']):.0f}", f"{rate:.3g} ± {error:.1g}", f"{law:.3g}",
                     f"{rate / law:.2f} ± {error / law:.2f}"))  # fmt: skip
    low, high = float(data["barrier_from_5"]), float(data["barrier_from_6"])
    return Table(
        "rates", f"Escapes of Langevin paths over the saddle between 5+ and 6, {low:.5f} above 5+ and {high:.5f} "
        "above 6, per "
        "flow time, and Kramers' law. From 5+ it does not hold where escapes can be counted, and why could not "
        "be told: the "
        "plateau of 5 begins lower, and the saddle's softest curvature is .013.",
        ("way", "escapes", "rate", "law", "ratio"), tuple(rows),
    )  # fmt: skip


def _paths(data: xr.Dataset) -> Table:
    rows = []
    for k, n in enumerate(data["control_size"].values):
        for name, told in (("start", "draws of the posterior"), ("stayed", "paths from them"),
                           ("cold", "paths from standard normal starts")):  # fmt: skip
            rows.append((f"{n:g}", told, *_cells(data[f"langevin_{name}"].values[k])))
    return Table(
        "langevin", "Overdamped Langevin at the posterior's N and prior, after flow time 100.",
        ("N", "shares of", "3 or fewer", "4", "5", "6"), tuple(rows),
    )  # fmt: skip


def _ends(data: xr.Dataset) -> Table:
    rows = []
    for k, batch in enumerate(data["batch"].values):
        at = data.isel(batch=k)
        own, error, law, other = (
            float(at[name])
            for name in ("critical_end", "critical_end_error", "critical_end_law", "critical_end_law_error")
        )
        rows.append((f"{batch}", number_text(2 / float(at["deficit_temperature"])), f"{own:.1f} ± {error:.1f}",
                     f"{law:.1f} ± {other:.1f}", f"{float(at['learned'][0]):.2f}", f"{float(at['learned'][-1]):.2f}",
                     f"{float(at['learned_law'][0]):.2f}", f"{float(at['learned_law'][-1]):.2f}"))  # fmt: skip
    return Table(
        "deficit", "e-star of SGD at η 0.1 by batch size, in flow time, and by the thermometer; shares that learn "
        "the sixth "
        "feature without a deficit and after the longest.",
        ("B", "N by thermometer", "e-star", "e-star predicted", "first", "last", "first predicted", "last predicted"),
        tuple(rows),
    )  # fmt: skip


def _through(data: xr.Dataset) -> Table:
    rows = [("flow time", f"{t:g}", *_cells(c)) for t, c in zip(
        data["time"].values, data["runs_at_time"].values, strict=True)]  # fmt: skip
    rows += [("scale of the start", f"{s:g}", *_cells(c)) for s, c in zip(
        data["scale"].values, data["runs_by_scale"].values, strict=True)]  # fmt: skip
    return Table(
        "time_and_start", f"Shares of {data.attrs['few']} runs by time ({data['setting'].values[1]}) and by the "
        "scale of the start (gradient "
        "descent on all inputs).", ("changed", "value", "3 or fewer", "4", "5", "6"), tuple(rows),
    )  # fmt: skip


def _others(data: xr.Dataset) -> Table:
    rows = []
    for k, size in enumerate(data["features"].values):
        cells = _cells(data["runs_of_others"].values[k])
        rows.append((f"{size}", *(c if side <= size else "-" for side, c in zip(
            data["other_sides"].values, cells, strict=True))))  # fmt: skip
    heads = ("features", "3 or fewer", *(f"{side}" for side in data["other_sides"].values[1:]))
    return Table(
        "other_dictionaries", "Shares of runs of gradient descent on all inputs by number of sides, for other "
        "numbers of "
        "features.", heads, tuple(rows),
    )  # fmt: skip
