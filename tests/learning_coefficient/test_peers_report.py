"""The table of all estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from figures.learning_coefficient_referee import draw
from slt_toys.learning_coefficient.peers_report import beside


def made() -> xr.Dataset:
    ours = {
        "problem": ["a", "b", "c", "dead"], "examples": [1000] * 4, "estimate": [1.0, 2.2, 3.0, 0.0],
        "standard_error": [0.1, 0.1, 0.1, 0.0], "energy": [1.0, 2.0, 3.0, 0.0], "covered": [True, False, True, True],
        "wrong": [False] * 4, "trusted": [True, False, True, True], "seconds": [1.0, 2.0, 3.0, 4.0],
    }  # fmt: skip
    peer = {
        "peer": ["x"] * 3, "setting": ["s"] * 3, "problem": ["a", "b", "c"], "examples": [1000] * 3,
        "estimate": [1.5, np.nan, 30.0], "half_width": [0.1, np.nan, 1.0], "energy": [1.0, 2.0, 3.0],
        "covered": [False] * 3, "wrong": [True] * 3, "seconds": [1.0, 1.0, 7.0],
        "has_setting": [True] * 3,
    }  # fmt: skip
    return xr.Dataset(
        {key: ("row", np.array(value)) for key, value in ours.items()}
        | {f"peer_{key}": ("peer_row", np.array(value)) for key, value in peer.items()},
        attrs={"missing_peers": ["z cannot be installed (z): ERROR"]},
    )


def test_lines():
    table = beside(made())
    assert table.rows[0] == ("slt-toys, all", "4", "0", "3 (75 %)", "0 (0 %)", "0 %", "2.5", "3 trusted")
    assert table.rows[1][1:5] == ("3", "0", "3 (100 %)", "0 (0 %)")
    assert table.rows[2] == ("x, s", "3", "1", "0 (0 %)", "3 (100 %)", "4.8e+02 %", "1.0", "none given")
    assert table.caption.endswith("Not measured: z cannot be installed (z): ERROR.")


def test_runs_without_a_setting_count_nowhere():
    """The second of three has no curvature to take a step by; as it stands above it counts against the peer."""
    data = made()
    data["peer_has_setting"] = ("peer_row", np.array([True, False, True]))
    assert beside(data).rows[2][:5] == ("x, s", "2", "0", "0 (0 %)", "2 (100 %)")
    bars: Any = draw(data).axes[0].containers
    assert list(np.asarray(bars[0].lines[0].get_xdata())) == [1.5, 10.0]


def test_the_figure_shows_every_row_and_leaves_out_energies_of_none():
    figure = draw(made())
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    bars: Any = axes.containers
    drawn = {each.get_label(): each.lines[0].get_xdata() for each in bars}
    assert list(np.asarray(drawn["x, s"])) == [1.5, 25.0, 10.0], "no estimate stands at the right border"
    assert np.allclose(np.asarray(drawn["ours, doubted"]), 1.1) and len(np.asarray(drawn["ours, trusted"])) == 3
