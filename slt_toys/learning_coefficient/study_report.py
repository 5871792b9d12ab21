"""What the study of deep linear networks amounts to: its claims and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import binomtest

from slt_toys.results.claims import Claim, Outcome, Table, estimate_text

DEFAULT, UNIT_NOISE, CROSSING = "default", "default, unit noise", "default, at the crossing"
CONFIDENCE = 0.95
INTRODUCTION = """\
The learning coefficient λ of a deep linear network is a theorem; the estimator of torch modules is held against it. A
network is written (widths; rank of the true map); m is the multiplicity. Default rows are at a typical minimum, on a
branch of the largest dimension, with output noise 0.1 except where said; each seed draws the truth, the data and the
chains anew. At the crossing, branches of minima meet. Settings without burn-in are of the kind first published: a step
chosen by hand, ten chains of a hundred draws. The estimator trusts or doubts each of its numbers, and says why.

Limits. At a crossing estimates stay below λ, whatever the localisation, and are doubted: the noise of the data makes
the true parameters a saddle, and without it the energy comes to λ like 1/log nβ. Networks of more than 1024 parameters
have one localisation for all directions; those softer than it are frozen, and doubted where they count.
At a crossing the energy at finite nβ is not λ but [eq:crossing-energy]."""


def claims(dataset: xr.Dataset) -> tuple[Claim, ...]:
    """What the study says, what speaks against the estimator or its settings first."""
    made = [_at_crossings(dataset), *_bias(dataset), _default_error(dataset), _coverage(dataset), _trusted(dataset),
            _without_burn_in(dataset), _crossing_energy(dataset)]  # fmt: skip
    return tuple(sorted(made, key=lambda claim: ("no", "cannot tell", "yes").index(claim.verdict)))


def tables(dataset: xr.Dataset) -> tuple[Table, ...]:
    """For each network and setting the first seed's row; how often intervals covered; the smallest network."""
    lines = [
        (
            str(row["network"]),
            f"{float(row['exact']):g} ({int(row['multiplicity'])})",
            str(row["setting"]),
            *_number_and_error(float(row["estimate"]), float(row["standard_error"]), float(row["exact"])),
            _reason(str(row["verdict"])),
        )
        for row in _rows(dataset.isel(row=_first_seed(dataset)))
    ]
    headings = ("network", "exact λ (m)", "setting", "estimate", "off by", "verdict")
    estimates = Table("estimates", "The first seed of each network and setting.", headings, tuple(lines))
    chosen = _under(dataset, DEFAULT)
    doubted = tuple(
        (str(row["network"]), f"{row['seed']:g}", f"{_errors_off(row):+.1f}", _reason(str(row["verdict"])))
        for row in _rows(chosen.isel(row=~_trust(chosen)))
    )
    headings = ("network", "seed", "standard errors off", "verdict")
    doubts = [Table("doubted", "Default estimates that are doubted.", headings, doubted)] if doubted else []
    return estimates, *_coverage_table(chosen), *doubts, _crossing_table(dataset)


def _coverage_table(chosen: xr.Dataset) -> list[Table]:
    if len(set(chosen["seed"].values.tolist())) < 2:
        return []
    lines = []
    for network, part in _by_network(chosen):
        worst = float(_relative_error(part).max())
        lines.append((network, str(part.sizes["row"]), str(int(part["covered"].sum())), f"{100 * worst:.2g} %"))
    headings = ("network", "seeds", "covered by the 95 % interval", "largest error")
    caption = "Each seed draws the truth, the data and the chains anew, under the default setting."
    return [Table("coverage", caption, headings, tuple(lines))]


def _crossing_table(dataset: xr.Dataset) -> Table:
    names = ("n_beta", "estimate", "standard_error", "energy", "exact")
    lines = [
        (f"{n:g}", f"{x:.3f} ± {error:.3f}", f"{e:.4f}", f"{(x - e) / error:+.1f}", f"{exact:g}")
        for n, x, error, e, exact in zip(*(dataset[f"crossing_{name}"].values for name in names), strict=True)
    ]
    headings = ("(1,1,1;0) at nβ", "estimate", "exact at this nβ", "standard errors off", "λ")
    caption = "The network (1,1,1;0) at its crossing, whose energy at finite nβ, [eq:crossing-energy], is not λ."
    return Table("crossing", caption, headings, tuple(lines))


def outcome(dataset: xr.Dataset) -> Outcome:
    """Claims and tables."""
    return Outcome("Learning coefficients of deep linear networks", INTRODUCTION, claims(dataset), tables(dataset))


def _rows(dataset: xr.Dataset) -> list[dict[str, Any]]:
    names = [name for name in dataset.data_vars if "row" in dataset[name].dims]
    return [{str(name): dataset[name].values[k] for name in names} for k in range(dataset.sizes["row"])]


def _under(dataset: xr.Dataset, *settings: str) -> xr.Dataset:
    return dataset.isel(row=dataset["setting"].isin(settings).values)


def _by_network(dataset: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    for network in dict.fromkeys(dataset["network"].values.tolist()):
        yield network, dataset.isel(row=dataset["network"].values == network)


def _first_seed(dataset: xr.Dataset) -> NDArray[np.bool_]:
    return dataset["seed"].values == dataset["seed"].values.min()


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _errors_off(row: Mapping[str, Any] | xr.Dataset) -> Any:
    return (row["estimate"] - row["exact"]) / row["standard_error"]


def _relative_error(part: xr.Dataset) -> NDArray[np.float64]:
    return np.abs(part["estimate"].values / part["exact"].values - 1)


def _trust(part: xr.Dataset) -> NDArray[np.bool_]:
    return np.char.startswith(part["verdict"].values.astype(str), "trust")


def _number_and_error(estimate: float, error: float, exact: float) -> tuple[str, str]:
    if not np.isfinite(estimate):
        return "none", "-"
    return f"{estimate:.4g} ± {error:.2g}", f"{100 * (estimate / exact - 1):+.1f} %"


def _reason(verdict: str) -> str:
    kind, *rest = verdict.split(":", maxsplit=1)
    return "trust" if kind.startswith("trust") else f"doubt:{rest[0].split(';')[0]}"


def _at_crossings(dataset: xr.Dataset) -> Claim:
    part = _under(dataset, CROSSING)
    short = 100 * (1 - part["estimate"].values / part["exact"].values)
    doubted = int((~_trust(part)).sum())
    return Claim(
        "crossing-estimates",
        f"At crossings of minima default estimates fall {short.min():.0f} to {short.max():.0f} % short of λ; "
        f"{doubted} of {part.sizes['row']} are doubted.",
        _known(short.max()), None, 0.0, "no",
    )  # fmt: skip


def _default_error(dataset: xr.Dataset) -> Claim:
    part = _under(dataset.isel(row=_first_seed(dataset)), DEFAULT, UNIT_NOISE)
    worst = 100 * float(_relative_error(part).max())
    return Claim(
        "default-error",
        f"Default estimates at typical minima are off by at most {worst:.1f} % in {part.sizes['row']} problems.",
        _known(worst), None, 0.0, "yes" if worst < 5 else "no",
    )  # fmt: skip


def _coverage(dataset: xr.Dataset) -> Claim:
    part = _under(dataset, DEFAULT)
    held, count = int(part["covered"].sum()), part.sizes["row"]
    share = binomtest(held, count)
    low, high = share.proportion_ci(CONFIDENCE, method="wilson")
    verdict = "no" if not low <= CONFIDENCE <= high else "yes" if high - low < 0.1 else "cannot tell"
    return Claim(
        "coverage", f"Default 95 % intervals hold λ in {held} of {count} problems.",
        held / count, (float(low), float(high)), CONFIDENCE, verdict,
    )  # fmt: skip


def _trusted(dataset: xr.Dataset) -> Claim:
    part = _under(dataset, DEFAULT)
    count = int(_trust(part).sum())
    return Claim(
        "trusted", f"Of {part.sizes['row']} default estimates at typical minima {count} are trusted.",
        count / part.sizes["row"], None, 1.0, "yes" if count >= CONFIDENCE * part.sizes["row"] else "no",
    )  # fmt: skip


def _bias(dataset: xr.Dataset) -> list[Claim]:
    """Mean distance from the exact value, of the network that is farthest off; it takes several seeds."""
    means = {}
    for network, part in _by_network(_under(dataset, DEFAULT)):
        off = _errors_off(part).values
        if len(off) > 1:
            mean, reach = float(off.mean()), 1.96 * float(off.std(ddof=1)) / len(off) ** 0.5
            means[network] = (mean, mean - reach, mean + reach)
    if not means:
        return []
    network = max(means, key=lambda name: abs(means[name][0]))
    mean, low, high = means[network]
    sentence = (
        f"Default estimates of {network}, the farthest off, stand {estimate_text(mean, low, high, 2)} standard errors "
        "from λ on average; unbiased ones stand at 0."
    )
    return [Claim.of("bias", sentence, mean, (low, high), 0.0)]


def _without_burn_in(dataset: xr.Dataset) -> Claim:
    part = dataset.isel(row=~dataset["setting"].isin([DEFAULT, UNIT_NOISE, CROSSING]).values)
    error = 100 * _relative_error(part)
    arrived = error[np.isfinite(error)]
    others = f"; the others are off by {arrived.min():.0f} to {arrived.max():.0f} %" if arrived.size else ""
    diverged = error.size - arrived.size
    return Claim(
        "without-burn-in", f"Without burn-in {diverged} of {error.size} runs diverge{others}.",
        _known(arrived.max(initial=-np.inf)), None, 0.0, "no" if diverged or arrived.max() >= 5 else "yes",
    )  # fmt: skip


def _crossing_energy(dataset: xr.Dataset) -> Claim:
    off = (dataset["crossing_estimate"] - dataset["crossing_energy"]) / dataset["crossing_standard_error"]
    worst = float(np.abs(off.values).max())
    return Claim(
        "crossing-energy",
        f"Three numbers at a crossing follow the exact energy at finite nβ within {worst:.1f} standard errors.",
        _known(worst), None, None, "yes" if worst < 3 else "no",
    )  # fmt: skip
