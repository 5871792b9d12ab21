"""Both decays over each clock."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

from figures.cifar_decays import draw

EPOCHS = [0.0, 4.0, 8.0, 12.0]


def made() -> xr.Dataset:
    dims = ("decay", "batch_size", "epoch")
    rates = np.array([[0.05 * decay ** np.array(EPOCHS)] * 2 for decay in (0.93, 0.9)])
    accuracy = np.full((2, 2, 4), 70.0) - np.arange(4)
    accuracy[1, :, 2] = np.nan  # a switch epoch of one sweep alone
    data = {
        "accuracy": (dims, accuracy), "standard_error": (dims, np.full((2, 2, 4), np.nan)),
        "learning_rate": (dims, rates), "flow_time_left": (dims, 10 * rates), "flow_time_spent": (dims, 1 - rates),
    }  # fmt: skip
    return xr.Dataset(
        data, {"decay": [0.93, 0.9], "batch_size": [32, 128], "epoch": EPOCHS},
        {"source": "made images", "deficit": "blur_antialiased"},
    )  # fmt: skip


def drawn(axes: Axes) -> list[np.ndarray]:
    bars = [each for each in axes.containers if isinstance(each, ErrorbarContainer)]
    return [np.asarray(each.lines[0].get_xydata()) for each in bars if each.lines[0] is not None]


def test_a_row_for_each_batch_size_and_a_panel_for_each_clock():
    figure = draw(made())
    assert len(figure.axes) == 6 and "blur antialiased" in figure.get_suptitle()
    assert [axes.get_title("left").split(", ")[1] for axes in figure.axes] == ["B = 32"] * 3 + ["B = 128"] * 3
    for axes in figure.axes:
        slow, fast = drawn(axes)
        assert (len(slow), len(fast)) == (4, 3), "what is not there is not drawn"
        # time goes to the right, whatever falls on the way
        place = axes.transData.transform(slow)[:, 0]
        assert np.all(np.diff(place) > 0)
    assert drawn(figure.axes[1])[1][:, 0] == pytest.approx([0.05, 0.05 * 0.9**4, 0.05 * 0.9**12])
