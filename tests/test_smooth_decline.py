"""The smooth-decline experiment: what it recovers, what it writes, what it says, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys import smooth_decline
from slt_toys.barriers.kernel import stuck_probabilities
from slt_toys.reference.published import published_curves
from slt_toys.reports.smooth_decline import in_words, recovers_from
from slt_toys.results.progress import command_line
from slt_toys.results.records import read_dataset
from slt_toys.smooth_decline import SmoothDecline, main

ROOT = Path(__file__).parents[1]
# Plumbing needs neither the exact kernel nor many declines.
SMALL: dict = {"method": "eyring_kramers", "chains": 500, "ratios": (1.1, 2.5), "noises": (0.003, 0.03), "runs": 2,
               "intervals": (64, 16384), "recordings": 4, "switch_epochs": 30}  # fmt: skip


def fresh_seed() -> int:
    return int(np.random.SeedSequence().generate_state(1)[0]) // 100


def quickly_published(pair, variance, *, seed, advance):
    return PUBLISHED_SPECTRA(
        pair, variance, factors=(1.0, 4.0), redraws=4, repetitions=20, seed=seed, advance=advance
    )  # fmt: skip


PUBLISHED_SPECTRA = smooth_decline.published_spectra


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(smooth_decline, "published_spectra", quickly_published)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smooth_decline, "published_spectra", quickly_published)
        main(SmoothDecline(**SMALL, out=folder))
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> xr.Dataset:
    """A decline of one's own: a file made from three barriers, by the kernel that then reads it."""
    folder = tmp_path_factory.mktemp("own")
    random = np.random.default_rng(fresh_seed())
    config = SmoothDecline()
    training, ending = config.protocol()
    epochs = np.arange(0, 40)
    share = np.array(config.weights) @ stuck_probabilities(
        config.pair(), training, epochs, ending, np.array(config.barriers), method="eyring_kramers"
    )
    values = 92 - 9 * share + 0.03 * random.standard_normal(epochs.size)
    table = "\n".join(f"{e},{v:.5f},0.03" for e, v in zip(epochs, values, strict=True))
    (folder / "mine.csv").write_text(f"switch_epoch,value,standard_error\n{table}\n")
    main(SmoothDecline(**SMALL, decline=str(folder / "mine.csv"), best=92.0, worst=83.0, out=folder))
    return read_dataset(folder / "smooth_decline.nc")


# ---- what it recovers -----------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_three_barriers_and_a_smooth_spectrum_come_back_from_sampled_declines():
    """For any seed: three barriers within five standard errors, and windows of the smooth one mostly in intervals."""
    from slt_toys.barriers.kernel import barrier_kernel
    from slt_toys.barriers.population import height_range, sampled_decline
    from slt_toys.barriers.readings import read_barriers

    config = SmoothDecline()
    training, ending = config.protocol()
    pair, epochs = config.pair(), np.arange(config.switch_epochs)
    low, high = height_range(pair, training, 0, int(epochs[-1]), ending)
    kernel = barrier_kernel(pair, training, epochs, ending, low, high, cells=smooth_decline.CELLS, spacing=0.1)
    runs, held, right = 4, 0, 0
    for run in range(runs):
        separate, smooth = (
            read_barriers(
                kernel,
                sampled_decline(pair, training, epochs, ending, one, chains=config.chains, seed=[fresh_seed(), run]),
                neighbours_weight=2 / 3,
            )
            for one in config.populations()
        )
        if separate.separate.number == 3:
            right += 1
            found = separate.separate
            assert (np.abs(found.fit.heights - config.barriers) < 5 * found.height_errors).all()
            assert (np.abs(found.fit.weights - config.weights) < 5 * found.weight_errors).all()
            assert (found.height_errors < 0.1 * np.array(config.barriers)).all()
        truth = config.populations()[1].within(smooth.windows.edges)
        ends = smooth.windows.intervals
        held += int(((ends[:, 0] <= truth + 1e-9) & (truth <= ends[:, 1])).sum())
        wide = np.diff(ends, axis=1)[:, 0]
        assert smooth.median == pytest.approx(config.median, rel=0.08)
        assert wide.max() < 0.4
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
    told = in_words(own, None)[1]
    if not str(one["doubt_windows"].values):
        assert "are known to ±" in told and "whatever the spectrum" in told
    # What was fitted is what was measured, within its noise.
    off = ((one["fit_separate"] - one["share"]) / one["share_error"]).values
    assert (off**2).mean() < 1 + 5 * math.sqrt(2 / off.size) and (off**2).mean() > 0.2


# ---- what it writes and says ----------------------------------------------------------------------------------------
def test_writes_figure_data_and_record(results):
    assert {path.name for path in results.iterdir()} == {
        f"smooth_decline.{end}" for end in ("png", "svg", "nc", "json")
    }
    record = json.loads((results / "smooth_decline.json").read_text())
    assert {"declines", "recovered", "recovers_from", "transitions", "published", "in_words", "manifest"} == set(record)
    assert [one["name"] for one in record["declines"]] == ["3 separate barriers", "a smooth spectrum"]
    assert len(record["recovered"]) == 4 and len(record["transitions"]) == 2
    assert record["published"]["batch_size"] == list(published_curves())
    assert record["manifest"]["config"]["chains"] == 500


def test_the_same_seed_gives_the_same_data(results, quick):
    dataset, record = SmoothDecline(**SMALL).run()
    written = read_dataset(results / "smooth_decline.nc")
    xr.testing.assert_identical(dataset.drop_attrs(), written.drop_attrs())
    assert record["in_words"] == json.loads((results / "smooth_decline.json").read_text())["in_words"]


def test_the_words_are_the_numbers(results):
    """Each number of a sentence is looked up in the data by another way than the one that wrote it."""
    data = read_dataset(results / "smooth_decline.nc")
    record = json.loads((results / "smooth_decline.json").read_text())
    said = record["in_words"]
    first = record["declines"][0]
    assert f"at least {len(first['barriers'])} barrier" in said[0]
    for height, (low, high) in zip(first["barriers"], first["barrier_intervals"], strict=True):
        assert f"{height:.3g} [{low:.3g}, {high:.3g}]" in said[0]
    truth = {0.35, 0.9, 2.2}
    if len(first["barriers"]) == 3:
        inside = sum(a <= t <= b for t, (a, b) in zip(sorted(truth), first["barrier_intervals"], strict=True))
        inside += sum(a <= t <= b for t, (a, b) in zip((0.3, 0.4, 0.3), first["weight_intervals"], strict=True))
        assert f"{inside} of 6 95 % intervals hold them" in said[0]
    else:
        assert said[0].endswith("there are 3.")
    windows = record["declines"][1]["windows"]
    population = SmoothDecline().populations()[1]
    shares = [float(np.diff(population_cdf(population, windows["edges"][k : k + 2]))[0]) for k in range(len(
        windows["weights"]))]  # fmt: skip
    inside = sum(a <= t + 1e-9 and t <= b + 1e-9 for t, (a, b) in zip(shares, windows["intervals"], strict=True))
    assert f"{inside} of the {len(shares)} 95 % intervals" in said[4]
    where = next(sentence for sentence in said if sentence.startswith("Where it stops"))
    counts = (data["recovery_found"] == 3).sum("run").values
    for j, noise in enumerate((0.003, 0.03)):
        good = [counts[i, j] >= 0.75 * 2 for i in range(2)]
        expected = "from a ratio of 1.1 on" if all(good) else "from a ratio of 2.5 on" if good[1] else "at no ratio"
        assert f"at noise {noise:g} {expected}" in where
    seen = data["transitions_detected"].values
    assert f"{seen[0]:.2f} ± " in next(sentence for sentence in said if sentence.startswith("SGD over 6 barriers"))
    published = record["published"]
    for size, median in zip(published["batch_size"], published["median"][0], strict=True):
        assert re.search(rf"{re.escape(f'{median:.2g}')} \[[^]]*\] at B = {size}\b", " ".join(said))
    slope = np.polyfit(np.log(published["batch_size"]), np.log(published["median"][0]), 1)[0]
    assert f"{slope:.2f} [" in " ".join(said)


def population_cdf(population, edges) -> np.ndarray:
    from scipy.stats import lognorm

    return lognorm.cdf(edges, population.spread, scale=population.median)


def test_what_was_measured_elsewhere_is_said_with_its_caveats(own):
    said = " ".join(in_words(own, None))
    assert "In the units" not in said and "units of --gradient-variance" in said
    assert "estimate from the scatter" not in said and "first row is taken" not in said and "one seed" not in said
    careless = own.assign_attrs(errors_estimated=1, best_given=0, published=1)
    said = " ".join(in_words(careless, None))
    assert "estimate from the scatter" in said and "first row is taken" in said and "has one seed" in said


def test_a_decline_that_no_spectrum_explains_is_doubted_by_name(own, tmp_path):
    """Ten rows that go down and up again: no weight and no interval is given, in words, record or figure."""
    from figures.smooth_decline import draw
    from slt_toys.barriers.measured import read_decline
    from slt_toys.barriers.published import read_measured
    from slt_toys.reports.smooth_decline import readings_dataset, summary

    values = [92, 91.5, 90, 91.8, 86, 90, 85, 84.5, 88, 83]
    rows = "\n".join(f"{5 * k},{value},0.3" for k, value in enumerate(values))
    (tmp_path / "bumpy.csv").write_text(f"switch_epoch,value,standard_error\n{rows}\n")
    config = SmoothDecline()
    measured = read_decline(tmp_path / "bumpy.csv", best=93.0)
    reading = read_measured(
        config.pair(), *config.protocol(), measured, method="eyring_kramers", repetitions=40, seed=fresh_seed()
    )
    assert reading.spectrum.doubt and reading.windows.doubt and reading.separate.doubt
    assert np.isnan(reading.windows.intervals).all() and np.isnan(reading.separate.weight_intervals).all()
    dataset = xr.merge([
        readings_dataset([measured.name], [reading], None),
        own[[name for name in own.data_vars if name.startswith(("recovery", "transitions"))]],
    ])  # fmt: skip
    dataset.attrs = own.attrs
    said = in_words(dataset, None)
    for sentence in said[:2]:
        assert re.search(r"not explain the decline \(chi-square \d+ for 10 rows, p < 0.001\)", sentence), sentence
        assert "known to" not in sentence and "[" not in sentence and "lies below" not in sentence
    (told,) = summary([measured.name], [reading], dataset, None)["declines"]
    assert len(told["doubts"]) == 2 and told["p_value_of_the_smooth_fit"] < 1e-3
    legends = [legend for axes in draw(dataset).axes if (legend := axes.get_legend()) is not None]
    labels = [text.get_text() for legend in legends for text in legend.get_texts()]
    assert any(label.startswith("inversion: windows, rejected") for label in labels)
    assert any(label.endswith("barriers fitted, rejected") for label in labels)


def test_where_only_the_smooth_fit_fails_no_window_has_a_weight(monkeypatch):
    """Windows assume nothing; but the spectrum that is described is the smooth one."""
    from slt_toys.barriers import readings as decline_readings
    from slt_toys.barriers.decline import Decline
    from slt_toys.barriers.inversion import invert_decline
    from slt_toys.barriers.kernel import barrier_kernel

    config, epochs = SmoothDecline(), np.arange(40)
    kernel = barrier_kernel(config.pair(), *config.protocol()[:1], epochs, config.protocol()[1], 0.1, 5.0,
                            method="eyring_kramers", spacing=0.1)  # fmt: skip
    noise = np.full(40, 0.005)
    mean = np.array(config.weights) @ kernel(np.array(config.barriers))
    decline = Decline(epochs, mean, noise).redrawn(mean, fresh_seed())
    monkeypatch.setattr(decline_readings, "invert_decline", lambda k, d: invert_decline(k, d, smoothing=1e6))
    reading = decline_readings.read_barriers(kernel, decline, neighbours_weight=2 / 3, repetitions=20)
    assert reading.spectrum.doubt.startswith("a smooth spectrum does not explain")
    assert reading.windows.doubt == reading.spectrum.doubt and np.isnan(reading.windows.intervals).all()


def test_where_recovery_stops_is_the_last_failure():
    found = np.full((4, 2, 8), 3)
    found[0, 0] = 1
    found[2, 0, :3] = 2
    found[3, 1] = 4
    data = xr.Dataset(
        {"recovery_found": (("ratio", "noise", "run"), found)}, coords={"ratio": [1.1, 1.5, 2.0, 3.0]},
        attrs={"recovery_number": 3},
    )  # fmt: skip
    assert recovers_from(data, 0) == 3.0 and recovers_from(data, 1) is None
    found[2, 0, :3] = 3
    assert recovers_from(data, 0) == 1.5


# ---- figure ---------------------------------------------------------------------------------------------------------
def test_the_figure_redraws_from_the_data(results, own):
    from figures.smooth_decline import draw

    for data in (read_dataset(results / "smooth_decline.nc"), own):
        figure = draw(data)
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert [title[:1] for title in titles if title] == ["a", "b", "c", "d"]
        legends = [legend for axes in figure.axes if (legend := axes.get_legend()) is not None]
        drawn = " ".join(text.get_text() for legend in legends for text in legend.get_texts())
        assert "barriers fitted, 95 %" in drawn and "law: stand apart" in drawn
        assert ("truth: density" in drawn) == (data is not own)


def test_the_committed_figure_is_of_the_default_settings():
    record = json.loads((ROOT / "figures" / "smooth_decline.json").read_text())
    config = asdict(SmoothDecline())
    for name in set(config) - {"out", "write_readme"}:
        value = list(config[name]) if isinstance(config[name], tuple) else config[name]
        assert record["manifest"]["config"][name] == value
    digest = hashlib.sha256((ROOT / "figures" / "smooth_decline.png").read_bytes()).hexdigest()
    assert record["manifest"]["files"]["smooth_decline.png"] == digest
    three = record["declines"][0]
    assert len(three["barriers"]) == 3
    ends = np.array(three["barrier_intervals"])
    errors = np.diff(ends)[:, 0] / 2 / 1.96
    assert (np.abs(np.array(three["barriers"]) - config["barriers"]) < 5 * errors).all()


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
    status = command_line(SmoothDecline, main, [*arguments, "--out", str(tmp_path)])
    captured = capfd.readouterr().err
    assert status == 2
    assert captured.count("\n") == 1, captured
    assert re.search(message, captured), captured
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, capfd, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(SmoothDecline, "run", lambda self: pytest.fail("work began"))
    assert command_line(SmoothDecline, main, ["--out", str(blocked)]) == 2
    assert capfd.readouterr().err.count("\n") == 1
