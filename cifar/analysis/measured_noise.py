"""What the gradient noise that was measured predicts for the shift of the end, beside one variance and the ends."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cifar.analysis.supposed import MUCH, Supposed
from slt_toys.fits.measured_noise import LocalShift, NoiseTable, local_shift
from slt_toys.results.claims import MOST_CLAIMS, Claim, Table, page, spoken
from slt_toys.results.records import read_record, write_bytes_atomically, write_record, written_together

NAME = "half_stuck_mass"
COMMAND = "python -m cifar report"
TABLE, SHIFTS = "predicted_shift", "epochs_per_halving"
ORDER = ("no", "cannot tell", "yes")
REPETITIONS = 2000
CERTAIN = 0.025  # share of draws


def at_common_epochs(noise: Mapping[int, Mapping[int, float]], sizes: Sequence[int]) -> tuple[list[int], np.ndarray]:
    """Switch epochs of any batch size that all others reach, and traces there, shape (batch sizes, epochs).

    Between its own switch epochs the logarithm of a batch size's trace is a line.
    """
    grids = [sorted(noise[size]) for size in sizes]
    if not grids or not all(grids):
        return [], np.empty((len(sizes), 0))
    first, last = max(grid[0] for grid in grids), min(grid[-1] for grid in grids)
    epochs = sorted(epoch for epoch in set().union(*grids) if first <= epoch <= last)
    logs = [np.interp(epochs, grid, [math.log(noise[size][epoch]) for epoch in grid])
            for size, grid in zip(sizes, grids, strict=True)]  # fmt: skip
    return epochs, np.exp(np.array(logs).reshape(len(sizes), len(epochs)))


def noise_shift(
    noise: Mapping[int, Mapping[int, float]],
    ends: Mapping[int, tuple[float, float]],
    *,
    decay: float,
    relative: float | None = None,
    seed: int = 0,
) -> tuple[LocalShift, float] | None:
    """The predicted shift near the measured ends, and the relative error of a trace; None where noise does not reach.

    With three batch sizes or more that error is the scatter of the traces, before the mean end or next to it, about a
    power of the batch size. Two batch sizes always follow a power: there it is the scatter between seeds.

    Parameters
    ----------
    noise
        Batch size to switch epoch to the trace of the covariance of per-example gradients.
    ends
        Batch size to end and standard error.
    decay
        Of the learning rate, per epoch.
    relative
        Relative standard error of a trace by the scatter between seeds; None where it is not known.
    seed
        Of the bootstrap.
    """
    sizes = sorted(set(noise) & set(ends))
    enough = len(sizes) > 2 or (len(sizes) == 2 and relative is not None)
    epochs, values = at_common_epochs(noise, sizes) if enough else ([], np.empty((0, 0)))
    at = float(np.mean([ends[size][0] for size in sizes])) if sizes else math.nan
    if len(epochs) < 2 or not epochs[0] <= at <= epochs[-1]:
        return None
    error = float(np.sqrt(np.sum([ends[size][1] ** 2 for size in sizes])) / len(sizes))
    near = [k for k, epoch in enumerate(epochs) if epoch <= at or epochs[k - 1] <= at]
    line = np.log(sizes)
    if len(sizes) > 2:
        residuals = [np.log(values[:, k]) - np.polyval(np.polyfit(line, np.log(values[:, k]), 1), line) for k in near]
        relative = float(np.sqrt(np.sum(np.square(residuals)) / (len(near) * (len(sizes) - 2))))
    assert relative is not None
    table = NoiseTable(np.array(sizes, float), np.array(epochs, float), values, relative * values)
    return local_shift(table, at, error, decay=decay, repetitions=REPETITIONS, seed=seed), relative


def noise_claim(predicted: LocalShift, measured: tuple[float, float, float]) -> Claim:
    """One variance, measured noise and the measured ends in one sentence."""
    value, low, high = measured
    rises = predicted.rising > 1 - CERTAIN
    sentence = (
        f"Per halving the end moves {value:.1f} [{low:.1f}, {high:.1f}] epochs; one variance predicts "
        f"{predicted.closed_form:.2f}, measured noise {predicted.shift:.1f} [{predicted.low:.1f}, {predicted.high:.1f}]"
        + (", where temperature rises." if rises else ".")
    )
    overlap = low <= predicted.high and predicted.low <= high
    # Where the temperature rises no fall of it ended the period: that both shifts are small is then no success.
    verdict = "no" if not overlap else "yes" if predicted.rising < CERTAIN else "cannot tell"
    return Claim.of("measured-noise", sentence, value, (low, high), predicted.shift, verdict)


def noise_table(
    predicted: LocalShift,
    relative: float,
    measured: tuple[float, float, float],
    *,
    of_seeds: bool = False,
    definition: str = NAME,
) -> Table:
    """The numbers behind the claim; ``of_seeds`` says that the error of a trace is by the scatter between seeds."""
    value, low, high = measured
    rows = (
        (f"measured, {spoken(definition)}", f"{value:.2f} [{low:.2f}, {high:.2f}]"),
        ("one variance", f"{predicted.closed_form:.2f}"),
        ("measured noise", f"{predicted.shift:.2f} [{predicted.low:.2f}, {predicted.high:.2f}]"),
        ("power of B that the variance follows", f"{predicted.batch_exponent:.2f}"),
        ("growth of ln variance per epoch", f"{predicted.epoch_rate:+.3f}"),
        ("draws in which temperature rises", f"{100 * predicted.rising:.0f} %"),
    )
    caption = (
        "Epochs by which the end moves for each halving of the batch, by [eq:end-shift-measured-noise] at the mean "
        f"end, epoch {predicted.epoch:.1f}. A trace is taken to be known to {100 * relative:.1f} %, its scatter "
        f"{'between seeds' if of_seeds else 'about a power of the batch size'}. Where the temperature still rises, "
        "no fall of it below a critical one ended the period: small shifts, predicted and seen, are then no evidence "
        "for temperature."
    )
    return Table(TABLE, caption, ("quantity", "value"), rows)


def definition_of(record: Mapping[str, Any], decay: float) -> str:
    """Half stuck mass, unless on these switch epochs it would find another shift than the law's where that held.

    Then it is the definition that would find it most nearly.
    """
    supposed = [Supposed(**each) for each in record.get("supposed", ()) if each["definition"] in record[SHIFTS]]
    own = next((each for each in supposed if each.definition == NAME), None)
    theorem = math.log(2) / -math.log(decay)
    if own is None or own.lawful is None or own.off(theorem) <= MUCH:
        return NAME
    return min(supposed, key=lambda each: each.off(theorem)).definition


def of_record(record: Mapping[str, Any], decay: float) -> tuple[Claim, Table] | None:
    """Claim and table from what a record holds: ends, shift and traces."""
    if not decay < 1:
        return None
    name, ends = definition_of(record, decay), {}
    for size, end in record["critical_period_end"].get(name, {}).items():
        if end["epoch"] is not None and end["low"] is not None and end["high"] is not None:
            ends[int(size)] = (end["epoch"], (end["high"] - end["low"]) / (2 * 1.959964))
    shift = record[SHIFTS].get(name)
    if shift is None or shift["low"] is None or shift["high"] is None:
        return None
    noise = {
        int(size): {int(epoch): trace for epoch, trace in each.items()}
        for size, each in record["gradient_noise_trace"].items()
    }
    made = noise_shift(noise, ends, decay=decay, relative=record.get("gradient_noise_relative_error"))
    if made is None:
        return None
    measured = (shift["slope"], shift["low"], shift["high"])
    of_seeds = len(set(noise) & set(ends)) == 2
    return noise_claim(made[0], measured), noise_table(*made, measured, of_seeds=of_seeds, definition=name)


def with_prediction(record: dict[str, Any], decay: float) -> dict[str, Any]:
    """A record with the claim and the table, in the place of any that it had."""
    made = of_record(record, decay)
    if made is None:
        return record
    claim, table = made
    claims = [each for each in record["claims"] if each["name"] != claim.name]
    claims = sorted([*claims[:4], asdict(claim), *claims[4:]], key=lambda each: ORDER.index(each["verdict"]))
    if len(claims) > MOST_CLAIMS:  # the prediction is made of it
        claims = [each for each in claims if each["name"] != "measured-temperature"]
    tables = [each for each in record["tables"] if each["name"] != table.name]
    place = 1 + next((k for k, each in enumerate(tables) if each["name"] == "measured_temperature"), len(tables) - 1)
    tables.insert(place, asdict(table))
    return record | {"claims": claims[:MOST_CLAIMS], "tables": tables}


@written_together()
def supplement(path: Path, docs: Path, decay: float) -> None:
    """Write the prediction into a committed record and its page, whose sweep is not at hand."""
    record = with_prediction(read_record(path), decay)
    told, name = page(record, COMMAND).encode(), f"{path.stem}.md"
    record["manifest"]["files"][name] = hashlib.sha256(told).hexdigest()
    record["manifest"]["bytes"][name] = len(told)
    write_bytes_atomically(page(record, COMMAND, "../../").encode(), docs / f"{path.stem}.md")
    write_record(record, path)


def main(arguments: list[str]) -> int:
    """``python -m cifar.analysis.measured_noise RECORD DOCS DECAY``."""
    if len(arguments) != 3:
        print("error: give a record, a folder of pages and the decay of the learning rate per epoch", file=sys.stderr)
        return 2
    supplement(Path(arguments[0]), Path(arguments[1]), float(arguments[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
