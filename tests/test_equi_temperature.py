"""Equi-temperature curves: problems against theory and plain loops, and the experiment and its refusals."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys.equi_temperature import EquiTemperature
from slt_toys.fits.batch_size import fit_model
from slt_toys.fits.ends import find_end
from slt_toys.fits.rival_laws import power_schedule_models
from slt_toys.potentials.example_catalogue import two_phase_regression_examples
from slt_toys.potentials.potential import Potential, PotentialPair
from slt_toys.protocol.exact import exact_stuck_probability
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, PowerDecay, Training
from slt_toys.reference.laws import law
from slt_toys.results.recipe import carry_out, main
from slt_toys.results.records import read_dataset
from slt_toys.worlds.problem_ends import HALF_STUCK_MASS
from slt_toys.worlds.problems import escape_barrier
from slt_toys.worlds.simulated_problems import WARM_UP, sgd_stuck
from tests.seeds import fresh_seed as any_seed

SIZES = (32, 64, 128, 256)
SMALL: dict = {"problems": ("regular", "singular_power_law", "start_remembered", "cold_pathways"),
               "potential": "(w**2 - 1)**2 - 0.2*w", "batch_sizes": SIZES, "chains": 256,
               "published": True}  # fmt: skip


def fresh_seed() -> int:
    return any_seed() // 100


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
    carry_out(EquiTemperature(**SMALL, seed=fresh_seed(), out=folder))
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
        off = (one["end"] - one["exact_end"]).values
        # the side of the interval on which the exact end lies; where that side is open it excludes nothing
        side = np.where(off > 0, one["end"] - one["end_low"], one["end_high"] - one["end"]) / 1.96
        assert np.isfinite(one["exact_end"].values).all() and np.isfinite(side).sum() >= len(SIZES) - 1
        assert (abs(off) < 5 * np.where(np.isfinite(side), side, np.inf)).all(), kind
        if np.isfinite(side).all():  # a slope through an end with an open interval has no error
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
    if np.isfinite(cold["slope_error"]):
        assert cold["slope"] < 1 - 12 * cold["slope_error"]


def test_a_flow_without_temperature_ends_by_flow_time(data):
    cold = by_kind(data, "deep linear, no temperature").isel(definition=0)
    weights = cold["weight"].to_series()
    # A logarithm or power of free slope may fit as well; one temperature may not, and no rise at all may not.
    assert weights["scaling_law"] < 1e-6 > weights["constant"]
    assert weights["flow_time"] + weights["power_law"] + weights["log_law"] > 1 - 1e-6
    assert cold["p_value"].sel(law="flow_time") > 1e-6 > cold["p_value"].sel(law="constant")


def test_problems_of_one_temperature_agree_and_all_do_not(data):
    equal, everything = (data["agreement_p_value"].sel(definition="half_stuck_mass", way="slopes", group=group).item()
                         for group in ("equal temperature", "all"))  # fmt: skip
    assert data["agreement_problems"].sel(group="equal temperature").values[0, 0] == 2
    assert equal > 2e-7 and everything < 1e-12


def test_the_record_holds_claims_tables_and_numbers(data, record):
    assert {"published-hinge", "handed", "no-temperature"} <= {claim["name"] for claim in record["claims"]}
    slopes, laws, agreement = (table["rows"] for table in record["tables"][:3])
    assert len(slopes) == len(laws) + 1 == 6 and len(agreement) >= 3
    np.testing.assert_array_equal(np.array(record["numbers"]["slope"]["values"], dtype=float), data["slope"].values)


def test_temperatures_at_the_end_are_equal_only_on_an_equi_temperature_curve(data):
    ratios = {kind: by_kind(data, kind)["temperature_ratio"].values[0] for kind in data["kind"].values}
    assert ratios["regular wells"] == pytest.approx(1, abs=0.01)
    assert ratios["your own"] == pytest.approx(1, abs=0.01)
    assert ratios["start remembered"] > 1.05
    assert ratios["singular, other schedule"] < 0.98


def test_the_same_seed_gives_the_same_data_whatever_else_is_run(data):
    alone = SMALL | {"problems": ("cold_pathways",), "potential": None}
    again = EquiTemperature(**alone, seed=data.attrs["seed"]).run()
    for name in ("end", "end_low", "slope", "slope_error", "weight"):
        old = by_kind(data, "deep linear, no temperature")[name].values
        np.testing.assert_array_equal(by_kind(again, "deep linear, no temperature")[name].values, old)
    assert np.isnan(again["agreement_slope"].values).all()
    other = EquiTemperature(**alone, seed=data.attrs["seed"] + 1)
    assert (other.run()["end"] != again["end"]).any()


def test_an_energy_of_ones_own_shows_itself_alone(tmp_path, monkeypatch):
    from figures.equi_temperature import draw
    from slt_toys.fits import published

    monkeypatch.setattr(published, "published_findings", lambda **_: pytest.fail("published curves were asked"))
    own = EquiTemperature(potential="((w**2-1)**2 - a*w)", parameter=("a=0.2",), batch_sizes=SIZES, chains=128)
    assert [problem.kind for problem in own.built()] == ["your own"]
    made = own.run()
    assert made.sizes["problem"] == 1 and not [name for name in made.variables if "published" in str(name)]
    told = own.outcome(made)
    assert [claim.name for claim in told.claims] == ["handed"] and "CIFAR" not in str(told.tables)
    texts = {text.get_text() for axes in draw(made).axes for text in [*axes.texts, *axes.get_yticklabels()]}
    assert "your own" in texts and "published CIFAR-10" not in texts
    monkeypatch.undo()
    asked = EquiTemperature(potential="(w**2-1)**2 - 0.2*w", published=True)
    assert len(asked.built()) == 10 and asked.asks_published


def test_writes_its_files_and_the_figure_redraws(results, data):
    from figures.equi_temperature import draw

    endings = ("png", "svg", "nc", "json", "md")
    assert {path.name for path in results.iterdir()} == {f"equi_temperature.{ending}" for ending in endings}
    figure = draw(data)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert sorted(title[:1] for title in titles if title.strip()) == ["a", "b", "c"]
    drawn = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"regular wells", "your own", "published CIFAR-10"} <= drawn


def test_only_real_minibatches_could_fail():
    built = {problem.name: problem for problem in EquiTemperature().built()}
    real = [name for name, problem in built.items() if problem.real_noise]
    assert len(real) >= 7 and set(built) - set(real) == {"regular_double_well"}
    assert all(len(built[name].trainings) >= 4 for name in real)
    # Langevin systems are handed one function of decay^epoch/B, to the bit: nothing in them could tell.
    problem = built["regular_double_well"]
    small, large = problem.trainings[0], problem.trainings[1]
    shift = np.log(2) / -np.log(0.95)
    ours, theirs = (training.temperatures(1)[0] for training in (small, large))
    assert ours * 0.95**shift == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--problems", "regular", "cusp"], "--problems holds 'cusp', which is none of memorising, "),
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
        (["--deficit", "(w**2-1)**2 + 0.2*w"], "--deficit needs --potential"),
        (["--box", "-2", "2"], "--box goes with an energy of your own; give --potential"),
    ],
)
def test_bad_options_end_in_one_line(arguments, message, tmp_path, capfd):
    status = main(EquiTemperature, [*arguments, "--out", str(tmp_path)])
    captured = capfd.readouterr().err
    assert status == 2
    assert captured.count("\n") == 1, captured
    assert re.search(re.escape(message), captured), captured
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, capfd, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(EquiTemperature, "run", lambda self: pytest.fail("work began"))
    assert main(EquiTemperature, ["--out", str(blocked)]) == 2
    assert capfd.readouterr().err.count("\n") == 1
