"""Ladders of temperatures: acceptances in closed form, by brute force and from draws; fewest and equal steps."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import sympy
from scipy import optimize, stats

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.temperature_ladder import (
    TemperatureLadder,
    ladder_from_energies,
    swap_acceptance,
    temperature_ladder,
)
from slt_toys.potentials.catalogue import curve_against_point, find_potential, regular_double_well
from slt_toys.potentials.potential import Phase, Potential
from slt_toys.reference.laws import law
from tests.seeds import fresh_seed


@pytest.fixture
def seed() -> int:
    """A seed nobody chose: what is tested holds for any."""
    number = fresh_seed()
    print(f"seed {number}")
    return number


def in_closed_form(learning_coefficient: float, cold: float, hot: float) -> float:
    return law("swap-acceptance-phase")(
        learning_coefficient=learning_coefficient, cold_temperature=cold, hot_temperature=hot
    )


def sum_of_squares(dimension: int) -> Potential:
    w = sympy.symbols(f"w1:{dimension + 1}", real=True)
    phase = Phase("whole", (sympy.S.Zero,) * dimension, sympy.true, sympy.S.Zero, sympy.Rational(dimension, 2))
    return Potential("squares", sympy.Add(*(v**2 for v in w)), tuple(w), (), ((-5.0, 5.0),) * dimension, (phase,))


def hole(sharpness: float) -> Potential:
    """A narrow hole of depth 5 in a wide shallow well: the loss jumps at one temperature."""
    w = sympy.Symbol("w", real=True)
    energy = 5 * (1 - sympy.exp(-((sharpness * w) ** 2))) + w**2 / 100
    phase = Phase("hole", (sympy.S.Zero,), sympy.true, sympy.S.Zero, sympy.Rational(1, 2))
    return Potential("hole", energy, (w,), (), ((-4.0, 4.0),), (phase,), "reflecting")


def brute_force(losses: np.ndarray, volumes: np.ndarray, cold: float, hot: float) -> float:
    """Mean acceptance: a double sum of probabilities times min(1, e^(Δ(x-y))) over all pairs of cells.

    [eq:swap-acceptance] is the same with the symmetry of the two laws used.
    """
    p, q = (volumes * np.exp(-(losses - losses.min()) / t) for t in (cold, hot))
    accepted = np.exp(np.minimum(0.0, (1 / cold - 1 / hot) * (losses[:, None] - losses[None, :])))
    return float(p / p.sum() @ accepted @ (q / q.sum()))


# ---- acceptance ------------------------------------------------------------------------------------------------------
HOMOGENEOUS = {"w**2": 1 / 2, "w**4": 1 / 4, "w**6": 1 / 6, "x**2 + y**2": 1, "x**4 + y**4": 1 / 2}
COUPLED = {"x**2 + (x + y)**2": 1, "(x + y)**4 + (x - y)**4": 1 / 2, "x**2 + (x + y)**4": 3 / 4}


@pytest.mark.parametrize("ratio", [1.0, 1.3, 5.0, 100.0, 3000.0])
@pytest.mark.parametrize("energy", [*HOMOGENEOUS, *COUPLED])
def test_homogeneous_phases_have_the_closed_form(energy, ratio):
    """[eq:swap-acceptance-phase], to what is promised, at any ratio of temperatures."""
    potential = Potential.from_expression(energy, box=(-4, 4))
    learning_coefficient = (HOMOGENEOUS | COUPLED)[energy]
    found = swap_acceptance(potential, 0.2 / ratio, 0.2)
    promised = 2e-4 if energy in COUPLED else 1e-5
    assert found == pytest.approx(in_closed_form(learning_coefficient, 0.2 / ratio, 0.2), abs=promised)
    if ratio > 1:  # Negative control: another learning coefficient.
        other = in_closed_form(0.9 * learning_coefficient, 0.2 / ratio, 0.2)
        assert abs(found - other) > 2.5 * promised or found < 0.01


@pytest.mark.parametrize("cold", [0.02, 0.1, 0.4])
def test_two_phases_against_a_double_sum(cold):
    potential = regular_double_well()
    (low, high), count = potential.box[0], 3000
    edges = np.linspace(low, high, count + 1)
    losses = potential.energy_function()(((edges[1:] + edges[:-1]) / 2)[:, None])
    direct = brute_force(losses, np.ones(count), cold, 3 * cold)
    found = swap_acceptance(potential, cold, 3 * cold)
    assert found == pytest.approx(direct, abs=3e-5)
    # Negative control: a slightly longer step.
    assert direct - swap_acceptance(potential, cold, 3.1 * cold) > 3e-3


@pytest.mark.parametrize("potential", [curve_against_point(), find_potential("barrier_spectrum")], ids=lambda p: p.name)
def test_two_phases_against_exact_draws(potential, seed):
    cold, hot, size = 0.1, 0.14, 40_000
    energy = potential.energy_function()
    x, y = (energy(draw_exact(potential, 1 / t, size, (seed, k))) for k, t in enumerate((cold, hot)))
    accepted = np.exp(np.minimum(0.0, (1 / cold - 1 / hot) * (x - y)))
    error = accepted.std(ddof=1) / math.sqrt(size)
    found = swap_acceptance(potential, cold, hot)
    assert abs(accepted.mean() - found) < 5 * error
    # Negative control: the same gap elsewhere.
    assert abs(accepted.mean() - swap_acceptance(potential, cold, 1.2 * hot)) > 12 * error


def test_a_well_narrower_than_the_first_cells():
    potential, cold, hot = hole(1000.0), 0.5, 0.8
    edges = np.concatenate([[0.0], np.geomspace(1e-7, 4, 2500)])
    middle = (edges[1:] + edges[:-1]) / 2
    direct = brute_force(potential.energy_function()(middle[:, None]), np.diff(edges), cold, hot)
    found = swap_acceptance(potential, cold, hot)
    assert found == pytest.approx(direct, abs=2e-4)
    # Negative control: equal cells, of which the hole fills one or two.
    even = np.linspace(-4, 4, 4000)
    raster = brute_force(potential.energy_function()(even[:, None]), np.ones(4000), cold, hot)
    assert abs(raster - found) > 0.01
    assert swap_acceptance(regular_double_well(), 1e-8, 3e-8) == pytest.approx(in_closed_form(0.5, 1, 3), abs=1e-5)


def test_many_components_are_nearly_normal():
    """[eq:swap-acceptance-normal] with σ² at the geometric mean of the temperatures, up to one over their number."""
    off = []
    for dimension in (8, 32):
        cold, hot = 0.1, 0.1 * math.exp(1.2 / math.sqrt(dimension / 2))
        deviation, gap = math.sqrt(dimension / 2 * cold * hot), 1 / cold - 1 / hot
        found = swap_acceptance(sum_of_squares(dimension), cold, hot)
        assert found == pytest.approx(in_closed_form(dimension / 2, cold, hot), abs=1e-5)
        off.append(found - law("swap-acceptance-normal")(energy_deviation=deviation, inverse_temperature_gap=gap))
    assert abs(off[1]) < 8e-3
    assert off[0] / off[1] == pytest.approx(4, rel=0.02)


# ---- ladders ---------------------------------------------------------------------------------------------------------


def longest_steps(potential: Potential, coldest: float, hottest: float, acceptance: float) -> int:
    """Pairs that steps need which each go as far as the acceptance allows."""
    reached, pairs = coldest, 0
    while reached < hottest:
        pairs += 1
        if swap_acceptance(potential, reached, hottest) >= acceptance:
            return pairs
        reached = optimize.brentq(
            lambda t, start=reached: swap_acceptance(potential, start, t) - acceptance, reached, hottest, xtol=1e-9
        )
    return pairs


LADDERS = [("regular_double_well", 0.01, 0.5), ("monomial_well", 0.001, 0.8), ("narrow_against_wide", 0.03, 0.7),
           ("curve_against_point", 0.05, 0.4), ("hole", 0.1, 0.6)]  # fmt: skip


@pytest.mark.parametrize(("name", "coldest", "acceptance"), LADDERS)
def test_all_pairs_accept_alike_and_fewer_could_not(name, coldest, acceptance):
    potential = hole(30.0) if name == "hole" else find_potential(name)
    hottest = 0.1 + 0.2 + 1  # not a number that survives a logarithm
    ladder = temperature_ladder(potential, coldest, hottest, acceptance)
    assert (ladder.temperatures[0], ladder.temperatures[-1]) == (coldest, hottest)
    assert (np.diff(list(ladder)) > 0).all() and len(ladder) == len(ladder.acceptance) + 1
    direct = [swap_acceptance(potential, a, b) for a, b in itertools.pairwise(ladder)]
    assert ladder.acceptance == tuple(direct)
    assert min(direct) >= acceptance and max(direct) - min(direct) < 3e-4
    assert len(direct) == longest_steps(potential, coldest, hottest, acceptance)
    # Negative control: temperatures in equal factors do not accept alike where there are two phases.
    factors = np.geomspace(coldest, hottest, len(ladder))
    even = [swap_acceptance(potential, float(a), float(b)) for a, b in itertools.pairwise(factors)]
    assert max(even) - min(even) > 3e-3 or name == "monomial_well"


@pytest.mark.parametrize("acceptance", [0.25, 0.5, 0.9])
@pytest.mark.parametrize("energy", ["w**2", "w**4"])
def test_ladders_of_homogeneous_phases(energy, acceptance):
    """Equal factors, as few as the closed form allows; first-order rejections would ask for more."""
    learning_coefficient = HOMOGENEOUS[energy]
    factor = optimize.brentq(lambda r: in_closed_form(learning_coefficient, 1, r) - acceptance, 1, 1e12)
    # As far as four steps reach, nearly.
    coldest, hottest = 0.5 * factor**-3.98, 0.5
    ladder = temperature_ladder(Potential.from_expression(energy, box=(-9, 9)), coldest, hottest, acceptance)
    assert len(ladder) == 5
    np.testing.assert_allclose(list(ladder), np.geomspace(coldest, hottest, 5), rtol=5e-3)
    barrier = law("communication-barrier")(
        learning_coefficient=learning_coefficient, cold_temperature=coldest, hot_temperature=hottest
    )
    assert ladder.barrier == pytest.approx(barrier, rel=1e-4)
    assert math.ceil(barrier / (1 - acceptance)) > 4 or acceptance == 0.9


def test_round_trip_rate_is_the_derived_one():
    acceptance = (0.3, 0.9, 0.5)
    ladder = TemperatureLadder((0.1, 0.2, 0.4, 0.8), acceptance, 1.3)
    odds = 0.7 / 0.3 + 0.1 / 0.9 + 1.0
    assert ladder.round_trip_rate == pytest.approx(law("round-trip-rate")(rejection_odds=odds), rel=1e-14)
    assert ladder.round_trip_rate == pytest.approx(1 / (2 + 2 * odds), rel=1e-14)
    assert TemperatureLadder((0.1, 0.2), (1.0,), 0.0).round_trip_rate == 0.5
    assert TemperatureLadder((0.1, 9.0), (0.0,), 9.0).round_trip_rate == 0.0


# ---- from draws ------------------------------------------------------------------------------------------------------


def test_barrier_and_ladder_from_exact_draws(seed):
    """Draws at the temperatures at which the exact barrier is computed, in batches of twenty: an unbiased estimate."""
    potential, size, batch = regular_double_well(), 20_000, 20
    exact = temperature_ladder(potential, 0.05, 1.0)
    temperatures = np.geomspace(0.05, 1.0, 33)

    def energies(phase: str | None) -> np.ndarray:
        energy = potential.energy_function()
        return np.stack(
            [energy(draw_exact(potential, 1 / t, size, (seed, k), phase)) for k, t in enumerate(temperatures)]
        )

    def barriers(losses: np.ndarray) -> np.ndarray:
        parts = losses.reshape(len(temperatures), -1, batch)
        return np.array([ladder_from_energies(temperatures, parts[:, i]).barrier for i in range(parts.shape[1])])

    drawn = energies(None)
    found = barriers(drawn)
    assert abs(found.mean() - exact.barrier) < 5 * stats.sem(found)
    # Negative control: draws stuck in one phase know nothing of the loss between phases.
    stuck = barriers(energies("right"))
    assert exact.barrier - stuck.mean() > 12 * stats.sem(stuck)
    ladder = ladder_from_energies(temperatures, drawn)
    assert (ladder.temperatures[0], ladder.temperatures[-1]) == (temperatures[0], temperatures[-1])
    assert len(ladder) == len(exact) == 4
    direct = [swap_acceptance(potential, a, b) for a, b in itertools.pairwise(ladder)]
    np.testing.assert_allclose(list(ladder), list(exact), rtol=0.05)
    # What it states is the first order in the gap, a little below the truth.
    assert all(0 < accepted - stated < 0.05 for accepted, stated in zip(direct, ladder.acceptance, strict=True))


# ---- refusals --------------------------------------------------------------------------------------------------------
WELL = regular_double_well()
THREE = Potential.from_expression("(x + y + z)**2 + x**2 + y**2 + z**2", box=(-3, 3))
DRAWS = np.random.default_rng(1).random((3, 10))
REFUSALS = {
    "coldest must be a positive temperature": lambda: temperature_ladder(WELL, 0.0, 1.0),
    "coldest must be a positive temperature, not nan": lambda: temperature_ladder(WELL, math.nan, 1.0),
    "hottest must be a positive temperature, not inf": lambda: temperature_ladder(WELL, 0.1, math.inf),
    "hottest must exceed coldest = 1": lambda: temperature_ladder(WELL, 1.0, 1.0),
    "acceptance must be above 0 and at most 0.99, not 0.0": lambda: temperature_ladder(WELL, 0.1, 1.0, 0.0),
    "acceptance must be above 0 and at most 0.99, not 1.0": lambda: temperature_ladder(WELL, 0.1, 1.0, 1.0),
    "acceptance must be above 0 and at most 0.99, not nan": lambda: temperature_ladder(WELL, 0.1, 1.0, math.nan),
    "couples 3 coordinates, too many": lambda: temperature_ladder(THREE, 0.1, 1.0),
    "couples 3 coordinates": lambda: swap_acceptance(THREE, 0.1, 1.0),
    "hot not below cold, not 0.2 and 0.1": lambda: swap_acceptance(WELL, 0.2, 0.1),
    "cold and hot must be positive temperatures": lambda: swap_acceptance(WELL, -0.2, 0.1),
    "not nan and 0.1": lambda: swap_acceptance(WELL, math.nan, 0.1),
    "hot not below cold, not 0.2 and inf": lambda: swap_acceptance(WELL, 0.2, math.inf),
    "temperatures must be at least two": lambda: ladder_from_energies([0.1], DRAWS[:1]),
    "in increasing order": lambda: ladder_from_energies([0.1, 0.3, 0.2], DRAWS),
    "positive numbers in increasing": lambda: ladder_from_energies([0.0, 0.1, 0.2], DRAWS),
    "two positive numbers": lambda: ladder_from_energies([0.1, 0.2, math.inf], DRAWS),
    "temperatures must be": lambda: ladder_from_energies([[0.1, 0.2]], DRAWS),
    r"energies must be finite, of shape \(2, draws\), not shape \(3, 10\)": lambda: ladder_from_energies(
        [0.1, 0.2], DRAWS
    ),
    r"of shape \(3, draws\), not shape \(3, 1\)": lambda: ladder_from_energies([0.1, 0.2, 0.4], DRAWS[:, :1]),
    r"of shape \(3, draws\), not shape \(10,\)": lambda: ladder_from_energies([0.1, 0.2, 0.4], DRAWS[0]),
    "energies must be finite": lambda: ladder_from_energies([0.1, 0.2, 0.4], np.where(DRAWS > 0.5, math.nan, 1)),
    "energies must vary": lambda: ladder_from_energies([0.1, 0.2, 0.4], np.ones((3, 10))),
    "acceptance must be above 0": lambda: ladder_from_energies([0.1, 0.2, 0.4], DRAWS, -0.5),
}


@pytest.mark.parametrize("message", REFUSALS)
def test_wrong_use_is_refused_in_one_line(message):
    with pytest.raises(ValueError, match=message) as refusal:
        REFUSALS[message]()
    assert "\n" not in str(refusal.value)
