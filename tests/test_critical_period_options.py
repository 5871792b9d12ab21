"""Options of the critical-period experiment: pairs of one's own, a temperature that is found, refusals in one line."""

from __future__ import annotations

import re

import pytest
import xarray as xr

from slt_toys.critical_period import CriticalPeriod
from slt_toys.results.recipe import main
from slt_toys.results.records import read_dataset
from slt_toys.worlds import pair_runs, window_study


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


@pytest.mark.slow
def test_a_pair_of_ones_own_is_run_without_what_was_not_asked_for(monkeypatch, tmp_path, capsys):
    """No world, no shift and no published estimate; with --published all of them, and the same numbers of the pair."""
    asked: list[str] = []
    small = {"switch_epochs": (0, 4, 8, 12, 16, 20), "epochs_after": 20, "decay": 0.9, "learning_rate": 0.1,
             "dataset_size": 5_000, "runs": 20, "end_runs": 20, "world_runs": 20, "power_seeds": 0, "shift_runs": 100,
             "shift_length": 4, "clean": "(w**2-1)**2 - 0.2*w"}  # fmt: skip
    others = {(pair_runs, "all_worlds"), (pair_runs, "shift_study"), (window_study, "window_study")}
    real = {name: getattr(module, name) for module, name in others}
    for module, name in others:
        monkeypatch.setattr(module, name, lambda *a, name=name, **k: (asked.append(name), real[name](*a, **k))[1])
    monkeypatch.setattr(pair_runs, "WORLDS", pair_runs.WORLDS[1:2])
    assert main(CriticalPeriod, [*options(small), "--out", str(tmp_path)]) == 0
    assert asked == [] and {path.name for path in tmp_path.iterdir()} == {
        f"critical_period.{end}" for end in ("json", "md", "nc", "png", "svg")
    }
    told = capsys.readouterr().out + (tmp_path / "critical_period.md").read_text()
    assert not {"window", "Published", "published", "simulated", "world", "three phases"} & set(
        re.findall(r"\w+", told)
    )
    own = read_dataset(tmp_path / "critical_period.nc")
    more = CriticalPeriod(**small, published=True).run()
    assert set(asked) == set(real) and {"world", "pair_exact", "law_shift", "published_hinge"} <= set(more.variables)
    for name in own.data_vars:
        xr.testing.assert_identical(own[name].drop_attrs(), more[name].drop_attrs())


def options(fields: dict) -> list[str]:
    return [
        word
        for name, value in fields.items()
        for word in (f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, tuple) else (value,)))
    ]


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, capfd, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(CriticalPeriod, "run", lambda self: pytest.fail("work began"))
    assert main(CriticalPeriod, ["--out", str(blocked)]) == 2
    assert capfd.readouterr().err.count("\n") == 1
