"""Every dataset that the public API returns is drawn from Python, or refused by name."""

from __future__ import annotations

import importlib
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes

import slt_toys
from figures.__main__ import drawings
from figures.plotting import EXPERIMENT, TABLES, plot
from slt_toys.results.recipe import carry_out, dataset_of
from slt_toys.results.records import read_dataset, read_record
from slt_toys.smooth_decline import SmoothDecline
from slt_toys.zoo.experiment import experiment_named

ROOT = Path(__file__).resolve().parents[2]
WELL = slt_toys.find_potential("regular_double_well")
PLANE = slt_toys.find_potential("curve_against_point")


@pytest.fixture(scope="module")
def draws() -> xr.Dataset:
    return slt_toys.sample(PLANE, slt_toys.MALA(0.02), n_beta=1.0, chains=5, steps=300, thin=3, diagnose=False)


def test_draws_are_drawn_and_held_in_the_axes(draws):
    matplotlib.use("Agg")  # what is chosen where there is no display
    before = dict(matplotlib.rcParams)
    axes = plot(draws)
    assert all(isinstance(each, Axes) for each in axes) and len(axes) == 2 * PLANE.dimension
    assert dict(matplotlib.rcParams) == before
    lines = [line.get_ydata() for line in axes[0].get_lines()]
    assert len(lines) == 6 and np.array_equal(lines[3], draws["w"].values[3, :, 0])
    assert np.array_equal(axes[0].get_lines()[0].get_xdata(), draws["time"])
    assert [each.get_ylabel() for each in axes[::2]] == ["w1", "w2"]
    plt.close("all")


def test_draws_of_any_kind_are_drawn(draws, tmp_path):
    stage = slt_toys.Stage(WELL, slt_toys.OverdampedLangevin(0.01), 3.0, 4)
    slt_toys.write_draws(draws, tmp_path / "draws.nc")
    for each in (
        slt_toys.sample_stages([stage], chains=2, record_steps=[2, 4], seed=1),
        slt_toys.read_draws(tmp_path / "draws.nc"),
        slt_toys.draws_from_tree(slt_toys.draws_to_tree(draws)),
        slt_toys.draws_from_tree(xr.Dataset({"x": (("chain", "draw"), np.full((2, 9), np.nan))})),
        slt_toys.draws_from_tree(xr.Dataset({"x": (("chain", "draw", "k"), np.ones((40, 3, 12)))})),
    ):
        axes = plot(each)
        assert len(axes) == 2 * min(each.sizes["coordinate"], 8)
        axes[0].figure.canvas.draw()
        plt.close("all")


def test_a_table_of_phases_is_drawn():
    table = slt_toys.phase_table(WELL, [20.0, 1.0, 5.0])
    shares, energies = plot(table)
    drawn = shares.get_lines()[0]
    order = np.argsort(table["temperature"].values)
    assert np.array_equal(drawn.get_ydata(), table["occupancy"].values[order, 0])
    assert drawn.get_label() == WELL.phases[0].name and len(energies.get_lines()) == len(WELL.phases)
    plt.close("all")


@pytest.mark.parametrize("name", ["zoo", "zoo_scale_invariant_weights", "zoo_superposition_features_8"])
def test_an_experiment_is_drawn_by_its_name(name):
    record = read_record(ROOT / "figures" / f"{name}.json")
    data = dataset_of(record)
    if name != "zoo":
        experiment = experiment_named(name)
        try:
            expected = experiment().figures(data)[name]
        except KeyError:
            pytest.skip("what it draws is too large for its record")
        assert len(plot(data, name)) == len(expected.axes)
    assert len(plot(data.assign_attrs({EXPERIMENT: name}))) > 0
    with pytest.raises(ValueError, match=r"^dataset: nothing draws one with the variables"):
        plot(data)
    plt.close("all")


def test_what_an_experiment_writes_says_what_it_is(tmp_path, monkeypatch):
    made = xr.Dataset({"x": ("k", [1.0, 2.0]), "x_law": ("k", [1.0, 2.0])}, {"k": [0, 1]})
    monkeypatch.setattr(SmoothDecline, "run", lambda self: made)
    nothing = importlib.import_module("slt_toys.results.claims").Outcome("t", "i", (), ())
    monkeypatch.setattr(SmoothDecline, "outcome", lambda self, dataset: nothing)
    carry_out(SmoothDecline(out=tmp_path), draw=False)
    assert read_dataset(tmp_path / "smooth_decline.nc").attrs == {EXPERIMENT: "smooth_decline"}


def test_what_nothing_draws_is_refused_by_name(draws):
    sweep = xr.Dataset(attrs={"experiment": "phase_diagram", "failures": []})
    for dataset, experiment, message in (
        (slt_toys.summarise_draws(draws), "", r"^dataset: a diagnosis is a table, not drawn"),
        (slt_toys.diagnose(draws, PLANE), "", r"^dataset: a diagnosis is a table, not drawn"),
        (sweep, "", r"^dataset: it is of a sweep"),
        (xr.Dataset(), "", r"^dataset: nothing draws one with the variables none"),
        (xr.Dataset(), "four_way_check", r"^experiment: four_way_check has tables and no figure"),
        (
            xr.Dataset(),
            "phase_digram",
            r"^experiment: there is no figure of 'phase_digram'; do you mean phase_diagram\?",
        ),
        (xr.Dataset(), "style", r"^experiment: there is no figure of 'style'"),
        (xr.Dataset(), "../style", r"^experiment: there is no figure of"),
        (xr.Dataset(), "phase_diagram", r"^dataset: it is not what draws as phase_diagram: it lacks"),
        (3, "", r"^dataset must be an xarray Dataset, not int"),
        (xr.Dataset(), 3, r"^experiment must be a name, not int"),
    ):
        with pytest.raises(ValueError, match=message) as told:
            plot(dataset, experiment)  # pyright: ignore[reportArgumentType]
        assert "\n" not in str(told.value)
    assert not [name for name in TABLES if name in drawings()]
