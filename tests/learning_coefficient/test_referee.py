"""The referee's command, rows, claims and table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from slt_toys.learning_coefficient import peers
from slt_toys.learning_coefficient.__main__ import chosen
from slt_toys.learning_coefficient.referee import LearningCoefficientReferee, by_problem, claims, refereed
from slt_toys.learning_coefficient.referee_problems import PROBLEMS
from tests.seeds import fresh_seed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seeds", "0"], "--seeds must be at least 1, not 0"),
        (["--examples", "3"], "--examples must be at least 20, not 3"),
        (["--problems", "w³"], "--problems: w³ unknown; known are linear regression, "),
        (["--peer-seeds", "0"], "--peer-seeds must be at least 1, not 0"),
        (["--wrong"], "--wrong"),
    ],
)
def test_bad_input_is_refused_in_one_line(options, words, capsys, tmp_path):
    assert chosen(["--referee", "--out", str(tmp_path), *options]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_a_row():
    seed = fresh_seed() % 10**6
    row = refereed("linear regression", 1000, seed)
    assert (row["exact"], row["energy"], row["crossing"]) == (1.5, 1.5, False)
    assert abs(row["estimate"] - 1.5) < 5 * row["standard_error"]
    wrong = abs(row["estimate"] - 1.5) > max(3 * row["standard_error"], 0.045)
    assert row["wrong"] is wrong and row["trusted"] is row["verdict"].startswith("trust")


def test_a_row_at_a_bending_branch_is_held_against_a_long_run():
    """At n = 1e3 the energy of a deep linear network is no λ, and known with an error; at 1e5 it is."""
    row = refereed("(6,2,6;1)", 1000, fresh_seed() % 10**6)
    assert 8.0 < row["energy"] < 8.2 and 0 < row["energy_error"] <= 0.016 and row["exact"] == 8
    assert abs(row["estimate"] - row["energy"]) < 5 * np.hypot(row["standard_error"], row["energy_error"])
    problem = PROBLEMS["(6,2,6;1)"](100_000, 0)
    assert problem.energy(1e5 / np.log(1e5)) == 8 and problem.energy_error(1e5 / np.log(1e5)) == 0


def test_peers_run_on_the_first_seeds_alone(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(peers, "environments", lambda *_: (["a peer"], []))
    monkeypatch.setattr(peers, "measured", lambda environment, tasks, folder: asked.append(list(tasks)) or [])
    options = {"problems": ("dead units",), "examples": (1000,), "seeds": 3, "seed": 5, "peers": ("any",)}
    LearningCoefficientReferee(**options, peer_seeds=2, out=tmp_path).run()
    assert asked == [[("dead units", 1000, 5), ("dead units", 1000, 6)]]


def rows(covered, wrong, trusted) -> xr.Dataset:
    count = len(covered)
    values = {
        "problem": np.array(["a", "b"] * (count // 2)), "examples": np.full(count, 1000), "seed": np.arange(count),
        "estimate": np.ones(count), "standard_error": np.full(count, 0.1), "energy": np.ones(count),
        "exact": np.ones(count), "crossing": np.zeros(count, bool), "covered": np.array(covered),
        "wrong": np.array(wrong), "trusted": np.array(trusted),
        "verdict": np.array(["trust at" if each else "doubt: slow: by far; more" for each in trusted]),
        "seconds": np.ones(count),
    }  # fmt: skip
    return xr.Dataset({name: ("row", value) for name, value in values.items()})


def test_claims_count_what_is_trusted_and_what_is_right():
    """95 % of 2000 trusted cover, none is wrong; then of 100 ten wrong ones are trusted, and all others doubted."""
    covered = [True] * 1900 + [False] * 100
    good = {claim.name: claim for claim in claims(rows(covered, [False] * 2000, [True] * 2000))}
    assert (good["coverage"].value, good["coverage"].verdict) == (0.95, "yes")
    assert (good["right-doubted"].value, good["right-doubted"].verdict) == (0.0, "yes")
    assert good["wrong-trusted"].verdict == "cannot tell", "where nothing is wrong"
    wrong = [True] * 10 + [False] * 90
    bad = {claim.name: claim for claim in claims(rows([False] * 100, wrong, [True] * 10 + [False] * 90))}
    assert (bad["coverage"].value, bad["coverage"].verdict) == (0.0, "no")
    assert (bad["wrong-trusted"].value, bad["wrong-trusted"].verdict) == (1.0, "no")
    assert (bad["right-doubted"].value, bad["right-doubted"].verdict) == (1.0, "no")


def test_few_runs_show_no_small_share():
    """95 of 100 intervals, and none of 28 wrong estimates trusted: an interval reaches far beyond what is asked for."""
    told = {claim.name: claim for claim in claims(rows([True] * 95 + [False] * 5, [False] * 100, [True] * 100))}
    assert (told["coverage"].value, told["coverage"].verdict) == (0.95, "cannot tell")
    doubted = {claim.name: claim for claim in claims(rows([True] * 28, [True] * 28, [False] * 28))}
    assert (doubted["wrong-trusted"].value, doubted["wrong-trusted"].verdict) == (0.0, "cannot tell")


def test_what_has_no_energy_counts_nowhere(monkeypatch):
    """Data that leave a network near a crossing: the run ends with no number in place of one, and no message."""
    problem = PROBLEMS["linear regression"](1000, 0)

    def none(n_beta: float) -> float:
        raise ValueError("problem: fewer than 3 of its directions are curved")

    monkeypatch.setitem(PROBLEMS, "linear regression", lambda *_: replace(problem, energy=none))
    row = refereed("linear regression", 1000, 0)
    assert np.isnan(row["energy"]) and not row["wrong"] and not row["covered"]
    some = rows([True] * 4, [False] * 4, [True, True, False, True])
    some["energy"][2], some["covered"][2] = np.nan, False
    told = {claim.name: claim for claim in claims(some)}
    assert told["coverage"].value == 1 and told["right-doubted"].value == 0
    assert by_problem(some).rows[0][5] == "1/1", "of the two runs of this problem one has an energy"


def test_a_line_for_each_problem():
    table = by_problem(rows([True, False, True, True], [False, True, False, False], [True, False, True, True]))
    assert [line[0] for line in table.rows] == ["a", "b"]
    assert table.rows[1][5:9] == ("1/2", "1", "1", "slow")
