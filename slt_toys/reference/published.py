"""The published CIFAR-10 critical-period curves, as a checked table.

Source: Baker, "Epoch wise critical periods, and singular learning theory" (2023),
github.com/GarretteBaker/critical_periods, commit 7355fda. Protocol, columns, rounding and the rows left out
are described in ``slt_toys/reference/README.md``. One seed per batch size: nothing in the table shows the
spread between seeds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from ..inputs.number_tables import number, read_rows

CITATION = (
    "Baker, Epoch wise critical periods, and singular learning theory (2023); "
    "github.com/GarretteBaker/critical_periods, commit 7355fda; one seed per batch size"
)
LEARNING_RATE = 0.05  # initial
DECAY = 0.97  # per epoch
MOMENTUM = 0.9
DATASET_SIZE = 50_000

TABLE = "baker2023.csv"
TABLE_SHA256 = "284c516e964717abebbbf561f7aac6512cf29d8650c7e36e373c41191105f48a"
LOSSES = ("deficit_train_loss", "final_train_loss", "final_validation_loss")
COLUMNS = ("batch_size", "total_epochs", "switch_epoch", "final_accuracy", *LOSSES)


@dataclass(frozen=True)
class PublishedCurve:
    """One batch size of the published table; arrays of shape (rows,), one run per row, by increasing switch
    epoch.

    Accuracies in percent, losses in nats, epochs counted from the start of training.
    """

    batch_size: int
    total_epochs: int
    switch_epochs: NDArray[np.float64]
    final_accuracy: NDArray[np.float64]
    deficit_train_loss: NDArray[np.float64]
    final_train_loss: NDArray[np.float64]
    final_validation_loss: NDArray[np.float64]

    def learning_rate(self) -> NDArray[np.float64]:
        """The learning rate at each switch epoch, of shape (rows,)."""
        return LEARNING_RATE * DECAY**self.switch_epochs


def read_curves(text: str, source: str) -> dict[int, PublishedCurve]:
    """Curves by batch size from the text of a table with the columns of `COLUMNS`.

    Parameters
    ----------
    text : str
        Comma-separated, the first line naming the columns.
    source : str
        What to call the table in an error message.

    Raises
    ------
    ValueError
        If a column is missing or named twice, a row has another number of cells, a number is missing, unreadable,
        infinite or not a number, a loss or batch size is not positive, an accuracy is no percentage, or a batch size
        has a switch epoch twice, one that is not below the total, or several totals. The order of rows does not matter.
    """
    _, numbered = read_rows(text, source, COLUMNS, mark=":")
    table: dict[int, dict[float, dict[str, float]]] = {}
    for line, record in numbered:
        place = f"{source}: line {line}"
        row = {name: number(record[name], f"{place}, column {name!r}") for name in COLUMNS}
        _check_row(row, place)
        earlier = table.setdefault(int(row["batch_size"]), {})
        if row["switch_epoch"] in earlier:
            raise ValueError(f"{place}, switch epoch {row['switch_epoch']:g} does not follow {row['switch_epoch']:g}: "
                             f"batch size {row['batch_size']:g} has it twice; leave one out")  # fmt: skip
        first = next(iter(earlier.values()), row)
        if row["total_epochs"] != first["total_epochs"]:
            raise ValueError(f"{place}, column 'total_epochs': {row['total_epochs']:g} is not the "
                             f"{first['total_epochs']:g} of others of batch size {row['batch_size']:g}")  # fmt: skip
        earlier[row["switch_epoch"]] = row
    if not table:
        raise ValueError(f"{source}: no rows; the table needs at least one under its column names")
    return {size: _curve(size, [rows[epoch] for epoch in sorted(rows)]) for size, rows in table.items()}


def published_curves() -> dict[int, PublishedCurve]:
    """The published curves by batch size (64, 128, 256), from the table that comes with the package.

    Raises
    ------
    ValueError
        If the table is not the one this package was released with (SHA-256).
    """
    content = (resources.files("slt_toys") / "reference" / TABLE).read_bytes().replace(b"\r\n", b"\n")
    check_table(content)
    return read_curves(content.decode("ascii"), TABLE)


def check_table(content: bytes) -> None:
    """Refuse a table whose SHA-256 is not `TABLE_SHA256`."""
    checksum = hashlib.sha256(content).hexdigest()
    if checksum != TABLE_SHA256:
        raise ValueError(f"{TABLE}: its SHA-256 is {checksum[:12]}..., not {TABLE_SHA256[:12]}...; reinstall slt-toys")


def _check_row(row: dict[str, float], place: str) -> None:
    for name in ("batch_size", "total_epochs", *LOSSES):
        if row[name] <= 0:
            raise ValueError(f"{place}, column {name!r}: {row[name]:g} is not positive")
    for name in ("batch_size", "total_epochs"):
        if not row[name].is_integer():
            raise ValueError(f"{place}, column {name!r}: {row[name]:g} is not a whole number")
    if not 0 <= row["final_accuracy"] <= 100:
        raise ValueError(
            f"{place}, column 'final_accuracy': {row['final_accuracy']:g} is not between 0 and 100 percent"
        )
    if not 0 <= row["switch_epoch"] < row["total_epochs"]:
        raise ValueError(
            f"{place}, column 'switch_epoch': {row['switch_epoch']:g} is not below the total of "
            f"{row['total_epochs']:g}; leave out runs that never switched"
        )


def _curve(batch_size: int, rows: list[dict[str, float]]) -> PublishedCurve:
    columns = {name: np.array([row[name] for row in rows]) for name in COLUMNS}
    for array in columns.values():
        array.flags.writeable = False
    return PublishedCurve(batch_size, int(columns["total_epochs"][0]), *(columns[name] for name in COLUMNS[2:]))
