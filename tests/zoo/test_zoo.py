"""One suite for every model of the zoo: documented, labelled, right, and able to be wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from slt_toys.zoo import ZOO, bottleneck, deep_linear_pathways, diagonal_linear_network, memorising_saddle
from tests.seeds import fresh_seed
from theory.equations import EQUATIONS

LAWS = {
    "bottleneck": {"bottleneck-passage-time"},
    "memorising_saddle": {"saddle-variance"},
    "deep_linear_pathways": {"pathway-invariant", "pathway-share-shallow", "pathway-share-thermal"},
    "diagonal_linear_network": {
        "effective-initialisation-step",
        "effective-initialisation-shift",
        "effective-initialisation-decay",
    },
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
        assert "tests/zoo/test_zoo.py" in EQUATIONS[label].tested_by
        assert f"slt_toys/zoo/{model.name}.py" in EQUATIONS[label].used_by
    assert all(check.reason for check in model.checks if check.tolerance)


def test_every_file_is_in_the_registry():
    folder = Path(bottleneck.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "model"}
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


# ---- laws by other routes ------------------------------------------------------------------------------------------
def test_passage_time_by_quadrature():
    from scipy.integrate import quad

    for drive in (0.01, 0.05, 0.7):
        time, _ = quad(lambda x, drive=drive: 1 / (drive + bottleneck.CURVING * x * x), -1, 1)
        assert bottleneck.passage_time(drive) == pytest.approx(time, rel=1e-8)


def test_thermal_share_by_a_matrix_exponential():
    """The angle's diffusion on a grid of cells with reflecting ends, in place of the cosine mode."""
    from scipy.linalg import expm

    cells, heat, strength, time = 400, 2e-3, 1.5, 150.0
    width = np.pi / 2 / cells
    rates = np.diag(np.full(cells - 1, 1.0), 1) + np.diag(np.full(cells - 1, 1.0), -1)
    rates -= np.diag(rates.sum(axis=0))
    masses = np.zeros(cells)
    masses[30] = 1.0
    share = np.sin((np.arange(cells) + 0.5) * width) ** 2
    end = expm(heat / strength / width**2 * time * rates) @ masses
    law = deep_linear_pathways.mean_share(heat, time, strength, float(share[30]))
    assert law == pytest.approx(share @ end, abs=1e-5)


def test_clean_loss_of_the_saddle_has_the_minima_and_barriers_it_claims():
    x = np.linspace(-1.2, 1.2, 100_001)
    inner, scale = memorising_saddle.BARRIER**2, memorising_saddle.CLEAN_SCALE
    loss = scale * (x**6 / 6 - (1 + inner) * x**4 / 4 + inner * x**2 / 2)
    turning = x[1:-1][np.diff(np.sign(np.diff(loss))) != 0]
    assert turning == pytest.approx([-1, -0.6, 0, 0.6, 1], abs=1e-3)
    barrier = np.interp(0.6, x, loss)
    assert barrier > 0.2 and barrier - np.interp(1.0, x, loss) > 0.15


@pytest.mark.parametrize("start", [0.3, 0.59, 0.61, 0.8])
def test_the_saddles_clean_flow_goes_to_the_side_where_it_starts(start):
    none, random = np.array([0.0]), np.random.default_rng(0)
    end = memorising_saddle._langevin(
        random, np.array([[start, 0, 0, 0]]), none, np.array([40.0]), memorising_saddle.CLEAN_SCALE, 0.02
    )
    assert end[0, 0] == pytest.approx(1.0 if start > 0.6 else 0.0, abs=1e-3)
