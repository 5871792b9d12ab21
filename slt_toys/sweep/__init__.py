"""Any function, experiment or model at every point of a grid: on this machine's processors, or on a Ray cluster.

``from slt_toys.sweep import sweep`` for a function of one's own, ``python -m slt_toys.sweep`` for experiments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .driver import sweep

__all__ = ["sweep"]


def __getattr__(name: str) -> Any:
    if name == "sweep":
        from .driver import sweep

        return sweep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
