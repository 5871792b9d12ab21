"""Settings, experiments and folders of the tests of records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import xarray as xr

from slt_toys.results.claims import Claim, Outcome, Table
from slt_toys.results.recipe import Experiment, carry_out

OLD_RECORD = Path(__file__).with_name("record_of_schema_1.json")
NORMAL = 1.959963984540054
# Names of values, what follows them, and what tells of their errors.
KINDS = (
    ("mean", "", ("error",)), ("bare", "", ()), ("spread", "_estimate", ("standard_error",)),
    ("level", "", ("low", "high")), ("end", "_epoch", ("low", "high")),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    decay: float = 0.97
    batch_sizes: tuple[int, ...] = (32, 64)


class DrawnFigure:
    """What a figure can do, without matplotlib."""

    def savefig(self, file, *, format, metadata=None):
        file.write(b"a drawing as " + format.encode() + bytes(range(64)))


@dataclass(frozen=True, kw_only=True)
class Means(Experiment):
    """Means of normal numbers whose truth is known, with every kind of error that a record can hold.

    Attributes
    ----------
    sizes
        Labels of the places.
    draws
        Of which each is the mean.
    told
        Factor by which errors are told wrong.
    shift
        By how many standard errors the first ``end_epoch`` is moved.
    """

    NAME: ClassVar[str] = "means"

    sizes: tuple[int, ...] = (32, 64, 128)
    draws: int = 400
    told: float = 1.0
    shift: float = 0.0

    def run(self) -> xr.Dataset:
        generator = np.random.default_rng([self.seed, 19])
        truth = np.linspace(-3.0, 3.0, len(self.sizes))
        found = {"law": ("size", truth), "kind": ("size", ["even" if size % 64 == 0 else "odd" for size in self.sizes])}
        for name, leaf, ends in KINDS:
            drawn = truth + generator.normal(size=(self.draws, len(self.sizes)))
            value, error = drawn.mean(axis=0), drawn.std(axis=0, ddof=1) / self.draws**0.5
            if name == "end":
                value[0] += self.shift * error[0]
            reach = self.told * error * (NORMAL if "low" in ends else 1.0)
            found[f"{name}{leaf}"] = ("size", value)
            for end in ends:
                found[f"{name}_{end}"] = ("size", {"low": value - reach, "high": value + reach}.get(end, reach))
        return xr.Dataset(found, {"size": list(self.sizes)}, {"draws": self.draws})

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        ends = dataset[["end_epoch", "end_low", "end_high"]]
        claims = []
        for size in self.sizes[:3]:
            value, low, high = (float(ends[name].sel(size=size)) for name in ends)
            sentence = f"At {size} it is {value:.3g} [{low:.3g}, {high:.3g}]."
            claims.append(Claim.of(f"end-at-{size}", sentence, value, (low, high), float(dataset.law.sel(size=size))))
        table = Table("ends", "Ends.", ("size", "end"), tuple((str(size), "β") for size in self.sizes))
        return Outcome("Means", "What is known.", tuple(claims), (table,))

    def figures(self, dataset: xr.Dataset) -> dict[str, DrawnFigure]:
        return {"means": DrawnFigure()}


def made(folder: Path, **options) -> Path:
    """The record of a run in a folder, all its files beside it."""
    carry_out(Means(out=folder, **options))
    return folder / "means.json"
