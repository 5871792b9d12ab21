"""What the experiment on superposition says, of data made by hand: each claim can come out either way."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from slt_toys.zoo.superposition_report import claims, influences, tables

SETTINGS = ("η 0.01, B 1", "η 0.02, B 1", "η 0.1, B 1", "η 0.1, B 10", "η 0.1, B ∞")


def _odds() -> dict:
    """The second fit of five settings: no N by the first law, one by the other."""
    found: dict = {name: ("pentagon", [3.0, -3.0]) for name in ("odds_constant", "odds_misfit")}
    found["odds_constant_error"] = ("pentagon", [0.05, 0.05])
    found["odds_least_at"], found["odds_least"] = ("pentagon", [146.0, np.nan]), ("pentagon", [-1.7, np.nan])
    found["odds_size"] = (("pentagon", "setting"), [[np.nan] * 5, [97.0] * 5])
    found["log_odds"], found["log_odds_error"] = ("setting", [-2.4] * 5), ("setting", [0.1] * 5)
    return found | {"posterior_log_odds": ("size", [-0.3, 2.0])}


def _data(**changed) -> xr.Dataset:
    """Five settings, of which none fits; every other claim holds."""
    runs = np.array([[20, 140, 220, 20]] * 5)
    runs[2] = 100, 220, 70, 10
    settings = {
        "fit_size": 30.0, "fit_size_low": 25.0, "fit_size_high": 40.0, "fit_deviance": 150.0,
        "fit_deviance_low": 120.0, "fit_deviance_high": 190.0, "fit_null": 6.5, "fit_p_value": 0.0025,
        "fit_misfit": 0.25, "fit_misfit_low": 0.2, "fit_misfit_high": 0.3, "fit_at_edge": 0.0,
        "diverged": 0.0, "temperature": 1e-4, "log_rate_at_temperature": -50,
    }  # fmt: skip
    found: dict = {name: ("setting", np.full(5, float(value))) for name, value in settings.items()}
    found["fit_verdict"] = ("setting", np.array(["no"] * 5, dtype=object))
    found["runs"] = (("setting", "sides"), runs)
    found["runs_at_time"] = (("time", "sides"), runs[[0, 0, 0]])
    found["runs_by_scale"] = (("scale", "sides"), runs[[2, 0]])
    found["runs_of_others"] = (("features", "other_sides"), np.array([[10, 20, 70, 0, 0, 0]]))
    for name in ("start", "stayed", "cold"):
        found[f"langevin_{name}"] = (("control_size", "sides"), np.array([[0, 0, 20, 380 if name != "cold" else 60]]))
    for name in ("posterior", "posterior_error", "posterior_again"):
        own = [[0.0, 0.1, 0.4, 0.5], [0.0, 0.0, 0.1, 0.9]] if name != "posterior_error" else np.full((2, 4), 0.01)
        found[name] = (("size", "sides"), own)
    for name, value in (("null", 0.05), ("quarter", 0.45), ("half", 1.0), ("whole", 1.0)):
        found[f"rejected_{name}"], found[f"rejected_{name}_error"] = ((), value), ((), 0.02)
    for name, value in (("escapes", 40), ("escape_rate", 1.1), ("escape_rate_error", 0.2), ("escape_rate_law", 1.0)):
        found[name] = ("rate", [float(value)])
    found["barrier_from_5"], found["barrier_from_6"] = ((), 0.0075), ((), 0.0211)
    for name, value in (("critical_end", 13.0), ("critical_end_error", 2.0), ("critical_end_law", 14.0)):
        found[name] = ("batch", [value, value])
    found["critical_end_law_error"], found["deficit_temperature"] = ("batch", [2.0, 2.0]), ("batch", [1e-4, 1e-5])
    for name in ("learned", "learned_law"):
        found[name] = (("batch", "end"), [[0.7, 0.4], [0.8, 0.3]])
    found |= _odds()
    found["phase_loss"] = ("phase", [0.048, 0.069])
    found["coefficient"], found["coefficient_measured"] = ("polygon", [8.5]), ("polygon", [8.4])
    found["coefficient_measured_error"] = ("polygon", [0.1])
    coordinates = {
        "setting": list(SETTINGS), "sides": [3, 4, 5, 6], "time": [100.0, 1000.0, 5000.0], "scale": [0.1, 1.0],
        "features": [5], "other_sides": [3, 4, 5, 6, 7, 8], "control_size": [900.0], "size": [250.0, 900.0],
        "rate": ["6 to 5+, N 600"], "batch": [1, 10], "end": [0.0, 300.0], "phase": ["6", "5"], "polygon": ["6"],
        "pentagon": ["5", "5+"],
    }  # fmt: skip
    return xr.Dataset({**found, **changed}, coords=coordinates, attrs={"replicas": 1600, "few": 400, "trials": 200})


def _verdicts(data: xr.Dataset) -> dict[str, str]:
    return {claim.name: claim.verdict for claim in claims(data)}


def test_what_it_says_where_nothing_fits():
    found = _verdicts(_data())
    assert found.pop("a-posterior-has-the-frequencies") == "no" == found.pop("the-fitted-n-is-the-thermometer-s")
    assert len(found) == 6 and set(found.values()) == {"yes"}


@pytest.mark.parametrize(
    ("changed", "name", "verdict"),
    [
        ({"fit_verdict": ("setting", np.array(["yes"] * 5, dtype=object))}, "a-posterior-has-the-frequencies", "yes"),
        (
            {"fit_verdict": ("setting", np.array(["cannot tell"] * 5, dtype=object))},
            "a-posterior-has-the-frequencies", "cannot tell",
        ),
        ({"temperature": ("setting", np.full(5, 2 / 30))}, "the-fitted-n-is-the-thermometer-s", "yes"),
        ({"rejected_null": ((), 0.3)}, "the-test-accepts-the-posterior", "no"),
        ({"rejected_whole": ((), 0.4)}, "the-test-accepts-the-posterior", "no"),
        ({"critical_end": ("batch", [40.0, 40.0])}, "end-of-the-deficit-by-the-thermometer", "no"),
        ({"escape_rate": ("rate", [2.0])}, "hexagons-leave-by-kramers", "no"),
        (
            {"runs_at_time": (("time", "sides"), [[0, 0, 200, 200], [0, 0, 200, 200], [0, 0, 20, 380]])}, "frozen",
            "no",
        ),
        (
            {"langevin_stayed": (("control_size", "sides"), [[0, 0, 200, 200]])}, "langevin-from-the-posterior-stays",
            "no",
        ),
    ],
)  # fmt: skip
def test_it_would_have_said_otherwise(changed, name, verdict):
    assert _verdicts(_data(**changed))[name] == verdict


def test_what_controls_the_sides():
    found = {each.lever: each for each in influences(_data())}
    assert found["N from 250 to 900"].effect == pytest.approx(0.4)
    assert found["B from 10 to 1, at η 0.1"].control == "batch size"
    assert found["flow time from 1000 to 5000"].verdict == "no"
    assert {each.control for each in found.values()} == {"temperature", "batch size", "time", "other"}


def test_every_table_is_made():
    made = {table.name: table for table in tables(_data())}
    assert made["fitted_temperature"].rows[0][-1] == "no" and "1e-50" in made["fitted_temperature"].rows[0]
    assert made["phases"].rows == (("6", "0.048000", "8.5", "8.40 ± 0.10"), ("5", "0.069000", "-", "-"))
    assert made["other_dictionaries"].rows[0] == ("5", "0.100", "0.200", "0.700", "-", "-", "-")
    assert len(made) == 10


def test_the_second_fit_says_where_no_size_has_the_odds():
    (table,) = [each for each in tables(_data()) if each.name == "second_fit"]
    assert table.rows[0] == ("law, 6 against 5", "3.00 ± 0.05", "3", "at least -1.70, at N 146", "-", "-")
    assert table.rows[1][3] == "-" and table.rows[2] == (SETTINGS[0], "-", "-", "-2.40 ± 0.10", "none", "97")
    assert "never has less than -0.30" in table.caption
