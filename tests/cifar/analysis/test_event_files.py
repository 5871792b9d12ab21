"""Event files hold what the sweep holds, as TensorBoard itself reads them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cifar.__main__ import main
from cifar.analysis.event_files import NAME, name_of, write_events
from cifar.sweep.plan import plan
from tests.cifar.made_studies import make_sweep, small

pytest.importorskip("tensorboard")


def read(path: Path) -> dict[str, list[tuple[float, int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(path))
    events.Reload()
    return {tag: [(e.wall_time, e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_reads_every_run_from_its_first_epoch_to_its_end(tmp_path):
    folder, out = tmp_path / "sweep", tmp_path / "logs"
    with make_sweep(folder, small(), seconds=2.0) as store:
        runs, measured, units = store.runs(), store.measurements(), {unit.key: unit for unit in plan(store.runs())}
    written = write_events(folder, out)
    assert written == [out / name_of(run) / NAME for run in runs] and len(set(written)) == len(runs)
    branched = [run for run in runs if units[run.key].parent is not None]
    assert branched, "the control: some runs share what leads to their switch"
    for run in runs:
        found = read((out / name_of(run) / NAME).parent)
        assert [step for _, step, _ in found["train/loss"]] == list(range(1, run.epochs + 1))
        assert [time for time, *_ in found["train/accuracy"]] == [2.0 * step for step in range(1, run.epochs + 1)]
        last = found["measured/test_accuracy"][-1]
        assert last[1] == run.epochs and last[2] == pytest.approx(measured[run.key]["test_accuracy"][0], rel=1e-6)
        assert found["standard_error/train_accuracy"][-1][2] == pytest.approx(0.01)
        assert "measured/noise" not in found
        assert {step for _, step, _ in found["measured/gradient_noise_trace"]} >= {run.epochs}
    again = [path.read_bytes() for path in written]
    write_events(folder, out)
    assert [path.read_bytes() for path in written] == again


def test_a_run_that_has_not_begun_has_no_file(tmp_path, capsys):
    folder, out = tmp_path / "sweep", tmp_path / "logs"
    with make_sweep(folder, small(), missing=1) as store:
        runs = store.runs()
        done = store.done()
    assert main(["export", "--results", str(folder), "--tensorboard", str(out)]) == 0
    told = capsys.readouterr().out.splitlines()
    files = sorted(str(path) for path in out.rglob(NAME))
    assert sorted(line for line in told if NAME in line) == files and (folder / "export.nc").is_file()
    ended = {out / name_of(run) / NAME for run in runs if run.key in done}
    assert ended <= set(map(Path, files)) and len(ended) < len(runs)


def test_without_the_library_it_is_refused_before_anything_is_written(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "sweep"
    with make_sweep(folder, small()):
        pass
    before = sorted(tmp_path.rglob("*"))
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert main(["export", "--results", str(folder), "--tensorboard", str(tmp_path / "logs")]) == 2
    told = capsys.readouterr().err
    assert told == "error: --tensorboard needs the extra tensorboard: pip install 'slt-toys[tensorboard]'\n"
    assert sorted(tmp_path.rglob("*")) == before
