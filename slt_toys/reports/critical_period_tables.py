"""Tables of the critical-period experiment, from the record that the command wrote: for the terminal and README."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..results.marked_text import markdown

Cells = tuple[list[str], list[list[str]]]
NOTHING = "-"


def readme_tables(record: Mapping[str, Any]) -> dict[str, str]:
    """Markdown by name of the marker.

    Parameters
    ----------
    record
        The content of ``critical_period.json``.
    """
    return {
        "critical_period_arms": markdown(*arm_table(record)),
        "critical_period_power": markdown(*power_table(record)),
        "critical_period_worlds": markdown(*world_table(record)),
        "critical_period": "\n".join(f"- {sentence}" for sentence in record["in_words"]),
    }


def arm_table(record: Mapping[str, Any]) -> Cells:
    """Headings and rows: the end of the critical period by arm, as it happened and as predicted from the control.

    A star marks arms in which temperature and flow time left are one function, a plus arms beyond the law's conditions.
    Arms that repeat another's schedule have a row that says so, and no numbers of their own.
    """
    arms, confounding, beyond = record["arms"], record["confounding_arms"], record["arms_beyond_the_law"]
    names = list(next(iter(arms.values()))["predicted_from_the_control"])
    rows = [
        [
            arm + (" *" if arm in confounding else "") + (" +" if arm in beyond else ""),
            NOTHING if told["exact"] is None else told["exact"]["statement"],
            told["sampled"]["statement"],
            *(told["predicted_from_the_control"][name]["statement"] for name in names),
        ]
        for arm, told in arms.items()
    ]
    rows += [
        [f"{copy}: is {original}", *["not counted"] * 2, *[""] * len(names)]
        for copy, original in record["copied_arms"].items()
    ]
    for title, key in (
        ("p-value: the law's arms", "verdict"),
        ("p-value: with arms marked +", "verdict_with_arms_beyond_the_law"),
        ("p-value: arms with *", "verdict_from_confounding_arms"),
    ):
        verdict = record[key]
        if verdict is not None or key != "verdict_with_arms_beyond_the_law":
            rows.append([title, "", _outcome(verdict), *(_chance(verdict, name) for name in names)])
    return ["arm", "exact", "sampled, 95 %", *(f"{name}: predicted" for name in names)], rows


def power_table(record: Mapping[str, Any]) -> Cells:
    """Headings and rows: how often temperature is refuted, by what decides."""
    rows = [
        [
            told["world"],
            f"{told['refuted']} of {told['seeds']}",
            _told(told["largest_p_value"]),
            ", ".join(f"{outcome} {times}" for outcome, times in told["outcomes"].items()),
        ]
        for told in record["power"]
    ]
    return ["what decides", "temperature refuted", "its largest p-value", "verdicts"], rows


def world_table(record: Mapping[str, Any]) -> Cells:
    """Headings and rows: truth and verdicts by world."""
    rows = [
        [
            world,
            told["truth"],
            told["verdict"]["outcome"],
            told["verdict"]["nearest"],
            _outcome(told["verdict_from_confounding_arms"]),
            ", ".join((told["verdict_from_confounding_arms"] or {"survivors": []})["survivors"]) or NOTHING,
        ]
        for world, told in record["worlds"].items()
    ]
    headings = [
        "world",
        "truth",
        "verdict, the law's arms",
        "nearest",
        "verdict, confounding arms",
        "which these leave",
    ]
    return headings, rows


def shift_table(record: Mapping[str, Any]) -> Cells:
    """Headings and rows: masses at the end by shift, exact and sampled, for the pair and for three phases."""
    pair, three = record["shifts"]["pair"], record["shifts"]["three_phases"]
    stuck, phases = record["pair"]["stuck_phase"], list(next(iter(three.values())))
    rows = []
    for shift, told in pair.items():
        other = three.get(shift)
        rows.append(
            [
                shift,
                *_both(told[stuck]),
                *([""] * len(phases) if other is None else [_in_one(other[p]) for p in phases]),
            ]
        )
    headings = [f"three phases: {phase}, exact / sampled" for phase in phases]
    return ["shift", "stuck, exact", "sampled ± standard error", *headings], rows


def _both(told: Mapping[str, float]) -> list[str]:
    return [f"{told['exact']:.3f}", f"{told['sampled']:.3f} ± {told['error']:.3f}"]


def _in_one(told: Mapping[str, float]) -> str:
    return f"{told['exact']:.3f} / {told['sampled']:.3f}"


def _chance(verdict: Mapping[str, Any] | None, name: str) -> str:
    return NOTHING if verdict is None else _told(verdict["fits"][name]["p_value"])


def _told(value: float) -> str:
    return "< 0.001" if value < 0.001 else "> 0.99" if value > 0.99 else f"{value:.2g}"


def _outcome(verdict: Mapping[str, Any] | None) -> str:
    return NOTHING if verdict is None else verdict["outcome"]
