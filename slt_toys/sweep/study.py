"""A study that is a sweep of its own: a function, the options it has, the points that are visited, a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .grid import Point

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class SweptStudy:
    """What ``python -m slt_toys.sweep NAME`` does.

    Attributes
    ----------
    name
        On the command line.
    options
        A dataclass: what a point is; its defaults hold where nothing else is said. It refuses what cannot be used.
    function
        Called with the fields of ``options``; see `slt_toys.sweep.driver.sweep`.
    axes
        What is swept, and its values where the command does not name others.
    wanted
        Whether a point of the axes' own values is visited; None for all. Values that the command names are all visited.
    pages
        Text of the page, and of other files beside it, by name, from the sweep's dataset.
    """

    name: str
    options: type
    function: Callable[..., Any]
    axes: Mapping[str, tuple[Any, ...]]
    wanted: Callable[[Point], bool] | None
    pages: Callable[[xr.Dataset], Mapping[str, str]]
