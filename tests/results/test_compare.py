"""What moved between two runs: by name and place, by as many standard errors as it did, and by no more in null runs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from slt_toys.results import compare as comparing
from slt_toys.results import manifest as manifests
from slt_toys.results.compare import Comparison, compare, dataset_beside, datasets_of
from slt_toys.results.recipe import numbers
from slt_toys.results.records import manifest, read_record
from tests.results.made_records import Means, made
from tests.seeds import fresh_generator, fresh_seed, fresh_seeds

CHANCE = 1e-6  # of a false alarm of a test, whatever the seed
MANY = tuple(range(1, 401))  # as many as a record holds


@pytest.fixture(autouse=True)
def committed(monkeypatch):
    """Code that is known by a commit, and no time lost in asking for it."""
    monkeypatch.setattr(manifests, "_library_versions", lambda: {"numpy": "1"})
    monkeypatch.setattr(manifests, "_git_state", lambda folder: ("1" * 40, False))


def record_of(**options: Any) -> dict[str, Any]:
    """A record without files."""
    experiment = Means(**options)
    dataset = experiment.run()
    return experiment.outcome(dataset).to_dict() | {
        "numbers": numbers(dataset), "manifest": manifest(experiment, experiment.seed, 0.0)
    }  # fmt: skip


def two(**options: Any) -> Comparison:
    """Two runs of the same by other seeds."""
    seeds = fresh_seeds()
    return compare(record_of(seed=seeds[0], **options), record_of(seed=seeds[1], **options))


def chance_of_square(told: Comparison) -> float:
    """Two-sided p-value of the sum of squares of all standard errors moved, the least of every kind of error."""
    kinds: dict[str, list[float]] = {}
    for n in told.known:
        if not n.name.startswith("claim"):  # claims repeat three of them
            kinds.setdefault(n.source, []).append(n.z**2)
    assert [len(squares) for squares in kinds.values()] == [len(MANY)] * 4
    law = stats.chi2(len(MANY))
    return min(2 * min(law.sf(sum(squares)), law.cdf(sum(squares))) for squares in kinds.values())


def test_between_two_seeds_numbers_move_by_standard_normal_amounts():
    told = two(sizes=MANY)
    assert told.comparable and not told.same_seed
    assert chance_of_square(told) > CHANCE
    moved = np.array([n.z for n in told.known if not n.name.startswith("claim")])
    assert stats.kstest(moved, "norm").pvalue > CHANCE
    assert {n.source for n in told.known} == {
        "mean_error", "spread_standard_error", "level_low, level_high", "end_low, end_high", "its interval",
    }  # fmt: skip


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_errors_told_wrong_are_seen_to_be(factor):
    assert chance_of_square(two(sizes=MANY, told=factor)) < CHANCE


def test_nothing_moved_is_said_in_at_least_nineteen_comparisons_of_twenty():
    repetitions = 120
    alarms = sum(bool(two(sizes=tuple(range(10))).moved) for _ in range(repetitions))
    assert stats.binom.sf(alarms - 1, repetitions, comparing.LEVEL) > CHANCE, alarms


def test_what_moved_is_named_by_name_and_place():
    seeds = fresh_seeds()
    told = compare(record_of(seed=seeds[0]), record_of(seed=seeds[1], shift=30.0))
    assert ("config.shift", 0.0, 30.0) in told.differences and not told.comparable and told.wrong
    first, second = told.moved[:2]
    assert {first.name, second.name} == {"end_epoch", "claim end-at-32"}
    assert {first.place, second.place} == {"size=32", ""}
    # By 30 standard errors of one run, that is 30 / 2^(1/2) of the difference, and a standard normal number.
    assert abs(first.z - 30 / 2**0.5) < 8 and first.z == pytest.approx(second.z, rel=1e-9)
    assert not [n for n in told.moved if n.name not in ("end_epoch", "claim end-at-32") and abs(n.z) > 8]


def test_numbers_without_an_error_are_not_judged():
    told = two()
    assert {n.name for n in told.without_error} == {"bare"}
    assert [n.relative for n in told.without_error] == sorted((n.relative for n in told.without_error), reverse=True)
    assert not told.wrong or told.moved or told.verdicts


def test_the_same_seed_and_code_must_give_the_same_bits():
    seed = fresh_seed()
    old, new = record_of(seed=seed), record_of(seed=seed)
    told = compare(old, new)
    assert told.must_be_equal and told.differences == [] and not told.wrong
    assert not any(n.changed for n in told.numbers) and len(told.numbers) > 30
    place = int(fresh_generator().integers(3))
    for name in ("bare", "law", "level_low"):
        changed = copy.deepcopy(new)
        values = changed["numbers"][name]["values"]
        values[place] = np.nextafter(values[place], np.inf)
        told = compare(old, changed)
        assert [(n.name, n.place) for n in told.numbers if n.changed] == [(name, f"size={(32, 64, 128)[place]}")]
        assert told.must_be_equal and told.wrong
    changed = copy.deepcopy(new)
    changed["numbers"]["kind"]["values"][place] = "other"
    assert compare(old, changed).wrong


@pytest.mark.parametrize(
    "other", [{"git_commit": "2" * 40}, {"git_commit": None}, {"git_modified": True}, {"python": "2.7"}, {"seed": 1},
              {"machine": "other"}, {"libraries": {}}]
)  # fmt: skip
def test_bits_need_not_agree_where_anything_else_differs_or_is_unknown(other):
    old, new = record_of(seed=0), record_of(seed=0)
    new["manifest"] |= other
    told = compare(old, new)
    assert not told.must_be_equal and told.differences


def test_changed_code_on_both_sides_is_no_known_code(monkeypatch):
    monkeypatch.setattr(manifests, "_git_state", lambda folder: ("1" * 40, True))
    assert not compare(record_of(seed=0), record_of(seed=0)).must_be_equal


def test_other_configurations_are_compared_at_the_places_they_share():
    seeds = fresh_seeds()
    told = compare(record_of(seed=seeds[0], sizes=(32, 64, 128)), record_of(seed=seeds[1], sizes=(256, 128, 64)))
    assert {n.place for n in told.numbers if n.name == "mean"} == {"size=64", "size=128"}
    # The law runs from -3 to 3 over the places: at 64 it is 0 and 3, at 128 it is 3 and 0.
    law = {n.place: (n.old, n.new) for n in told.numbers if n.name == "law"}
    assert law == {"size=64": (0.0, 3.0), "size=128": (3.0, 0.0)}
    assert told.apart == [
        "claim end-at-32 is in the old record only", "claim end-at-256 is in the new record only",
        "size: 2 labels are in both, of 3 and 3; the others are left out",
    ]  # fmt: skip


def with_numbers(dataset: xr.Dataset) -> dict[str, Any]:
    return {"numbers": numbers(dataset), "manifest": manifest({}, 0, 0.0)}


def test_places_that_may_be_others_are_not_compared():
    old = xr.Dataset(
        {"a": ("row", [1.0, 2.0]), "b": ("x", [1.0]), "c": ("d", [1.0, 2.0]), "one": 1.0, "same": 1.0}, {"x": [0]}
    )
    new = xr.Dataset(
        {"a": ("row", [1.0]), "b": ("x", [1.0]), "c": ("d", [3.0, 4.0]), "one": ("row", [1.0]), "same": 1.0}
    )
    told = compare(with_numbers(old), with_numbers(new.assign_coords(d=[5, 5])))
    assert {n.name for n in told.numbers} == {"same"}
    said = " ".join(told.apart)
    for part in ("a has (2,) places and (1,)", "x has other labels, or none", "d has other labels", "one is over"):
        assert part in said


def test_rows_without_labels_are_called_by_their_texts():
    same = ("row", ["agree", "agree"])
    rows = {"a": same, "b": same, "phase": ("row", ["left", "right"]), "energy": ("row", [1.0, 2.0]),
            "seconds": ("row", [3.0, 4.0])}  # fmt: skip
    new = xr.Dataset(rows | {"energy": ("row", [1.0, 3.0]), "seconds": ("row", [5.0, 6.0])})
    told = compare(with_numbers(xr.Dataset(rows)), with_numbers(new))
    assert [(n.name, n.place) for n in told.numbers if n.changed] == [("energy", "row=1 right agree")]


def test_a_number_that_vanished_is_not_lost():
    old = xr.Dataset({"a": 1.0, "a_error": 0.1})
    told = compare(with_numbers(old), with_numbers(old.assign(a=np.nan)))
    assert [n.name for n in told.without_error] == ["a"] and told.known == []
    assert told.without_error[0].relative == np.inf


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ((1.0, 0.8, 1.5), (2.0, 1.6, 2.1), (0.5**2 + 0.4**2) ** 0.5),  # the sides that face each other
        ((2.0, 1.6, 2.1), (1.0, 0.8, 1.5), (0.5**2 + 0.4**2) ** 0.5),
        ((1.0, 0.8, None), (2.0, 1.6, 2.1), None),  # open there
        ((1.0, None, 1.5), (2.0, 1.6, None), (0.5**2 + 0.4**2) ** 0.5),  # open on sides that do not matter
        ((1.0, 0.2, 0.9), (2.0, 1.6, 2.1), None),  # an interval that does not hold its number
        ((1.0, 1.0, 1.0), (2.0, 2.0, 2.0), None),  # no width
    ],
)
def test_an_interval_counts_by_the_side_that_faces_the_other(old, new, error):
    def record(value: float, *interval: float | None) -> dict[str, Any]:
        claim = {"name": "a", "value": value, "interval": interval, "expected": None, "verdict": "yes"}
        return {"claims": [claim], "manifest": manifest({}, 0, 0.0)}

    told = compare(record(*old), record(*new))
    if error is None:
        assert told.known == [] and [n.name for n in told.without_error] == ["claim a"]
    else:
        assert [n.error for n in told.known] == [pytest.approx(error / 1.959963984540054)]


def test_an_interval_of_another_number_is_not_taken():
    old = xr.Dataset({"end_level": 1.0, "end_epoch": 1.0, "end_low": 0.5, "end_high": 1.5, "reach": 3.0})
    told = compare(with_numbers(old), with_numbers(old + 0.1))
    assert {n.name for n in told.known} == {"end_epoch"}
    assert {n.name for n in told.without_error} == {"end_level", "reach"}


def test_verdicts_and_claims_of_one_record_are_told():
    old, new = record_of(seed=0), record_of(seed=0)
    new["claims"][0] |= {"verdict": "cannot tell"}
    new["claims"][1] |= {"name": "renamed"}
    told = compare(old, new)
    assert told.verdicts == [("end-at-32", old["claims"][0]["verdict"], "cannot tell")] and told.wrong
    assert "claim end-at-64 is in the old record only" in told.apart
    assert "claim renamed is in the new record only" in told.apart


def test_nothing_in_common_is_refused():
    record = with_numbers(xr.Dataset({"a": 1.0}))
    with pytest.raises(ValueError, match="share no claim and no number"):
        compare(record, with_numbers(xr.Dataset({"b": 1.0})))
    with pytest.raises(ValueError, match="NEW holds neither claims nor numbers"):
        compare(record, {"manifest": record["manifest"]})


def test_whole_datasets_are_compared_where_both_are_there(tmp_path: Path):
    many = tuple(range(401))  # more than a record holds
    paths = [made(tmp_path / str(seed), seed=seed, sizes=many) for seed in (0, 1)]
    records = [read_record(path) for path in paths]
    datasets, source = datasets_of(paths, records)
    assert datasets is not None and source == "numbers: all, from both datasets"
    old, new = records
    assert len(compare(old, new, datasets).known) > 1600 > len(compare(old, new).known)
    paths[1].with_suffix(".nc").unlink()
    datasets, source = datasets_of(paths, records)
    assert datasets is None and "more than 400 values" in source
    assert "mean" not in dataset_beside(paths[1], records[1])[0] and "mean" in dataset_beside(paths[0], records[0])[0]
