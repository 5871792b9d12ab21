"""Controls of one batch size and of two, from the committed study."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from figures.cifar_replication import _controls
from slt_toys.results.recipe import dataset_of

RECORD = Path(__file__).resolve().parents[2] / "figures" / "cifar_study.json"


@pytest.fixture
def study():
    return dataset_of(json.loads(RECORD.read_text(encoding="utf-8")))


def drawn(data):
    """Title, and what is drawn by its label: epochs and values."""
    figure, axes = plt.subplots()
    _controls(axes, data)
    curves, colours = {}, {}
    for bars in axes.containers:
        label = str(bars.get_label())
        assert isinstance(bars, ErrorbarContainer) and bars.lines[0] is not None
        curves[label] = np.asarray(bars.lines[0].get_xydata())
        colour = bars.lines[0].get_color()  # a kind of control has one colour at all batch sizes
        assert colours.setdefault(label.split(", B = ", maxsplit=1)[0], colour) == colour
    title = axes.get_title("left") or axes.get_title()
    assert len(set(colours.values())) == len(colours)
    plt.close(figure)
    return title, curves


def test_two_batch_sizes_with_the_same_controls_are_told_apart(study):
    title, curves = drawn(study)
    assert title.startswith("Controls at B = 32 and 128")
    assert {label[label.index(", B = ") :] for label in curves} == {", B = 32", ", B = 128"}
    values = np.concatenate([points[:, 1] for label, points in curves.items() if "base arm" not in label])
    sizes = study["control_batch_size"].values
    kinds = [set(study["control_arm"].values[sizes == size].tolist()) for size in (32, 128)]
    assert kinds[0] <= kinds[1], "the flip is at one batch size alone"
    known = study["control_accuracy"].values
    assert len(values) <= len(known) and set(np.round(values, 9)) <= set(np.round(known, 9))
    for size in (32, 128):
        fresh = curves[f"blur, fresh, B = {size}"]
        chosen = (study["control_arm"].values == "fresh") & (sizes == size)
        assert fresh[:, 1] == pytest.approx(known[chosen])
        assert fresh[:, 0] == pytest.approx(study["control_switch_epoch"].values[chosen], abs=0.5)


def test_one_batch_size_needs_no_name_in_the_legend(study):
    one = study.isel(control=np.flatnonzero(study["control_batch_size"].values == 128))
    title, curves = drawn(one)
    assert title.startswith("Controls at B = 128:") and "blur, base arm" in curves and "blur, fresh" in curves
    assert not any(", B = " in label for label in curves)


def test_without_controls_the_base_arm_stands_alone(study):
    _, curves = drawn(study.isel(control=[]))
    assert list(curves) == ["blur, base arm"] and len(curves["blur, base arm"]) > 5
