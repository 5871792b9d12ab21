"""Which conditions of the closed form each problem on real minibatches meets, and what measured noise predicts."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..results.claims import Claim, Table, Verdict, chance_text, inside, spoken

MASS = "half_stuck_mass"
STEADY = 1.25  # largest over smallest variance that counts as one
FORGOTTEN = 1.0  # epochs by which another start may move the end
SMALL_STEP = 0.1  # ηh up to which SGD has one temperature
REFUTED = 0.01


def _problems(data: xr.Dataset) -> list[xr.Dataset]:
    """Those with measured noise, by half stuck mass."""
    if "noise_anchor" not in data:
        return []
    known = np.flatnonzero(np.isfinite(data["barrier"].values))
    return [data.isel(problem=int(row)).sel(definition=MASS) for row in known]


def _number(value: float, digits: int = 2) -> str:
    if not np.isfinite(value):
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.1e}"


def _range(one: xr.Dataset, name: str, digits: int = 2) -> str:
    value, low, high = (one[f"{name}{end}"].item() for end in ("", "_low", "_high"))
    if np.isnan(value):
        return "-"
    if np.isinf(value):
        return "beyond the curve, later" if value > 0 else "beyond the curve, earlier"
    ends = ", ".join(f"{end:.{digits}f}" if np.isfinite(end) else "open" for end in (low, high))
    return f"{_number(value, digits)} [{ends}]"


def verdicts(one: xr.Dataset) -> dict[str, Verdict]:
    """Whether a problem meets each condition, as measured.

    Parameters
    ----------
    one
        A problem by half stuck mass, as `slt_toys.worlds.minibatch_problems.conditions` gives it.
    """
    low, high = one["start_shift_low"].item(), one["start_shift_high"].item()
    if np.isnan(one["start_shift"].item()):
        forgotten: Verdict = "cannot tell"
    elif low >= -FORGOTTEN and high <= FORGOTTEN:
        forgotten = "yes"
    else:
        forgotten = "no" if low > FORGOTTEN or high < -FORGOTTEN else "cannot tell"

    def at_most(name: str, limit: float) -> Verdict:
        value = one[name].item()
        return "cannot tell" if np.isnan(value) else "yes" if value <= limit else "no"

    return {
        "one variance over the run": at_most("variance_over_run", STEADY),
        "one variance over B": at_most("variance_over_batch", STEADY),
        "start forgotten": forgotten,
        "small steps": at_most("step_curvature", SMALL_STEP),
        "barrier": "yes" if one["barrier"].item() > 0 else "no",
    }


def condition_tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Conditions, and what measured noise predicts; nothing without such problems."""
    problems = _problems(data)
    if not problems:
        return ()
    rows = []
    for one in problems:
        met = verdicts(one)
        texts = (
            _number(one["variance_over_run"].item()),
            _number(one["variance_over_batch"].item()),
            _range(one, "start_shift", 1),
            _number(one["step_curvature"].item(), 3),
            _number(one["barrier"].item(), 3),
        )
        cells = (f"{verdict}: {text}" for verdict, text in zip(met.values(), texts, strict=True))
        rows.append((spoken(one["problem"].item()), *cells, _range(one, "slope")))
    caption = (
        "Whether each condition is met: the largest over the smallest gradient variance along the run up to the end, "
        f"and at the ends of all batch sizes (met up to {STEADY:g}); epochs by which runs that begin in the clean "
        f"phase move the end at the largest batch (met within {FORGOTTEN:g}); ηh at the earliest end, for the largest "
        f"curvature h (met up to {SMALL_STEP:g}); height of the straight line between the phases over the stuck one. "
        "A variance that γ^e/B fixes breaks no law, though it is not one."
    )
    headings = ("problem", *verdicts(problems[0]), "slope, 95 %")
    return (Table("conditions", caption, headings, tuple(rows)), _noise_table(problems), *_escape_tables(problems))


def _misses(one: xr.Dataset) -> tuple[float, float]:
    """Largest distance in epochs of a measured end from that by measured noise, and from that by one variance."""
    end, sizes = one["end"].values, one["batch_size"].values
    anchor = np.flatnonzero(sizes == one["noise_anchor"].item())
    if not anchor.size:
        return np.nan, np.nan
    halving = end[anchor[0]] / one["end_halvings"].values[anchor[0]]
    closed = end[anchor[0]] - halving * np.log2(sizes / sizes[anchor[0]])
    others = np.isfinite(end) & (sizes != sizes[anchor[0]])
    gaps = np.abs(end - one["noise_end"].values)[others]
    return float(gaps.max(initial=0.0)), float(np.abs(end - closed)[others].max(initial=0.0))


def _doubts(one: xr.Dataset) -> str:
    """In words, refusals in one."""
    parts = [part for part in one["noise_doubts"].item().split("; ") if part]
    said = [part for part in parts if not part.startswith("no such temperature")]
    return " ".join(said + (["Refused: no such temperature at other batch sizes."] if len(said) < len(parts) else []))


def _noise_table(problems: list[xr.Dataset]) -> Table:
    rows = []
    for one in problems:
        ends = "; ".join(
            f"B {size:.0f}: {_number(end, 1)} ({_number(predicted, 1)})"
            for size, end, predicted in zip(
                one["batch_size"].values, one["end"].values, one["noise_end"].values, strict=True
            )
            if np.isfinite(size)
        )
        rows.append(
            (
                spoken(one["problem"].item()),
                ends,
                _range(one, "slope"),
                _range(one, "noise_slope"),
                *(_number(miss, 1) for miss in _misses(one)),
                chance_text(one["noise_p_value"].item()) if np.isfinite(one["noise_p_value"].item()) else "refused",
                chance_text(one["closed_p_value"].item()) if np.isfinite(one["closed_p_value"].item()) else "-",
                _doubts(one) or "-",
            )
        )
    caption = (
        "Ends in epochs, measured and in brackets as predicted from measured noise, but for the batch size to which "
        "the temperature was fitted; slopes; by how many epochs measured noise and one variance miss an end at most; "
        "the chance of the measured ends by each."
    )
    headings = ("problem", "ends", "slope, 95 %", "by measured noise, 95 %", "measured noise misses by",
                "one variance misses by", "p, measured noise", "p, one variance",
                "doubts")  # fmt: skip
    return Table("measured_noise", caption, headings, tuple(rows))


def _escape_tables(problems: list[xr.Dataset]) -> tuple[Table, ...]:
    """Ends by escapes still to come, where one weight moves runs; none without such problems."""
    rows = []
    for one in problems:
        known = np.isfinite(one["escapes_left"].values) | np.isfinite(one["escapes_end"].values)
        for row in np.flatnonzero(known):
            numbers = [one[name].values[row] for name in ("end", "escapes_end", "escapes_left")]
            size = f"{one['batch_size'].values[row]:.0f}"
            rows.append((spoken(one["problem"].item()), size, *map(_number, numbers, (1, 1, 2))))
    if not rows:
        return ()
    caption = (
        "Where one weight moves runs over a barrier: ends in epochs as measured, and where ln 2 = 0.69 escapes are "
        "left, by measured noise and the exact rate in the clean loss at one temperature an epoch, with nothing fitted "
        "[eq:escapes-left-measured-noise]; and how many are left at the measured ends. Noise that depends on the "
        "weight, as in logistic regression, has no such temperature."
    )
    headings = ("problem", "batch size", "end", "end by escapes left", "escapes left at the end")
    return (Table("escapes_left", caption, headings, tuple(rows)),)


def _missing_claims(by_name: dict[str, xr.Dataset]) -> list[Claim]:
    """Where measured noise is better than one variance by far, and where it is worse."""
    misses = {
        name: _misses(one) for name, one in by_name.items() if np.isfinite(one["noise_slope"].item())
    }  # fmt: skip
    if len(misses) < 2:
        return []
    gain = {name: closed - noise for name, (noise, closed) in misses.items()}
    best, worst = max(gain, key=lambda name: gain[name]), min(gain, key=lambda name: gain[name])
    sentence = (
        f"Measured noise misses ends by up to {misses[best][0]:.1f} epochs ({spoken(best)}) and {misses[worst][0]:.1f} "
        f"({spoken(worst)}), one variance by {misses[best][1]:.1f} and {misses[worst][1]:.1f}."
    )
    verdict: Verdict = "yes" if gain[worst] >= 0 else "no"
    return [Claim("misses", sentence, misses[worst][0], None, misses[worst][1], verdict)]


def condition_claims(data: xr.Dataset) -> list[Claim]:
    """How many slopes are 1, the one farthest from it, and where measured noise predicts better or is wrong."""
    problems = [one for one in _problems(data) if np.isfinite(one["slope"].item())]
    if not problems:
        return []
    inside_one = [inside(1.0, one["slope_low"].item(), one["slope_high"].item()) for one in problems]
    count, whole = inside_one.count("yes"), len(problems)
    made = [
        Claim(
            "minibatches", f"SGD on real minibatches has slope 1, within 95 %, in {count} of {whole} problems; the "
            "closed form says all.", float(count), None, float(whole), "yes" if count == whole else "no",
        )
    ]  # fmt: skip
    by_name = {str(one["problem"].item()): one for one in problems}
    for name, words in (("memorising", "Where labels are learned by heart"), ("deep_linear", "Without a barrier")):
        if name in by_name and np.isfinite(by_name[name]["noise_slope"].item()):
            one = by_name[name]
            value, low, high = (one[f"slope{end}"].item() for end in ("", "_low", "_high"))
            sentence = (
                f"{words} the slope is {_range(one, 'slope')}; measured noise predicts {_range(one, 'noise_slope')}, "
                "one variance 1."
            )
            chance = one["noise_p_value"].item()
            verdict: Verdict = "cannot tell" if np.isnan(chance) else "yes" if chance > REFUTED else "no"
            made.append(
                Claim.of(f"measured-noise-{name.replace('_', '-')}", sentence, value, (low, high),
                         one["noise_slope"].item(), verdict)
            )  # fmt: skip
    judged = [one for one in problems if np.isfinite(one["noise_p_value"].item())]
    if judged:
        noise, closed = (sum(one[f"{name}_p_value"].item() > REFUTED for one in judged) for name in ("noise", "closed"))
        made.append(
            Claim(
                "measured-noise", f"Measured noise predicts the ends (p above {REFUTED:g}) in {noise} of {len(judged)} "
                f"problems, one variance in {closed}.", float(noise), None, float(len(judged)),
                "yes" if noise == len(judged) else "no",
            )
        )  # fmt: skip
    made += _missing_claims(by_name)
    met = [all(verdict == "yes" for name, verdict in verdicts(one).items() if name != "one variance over the run")
           for one in problems]  # fmt: skip
    if any(met):
        right = sum(verdict == "yes" for verdict, every in zip(inside_one, met, strict=True) if every)
        made.append(
            Claim("conditions", f"Of {sum(met)} problems that meet every condition, {right} have slope 1 within 95 %.",
                  float(right), None, float(sum(met)), "yes" if right == sum(met) else "no")
        )  # fmt: skip
    return made


__all__ = ["condition_claims", "condition_tables", "verdicts"]
