"""The guide's model of twenty lines is a model: it conforms, is listed, shown and run, all by its one file."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from figures.zoo_model import draw
from slt_toys.results import recipe
from slt_toys.zoo import experiment
from tests.seeds import fresh_seed
from tests.zoo.test_zoo import assert_describes_itself, assert_follows_its_law

GUIDE = (Path(__file__).parents[2] / "docs" / "adding_a_model.md").read_text(encoding="utf-8")
NAME = "slt_toys.zoo.noisy_quadratic"


def block(name: str) -> str:
    (found,) = re.findall(rf"<!-- {name} -->\n```python\n(.*?)```\n<!-- /{name} -->", GUIDE, re.DOTALL)
    return found


@pytest.fixture
def module(monkeypatch) -> ModuleType:
    made = ModuleType(NAME)
    made.__package__ = "slt_toys.zoo"
    source = block("model")
    made.__doc__ = source.split('"""')[1]
    exec(compile(source, NAME, "exec"), made.__dict__)
    monkeypatch.setitem(sys.modules, NAME, made)
    return made


def test_it_has_twenty_lines():
    _, _, code = block("model").split('"""', 2)
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 20


def test_it_conforms(module):
    assert_describes_itself(module.MODEL)
    for check in module.MODEL.checks:
        assert_follows_its_law(check)
        with pytest.raises(AssertionError):
            assert_follows_its_law(replace(check, expected=check.wrong))
        with pytest.raises(AssertionError):
            assert_follows_its_law(replace(check, wrong=check.expected))
    seed = fresh_seed()
    assert np.array_equal(module.simulate(seed, 10, 5)[0], module.simulate(seed, 10, 5)[0])


def test_it_runs_with_its_study(module, monkeypatch, tmp_path):
    exec(compile(block("study"), NAME, "exec"), module.__dict__)
    model = replace(module.MODEL, study=module.STUDY)
    monkeypatch.setattr(experiment, "ZOO", (*experiment.ZOO, model))
    assert "| noisy_quadratic | A weight in a quadratic well" in experiment.listing()
    assert "Run it: python -m slt_toys.zoo run noisy_quadratic" in experiment.shown(model)
    record = recipe.carry_out(experiment.experiment_of("noisy_quadratic")(seed=1, out=tmp_path))
    assert {path.suffix for path in tmp_path.iterdir()} == {".nc", ".json", ".md", ".png", ".svg"}
    (row,) = next(table for table in record["tables"] if table["name"] == "what_controls_it")["rows"]
    assert row[0] == "batch size" and row[-1].startswith("yes: -0.9")


def test_a_model_without_a_law_cannot_be_drawn():
    with pytest.raises(ValueError, match="dataset has no variable NAME along one dimension with a NAME_law"):
        draw(xr.Dataset({"x": ("y", [1.0])}))


def test_axes_tell_units_and_are_logarithmic_where_wide():
    data = xr.Dataset({"x": ("y", [1.0, 50.0], {"units": "steps"}), "x_law": ("y", [1.0, 49.0])}, {"y": [0.0, 1.0]})
    (axes,) = draw(data).axes
    assert axes.get_ylabel() == "x [steps]" and axes.get_yscale() == "log" and axes.get_xscale() == "linear"
