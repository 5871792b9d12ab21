"""The figure of tracks: one call draws what `slt_toys.track` returns."""

from __future__ import annotations

import numpy as np
import xarray as xr

from figures.learning_coefficient_track import draw


def tracked(**more) -> xr.Dataset:
    value = np.array([1.0, 2.0, -900.0, 3.0])
    variables = {
        "loss": ("step", [2.0, 1.0, 0.1, 0.01]),
        "estimate": ("step", value),
        "interval": (("step", "end"), np.stack([value - 0.2, value + 0.2], 1)),
        "outcome": ("step", ["track", "track", "doubt", "trust"]),
    }
    return xr.Dataset(variables | more, {"step": [0, 10, 100, 1000], "end": ["low", "high"]})


def test_what_is_doubted_sets_no_range():
    figure = draw(tracked())
    above, below = figure.axes
    low, high = below.get_ylim()
    assert 0 < low < 0.8 and 3.2 < high < 5 and above.get_yscale() == "log"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "trust: a minimum" in labels and any(label.startswith("track") for label in labels)


def test_runs_stand_side_by_side():
    one = tracked(exact=("step", [np.nan, np.nan, np.nan, 3.0])).reset_index("step").reset_coords("step")
    one = one.rename_dims({"step": "row"}).assign(run=("row", ["a"] * 4))
    both = xr.concat([one, one.assign(run=("row", ["b"] * 4))], "row")
    figure = draw(both)
    assert len(figure.axes) == 4 and [axes.get_title("left") for axes in figure.axes[:2]] == ["a", "b"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "exact learning coefficient, where it ends" in labels
