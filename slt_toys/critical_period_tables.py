"""Tables of the critical-period experiment, from the record that the command wrote: for the terminal and README."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .marked_text import markdown

Cells = tuple[list[str], list[list[str]]]


def readme_tables(record: Mapping[str, Any]) -> dict[str, str]:
    """Markdown by name of the marker.

    Parameters
    ----------
    record
        The content of ``critical_period.json``.
    """
    return {
        "critical_period_arms": markdown(*arm_table(record)),
        "critical_period_worlds": markdown(*world_table(record)),
        "critical_period": "\n".join(f"- {sentence}" for sentence in record["in_words"]),
    }


def arm_table(record: Mapping[str, Any]) -> Cells:
    """Headings and rows: the end of the critical period by arm, as it happened and as predicted from the control.

    A star marks arms in which heat and flow time left are one function.
    """
    arms, confounding = record["arms"], record["confounding_arms"]
    names = list(next(iter(arms.values()))["predicted_from_the_control"])
    rows = [
        [
            f"{arm} *" if arm in confounding else arm,
            told["exact"]["statement"],
            told["sampled"]["statement"],
            *(told["predicted_from_the_control"][name]["statement"] for name in names),
        ]
        for arm, told in arms.items()
    ]
    chances = [_chance(record["verdict"], name) for name in names]
    alone = [_chance(record["verdict_from_confounding_arms"], name) for name in names]
    rows.append(["p-value: all arms", "", record["verdict"]["outcome"], *chances])
    rows.append(["p-value: arms with *", "", _outcome(record["verdict_from_confounding_arms"]), *alone])
    return ["arm", "exact", "sampled, 95 %", *(f"{name}: predicted" for name in names)], rows


def world_table(record: Mapping[str, Any]) -> Cells:
    """Headings and rows: truth and verdicts by world."""
    rows = [
        [
            world,
            told["truth"],
            told["verdict"]["outcome"],
            _outcome(told["verdict_from_confounding_arms"]),
            ", ".join((told["verdict_from_confounding_arms"] or {"survivors": []})["survivors"]) or "-",
        ]
        for world, told in record["worlds"].items()
    ]
    return ["world", "truth", "verdict, all arms", "verdict, confounding arms", "which these leave"], rows


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
    if verdict is None:
        return "-"
    value = verdict["fits"][name]["p_value"]
    return "< 0.001" if value < 0.001 else "> 0.99" if value > 0.99 else f"{value:.2g}"


def _outcome(verdict: Mapping[str, Any] | None) -> str:
    return "-" if verdict is None else verdict["outcome"]
