"""README's tables of the phase diagram, from the record that the command wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..results.marked_text import markdown


def readme_tables(record: Mapping[str, Any]) -> dict[str, str]:
    """Markdown by name of the marker.

    Parameters
    ----------
    record
        The content of ``phase_diagram.json``.
    """
    return {
        "critical_period_end": _ends(record),
        "epochs_per_halving": _halvings(record),
        "collapse": _collapse(record),
        "published_limits": "\n".join(f"- {sentence}" for text in record["in_words"] for sentence in _sentences(text)),
    }


def _sentences(text: str) -> list[str]:
    return [sentence.rstrip(".") + "." for sentence in re.split(r"\.\s+(?=[A-Z0-9])", text)]


def _ends(record: Mapping[str, Any]) -> str:
    rows = []
    for size, end in record["critical_period_end"].items():
        definitions = end["definitions"]
        rows.append(
            [
                size,
                end["statement"]["exact"],
                end["statement"]["sampled"],
                "-" if end["law"] is None else f"{end['law']:.1f}",
                *(
                    definitions[name][way]["statement"]
                    for name in ("hinge", "half_depth")
                    for way in ("exact", "sampled")
                ),
            ]
        )
    headings = ["batch size", "half stuck mass: exact", "sampled, 95 %", "law"]
    return markdown([*headings, "hinge: exact", "sampled", "half depth: exact", "sampled"], rows)


def _halvings(record: Mapping[str, Any]) -> str:
    found = record["epochs_per_halving"]
    rows = [
        [
            name.replace("_", " "),
            f"{found['theory']:.2f}",
            _slope(found["exact"].get(name), interval=False),
            _slope(found["sampled"].get(name)),
            _slope(found["published"].get(name)),
        ]
        for name in ("half_stuck_mass", "hinge", "half_depth")
    ]
    return markdown(["definition of the end", "theory", "exact", "sampled, 95 %", "published CIFAR-10, 95 %"], rows)


def _collapse(record: Mapping[str, Any]) -> str:
    toy, published = record["collapse"]["toy"], record["collapse"]["published"]
    rows = [
        [
            variable.replace("_", " "),
            *("-" if v not in t else f"{t[v]['spread']:.3f}" for t, v in ((toy, variable), (published, variable))),
        ]
        for variable in published
    ]
    best = [record["collapse"][name] for name in ("toy_best_exponent", "published_best_exponent")]
    rows.append(
        [
            "best exponent of the batch size, 95 %",
            *("-" if b is None else f"{b['exponent']:.2f} [{b['low']:.2f}, {b['high']:.2f}]" for b in best),
        ]
    )
    return markdown(["variable", "this toy", "published CIFAR-10"], rows)


def _slope(shift: Mapping[str, Any] | None, interval: bool = True) -> str:
    if shift is None:
        return "-"
    if not interval:
        return f"{shift['slope']:.2f}"
    return f"{shift['slope']:.1f} [{shift['low']:.1f}, {shift['high']:.1f}]"
