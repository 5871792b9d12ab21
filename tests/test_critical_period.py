"""The critical-period experiment: its numbers against independent routes, its words against the numbers, its files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys import critical_period
from slt_toys.arm_experiment import carry_out, exact_ends, shares
from slt_toys.arm_runs import exact_stuck_in_arm
from slt_toys.arms import ARMS, CONTROL, find_arm
from slt_toys.catalogue import barrier_spectrum
from slt_toys.critical_period import MIDDLE, CriticalPeriod, main
from slt_toys.critical_period_report import record_of
from slt_toys.critical_period_tables import readme_tables, shift_table
from slt_toys.critical_period_words import in_words
from slt_toys.potentials import PotentialPair
from slt_toys.progress import command_line
from slt_toys.records import read_dataset
from slt_toys.switch_protocol import Ending, exact_stuck_probability
from slt_toys.training import ExponentialDecay, Training
from slt_toys.worlds import World, flow_time_left, pathways

ROOT = Path(__file__).resolve().parent.parent
SWITCHES = (0, 15, 30, 45, 60, 75)
SMALL = {"switch_epochs": SWITCHES, "runs": 200, "world_runs": 60, "shift_runs": 400}
TINY = {
    "switch_epochs": (0, 4, 8, 12, 16, 20), "epochs_after": 20, "decay": 0.9, "learning_rate": 0.1,
    "dataset_size": 5_000, "runs": 20, "world_runs": 20, "shift_runs": 100, "shift_length": 4,
}  # fmt: skip
QUICK = (pathways, flow_time_left)
TWO = PotentialPair("two components", barrier_spectrum(2, -1), barrier_spectrum(2), "all left")


def fresh_seed() -> int:
    return int(np.random.SeedSequence().generate_state(1)[0])


@pytest.fixture(scope="module")
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(critical_period, "WORLDS", QUICK)
        return CriticalPeriod(**SMALL, seed=fresh_seed()).run()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    readme = folder / "page.md"
    markers = ["critical_period", "critical_period_arms", "critical_period_worlds"]
    readme.write_text("".join(f"<!-- table: {name} -->\n<!-- /table: {name} -->\n" for name in markers))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(critical_period, "WORLDS", QUICK[1:])
        main(CriticalPeriod(**TINY, out=folder, write_readme=readme))
    return folder


# ---- the pair ------------------------------------------------------------------------------------------------------
def test_the_control_is_the_switch_protocol(small):
    data, found = small
    config = CriticalPeriod(**SMALL)
    known = exact_stuck_probability(found.pair, config.training(0.6), SWITCHES, Ending("further", 100))
    assert found.temperature == 0.6
    assert data["stuck_exact"].sel(arm="control").values == pytest.approx(known, abs=1e-4)


def test_sampled_shares_agree_with_exact_ones(small):
    """Within 5 standard errors for any seed; the curves of other arms are far off."""
    data, found = small
    exact, sampled = data["stuck_exact"].values, data["stuck_sampled"].values
    error = np.sqrt(np.maximum(exact * (1 - exact), 1e-3) / SMALL["runs"])
    assert np.abs(sampled - exact).max() > 0
    assert found.distances == pytest.approx((sampled - exact) / error)
    assert np.abs(found.distances).max() < 5
    assert np.abs((np.roll(sampled, 1, axis=0) - exact) / error).max() > 12
    assert (data["stuck_low"] <= data["stuck_sampled"]).all() and (data["stuck_sampled"] <= data["stuck_high"]).all()


def test_temperature_survives_and_the_confounding_arms_cannot_tell(small):
    data, found = small
    assert data.attrs["verdict"] == found.experiment.verdict.outcome == "temperature"
    assert data.attrs["verdict_confounding"] == "cannot tell"
    left = data["p_value_confounding"].sel(hypothesis=["temperature", "flow time left"])
    assert (left >= 0.01).all()
    refuted = data["p_value"].sel(hypothesis=["flow time left", "flow time spent", "loss threshold"])
    assert (refuted < 1e-6).all()
    confounding = {str(arm) for arm in data["arm"].values[data["confounding"].values]}
    assert {"control", "halve the batch", "linear scaling"} <= confounding
    assert not {"added gradient noise", "flow-time matched", "reshuffled"} & confounding


def test_worlds_are_judged_rightly(small):
    data, found = small
    assert [str(name) for name in data["world"].values] == ["pathways", "bottleneck"]
    assert [str(name) for name in data["world_verdict"].values] == ["flow time spent", "flow time left"]
    assert all(each.right for each in found.worlds)
    assert data["world_verdict_confounding"].values[1] == "cannot tell"


def test_shifts_sampled_agree_with_exact_ones(small):
    data, _ = small
    for name in ("pair", "three"):
        exact, sampled = (data[f"{name}_{kind}"].values for kind in ("exact", "sampled"))
        error = np.sqrt(np.maximum(exact * (1 - exact), 1e-3) / SMALL["shift_runs"])
        assert exact.sum(axis=1) == pytest.approx(1, abs=1e-9)
        assert np.abs((sampled - exact) / error).max() < 5
        assert np.abs((np.roll(sampled, 1, axis=1) - exact) / error).max() > 12


def test_a_sudden_shift_is_the_control_switched_then(small):
    """Runs with shifts last longer, but by then they are frozen."""
    data, found = small
    config = CriticalPeriod(**SMALL)
    known = exact_stuck_probability(found.pair, config.training(0.6), [0, config.shift_length], Ending("further", 100))
    part = data["pair_exact"].sel(pair_phase=found.stuck_phase)
    assert part.sel(pair_shift=["none", "sudden"]).values == pytest.approx(known, abs=2e-3)
    assert abs(known[1] - known[0]) > 0.1


# ---- how far an arm moves the end -----------------------------------------------------------------------------------
def test_the_shift_of_an_end_and_its_interval():
    """A world whose shares are a known function of the flow time left: the exact ends are known."""

    def share(schedule) -> float:
        return 0.1 + 0.8 / (1 + np.exp(4 * (np.log(schedule.flow_time_left) - np.log(200.0))))

    def run(schedule, runs, seed):
        random = np.random.default_rng(seed)
        return random.random(runs) < share(schedule), np.ones(runs) + 0.01 * random.random(runs)

    training = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
    switches = tuple(range(0, 101, 5))
    world = World("made up", "flow time left", training, switches, 200, 0.5, 0.1, run)
    arms = [CONTROL, find_arm("halve the batch"), find_arm("added gradient noise")]
    found = carry_out(world, arms, runs=1000, seed=fresh_seed())
    curves = np.array([[share(arm.schedule(training, switch, 200)) for switch in switches] for arm in arms])
    ends = [end.epoch for end in exact_ends(switches, curves, 0.5)]
    control, halved, noisy = (epoch for epoch in ends if epoch is not None)
    assert halved - control == pytest.approx(np.log(2) / -np.log(0.97), abs=0.3) and noisy == control
    for shift, expected in zip(found.shifts[1:], (halved - control, 0.0), strict=True):
        assert shift.epochs is not None and shift.low is not None and shift.high is not None
        error = (shift.high - shift.low) / (2 * 1.96)
        assert abs(shift.epochs - expected) < 5 * error
        assert abs(shift.epochs - (halved - control - expected)) > 12 * error  # the other arm's
    assert found.shifts[0].epochs == found.shifts[0].low == found.shifts[0].high == 0
    assert found.verdict.outcome == "flow time left" and found.right
    assert shares(found.observations, ["control"])[0] == pytest.approx(curves[0], abs=5 * np.sqrt(0.25 / 1000))


# ---- words and tables ----------------------------------------------------------------------------------------------
def test_words_say_what_the_numbers_say(small):
    data, found = small
    record = record_of(found)
    said = "\n".join(in_words(found))
    assert record["in_words"] == in_words(found)
    end = float(data["end_exact"].sel(arm="control"))
    assert f"ends at epoch {end:.1f} exactly; from all 11 arms the verdict is: temperature (" in said
    assert "one cannot tell temperature from flow time left (" in said
    assert "2 of 2 simulated worlds are judged rightly" in said and "wrongly" not in said
    assert f"the largest of {len(ARMS) * len(SWITCHES)} by {np.abs(found.distances).max():.1f}." in said
    windows = data["pair_exact"].sel(pair_phase=found.stuck_phase)
    windows = windows.isel(pair_shift=[str(name).startswith("window") for name in windows["pair_shift"].values])
    onset = str(windows["pair_shift"].values[int(windows.values.argmax())]).rsplit(" ", 1)[1]
    assert f"Of windows of 20 epochs the one from epoch {onset} leaves most stuck, {float(windows.max()):.2f};" in said
    between = float(data["three_exact"].sel(three_phase="middle").max())
    assert f"up to {between:.2f} of the runs end at the way station" in said


def test_predictions_are_those_of_the_table(small):
    data, found = small
    record = record_of(found)
    for name in found.hypotheses:
        states = data["end_predicted_state"].sel(hypothesis=name).values[1:]
        right = int((states == data["end_exact_state"].values[1:]).sum())
        misses = data["end_predicted"].sel(hypothesis=name) - data["end_exact"]
        told = record["predictions"][name]
        assert (told["arms"], told["on_the_right_side"]) == (10, right)
        assert told["largest_miss_in_epochs"] == pytest.approx(float(np.abs(misses[1:]).max()))
    assert record["predictions"]["temperature"]["largest_miss_in_epochs"] < 10
    assert record["predictions"]["flow time left"]["largest_miss_in_epochs"] > 25  # added noise: ln 4/|ln .97| = 45.5


def test_tables_have_a_row_for_each_arm_world_and_shift(small):
    _, found = small
    tables = readme_tables(record_of(found))
    counts = {name: table.count("\n") + 1 for name, table in tables.items()}
    assert counts["critical_period_arms"] == 2 + len(ARMS) + 2
    assert counts["critical_period_worlds"] == 2 + len(QUICK)
    assert len(shift_table(record_of(found))[1]) == found.shifts.sizes["shift"]
    assert counts["critical_period"] == len(in_words(found))


# ---- files ---------------------------------------------------------------------------------------------------------
def test_writes_figure_data_record_and_readme(results):
    expected = {f"critical_period.{ending}" for ending in ("png", "svg", "nc", "json")}
    assert {path.name for path in results.iterdir()} == expected | {"page.md"}
    record = json.loads((results / "critical_period.json").read_text())
    assert {"pair", "verdict", "confounding_arms", "arms", "worlds", "shifts", "in_words", "manifest"} <= set(record)
    assert set(record["arms"]) == {arm.name for arm in ARMS}
    page = (results / "page.md").read_text()
    for table in readme_tables(record).values():
        assert table in page


def test_the_same_seed_gives_the_same_data(results, monkeypatch):
    monkeypatch.setattr(critical_period, "WORLDS", QUICK[1:])
    dataset, _ = CriticalPeriod(**TINY).run()
    saved = read_dataset(results / "critical_period.nc")
    xr.testing.assert_identical(dataset.drop_attrs(), saved.drop_attrs())


def test_the_figure_redraws_from_the_data(results):
    from figures.critical_period import draw

    data = read_dataset(results / "critical_period.nc")
    figure = draw(data)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert {title[:1] for title in titles if title} >= {"b", "c", "d"}
    centred = {axes.get_title(loc="center").removesuffix(" *") for axes in figure.axes}
    assert {arm.name for arm in ARMS} <= centred
    legends = [legend for axes in figure.axes if (legend := axes.get_legend()) is not None]
    drawn = {text.get_text() for legend in legends for text in legend.get_texts()}
    assert {f"{name}: predicted" for name in data["hypothesis"].values} <= drawn
    assert {"happened: exact", "happened: sampled", "left", "middle", "right"} <= drawn


@pytest.mark.slow
def test_a_separable_pair_is_run_reported_and_drawn(monkeypatch):
    from figures.critical_period import draw

    monkeypatch.setattr(critical_period, "WORLDS", QUICK[1:])
    monkeypatch.setattr(CriticalPeriod, "potentials", lambda self: TWO)
    data, found = CriticalPeriod(**TINY, temperature=1.0).run()
    assert found.stuck_phase == "left" and set(data["pair_phase"].values) == {"left", "right"}
    assert record_of(found)["pair"]["stuck_phase"] == "left"
    assert draw(data).axes


@pytest.mark.slow
def test_the_committed_record_can_be_made_again():
    """Another processor may round otherwise, so samples are held by their verdicts and exact ends by number."""
    record = json.loads((ROOT / "figures" / "critical_period.json").read_text())
    again = record_of(CriticalPeriod().run()[1])
    for arm, told in record["arms"].items():
        assert again["arms"][arm]["exact"]["state"] == told["exact"]["state"]
        assert again["arms"][arm]["exact"]["epoch"] == pytest.approx(told["exact"]["epoch"], abs=0.05)
    for kind in ("verdict", "verdict_from_confounding_arms"):
        assert again[kind]["outcome"] == record[kind]["outcome"]
    assert {name: told["verdict"]["outcome"] for name, told in again["worlds"].items()} == {
        name: told["verdict"]["outcome"] for name, told in record["worlds"].items()
    }


def test_the_committed_figure_is_of_the_default_settings():
    record = json.loads((ROOT / "figures" / "critical_period.json").read_text())
    config = asdict(CriticalPeriod())
    for name in set(config) - {"out", "write_readme"}:
        value = list(config[name]) if isinstance(config[name], tuple) else config[name]
        assert record["manifest"]["config"][name] == value
    digest = hashlib.sha256((ROOT / "figures" / "critical_period.png").read_bytes()).hexdigest()
    assert record["manifest"]["files"]["critical_period.png"] == digest
    ends = {arm: told["exact"]["epoch"] for arm, told in record["arms"].items()}
    shift = np.log(2) / -np.log(0.97)  # [eq:epochs-per-halving]
    for arm, expected in (("halve the batch", shift), ("momentum", shift), ("linear scaling", 0.0)):
        assert ends[arm] - ends["control"] == pytest.approx(expected, abs=0.3)
    assert record["exact_against_sampled"]["largest_distance_in_standard_errors"] < 5


# ---- options -------------------------------------------------------------------------------------------------------
def test_pairs_of_ones_own():
    clean = "(w**2-1)**2 - 0.2*w"
    mirrored = CriticalPeriod(clean=clean).potentials()
    assert mirrored.stuck_phase == "left"
    given = CriticalPeriod(clean=clean, deficit="(w**2-1)**2 + 0.3*w").potentials()
    assert given.stuck_phase == "left"
    assert given.deficit.minimum_loss("left") < given.deficit.minimum_loss("right")
    assert CriticalPeriod(pair="curve_against_point").potentials().clean.dimension == 2


def test_a_temperature_is_found_at_which_the_control_ends_among_the_switch_epochs():
    config = CriticalPeriod(clean="6*((w**2-1)**2 - 0.15*w)", switch_epochs=tuple(range(0, 101, 20)))
    pair = config.potentials()
    found = config._temperature(pair)
    low, high = (round(share * config.switch_epochs[-1]) for share in MIDDLE)

    def control(temperature: float) -> list[float]:
        runs = [CONTROL.schedule(config.training(temperature), switch, config.epochs_after) for switch in (low, high)]
        return exact_stuck_in_arm(pair, runs).tolist()

    before, after = control(found)
    assert before < config.level < after
    cold = control(critical_period.USUAL_TEMPERATURE)
    assert not cold[0] < config.level < cold[1]  # where 0.6 would do, nothing is searched


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
        (["--slowest-rate", "nan"], "--slowest-rate must be positive"),
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
    status = command_line(CriticalPeriod, main, [*arguments, "--out", str(tmp_path)])
    captured = capfd.readouterr().err
    assert status == 2
    assert captured.count("\n") == 1, captured
    assert re.search(message, captured), captured
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, capfd, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(CriticalPeriod, "run", lambda self: pytest.fail("work began"))
    assert command_line(CriticalPeriod, main, ["--out", str(blocked)]) == 2
    assert capfd.readouterr().err.count("\n") == 1
