"""A sweep's epochs and measurements as event files, which TensorBoard reads; the extra ``tensorboard`` writes them.

One folder for each run, named by arm, deficit, batch size, seed and switch epoch, with the epochs of all units that
lead to its end. The same sweep gives the same bytes: the time of an event is the work that led to it, in seconds.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cifar.study.arms import Run
from cifar.sweep.plan import Unit, plan
from cifar.sweep.store import Store
from slt_toys.results.records import write_bytes_atomically, written_together

NAME = "events.out.tfevents.0.cifar"  # TensorBoard looks for the second and third word
CURVES = ("learning_rate", "train/loss", "train/accuracy", "seconds")  # of an epoch, in the order of the store
Scalar = tuple[float, int, str, float]  # seconds of work so far, step, tag, value


def write_events(folder: Path, out: Path) -> list[Path]:
    """Write the event file of every run that has begun.

    Parameters
    ----------
    folder
        Of the sweep.
    out
        Where the runs' folders go: ``tensorboard --logdir OUT`` shows them.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ValueError
        In one line, if the extra is missing.
    OSError
        If a folder is missing or cannot be written to.
    """
    pack = _packer()
    with Store(folder, "read") as store:
        runs, rows, measured = store.runs(), store.epochs(), store.measurements()
    units = {unit.key: unit for unit in plan(runs)}
    epochs: dict[str, list[Sequence[Any]]] = {}
    for unit, *row in rows:
        epochs.setdefault(unit, []).append(row)
    written = []
    with written_together():
        for run in runs:
            scalars = list(_scalars(_chain(run, units), epochs, measured))
            if scalars:
                place = out / name_of(run)
                place.mkdir(parents=True, exist_ok=True)
                write_bytes_atomically(pack(scalars), place / NAME)
                written.append(place / NAME)
    return written


def name_of(run: Run) -> str:
    """The folder of a run."""
    arm, deficit, size, seed, switch = run.columns
    return f"{arm}-{deficit}/batch_{size}/seed_{seed}/switch_{switch:04d}"


def _chain(run: Run, units: Mapping[str, Unit]) -> list[Unit]:
    """The units that lead to a run's end, in order."""
    found: list[Unit] = []
    wanted: str | None = run.key
    while wanted is not None:
        found.append(units[wanted])
        wanted = units[wanted].parent
    return found[::-1]


def _scalars(
    chain: Sequence[Unit],
    epochs: Mapping[str, list[Sequence[Any]]],
    measured: Mapping[str, Mapping[str, tuple[float | None, float | None]]],
) -> Iterator[Scalar]:
    """What a run's curves hold: an epoch's values after it, measurements at the end of each unit."""
    worked = 0.0
    for unit in chain:
        for epoch, *values in epochs.get(unit.key, []):
            worked += values[-1]
            yield from ((worked, epoch + 1, tag, value) for tag, value in zip(CURVES, values, strict=True))
        for name, (value, error) in measured.get(unit.key, {}).items():
            for tag, number in ((f"measured/{name}", value), (f"standard_error/{name}", error)):
                if number is not None:
                    yield worked, unit.end, tag, number


def _packer() -> Any:
    """Scalars to the bytes of an event file; `ValueError` in one line without the extra."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError:
        raise ValueError("--tensorboard needs the extra tensorboard: pip install 'slt-toys[tensorboard]'") from None

    def pack(scalars: Sequence[Scalar]) -> bytes:
        content = io.BytesIO()
        writer = RecordWriter(content)
        writer.write(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())
        for worked, step, tag, value in scalars:
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.write(Event(wall_time=worked, step=step, summary=summary).SerializeToString())
        return content.getvalue()

    return pack
