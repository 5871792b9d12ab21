"""The figure's dataset against a hand-made sweep."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from cifar.analysis.analysis import analyse
from cifar.analysis.curves import rows
from cifar.analysis.dataset import sweep_dataset
from cifar.analysis.report import base_run
from cifar.study.presets import Control
from slt_toys.fits.published import published_findings
from slt_toys.results.recipe import dataset_of
from tests.cifar.made_studies import make_sweep, small

ROOT = Path(__file__).resolve().parent.parent.parent.parent


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
