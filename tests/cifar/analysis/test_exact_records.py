"""Plans, results files, exports and the figure's dataset, each held against a hand-made sweep."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cifar.__main__ import main
from cifar.analysis.analysis import analyse
from cifar.analysis.curves import rows
from cifar.analysis.dataset import sweep_dataset
from cifar.analysis.export import export
from cifar.analysis.report import COMMAND, Summary, base_run, summarise, sweep_outcome
from cifar.data.augmentation import augment
from cifar.data.deficits import apply_deficit, blur, blur_antialiased
from cifar.replicate import Replicate, plan_text
from cifar.study.presets import ACHILLE, BAKER, LAPTOP, Control, Study
from cifar.study.stages import EpochRecord, Recipe
from cifar.sweep.plan import image_cost, plan, trained_images
from cifar.sweep.store import Store, claim
from cifar.sweep.sweep import next_unit
from cifar.training.networks import make_network, multiply_adds
from slt_toys.fits.published import published_findings
from slt_toys.results.claims import page as page_text
from slt_toys.results.recipe import dataset_of

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def small(**changes) -> Study:
    recipe = Recipe("logistic_regression")
    study = replace(
        LAPTOP, recipe=recipe, batch_sizes=(40, 20), switch_epochs=(0, 2, 3), further_epochs=4, seeds=1, controls=()
    )
    return replace(study, **changes)


# ---- plans ----


def test_what_a_preset_costs_is_what_the_manual_says():
    text = (ROOT / "docs" / "cifar.md").read_text(encoding="utf-8")
    arms: dict[str, Any] = {"arms": ("linear_scaling", "flow_time_matched", "added_noise")}
    arms["arm_switch_epochs"] = (40, 80, 120)
    more = Replicate(preset="achille", seeds=1, batch_sizes=(128,), precision="float32", **arms).study()
    one = replace(ACHILLE, seeds=1)
    already = {unit.key for unit in plan(one.runs("x"))}
    for words, study, known in (
        ("`achille`, one seed", one, set()),
        ("`achille`, three seeds", ACHILLE, set()),
        ("`baker`, one seed", BAKER, set()),
        ("three more arms", more, already),
    ):
        cells = next(line for line in text.split("\n") if line.startswith(f"| {words}")).split(" | ")
        units = [unit for unit in plan(study.runs("x")) if unit.key not in known]
        runs = [run for run in study.runs("x") if run.key not in known]
        assert int(cells[1]) == len(runs) and int(cells[2].replace(" ", "")) == sum(unit.epochs for unit in units)
        operations = sum(trained_images(unit, 50_000) * _cost(study.recipe.network) for unit in units)
        factor, power = re.match(r"([\d.]+) · 10(.*?) \|", cells[3]).groups()  # type: ignore[union-attr]
        exponent = int(power.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")))
        assert float(factor) * 10.0**exponent == pytest.approx(operations, rel=0.51 / (10 * float(factor)))


def _cost(network: str) -> int:
    return {"all_cnn": 6 * 344_875_008, "resnet18_imagenet": 6 * 37_523_456}[network]


def test_the_cost_of_a_network_is_that_of_the_literature():
    by_hand = 1024 * 9 * (3 * 96 + 96 * 96) + 256 * 9 * (96 * 192 + 2 * 192 * 192)
    by_hand += 64 * (9 * 2 * 192 * 192 + 192 * 192 + 192 * 10)
    assert multiply_adds(make_network("all_cnn")) == by_hand
    small_stem = make_network("resnet18")
    assert multiply_adds(small_stem) == 555_422_720 and sum(p.numel() for p in small_stem.parameters()) == 11_173_962
    assert multiply_adds(make_network("resnet18_imagenet"), 224) == 1_814_073_344
    assert multiply_adds(make_network("fully_connected", width=16, depth=2)) == 3072 * 16 + 16 * 8 + 8 * 10
    assert small_stem.training, "counting leaves a network in the mode that it was in"
    for name in ("all_cnn", "resnet18_imagenet"):
        assert _cost(name) == 6 * multiply_adds(make_network(name))
    (unit,) = plan(small(batch_sizes=(40,), switch_epochs=(0,)).runs("x"))
    assert image_cost(unit, classes=10, size=32) == 6 * 3072 * 10


def test_a_plan_text_counts_what_is_done():
    said = plan_text(small(train_images=1000), rate=1e9)
    # two trunks of 3 epochs and six branches of 4; a multiplication and an addition, forward and twice backward
    assert "runs: 6 (6 base)" in said and "units: 10, epochs: 30, images trained on: 0.0 million" in said
    operations = 30 * 1000 * 6 * 30720
    assert f"{operations:.2e} floating-point operations" in said and "float32, 1000 training images" in said
    assert f"estimated time: {operations / 0.35e9 / 3600:.1f} hours" in plan_text(small(train_images=1000), rate=1e9)
    half = plan_text(small(train_images=1000), rate=1e3)
    assert f"estimated time: {operations / 350 / 3600:.1f} hours" in half


def test_images_are_counted_by_the_share_that_is_trained_on():
    runs = small(batch_sizes=(40,), switch_epochs=(2,), controls=(Control("warm_start", "blur", (40,), (2,)),)).runs(
        "x"
    )
    counted = [trained_images(unit, 100) for unit in plan(runs)]
    assert counted == [2 * 100, 4 * 100, 2 * 50, 4 * 100]


def test_seeds_batch_sizes_and_data_are_those_of_the_study():
    study = small(seeds=3, controls=(Control("reset", "blur", (20,), (2,)),))
    runs = study.runs("checksum")
    assert len(runs) == 3 * 7 and {run.recipe.data for run in runs} == {"checksum"}
    assert [run.seed for run in runs] == [0] * 7 + [1] * 7 + [2] * 7
    assert all((run.recipe.seed, run.recipe.batch_size) == (run.seed, run.batch_size) for run in runs)
    assert len({run.key for run in runs}) == len(runs)
    assert (ACHILLE.recipe.momentum, ACHILLE.stage.weight_decay, ACHILLE.further_epochs) == (0.9, 0.001, 160)
    for preset in (ACHILLE, BAKER):
        assert (preset.stage.learning_rate, preset.stage.decay, preset.stage.augment) == (0.05, 0.97, True)
    assert BAKER.recipe.deficit_after_augmentation and not ACHILLE.recipe.deficit_after_augmentation
    assert (ACHILLE.deficit, BAKER.deficit) == ("blur_antialiased", "blur")
    with pytest.raises(ValueError, match="gate: "):
        small(gate=1.5)
    with pytest.raises(ValueError, match="switch_epochs: "):
        small(grids={20: (1, 1)})
    with pytest.raises(ValueError, match="seeds: 0"):
        small(seeds=0)


# ---- a results file by hand ----


def accuracy(unit) -> float:
    """Made up, and another for every unit."""
    return int(unit.key[:6], 16) / 16**6


def make_sweep(folder: Path, study: Study, *, missing: int = 0, gate: float = 0.5, seconds: float = 2.0) -> Store:
    folder.mkdir()
    store = Store(folder, create=True)
    data = {"checksum": "x", "source": "made images", "path": None, "train_images": 640, "test_images": 50}
    store.set_facts(data=data, study={"name": "laptop", "gate": gate, "measuring": {}})
    store.add_runs(study.runs("x"))
    units = plan(store.runs())
    for unit in units[: len(units) - missing]:
        for epoch in range(unit.begin, unit.end):
            store.write_epoch(unit, EpochRecord(epoch, 0.1, 1.0, 0.5), seconds)
        passed = 0.25 if unit.stages[0].deficit == "blur" and unit.recipe.batch_size == 20 else 0.75
        measured = {"train_accuracy": (passed, 0.01), "test_accuracy": (accuracy(unit), None), "noise": (None, None)}
        store.finish(unit, measured | {"gradient_noise_trace": (unit.end * 1.0, None)}, device=f"made {unit.end % 2}")
    return store


def test_rows_are_the_runs_that_are_done_with_their_own_measurements(tmp_path):
    with make_sweep(tmp_path / "sweep", small(), missing=1) as store:
        found = rows(store)
        units = {unit.key: unit for unit in plan(store.runs())}
        assert len(found) == 5 and len(store.done()) == 9
        for one in found:
            assert one.final["test_accuracy"] == accuracy(units[one.run.key])
            assert one.passed == (one.run.switch_epoch == 0 or one.run.batch_size == 40)
            if one.run.switch_epoch:
                assert one.at_switch["gradient_noise_trace"] == one.run.switch_epoch
            else:
                assert one.at_switch == {}
            assert "noise" not in one.final
        assert store.epochs_done()[plan(store.runs())[0].key] == plan(store.runs())[0].epochs
        assert store.seconds() == 2.0 * sum(unit.epochs for unit in units.values() if unit.key in store.done())
        assert store.devices() == ("made 0", "made 1")


def test_a_gate_is_passed_by_what_equals_it(tmp_path):
    with make_sweep(tmp_path / "sweep", small(), gate=0.75) as store:
        assert {one.passed for one in rows(store) if one.run.batch_size == 40} == {True}
    with make_sweep(tmp_path / "other", small(), gate=0.76) as store:
        assert {one.passed for one in rows(store)} == {False}


def test_what_is_written_twice_is_there_once(tmp_path):
    with make_sweep(tmp_path / "sweep", small()) as store:
        before = store.runs(), store.done(), store.epochs(), store.measurements(), store.seconds()
        store.add_runs(small().runs("x"))
        unit = plan(store.runs())[0]
        store.write_epoch(unit, EpochRecord(0, 0.1, 1.0, 0.5), 2.0)
        measured = store.measurements()[unit.key]
        store.finish(unit, measured, device="made 1")
        assert (store.runs(), store.done(), store.epochs(), store.measurements(), store.seconds()) == before
        assert store.runs() == small().runs("x")
        assert store._connection.execute("SELECT seconds FROM units WHERE key = ?", (unit.key,)).fetchone() == (
            2.0 * unit.epochs,
        )
        again = EpochRecord(unit.begin, 0.2, 3.0, 0.25)
        store.write_epoch(unit, again, 7.0)  # done again after a kill: the last counts
        assert next(row for row in store.epochs() if row[:2] == (unit.key, unit.begin))[2:] == (0.2, 3.0, 0.25, 7.0)
        assert [row[1] for row in store.epochs() if row[0] == unit.key] == list(range(unit.begin, unit.end))


def test_a_unit_waits_for_its_parent_and_for_who_has_it(tmp_path):
    units = plan(small(batch_sizes=(40,)).runs("x"))
    by_parent = {unit.key: unit.parent for unit in units}
    first = next_unit(units, set(), tmp_path)
    second = next_unit(units, set(), tmp_path)
    assert first is not None and second is not None and {first[0].parent, second[0].parent} == {None}
    assert next_unit(units, set(), tmp_path) is None, "all others wait for the trunk"
    trunk = next(unit for unit in units if unit.parent is None and not unit.branch)
    third = next_unit(units, {trunk.key}, tmp_path)
    assert third is not None and by_parent[third[0].key] == trunk.key
    assert claim(tmp_path, third[0].key) is None


def test_status_says_what_is_left(tmp_path, capsys):
    make_sweep(tmp_path / "sweep", small(), missing=1, seconds=3600.0).__exit__()
    assert main(["status", "--results", str(tmp_path / "sweep")]) == 0
    said = capsys.readouterr().out
    # an hour for each epoch
    assert "5 of 6 runs, 26 of 30 epochs, 26.00 hours" in said and "about 4.00 hours" in said


def test_exported_columns_hold_what_they_are_named_after(tmp_path):
    folder = tmp_path / "sweep"
    with make_sweep(folder, small(), missing=1) as store:
        runs, done, measured, epochs = store.runs(), store.done(), store.measurements(), store.epochs()
    export(folder)
    with open(folder / "export.runs.csv", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    for row, run in zip(table, runs, strict=True):
        assert (row["key"], row["arm"], row["deficit"]) == (run.key, run.arm, run.deficit)
        numbers = [int(row[name]) for name in ("batch_size", "seed", "switch_epoch", "epochs")]
        assert numbers == [run.batch_size, run.seed, run.switch_epoch, run.epochs]
        assert row["done"] == str(run.key in done)
        if run.key in done:
            found = measured[run.key]
            assert float(row["final_train_accuracy"]) == found["train_accuracy"][0]
            assert float(row["final_test_accuracy"]) == found["test_accuracy"][0]
            assert row["passed"] == str(found["train_accuracy"][0] >= 0.5)
        else:
            assert (row["passed"], row["final_train_accuracy"], row["final_test_accuracy"]) == ("False", "", "")
    with open(folder / "export.epochs.csv", encoding="utf-8") as file:
        assert [row["unit"] for row in csv.DictReader(file)] == [row[0] for row in epochs]
    with open(folder / "export.measurements.csv", encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["name"] == "train_accuracy")
    assert (float(row["value"]), float(row["standard_error"])) == measured[row["unit"]]["train_accuracy"]


def test_the_dataset_of_the_figure_holds_the_curves_and_their_errors(tmp_path):
    study = small(
        switch_epochs=(0, 1, 2, 3, 4, 5, 6), seeds=2, controls=(Control("linear_scaling", "blur", (40,), (2,)),)
    )
    with make_sweep(tmp_path / "sweep", study, gate=0.0) as store:
        found, facts = rows(store), store.facts()
    # a control that is done before any run of the base arm must not give the sweep its schedule
    found.sort(key=lambda one: one.run.arm == "base")
    base = base_run(found, "blur")
    assert base.arm == "base" and found[0].run.arm == "linear_scaling"
    made = analyse(found, deficit="blur", decay=0.93, learning_rate=0.05, momentum=0.9, examples=640)
    toy = dataset_of(json.loads((ROOT / "figures" / "phase_diagram.json").read_text(encoding="utf-8")))
    data = sweep_dataset(found, made, published_findings(), facts, 9.55, toy)
    assert data["curve_batch_size"].values.tolist() == [20, 40] and data.sizes["run"] == len(found)
    for size in (20, 40):
        for epoch in range(7):
            cell = [one.accuracy for one in found if one.run.arm == "base"
                    and (one.run.batch_size, one.run.switch_epoch) == (size, epoch)]  # fmt: skip
            point = data.sel(curve_batch_size=size, curve_epoch=epoch)
            assert float(point["curve"]) == pytest.approx(np.mean(cell), rel=1e-12)
            assert float(point["curve_standard_error"]) == pytest.approx(made.scatter / math.sqrt(2), rel=1e-12)
    curve = data["curve"].sel(curve_batch_size=40).values
    last = curve[-4:].mean()
    assert data["curve_normalised"].sel(curve_batch_size=40).values == pytest.approx((curve - last) / (curve[0] - last))
    assert data["curve_learning_rate"].values == pytest.approx(0.05 * 0.93 ** np.arange(7))
    assert data["control_standard_error"].values == pytest.approx([made.scatter / math.sqrt(2)])
    assert data["switch_gradient_noise_trace"].values[0] == 2
    assert data["passed"].values.all() and all(one.passed for one in found)


def page_of(summary: Summary) -> str:
    return page_text(sweep_outcome(summary, {}).to_dict(), COMMAND)


@pytest.mark.parametrize("late", [False, True])
def test_a_page_says_its_convention_and_both_temperatures(tmp_path, late):
    study = small(switch_epochs=(0, 1, 2, 3, 4, 5, 6), seeds=2, through_switch=late)
    with make_sweep(tmp_path / "sweep", study, gate=0.0) as store:
        summary = summarise(store)
    page = page_of(summary)
    assert ("The deficit lasts through epoch e_s, e_s + 1 epochs" in page) == late
    assert ("The deficit lasts until epoch e_s, e_s epochs" in page) == (not late)
    assert "made 0; made 1). They are of 2 devices or versions: of one recipe, but not to the same bits." in page
    strict = summary.facts | {"study": summary.facts["study"] | {"gate": 0.95}}
    assert "final clean train accuracy is at least 95 %" in page_of(replace(summary, facts=strict))
    one_device = page_of(replace(summary, devices=("CPU",)))
    assert "(CPU).\n" in one_device and "to the same bits" not in one_device
    assert "| half depth | 9.55 |" in page and page.count("goes as B to the power") == 1
    # the trace of a state is its epoch
    ends = {epoch: float(epoch + late) for epoch in range(1 - late, 7)}
    assert summary.noise == {20: ends, 40: ends} and summary.late == late
    assert summary.theorem == pytest.approx(math.log(2) / -math.log(0.93))


# ---- the laptop study ----


def test_the_committed_study_speaks_against_the_law():
    record = json.loads((ROOT / "figures" / "cifar_replication.json").read_text(encoding="utf-8"))
    files = {"md": page_text(record, COMMAND).encode()}
    files["png"] = (ROOT / "figures" / "cifar_replication.png").read_bytes()
    for ending, content in files.items():
        assert hashlib.sha256(content).hexdigest() == record["manifest"]["files"][f"cifar_replication.{ending}"]
    verdicts = {claim["name"]: claim["verdict"] for claim in record["claims"]}
    against = ("shift-half-stuck-mass", "shift-half-depth", "batch-size-exponent")
    assert [verdicts[name] for name in against] == ["no"] * 3
    temperature = next(table for table in record["tables"] if table["name"] == "measured_temperature")
    assert temperature["rows"][0] == ["4", "yes", "0.198", "0.188", "0.206", "+0.03"]


# ---- images ----


def test_flips_and_greys_are_of_the_axes_and_weights_they_should():
    images = torch.randint(0, 256, (30, 3, 32, 32), generator=torch.Generator().manual_seed(4), dtype=torch.uint8)
    labels = torch.arange(30) % 10
    assert torch.equal(apply_deficit("vertical_flip", images, labels)[0], images[:, :, torch.arange(31, -1, -1)])
    grey = apply_deficit("greyscale", images, labels)[0]
    by_hand = (0.299 * images[:, 0].double() + 0.587 * images[:, 1].double() + 0.114 * images[:, 2].double()).round()
    assert all((grey[:, channel].double() - by_hand).abs().max() <= 1 for channel in range(3))
    noise = apply_deficit("noise_images", images.float(), labels, seed=1)[0]
    assert noise.mean((0, 2, 3)) == pytest.approx(images.float().mean((0, 2, 3)).tolist(), abs=3)
    flat = images.float().clone()
    flat[:, 1] = 100 + 0.1 * flat[:, 1]
    drawn = apply_deficit("noise_images", flat, labels, seed=1)[0]
    count = 30 * 32 * 32
    expected = float(flat[:, 1].std())
    assert abs(float(drawn[:, 1].std()) - expected) < 5 * expected / (2 * count) ** 0.5
    assert abs(float(drawn[:, 1].mean()) - float(flat[:, 1].mean())) < 5 * expected / count**0.5
    permuted = apply_deficit("label_permutation", images, labels, seed=3)
    assert torch.equal(permuted[0], images)
    step = {int(a): int(b) for a, b in zip(labels, permuted[1], strict=True)}
    seen, at = [], 0
    for _ in range(10):
        at = step[at]
        seen.append(at)
    assert sorted(seen) == list(range(10)), "one cycle through all classes"


def test_an_antialiased_blur_is_that_of_an_image_library():
    from PIL import Image

    pixels = np.random.default_rng(5).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    small_ = np.stack([
        np.asarray(Image.fromarray(pixels[..., c].astype(np.float32)).resize((8, 8), Image.Resampling.BILINEAR))
        for c in range(3)
    ])  # fmt: skip
    large = torch.nn.functional.interpolate(torch.from_numpy(small_)[None], 32, mode="bilinear", align_corners=False)
    assert torch.allclose(blur_antialiased(images), large, atol=0.05)
    assert not torch.allclose(blur_antialiased(images), blur(images), atol=2)


def test_shifts_reach_four_pixels_each_way_and_flips_are_fair():
    count = 20_000
    place = torch.zeros(count, 3, 16, 16)
    place[:, :, 8, 7] = 1.0
    place[:, :, 8, 8] = 0.5  # tells left from right
    moved = augment(place, torch.Generator().manual_seed(int(torch.seed() % 2**31)))
    where = (moved[:, 0] == 1).flatten(1).float().argmax(1)
    down, across = where // 16, where % 16
    flipped = moved[torch.arange(count), 0, down, across - 1] == 0.5
    assert set((down - 8).tolist()) == set(range(-4, 5))
    assert set((across - torch.where(flipped, 8, 7)).tolist()) == set(range(-4, 5))
    share = float(flipped.float().mean())
    assert abs(share - 0.5) < 5 * 0.5 / count**0.5
    for values in (down - 8, across - torch.where(flipped, 8, 7)):
        spread = np.bincount(values.numpy() + 4, minlength=9) / count
        assert np.abs(spread - 1 / 9).max() < 5 * math.sqrt(8 / 81 / count)
