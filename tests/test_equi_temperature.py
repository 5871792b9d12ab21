"""Equi-temperature curves: problems against theory and plain loops, and the experiment, its words and refusals."""

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

from slt_toys import equi_temperature
from slt_toys.equi_temperature import PROBLEMS, EquiTemperature, main
from slt_toys.fits.batch_size import fit_model
from slt_toys.fits.ends import find_end
from slt_toys.fits.published import PublishedFindings
from slt_toys.fits.rival_laws import power_schedule_models
from slt_toys.potentials.example_catalogue import two_phase_regression_examples
from slt_toys.potentials.potential import Potential, PotentialPair
from slt_toys.protocol.exact import exact_stuck_probability
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, PowerDecay, Training
from slt_toys.reference.laws import law
from slt_toys.reports.equi_findings import HALF_STUCK_MASS, Finding
from slt_toys.reports.equi_temperature import in_words, readme_tables, summary
from slt_toys.results.marked_text import replaced_table
from slt_toys.results.progress import command_line
from slt_toys.results.records import read_dataset
from slt_toys.worlds.problems import escape_barrier, measure
from slt_toys.worlds.simulated_problems import WARM_UP, sgd_stuck

SIZES = (32, 64, 128, 256)
SMALL: dict = {"problems": ("regular", "singular_power_law", "start_remembered", "cold_pathways"),
               "potential": "(w**2 - 1)**2 - 0.2*w", "batch_sizes": SIZES, "chains": 256}  # fmt: skip
ROOT = Path(__file__).parents[1]


def fresh_seed() -> int:
    return int(np.random.SeedSequence().generate_state(1)[0]) // 100


# ---- theory and simulations that are not the experiment's ---------------------------------------------------------
def test_the_slope_under_a_power_law_is_that_of_fokker_planck():
    """A deficit that holds all mass, so that only escapes count, and a clock so long that the barrier is high."""
    deficit, clean = (Potential.from_expression(f"(w**2-1)**2 + {tilt}*w") for tilt in (0.9, -0.15))
    pair = PotentialPair("steep", deficit, clean, "left")
    height, power = escape_barrier(pair)
    run = {"initial_learning_rate": 0.05, "momentum": 0.0, "schedule_power": 1.0, "rate_temperature_power": power,
           "barrier_height": height, "attempt_rate": 1.0, "dataset_size": 2e8, "batch_size": 64}  # fmt: skip
    # The noise that puts the end near epoch 80 sets the critical temperature, which sets the noise.
    variance = 1.0
    for _ in range(20):
        critical = law("critical-temperature-power-law")(gradient_variance=variance, critical_hazard=math.log(2), **run)
        variance = 80 * critical * 2 * 64 / 0.05
    rows, ends = np.arange(50, 113, 3), []
    for batch in (56, 72):
        training = Training(batch, 200_000_000, PowerDecay(0.05, 1.0), variance)
        stuck = exact_stuck_probability(pair, training, rows, Ending("further", 100), "deficit phase")
        end = find_end(rows, stuck, HALF_STUCK_MASS).epoch
        assert end is not None
        ends.append(end)
    slope = math.log((1 + ends[0]) / (1 + ends[1])) / math.log(72 / 56)
    temperature = 0.05 / (1 + np.mean(ends)) * variance / (2 * 64)
    expected = law("equi-temperature-slope-power-law")(
        schedule_power=1.0, rate_temperature_power=power, reduced_barrier=height / temperature
    )
    assert slope == pytest.approx(expected, abs=0.1 * (expected - 1))
    assert slope - 1 > 12 * abs(slope - expected)  # the control: one temperature


def test_sgd_ends_stuck_as_often_as_a_plain_loop_says():
    deficit, clean = (
        two_phase_regression_examples(256, 15.0, sign, population_moments=True, bounded_inputs=True) for sign in (-1, 1)
    )
    batch, runs, rows = 4, 3000, np.array([0, 2, 5])
    training = Training(batch, 256, ExponentialDecay(0.01, 0.7), 1.0)
    found = sgd_stuck(deficit, clean, training, rows, 4, runs, [fresh_seed()]).mean(axis=0)
    random, rates = np.random.default_rng(fresh_seed()), training.learning_rates(9)

    def epoch(examples, weights, rate):
        for _ in range(256 // batch):
            x1, x2, y = np.moveaxis(examples.data[random.integers(0, 256, (runs, batch))], -1, 0)
            residual = y - math.sqrt(2) * (weights**2 - 1) * x1 - weights * x2 / 2
            pull = residual * (2 * math.sqrt(2) * weights * x1 + x2 / 2)
            weights = weights + rate * pull.mean(axis=1, keepdims=True)
        return weights

    def share(switch: int, bias: float = 1.0) -> float:
        weights = np.resize([deficit.potential.minimum_point(k)[0] for k in range(2)], (runs, 1))
        for _ in range(WARM_UP):
            weights = epoch(deficit, weights, bias * rates[0])
        for number, rate in enumerate(rates[: switch + 4]):
            weights = epoch(deficit if number < switch else clean, weights, bias * rate)
        return float((clean.potential.phase_index(weights) == 0).mean())

    for stuck, row in zip(found, rows, strict=True):
        assert abs(stuck - share(int(row))) < 5 * math.sqrt(0.5 / runs)
    # Negative control: at a quarter of the learning rate, so of the temperature.
    assert abs(found[-1] - share(5, 0.25)) > 12 * math.sqrt(0.5 / runs)


def test_laws_under_a_power_schedule_are_those_of_theory():
    sizes = np.array([16.0, 32.0, 64.0, 128.0])
    run = {"learning_rate": 0.05, "dataset_size": 20_000, "gradient_variance": 3000.0}
    models = power_schedule_models(sizes, power=1.5, barrier_height=1.2, rate_temperature_power=0.25, **run)
    known = {"initial_learning_rate": 0.05, "gradient_variance": 3000.0, "momentum": 0.0, "schedule_power": 1.5}
    ends, drifting = [], []
    for size in sizes:
        ends.append(law("critical-period-end-power-law")(critical_temperature=0.1, batch_size=size, **known))
        critical = law("critical-temperature-power-law")(
            attempt_rate=0.7, barrier_height=1.2, batch_size=size, critical_hazard=1.0, dataset_size=20_000,
            rate_temperature_power=0.25, **known,
        )  # fmt: skip
        drifting.append(law("critical-period-end-power-law")(critical_temperature=critical, batch_size=size, **known))
    one = fit_model(models["scaling_law"], sizes, np.array(ends))
    assert one.parameters[0].value == pytest.approx(math.log(0.1))
    drift = fit_model(models["temperature_drift"], sizes, np.array(drifting))
    assert drift.parameters[0].value == pytest.approx(math.log(0.7))
    free = fit_model(models["power_law"], sizes, np.array(ends))
    assert free.parameters[1].value == pytest.approx(1 / 1.5)
    assert np.abs(one.residuals).max() < 1e-6 and np.abs(fit_model(models["scaling_law"], sizes, np.array(drifting))
                                                        .residuals).max() > 0.1  # fmt: skip
    assert "temperature_drift" not in power_schedule_models(sizes, power=1.5, **run)
    with pytest.raises(ValueError, match="power: 0 is not positive"):
        power_schedule_models(sizes, power=0, **run)


# ---- the experiment -------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    main(EquiTemperature(**SMALL, seed=fresh_seed(), out=folder))
    return folder


@pytest.fixture(scope="module")
def data(results) -> xr.Dataset:
    return read_dataset(results / "equi_temperature.nc")


@pytest.fixture(scope="module")
def record(results) -> dict:
    return json.loads((results / "equi_temperature.json").read_text())


def by_kind(data: xr.Dataset, kind: str) -> xr.Dataset:
    return data.isel(problem=int(np.flatnonzero(data["kind"].values == kind)[0]))


def test_sampled_ends_and_slopes_are_the_exact_ones(data):
    """Of half stuck mass, which does not depend on the rows."""
    for kind in ("regular wells", "your own", "start remembered"):
        one = by_kind(data, kind).isel(definition=0, rank=slice(len(SIZES)))
        reach = (one["end_high"] - one["end_low"]).values / (2 * 1.96)
        assert np.isfinite(one["exact_end"].values).all()
        assert (abs((one["end"] - one["exact_end"]).values) < 5 * reach).all(), kind
        assert abs(one["slope"] - one["exact_slope"]) < 5 * one["slope_error"]
    for kind in ("regular wells", "your own"):
        exact = by_kind(data, kind)["exact_slope"].values
        assert exact[0] == pytest.approx(1, abs=2e-3)
        ends, fallen = (
            by_kind(data, kind)[name].values[0, : len(SIZES)] for name in ("exact_end", "exact_end_halvings")
        )
        assert fallen == pytest.approx(ends * math.log(0.95) / -math.log(2))
    # The controls: a remembered start and another schedule move the slope, a flow without temperature has none.
    assert by_kind(data, "start remembered")["exact_slope"].values[0] < 0.98
    assert by_kind(data, "singular, other schedule")["exact_slope"].values[0] > 1.03
    cold = by_kind(data, "deep linear, no temperature").isel(definition=0)
    assert cold["slope"] < 1 - 12 * cold["slope_error"]


def test_a_flow_without_temperature_ends_by_flow_time(data):
    cold = by_kind(data, "deep linear, no temperature").isel(definition=0)
    weights = cold["weight"].to_series()
    assert weights["scaling_law"] < 1e-6 and weights["flow_time"] + weights["power_law"] > 0.9
    assert cold["p_value"].sel(model="flow_time") > 1e-6 > cold["p_value"].sel(model="constant")


def test_the_record_says_what_the_data_say(data, record):
    assert set(record) == {"problems", "agreement", "control", "published", "in_words", "manifest"}
    for name, one in record["problems"].items():
        part = data.sel(problem=name)
        for definition, slope in one["slopes"].items():
            value = part["slope"].sel(definition=definition).item()
            assert slope["sampled"] == (None if np.isnan(value) else value)
        told = [line for line in record["in_words"] if line.startswith(name.replace("_", " ").capitalize() + " (")]
        slope = one["slopes"]["half_stuck_mass"]
        assert len(told) == 1 and f"slope {slope['sampled']:.3f} [" in told[0]
        assert slope["exact"] is None or f"exactly {slope['exact']:.4f}" in told[0]
        weights = {law: fit["weight"] or 0 for law, fit in one["comparison"]["half_stuck_mass"]["fits"].items()}
        assert f"best law {max(weights, key=lambda law: weights[law]).replace('_', ' ')}" in told[0]
    # Two problems of one temperature; of all, those without a temperature disagree.
    assert record["agreement"]["half_stuck_mass"]["slopes"]["problems"] == 2
    assert record["agreement"]["half_stuck_mass"]["slopes"]["p_value"] > 2e-7
    assert record["control"]["half_stuck_mass"]["slopes"]["p_value"] < 1e-12
    changed = json.loads(json.dumps(record))
    for chance, word in ((0.9, "agree"), (0.01, "differ")):
        changed["agreement"]["half_stuck_mass"]["slopes"]["p_value"] = chance
        told = next(line for line in in_words(changed) if line.startswith("By half stuck mass"))
        assert f"; they {word} (" in told
    assert set(readme_tables(record)) == {"equi_temperature", "equi_temperature_words"}
    lines = readme_tables(record)["equi_temperature"].split("\n")
    assert len(lines) == 2 + len(record["problems"]) + len(record["published"])


def test_temperatures_at_the_end_are_equal_only_on_an_equi_temperature_curve(record):
    ratios = {one["kind"]: one["slopes"]["half_stuck_mass"]["temperature_ratio"] for one in record["problems"].values()}
    assert ratios["regular wells"] == pytest.approx(1, abs=0.01)
    assert ratios["your own"] == pytest.approx(1, abs=0.01)
    assert ratios["start remembered"] > 1.05
    assert ratios["singular, other schedule"] < 0.98


def test_the_same_seed_gives_the_same_data_whatever_else_is_run(data):
    config = EquiTemperature(**SMALL | {"problems": ("cold_pathways",), "potential": None}, seed=data.attrs["seed"])
    again, findings, published = config.run()
    assert isinstance(findings[0], Finding) and isinstance(published, PublishedFindings)
    for name in ("end", "end_low", "slope", "slope_error", "weight"):
        old = by_kind(data, "deep linear, no temperature")[name].values
        np.testing.assert_array_equal(by_kind(again, "deep linear, no temperature")[name].values, old)
    assert summary(findings, published)["agreement"] == {}
    other = EquiTemperature(**SMALL | {"problems": ("cold_pathways",), "potential": None}, seed=data.attrs["seed"] + 1)
    assert (other.run()[0]["end"] != again["end"]).any()


def test_measured_rows_surround_the_rise():
    problem = EquiTemperature(problems=("regular",), chains=128).built()[0]
    curve = measure(problem, problem.trainings[2], 128, [fresh_seed()])
    assert curve.stuck.shape == (128, len(curve.switch_epochs)) and set(np.unique(curve.stuck)) == {0.0, 1.0}
    share = curve.exact[np.isin(curve.exact_epochs, curve.switch_epochs)]
    depth = (share - share[0]) / (share[-1] - share[0])
    assert (depth < 0.1).sum() >= 3 and (depth > 0.9).sum() >= 3 and ((depth > 0.1) & (depth < 0.9)).sum() >= 5
    assert curve.switch_epochs[0] == 0 < curve.onset < curve.switch_epochs[-1]


def test_writes_four_files_and_the_figure_redraws(results, data):
    from figures.equi_temperature import draw

    assert {path.name for path in results.iterdir()} == {f"equi_temperature.{e}" for e in ("png", "svg", "nc", "json")}
    figure = draw(data)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert sorted(title[:1] for title in titles if title.strip()) == sorted(["a", "b", "c", " "])
    drawn = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"regular wells", "your own", "published CIFAR-10"} <= drawn


def test_the_readme_shows_the_committed_record():
    """Figure, record and README come from one run, of the default settings."""
    record = json.loads((ROOT / "figures" / "equi_temperature.json").read_text())
    readme = (ROOT / "README.md").read_text()
    for name, table in readme_tables(record).items():
        assert replaced_table(readme, table, name) == readme, name
    assert record["in_words"] == in_words(record)
    config = json.loads(json.dumps(asdict(EquiTemperature()), default=str))
    same = set(config) - {"out", "write_readme"}
    assert {k: record["manifest"]["config"][k] for k in same} == {k: config[k] for k in same}
    digest = hashlib.sha256((ROOT / "figures" / "equi_temperature.png").read_bytes()).hexdigest()
    assert record["manifest"]["files"]["equi_temperature.png"] == digest
    assert len(record["problems"]) == len(PROBLEMS)


def test_identities_are_called_so():
    """Only the problem with real minibatches could have failed; the words say it first, and the table row by row."""
    built = {problem.name: problem for problem in EquiTemperature().built()}
    assert [name for name, problem in built.items() if problem.real_noise] == ["two_phase_regression"]
    record = json.loads((ROOT / "figures" / "equi_temperature.json").read_text())
    first, second = in_words(record)[:2]
    assert first.startswith("Of 7 problems under exponential decay 6 are Langevin systems that are handed temperature")
    slope = record["problems"]["two_phase_regression"]["slopes"]["half_stuck_mass"]
    assert "could have failed" in second and f"slope {slope['sampled']:.3f} [" in second
    assert all("(6 of them by identity)" in line for line in in_words(record) if line.startswith("By "))
    rows = readme_tables(record)["equi_temperature"].split("\n")[2:]
    assert [row.split("|")[1].strip() for row in rows if row.split("|")[3].strip() == "of minibatches"] == [
        "two phase regression", *["published CIFAR-10"] * len(record["published"])
    ]  # fmt: skip
    # Langevin systems are handed one function of decay^epoch/B, to the bit: nothing in them could tell.
    problem = built["regular_double_well"]
    small, large = problem.trainings[0], problem.trainings[1]
    shift = np.log(2) / -np.log(0.95)
    ours, theirs = (training.temperatures(1)[0] for training in (small, large))
    assert ours * 0.95**shift == pytest.approx(theirs)
    without = json.loads(json.dumps(record))
    del without["problems"]["two_phase_regression"]
    assert in_words(without)[1] == "None has real minibatches, so none could have failed."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--problems", "regular", "cusp"], "--problems holds 'cusp', which is none of regular, "),
        (["--problems", "regular", "regular"], "--problems must be distinct"),
        (["--batch-sizes", "16", "32", "64"], "--batch-sizes must be distinct, at least 4"),
        (["--batch-sizes", "16", "32", "64", "64"], "--batch-sizes must be distinct"),
        (["--batch-sizes", "0", "32", "64", "128"], "--batch-sizes must be at least 1"),
        (["--batch-sizes", "1", "32", "64", "4096"], "--batch-sizes must lie within a factor of 1024"),
        (["--chains", "3"], "--chains must be at least 128"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--decay", "1"], "--decay must be at least 0.5 and below 1"),
        (["--decay", "nan"], "--decay must be at least 0.5 and below 1"),
        (["--potential", "double_well"], "--potential 'double_well' is not in the catalogue"),
        (["--potential", "curve_against_point"], "--potential must have one coordinate"),
        (["--potential", "w**2"], "one coordinate and two phases"),
        (["--potential", "(w**2-1"], "--potential"),
    ],
)
def test_bad_options_end_in_one_line(arguments, message, tmp_path, capfd):
    status = command_line(EquiTemperature, main, [*arguments, "--out", str(tmp_path)])
    captured = capfd.readouterr().err
    assert status == 2
    assert captured.count("\n") == 1, captured
    assert re.search(re.escape(message), captured), captured
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, capfd, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(equi_temperature.EquiTemperature, "run", lambda self: pytest.fail("work began"))
    assert command_line(EquiTemperature, main, ["--out", str(blocked)]) == 2
    assert capfd.readouterr().err.count("\n") == 1
