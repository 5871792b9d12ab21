"""Gibbs draws: blocks from the law given all others whatever went before, cut by walls or sliced where they must be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.example_catalogue import linear_regression
from slt_toys.samplers import Gibbs, sample
from slt_toys.samplers import work as engine
from tests.samplers.checks import Deviations, agree, deviation, disagree, distribution_deviation
from tests.samplers.made_posteriors import CHAINS, HIGH, LOW, between_walls, exact_cut_normal, network, swept
from tests.samplers.wrong import make_wrong

# ---- normal blocks --------------------------------------------------------------------------------------------------


def one_sweep_of_a_normal(seed: int) -> Deviations:
    """All five coordinates at once: nothing is left of a start far away."""
    potential, n_beta = linear_regression(40, (1.0, -0.5, 2.0, 0.3, 0.7), seed=3).potential, 3.0
    start = np.full((CHAINS, 5), 2.0)
    draws = swept(potential, n_beta, start, seed) - potential.minimum_point(0)
    covariance = np.linalg.inv(n_beta * potential.hessian_function()(start[0]))
    found = {f"mean {k}": deviation(draws[:, k], 0.0) for k in range(5)}
    found |= {
        f"covariance {j} {k}": deviation(draws[:, j] * draws[:, k], covariance[j, k])
        for j in range(5)
        for k in range(j + 1)
    }
    found["distribution"] = distribution_deviation(draws[:, 4], stats.norm(0, covariance[4, 4] ** 0.5).cdf)
    return found


def test_a_normal_is_drawn_in_one_sweep(seed):
    agree(one_sweep_of_a_normal(seed))


@pytest.mark.parametrize(
    "changes",
    [{"spread = np.sqrt(temperature)": "spread = 1.1 * np.sqrt(temperature)"}, {" - h4_0 * b4": ""}, {"-g3 ": "g3 "}],
    ids=["noise", "factor", "slope"],
)
def test_a_wrong_normal_is_caught(changes, seed, monkeypatch):
    potential = linear_regression(40, (1.0, -0.5, 2.0, 0.3, 0.7), seed=3).potential
    make_wrong(monkeypatch, Gibbs(), potential, changes)
    disagree(one_sweep_of_a_normal(seed))


def network_law(seed: int, chains: int = 40_000, sweeps: int = 60) -> Deviations:
    """Two layers: moments that stationarity alone fixes, Σ_k <x_k ∂_k L> = d/nβ over either layer, and over neither."""
    potential, n_beta = network(), 3.0
    draws = swept(potential, n_beta, np.random.default_rng(seed).standard_normal((chains, 4)), seed, sweeps)
    slopes = potential.gradient_function()(draws)
    virial = draws * slopes
    found = {f"virial {k}": deviation(virial[:, k], 1 / n_beta) for k in range(4)}
    found["crossed"] = deviation(draws[:, 0] * slopes[:, 2], 0.0)
    radius = (draws**2).sum(axis=1)
    found["quartic"] = deviation(radius * virial[:, 1] - (radius + 2 * draws[:, 1] ** 2) / n_beta, 0.0)
    return found


def test_layers_in_turn_have_the_joint_law(seed):
    """Integration by parts under exp(-nβ L): <f ∂_k L> = <∂_k f>/nβ for any f."""
    agree(network_law(seed))


@pytest.mark.parametrize("what", ["noise", "only one layer's slope"])
def test_a_wrong_joint_law_is_caught(what, seed, monkeypatch):
    changes = {
        "noise": {"spread = np.sqrt(temperature)": "spread = 1.1 * np.sqrt(temperature)"},
        "only one layer's slope": {"f0 = (-g0)": "f0 = (-0.7 * g0)"},
    }[what]
    make_wrong(monkeypatch, Gibbs(), network(), changes)
    disagree(network_law(seed))


# ---- between walls --------------------------------------------------------------------------------------------------
# Curvature a and slope b of (a w² + b w)/T between walls at -1 and 2, over every kind of proposal and their edges.
REGIMES = {
    "bell inside": (8.0, 1.0), "bell at the left wall": (3.0, 6.1), "bell at the right wall": (3.0, -12.1),
    "bell beyond the left wall": (3.0, 8.0), "bell beyond the right wall": (3.0, -14.0),
    "wide bell": (0.2, -0.1), "wide bell off its place": (0.3, -0.2),
    "wide bell at a wall": (0.2, 0.39), "bell at the limit": (0.3473, 0.0),
    "wide bell at the far wall": (0.3, -1.15), "wide bell at the far wall, at the limit": (0.347, -1.38),
    "steep left": (0.5, 40.0), "steep right": (0.5, -40.0), "needle": (1e6, 1e5), "needle at a wall": (1e6, 2e6),
    "exponential": (0.0, 5.0), "nearly flat exponential": (0.0, -0.49), "just not flat": (0.0, 0.51),
    "uniform": (0.0, 0.0), "nearly uniform": (1e-9, -1e-9), "cliff": (1e-6, 1e5),
}  # fmt: skip


@pytest.mark.parametrize("name", REGIMES)
def test_a_normal_cut_by_walls_is_drawn_in_one_sweep(name, seed):
    a, b = REGIMES[name]
    law = exact_cut_normal(a, b)
    draws = swept(between_walls(a, b), 1.0, np.full((CHAINS, 1), 1.9), seed)[:, 0]
    assert draws.min() >= LOW and draws.max() <= HIGH
    uniforms = law.cdf(draws)
    agree({
        "distribution": distribution_deviation(draws, law.cdf),
        "mean of the ranks": deviation(uniforms, 0.5),
        "square of the ranks": deviation(uniforms**2, 1 / 3),
        "low tail": deviation((uniforms < 0.02).astype(float), 0.02),
        "high tail": deviation((uniforms > 0.98).astype(float), 0.02),
    })  # fmt: skip


WRONG_WALLS = [
    ("bell inside", {"0.5 / a": "0.7 / a"}),
    ("wide bell", {"(peak if": "(0.0 * peak if"}),
    ("wide bell at the far wall", {"peak = 0.25": "peak = 0.2"}),
    ("wide bell at the far wall, at the limit", {"peak = 0.25": "peak = 0.22"}),
    ("wide bell at the far wall", {"peak = 0.25 * low_slope * low_slope": "peak = 0.25 * high_slope * high_slope"}),
    ("wide bell off its place", {"(-low_slope if interior": "(-0.4 * low_slope if interior"}),
    ("steep left", {"reach = 1.0 / rate": "reach = 1.1 / rate"}),
    ("steep right", {"-high_slope if rising": "-0.8 * high_slope if rising"}),
    ("exponential", {"slope = slope * cold": "slope = 1.1 * slope * cold"}),
    ("bell beyond the left wall", {"8.0 * a": "0.0 * a"}),
    ("bell beyond the right wall", {"missed = at < -1.0 or": "missed = at < 1.5 or"}),
    ("nearly flat exponential", {"log_uniform > away": "log_uniform > 0.0 * away"}),
]


@pytest.mark.parametrize(
    ("name", "changes"), WRONG_WALLS, ids=[f"{name} {next(iter(by.values()))}" for name, by in WRONG_WALLS]
)
def test_a_wrong_cut_is_caught(name, changes, seed, monkeypatch):
    a, b = REGIMES[name]
    make_wrong(monkeypatch, Gibbs(), between_walls(a, b), changes)
    draws = swept(between_walls(a, b), 1.0, np.full((CHAINS, 1), 1.9), seed)[:, 0]
    disagree({"distribution": distribution_deviation(draws, exact_cut_normal(a, b).cdf)})


# ---- bits, refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [network, lambda: find_potential("normal_crossing"),
                                  lambda: find_potential("barrier_spectrum")])  # fmt: skip
def test_bits_do_not_depend_on_threads_chunks_or_thinning(make, monkeypatch):
    potential = make()
    common: dict = {"n_beta": 2.0, "chains": 150, "seed": 5, "steps": 30, "diagnose": False}
    draws = sample(potential, Gibbs(), thin=1, threads=1, **common)["w"].values
    assert np.isfinite(draws).all() and len(np.unique(draws[:, -1])) > 140
    monkeypatch.setattr(engine, "CHUNK", 64 * 7 * potential.dimension)
    monkeypatch.setattr(engine, "BLOCKS_AT_ONCE", 1)
    cut = sample(potential, Gibbs(), thin=3, threads=2, **common)["w"].values
    assert np.array_equal(draws[:, 2::3], cut)


@pytest.mark.parametrize("width", [0.0, -1.0, np.inf, np.nan])
def test_a_bad_width_is_refused(width):
    with pytest.raises(ValueError, match="slice_width must be positive and finite") as caught:
        Gibbs(width)
    assert "\n" not in str(caught.value)
