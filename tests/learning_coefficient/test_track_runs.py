"""One run of the worked examples, with what is known of its checkpoints besides λ̂."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.learning_coefficient import track_runs
from slt_toys.learning_coefficient.track_runs import followed
from slt_toys.learning_coefficient.track_settings import ADDITION
from slt_toys.learning_coefficient.track_study import CheckpointTracks
from tests.seeds import fresh_seed


@pytest.mark.slow
def test_a_staircase_is_trusted_where_its_polygon_is_reached(monkeypatch):
    monkeypatch.setitem(track_runs.STAIRCASES, "short", ("5", 12, 0.5, (0, 260, 4000)))
    found = followed("short", draws=256, seed=fresh_seed(), folder=None)
    assert list(found["outcome"].values[:2]) == ["track", "track"]
    assert np.isnan(found["exact"].values[:2]).all() and float(found["exact"][2]) == 7
    assert list(found["phase"].values[1:]) == ["4+", "5"]
    last = found.isel(row=2)
    if str(last["outcome"].values) == "trust":  # a right estimate may be doubted by chance
        off = abs(float(last["learning_coefficient"]) - 7) / float(last["learning_coefficient_error"])
        assert off < 5
    assert abs(float(last["estimate"]) - 7) < 5 * float(last["standard_error"]) + 0.1


def test_addition_is_followed_with_the_pairs_held_out(monkeypatch):
    monkeypatch.setattr(track_runs, "STEPS", (0, 20))
    monkeypatch.setattr(track_runs.modular_addition.Training, "__init__", small)
    found = followed(ADDITION, draws=20, seed=0, folder=None)
    assert list(found["step"].values) == [0, 20] and set(found["outcome"].values) <= {"track", "doubt"}
    assert (found["held_out_loss"].values > 0).all() and np.isnan(found["exact"].values).all()
    report = CheckpointTracks().outcome(found)
    assert [claim.name for claim in report.claims] == ["addition-no-minimum"]


def small(self):
    for name, value in {"modulus": 3, "hidden": 2, "share": 0.7, "rate": 0.01, "decay": 1.0, "seed": 0}.items():
        object.__setattr__(self, name, value)
