"""Whatever is given for any parameter of the public API: it works, or one line names the parameter.

Every name of ``slt_toys.__all__`` is called with each of its parameters in turn replaced by values of wrong kinds.
Functions of submodules are in :mod:`tests.inputs.test_arguments`, by the same rule.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
import torch

import slt_toys
from tests.inputs import test_arguments
from tests.inputs.test_arguments import BAD, CALLS, GRID, PAIR, WELL, outcome

W = sympy.Symbol("w", real=True)
X, Y = sympy.symbols("x y", real=True)
TEXT = "(w**2-1)**2 - 0.15*w"
PLANE = slt_toys.Potential.from_expression("(x**2-1)**2 - 0.15*x + 3*y**2 + x*y/5")
GATED = slt_toys.Potential.from_expression("(x**2-1)**2 + 3*y**2")
TRAINING = slt_toys.Training(64, 512, slt_toys.ConstantRate(0.05), 300.0)
ENDING = slt_toys.Ending("further", 2)
EPOCHS = np.arange(0.0, 80.0, 10.0)
STUCK = 1 / (1 + np.exp(-(EPOCHS - 35) / 6))
EXAMPLES = slt_toys.linear_regression(4)
DRAWS = slt_toys.sample(WELL, slt_toys.OverdampedLangevin(0.01), n_beta=3.0, chains=2, steps=4, diagnose=False)
MODULE, INPUTS = torch.nn.Linear(1, 1), (torch.ones(4, 1), torch.ones(4, 1))
STAGE = slt_toys.Stage(WELL, slt_toys.OverdampedLangevin(0.01), 3.0, 4)
RUN: dict[str, Any] = {"chains": 2, "seed": 1, "initial": "left", "threads": 1, "advance": None, "checkpoint": None}

FIELDS: dict[str, Any] = {
    "drift": lambda points: -points, "diffusion": lambda points: np.broadcast_to(np.eye(2), (len(points), 2, 2)),
}  # fmt: skip

# Arguments that work, for what is not called in tests.inputs.test_arguments.
DOORS: dict[str, dict[str, Any]] = {
    "ConstantRate": {"learning_rate": 0.1},
    "Ending": {"kind": "total", "epochs": 5},
    "Examples": {
        "name": "one", "loss": (W - X) ** 2, "coordinates": (W,), "columns": (X,), "data": np.ones((3, 1)),
        "potential": WELL, "population": WELL,
    },
    "GaussianGradients": {
        "potential": WELL, "variance": 1.0, "dependence": "additive", "size": 8, "factors": (1.0,),
    },
    "Potential": {
        "name": "one", "energy": WELL.energy, "coordinates": WELL.coordinates, "parameters": WELL.parameters,
        "box": WELL.box, "phases": WELL.phases, "boundary": "natural", "description": "one",
    },
    "PotentialPair": {"name": "one", "deficit": PAIR.deficit, "clean": PAIR.clean, "stuck_phase": "left"},
    "RandomWalkMetropolis": {"step_size": 0.1},
    "Stage": {"potential": WELL, "sampler": slt_toys.MALA(0.1), "n_beta": 3.0, "steps": 4},
    "additive_examples": {"potential": WELL, "variance": 1.0, "size": 8, "seed": 1, "noise": "normal"},
    "committor_score": {"potential": WELL, "temperature": 0.2, "first": "left", "second": "right"},
    "conditionals": {"potential": WELL},
    "declare_phase": {
        "energy": W**2, "coordinates": (W,), "name": "one", "minimum": (0,), "region": True, "minimum_dimension": 0,
    },
    "deep_linear_problem": {
        "widths": (2, 2, 2), "rank": 1, "examples": 100, "noise": 1.0, "minimum": "typical", "seed": 1,
        "dtype": torch.float64,
    },
    "diagnose": {"draws": DRAWS, "potential": WELL, "half_step": None},
    "draws_from_tree": {"tree": DRAWS[["w"]].isel(coordinate=0, drop=True), "variables": ("w",)},
    "draws_to_tree": {"dataset": DRAWS},
    "estimate_mean": {
        "potential": WELL, "n_beta": 1.0, "of": "w**2", "error": None, "relative_error": 0.5, "seed": 1,
        "most_chain_steps": 1e9, "threads": 1, "advance": None,
    },
    "estimate_passage_time": {
        "potential": WELL, "temperature": 0.2, "start": -1.0, "target": 1.0, "score": 0, "source": -1.0, "error": 0.9,
        "seed": 1, "threads": 1, "advance": None,
    },
    "exact_stuck_probability": {
        "pair": PAIR, "training": TRAINING, "switch_epochs": [0, 1], "ending": ENDING, "start": "equilibrium",
        "cells": 20, "coarser": 1.0, "advance": None,
    },
    "find_pair": {"name": "regular_double_well", "argument": "potential"},
    "find_potential": {"name": "regular_double_well", "argument": "potential"},
    "half_squared_error": {"outputs": torch.ones(3, 1), "targets": torch.ones(3, 1)},
    "gate": {"potential": GATED, "point": (0, 0)},
    "gate_rate": {"potential": GATED, "temperature": 0.1, "first": "left", "second": "right", "point": (0, 0)},
    "half_stuck_mass": {
        "switch_epochs": EPOCHS, "values": STUCK, "level": 0.5, "interpolation": "linear", "direction": "rising",
    },
    "law": {"label": "sgd-temperature"},
    "learning_coefficient_estimators": {
        "module": MODULE, "loss": slt_toys.half_squared_error, "data": INPUTS, "sampler": "hmc", "examples": 4,
        "n_betas": [1.0, 2.0], "localisation": 1.0, "chains": 8, "draws": 20, "thin": 1, "example_losses": True,
        "batch_norm": "frozen", "examples_at_once": 4, "seed": 1,
    },
    "least_action_path": {
        **FIELDS, "start": [0.0, 0.0], "end": [0.5, 0.0], "points": 8,
        "guess": [[0.0, 0.0], [0.2, 0.1], [0.5, 0.0]],
    },
    "linear_regression": {"size": 4, "weights": (1.0,), "label_noise": 0.5, "seed": 1},
    "local_learning_coefficient": {
        "module": MODULE, "loss": slt_toys.half_squared_error, "data": INPUTS, "sampler": "hmc", "examples": 4,
        "n_beta": 1.0, "localisation": 1.0, "chains": 2, "draws": 20, "thin": 1, "step_size": 0.1, "batch_size": None,
        "batch_norm": "frozen", "burn_in": 4, "examples_at_once": 4, "parameters": "weight", "example_losses": True,
        "callback": None, "seed": 1,
    },
    "mean_first_passage_time": {"potential": WELL, "temperature": 0.3, "start": -1.0, "target": 1.0},
    "minimum_energy_path": {
        "potential": GATED, "first": "left", "second": "right", "images": 9, "guess": [[-1.0, 0.0], [0.0, 0.1]],
    },
    "plot": {"dataset": DRAWS, "experiment": ""},
    "quasi_potential": {
        **FIELDS, "attractor": [0.0, 0.0], "box": [(-1.0, 1.0), (-1.0, 1.0)], "cells": 40,
    },
    "read_draws": {"path": "nowhere.nc"},
    "refined_passage_time": {
        "potential": PLANE, "temperature": 1.0, "start": [-1.0, 0.0], "inside": lambda points: points[..., 0] > 0.5,
        "tolerance": 0.3, "most_cells": 200_000,
    },
    "rlct": {"expression": W**4, "coordinates": (W,), "point": (sympy.S.Zero,), "prior": 1, "domain": ()},
    "saddle_rate": {"potential": PLANE, "temperature": 0.1, "first": 0, "second": 1},
    "saddles": {"potential": PLANE},
    "sample_escape_rate": {
        "potential": WELL, "sampler": slt_toys.OverdampedLangevin(0.01), "temperature": 0.3, "start": -1.0,
        "target": 1.0, "score": 0, "source": -1.0, "error": 0.9, "seed": 1, "longest_trial": 10_000, "threads": 1,
        "advance": None,
    },
    "sample_first_passage": {
        "potential": WELL, "sampler": slt_toys.OverdampedLangevin(0.01), "temperature": 0.9, "start": -1.0,
        "target": 0.0, "coordinate": 0, "chains": 2, "max_time": 1.0, "seed": 1,
    },
    "sample": {
        "potential": WELL, "sampler": slt_toys.OverdampedLangevin(0.01), "n_beta": 3.0, "steps": 4, "thin": 2,
        "diagnose": False, **RUN,
    },
    "sample_stages": {"stages": [STAGE], "record_steps": [2, 4], **RUN},
    "sampled_stuck": {
        "pair": PAIR, "training": TRAINING, "switch_epochs": [0, 1], "ending": ENDING, "chains": 4, "seed": 1,
        "start": "equilibrium", "threads": 1, "step_share": 0.5, "shortcuts": 1e-5, "advance": None,
    },
    "stuck_by_rates": {
        "pair": PAIR, "training": TRAINING, "switch_epochs": [0, 1], "ending": ENDING, "error": 1.0, "seed": 1,
        "start": "equilibrium", "threads": 1, "advance": None,
    },
    "summarise_draws": {"draws": DRAWS},
    "tabled_runs": {
        "pair": PAIR, "training": TRAINING, "switch_epochs": [0, 1], "ending": ENDING, "runs": 4,
        "record_epochs": [0, 2], "seed": 1, "start": "equilibrium", "cells": 20, "threads": 1,
    },
    "tabled_stuck": {
        "pair": PAIR, "training": TRAINING, "switch_epochs": [0, 1], "ending": ENDING, "runs": 4, "seed": 1,
        "start": "equilibrium", "cells": 20, "shortcuts": 1e-9, "threads": 1, "advance": None,
    },
    "track": {
        "checkpoints": [MODULE], "module": MODULE, "loss": slt_toys.half_squared_error, "data": INPUTS, "examples": 4,
        "n_beta": 1.0, "localisation": 1.0, "chains": 4, "draws": 20, "batch_norm": "frozen", "examples_at_once": 4,
        "folder": None, "seed": 1,
    },
    "two_phase_regression_examples": {
        "size": 8, "label_noise": 0.5, "target": sympy.Rational(3, 10), "seed": 1, "population_moments": False,
        "bounded_inputs": False,
    },
    "write_draws": {"dataset": DRAWS, "path": "draws.nc", "wall_time": 1.0},
    "Potential.from_expression": {
        "expression": TEXT, "box": (-3, 3), "phases": None, "name": "one", "argument": "expression", "parameters": None,
        "boundary": "reflecting",
    },
    "Examples.from_expression": {
        "loss": (W - X) ** 2, "columns": (X,), "data": np.ones((3, 1)), "name": "one", "build": None,
        "population": None,
    },
}  # fmt: skip
MORE_BAD = BAD | {
    "a square": np.ones((2, 2)), "a negative fraction": -0.5, "text of a number": "1.5", "a float seed": 1.0,
    "a class": dict, "a set": {1.0}, "an empty list": [], "an empty tuple": (), "nested lists": [[1.0, 2.0], [3.0]],
    "a symbol": W, "a potential": WELL, "a pair": PAIR, "a grid": GRID, "an energy": TEXT,
}  # fmt: skip


def doors() -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Every public callable with arguments that work, all its parameters among them."""
    found = {}
    for name in (*slt_toys.__all__, "Potential.from_expression", "Examples.from_expression"):
        owner, _, method = name.partition(".")
        function = getattr(slt_toys, owner)
        function = getattr(function, method) if method else function
        given = DOORS[name] if name in DOORS else CALLS[name][1]
        found[name] = function, given
    return found


FEW = ("text", "None", "nan", "a square", "a dict", "negative", "True", "an object", "beyond doubles", "nested lists")
SLOW = (
    "refined_passage_time", "local_learning_coefficient", "learning_coefficient_estimators", "deep_linear_problem",
    "track", "stuck_by_rates",
)  # fmt: skip
# What a legitimate value leads to may be told of what the value is for.
ALSO = {
    "expression": ("energy", "point"), "loss": ("expression",), "label_noise": ("expression",), "name": ("potential",),
    "first": ("phase",), "second": ("phase",), "energy": ("phase", "point"), "start": ("initial", "step_size"),
    "target": ("max_time", "longest_trial"), "stages": ("sampler",), "coordinates": ("energy", "loss", "region"),
    "temperature": ("cell",),
    "box": ("phase", "energy"), "phases": ("minimum",), "batch_size": ("sampler",), "widths": ("rank",),
}  # fmt: skip


def faults(name: str, kinds: tuple[str, ...]) -> list[str]:
    """What is wrong with how a door answers values of these kinds, for each of its parameters."""
    function, given = doors()[name]
    found = []
    for parameter in inspect.signature(function).parameters:
        for kind in kinds:
            value = MORE_BAD[kind]
            if isinstance(value, float | int) and huge(parameter, value):
                continue
            told = outcome(function, {**given, parameter: value}, parameter)
            if told and not told.startswith(f"FileNotFoundError: {parameter}"):  # as documented of a path
                found.append(f"{name}({parameter}={kind}): {told}")
    return found


def huge(parameter: str, value: float) -> bool:
    """Right, and more work than memory or time allow."""
    return value is MORE_BAD["huge"] and parameter in ("temperature", "n_beta", "hottest", "max_time")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Doors that write do so in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(test_arguments, "ALSO", test_arguments.ALSO | ALSO)


def test_every_public_name_is_called_with_all_its_parameters():
    for name, (function, given) in doors().items():
        assert set(given) <= set(inspect.signature(function).parameters), name
        if name in DOORS:
            assert set(given) == set(inspect.signature(function).parameters), name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            if name not in ("read_draws", *SLOW):
                function(**given)


@pytest.mark.parametrize("name", [name for name in doors() if name not in SLOW])
def test_a_value_of_a_wrong_kind_is_refused_in_one_line_that_names_its_parameter(name):
    assert not (found := faults(name, FEW)), "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", doors())
def test_values_of_all_kinds_work_or_are_refused_in_one_line(name):
    assert not (found := faults(name, tuple(MORE_BAD))), "\n".join(found)


def test_a_door_without_checks_is_seen(monkeypatch):
    """The control: the same functions without the checks of their arguments."""
    unchecked = slt_toys.conditionals.__wrapped__
    told = outcome(unchecked, {"potential": "w**2"}, "potential")
    assert told.startswith("AttributeError")
    assert outcome(slt_toys.conditionals, {"potential": "w**2"}, "potential") == ""


def test_walls_may_be_an_array():
    plane = "(x**2-1)**2 + y**2 - 0.15*x"
    walls = ((-2.0, 2.0), (-3.0, 3.0))
    assert slt_toys.Potential.from_expression(plane, np.array(walls)).box == walls  # type: ignore[arg-type]
    assert slt_toys.Potential.from_expression(TEXT, np.array([-2.0, 2.0])).box == ((-2.0, 2.0),)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^box must be \(low, high\) or 1 such pairs"):
        slt_toys.Potential.from_expression(TEXT, np.ones((2, 2)))  # type: ignore[arg-type]
