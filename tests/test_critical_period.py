"""The critical-period experiment: its numbers against independent routes, and its files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slt_toys.critical_period import CriticalPeriod
from slt_toys.potentials.catalogue import barrier_spectrum
from slt_toys.potentials.potential import PotentialPair
from slt_toys.protocol.arms import ARMS, CONTROL, find_arm
from slt_toys.protocol.exact import exact_stuck_probability
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, Training
from slt_toys.reports.critical_period import tables
from slt_toys.results.recipe import carry_out as write_files
from slt_toys.results.records import read_dataset
from slt_toys.worlds import pair_runs
from slt_toys.worlds.experiment import carry_out, exact_ends, shares
from slt_toys.worlds.world import World, flow_time_left, pathways
from tests.seeds import fresh_seed
from theory.laws.reshuffling import temperature_factor

ROOT = Path(__file__).resolve().parent.parent
SWITCHES = (0, 15, 30, 45, 60, 75)
SMALL: dict = {
    "switch_epochs": SWITCHES,
    "runs": 200,
    "end_runs": 400,
    "world_runs": 60,
    "power_seeds": 1,
    "shift_runs": 400,
}
PORTIONS = (0.05, 0.1, 0.2, 0.4)  # finer than the default's
COPIES = {"linear scaling": "control", "momentum": "halve the batch", "Nesterov momentum": "control",
          "weight averaging": "control"}  # fmt: skip
# Added noise and noisy labels have one kernel; the wells have one coordinate.
UNLIKE = [arm.name for arm in ARMS if arm.name not in (*COPIES, "label noise", "anisotropic noise")]
LAWFUL = [arm.name for arm in ARMS if arm.name in UNLIKE and arm.within_the_law]
TINY: dict = {
    "switch_epochs": (0, 4, 8, 12, 16, 20), "epochs_after": 20, "decay": 0.9, "learning_rate": 0.1,
    "dataset_size": 5_000, "runs": 20, "end_runs": 20, "world_runs": 20, "power_seeds": 0, "shift_runs": 100,
    "shift_length": 4,
}  # fmt: skip
QUICK = (pathways, flow_time_left)
TWO = PotentialPair("two components", barrier_spectrum(2, -1), barrier_spectrum(2), "all left")
FIGURES = ("critical_period", "critical_period_worlds", "critical_period_shifts", "critical_period_windows")


@pytest.fixture(scope="module")
def small() -> xr.Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_runs, "WORLDS", QUICK)
        patch.setattr(pair_runs, "PORTIONS", PORTIONS)
        return CriticalPeriod(**SMALL, seed=fresh_seed()).run()


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_runs, "WORLDS", QUICK[1:])
        write_files(CriticalPeriod(**TINY, out=folder))
    return folder


# ---- the pair ------------------------------------------------------------------------------------------------------
def test_the_control_is_the_switch_protocol(small):
    config = CriticalPeriod(**SMALL)
    known = exact_stuck_probability(config.potentials(), config.training(0.6), SWITCHES, Ending("further", 100))
    assert small.attrs["temperature"] == 0.6
    exact = small["stuck_exact"].sel(arm="control").values
    assert exact == pytest.approx(known, abs=0.01), "steps of the size there are, and none"
    assert np.abs(exact - known).max() > 1e-5


def test_sampled_shares_agree_with_exact_ones(small):
    """Within 5 standard errors for any seed; the curves of other arms are far off."""
    solved = np.isfinite(small["stuck_exact"].values).all(axis=1)
    assert [str(arm) for arm in small["arm"].values[~solved]] == ["fixed order"]
    assert np.isnan(small["end_exact_epoch"].values[~solved]).all()
    exact, sampled = small["stuck_exact"].values[solved], small["stuck_sampled"].values[solved]
    error = np.sqrt(np.maximum(exact * (1 - exact), 1e-3) / SMALL["runs"])
    # Sampled and not copied: squared distances have mean 1 and variance 2, up to their being binomial.
    between = (exact > 0.05) & (exact < 0.95)
    distances = (sampled - exact) / error
    squares = (distances**2)[between]
    assert between.sum() >= 8
    assert abs(squares.mean() - 1) < 5 * np.sqrt(2.2 / between.sum())
    assert small["stuck_distance"].values[solved] == pytest.approx(distances)
    assert float(small["distance_root_mean_square"]) == pytest.approx(np.sqrt((distances**2).mean()))
    assert float(small["distance_largest"]) == pytest.approx(np.abs(distances).max()) and np.abs(distances).max() < 5
    assert np.abs((np.roll(sampled, 1, axis=0) - exact) / error).max() > 12
    assert (small["stuck_low"] <= small["stuck_sampled"]).all() and (
        small["stuck_sampled"] <= small["stuck_high"]
    ).all()


def test_temperature_is_nearest_and_the_confounding_arms_cannot_tell(small):
    law = small.sel(judged="the law's arms")
    assert str(law["verdict_outcome"].values) in ("temperature", "none")
    assert int(np.argmin(law["deviance"].values)) == 0 and str(small["hypothesis"].values[0]) == "temperature"
    assert float(law["p_value"].sel(hypothesis="temperature")) > 1e-6
    assert int(law["degrees_of_freedom"][0]) == len(LAWFUL) * len(SWITCHES) - 4
    assert int(law["arms_judged"]) == len(LAWFUL)
    alone = small.sel(judged="confounding arms")
    assert (alone["p_value"].sel(hypothesis=["temperature", "flow time left"]) >= 1e-5).all()
    assert (law["p_value"].sel(hypothesis=["flow time left", "flow time spent", "loss threshold"]) < 1e-6).all()
    confounding = {str(arm) for arm in small["arm"].values[small["confounding"].values]}
    assert confounding == {"control", "halve the batch", "reset at the switch", "halve the learning rate"}


def test_arms_are_the_unlike_ones_and_copies_are_repeats(small):
    assert [str(arm) for arm in small["arm"].values] == UNLIKE
    assert small.attrs["copies"] == "; ".join(f"{copy} is {original}" for copy, original in COPIES.items())
    freedom = int(small["repeats_degrees_of_freedom"])
    assert freedom == len(COPIES) * len(SWITCHES) + 2  # and at 0 reset is control, and cyclic is warm restarts
    assert abs(float(small["repeats_ratio"]) - 1) < 5 * np.sqrt(2 / freedom)


def test_the_reshuffled_arm_is_run_and_predicted_without_its_temperature(small):
    """Every hypothesis of time predicts of it what it does of the control."""
    reshuffled = small.sel(arm="reshuffled")
    assert bool(reshuffled["beyond"]) and np.isfinite(float(reshuffled["end_sampled_epoch"]))
    of_time = ["temperature", "flow time left", "flow time spent"]
    predicted = small["end_predicted_epoch"].sel(hypothesis=of_time).values
    assert np.array_equal(predicted[UNLIKE.index("reshuffled")], predicted[0], equal_nan=True)
    everything = small.sel(judged="all arms")
    assert int(everything["degrees_of_freedom"][0]) == len(UNLIKE) * len(SWITCHES) - 4
    assert float(everything["deviance"].min()) > float(small.sel(judged="the law's arms")["deviance"].min())
    assert float(reshuffled["end_exact_epoch"]) < float(small["end_exact_epoch"][0]) - 2


def test_arms_end_three_ways(small):
    """Kernel, SGD and the limit; redundant arms say of which, refused ones why."""
    part = small.set_index(solved_arm="solved_arm")
    assert [str(name) for name in part["solved_arm"].values] == [arm.name for arm in ARMS]
    off = np.abs(part["solved_kernel_epoch"] - part["solved_sampled_epoch"])
    assert float(off.max()) < 5 * 0.6 and int(np.isfinite(off).sum()) >= 12
    assert float(part["solved_distance"].max()) < 5
    ends = {name: float(part["solved_kernel_epoch"].sel(solved_arm=name)) for name in ("control", "reshuffled")}
    assert ends["control"] == pytest.approx(35.6, abs=0.2) and ends["reshuffled"] == pytest.approx(31.8, abs=0.3)
    limit = float(part["solved_langevin_epoch"].sel(solved_arm="reshuffled"))
    assert limit == float(part["solved_langevin_epoch"].sel(solved_arm="control"))
    redundant = {str(name): str(other) for name, other in zip(
        part["solved_arm"].values, part["solved_redundant_with"].values, strict=True) if other}  # fmt: skip
    assert redundant == {**COPIES, "label noise": "added gradient noise"}
    table = next(table for table in tables(small) if table.name == "arms_three_ways")
    assert len(table.rows) == len(ARMS)
    remarks = {row[0]: row[-1] for row in table.rows}
    assert remarks["momentum"].startswith("as halve the batch") and "fixed order" in remarks["fixed order"]
    where = "on regular_double_well in a leaning valley, 16 times fewer examples and more runs"
    assert remarks["anisotropic noise"] == f"{where}: the control ends there at 17.9"


def test_worlds_are_judged_rightly_or_not_at_all(small):
    assert [str(name) for name in small["world"].values] == ["pathways", "bottleneck"]
    for number, truth in enumerate(("flow time spent", "flow time left")):
        law = small.isel(world=number).sel(judged="the law's arms")
        nearest = str(small["hypothesis"].values[int(np.argmin(law["world_deviance"].values))])
        assert str(law["world_truth"].values) == truth == nearest and str(law["world_verdict_outcome"].values) in (
            truth,
            "none",
        )
        everything = small.isel(world=number).sel(judged="all arms")
        assert int(everything["world_arms_judged"]) > int(law["world_arms_judged"]) >= 8
    alone = small.isel(world=0).sel(judged="confounding arms")
    # at half the learning rate the time left is short as well, so that no hypothesis is exact: the truth is nearest
    nearest = small["hypothesis"].values[int(np.argmin(alone["world_deviance"].values))]
    assert str(nearest) == "flow time spent"
    spent = alone["world_p_value"].sel(hypothesis="flow time spent")
    assert float(spent) >= float(alone["world_p_value"].max())


def test_the_power_is_of_mixtures_of_the_exact_shares(small):
    names = [str(name) for name in small["power_world"].values]
    assert names[0] == "temperature alone" and len(names) == 1 + 3 * len(PORTIONS) + 1
    assert "80 % temperature, 20 % flow time spent" in names and "energies times 1.25" in names[-1]
    assert (small["power_verdicts"].sum("outcome") == 1).all()
    far = small.isel(mixture=[number for number, name in enumerate(names) if "40 %" in name])
    assert far.sizes["mixture"] == 3
    assert (far["power_refuted"] == 1).all() and (far["power_largest_p_value"] < 1e-4).all()
    assert float(small["power_largest_p_value"][0]) > 1e-4


def test_the_steepness_of_wells_and_the_factor_of_reshuffling(small):
    """By hand: curvature 12 w² - 4 of (w²-1)² at its minima, about 8; the range of one temperature from its law."""
    w = np.sort(np.roots([4, 0, -4, -0.15]).real)[[0, 2]]
    curvatures = 12 * w**2 - 4
    end = float(small["end_exact_epoch"][0])
    assert small["well_curvature"].values == pytest.approx(np.sort(curvatures), rel=1e-6)
    assert float(small["steepness_first"]) == pytest.approx(0.05 * curvatures.max(), rel=1e-6)
    assert float(small["steepness_at_end"]) == pytest.approx(0.05 * 0.97**end * curvatures.max(), rel=1e-6)
    assert 1 / (1 - float(small["steepness_of_one_temperature"]) / 2) == pytest.approx(1.05)
    low, high = small["reshuffling_factor"].values
    assert high == pytest.approx(temperature_factor(0.05 * curvatures.max(), 0.0, 391), rel=1e-9)
    assert low == pytest.approx(temperature_factor(0.05 * 0.97**end * curvatures.min(), 0.0, 391), rel=1e-9)


def test_shifts_sampled_agree_with_exact_ones(small):
    for name in ("pair", "three"):
        exact, sampled = (small[f"{name}_{kind}"].values for kind in ("exact", "sampled"))
        error = np.sqrt(np.maximum(exact * (1 - exact), 1e-3) / SMALL["shift_runs"])
        assert exact.sum(axis=1) == pytest.approx(1, abs=1e-9)
        assert np.abs((sampled - exact) / error).max() < 5
        assert np.abs((np.roll(sampled, 1, axis=1) - exact) / error).max() > 12


def test_a_sudden_shift_is_the_control_switched_then(small):
    """Runs with shifts last longer, but by then they are frozen."""
    config = CriticalPeriod(**SMALL)
    switches = [0, config.shift_length]
    known = exact_stuck_probability(config.potentials(), config.training(0.6), switches, Ending("further", 100))
    part = small["pair_exact"].sel(pair_phase=small.attrs["stuck_phase"])
    assert part.sel(pair_shift=["none", "sudden"]).values == pytest.approx(known, abs=2e-3)
    assert abs(known[1] - known[0]) > 0.1


def test_predictions_are_counted_from_the_ends(small):
    happened = small["end_exact_epoch"].fillna(small["end_sampled_epoch"])
    solved = small["end_exact_state"].values != ""
    states = np.where(solved, small["end_exact_state"].values, small["end_sampled_state"].values)
    for name in small["hypothesis"].values:
        part = small.sel(hypothesis=name)
        right = int((part["end_predicted_state"].values[1:] == states[1:]).sum())
        misses = np.abs(part["end_predicted_epoch"] - happened)[1:]
        assert (int(part["unseen_arms"]), int(part["right_side"])) == (len(UNLIKE) - 1, right)
        assert int(part["ends_compared"]) == int(np.isfinite(misses).sum())
        assert float(part["largest_miss"]) == pytest.approx(float(misses.max()))
    lawful = small.isel(arm=np.flatnonzero(~small["beyond"].values))
    misses = np.abs(lawful["end_predicted_epoch"] - lawful["end_exact_epoch"]).max("arm")
    # added noise: the temperature of half the batch, at the control's flow time
    assert float(misses.sel(hypothesis="temperature")) < 10 < 15 < float(misses.sel(hypothesis="flow time left"))


# ---- how far an arm moves the end -----------------------------------------------------------------------------------
def test_the_shift_of_an_end_and_its_interval():
    """A world whose shares are a known function of the flow time left: the exact ends are known."""

    def share(schedule) -> float:
        return 0.1 + 0.8 / (1 + np.exp(4 * (np.log(schedule.flow_time_left) - np.log(200.0))))

    def run(settings, runs, seed):
        random = np.random.default_rng(seed)
        stuck = random.random(runs) < share(settings.schedule(3072.0))
        return stuck, np.ones(runs) + 0.01 * random.random(runs)

    training = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
    switches = tuple(range(0, 101, 5))
    world = World("made up", "flow time left", training, switches, 200, 0.5, run, lambda *_: 3072.0, lambda _: "")
    arms = [CONTROL, find_arm("halve the batch"), find_arm("added gradient noise")]
    experiment = carry_out(world, arms, runs=1000, seed=fresh_seed())
    curves = np.array([[share(arm.schedule(training, switch, 200)) for switch in switches] for arm in arms])
    ends = [end.epoch for end in exact_ends(switches, curves, 0.5)]
    control, halved, noisy = (epoch for epoch in ends if epoch is not None)
    assert halved - control == pytest.approx(np.log(2) / -np.log(0.97), abs=0.3) and noisy == control
    for shift, expected in zip(experiment.shifts[1:], (halved - control, 0.0), strict=True):
        assert shift.epochs is not None and shift.low is not None and shift.high is not None
        error = (shift.high - shift.low) / (2 * 1.96)
        assert abs(shift.epochs - expected) < 5 * error
        assert abs(shift.epochs - (halved - control - expected)) > 12 * error  # the other arm's
    assert experiment.shifts[0].epochs == experiment.shifts[0].low == experiment.shifts[0].high == 0
    assert experiment.verdict.nearest.hypothesis.name == "flow time left" and experiment.verdict.nearest.p_value > 1e-6
    assert experiment.right == (experiment.verdict.outcome == "flow time left")
    assert shares(experiment.observations, ["control"])[0] == pytest.approx(curves[0], abs=5 * np.sqrt(0.25 / 1000))


# ---- files ---------------------------------------------------------------------------------------------------------
def test_writes_figures_data_record_and_page(results):
    pictures = {f"{stem}.{ending}" for stem in FIGURES for ending in ("png", "svg")}
    expected = {f"critical_period.{ending}" for ending in ("nc", "json", "md")}
    assert {path.name for path in results.iterdir()} == expected | pictures
    record = json.loads((results / "critical_period.json").read_text())
    numbers = record["numbers"]
    # where steps are unstable their limit is run, which knows neither order nor noise that follows the loss
    assert {"reshuffled", "fixed order", "loss-dependent noise"}.isdisjoint(numbers["arm"]["values"])
    assert "solved_kernel_epoch" not in numbers and "power_refuted" not in numbers
    # over so few epochs no cycle comes to its end
    assert "cyclic rate is control" in numbers["attributes"]["copies"]
    verdicts = dict(zip(numbers["judged"]["values"], numbers["verdict_outcome"]["values"], strict=True))
    assert verdicts["all arms"] == ""


def test_the_same_seed_gives_the_same_data(results, monkeypatch):
    monkeypatch.setattr(pair_runs, "WORLDS", QUICK[1:])
    saved = read_dataset(results / "critical_period.nc")
    xr.testing.assert_identical(CriticalPeriod(**TINY).run().drop_attrs(), saved.drop_attrs())


def test_the_figures_redraw_from_the_data(results):
    from figures.critical_period import draw

    data = read_dataset(results / "critical_period.nc")
    drawn = draw(data)
    assert tuple(drawn) == FIGURES
    text = {}
    for stem, figure in drawn.items():
        legends = [legend for axes in figure.axes if (legend := axes.get_legend()) is not None]
        text[stem] = {label.get_text() for legend in legends for label in legend.get_texts()}
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        titles += [legend.get_title().get_text() for legend in legends]
        panels = sorted(title[0] for title in titles if title)
        assert len(panels) == len(set(panels)) <= 6 and panels[0] == "a"
    arms = {label.removesuffix(" *").removesuffix(" +") for label in text["critical_period"]}
    assert {str(arm) for arm in data["arm"].values} <= arms
    assert {f"{name}: predicted" for name in data["hypothesis"].values} <= arms
    assert {"happened: exact", "happened: sampled"} <= arms
    assert {"not shown: linear scaling is control", "not shown: momentum is halve the batch"} <= arms
    assert {"left", "middle", "right"} <= text["critical_period_shifts"]


@pytest.mark.slow
def test_a_separable_pair_is_run_reported_and_drawn(monkeypatch):
    from figures.critical_period import draw

    monkeypatch.setattr(pair_runs, "WORLDS", QUICK[1:])
    monkeypatch.setattr(CriticalPeriod, "potentials", lambda self: TWO)
    data = CriticalPeriod(**TINY, temperature=1.0).run()
    assert data.attrs["stuck_phase"] == "left" and set(data["pair_phase"].values) == {"left", "right"}
    assert tables(data) and draw(data)


@pytest.mark.slow
def test_the_committed_record_can_be_made_again():
    """Another processor may round otherwise, so samples are held by their verdicts and exact ends by number."""
    numbers = json.loads((ROOT / "figures" / "critical_period.json").read_text())["numbers"]
    again = CriticalPeriod().run()
    assert again["end_exact_state"].values.tolist() == numbers["end_exact_state"]["values"]
    known = np.array(numbers["end_exact_epoch"]["values"], dtype=float)
    assert again["end_exact_epoch"].values == pytest.approx(known, abs=0.05, nan_ok=True)
    for name in ("verdict_outcome", "world_verdict_outcome"):
        assert again[name].values.tolist() == numbers[name]["values"]


def test_the_committed_record_is_what_other_code_found():
    record = json.loads((ROOT / "figures" / "critical_period.json").read_text())
    numbers = {name: cells["values"] for name, cells in record["numbers"].items() if name != "attributes"}
    exact, sampled = (
        dict(zip(numbers["arm"], numbers[f"end_{kind}_epoch"], strict=True)) for kind in ("exact", "sampled")
    )
    assert [arm for arm, state in zip(numbers["arm"], numbers["end_exact_state"], strict=True) if not state] == [
        "fixed order"
    ]
    assert exact["reshuffled"] == pytest.approx(31.4, abs=0.6)  # an audit's own code
    assert exact["halve the batch"] - exact["control"] == pytest.approx(np.log(2) / -np.log(0.97), abs=0.3)
    assert sampled["reshuffled"] == pytest.approx(31.4, abs=2.5)  # an audit's own code
    assert numbers["degrees_of_freedom"][0][0] == 11 * 21 - 4
    assert 100 < numbers["deviance"][0][0] < 300  # of binomial counts, nothing allowed for
    assert numbers["distance_largest"] < 5
