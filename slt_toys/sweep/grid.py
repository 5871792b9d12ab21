"""Which points a sweep visits."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..results.canonical import canonical_text

Point = dict[str, Any]


@dataclass(frozen=True)
class Grid:
    """Every combination of some values; the last axis is passed through first.

    Attributes
    ----------
    axes
        Name to values, all of an axis distinct.
    wanted
        Whether a point is visited; None for all.
    """

    axes: Mapping[str, tuple[Any, ...]]
    wanted: Callable[[Point], bool] | None = None

    def __post_init__(self) -> None:
        for name, values in self.axes.items():
            if not isinstance(name, str) or not name.isidentifier():
                raise ValueError(f"grid: names must be those of arguments, not {name!r}")
            if not values:
                raise ValueError(f"grid: {name} has no values; give at least one")
            texts = [canonical_text(value, f"grid: {name}") for value in values]
            text, times = Counter(texts).most_common(1)[0]
            if times > 1:
                raise ValueError(f"grid: {name} has the value {text} {times} times; give each once")

    @classmethod
    def of(cls, grid: Grid | Mapping[str, Any], wanted: Callable[[Point], bool] | None = None) -> Grid:
        """A grid from a mapping of names to values.

        Raises
        ------
        ValueError
            If there are no values, one is given twice, or something is no list of values.
        """
        if isinstance(grid, Grid):
            return grid
        if not isinstance(grid, Mapping):
            raise ValueError(f"grid must map names of arguments to lists of values, not be a {type(grid).__name__}")
        axes: dict[str, tuple[Any, ...]] = {}
        for name, values in grid.items():
            if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
                raise ValueError(f"grid: {name} must be a list of values, not {values!r}")
            axes[name] = tuple(values.tolist() if hasattr(values, "tolist") else values)
        return cls(axes, wanted)

    def __len__(self) -> int:
        return math.prod(self.shape) if self.wanted is None else sum(1 for _ in self)

    def __iter__(self) -> Iterator[Point]:
        return (point for _, point in self.placed())

    def placed(self) -> Iterator[tuple[tuple[int, ...], Point]]:
        """Every point that is visited, with its place on each axis."""
        for place in itertools.product(*map(range, self.shape)):
            point = {name: values[at] for (name, values), at in zip(self.axes.items(), place, strict=True)}
            if self.wanted is None or self.wanted(point):
                yield place, point

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(map(len, self.axes.values()))


def axis_labels(values: Sequence[Any]) -> list[Any]:
    """Values as a coordinate can hold them: numbers, truth values and text as they are, else their canonical text."""
    plain = all(isinstance(value, bool) for value in values) or all(isinstance(value, str) for value in values)
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    if plain or numeric:
        return list(values)
    return [value if isinstance(value, str) else canonical_text(value) for value in values]
