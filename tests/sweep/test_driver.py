"""Sweeps, and every fault that they may meet: nothing is lost, and nothing that is kept is done twice."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
import xarray as xr

from slt_toys.results.database import Taken
from slt_toys.results.ledger import NAME, Ledger
from slt_toys.sweep import code, sweep
from tests.sweep import made_functions as made

SCRIPT = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests in the background has it ignored
from slt_toys.sweep import sweep
from tests.sweep import made_functions as made
if __name__ == "__main__":
    out, log, count = sys.argv[1:]
    sweep(made.drawn, {"seed": range(int(count))}, constants={"log": log, "seconds": 0.02}, out=out, workers=2)
"""


def same(one, other):
    """Equal in every bit but for the seconds."""
    return one.drop_vars("unit_seconds").identical(other.drop_vars("unit_seconds"))


def driver(tmp_path, count=60):
    """A sweep in a process of its own, its log, and its folder."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    out, log = tmp_path / "out", tmp_path / "log"
    command = [sys.executable, str(script), str(out), str(log), str(count)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True), out, log


def kept_seeds(out):
    with Ledger(out, "read") as ledger:
        return sorted(arguments["seed"] for _, arguments in ledger.arguments())


def test_a_sweep_is_the_function_at_every_point():
    data = sweep(made.product, {"a": [1, 2.5, -3], "b": np.array([0.1, 0.7])}, workers=2)
    expected = [[a * b for b in (0.1, 0.7)] for a in (1, 2.5, -3)]
    assert data["value"].dims == ("a", "b") and data["value"].values.tolist() == expected
    assert data["unit_done"].values.all() and (data["unit_seconds"].values >= 0).all()
    assert data.attrs["experiment"] == "tests.sweep.made_functions:product" and data.attrs["failures"] == []
    part = sweep(made.product, {"a": [1, 2], "b": [3, 4]}, wanted=lambda point: point["a"] < point["b"] - 1, workers=1)
    assert part["unit_done"].values.tolist() == [[True, True], [False, True]] and np.isnan(part["value"][1, 0])


def test_bits_depend_on_no_number_of_workers(tmp_path):
    one, three = (sweep(made.drawn, {"seed": range(12)}, out=tmp_path / str(n), workers=n) for n in (1, 3))
    assert same(one, three)
    for seed in range(12):
        alone = made.drawn(seed)
        assert one["total"].sel(seed=seed).values == alone["total"] and one["told"].sel(seed=seed) == f"seed {seed}"
        assert one["values"].sel(seed=seed).values.tobytes() == alone["values"][1].tobytes()


def test_more_points_are_added_and_none_is_done_again(tmp_path):
    log, out = str(tmp_path / "log"), tmp_path / "out"
    few = sweep(made.drawn, {"seed": [3, 1]}, constants={"log": log}, out=out, workers=2)
    many = sweep(made.drawn, {"seed": range(6)}, constants={"log": log}, out=out, workers=2)
    assert sorted(made.noted(log)) == list("012345")
    assert same(few.drop_attrs(), many.sel(seed=[3, 1]).drop_attrs())
    again = sweep(made.drawn, {"seed": range(6)}, constants={"log": log}, out=out, workers=2)
    assert again.identical(many) and len(made.noted(log)) == 6
    with Ledger(out, "read") as ledger:
        assert list(ledger.faults()) == []


@pytest.mark.parametrize(
    "moment", [pytest.param(1, marks=pytest.mark.slow), 15, pytest.param(40, marks=pytest.mark.slow)]
)
def test_a_killed_driver_loses_nothing_and_does_nothing_twice(tmp_path, moment):
    process, out, log = driver(tmp_path)
    until = time.monotonic() + 120
    while len(made.noted(log)) < moment and time.monotonic() < until:
        time.sleep(0.005)
    process.kill()
    process.wait()
    time.sleep(1.0)  # its workers end with it
    began = made.noted(log)
    kept = kept_seeds(out)
    assert len(began) < 60 and len(began) == len(set(began))  # it was killed in the middle
    time.sleep(0.3)
    assert made.noted(log) == began
    constants = {"log": str(log), "seconds": 0.02}
    data = sweep(made.drawn, {"seed": range(60)}, constants=constants, out=out, workers=2)
    after = made.noted(log)[len(began) :]
    assert not set(map(str, kept)) & set(after)  # what was kept is not done again
    assert set(map(int, after)) | set(kept) == set(range(60)) and len(after) == len(set(after))
    whole = sweep(made.drawn, {"seed": range(60)}, constants=constants, out=tmp_path / "whole", workers=1)
    assert same(data, whole)


def test_an_interrupted_driver_stops_its_workers_and_goes_on(tmp_path):
    process, out, log = driver(tmp_path)
    until = time.monotonic() + 120
    while len(made.noted(log)) < 10 and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    began = made.noted(log)
    assert 10 <= len(began) < 60
    time.sleep(0.3)
    assert made.noted(log) == began and len(kept_seeds(out)) >= len(began) - 3
    process, *_ = driver(tmp_path)
    assert process.wait(120) == 0 and kept_seeds(out) == list(range(60))


def test_a_second_driver_is_refused_and_the_first_goes_on(tmp_path):
    process, out, log = driver(tmp_path)
    until = time.monotonic() + 120
    while len(made.noted(log)) < 5 and time.monotonic() < until:
        time.sleep(0.005)
    with pytest.raises(Taken, match=f"is being written to by process {process.pid}"):
        sweep(made.drawn, {"seed": range(3)}, constants={"log": str(log), "seconds": 0.02}, out=out)
    assert process.wait(120) == 0
    assert sorted(map(int, made.noted(log))) == list(range(60)) and kept_seeds(out) == list(range(60))


def test_a_unit_that_always_fails_is_reported_and_the_rest_is_done(tmp_path):
    log, out = str(tmp_path / "log"), tmp_path / "out"
    data = sweep(made.failing, {"seed": range(8)}, constants={"log": log, "bad": 5}, out=out, workers=2)
    assert data["unit_done"].values.tolist() == [seed != 5 for seed in range(8)] and np.isnan(data["value"].values[5])
    assert data.attrs["failures"] == ["{'seed': 5}: RuntimeError: seed 5 cannot be done"]
    assert len(made.noted(log)) == 8
    sweep(made.failing, {"seed": range(8)}, constants={"log": log, "bad": 5}, out=out, workers=2)
    assert len(made.noted(log)) == 9  # it alone is tried again


def test_a_unit_that_always_kills_its_worker_is_reported_and_the_rest_is_done(tmp_path):
    constants = {"log": str(tmp_path / "log"), "bad": 4}
    data = sweep(made.killing, {"seed": range(20)}, constants=constants, out=tmp_path / "out", workers=2, retries=1)
    assert data["unit_done"].values.tolist() == [seed != 4 for seed in range(20)]
    assert data.attrs["failures"] == ["{'seed': 4}: its worker died 2 times"]


def test_a_result_that_no_array_holds_is_that_units_failure(tmp_path):
    data = sweep(made.unfit, {"seed": [0, 1]}, out=tmp_path, workers=1)
    assert data["unit_done"].values.tolist() == [True, False] and "value is of type object" in data.attrs["failures"][0]


def test_results_that_no_one_array_holds_are_kept_all_the_same(tmp_path):
    with pytest.raises(ValueError, match="value has 3 entries along value_0 at one point and 2 at another"):
        sweep(made.of_several_shapes, {"n": [2, 3]}, out=tmp_path, workers=1)
    with Ledger(tmp_path, "read") as ledger:
        assert ledger.count() == 2


def test_a_changed_result_is_refused_and_done_again_when_asked(tmp_path):
    log, out = str(tmp_path / "log"), tmp_path / "out"
    first = sweep(made.drawn, {"seed": range(4)}, constants={"log": log}, out=out, workers=1)
    connection = sqlite3.connect(out / NAME)
    key, payload = connection.execute("SELECT key, payload FROM results WHERE arguments LIKE '%\"seed\":2}'").fetchone()
    connection.execute("UPDATE results SET payload = ? WHERE key = ?", (payload[:-1] + bytes([payload[-1] ^ 1]), key))
    connection.commit()
    connection.close()
    with pytest.raises(ValueError, match=r'the result at .*"seed":2.* is not what was written'):
        sweep(made.drawn, {"seed": range(4)}, constants={"log": log}, out=out, workers=1)
    again = sweep(made.drawn, {"seed": range(4)}, constants={"log": log}, out=out, workers=1, repair=True)
    assert same(first, again) and made.noted(log) == ["0", "1", "2", "3", "2"]


def test_a_clock_that_goes_back_changes_nothing(tmp_path, monkeypatch):
    """The time of day runs backwards by a day at each look, in the driver."""
    import slt_toys.results.ledger as ledger_module

    class Backwards:
        looks = 0

        @classmethod
        def now(cls, zone):
            cls.looks += 1
            return real.now(zone).replace(year=2020 - cls.looks)

    real = ledger_module.datetime
    monkeypatch.setattr(ledger_module, "datetime", Backwards)
    monkeypatch.setattr(time, "time", lambda: 1e9 - 86400 * Backwards.looks)
    log, out = str(tmp_path / "log"), tmp_path / "out"
    for count in (5, 12):
        data = sweep(made.drawn, {"seed": range(count)}, constants={"log": log}, out=out, workers=2)
        for path in out.iterdir():
            os.utime(path, (0, 1e9 - Backwards.looks))
    assert Backwards.looks >= 2 and sorted(map(int, made.noted(log))) == list(range(12))
    assert data["unit_done"].values.all() and (data["unit_seconds"].values >= 0).all()


def test_a_full_disk_is_said_in_one_line_and_what_was_kept_stays(tmp_path):
    """The system refuses every byte beyond a limit, as a full disk does; with room again the sweep goes on."""
    log, out = str(tmp_path / "log"), tmp_path / "out"
    limits, usual = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, limits[1]))
        with pytest.raises(OSError, match=r"--out: cannot write to .*; make room or name another folder") as refused:
            sweep(made.drawn, {"seed": range(400)}, constants={"log": log}, out=out, workers=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, usual)
    assert "\n" not in str(refused.value)
    kept = kept_seeds(out)
    done = len(made.noted(log))
    assert 0 < len(kept) < 400
    data = sweep(made.drawn, {"seed": range(400)}, constants={"log": log}, out=out, workers=2)
    assert data["unit_done"].values.all() and not set(map(str, kept)) & set(made.noted(log)[done:])


def test_other_code_is_refused_unless_it_is_asked_for(tmp_path, monkeypatch):
    log = str(tmp_path / "log")
    sweep(made.drawn, {"seed": [1]}, constants={"log": log}, out=tmp_path / "out", workers=1)
    usual = code.code_identity
    monkeypatch.setattr(code, "code_identity", lambda *_, **options: {**usual(**options), "sources": "changed"})
    with pytest.raises(
        ValueError, match=r"were made by other code \(the sources changed\); name a folder of its own, or"
    ):
        sweep(made.drawn, {"seed": [1, 2]}, constants={"log": log}, out=tmp_path / "out", workers=1)
    data = sweep(made.drawn, {"seed": [1, 2]}, constants={"log": log}, out=tmp_path / "out", workers=1, any_code=True)
    assert data["unit_done"].values.all() and made.noted(log) == ["1", "2"]
    with Ledger(tmp_path / "out", "read") as ledger:
        assert len(ledger.codes()) == 2


def test_a_folder_holds_one_function(tmp_path):
    sweep(made.product, {"a": [1]}, constants={"b": 2}, out=tmp_path, workers=1)
    with pytest.raises(ValueError, match=r"holds a sweep of tests\.sweep\.made_functions:product, not of"):
        sweep(made.drawn, {"seed": [1]}, out=tmp_path, workers=1)


def test_bad_arguments_are_refused_before_anything_is_done(tmp_path):
    cases: tuple[tuple[tuple[Any, ...], dict[str, Any], str], ...] = (
        ((made.product, {"a": [1]}), {"constants": {"a": 2}}, "constants: a is swept"),
        ((lambda a: a, {"a": [1]}), {}, "function: workers cannot import"),
        ((made.product, {"a": [object()]}), {}, "a"),
        ((made.product, {"a": [1]}), {"constants": {"b": object()}}, "constants"),
        ((made.product, {"a": [1], "b": [1]}), {"workers": 0}, "workers must be at least 1"),
    )
    for arguments, options, said in cases:
        with pytest.raises(ValueError, match=said):
            sweep(*arguments, out=tmp_path / "out", **options)
    assert not (tmp_path / "out" / NAME).exists() or not kept_seeds(tmp_path / "out")


def test_the_dataset_can_be_written_and_read(tmp_path):
    data = sweep(made.drawn, {"seed": range(3)}, workers=1)
    data.to_netcdf(tmp_path / "data.nc", engine="h5netcdf")
    assert xr.load_dataset(tmp_path / "data.nc")["total"].values.tolist() == data["total"].values.tolist()
