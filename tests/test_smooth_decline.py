"""The smooth-decline experiment: what it recovers, what it writes, and what it refuses."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys.barriers import published as published_readings
from slt_toys.barriers.decline_study import CELLS, populations, protocol, slanted_pair
from slt_toys.barriers.kernel import stuck_probabilities
from slt_toys.reference.published import published_curves
from slt_toys.reports.smooth_decline import claims, recovery_dataset, tables, warning
from slt_toys.results.recipe import carry_out, main
from slt_toys.results.records import read_dataset
from slt_toys.smooth_decline import SmoothDecline
from tests.seeds import fresh_seed as any_seed

ROOT = Path(__file__).parents[1]
# Plumbing needs neither the exact kernel nor many declines.
SMALL: dict = {"method": "eyring_kramers", "chains": 500, "ratios": (1.1, 2.5), "noises": (0.003, 0.03), "runs": 2,
               "intervals": (64, 16384), "recordings": 4, "switch_epochs": 30}  # fmt: skip


def fresh_seed() -> int:
    return any_seed() // 100


def quickly_published(pair, variance, *, seed, advance):
    return PUBLISHED_SPECTRA(
        pair, variance, factors=(1.0, 4.0), redraws=4, repetitions=20, seed=seed, advance=advance
    )  # fmt: skip


PUBLISHED_SPECTRA = published_readings.published_spectra


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(published_readings, "published_spectra", quickly_published)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published_readings, "published_spectra", quickly_published)
        carry_out(SmoothDecline(**SMALL, out=folder))
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> xr.Dataset:
    """A decline of one's own: a file made from three barriers, by the kernel that then reads it."""
    folder = tmp_path_factory.mktemp("own")
    random = np.random.default_rng(fresh_seed())
    config = SmoothDecline()
    training, ending = protocol(config)
    epochs = np.arange(0, 40)
    share = np.array(config.weights) @ stuck_probabilities(
        slanted_pair(config), training, epochs, ending, np.array(config.barriers), method="eyring_kramers"
    )
    values = 92 - 9 * share + 0.03 * random.standard_normal(epochs.size)
    table = "\n".join(f"{e},{v:.5f},0.03" for e, v in zip(epochs, values, strict=True))
    (folder / "mine.csv").write_text(f"switch_epoch,value,standard_error\n{table}\n")
    carry_out(SmoothDecline(**SMALL, decline=str(folder / "mine.csv"), best=92.0, worst=83.0, out=folder))
    return read_dataset(folder / "smooth_decline.nc")


# ---- what it recovers -----------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_three_barriers_and_a_smooth_spectrum_come_back_from_sampled_declines():
    """For any seed: three barriers within five standard errors, and windows of the smooth one mostly in intervals."""
    from slt_toys.barriers.kernel import barrier_kernel
    from slt_toys.barriers.population import height_range, sampled_decline
    from slt_toys.barriers.readings import read_barriers

    config = SmoothDecline()
    training, ending = protocol(config)
    pair, epochs = slanted_pair(config), np.arange(config.switch_epochs)
    low, high = height_range(pair, training, 0, int(epochs[-1]), ending)
    kernel = barrier_kernel(pair, training, epochs, ending, low, high, cells=CELLS, spacing=0.1)
    runs, held, right, medians = 4, 0, 0, []
    for run in range(runs):
        separate, smooth = (
            read_barriers(
                kernel,
                sampled_decline(pair, training, epochs, ending, one, chains=config.chains, seed=[fresh_seed(), run]),
                neighbours_weight=2 / 3,
            )
            for one in populations(config)
        )
        if separate.separate.number == 3:
            right += 1
            found = separate.separate
            assert (np.abs(found.fit.heights - config.barriers) < 5 * found.height_errors).all()
            assert (np.abs(found.fit.weights - config.weights) < 5 * found.weight_errors).all()
            assert (found.height_errors < 0.1 * np.array(config.barriers)).all()
        truth = populations(config)[1].within(smooth.windows.edges)
        ends = smooth.windows.intervals
        held += int(((ends[:, 0] <= truth + 1e-9) & (truth <= ends[:, 1])).sum())
        wide = np.diff(ends, axis=1)[:, 0]
        # A penalised median has no interval; of 24 it scattered by 4 %, with tails to 15 %.
        medians.append(smooth.median / config.median)
        # Intervals for any spectrum: a window finer than the rows resolve may hold all or nothing; most are narrow.
        assert np.median(wide) < 0.2
    assert np.abs(np.log(medians)).max() < 5 * 0.05 and 0.88 < np.median(medians) < 1.12
    assert right >= runs - 2  # the level of the test for the number is 1 in 20
    count = runs * len(truth)
    assert held >= count * 0.9 - 5 * math.sqrt(count * 0.09)


def test_a_decline_of_ones_own_is_read_like_a_sampled_one(own):
    """Its three barriers lie within five of the errors that the intervals stand for."""
    config = SmoothDecline()
    one = own.isel(decline=0)
    assert str(one["name"].values) == "the decline in mine.csv" and "true_barrier" not in own
    assert own.attrs["measured"] == 1 and own.attrs["errors_estimated"] == 0 and own.attrs["best_given"] == 1
    assert one["share_error"].values == pytest.approx(0.03 / 9)
    number = int(one["number"])
    assert number >= 3
    if number == 3:
        for name, truth in (("barrier", config.barriers), ("weight", config.weights)):
            half = np.diff(one[f"{name}_interval"].values)[:, 0] / 2 / 1.96
            assert (np.abs(one[name].values - truth) < 5.5 * half).all()
            assert (half < 0.12 * one[name].values).all()
    assert one["median"].values == pytest.approx(0.9, rel=0.15)
    told = {claim.name: claim for claim in claims(own)}
    assert told["barriers-asked-for"].value == number
    assert told["windows-have-weights"].verdict == ("no" if str(one["doubt_windows"].values) else "yes")
    # What was fitted is what was measured, within its noise.
    off = ((one["fit_separate"] - one["share"]) / one["share_error"]).values
    assert (off**2).mean() < 1 + 5 * math.sqrt(2 / off.size) and (off**2).mean() > 0.2


# ---- what it writes ------------------------------------------------------------------------------------------------
def test_writes_figure_data_record_and_page(results):
    assert {path.name for path in results.iterdir()} == {
        f"smooth_decline.{end}" for end in ("png", "svg", "nc", "json", "md")
    }
    record = json.loads((results / "smooth_decline.json").read_text())
    numbers = {name: cells["values"] for name, cells in record["numbers"].items() if name != "attributes"}
    assert numbers["name"] == ["3 separate barriers", "a smooth spectrum"]
    assert np.shape(numbers["recovery_share"]) == (2, 2) and len(numbers["every"]) == 2
    assert numbers["batch_size"] == list(published_curves())
    assert record["manifest"]["config"]["chains"] == 500


def test_the_same_seed_gives_the_same_data(results, quick):
    written = read_dataset(results / "smooth_decline.nc")
    xr.testing.assert_identical(SmoothDecline(**SMALL).run().drop_attrs(), written.drop_attrs())


def test_a_decline_that_no_spectrum_explains_is_doubted_by_name(own, tmp_path):
    """Ten rows that go down and up again: that comes first, and no weight and no interval is given anywhere."""
    from figures.smooth_decline import draw
    from slt_toys.barriers.measured import read_decline
    from slt_toys.barriers.published import read_measured
    from slt_toys.reports.smooth_decline import readings_dataset

    values = [92, 91.5, 90, 91.8, 86, 90, 85, 84.5, 88, 83]
    rows = "\n".join(f"{5 * k},{value},0.3" for k, value in enumerate(values))
    (tmp_path / "bumpy.csv").write_text(f"switch_epoch,value,standard_error\n{rows}\n")
    config = SmoothDecline()
    measured = read_decline(tmp_path / "bumpy.csv", best=93.0)
    reading = read_measured(
        slanted_pair(config), *protocol(config), measured, method="eyring_kramers", repetitions=40, seed=fresh_seed()
    )
    assert reading.spectrum.doubt and reading.windows.doubt and reading.separate.doubt
    assert np.isnan(reading.windows.intervals).all() and np.isnan(reading.separate.weight_intervals).all()
    dataset = readings_dataset([measured.name], [reading], [])
    dataset.attrs = own.attrs
    assert re.fullmatch(
        r"Rejected, the decline in bumpy.csv: \d barriers do not explain the decline \(chi-square \d+ for 10 rows, "
        r"p < 0.001\); .* \(chi-square \d+ for 10 rows, p < 0.001\)\. The kernel, the protocol or the standard errors "
        r"are wrong\. No weight has an interval\.",
        warning(dataset),
    )
    explained = not any(str(own[f"doubt_{name}"].values[0]) for name in ("separate", "windows"))  # as nearly always
    assert (warning(own) == "") == explained
    told = {claim.name: claim for claim in claims(dataset)}
    assert told["barriers-asked-for"].verdict == "cannot tell" and told["windows-have-weights"].verdict == "no"
    shown = {table.name: table for table in tables(dataset)}
    doubts = shown["declines"].rows[0][-1]
    assert len(re.findall(r"not explain the decline \(chi-square \d+ for 10 rows, p < 0.001\)", doubts)) == 2
    assert {row[2] for row in shown["separate_barriers"].rows} <= {"-"}
    assert {row[4] for row in shown["separate_barriers"].rows} <= {"-"}
    assert {cell for row in shown["windows"].rows for cell in row[2:]} == {"-"}
    assert shown["declines"].rows[0][-3] == "-"  # what could be resolved if the kernel were right
    assert float(dataset["p_value_smooth"][0]) < 1e-3
    figure = draw(dataset)
    assert re.match(r"Rejected: .* \(chi-square \d+ for 10 rows, p < 0.001\)\n", figure.get_suptitle())
    assert draw(own).get_suptitle().startswith("Rejected") != explained
    legends = [legend for axes in figure.axes if (legend := axes.get_legend()) is not None]
    labels = [text.get_text() for legend in legends for text in legend.get_texts()]
    assert any(label.startswith("inversion: windows, rejected") for label in labels)
    assert any(label.endswith("barriers fitted, rejected") for label in labels)


def test_a_rejected_decline_is_said_to_be_first_of_all(tmp_path, capsys):
    """In what is printed, on the page and in the record, which holds no interval; and nothing else is run."""
    values = [92, 91.5, 90, 91.8, 86, 90, 85, 84.5, 88, 83]
    rows = "\n".join(f"{5 * k};{str(value).replace('.', ',')};0,3" for k, value in enumerate(values))
    (tmp_path / "bumpy.csv").write_text(f"switch_epoch;value;standard_error\n{rows}\n")
    options = ["--decline", str(tmp_path / "bumpy.csv"), "--best", "93", "--method", "eyring_kramers"]
    assert main(SmoothDecline, [*options, "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.startswith("Rejected, the decline in bumpy.csv: ")
    page = (tmp_path / "out" / "smooth_decline.md").read_text().splitlines()
    assert page[2].startswith("**Rejected, the decline in bumpy.csv: ")
    record = json.loads((tmp_path / "out" / "smooth_decline.json").read_text())
    assert record["warning"] == page[2].strip("*") and record["figures"] == ["smooth_decline"]
    assert not any(claim["interval"] for claim in record["claims"])
    numbers = {name: cell["values"] for name, cell in record["numbers"].items() if name != "attributes"}
    for name in ("barrier_interval", "weight_interval", "window_interval"):
        assert set(np.ravel(numbers[name]).tolist()) == {None}
    assert not [name for name in numbers if name.startswith(("recovery", "transitions", "published"))]


def test_where_only_the_smooth_fit_fails_no_window_has_a_weight(monkeypatch):
    """Windows assume nothing; but the spectrum that is described is the smooth one."""
    from slt_toys.barriers import readings as decline_readings
    from slt_toys.barriers.decline import Decline
    from slt_toys.barriers.inversion import invert_decline
    from slt_toys.barriers.kernel import barrier_kernel

    config, epochs = SmoothDecline(), np.arange(40)
    kernel = barrier_kernel(slanted_pair(config), *protocol(config)[:1], epochs, protocol(config)[1], 0.1, 5.0,
                            method="eyring_kramers", spacing=0.1)  # fmt: skip
    noise = np.full(40, 0.005)
    mean = np.array(config.weights) @ kernel(np.array(config.barriers))
    decline = Decline(epochs, mean, noise).redrawn(mean, fresh_seed())
    monkeypatch.setattr(decline_readings, "invert_decline", lambda k, d: invert_decline(k, d, smoothing=1e6))
    reading = decline_readings.read_barriers(kernel, decline, neighbours_weight=2 / 3, repetitions=20)
    assert reading.spectrum.doubt.startswith("a smooth spectrum does not explain")
    assert reading.windows.doubt == reading.spectrum.doubt and np.isnan(reading.windows.intervals).all()


def test_where_recovery_begins_is_past_the_last_failure():
    found = np.full((4, 2, 8), 3)
    found[0, 0] = 1
    found[2, 0, :3] = 2
    found[3, 1] = 4
    data = xr.Dataset(
        {"found": (("ratio", "noise", "run"), found)}, coords={"ratio": [1.1, 1.5, 2.0, 3.0]}, attrs={"number": 3}
    )
    assert recovery_dataset(data)["recovery_from"].values == pytest.approx([3.0, np.nan], nan_ok=True)
    found[2, 0, :3] = 3
    assert float(recovery_dataset(data)["recovery_from"][0]) == 1.5


# ---- figure ---------------------------------------------------------------------------------------------------------
def test_the_figure_redraws_from_the_data(results, own):
    from figures.smooth_decline import draw

    for data in (read_dataset(results / "smooth_decline.nc"), own):
        figure = draw(data)
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert [title[:1] for title in titles if title] == list("abc" if data is own else "abcd")
        legends = [legend for axes in figure.axes if (legend := axes.get_legend()) is not None]
        drawn = " ".join(text.get_text() for legend in legends for text in legend.get_texts())
        assert "barriers fitted, 95 %" in drawn and ("law: separate" in drawn) == (data is not own)
        assert ("truth: density" in drawn) == (data is not own)


def test_the_committed_record_recovers_the_barriers():
    record = json.loads((ROOT / "figures" / "smooth_decline.json").read_text())
    config = record["manifest"]["config"]
    numbers = {name: cells["values"] for name, cells in record["numbers"].items() if name != "attributes"}
    assert numbers["number"][0] == 3
    ends = np.array(numbers["barrier_interval"][0][:3])
    errors = np.diff(ends)[:, 0] / 2 / 1.96
    assert (np.abs(np.array(numbers["barrier"][0][:3]) - config["barriers"]) < 5 * errors).all()


# ---- refusals -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chains", "3"], "--chains must be at least 500"),
        (["--switch-epochs", "4"], "--switch-epochs must be at least 8"),
        (["--switch-epochs", "90"], "at most the total of --epochs 70"),
        (["--runs", "1"], "--runs must be at least 2"),
        (["--recordings", "1"], "--recordings must be at least 2"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--intervals", "0"], "--intervals must be at least 1"),
        (["--intervals", "4", "2"], "--intervals must increase"),
        (["--ratios", "0.5", "2"], "--ratios must exceed 1"),
        (["--noises", "0"], "--noises must be positive"),
        (["--slant", "2"], "--slant must be at most 1.4"),
        (["--slant", "-1"], "--slant must be positive"),
        (["--weights", "0.5", "0.5"], "--weights must be one share for each of --barriers"),
        (["--barriers", "2", "1", "3"], "--barriers must increase"),
        (["--method", "guess"], "method"),
        (["--decay", "1.5"], "decay must lie"),
        (["--decline", "published-32"], "a batch size of 64, 128, 256"),
        (["--decline", "nowhere.csv"], "No such file or directory: nowhere.csv"),
        (["--barriers", "0.35", "0.9", "90"], "--barriers must keep barriers between"),
        (["--median", "20"], "--median and --spread must keep barriers between"),
    ],
)
def test_bad_options_end_in_one_line(arguments, message, tmp_path, capfd):
    status = main(SmoothDecline, [*arguments, "--out", str(tmp_path)])
    captured = capfd.readouterr().err
    assert status == 2
    assert captured.count("\n") == 1, captured
    assert re.search(message, captured), captured
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, capfd, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(SmoothDecline, "run", lambda self: pytest.fail("work began"))
    assert main(SmoothDecline, ["--out", str(blocked)]) == 2
    assert capfd.readouterr().err.count("\n") == 1
