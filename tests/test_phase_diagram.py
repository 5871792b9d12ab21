"""The command: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from figures.__main__ import redraw
from slt_toys.phase_diagram import PhaseDiagram
from slt_toys.reports import phase_diagram as report
from slt_toys.results.recipe import carry_out, dataset_of, main
from slt_toys.results.records import read_dataset

SMALL: dict = {"batch_sizes": (128, 256), "chains": 512, "resolution": 24}


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    carry_out(PhaseDiagram(**SMALL, out=folder))
    return folder


def test_writes_figure_data_record_and_page(results):
    ends = ("png", "svg", "nc", "json", "md")
    assert {path.name for path in results.iterdir()} == {f"phase_diagram.{end}" for end in ends}
    record = json.loads((results / "phase_diagram.json").read_text())
    assert record["manifest"]["config"]["chains"] == 512
    assert {claim["name"]: claim["verdict"] for claim in record["claims"]}["published-halving-hinge"] == "no"
    dataset = read_dataset(results / "phase_diagram.nc")  # checks the record's checksum
    half = dataset.sel(definition="half_stuck_mass")
    assert half["batch_size"].values.tolist() == [128, 256]
    assert half["exact_end_epoch"].values == pytest.approx([35.5, 12.8], abs=0.3)
    assert half["law_end_epoch"].values == pytest.approx(half["exact_end_epoch"].values, abs=0.1)
    assert (half["sampled_end_low"] < half["sampled_end_epoch"]).all()
    assert (half["sampled_end_epoch"] < half["sampled_end_high"]).all()
    assert dataset["definition"].values.tolist() == ["half_stuck_mass", "hinge", "half_depth"]
    expected = np.log(2) / -np.log(0.97)
    assert dataset["law_halving"].item() == pytest.approx(expected)
    assert half["exact_halving_slope"].item() == pytest.approx(expected, rel=0.01)
    assert dataset["published_definition"].values.tolist() == ["hinge", "half_depth"]
    spread = dataset["toy_collapse_spread"].to_series()
    assert spread["learning_rate/batch_size"] < 0.05
    assert dataset["published_collapse_spread"].to_series()["deficit_train_loss"] == pytest.approx(0.039, abs=0.0006)
    assert dataset.attrs["stuck_phase"] == "left"
    exact = dataset["boundary_exact"].values
    assert np.abs(exact[:4] - dataset["boundary_asymptotic"].values[:4]).max() < 1e-3  # as T → 0 the laws meet


def test_the_same_seed_gives_the_same_data(results, tmp_path):
    dataset = PhaseDiagram(**SMALL, out=tmp_path).run()
    xr.testing.assert_identical(dataset.drop_attrs(), read_dataset(results / "phase_diagram.nc").drop_attrs())


def test_claims_and_tables_follow_from_the_record_alone(results):
    record = json.loads((results / "phase_diagram.json").read_text())
    dataset = dataset_of(record)
    again = {"claims": map(asdict, report.claims(dataset)), "tables": map(asdict, report.tables(dataset))}
    for part, found in again.items():
        assert json.loads(json.dumps(list(found))) == record[part]


def test_the_figure_redraws_from_the_data(results):
    from figures.phase_diagram import draw

    figure = draw(read_dataset(results / "phase_diagram.nc"))
    assert len(figure.axes) >= 8
    texts = [axes.get_title(loc="left") for axes in figure.axes]
    assert sum(text[:1] in "abcd" and bool(text) for text in texts) >= 4


@pytest.mark.slow
def test_a_users_energy_is_shown_without_published_curves_unless_they_are_asked_for(tmp_path):
    options: dict = SMALL | {"potential": "(w**2-1)**2 - 0.2*w", "chains": 100, "resolution": 8}
    record = carry_out(PhaseDiagram(**options, out=tmp_path))
    assert not [name for name in record["numbers"] if name.startswith("published")]
    told = json.dumps([record["claims"], record["tables"]]) + (tmp_path / "phase_diagram.md").read_text()
    assert "published" not in told.lower() and "CIFAR" not in told
    assert {claim["name"] for claim in record["claims"]} == {
        "crossover",
        "collapse-exponent",
        "end-at-128",
        "toy-halving",
    }
    data = read_dataset(tmp_path / "phase_diagram.nc")
    own = PhaseDiagram(**options).pair()
    assert data["landscape"].sel(role="deficit").values == pytest.approx(
        own.deficit.energy_function()(data["landscape_x"].values[:, None])
    )
    asked = PhaseDiagram(**options, published=True).run()
    shared = [
        name for name in data.data_vars if name in asked and "collapse" not in str(name) and "fit" not in str(name)
    ]
    xr.testing.assert_identical(data[shared].drop_attrs(), asked[shared].drop_attrs()[list(data[shared])])
    assert "published-halving-hinge" in {claim.name for claim in report.claims(asked)}


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
        (["--potential", "w**3 - w"], "falls without bound"),
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
    status = main(PhaseDiagram, [*arguments, "--out", str(tmp_path)])
    captured = capfd.readouterr().err
    assert status == 2
    assert captured.count("\n") == 1, captured
    assert re.search(message, captured), captured
    assert not list(tmp_path.iterdir())  # nothing half-written


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, capfd, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(PhaseDiagram, "run", lambda self: pytest.fail("work began"))
    assert main(PhaseDiagram, ["--out", str(blocked)]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_censored_ends_are_said_not_invented(tmp_path):
    """A batch so large that the period has ended before the first epoch."""
    dataset = PhaseDiagram(batch_sizes=(128, 2048), chains=256, resolution=8, out=tmp_path).run()
    end = dataset.sel(definition="half_stuck_mass", batch_size=2048)
    assert np.isnan(end["exact_end_epoch"]) and end["exact_end_statement"].item().startswith("earlier than")
    ends = report.tables(dataset)[0]
    assert ends.rows[1][0] == "2048" and ends.rows[1][1].startswith("earlier than")
    assert {c.name: c.verdict for c in report.claims(dataset)}["toy-halving"] == "cannot tell"


def test_one_batch_size_has_an_end_and_no_law_of_batch_sizes():
    dataset = PhaseDiagram(batch_sizes=(64,), chains=128, resolution=8).run()
    found = {claim.name: claim for claim in report.claims(dataset)}
    assert found["end-at-64"].value == pytest.approx(58.3, abs=0.3)
    assert found["toy-halving"].verdict == found["collapse-exponent"].verdict == "cannot tell"
    assert report.tables(dataset)[1].rows[0][2:] == ("-", "-", "-")


@pytest.mark.slow
def test_a_diagram_of_an_own_energy_is_drawn_again_from_its_file(tmp_path):
    options = {"batch_sizes": (128, 256), "chains": 100, "resolution": 8, "potential": "(v**2-1)**2 - 0.15*v"}
    carry_out(PhaseDiagram(**options, out=tmp_path / "made"))
    redraw(["phase_diagram"], tmp_path / "made", tmp_path / "again", ["png"])
    made, again = (tmp_path / folder / "phase_diagram.png" for folder in ("made", "again"))
    assert made.read_bytes() == again.read_bytes()
