"""Which numbers moved between two runs of an experiment, by name and place, and by how many standard errors.

A number's error is that of its claim's interval, or of the variables beside it: ``X_standard_error``, else ``X_low``
and ``X_high``, else ``X_error`` for a variable ``X`` or ``X_epoch`` (and other `LEAVES`). Intervals are at 95 %: the
side that faces the other run's number counts, and 1.96 standard errors are in it. An error is believed to be what its
name says, so each is told with its source.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import xarray as xr

from .recipe import dataset_of
from .records import read_dataset
from .schema import FOLDERS

NORMAL = NormalDist().inv_cdf(0.975)  # standard errors in each side of an interval at 95 %
LEVEL = 0.05  # chance that one of all numbers counts as moved where nothing did
# What a variable is called besides the name that it shares with its interval.
LEAVES = (
    "epoch", "epochs", "slope", "estimate", "exponent", "value", "shift", "sampled", "inverse_temperature",
)  # fmt: skip
ABSENT = "(absent)"
WORK = "seconds"  # durations of work differ in every run
MOST_TEXTS = 2  # by which a row without a label is called
# With all of these the same, a run gives the same bits.
CODE = ("version", "git_commit", "python", "libraries", "machine")


@dataclass(frozen=True)
class Number:
    """One number of both runs.

    Attributes
    ----------
    name, place
        Of the claim or variable, and where in it, such as ``"batch_size=64"``.
    old, new
        NaN for none.
    error
        Standard error of their difference; NaN where there is none or it is zero.
    source
        Where that is from.
    of_error
        Whether it is itself part of another number's error: an end of an interval or a standard error.
    """

    name: str
    place: str
    old: float
    new: float
    error: float = math.nan
    source: str = ""
    of_error: bool = False

    @property
    def changed(self) -> bool:
        """Whether the two differ at all; zero has no sign."""
        return self.old != self.new and not (math.isnan(self.old) and math.isnan(self.new))

    @property
    def judged(self) -> bool:
        """Whether there is an error to measure the change by."""
        return self.error > 0 and math.isfinite(self.new - self.old)

    @property
    def z(self) -> float:
        """By how many standard errors it moved."""
        return (self.new - self.old) / self.error

    @property
    def relative(self) -> float:
        """By which share of the larger of the two it moved; infinite where one is there and the other is not."""
        if not self.changed:
            return 0.0
        if not (math.isfinite(self.old) and math.isfinite(self.new)):
            return math.inf
        return abs(self.new - self.old) / max(abs(self.old), abs(self.new))


@dataclass
class Comparison:
    """What is to be said of two runs.

    Attributes
    ----------
    differences
        Of configuration, seed, commit and versions: name, old, new.
    comparable
        Whether both asked for the same, seed aside.
    same_seed, same_code
        Whether these are known to be the same; with both, and `comparable`, every bit must be.
    verdicts
        Claims whose verdict changed: name, old, new.
    numbers
        Of claims and variables, at the places that both have.
    texts
        Texts that changed: name, place, old, new.
    apart
        What cannot be compared, each in a sentence.
    """

    differences: list[tuple[str, Any, Any]] = field(default_factory=list)
    comparable: bool = True
    same_seed: bool = False
    same_code: bool = False
    verdicts: list[tuple[str, str, str]] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)
    texts: list[tuple[str, str, str, str]] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)

    @property
    def must_be_equal(self) -> bool:
        """Whether configuration, seed, code, versions and kind of machine agree."""
        return self.comparable and self.same_seed and self.same_code

    @property
    def known(self) -> list[Number]:
        """Numbers with an error, those that moved most first."""
        return sorted((n for n in self.numbers if n.judged), key=lambda n: -abs(n.z))

    @property
    def bound(self) -> float:
        """Standard errors that one of all numbers passes by chance in one comparison of twenty, at most."""
        return NormalDist().inv_cdf(1 - LEVEL / (2 * max(len(self.known), 1)))

    @property
    def moved(self) -> list[Number]:
        """Numbers that moved by more than chance explains."""
        return [n for n in self.known if abs(n.z) > self.bound]

    @property
    def without_error(self) -> list[Number]:
        """Numbers that changed and have no error, those that changed most first."""
        rest = (n for n in self.numbers if n.changed and not n.judged and not n.of_error)
        return sorted(rest, key=lambda n: -n.relative)

    @property
    def wrong(self) -> bool:
        """Whether a verdict changed, a number moved by more than chance, or bits differ that must be equal."""
        differs = any(n.changed for n in self.numbers) or bool(self.texts or self.apart)
        return bool(self.verdicts or self.moved) or (self.must_be_equal and differs)


def compare(
    old: Mapping[str, Any], new: Mapping[str, Any], datasets: tuple[xr.Dataset, xr.Dataset] | None = None
) -> Comparison:
    """Compare two records in the present schema, number by number.

    Parameters
    ----------
    old, new
        As `slt_toys.results.records.read_record` gives them.
    datasets
        In place of the numbers that the records hold.

    Raises
    ------
    ValueError
        If a record has neither claims nor numbers, or if the two share none.
    """
    for which, record in (("old", old), ("new", new)):
        if not record.get("claims") and not record.get("numbers"):
            raise ValueError(f"{which.upper()} holds neither claims nor numbers; verify checks its files")
    told = Comparison()
    _manifests(old["manifest"], new["manifest"], told)
    _claims(old.get("claims", []), new.get("claims", []), told)
    one, other = datasets or (_numbers_of(old), _numbers_of(new))
    _variables(one, other, told)
    if not (told.numbers or told.texts):
        raise ValueError("OLD and NEW share no claim and no number; compare two runs of one experiment")
    return told


ALL = "numbers: all, from {}"
SMALL = "numbers: those in the record; variables of more than 400 values stand in the dataset alone, which is not here"


def dataset_beside(path: Path, record: Mapping[str, Any]) -> tuple[xr.Dataset, str]:
    """The dataset beside a record, or what the record holds of it, and in a sentence which of the two.

    Raises
    ------
    ValueError
        If the dataset is not the one that its record describes.
    """
    beside = path.with_suffix(".nc")
    if beside.is_file() and beside.name in record["manifest"]["files"]:
        return read_dataset(beside), ALL.format(beside.name)
    return _numbers_of(record), SMALL


def datasets_of(
    paths: Sequence[Path], records: Sequence[Mapping[str, Any]]
) -> tuple[tuple[xr.Dataset, xr.Dataset] | None, str]:
    """The whole datasets of two records if both lie beside them, and in a sentence where numbers are from.

    Raises
    ------
    ValueError
        If a dataset is not the one that its record describes.
    """
    old, new = (dataset_beside(path, record) for path, record in zip(paths, records, strict=True))
    return (None, SMALL) if SMALL in (old[1], new[1]) else ((old[0], new[0]), "numbers: all, from both datasets")


def _numbers_of(record: Mapping[str, Any]) -> xr.Dataset:
    return dataset_of(dict(record)) if record.get("numbers") else xr.Dataset()


def _manifests(old: Mapping[str, Any], new: Mapping[str, Any], told: Comparison) -> None:
    parts = ("config", "seed", "version", "git_commit", "git_modified", "python", "libraries", "machine")
    one, other = ({name: manifest.get(name) for name in parts} for manifest in (old, new))
    for each in (one, other):
        if isinstance(each["config"], dict):
            each["config"] = {k: v for k, v in each["config"].items() if k not in (*FOLDERS, "seed")}
    before, after = dict(_leaves(one)), dict(_leaves(other))
    names = [*before, *(name for name in after if name not in before)]
    for name in names:
        pair = before.get(name, ABSENT), after.get(name, ABSENT)
        if pair[0] != pair[1]:
            told.differences.append((name, *pair))
    told.comparable = one["config"] == other["config"]
    told.same_seed = one["seed"] == other["seed"] and one["seed"] is not None
    committed = one["git_commit"] is not None and one["git_modified"] is False and other["git_modified"] is False
    told.same_code = committed and all(one[name] == other[name] for name in CODE)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in nested objects, by dotted names."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _leaves(entry, f"{name}.{key}" if name else key)
    else:
        yield name, value


def _claims(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], told: Comparison) -> None:
    one, other = ({claim["name"]: claim for claim in claims} for claims in (old, new))
    for name in one:
        if name not in other:
            told.apart.append(f"claim {name} is in the old record only")
            continue
        before, after = one[name], other[name]
        if before["verdict"] != after["verdict"]:
            told.verdicts.append((name, before["verdict"], after["verdict"]))
        values = _number(before["value"]), _number(after["value"])
        ends = [[_number(end) for end in claim["interval"] or (None, None)] for claim in (before, after)]
        error = _facing(values, ends)
        told.numbers.append(Number(f"claim {name}", "", *values, error, "its interval" if error > 0 else ""))
        told.numbers.append(
            Number(f"claim {name}", "expected", _number(before["expected"]), _number(after["expected"]))
        )
        for which, end, at in zip(ends[0], ends[1], ("low", "high"), strict=True):
            told.numbers.append(Number(f"claim {name}", at, which, end, of_error=True))
    told.apart += [f"claim {name} is in the new record only" for name in other if name not in one]


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _facing(values: Sequence[float], ends: Sequence[Sequence[float]]) -> float:
    """Standard error of a difference, from the sides of two intervals at 95 % that face the other number."""
    below, above = (0, 1) if values[0] <= values[1] else (1, 0)
    sides = ends[below][1] - values[below], values[above] - ends[above][0]
    return math.hypot(*sides) / NORMAL if min(sides) >= 0 and math.isfinite(sum(sides)) else math.nan


def _variables(old: xr.Dataset, new: xr.Dataset, told: Comparison) -> None:
    names = [str(name) for name in old.variables]
    told.apart += [f"{name} is in the old record only" for name in names if name not in new.variables]
    told.apart += [f"{name} is in the new record only" for name in map(str, new.variables) if name not in old.variables]
    old, new = _shared_places(old, new, told)
    errors = {name: _errors(name, old, new) for name in names if name in old.variables and name in new.variables}
    companions = {part for _, source in errors.values() for part in source.split(", ")}
    for name, error in errors.items():
        if name == WORK or name.endswith(f"_{WORK}"):
            continue
        one, other = old[name], new[name]
        if one.dims != other.dims:
            told.apart.append(f"{name} is over ({_names(one)}) and over ({_names(other)})")
        elif one.shape != other.shape:  # of a dimension without labels
            told.apart.append(f"{name} has {one.shape} places and {other.shape}")
        elif _is_number(one) and _is_number(other):
            told.numbers += _numbers(_places(name, old), one, other, *error, name in companions)
        else:
            pairs = zip(_places(name, old), one.values.ravel(), other.values.ravel(), strict=True)
            told.texts += [(name, place, str(a), str(b)) for place, a, b in pairs if str(a) != str(b)]


def _shared_places(old: xr.Dataset, new: xr.Dataset, told: Comparison) -> tuple[xr.Dataset, xr.Dataset]:
    """Both at the labels that both have; without what is over a dimension whose places may be others."""
    for dim in [dim for dim in old.dims if dim in new.dims]:
        labels = [list(data.indexes[dim]) if dim in data.indexes else None for data in (old, new)]
        if labels[0] == labels[1]:
            continue
        known = [each for each in labels if each is not None]
        if len(known) < 2 or any(len(set(each)) < len(each) for each in known):
            told.apart.append(f"{dim} has other labels, or none, or some twice: what is over it is left out")
            old, new = old.drop_dims([dim]), new.drop_dims([dim])
            continue
        shared = [label for label in known[0] if label in set(known[1])]
        if len(shared) < max(map(len, known)):
            sizes = f"{len(known[0])} and {len(known[1])}"
            told.apart.append(f"{dim}: {len(shared)} labels are in both, of {sizes}; the others are left out")
        old, new = old.sel({dim: shared}), new.sel({dim: shared})
    return old, new


def _names(data: xr.DataArray) -> str:
    return ", ".join(str(dim) for dim in data.dims)


def _is_number(data: xr.DataArray) -> bool:
    return data.dtype.kind in "iufb"


def _places(name: str, data: xr.Dataset) -> list[str]:
    """Labels of every place, in the order of its numbers; where there are none, the row and what it is called."""
    labels = []
    for dim, size in data[name].sizes.items():
        if dim in data.indexes:
            told = (f"{label:.10g}" if isinstance(label, float) else label for label in data.indexes[dim])
            labels.append([f"{dim}={label}" for label in told])
        else:
            called = zip(*_texts_over(dim, data), strict=True) if _texts_over(dim, data) else [()] * size
            labels.append([f"{dim}={' '.join((str(row), *texts))}" for row, texts in enumerate(called)])
    return [", ".join(labels[k][at] for k, at in enumerate(place)) for place in np.ndindex(data[name].shape)]


def _texts_over(dim: Any, data: xr.Dataset) -> list[list[str]]:
    """The two variables of text along a dimension that tell most rows apart."""
    found = [variable.values for variable in data.variables.values() if variable.dims == (dim,)]
    texts = [values.tolist() for values in found if all(isinstance(value, str) for value in values)]
    return sorted(texts, key=lambda each: -len(set(each)))[:MOST_TEXTS]


def _numbers(
    places: list[str], old: xr.DataArray, new: xr.DataArray, errors: np.ndarray | None, source: str, of_error: bool
) -> list[Number]:
    values = [data.values.astype(float).ravel() for data in (old, new)]
    errors = np.full(values[0].shape, math.nan) if errors is None else errors
    rows = zip(places, *values, errors, strict=True)
    return [
        Number(str(old.name), place, float(a), float(b), float(error), source, of_error) for place, a, b, error in rows
    ]


def _errors(name: str, old: xr.Dataset, new: xr.Dataset) -> tuple[np.ndarray | None, str]:
    """Standard errors of a variable's differences, and the names of what they are from."""
    if not (_is_number(old[name]) and _is_number(new[name])) or old[name].shape != new[name].shape:
        return None, ""
    leaf = next((leaf for leaf in LEAVES if name == leaf or name.endswith(f"_{leaf}")), None)
    stems = [f"{name}_"] if leaf is None else [f"{name}_", name.removesuffix(leaf)]

    def beside(*candidates: str) -> list[list[np.ndarray]] | None:
        for data in (old, new):
            if any(each not in data.variables or data[each].dims != data[name].dims for each in candidates):
                return None
            if name in candidates or not all(_is_number(data[each]) for each in candidates):
                return None
        return [[data[each].values.astype(float).ravel() for each in candidates] for data in (old, new)]

    values = [data[name].values.astype(float).ravel() for data in (old, new)]
    for stem in stems:
        if found := beside(f"{stem}standard_error"):
            return _combined(found[0][0], found[1][0]), f"{stem}standard_error"
        if found := beside(f"{stem}low", f"{stem}high"):
            rows = zip(*values, *found[0], *found[1], strict=True)
            facing = [_facing((a, b), ((l0, h0), (l1, h1))) for a, b, l0, h0, l1, h1 in rows]
            return np.array(facing), f"{stem}low, {stem}high"
        if found := beside(f"{stem}error"):
            return _combined(found[0][0], found[1][0]), f"{stem}error"
    return None, ""


def _combined(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.where((one >= 0) & (other >= 0), np.hypot(one, other), math.nan)
