"""Size and power of the verdict in shares; its record."""

from __future__ import annotations

import json

import pytest
from scipy import stats

from slt_toys.worlds import share_power
from slt_toys.worlds.mechanisms import MECHANISMS
from slt_toys.worlds.share_cells import default_cells
from slt_toys.worlds.share_power import Judge, PowerWorld, block, counted, main, page, table, worlds
from tests.seeds import fresh_seed

KNOWN, TWO_STATES = "known", "two-state law"
TELLING = [name for name in MECHANISMS[1:] if name != "none"]


@pytest.fixture(scope="module")
def judges():
    cells = default_cells()
    return {form: Judge(cells, form, 49) for form in (KNOWN, TWO_STATES)}, {each.name: each for each in worlds(cells)}


def judged(judges, form: str, name: str, sets: int) -> dict:
    """A block of sets from a fresh place in the numbers."""
    return counted([block(judges[0][form], judges[1][name], fresh_seed(), sets)])


def test_worlds_hold_what_their_names_say(judges):
    told = judges[1]
    assert len(told) == 1 + 3 * 5 + 1
    assert told["temperature alone"].truth.tolist() == [1, 0, 0, 0, 0, 0]
    for name, world in told.items():
        assert ((world.shares >= 0) & (world.shares <= 1)).all()
        assert world.truth is None or world.truth.sum() == pytest.approx(1), name
    assert told["0.6 temperature, 0.4 none"].truth.tolist() == pytest.approx([0.6, 0, 0, 0, 0, 0.4])
    assert told["energies times 1.25 at other batch sizes"].truth is None


def test_a_few_sets_are_judged_and_told(judges):
    """By eye: pure, a fifth of a rival, higher energies; the negative control is the pure one."""
    pure, mixed = judged(judges, KNOWN, "temperature alone", 12), judged(judges, KNOWN, "0.8 temperature, 0.2 none", 8)
    moved = judged(judges, KNOWN, "energies times 1.25 at other batch sizes", 4)
    assert pure["refused"] <= 3 and pure["covered"][0] >= 7 and mixed["refused"] == 8 and mixed["covered"][0] >= 3
    assert moved["refused"] == 4 and moved["judged"] == 0
    text = table([{**each, "draws": 49, "first": 0, "width": [each["width"]]} for each in (moved, mixed, pure)])
    assert len(text.splitlines()) == 5 and "100.0 % [" in text and "temperature alone" in text.splitlines()[2]


def test_a_record_is_continued_and_never_run_twice(tmp_path, monkeypatch):
    """Stopped after some blocks, then continued: the same lines as in one run, and none twice."""
    ran = []

    def fake(judge: Judge, world: PowerWorld, first: int, sets: int, runs: int) -> dict:
        ran.append((judge.form, world.name, first))
        full = [sets] * len(MECHANISMS)
        return {
            "world": world.name, "form": judge.form, "runs": runs, "draws": judge.draws, "first": first, "sets": sets,
            "refused": 1, "judged": sets, "covered": full, "informed": full, "width": [0.1] * sets, "untold": {},
        }  # fmt: skip

    monkeypatch.setattr(share_power, "block", fake)
    record, output = tmp_path / "record.jsonl", tmp_path / "page.md"
    given = ["--forms", KNOWN, "--sets", "20", "--record", str(record), "--output", str(output)]
    assert main([*given, "--minutes", "0"]) == 0 and not record.exists() and not output.exists()
    assert main(given) == 0 and main(given) == 0
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert len(lines) == len(ran) == len(set(ran)) == 4 + 16  # four times as many sets of temperature alone
    assert output.read_text() == page(lines) and "| 80 | 5.0 % [" in page(lines)
    main([*given[:3], "40", *given[4:]])
    assert len(ran) == len(set(ran)) == 2 * 20
    with pytest.raises(SystemExit):
        main(["--sets", "3"])


@pytest.mark.slow
def test_size_and_coverage_with_known_shares(judges):
    """The committed table at fewer repeats: false refusals from 0 to 2 %, intervals that cover about 95 %."""
    pure = judged(judges, KNOWN, "temperature alone", 300)
    assert pure["refused"] <= stats.binom.isf(1e-6, 300, 0.015)
    assert pure["covered"][0] >= stats.binom.ppf(1e-6, 300, 0.95)
    for name in MECHANISMS[1:]:
        found = judged(judges, KNOWN, f"0.8 temperature, 0.2 {name}", 100)
        assert found["informed"][0] == found["informed"][3] == 100, name  # of the loss threshold
        for at, least in ((0, 0.92), (3, 0.92)):
            assert found["covered"][at] >= stats.binom.ppf(1e-6, 100, least), name
        others = sum(found["covered"][at] for at in (1, 2, 4, 5))
        assert others >= stats.binom.ppf(1e-6, 400, 0.95), name


@pytest.mark.slow
@pytest.mark.parametrize("form", [KNOWN, TWO_STATES])
def test_a_fifth_of_a_rival_and_energies_that_differ_are_told(judges, form):
    """In at least 95 % and 90 % of sets; by the two-state law, of a constant share in none but by false refusals."""
    sets = 60 if form == KNOWN else 8
    for name in MECHANISMS[1:] if form == KNOWN else TELLING:
        found = judged(judges, form, f"0.8 temperature, 0.2 {name}", sets)
        assert found["refused"] >= stats.binom.ppf(1e-6, sets, 0.95), name
    moved = judged(judges, form, "energies times 1.25 at other batch sizes", sets)
    assert moved["refused"] >= stats.binom.ppf(1e-6, sets, 0.9)


@pytest.mark.slow
def test_the_two_state_law_is_rarely_refused_and_doubts_what_it_cannot_tell(judges):
    """Its size; and a constant share, which is hardly ever detected, is named as not told."""
    pure = judged(judges, TWO_STATES, "temperature alone", 20)
    assert pure["refused"] <= stats.binom.isf(1e-6, 20, 0.02)
    doubted = judged(judges, TWO_STATES, "0.8 temperature, 0.2 none", 12)
    assert doubted["refused"] <= stats.binom.isf(1e-6, 12, 0.02)
    assert doubted["untold"].get("none", 0) == doubted["judged"] == 3
    assert doubted["covered"][0] >= 1
