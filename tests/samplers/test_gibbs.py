"""Gibbs draws: blocks from the law given all others whatever went before, cut by walls or sliced where they must be."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import pytest
import sympy
from scipy import integrate, stats

from slt_toys.kernels import gibbs as kernels_gibbs
from slt_toys.potentials.catalogue import POTENTIAL_NAMES, find_potential
from slt_toys.potentials.conditionals import conditionals
from slt_toys.potentials.example_catalogue import linear_regression
from slt_toys.potentials.phases import Phase
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import Gibbs, sample
from slt_toys.samplers import run as engine
from tests.samplers.checks import Array, Deviations, agree, deviation, disagree, distribution_deviation
from tests.samplers.wrong import make_wrong
from tests.seeds import fresh_generator

CHAINS = 50_000
Boundary = Literal["natural", "reflecting"]
HALF = sympy.Rational(1, 2)


def potential_of(energy: sympy.Expr, names: str, box, boundary: Boundary = "natural", **parameters: float) -> Potential:
    coordinates = sympy.symbols(names, real=True, seq=True)
    phase = Phase("whole", (sympy.S.Zero,) * len(coordinates), sympy.true, sympy.S.Zero, HALF * len(coordinates))
    values = tuple((name, sympy.nsimplify(value)) for name, value in parameters.items())
    return Potential("test", energy, coordinates, values, (box,) * len(coordinates), (phase,), boundary)


def swept(
    potential: Potential, n_beta: float, start: Array, seed: int | list[int], sweeps: int = 1, width=None
) -> Array:
    return sample(
        potential, Gibbs(width), n_beta=n_beta, chains=len(start), steps=sweeps, thin=sweeps, seed=seed, initial=start,
        diagnose=False,
    )["w"].values[:, 0]  # fmt: skip


# ---- normal blocks --------------------------------------------------------------------------------------------------
@lru_cache
def network() -> Potential:
    """Two layers of a linear network with weight decay: each layer is normal given the other."""
    a1, a2, b1, b2 = sympy.symbols("a1 a2 b1 b2", real=True)
    fit = (a1 * b1 + a2 * b2 - 1) ** 2 + (a1 * b2 - HALF) ** 2
    return potential_of(fit + (a1**2 + a2**2 + b1**2 + b2**2) / 5, "a1 a2 b1 b2", (-9.0, 9.0))


def test_blocks_are_as_few_as_it_takes_and_normal_where_they_can_be():
    kinds = [(found.kind, [s.name for s in found.coordinates]) for found in conditionals(network())]
    assert kinds == [("normal", ["a1", "a2"]), ("normal", ["b1", "b2"])]
    regression = linear_regression(40, (1.0, -0.5, 2.0), seed=3).potential
    assert [found.kind for found in conditionals(regression)] == ["normal"]
    for name in POTENTIAL_NAMES:
        potential = find_potential(name)
        drawn = [s for found in conditionals(potential) for s in found.coordinates]
        assert sorted(s.name for s in drawn) == sorted(s.name for s in potential.coordinates)
    expected = {
        "normal_crossing": "truncated normal", "flat_directions": "truncated normal", "cusp": "no closed form",
        "regular_double_well": "no closed form",
    }  # fmt: skip
    for name, kind in expected.items():
        assert {found.kind for found in conditionals(find_potential(name))} == {kind}
    # A curvature that may be negative between walls is no normal's, unless its parameter is known to be positive.
    w1, w2, p = sympy.symbols("w1 w2 p", real=True)
    for value, kind in ((1, "truncated normal"), (-1, "no closed form")):
        found = conditionals(potential_of(p * w1**2 * w2**2 + w2**4, "w1 w2", (-1.0, 1.0), "reflecting", p=value))
        assert [one.kind for one in found] == [kind, "no closed form"]


@pytest.mark.parametrize("make", [network, lambda: linear_regression(40, (1.0, -0.5, 2.0), seed=3).potential])
def test_mean_and_covariance_are_those_of_the_conditional(make):
    """Against the energy's own slopes and curvatures at a point nobody chose."""
    potential, random = make(), fresh_generator()
    point = random.standard_normal(potential.dimension)
    values = dict(zip(potential.coordinates, point, strict=True))
    for found in conditionals(potential):
        own = [potential.coordinates.index(s) for s in found.coordinates]
        mean = np.array(found.mean().subs(values), dtype=float).ravel()
        covariance = np.array(found.covariance_per_temperature().subs(values), dtype=float)
        at_mean = point.copy()
        at_mean[own] = mean
        np.testing.assert_allclose(potential.gradient_function()(at_mean)[own], 0, atol=1e-9)
        hessian = potential.hessian_function()(point)[np.ix_(own, own)]
        np.testing.assert_allclose(covariance @ hessian, np.eye(len(own)), atol=1e-9)


def test_what_has_no_normal_form_is_refused():
    (found,) = conditionals(find_potential("regular_double_well"))
    for method in (found.mean, found.covariance_per_temperature):
        with pytest.raises(ValueError, match="conditional of w has no normal form: the energy is not of degree two"):
            method()


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
LOW, HIGH = -1.0, 2.0


def between_walls(a: float, b: float) -> Potential:
    w, p, q = sympy.symbols("w p q", real=True)
    return potential_of(p * w**2 + q * w, "w", (LOW, HIGH), "reflecting", p=a, q=b)


def exact_cut_normal(a: float, b: float):
    """scipy's laws, of which the far tail of a normal is an exponential to rounding."""
    if a > 0 and abs(b) < 1e4 * a:
        deviation, mean = (0.5 / a) ** 0.5, -0.5 * b / a
        return stats.truncnorm((LOW - mean) / deviation, (HIGH - mean) / deviation, mean, deviation)
    if b == 0:
        return stats.uniform(LOW, HIGH - LOW)
    falling = stats.truncexpon(abs(b) * (HIGH - LOW), 0, 1 / abs(b))

    class Reflected:
        def cdf(self, x):
            return falling.cdf(x - LOW) if b > 0 else 1 - falling.cdf(HIGH - x)

    return Reflected()


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


def test_normals_cut_by_walls_are_drawn_in_every_regime(seed):
    # Curvatures and slopes over the borders of all proposals, one chain in each hundred for each pair.
    found = {}
    for row, a in enumerate([0.0, *np.geomspace(0.02, 20.0, 10)]):
        for column, place in enumerate(np.linspace(-1.5, 2.5, 9)):
            b = -2 * a * place if a else 3 * (place - 0.5)
            draws = swept(between_walls(a, b), 1.0, np.full((2048, 1), 1.9), [seed, row, column])[:, 0]
            uniforms = exact_cut_normal(a, b).cdf(draws)
            for power in (1, 2):
                found[f"{a:.3g}, {b:.3g}: ranks^{power}"] = deviation(uniforms**power, 1 / (1 + power))
    agree(found)


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


def acceptance(fall: float, a: float, width: float) -> float:
    """Share of proposals from a wall that are accepted, by quadrature; the density falls as exp(-fall y - a y²)."""
    rate = (fall + np.sqrt(fall**2 + 8 * a)) / 2
    mass = integrate.quad(lambda y: np.exp(-fall * y - a * y * y), 0, width, points=[min(width, 5 / max(rate, 1e-9))])
    if rate * width < kernels_gibbs._UNIFORM_BELOW:
        return mass[0] / width
    best = min(1 / rate, width)
    return mass[0] * rate / np.exp(a * best * (2 / rate - best))


def test_two_of_five_proposals_are_accepted_at_least():
    shares = [acceptance(s, a, 1.0) for s in [0.0, *np.geomspace(1e-3, 1e3, 25)] for a in np.geomspace(1e-4, 1e4, 33)]
    assert 0.4 < min(shares) < 0.6 and max(shares) <= 1 + 1e-9
    # About a mean between the walls, which may stand at one of them.
    above, least = kernels_gibbs._NORMAL_ABOVE, []
    for share in np.linspace(0, 1, 21):
        inside = stats.norm.cdf((1 - share) * above) - stats.norm.cdf(-share * above)
        least += [inside, inside * np.sqrt(2 * np.pi) / above]
    assert min(least) > 0.4


# ---- slices ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [0.3, 2.0, 50.0])
def test_the_width_of_a_slice_changes_nothing(width, seed):
    """Stepped out from narrow, and shrunk from wide, starting from the exact law of an energy that is no polynomial."""
    w = sympy.Symbol("w", real=True)
    energy = w**2 / 2 + sympy.sin(2 * w) ** 2
    potential = potential_of(energy, "w", (-12.0, 12.0))
    grid = np.linspace(-9, 9, 40_001)
    weights = np.exp(-potential.energy_function()(grid[:, None]))
    sums = np.cumsum(weights) - weights / 2
    sums /= weights.sum()
    random = np.random.default_rng(seed)
    start = np.interp(random.random((CHAINS, 1)), sums, grid)
    draws = swept(potential, 1.0, start, seed, 5, width)[:, 0]
    assert (draws != start[:, 0]).mean() > 0.99
    agree({
        "distribution": distribution_deviation(draws, lambda x: np.interp(x, grid, sums)),
        "energy": deviation(potential.energy_function()(draws[:, None]),
                            float(weights @ potential.energy_function()(grid[:, None]) / weights.sum())),
    })  # fmt: skip


def test_wide_slices_find_the_other_well(seed):
    """At a temperature where a local sampler is stuck for 10⁵ steps."""
    potential = find_potential("regular_double_well")
    draws = swept(potential, 12.0, np.full((CHAINS, 1), 1.0), seed, 400)
    narrow = swept(potential, 12.0, np.full((CHAINS, 1), 1.0), seed, 400, 0.2)
    assert (draws < 0).mean() > 0.001 and (narrow < 0).mean() < (draws < 0).mean() / 2


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
