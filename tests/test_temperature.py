"""The temperature map against SGD itself, and the experiment: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import sympy
import xarray as xr

from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.examples import GaussianGradients
from slt_toys.potentials.potential import Potential
from slt_toys.reference.laws import law
from slt_toys.reports import temperature as report
from slt_toys.reports.temperature import escape_temperature, largest_departure, law_range, ratios
from slt_toys.results.recipe import carry_out, dataset_of, main
from slt_toys.results.records import read_dataset
from slt_toys.samplers import SGD, sample
from slt_toys.temperature import Temperature
from slt_toys.thermometers.calibration import Calibration, Setting, calibrate, target_of, well_of
from slt_toys.thermometers.equilibrium import anisotropy
from slt_toys.thermometers.sgd_temperature import UNEXPLAINED, inverse_temperature
from tests.seeds import fresh_seed as any_seed
from theory.laws.reshuffling import temperature_factor

SMALL: dict = {"batch_sizes": (4, 8), "multiples": (1, 10, 20), "steps_per_epoch": (8, 512), "chains": 768,
               "duration": 60.0}  # fmt: skip
TINY: dict = {"batch_sizes": (8,), "multiples": (10,), "steps_per_epoch": (8,), "chains": 64, "duration": 20.0}


def fresh_seed() -> int:
    return any_seed() // 100


# ---- the map --------------------------------------------------------------------------------------------------------
def test_the_law_is_that_of_theory():
    found = inverse_temperature(0.01, 128, 0.5, gradient_variance=3072.0, curvature=2.0)
    values = {"learning_rate": 0.01, "momentum": 0.5, "batch_size": 128}
    temperature = law("sgd-temperature")(gradient_variance=3072.0, **values)
    assert found.law == pytest.approx(1 / temperature)
    exact = law("sgd-temperature-quadratic")(temperature=temperature, learning_rate=0.01, momentum=0.5, curvature=2.0)
    assert found.low == pytest.approx(1 / exact / (1 + UNEXPLAINED))
    assert found.high == pytest.approx(1 / temperature / (1 - UNEXPLAINED))
    assert found.low < found.inverse_temperature < found.high and found.one_temperature
    half = inverse_temperature(0.01, 64, 0.5, gradient_variance=3072.0, curvature=2.0)
    assert half.law == pytest.approx(found.law / 2)


def test_ranges_widen_for_each_cause_and_open_where_nothing_bounds_them():
    base: dict = {"gradient_variance": 1.0, "curvature": (1.0, 8.0)}
    plain = inverse_temperature(0.001, 4, 0.9, **base)
    assert plain.one_temperature and "one temperature" in plain.statement
    steep = inverse_temperature(0.2, 4, 0.9, **base)
    assert not steep.one_temperature and "step size" in steep.statement
    escapes = inverse_temperature(0.005, 4, 0.9, **base, barrier=(3 * 5 / plain.law, 4.0))
    still = inverse_temperature(0.005, 4, 0.9, **base)
    assert escapes.high > 1.05 * still.high and "inertia" in escapes.statement
    scattered = inverse_temperature(0.001, 4, 0.9, gradient_variance=(1.0, 3.0), curvature=(1.0, 8.0))
    assert scattered.high / scattered.low > 3 and "noise" in scattered.statement
    shuffled = inverse_temperature(0.001, 4, 0.9, **base, order="reshuffled", dataset_size=4000)
    low, high = (temperature_factor(0.001 * h, 0.9, 1000) for h in (1.0, 8.0))
    assert shuffled.high == pytest.approx(shuffled.law / low / (1 - UNEXPLAINED))
    assert shuffled.low == pytest.approx(shuffled.law / high / (1 + UNEXPLAINED))
    flat = inverse_temperature(0.001, 4, gradient_variance=1.0, curvature=(0.0, 1.0), order="reshuffled",
                               dataset_size=8)  # fmt: skip
    assert flat.high == math.inf and "reshuffling" in flat.statement
    unknown = inverse_temperature(0.001, 4, gradient_variance=1.0)
    assert unknown.low == 0 and not unknown.one_temperature and unknown.inverse_temperature == unknown.law


@pytest.mark.parametrize("order", ["with_replacement", "reshuffled"])
@pytest.mark.parametrize(("rate", "momentum"), [(0.1, 0.0), (0.02, 0.8)])
def test_directions_of_sgd_lie_in_the_range(order, rate, momentum):
    w1, w2 = sympy.symbols("w1 w2", real=True)
    bowl = Potential.from_expression(w1**2 / 2 + 4 * w2**2)
    batch, size = 4, 4 * 31
    found = inverse_temperature(
        rate, batch, momentum, gradient_variance=2.0, curvature=(1.0, 8.0), order=order, dataset_size=size
    )
    target = GaussianGradients(bowl, 2.0, size=size)
    drawn = sample(target, SGD(rate, batch, momentum, order=order), chains=512, steps=6000, thin=8, seed=fresh_seed(),
                   diagnose=False)["w"].values[:, 150:]  # fmt: skip
    told = anisotropy(bowl, drawn, "whole").readings
    for one in told:
        slack = 5 * one.relative_error
        assert found.low * (1 - slack) < one.inverse_temperature < found.high * (1 + slack)
    slow, stiff = told  # the range is no wider than what is there
    # The slow direction feels its own steps, 5 % here, which slower motion between phases would not.
    assert slow.inverse_temperature > found.high * (0.95 - 2 * UNEXPLAINED - 5 * slow.relative_error)
    assert stiff.inverse_temperature < found.low * (1 + 2 * UNEXPLAINED + 5 * stiff.relative_error)
    wrong = inverse_temperature(rate, 2 * batch, momentum, gradient_variance=2.0, curvature=(1.0, 8.0), order=order,
                                dataset_size=2 * size)  # fmt: skip
    assert stiff.inverse_temperature < wrong.low * (1 - 12 * stiff.relative_error)


BAD = {
    "learning_rate must be positive": lambda: inverse_temperature(0, 4, gradient_variance=1),
    "batch_size must be a whole number": lambda: inverse_temperature(0.1, 2.5, gradient_variance=1),  # type: ignore[arg-type]
    "momentum must lie in [0, 1)": lambda: inverse_temperature(0.1, 4, 1.0, gradient_variance=1),
    "gradient_variance must be a positive number": lambda: inverse_temperature(0.1, 4, gradient_variance=0),
    "or the least and the largest": lambda: inverse_temperature(0.1, 4, gradient_variance=(3, 1)),
    "curvature must be a finite": lambda: inverse_temperature(0.1, 4, gradient_variance=1, curvature=-1),
    "beyond it SGD diverges": lambda: inverse_temperature(0.1, 4, gradient_variance=1, curvature=20),
    "barrier must be a positive height": lambda: inverse_temperature(
        0.1, 4, 0.5, gradient_variance=1, curvature=1, barrier=(0, 1)
    ),
    "no temperature is known": lambda: inverse_temperature(0.1, 4, gradient_variance=1, order="fixed"),
    "dataset_size must be a multiple": lambda: inverse_temperature(
        0.1, 4, gradient_variance=1, order="reshuffled", dataset_size=6
    ),
    "steps_per_epoch must be at least 1": lambda: target_of(
        Setting("noise", 0.1, 4, 0.0, 1.0, "table"), find_potential("regular_double_well"), 0
    ),
    "potential must have one coordinate and two phases": lambda: well_of(
        GaussianGradients(find_potential("cusp"), 1.0), Setting("noise", 0.1, 4, 0.0, 1.0), 0.0
    ),
}


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("curvature", [None, 0.0, 1.0, (0.1, 2.0)])
def test_one_reshuffled_batch_an_epoch_has_no_noise(momentum, curvature):
    settings = {"gradient_variance": (2.0, 3.0), "curvature": curvature, "order": "reshuffled", "barrier": (1.0, 2.0)}
    found = inverse_temperature(0.1, 32, momentum, dataset_size=32, **settings)
    assert (found.inverse_temperature, found.low, found.high) == (math.inf, math.inf, math.inf)
    assert not found.one_temperature and "gradient descent" in found.statement
    assert found.law == pytest.approx(2 * 32 * (1 - momentum) / (0.1 * math.sqrt(6.0)))
    if curvature == 0.0:  # noise that sums to zero leaves a flat direction where it is
        flat = inverse_temperature(0.1, 32, momentum, dataset_size=320, **settings)
        assert flat.low == math.inf and "flat direction" in flat.statement
    elif curvature is not None:
        two = inverse_temperature(0.1, 32, momentum, dataset_size=64, **settings)
        assert 0 < two.law < two.low < two.high < math.inf


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_in_one_line(message):
    with pytest.raises(ValueError) as refused:
        BAD[message]()
    assert message in str(refused.value) and "\n" not in str(refused.value)


# ---- the experiment -------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def run() -> list[Calibration]:
    return Temperature(**SMALL, seed=fresh_seed()).calibrations()


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    carry_out(Temperature(**TINY, out=folder))
    return folder


def of(calibrations: list[Calibration], sweep: str, **settings) -> Calibration:
    found = [
        one
        for one in calibrations
        if one.setting.sweep == sweep and all(getattr(one.setting, k) == v for k, v in settings.items())
    ]
    assert len(found) == 1
    return found[0]


def test_small_additive_steps_read_the_laws_temperature(run):
    for size in (4, 8):
        one = of(run, "batch size", batch_size=size)
        assert len(ratios(one)) == 4, [found.verdict for found in one.readings]
        low, high = law_range(one)
        for ratio, error in ratios(one):
            assert low * (1 - UNEXPLAINED) - 5 * error < ratio < high * (1 + UNEXPLAINED) + 5 * error
    # The control: batches twice as large are another temperature.
    energies = [of(run, "batch size", batch_size=size).readings[0] for size in (4, 8)]
    gap = math.log(energies[1].inverse_temperature / energies[0].inverse_temperature)
    assert gap > 12 * max(found.relative_error for found in energies)


def test_no_additive_reading_lies_surely_beyond_the_laws(run):
    departure, error = largest_departure(run)
    assert departure - 5 * error < UNEXPLAINED


def test_large_steps_and_momentum_are_told_apart(run):
    """Without momentum losses are hot and escapes are not; with momentum escapes are cold and losses are not."""
    plain = of(run, "step size", momentum=0.0, batch_size=160)
    heavy = of(run, "step size", momentum=0.9, batch_size=160)
    (hot, hot_error), *_, (steady, steady_error) = ratios(plain)
    assert hot > 1.1 + 5 * hot_error and abs(steady - 1) < 0.05 + 5 * steady_error
    (warm, warm_error), *_, (cold, cold_error) = ratios(heavy)
    expected = escape_temperature(heavy, heavy.setting.learning_rate) / heavy.law_temperature
    assert abs(cold - expected) < 0.05 + 5 * cold_error
    assert cold < 1 - 12 * cold_error and abs(warm - 1) < 0.03 + 5 * warm_error
    for one in (plain, heavy):
        assert one.disagreement.p_value < 1e-20 and not one.expected.one_temperature


def test_without_replacement_slow_motion_is_colder(run):
    short, long = (of(run, "reshuffling", steps_per_epoch=m) for m in (8, 512))
    # So cold, chains keep the phase they began in: draws in one phase miss a little, which few chains cannot see.
    short = calibrate(short.setting, Temperature(**SMALL).energy(), chains=128, duration=60.0, seed=fresh_seed())
    factor = temperature_factor(short.setting.learning_rate * short.well.curvatures[1], 0.0, 8)
    energy, *others = short.readings
    assert energy.temperature / short.law_temperature == pytest.approx(factor, rel=0.1 + 5 * energy.relative_error)
    assert not any(found.reads for found in others)
    assert "depend on one another" in short.readings[2].reason
    assert energy.temperature < 0.5 * long.readings[0].temperature


def test_noise_that_depends_on_the_place_is_seen_as_disagreement(run):
    growing = of(run, "noise", noise="loss")
    assert growing.disagreement.p_value < 1e-20
    assert growing.disagreement.spread > 12 * growing.disagreement.spread_error
    # A regression's predictions do not depend on the weight on its barrier: there it is cold, and escapes are rare.
    regression = of(run, "noise", noise="regression")
    energy, _, flow, escape = regression.readings
    warm = energy if energy.reads else flow  # of draws in one phase some are missed where few come from the other
    assert not escape.reads or escape.temperature < warm.temperature * (1 - 12 * escape.relative_error)
    for one in (growing, regression):
        assert not one.expected.one_temperature and "noise" in one.expected.statement
    for noise in ("additive", "table"):
        one = of(run, "noise", noise=noise)
        assert one.disagreement.spread < 0.05 + 5 * one.disagreement.spread_error


def test_writes_figure_data_record_and_page(results):
    ends = ("png", "svg", "nc", "json", "md")
    assert {path.name for path in results.iterdir()} == {f"temperature.{end}" for end in ends}
    record = json.loads((results / "temperature.json").read_text())
    assert record["manifest"]["config"]["chains"] == 64
    dataset = read_dataset(results / "temperature.nc")
    assert dataset.sizes["setting"] == 1 + 2 + 1 + 4
    assert list(dataset["thermometer"].values) == ["energy", "occupancy", "fluctuation-dissipation", "escape"]
    read = np.isfinite(dataset["reading_inverse_temperature"].values)
    verdicts = dataset["reading_verdict"].values
    assert all(told or "cannot be read: " in why for told, why in zip(read.ravel(), verdicts.ravel(), strict=True))
    assert dataset["law_momentum"].values.tolist() == [0.0, 0.9]
    assert ((dataset["largest_relaxation"] > 0.01) & (dataset["largest_relaxation"] < 0.3)).all()


def test_claims_and_tables_follow_from_the_record_alone(results):
    record = json.loads((results / "temperature.json").read_text())
    dataset = dataset_of(record)
    again = {"claims": map(asdict, report.claims(dataset)), "tables": map(asdict, report.tables(dataset))}
    for part, told in again.items():
        assert json.loads(json.dumps(list(told))) == record[part]


def test_the_same_seed_gives_the_same_data(results):
    dataset = Temperature(**TINY).run()
    xr.testing.assert_identical(dataset.drop_attrs(), read_dataset(results / "temperature.nc").drop_attrs())


def test_the_figure_redraws_from_the_data(results):
    from figures.temperature import draw

    figure = draw(read_dataset(results / "temperature.nc"))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert sorted(title[:1] for title in titles if title) == ["a", "b", "c", "d"]
    legends = [legend for axes in figure.axes if (legend := axes.get_legend()) is not None]
    drawn = [text.get_text() for legend in legends for text in legend.get_texts()]
    assert {"energy", "occupancy", "fluctuation-dissipation", "escape rate"} <= set(drawn)


@pytest.mark.slow
def test_what_the_laws_leave_unexplained():
    """Chains by the thousand, whose errors lie below the allowance: no thermometer lies beyond it."""
    potential = find_potential("regular_double_well")
    for k, momentum in ((1, 0.0), (10, 0.0), (1, 0.9), (10, 0.9)):
        setting = Setting("step size", 0.002 * k * (1 - momentum), 8 * k, momentum, 3200.0)
        one = calibrate(setting, potential, chains=4096, duration=400.0, seed=fresh_seed())
        departure, error = largest_departure([one])
        assert departure - 3 * error < UNEXPLAINED, (setting, ratios(one))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chains", "3"], "--chains must be at least 64"),
        (["--momentum", "0"], "--momentum must lie strictly between 0 and 1"),
        (["--temperature", "-1"], "--temperature must be positive"),
        (["--learning-rate", "0"], "--learning-rate must be positive"),
        (["--duration", "nan"], "--duration must be positive"),
        (["--batch-sizes", "8", "8"], "--batch-sizes must be distinct"),
        (["--multiples", "0"], "--multiples must be at least 1"),
        (["--steps-per-epoch", "1"], "--steps-per-epoch must be at least 2"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--potential", "w**2"], "one coordinate and two phases"),
        (["--potential", "(w**2-1)**2"], "phases of different loss"),
        (["--potential", "double_well"], "not in the catalogue"),
        (["--learning-rate", "1"], "diverges"),
    ],
)
def test_bad_options_end_in_one_line(arguments, message, tmp_path, capfd):
    status = main(Temperature, [*arguments, "--out", str(tmp_path)])
    captured = capfd.readouterr().err
    assert status == 2
    assert captured.count("\n") == 1, captured
    assert re.search(message, captured), captured
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, capfd, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(Temperature, "run", lambda self: pytest.fail("work began"))
    assert main(Temperature, ["--out", str(blocked)]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_a_barrier_cools_by_the_logarithm_of_its_transmission_over_its_height():
    """e^(-ΔL/T') = κ e^(-ΔL/T), so T/T' = 1 - ln κ · T/ΔL."""
    base: dict = {"gradient_variance": 2.0, "curvature": 0.0}
    still, slow = (
        inverse_temperature(0.02, 4, 0.8, **base),
        inverse_temperature(0.02, 4, 0.8, **base, barrier=(0.3, 5.0)),
    )
    inertia = law("heavy-ball-inertia")(learning_rate=0.02, momentum=0.8)
    transmission = law("kramers-transmission-factor")(inertia=inertia, barrier_curvature=5.0)
    assert still.law == pytest.approx(2 * 4 * (1 - 0.8) / (0.02 * 2.0))
    assert slow.high == pytest.approx(still.high * (1 - math.log(transmission) / still.law / 0.3))
    assert slow.low == still.low and slow.high > 1.001 * still.high
    assert slow.inverse_temperature == pytest.approx(math.sqrt(slow.low * slow.high), rel=1e-12)


def test_one_temperature_is_a_range_within_a_twentieth_of_its_middle():
    """Its ends are 1.05 from the middle, so 1.05² from one another, UNEXPLAINED on both sides included."""
    limit = 1.05**2 / ((1 + UNEXPLAINED) / (1 - UNEXPLAINED))
    for share, one in ((0.999, True), (1.001, False)):
        found = inverse_temperature(0.02, 4, gradient_variance=(2.0, 2.0 * limit * share), curvature=0.0)
        assert found.one_temperature == one
    assert UNEXPLAINED <= 0.02


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_the_largest_learning_rate_is_that_of_the_heavy_ball(momentum):
    limit = 2 * (1 + momentum) / 7.0
    inverse_temperature(0.999 * limit, 4, momentum, gradient_variance=1.0, curvature=(0.0, 7.0))
    with pytest.raises(ValueError, match="beyond it SGD diverges"):
        inverse_temperature(1.001 * limit, 4, momentum, gradient_variance=1.0, curvature=(0.0, 7.0))
