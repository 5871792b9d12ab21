"""The shift that measured noise predicts for a sweep: from known tables, and the committed study."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cifar.analysis.measured_noise import (
    at_common_epochs,
    definition_of,
    noise_claim,
    noise_shift,
    noise_table,
    of_record,
    with_prediction,
)

ROOT = Path(__file__).resolve().parents[3]
EPOCHS, SIZES = (4, 8, 14), (32, 64, 128)


def traces(power: float, rate: float) -> dict[int, dict[int, float]]:
    return {size: {epoch: 5.0 * size**power * np.exp(rate * epoch) for epoch in EPOCHS} for size in SIZES}


@pytest.mark.parametrize(("power", "rate"), [(0.0, 0.0), (0.5, -0.05), (1.0, 0.0)])
def test_known_noise_gives_the_shift_of_theory(power, rate):
    made = noise_shift(traces(power, rate), {size: (9.0, 0.5) for size in SIZES}, decay=0.93)
    assert made is not None
    assert made[0].shift == pytest.approx(-np.log(2) * (1 - power) / (np.log(0.93) + rate)) and made[1] < 1e-9
    claim = noise_claim(made[0], (made[0].shift, made[0].shift - 1, made[0].shift + 1))
    assert claim.verdict == "yes"
    assert noise_claim(made[0], (40.0, 39.0, 41.0)).verdict == "no"


def test_two_batch_sizes_need_the_scatter_between_seeds():
    two = {size: each for size, each in traces(0.5, -0.05).items() if size != 64}
    ends = {size: (9.0, 0.5) for size in two}
    assert noise_shift(two, ends, decay=0.93) is None
    widths = []
    for relative in (0.01, 0.1):
        made = noise_shift(two, ends, decay=0.93, relative=relative)
        assert made is not None and made[1] == relative
        assert made[0].shift == pytest.approx(-np.log(2) * 0.5 / (np.log(0.93) - 0.05))
        widths.append(made[0].high - made[0].low)
    assert widths[1] > 3 * widths[0] > 0
    table = noise_table(*made, (1.0, 0.0, 2.0), of_seeds=True)
    assert "scatter between seeds" in table.caption


def test_a_rising_temperature_is_no_success():
    made = noise_shift(traces(1.0, 0.2), {size: (9.0, 0.5) for size in SIZES}, decay=0.93)
    assert made is not None
    claim = noise_claim(made[0], (0.0, -1.0, 1.0))
    assert claim.verdict == "cannot tell" and "where temperature rises" in claim.sentence


def test_nothing_is_extrapolated():
    assert noise_shift(traces(1.0, 0.0), {size: (2.0, 0.5) for size in SIZES}, decay=0.93) is None
    assert noise_shift({32: {4: 1.0}}, {32: (4.0, 0.1)}, decay=0.93) is None


def test_switch_epochs_of_their_own_give_the_same_shift():
    grids = {32: (2, 9, 20), 64: (4, 8, 14), 128: (1, 10, 16)}
    noise = {size: {e: 5.0 * size**0.5 * np.exp(-0.05 * e) for e in own} for size, own in grids.items()}
    epochs, values = at_common_epochs(noise, SIZES)
    assert epochs == [4, 8, 9, 10, 14]
    assert values == pytest.approx(5.0 * np.sqrt(SIZES)[:, None] * np.exp(-0.05 * np.array(epochs)))
    made = noise_shift(noise, {size: (9.0, 0.5) for size in SIZES}, decay=0.93)
    assert made is not None and made[0].shift == pytest.approx(-np.log(2) * 0.5 / (np.log(0.93) - 0.05))


def test_a_definition_that_misses_the_law_where_it_holds_gives_way():
    supposed = [
        {"definition": name, "found": 9.0, "unmoved": None, "lawful": lawful, "known": lawful is not None}
        for name, lawful in (("half_stuck_mass", 6.2), ("hinge", 9.6), ("half_depth", 10.2))
    ]
    record = {"epochs_per_halving": {"half_stuck_mass": {}, "half_depth": {}}, "supposed": supposed}
    assert definition_of(record, 0.93) == "half_depth"  # the hinge was not found
    supposed[0]["lawful"] = 9.0
    assert definition_of(record, 0.93) == "half_stuck_mass"
    assert definition_of({**record, "supposed": []}, 0.93) == "half_stuck_mass"
    supposed[0]["lawful"] = None
    assert definition_of(record, 0.93) == "half_stuck_mass"


def test_the_committed_study_holds_the_prediction():
    record = json.loads((ROOT / "figures" / "cifar_replication.json").read_text(encoding="utf-8"))
    made = of_record(record, 0.93)
    assert made is not None and made[0].verdict == "cannot tell"
    assert made[0].sentence in [claim["sentence"] for claim in record["claims"]]
    again = with_prediction(record, 0.93)
    assert [each["name"] for each in again["claims"]] == [each["name"] for each in record["claims"]]
    assert len(again["tables"]) == len(record["tables"])


def test_the_temperature_that_was_measured_gives_way_to_the_prediction_made_of_it():
    record = json.loads((ROOT / "figures" / "cifar_replication.json").read_text(encoding="utf-8"))
    others = [{**record["claims"][0], "name": name} for name in "abcdefg"]
    full = record | {"claims": [{**record["claims"][0], "name": "measured-temperature"}, *others]}
    assert {each["name"] for each in with_prediction(full, 0.93)["claims"]} == {*"abcdefg", "measured-noise"}
    few = record | {"claims": full["claims"][:3]}
    assert {each["name"] for each in with_prediction(few, 0.93)["claims"]} == {
        "measured-temperature", "a", "b", "measured-noise"
    }  # fmt: skip
