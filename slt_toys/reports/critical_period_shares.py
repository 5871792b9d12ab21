"""Verdicts in shares as variables of the critical-period dataset, as tables and as claims."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import norm

from ..results.claims import Claim, Table, chance_text, inside, p_text, texts
from ..results.claims import Verdict as Holds
from ..results.variables import variables
from ..worlds.mechanisms import MECHANISMS, TEMPERATURE
from ..worlds.pair_shares import CONFOUNDING, EXACT
from ..worlds.share_tests import LikelihoodRatio
from ..worlds.shares import NONE_OF_THESE, WIDEST, Share, ShareVerdict, sentences
from ..worlds.verdict import CANNOT_TELL, SIGNIFICANCE

__all__ = ["share_claims", "share_tables", "share_variables", "temperature_claim"]


def share_variables(verdicts: Mapping[str, ShareVerdict]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Variables and coordinates of verdicts, by what the thermal share follows from."""
    told, by = list(verdicts.values()), ["shares_by"]
    pairs = [each.pairs for each in told]
    shape = len(told), max(len(each) for each in pairs)
    family = np.zeros(shape, dtype=bool)
    for row, each in enumerate(told):
        family[row, : len(each.family)] = each.family
    variables_ = {
        **variables(Share, [each.shares for each in told], [*by, "mechanism"], "share_", skip=["mechanism"]),
        **variables(LikelihoodRatio, pairs, [*by, "share_pair"], "share_pair_"),
        **variables(LikelihoodRatio, [each.pure_ratio for each in told], by, "share_pure_ratio_"),
        **variables(LikelihoodRatio, [each.pure_deviance for each in told], by, "share_pure_deviance_"),
        "share_pair_refused": ([*by, "share_pair"], family),
        "share_outcome": (by, [each.outcome for each in told]),
        "share_goodness": (by, [each.p_value for each in told]),
        "share_refused": (by, [each.refused for each in told]),
        "share_sets": (by, ["; ".join(" and ".join(names) for names in each.sets) for each in told]),
        "share_together": (by, ["" if each.together is None else " and ".join(each.together[0]) for each in told]),
        "share_together_low": (by, [math.nan if each.together is None else each.together[1] for each in told]),
        "share_untold": (by, [", ".join(each.untold) for each in told]),
        "share_sentences": (by, [" ".join(sentences(each)) for each in told]),
    }
    return variables_, {"shares_by": list(verdicts), "mechanism": list(MECHANISMS)}


def share_tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Shares and nested pairs; nothing for data without them."""
    if "share_outcome" not in data:
        return ()
    forms = [str(name) for name in data["shares_by"].values]
    columns: dict[str, list[str]] = {"mechanism": texts(data["mechanism"].values)}
    for form in forms:
        part = data.sel(shares_by=form)
        fields = [part[f"share_{name}"].values for name in ("estimate", "low", "high", "how")]
        columns[f"by {form}"] = [
            f"{share:.2f} [{low:.2f}, {high:.2f}]{' *' * (how == 'region')}"
            for share, low, high, how in zip(*fields, strict=True)
        ]
    columns["mechanism"] += ["the best mixture fits", "temperature alone", "verdict", "smallest sets not refused",
                              "temperature is not told from"]  # fmt: skip
    for form in forms:
        part = data.sel(shares_by=form)
        alone = (
            f"{p_text(float(part['share_pure_ratio_p_value']))}, {p_text(float(part['share_pure_deviance_p_value']))}"
        )
        columns[f"by {form}"] += [
            p_text(float(part["share_goodness"])), alone, str(part["share_outcome"].values),
            str(part["share_sets"].values) or "-", str(part["share_untold"].values) or "-",
        ]  # fmt: skip
    caption = (
        "Shares of the runs that each mechanism decides, with 95 % intervals (*: by the region of likely mixtures, at "
        "least 95 %). Temperature alone: p against all mechanisms, and by its own deviance; refused if one is below "
        f"{SIGNIFICANCE / 2:g}. Temperature is not told from what may decide a fifth of the runs unnoticed, by the "
        "information. Each share is estimated by itself, with all others free: together they need not sum to 1, and of "
        "six intervals one may miss by chance; the statement for all of them is whether temperature alone is refused."
    )
    return Table.of_columns("shares", caption, columns), _pairs(data.sel(shares_by=EXACT))


def _pairs(part: xr.Dataset) -> Table:
    there = np.flatnonzero([bool(str(name)) for name in part["share_pair_smaller"].values])
    part = part.isel(share_pair=there)
    bound = part["share_pair_how"].values == "bound"
    columns = {
        "smaller mixture": texts(part["share_pair_smaller"].values),
        "larger mixture": texts(part["share_pair_larger"].values),
        "2 ln likelihood ratio": [f"{value:.1f}" for value in part["share_pair_ratio"].values],
        "p": [f"{'at most ' * bool(most)}{chance_text(value)}" for value, most in zip(
            part["share_pair_p_value"].values, bound, strict=True)],
        "refused": ["yes" if refused else "no" for refused in part["share_pair_refused"].values],
    }  # fmt: skip
    caption = (
        "Nested mixtures, with exact thermal shares. p by parametric bootstrap, or a bound on it; refused: at .01 for "
        "all of them together (Holm)."
    )
    return Table.of_columns("nested_mixtures", caption, columns)


def share_claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """That temperature decides all, that nothing else decides any, and what the confounding arms tell."""
    if "share_outcome" not in data:
        return ()
    return (temperature_claim(data.sel(shares_by=EXACT)), _others(data.sel(shares_by=EXACT)), _confounding(data))


def temperature_claim(part: xr.Dataset) -> Claim:
    """That temperature decides all runs, by one form of the thermal share.

    It holds only if what else would decide a fifth of them would have been seen, and if the interval says so much.
    """
    own = part.sel(mechanism=TEMPERATURE)
    share, low, high = (float(own[f"share_{name}"]) for name in ("estimate", "low", "high"))
    misfit, refused = str(part["share_outcome"].values) == NONE_OF_THESE, bool(part["share_refused"])
    untold = [name for name in str(part["share_untold"].values).split(", ") if name]
    holds: Holds = "no" if misfit or refused else inside(1.0, low, high)
    if holds == "yes" and (untold or high - low > WIDEST):
        holds = "cannot tell"
    alike = f", nor told from {untold[0] if len(untold) == 1 else f'{len(untold)} mechanisms'}" if untold else ""
    sentence = (
        f"{'None of these fits. ' * misfit}Temperature decides all runs: {share:.2f} [{low:.2f}, {high:.2f}] of them; "
        f"alone it is {'refused' if refused else 'not refused'}{alike}."
    )
    return Claim("temperature-survives", sentence, share, (low, high), 1.0, holds)


def _others(part: xr.Dataset) -> Claim:
    """That nothing else decides any runs, by intervals that hold for all mechanisms together (Bonferroni)."""
    others = part.drop_sel(mechanism=TEMPERATURE)
    estimates, low, high = (others[f"share_{name}"].values.copy() for name in ("estimate", "low", "high"))
    own = others["share_how"].values == "information"  # a region holds for all of them as it is
    widths = norm.isf(0.025 / part.sizes["mechanism"]) * others["share_standard_error"].values[own]
    low[own], high[own] = np.clip(estimates[own] - widths, 0, 1), np.clip(estimates[own] + widths, 0, 1)
    most = int(high.argmax())
    refused = bool(part["share_refused"]) or str(part["share_outcome"].values) == NONE_OF_THESE
    alone = "refused" if refused else "not refused"
    sentence = (
        f"No other mechanism decides any runs: {others['mechanism'].values[most]} the most, {estimates[most]:.2f} "
        f"[{low[most]:.2f}, {high[most]:.2f}] for all together; temperature alone is {alone}."
    )
    holds: Holds = "no" if refused or (low > 0).any() else "yes" if high[most] <= WIDEST else "cannot tell"
    return Claim(
        "others-decide-none", sentence, float(estimates[most]), (float(low[most]), float(high[most])), 0.0, holds
    )


def _confounding(data: xr.Dataset) -> Claim:
    name = "confounding-arms-decide"
    if CONFOUNDING not in data["shares_by"].values:
        sentence = "No arm confounds temperature with flow time left under this schedule."
        return Claim(name, sentence, None, None, None, "cannot tell")
    part = data.sel(shares_by=CONFOUNDING)
    low, high = (float(part.sel(mechanism=TEMPERATURE)[f"share_{end}"]) for end in ("low", "high"))
    outcome = str(part["share_outcome"].values)
    together = float(part["share_together_low"])
    added = f" with {part['share_together'].item().split(' and ')[-1]} at least {together:.2f}" * math.isfinite(
        together
    )
    sentence = (
        f"Confounding arms alone tell the share of temperature: between {low:.2f} and {high:.2f};{added or ' no more'}."
    )
    holds: Holds = "cannot tell" if outcome == CANNOT_TELL else "yes" if outcome == TEMPERATURE else "no"
    return Claim(name, sentence, low, (low, high), None, holds)
