"""The command: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys import phase_diagram
from slt_toys.phase_diagram import PhaseDiagram, main
from slt_toys.results.progress import command_line
from slt_toys.results.records import read_dataset

SMALL: dict = {"batch_sizes": (128, 256), "chains": 512, "resolution": 24}


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    main(PhaseDiagram(**SMALL, out=folder))
    return folder


def test_writes_figure_data_and_record(results):
    assert {path.name for path in results.iterdir()} == {f"phase_diagram.{end}" for end in ("png", "svg", "nc", "json")}
    record = json.loads((results / "phase_diagram.json").read_text())
    assert {"critical_period_end", "epochs_per_halving", "collapse", "crossover", "manifest"} <= set(record)
    assert set(record["critical_period_end"]) == {"128", "256"}
    for size, about in (("128", 35.5), ("256", 12.8)):
        end = record["critical_period_end"][size]
        assert end["exact"] == pytest.approx(about, abs=0.3)
        assert end["law"] == pytest.approx(end["exact"], abs=0.1)
        low, high = end["sampled_interval"]
        assert low < end["sampled"] < high
        assert set(end["definitions"]) == {"half_stuck_mass", "hinge", "half_depth"}
    halving = record["epochs_per_halving"]
    assert halving["theory"] == pytest.approx(np.log(2) / -np.log(0.97))
    assert halving["exact"]["half_stuck_mass"]["slope"] == pytest.approx(halving["theory"], rel=0.01)
    assert {"hinge", "half_depth"} <= set(halving["published"])
    assert record["collapse"]["toy"]["learning_rate/batch_size"]["spread"] < 0.05
    assert record["collapse"]["published"]["deficit_train_loss"]["spread"] == pytest.approx(0.039, abs=0.0006)
    assert record["manifest"]["config"]["chains"] == 512
    dataset = read_dataset(results / "phase_diagram.nc")  # checks the record's checksum
    assert dataset.attrs["stuck_phase"] == "left"
    exact = dataset["boundary_exact"].values
    assert np.abs(exact[:4] - dataset["boundary_asymptotic"].values[:4]).max() < 1e-3  # as T → 0 the laws meet


def test_the_same_seed_gives_the_same_data(results, tmp_path):
    config = PhaseDiagram(**SMALL, out=tmp_path)
    dataset, _ = config.run()
    xr.testing.assert_identical(dataset.drop_attrs(), read_dataset(results / "phase_diagram.nc").drop_attrs())


def test_the_readme_shows_the_committed_record():
    """Figure, record and README come from one run, of the default settings."""
    from dataclasses import asdict

    from slt_toys.reports.phase_diagram_tables import readme_tables
    from slt_toys.results.marked_text import replaced_table

    root = Path(__file__).parents[1]
    record = json.loads((root / "figures" / "phase_diagram.json").read_text())
    readme = (root / "README.md").read_text()
    for name, table in readme_tables(record).items():
        assert replaced_table(readme, table, name) == readme, name
    config = asdict(PhaseDiagram())
    same = set(config) - {"out", "write_readme", "batch_sizes"}
    assert {k: record["manifest"]["config"][k] for k in same} == {k: config[k] for k in same}
    digest = hashlib.sha256((root / "figures" / "phase_diagram.png").read_bytes()).hexdigest()
    assert record["manifest"]["files"]["phase_diagram.png"] == digest


def test_the_figure_redraws_from_the_data(results):
    from figures.phase_diagram import draw

    figure = draw(read_dataset(results / "phase_diagram.nc"))
    assert len(figure.axes) >= 8
    texts = [axes.get_title(loc="left") for axes in figure.axes]
    assert sum(text[:1] in "abcd" and bool(text) for text in texts) >= 4


def test_a_users_energy_is_paired_with_its_mirror_image():
    pair = PhaseDiagram(potential="(w**2-1)**2 - 0.15*w").pair()
    assert pair.stuck_phase == "left"
    other = PhaseDiagram(potential="(w**2-1)**2 - 0.15*w", deficit="(w**2-1)**2 + 0.3*w").pair()
    assert other.stuck_phase == "left" and other.deficit.minimum_loss("left") < -0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--decay", "1.0"], "decay must lie strictly between 0 and 1"),
        (["--decay", "1.2"], "decay must lie strictly between 0 and 1"),
        (["--gradient-variance", "-1"], "gradient_variance must be positive"),
        (["--learning-rate", "0"], "learning_rate must be positive"),
        (["--batch-sizes", "64", "100000"], "larger than the dataset"),
        (["--batch-sizes", "64", "64"], "must be distinct"),
        (["--batch-sizes", "64", "-1"], "batch_size must be positive"),
        (["--chains", "3"], "--chains must be at least 100"),
        (["--epochs-after", "0"], "--epochs-after must be at least 1"),
        (["--resolution", "1"], "--resolution must be at least 8"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--potential", "w**"], "--potential 'w\\*\\*' cannot be parsed"),
        (["--potential", "w**3 - w"], "unbounded below"),
        (["--potential", "__import__('os').getcwd()"], "not arithmetic"),
        (["--potential", "double_well"], "not in the catalogue: regular_double_well"),
        (["--potential", "w**4"], "two phases"),
        (["--potential", "bilinear"], "one phase; a critical period needs two"),
        (["--potential", "(w**2-1)**2"], "equal loss"),
        (["--potential", "(w**2-1)**2 - 0.1*w", "--deficit", "w**2"], "deficit potential w\\*\\*2 has one phase"),
        (["--potential", "(w**2-1)**2 - 0.1*w", "--deficit", "(w**2-1)**2 - 0.2*w"], "just as the deficit does"),
        (["--chains", "many"], "chains"),
        (["--unknown", "1"], "unknown|Unrecognized"),
    ],
)
def test_bad_options_end_in_one_line(arguments, message, tmp_path, capfd):
    status = command_line(PhaseDiagram, main, [*arguments, "--out", str(tmp_path)])
    captured = capfd.readouterr().err
    assert status == 2
    assert captured.count("\n") == 1, captured
    import re

    assert re.search(message, captured), captured
    assert not list(tmp_path.iterdir())  # nothing half-written


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, capfd, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(phase_diagram.PhaseDiagram, "run", lambda self: pytest.fail("work began"))
    assert command_line(PhaseDiagram, main, ["--out", str(blocked)]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_censored_ends_are_said_not_invented(tmp_path):
    """A batch so large that the period has ended before the first epoch."""
    config = PhaseDiagram(batch_sizes=(128, 2048), chains=256, resolution=8, out=tmp_path)
    main(config)
    record = json.loads((tmp_path / "phase_diagram.json").read_text())
    end = record["critical_period_end"]["2048"]
    assert end["exact"] is None and end["statement"]["exact"].startswith("earlier than")
    assert any("earlier than" in text for text in record["in_words"])
