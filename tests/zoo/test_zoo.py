"""One suite for every model of the zoo: documented, labelled, right, and able to be wrong."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from slt_toys.zoo import ZOO, bottleneck, diagonal_linear_network, memorising_saddle
from slt_toys.zoo.command import ZooAnswers
from slt_toys.zoo.experiment import ABSENT, STUDIED, find_model, study_of
from slt_toys.zoo.study import Influence
from tests.seeds import fresh_seed
from theory.equations import EQUATIONS

ROOT = Path(__file__).parents[2]
ROOMS = {
    "__init__",
    "__main__",
    "attention_module",
    "attention_network",
    "command",
    "exclusive_or",
    "decayed_network",
    "effort_network",
    "experiment",
    "local_fields",
    "model",
    "rounds",
    "study",
    "superposition_deficit",
    "superposition_kinetics",
    "superposition_loss",
    "superposition_odds",
    "superposition_posterior",
    "superposition_report",
    "superposition_sizes",
    "superposition_training",
}  # what is no model
LAWS = {
    "insight": {"gate-drift", "insight-time"},
    "generalisation_dynamics": {
        "spectral-density",
        "mode-error",
        "frozen-error",
        "final-error-many",
        "final-error-few",
        "peak-growth",
        "optimal-ridge-error",
    },
    "double_descent": {"feature-risk-step", "feature-risk-flow", "feature-best-time", "ridge-alignment"},
    "batch_double_descent": {"minibatch-variance-step", "streaming-moment-step", "streaming-stationary-loss"},
    "coopetition": {"tensor-loss", "overlap-step", "square-norm-step"},
    "generalisation_at_temperature": {
        "gibbs-generalisation-error",
        "gibbs-training-error",
        "bayes-generalisation-error",
        "bayes-training-error",
        "wbic-mean",
        "gaussian-mean-bayes-error",
        "gaussian-mean-gibbs-error",
        "gaussian-mean-fluctuation",
        "regression-gibbs-error",
        "one-sided-fluctuation",
    },
    "generalisation_phases": {"live-length-density", "live-free-energy"},
    "semantic_development": {
        "mode-strength",
        "mode-half-time",
        "initial-mode-strength",
        "tree-singular-value",
        "feature-strength",
        "illusory-strength",
    },
    "teacher_student": {
        "field-slope-product",
        "field-product",
        "field-drift",
        "field-noise",
        "overlap-noise",
        "spare-units-error",
        "shared-units-error",
        "thermal-student-error",
    },
    "bottleneck": {"bottleneck-passage-time"},
    "memorising_saddle": {"saddle-variance"},
    "deep_linear_pathways": {"pathway-invariant", "pathway-share-shallow", "pathway-share-thermal"},
    "diagonal_linear_network": {
        "effective-initialisation-step",
        "effective-initialisation-shift",
        "effective-initialisation-decay",
    },
    "matrix_completion": {"layer-balance-step", "balanced-mode-growth"},
    "small_networks": {"regularised-descent-contraction"},
    "in_context_transience": {"copied-share", "readout-drift", "score-drift", "memorising-time"},
    "energy_entropy": {
        "two-well-odds",
        "two-well-odds-flat-noise",
        "undersampling-crossing",
        "imbalance-step",
        "label-noise-slope",
        "imbalance-diffusion",
    },
    "neural_race": {
        "mode-strength",
        "xor-pathway-loss",
        "route-growth",
        "shared-route-rate",
        "dedicated-route-rate",
        "race-constant",
    },
    "subtask_discovery": {"controlled-chance", "desirability"},
    "superposition": {
        "active-square",
        "active-moment",
        "polygon-loss",
        "dead-feature-loss",
        "eyring-kramers-saddle",
    },
    "grokking_as_escape": {
        "aligned-mode-loss",
        "weak-decay-barrier",
        "aligned-escape-speedup",
        "stepped-temperature",
    },
    "scale_invariant_weights": {
        "norm-step",
        "norm-equilibrium",
        "norm-relaxation",
        "self-set-temperature",
        "mean-alignment",
    },
    "learning_effort": {"unaided-weight", "last-effort", "geared-mode-strength"},
    "logistic_pathways": {"logistic-flow-time", "logistic-fisher-trace", "logistic-pathway-share"},
}
CHECKS = [
    pytest.param(check, id=f"{model.name}: {check.name}", marks=[pytest.mark.slow] if check.slow else [])
    for model in ZOO
    for check in model.checks
]


@pytest.mark.parametrize("model", ZOO, ids=lambda model: model.name)
def test_a_model_says_what_it_is(model):
    """Equations and source stand in the docstring, every label is there, derived, and tested by this file."""
    assert_describes_itself(model)
    for label in model.labels:
        assert f"slt_toys/zoo/{model.name}.py" in EQUATIONS[label].used_by
        assert label in LAWS.get(model.name, ()) or EQUATIONS[label].tested_by
    assert set(LAWS.get(model.name, ())) <= set(model.labels)


def test_every_file_is_in_the_registry():
    folder = Path(bottleneck.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - ROOMS
    assert files == {model.name for model in ZOO} and len(files) == len(ZOO)


@pytest.mark.parametrize("check", CHECKS)
def test_simulation_follows_the_law_and_no_other(check):
    assert_follows_its_law(check)


@pytest.mark.parametrize("name", [model.name for model in STUDIED])
def test_a_run_costs_no_more_than_its_limit(name):
    """By the committed record; all together take less than ten minutes."""
    record = json.loads((ROOT / "figures" / f"zoo_{name}.json").read_text(encoding="utf-8"))
    assert record["manifest"]["cpu_time_seconds"] <= study_of(find_model(name)).most_seconds


def test_all_runs_together_take_less_than_ten_minutes():
    record = json.loads((ROOT / "figures" / "zoo.json").read_text(encoding="utf-8"))
    assert record["manifest"]["wall_time_seconds"] < 600


def test_the_table_of_the_zoo_has_every_model_that_was_run(tmp_path, monkeypatch):
    """The command once ran every model for minutes and could not keep their answers by the models."""
    answer = Influence("temperature", "from 1 to 2", "end (epochs)", 1.0, 2.0, 0.0, 0.0, 1.0)
    answers = SimpleNamespace(influences=lambda data: [answer])
    monkeypatch.setattr("slt_toys.zoo.rounds.run_each", lambda *asked: None)
    monkeypatch.setattr("slt_toys.results.records.read_dataset", lambda path: xr.Dataset())
    monkeypatch.setattr("slt_toys.zoo.experiment.study_of", lambda model: answers)
    made = ZooAnswers(out=tmp_path).run()
    assert list(made["model"].values) == [model.name for model in STUDIED]


@pytest.mark.parametrize("model", STUDIED, ids=lambda model: model.name)
def test_a_study_asks_of_each_of_its_controls(model):
    """By the committed record of all: a model with a study has a row, and each of its answers a sentence."""
    record = json.loads((ROOT / "figures" / "zoo.json").read_text(encoding="utf-8"))
    (table,) = record["tables"]
    (row,) = [row for row in table["rows"] if row[0] == model.name]
    assert any(cell != ABSENT for cell in row[1:])


def assert_describes_itself(model):
    """Equations and source stand in the docstring, every label is derived, every tolerance has its reason."""
    text = sys.modules[f"slt_toys.zoo.{model.name}"].__doc__ or ""
    assert "Source:" in text and "Exact:" in text and len(text.splitlines()) > 6
    assert set(re.findall(r"\[eq:([a-z-]+)\]", text)) == set(model.labels) <= set(EQUATIONS)
    assert model.checks and all(check.reason for check in model.checks if check.tolerance)


def assert_follows_its_law(check):
    """Within five standard errors, for any seed, and beyond twelve of the law that is not its own."""
    expected, wrong = np.asarray(check.expected()), np.asarray(check.wrong())
    values, errors = check.simulate(fresh_seed())
    assert values.shape == expected.shape == errors.shape == wrong.shape
    assert np.isfinite(values).all() and (errors >= 0).all()
    assert (np.abs(values - expected) <= 5 * errors + check.tolerance).all(), (values, expected, errors)
    assert (np.abs(values - wrong) > 12 * errors + check.tolerance).any(), (values, wrong, errors)


def test_the_same_seed_gives_the_same_bits():
    one, two = (memorising_saddle.simulate([1e-3] * 4, [1.0] * 4, 2, 50, [3, 1]) for _ in range(2))
    assert np.array_equal(one, two)
    data = diagonal_linear_network.problem(1)
    one, two = (diagonal_linear_network.train(data, 0.1, 0.03, 50, 2, seed=5) for _ in range(2))
    assert np.array_equal(one.u, two.u) and not np.array_equal(
        one.u, diagonal_linear_network.train(data, 0.1, 0.03, 50, 2, seed=6).u
    )
