"""An interrupted study goes on where it stopped, and ends with the numbers of an uninterrupted one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from slt_toys.learning_coefficient import study_cases, study_runs
from slt_toys.learning_coefficient.study import NETWORKS
from slt_toys.learning_coefficient.study_cases import finished_case
from slt_toys.learning_coefficient.study_runs import CROSSING_N_BETAS, SETTINGS, measured_crossing, measured_study

CASES = len(SETTINGS) + 1 + len(CROSSING_N_BETAS)  # one network, two seeds


@pytest.fixture
def done(monkeypatch) -> list[tuple]:
    """Cases that were measured, in place of measuring them; the numbers are of the case, and not all are finite."""
    done: list[tuple] = []

    def measured(network, setting, seed):
        done.append((network, setting.name, seed))
        estimate = np.float64({1e-4: math.nan, 1e-5: math.inf}.get(setting.by_hand, 1 / 3 + seed))
        return {"network": network, "setting": setting.name, "seed": seed, "estimate": estimate, "covered": True}

    def crossing(n_beta, seed):
        done.append((n_beta, seed))
        return {"n_beta": n_beta, "curvature": np.asarray(1 / 7), "verdict": "trust"}

    monkeypatch.setattr(study_runs, "measured", measured)
    monkeypatch.setattr(study_runs, "measured_crossing", crossing)
    return done


def run(folder, seeds=2, seed=0) -> xr.Dataset:
    return measured_study(NETWORKS[:1], seeds, seed, folder)


@pytest.mark.parametrize("after", [0, 1, len(SETTINGS), CASES - 1])
def test_an_interrupted_run_goes_on_and_ends_alike(tmp_path, done, monkeypatch, after):
    whole = run(None)
    assert len(done) == CASES and not any(tmp_path.iterdir())
    done.clear()
    allowed = after

    def stopped(function):
        def stop(*arguments):
            nonlocal allowed
            if not allowed:
                raise KeyboardInterrupt
            allowed -= 1
            return function(*arguments)

        return stop

    with monkeypatch.context() as interrupted, pytest.raises(KeyboardInterrupt):
        for name in ("measured", "measured_crossing"):
            interrupted.setattr(study_runs, name, stopped(getattr(study_runs, name)))
        run(tmp_path / "cases")
    assert len(done) == after
    resumed = run(tmp_path / "cases")
    assert len(done) == len(set(done)) == CASES, "what was finished is not measured again"
    xr.testing.assert_identical(resumed, whole)
    assert {name: values.dtype for name, values in resumed.items()} == {n: v.dtype for n, v in whole.items()}
    xr.testing.assert_identical(run(tmp_path / "cases"), whole)
    assert len(done) == CASES


def test_other_options_other_code_and_damaged_files_are_measured_anew(tmp_path, done, monkeypatch):
    whole = run(tmp_path)
    run(tmp_path, seed=5)
    assert len(done) == 2 * CASES
    run(tmp_path, seeds=3)
    assert len(done) == 2 * CASES + 1, "a further seed is all that is new"
    done.clear()
    damaged = sorted(tmp_path.iterdir())[:3]
    damaged[0].write_text("{", encoding="utf-8")
    damaged[1].write_text("[]", encoding="utf-8")
    text = damaged[2].read_text(encoding="utf-8")
    damaged[2].write_text(text.replace('"checksum": "', '"checksum": "0'), encoding="utf-8")
    run(tmp_path, seeds=3)
    run(tmp_path, seed=5)
    assert len(done) == 3
    xr.testing.assert_identical(run(tmp_path), whole)
    monkeypatch.setattr(study_cases, "code", lambda: "changed")
    done.clear()
    run(tmp_path)
    assert len(done) == CASES


def test_what_is_measured_comes_back_to_the_bit(tmp_path):
    case = {"n_beta": 10.0}
    first = finished_case(tmp_path, case, lambda: measured_crossing(10.0, 1, draws=20))
    again = finished_case(tmp_path, case, lambda: pytest.fail("it is there"))
    assert first == again == measured_crossing(10.0, 1, draws=20)
    assert {name: type(value) for name, value in again.items()} == {name: type(value) for name, value in first.items()}
