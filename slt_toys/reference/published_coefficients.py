"""The published estimates of learning coefficients along the CIFAR-10 runs, as a checked table.

Source and protocol as for :mod:`slt_toys.reference.published`: one estimate a run, one seed a batch size, no errors.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from ..inputs.number_tables import number, read_rows

TABLE = "baker2023_learning_coefficients.csv"
TABLE_SHA256 = "f9e1e2462fba470a83baecce60cc0f5a71b07880d4e7c517b328add7f995ce62"
COLUMNS = ("batch_size", "switch_epoch", "estimate_at_switch", "final_estimate")


@dataclass(frozen=True)
class PublishedEstimates:
    """One batch size; arrays of shape (rows,), one run a row, by increasing switch epoch.

    Attributes
    ----------
    batch_size
    switch_epochs
    at_switch
        Estimated learning coefficient when the deficit ends; below 0 where the weights stood above the minimum.
    final
        At the end of training.
    """

    batch_size: int
    switch_epochs: NDArray[np.float64]
    at_switch: NDArray[np.float64]
    final: NDArray[np.float64]


def published_estimates() -> dict[int, PublishedEstimates]:
    """The published estimates by batch size (64, 128, 256).

    Raises
    ------
    ValueError
        If the table is not the one this package was released with (SHA-256).
    """
    content = (resources.files("slt_toys") / "reference" / TABLE).read_bytes().replace(b"\r\n", b"\n")
    digest = hashlib.sha256(content).hexdigest()
    if digest != TABLE_SHA256:
        raise ValueError(f"{TABLE}: its SHA-256 is {digest[:12]}..., not {TABLE_SHA256[:12]}...; reinstall slt-toys")
    _, numbered = read_rows(content.decode("ascii"), TABLE, COLUMNS, mark=":")
    table = np.array(
        [[number(row[name], f"{TABLE}: line {line}, column {name!r}") for name in COLUMNS] for line, row in numbered]
    )
    curves = {}
    for size in np.unique(table[:, 0]):
        rows = table[table[:, 0] == size]
        rows = rows[np.argsort(rows[:, 1])]
        curves[int(size)] = PublishedEstimates(int(size), rows[:, 1], rows[:, 2], rows[:, 3])
    return curves
