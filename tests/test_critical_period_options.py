"""Options of the critical-period experiment: pairs of one's own, a temperature that is found, refusals in one line."""

from __future__ import annotations

import re

import pytest

from slt_toys.critical_period import CriticalPeriod
from slt_toys.results.recipe import main


def test_pairs_of_ones_own():
    clean = "(w**2-1)**2 - 0.2*w"
    mirrored = CriticalPeriod(clean=clean).potentials()
    assert mirrored.stuck_phase == "left"
    given = CriticalPeriod(clean=clean, deficit="(w**2-1)**2 + 0.3*w").potentials()
    assert given.stuck_phase == "left"
    assert given.deficit.minimum_loss("left") < given.deficit.minimum_loss("right")
    assert CriticalPeriod(pair="curve_against_point").potentials().clean.dimension == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runs", "3"], "--runs must be at least 20"),
        (["--world-runs", "3"], "--world-runs must be at least 20"),
        (["--shift-runs", "3"], "--shift-runs must be at least 100"),
        (["--batch-size", "0"], "--batch-size must be at least 1"),
        (["--epochs-after", "0"], "--epochs-after must be at least 1"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--temperature", "0"], "--temperature must be positive"),
        (["--power-seeds", "-1"], "--power-seeds must be at least 0"),
        (["--level", "1"], "--level must lie strictly between 0 and 1"),
        (["--decay", "1.5"], "decay"),
        (["--learning-rate", "0"], "learning_rate"),
        (["--switch-epochs", "0", "10"], "--switch-epochs must be at least 6 increasing"),
        (["--switch-epochs", "0", "10", "10", "20", "30", "40"], "--switch-epochs must be at least 6 increasing"),
        (["--shift-length", "6"], "multiple of 4"),
        (["--pair", "nothing"], "--pair"),
        (["--clean", "(w**2-1)**2 - 0.2*w", "--pair", "singular_double_well_4_2"], "exclude each other"),
        (["--deficit", "(w**2-1)**2 + 0.2*w"], "--deficit needs --clean"),
        (["--clean", "(w**2-1)**2 - 0.2*w", "--deficit", "(w**2-1)**2 - 0.1*w"], "nothing can get stuck"),
        (["--clean", "import os"], "--clean"),
    ],
)
def test_bad_options_end_in_one_line(arguments, message, tmp_path, capfd):
    status = main(CriticalPeriod, [*arguments, "--out", str(tmp_path)])
    captured = capfd.readouterr().err
    assert status == 2
    assert captured.count("\n") == 1, captured
    assert re.search(message, captured), captured
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, capfd, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(CriticalPeriod, "run", lambda self: pytest.fail("work began"))
    assert main(CriticalPeriod, ["--out", str(blocked)]) == 2
    assert capfd.readouterr().err.count("\n") == 1
