"""One suite for every model of the zoo: documented, labelled, right, and able to be wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from slt_toys.zoo import ZOO, bottleneck, diagonal_linear_network, memorising_saddle
from tests.seeds import fresh_seed
from theory.equations import EQUATIONS

ROOMS = {"__init__", "__main__", "command", "experiment", "model", "study"}  # what is no model
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
    "bottleneck": {"bottleneck-passage-time"},
    "memorising_saddle": {"saddle-variance"},
    "deep_linear_pathways": {"pathway-invariant", "pathway-share-shallow", "pathway-share-thermal"},
    "diagonal_linear_network": {
        "effective-initialisation-step",
        "effective-initialisation-shift",
        "effective-initialisation-decay",
    },
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
    module = sys.modules[f"slt_toys.zoo.{model.name}"]
    text = module.__doc__ or ""
    assert "Source:" in text and "Exact:" in text and len(text.splitlines()) > 8
    assert set(re.findall(r"\[eq:([a-z-]+)\]", text)) == set(model.labels) == LAWS[model.name]
    for label in model.labels:
        assert set(EQUATIONS[label].tested_by) & {"tests/zoo/test_zoo.py", f"tests/zoo/test_{model.name}.py"}
        assert f"slt_toys/zoo/{model.name}.py" in EQUATIONS[label].used_by
    assert all(check.reason for check in model.checks if check.tolerance)


def test_every_file_is_in_the_registry():
    folder = Path(bottleneck.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - ROOMS
    assert files == {model.name for model in ZOO} and len(files) == len(ZOO)


@pytest.mark.parametrize("check", CHECKS)
def test_simulation_follows_the_law_and_no_other(check):
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
