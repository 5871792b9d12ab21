"""What the tracks of `python -m slt_toys.learning_coefficient --track` amount to."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from slt_toys.learning_coefficient.track_settings import ADDITION
from slt_toys.results.claims import Claim, Outcome, Table, Verdict

CONFIDENCE = 0.95
MOST_OFF = 4.0  # standard errors
LEARNT = 0.5  # of the pairs held out
INTRODUCTION = """\
Local learning coefficients along training, at one nβ and one localisation for each run. At a minimum the estimate is a
learning coefficient (trust). On a slope or at a saddle there is none: the energy of the loss less its tangent is
measured, in which each direction that rises counts ½ and each that falls -½ (track); what the slope would take from an
estimate that samples the loss itself is the tilt. What speaks against the number itself is a doubt. The toy model of
superposition, six features in a plane, goes down its staircase to polygons whose learning coefficients are exact; its
population loss is exact too, and counted for 10⁸ examples. A network of one hidden layer learns addition modulo 11 from
three quarters of all pairs; the others are held out."""


def outcome(dataset: xr.Dataset) -> Outcome:
    """Claims and the table, without figures."""
    made = (*_of_polygons(dataset), *_of_addition(dataset))
    claims = tuple(sorted(made, key=lambda claim: ("no", "cannot tell", "yes").index(claim.verdict)))
    return Outcome("Local learning coefficients along training", INTRODUCTION, claims, (_table(dataset),), {})


def _column(dataset: xr.Dataset, name: str) -> NDArray[np.float64]:
    return dataset[name].values.astype(float)


def _of_polygons(dataset: xr.Dataset) -> tuple[Claim, ...]:
    """Whether trust is where the minima are, and right; and whether the rest is what curvatures say."""
    exact, outcomes = _column(dataset, "exact"), dataset["outcome"].values.astype(str)
    known = dataset["run"].values.astype(str) != ADDITION
    trusted, minimum = known & (outcomes == "trust"), np.isfinite(exact)
    claims = []
    off = np.abs(_column(dataset, "learning_coefficient") - exact) / _column(dataset, "learning_coefficient_error")
    which = trusted & minimum
    if which.any():
        # Of so many normal deviates the largest.
        most = float(stats.norm.ppf(1 - (1 - CONFIDENCE) / (2 * which.sum())))
        claims.append(_counted(
            "polygons-exact", "Of {1} trusted coefficients of polygons {0} lie within {2:.1f} standard errors of the "
            "exact ones.", off[which] <= most, most,
        ))  # fmt: skip
    if (known & ~minimum).any():
        claims.append(_counted(
            "no-slope-trusted", "Of {1} checkpoints above their polygon's exact loss {0} are tracked or doubted, none "
            "trusted.", outcomes[known & ~minimum] != "trust",
        ))  # fmt: skip
    tracked = known & (outcomes == "track")
    if tracked.any():
        apart = np.abs(_column(dataset, "estimate") - _column(dataset, "quadratic"))
        # Kinks of the units that come to life leave a few hundredths.
        allowed = MOST_OFF * _column(dataset, "standard_error")
        claims.append(_counted(
            "tracked-quadratic", "Of {1} tracked energies of superposition {0} lie within {2:.0f} standard errors of "
            "what their curvatures say.", (apart <= allowed)[tracked], MOST_OFF,
        ))  # fmt: skip
    return tuple(claims)


def _counted(name: str, sentence: str, held: NDArray[np.bool_], *more: float) -> Claim:
    right, count = int(held.sum()), len(held)
    verdict: Verdict = "yes" if right == count else "no"
    return Claim.of(name, sentence.format(right, count, *more), right / count, expected=1.0, verdict=verdict)


def _of_addition(dataset: xr.Dataset) -> tuple[Claim, ...]:
    part = dataset.isel(row=dataset["run"].values.astype(str) == ADDITION)
    if not part.sizes["row"]:
        return ()
    step, right = _column(part, "step"), _column(part, "held_out_right")
    outcomes = part["outcome"].values.astype(str)
    learnt = first_at(step, right >= LEARNT)
    counts = {name: int((outcomes == name).sum()) for name in ("trust", "track", "doubt")}
    claims = [Claim.of(
        "addition-no-minimum", f"Of {len(step)} checkpoints of addition {counts['trust']} are trusted, "
        f"{counts['track']} tracked and {counts['doubt']} doubted: none is a minimum of the loss without decay.",
        counts["trust"], expected=0.0, verdict="yes" if not counts["trust"] else "no",
    )]  # fmt: skip
    sure = outcomes != "doubt"
    if math.isfinite(learnt) and sure.sum() > 2:
        # By how much the estimate had changed, of all its change, when the held-out pairs were half learnt.
        value = _column(part, "estimate")
        moved = np.interp(learnt, step[sure], value[sure]) - value[sure][0]
        share = float(moved / (value[sure][-1] - value[sure][0]))
        peak = float(step[sure][np.argmax(value[sure])])
        claims.append(Claim.of(
            "addition-order", f"At step {learnt:.0f}, where half of the held-out pairs are right, the estimate has "
            f"made {share:.2f} of its way; it is largest at step {peak:.0f}.", share,
            verdict="yes" if share > 0.5 else "no",
        ))  # fmt: skip
    return tuple(claims)


def first_at(step: NDArray[np.float64], held: NDArray[np.bool_]) -> float:
    """First step at which something holds; NaN where it never does."""
    return float(step[np.argmax(held)]) if held.any() else math.nan


def _table(dataset: xr.Dataset) -> Table:
    lines = []
    for row in (dataset.isel(row=number) for number in range(dataset.sizes["row"])):
        exact, coefficient = float(row["exact"]), float(row["learning_coefficient"])
        held = float(row["held_out_loss"])
        told = str(row["reason"].values).split(":")[0] if str(row["outcome"].values) != "trust" else "minimum"
        lines.append((
            str(row["run"].values), f"{int(row['step'])}", f"{float(row['loss']):.4g}",
            f"{held:.3g}" if math.isfinite(held) else "", f"{float(row['estimate']):.4g}"
            f" ± {float(row['standard_error']):.2g}", f"{float(row['quadratic']):.4g}", f"{float(row['tilt']):.2g}",
            f"{float(row['falling']):.0f}", str(row["outcome"].values), told,
            f"{coefficient:.4g} ± {float(row['learning_coefficient_error']):.2g}" if math.isfinite(coefficient) else "",
            f"{exact:g}" if math.isfinite(exact) else "",
        ))  # fmt: skip
    headings = (
        "run", "step", "loss", "held out", "estimate", "of its curvatures", "tilt", "falling", "outcome", "because",
        "λ̂", "exact λ",
    )  # fmt: skip
    return Table("tracks", "The estimate with its standard error; λ̂ is at the minimum's own localisation.", headings,
                 tuple(lines))  # fmt: skip
