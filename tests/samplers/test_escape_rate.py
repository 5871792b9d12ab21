"""Rates of rare escapes: against exact laws of the discrete chain and of the equation, and doubted where they must be.

It holds [eq:passage-by-renewal], [eq:splitting-variance] and [eq:best-splitting-share] against other routes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import sympy
from scipy import stats

from slt_toys import refined_passage_time
from slt_toys.exact.kinetics import log_mean_first_passage_time
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.examples import GaussianGradients
from slt_toys.potentials.potential import Potential
from slt_toys.reference.laws import law
from slt_toys.samplers import MALA, SGD, SGLD, OverdampedLangevin, UnderdampedLangevin, sample
from slt_toys.samplers import splitting as engine
from slt_toys.samplers.escape_rate import EscapeRate, sample_escape_rate
from tests.seeds import fresh_seed

WELL = find_potential("regular_double_well")
LEFT, RIGHT = (float(WELL.minimum_point(k)[0]) for k in (0, 1))
HEUN = OverdampedLangevin(0.005, "heun")
RATE, VARIANCE = 0.02, 10.0  # of SGD: T = 0.1
ENDS: dict[str, Any] = {"start": "left", "target": "right"}
HALVES = stats.t.ppf(0.975, 15)  # standard errors in half an interval, of 16 groups or more


def of_sgd(seed: int, error: float = 0.05, **more) -> EscapeRate:
    target = GaussianGradients(WELL, variance=VARIANCE)
    return sample_escape_rate(target, SGD(RATE, 1), error=error, seed=seed, **{**ENDS, **more})


def normal(points: np.ndarray, means: np.ndarray, scale: np.ndarray) -> np.ndarray:
    width = points[1] - points[0]
    return np.exp(-0.5 * ((points - means) / scale) ** 2) / scale * width / np.sqrt(2 * np.pi)


def line(count: int) -> np.ndarray:
    """Midpoints of cells up to the target, which absorbs."""
    width = (RIGHT + 2.0) / count
    return RIGHT - width * (np.arange(count)[::-1] + 0.5)


def slope(points: np.ndarray) -> np.ndarray:
    return WELL.gradient_function()(points[:, None])[:, 0]


def deviation(points: np.ndarray, dependence: str, variance: float) -> np.ndarray:
    if dependence == "additive":
        return np.full_like(points, np.sqrt(variance))
    excess = WELL.energy_function()(points[:, None]) - GaussianGradients(WELL, variance=1.0).least_loss
    return np.sqrt(variance * excess)


@lru_cache
def log_passage_of_sgd(dependence: str, variance: float, count: int = 1400) -> float:
    """Mean passage time of the discrete chain without momentum, by its transition matrix."""
    points = line(count)
    step = normal(
        points, (points - RATE * slope(points))[:, None], RATE * deviation(points, dependence, variance)[:, None]
    )
    times = np.linalg.solve(np.eye(count) - step, np.full(count, RATE))
    return float(np.log(np.interp(LEFT, points, times)))


@lru_cache
def log_passage_with_momentum(momentum: float, dependence: str, variance: float, count: int = 260) -> float:
    """The same with momentum: pairs of successive places, until the surviving share decays evenly."""
    points = line(count)
    means = points + momentum * (points - points[:, None]) - RATE * slope(points)
    step = normal(points, means[:, :, None], RATE * deviation(points, dependence, variance)[None, :, None])
    masses = np.zeros((count, count))
    near = int(np.abs(points - LEFT).argmin())
    masses[near, near] = 1.0
    before = 0.0
    for number in range(1, 5000):
        masses = np.einsum("ij,ijk->jk", masses, step, optimize=True)
        kept = masses.sum()
        masses /= kept
        if number % 100 == 0:
            if abs((1 - kept) / before - 1 if before else 1.0) < 1e-5:
                return float(np.log(RATE / (1 - kept)))
            before = 1 - kept
    raise AssertionError("the surviving share does not decay evenly")


def agree(found: EscapeRate, log_time: float, slack: float = 0.0) -> None:
    """Within five standard errors of the logarithm of the mean passage time."""
    assert found.verdict == "trust", found.verdict
    distance = abs(-found.log_rate - log_time)
    assert distance < 5 * found.relative_error / HALVES + slack, f"{-found.log_rate:.4f} against {log_time:.4f}"


# ---- exact references ------------------------------------------------------------------------------------------------
def test_barrier_of_thirty_temperatures_against_quadrature_and_a_temperature_a_twentieth_off():
    """Half a per cent is left to the step: Heun's scheme at two steps differs by less."""
    exact = log_mean_first_passage_time(WELL, 0.03, LEFT, RIGHT)
    found = sample_escape_rate(WELL, HEUN, temperature=0.03, seed=fresh_seed(), **ENDS)
    assert exact > 28 and found.relative_error <= 0.05
    agree(found, exact, slack=0.005)
    assert found.interval[0] < found.rate < found.interval[1]
    assert found.mean_first_passage_time == pytest.approx(1 / found.rate)
    for wrong in (1.05, 0.95):
        other = sample_escape_rate(WELL, HEUN, temperature=0.03 * wrong, seed=fresh_seed(), **ENDS)
        with pytest.raises(AssertionError, match="against"):
            agree(other, exact, slack=0.005)


@pytest.mark.parametrize("dependence, variance", [("additive", VARIANCE), ("loss", 25.0)])
def test_sgd_against_the_transition_matrix_of_its_chain(dependence, variance):
    target = GaussianGradients(WELL, variance=variance, dependence=dependence)
    exact = log_passage_of_sgd(dependence, variance)
    assert exact == pytest.approx(log_passage_of_sgd(dependence, variance, 1000), abs=1e-4)
    assert exact > 5
    agree(sample_escape_rate(target, SGD(RATE, 1), seed=fresh_seed(), **ENDS), exact)
    wrong = SGD(0.97 * RATE, 1)
    with pytest.raises(AssertionError, match="against"):
        agree(sample_escape_rate(target, wrong, seed=fresh_seed(), error=0.02, **ENDS), exact)


@pytest.mark.parametrize("momentum, dependence, variance", [(0.8, "additive", 2.0), (0.8, "loss", 6.0)])
def test_sgd_with_momentum_against_the_matrix_of_pairs(momentum, dependence, variance):
    target = GaussianGradients(WELL, variance=variance, dependence=dependence)
    exact = log_passage_with_momentum(momentum, dependence, variance)
    found = sample_escape_rate(target, SGD(RATE, 1, momentum=momentum), seed=fresh_seed(), **ENDS)
    agree(found, exact, slack=0.01)  # of the grid, and of a start that is forgotten
    other = sample_escape_rate(target, SGD(RATE, 1, momentum=momentum - 0.02), seed=fresh_seed(), **ENDS)
    with pytest.raises(AssertionError, match="against"):
        agree(other, exact, slack=0.01)


def test_where_escapes_are_common_the_passage_time_is_right_too():
    """No rareness is asked for: at a barrier of three temperatures the mean is that of quadrature."""
    exact = log_mean_first_passage_time(WELL, 0.35, LEFT, RIGHT)
    assert exact < 3
    small = OverdampedLangevin(0.002, "heun")
    found = sample_escape_rate(WELL, small, temperature=0.35, seed=fresh_seed(), error=0.03, **ENDS)
    agree(found, exact, slack=0.01)  # chains seen at steps of .002 arrive late


def misses(error: float, runs: int) -> np.ndarray:
    """How far off the logarithms are, in halves of their intervals."""
    exact = log_passage_of_sgd("additive", VARIANCE)
    seed = fresh_seed() % 2**31
    found = [of_sgd(seed + k, error, threads=1) for k in range(runs)]
    return np.array([abs(-f.log_rate - exact) / f.relative_error for f in found])


@pytest.mark.slow
@pytest.mark.parametrize("error", [0.05, 0.2])
def test_coverage_over_two_hundred_seeds(error):
    low, high = stats.binom.ppf([1e-6, 1 - 1e-6], 200, 0.95)
    found = misses(error, 200)
    assert low <= (found <= 1).sum() <= high
    assert (found <= 0.5).sum() < low, "intervals of half the width are caught"


def test_coverage_over_some_seeds():
    assert stats.binom.ppf(1e-6, 24, 0.95) <= (misses(0.2, 24) <= 1).sum()


# ---- laws ------------------------------------------------------------------------------------------------------------
def test_groups_scatter_as_independent_trials_do_on_a_line():
    """On a line a trial's prospects do not depend on where it comes from [eq:splitting-variance]."""
    found = of_sgd(fresh_seed(), error=0.02)
    groups = found.log_estimates.size
    low, high = stats.chi2.ppf([1e-7, 1 - 1e-7], groups - 1) / (groups - 1)
    assert 0.4 * low < found.variance_ratio < 2.5 * high


def test_the_variance_of_a_product_of_shares():
    share, trials, levels = 0.3, 200, 6
    random = np.random.default_rng(fresh_seed())
    products = (random.binomial(trials, share, size=(200_000, levels)) / trials / share).prod(axis=1)
    expected = law("splitting-variance")(reach_probability=share, trials=trials, splitting_levels=levels)
    spread = products.std(ddof=1)
    assert products.mean() == pytest.approx(1, abs=5 * spread / np.sqrt(200_000))
    assert spread**2 == pytest.approx(expected, rel=0.05)


def test_a_fifth_is_the_best_share():
    best = law("best-splitting-share")()
    shares = np.linspace(0.05, 0.6, 5000)
    price = (1 - shares) / (shares * np.log(shares) ** 2)
    assert shares[price.argmin()] == pytest.approx(best, abs=2e-4)


def test_departures_times_arrivals_make_the_time():
    """[eq:passage-by-renewal] for a walk that steps up or down by one, of which all is known."""
    up, top = 0.4, 5
    ladder = (1 - up) / up
    reach = (1 - ladder) / (1 - ladder**top)  # from 1 before 0
    assert law("passage-by-renewal")(departure_rate=1.0, reach_probability=reach) == pytest.approx(1 / reach)
    step = np.diag(np.full(top - 1, up), 1) + np.diag(np.full(top - 1, 1 - up), -1)
    step[0, 0] = 1 - up
    times = np.linalg.solve(np.eye(top) - step, np.ones(top))
    # A departure is a step from 0 to 1: in the renewed chain it comes at the share of time spent at 0, times up.
    visits = np.linalg.solve(np.eye(top) - step, np.eye(top))[0]
    rate = up * visits[0] / visits.sum()
    assert law("passage-by-renewal")(departure_rate=rate, reach_probability=reach) == pytest.approx(times[0])


# ---- invariances -----------------------------------------------------------------------------------------------------
def test_units_do_not_matter():
    """Places in units of 1/50 and losses in thousands: the rate changes by their ratio."""
    text = "height*((w/width)**2 - 1)**2"
    plain, other = (
        Potential.from_expression(text, box=(-4 * width, 4 * width), parameters={"height": height, "width": width})
        for height, width in ((1, 1), (1000, 50))
    )
    unit = 50**2 / 1000
    logs = []
    for potential, time, height, width in ((plain, 1.0, 1.0, 1.0), (other, unit, 1000.0, 50.0)):
        found = sample_escape_rate(
            potential, OverdampedLangevin(0.005 * time), temperature=0.08 * height, start=[-width], target=width, seed=3
        )
        logs.append(found.log_rate + np.log(time))
        agree(found, log_mean_first_passage_time(potential, 0.08 * height, -width, width), slack=0.03)
    assert logs[0] == pytest.approx(logs[1], abs=0.15)


def test_threads_do_not_change_a_bit_and_seeds_do():
    one, two, other = of_sgd(5, threads=1), of_sgd(5, threads=2), of_sgd(6)
    assert np.array_equal(one.log_estimates, two.log_estimates) and one.lane_steps == two.lane_steps
    assert not np.array_equal(one.log_estimates[:16], other.log_estimates[:16])
    assert np.unique(one.log_estimates).size == one.log_estimates.size, "groups are independent"


def test_progress_adds_up_to_all():
    told: list[float] = []
    of_sgd(1, advance=told.append)
    assert sum(told) == pytest.approx(1) and min(told) >= 0


def test_the_way_back_is_another():
    """The tilt makes the right well deeper: the score turns by itself, and detailed balance holds the ratio."""
    back = sample_escape_rate(WELL, HEUN, temperature=0.05, start="right", target="left", seed=fresh_seed())
    agree(back, log_mean_first_passage_time(WELL, 0.05, RIGHT, LEFT), slack=0.01)


# ---- more coordinates, momenta ---------------------------------------------------------------------------------------
@pytest.mark.slow
def test_eight_coordinates_by_three_scores():
    """The others are quadratic and on their own: the rate is the line's. A score that mixes them in costs much."""
    text = "(w0**2-1)**2 + " + " + ".join(f"2*w{k}**2" for k in range(1, 8))
    potential = Potential.from_expression(text)
    names = [phase.name for phase in potential.phases]
    start, target = sorted(names, key=lambda name: potential.minimum_point(name)[0])
    alone = Potential.from_expression("(w0**2-1)**2")
    exact = log_mean_first_passage_time(alone, 0.06, -1.0, 1.0)

    def found(score: str | None):
        return sample_escape_rate(
            potential, HEUN, temperature=0.06, start=start, target=target, score=score, seed=fresh_seed(), error=0.08
        )

    agree(found(None), exact, slack=0.01)
    agree(found("w0 + w1/10 + w2/10"), exact, slack=0.01)
    mixed = found("w0 + w1")
    assert mixed.variance_ratio > 10


@pytest.mark.slow
def test_a_plane_against_its_refined_solve():
    potential = find_potential("curve_against_point")
    exact = refined_passage_time(potential, 0.06, [2.35, 0.0], lambda w: w[..., 0] <= 1.2)
    for score, target in (("-w1", -1.2), (0, 1.2)):
        found = sample_escape_rate(
            potential, OverdampedLangevin(0.002, "heun"), temperature=0.06, start="point", target=target, score=score,
            seed=fresh_seed(),
        )  # fmt: skip
        agree(found, float(np.log(exact.value)), slack=exact.error + 0.01)


PLAIN = Potential.from_expression("(w**2 - 1)**2")
W, MOMENTUM = sympy.symbols("w momentum_w", real=True)
ENERGY_THEN_PLACE = sympy.Piecewise(
    (sympy.Min((W**2 - 1) ** 2 + MOMENTUM**2 / 2, 1), W < 0), (1 + W, True)
)  # of 2 at the other minimum


def with_momenta(friction: float, temperature: float, by_energy: bool, **more) -> EscapeRate:
    score: dict[str, Any] = (
        {"score": ENERGY_THEN_PLACE, "source": temperature / 2, "target": 2.0} if by_energy else {"target": 1.0}
    )
    return sample_escape_rate(
        PLAIN, UnderdampedLangevin(0.05, friction), temperature=temperature, start=[-1.0], seed=fresh_seed(), **score,
        **more,
    )  # fmt: skip


def simulated_passage(friction: float, temperature: float, chains: int, steps: int) -> tuple[float, float]:
    """Logarithm of the mean passage time by chains that are simply run, and its standard error."""
    places = sample(
        PLAIN, UnderdampedLangevin(0.05, friction), n_beta=1 / temperature, chains=chains, steps=steps,
        seed=fresh_seed(), initial=np.full((chains, 1), -1.0), diagnose=False,
    )["w"].values[:, :, 0]  # fmt: skip
    arrived = (places >= 1.0).any(axis=1)
    assert arrived.all(), "every chain has to arrive"
    times = 0.05 * (1 + (places >= 1.0).argmax(axis=1))
    return float(np.log(times.mean())), float(times.std(ddof=1) / np.sqrt(chains) / times.mean())


@pytest.mark.slow
def test_momenta_of_low_friction_by_two_scores_and_by_waiting():
    log_time, error = simulated_passage(0.3, 0.35, chains=4000, steps=24_000)
    for by_energy in (True, False):
        agree(with_momenta(0.3, 0.35, by_energy), log_time, slack=5 * error)


@pytest.mark.slow
def test_places_say_little_where_friction_is_low_and_energies_much():
    good = with_momenta(0.1, 0.06, by_energy=True)
    assert good.verdict == "trust" and good.variance_ratio < 10
    try:
        bad = with_momenta(0.3, 0.06, by_energy=False)
    except ValueError as problem:
        assert "no headway" in str(problem)
    else:
        assert "wider than the error" in bad.verdict or "departures" in bad.verdict


# ---- refusals --------------------------------------------------------------------------------------------------------
def test_a_third_well_in_between_is_refused():
    deep = Potential.from_expression("w**2*(w**2-1)**2*(w**2-4)**2")
    with pytest.raises(ValueError, match="linger in between, as where there is a third well"):
        sample_escape_rate(
            deep, OverdampedLangevin(0.001), temperature=0.05, start=[-1.0], target=2.0, longest_trial=4000
        )


def test_a_start_that_chains_do_not_come_back_to_is_refused(monkeypatch):
    monkeypatch.setattr(engine, "LONGEST_PILOT", 2**12)
    with pytest.raises(ValueError, match="do not come back to the start's score of -3"):
        sample_escape_rate(WELL, HEUN, temperature=0.03, start=[-3.0], target="right")


def test_noise_that_dies_at_the_minimum_makes_no_headway(monkeypatch):
    monkeypatch.setattr(engine, "LONGEST_PILOT", 2**14)
    target = GaussianGradients(WELL, variance=1.0, dependence="gradient")
    with pytest.raises(ValueError, match="no escape that can be measured"):
        sample_escape_rate(target, SGD(0.01, 1), **ENDS)


def test_a_step_too_large_is_said():
    with pytest.raises(ValueError, match=r"step_size 5 is too large for .*: a chain diverged; the largest stable step"):
        sample_escape_rate(WELL, OverdampedLangevin(5.0, "heun"), temperature=0.5, **ENDS)


def test_few_trials_are_doubted(monkeypatch):
    """With so few trials a level that groups seldom arrive, the number is not trusted."""
    monkeypatch.setattr("slt_toys.samplers.escape_rate.LEAST_EFFORT", 8)
    monkeypatch.setattr("slt_toys.samplers.escape_rate.MOST_EFFORT", 8)
    monkeypatch.setattr("slt_toys.samplers.escape_rate.MOST_GROUPS", 16)
    found = of_sgd(fresh_seed())
    assert found.verdict.startswith("doubt: ") and "wider than the error of 0.05 asked for" in found.verdict


def test_no_arrival_at_all_is_refused(monkeypatch):
    monkeypatch.setattr("slt_toys.samplers.escape_rate.MOST_GROUPS", 16)
    real = engine.Splitting.group

    def none_arrives(self, number, plan, effort):
        group = real(self, number, plan, effort)
        return replace(group, log_rate=-np.inf, shares=group.shares[:2], descendants=0 * group.descendants)

    monkeypatch.setattr(engine.Splitting, "group", none_arrives)
    with pytest.raises(ValueError, match=r"none of 16 groups of [0-9]* trials arrived"):
        of_sgd(fresh_seed())


def test_a_drift_is_said(monkeypatch):
    real = engine.Splitting.group

    def drifting(self, number, plan, effort):
        group = real(self, number, plan, effort)
        first, second = group.crossings
        return replace(group, crossings=(2 * first, second))

    monkeypatch.setattr(engine.Splitting, "group", drifting)
    assert "still drift" in of_sgd(fresh_seed()).verdict


@pytest.mark.parametrize(
    "more, says",
    [
        ({"temperature": None}, "temperature must be given for OverdampedLangevin"),
        ({"temperature": -1.0}, "temperature must be positive and finite, not -1"),
        ({"sampler": MALA(0.01)}, "sampler must be OverdampedLangevin, UnderdampedLangevin, SGD or SGLD"),
        ({"sampler": SGLD(0.01, 1)}, "potential must be Examples or GaussianGradients for SGD"),
        ({"sampler": OverdampedLangevin(0.01, "leimkuhler_matthews")}, "is for static averages; take 'heun'"),
        ({"sampler": OverdampedLangevin(0.01, noise="two_point")}, "its tail decides on rare ones"),
        ({"sampler": OverdampedLangevin([0.01, 0.02])}, "step_size must be one number for an escape rate"),
        ({"start": "middle"}, "is not one of regular_double_well's phases"),
        ({"start": [0.0, 0.0]}, "start must be a point of 1 finite coordinates or the name of a phase"),
        ({"target": np.nan}, "target must be finite, not nan"),
        ({"target": LEFT}, "target's score -0.9[0-9]* must lie above"),
        ({"target": 0.5, "source": 0.7}, "must lie above 0.7"),
        ({"source": np.inf}, "source must be finite, not inf"),
        ({"score": 1}, "score must be a coordinate from 0 to 0, not 1"),
        ({"score": "w + z"}, r"score must be an expression of w, and w \+ z has z"),
        ({"score": "momentum_w"}, "score must be an expression of w, and momentum_w has momentum_w"),
        ({"score": "3"}, "has none of them"),
        ({"score": 0.5}, "score must be"),
        ({"error": 0.0}, "error must lie between 0.001 and 1, a share of the rate, not 0"),
        ({"longest_trial": 0}, "longest_trial must be at least 1, not 0"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
    ],
)
def test_bad_arguments_are_named(more, says):
    given: dict[str, Any] = {"sampler": OverdampedLangevin(0.01), "temperature": 0.1, **ENDS, **more}
    with pytest.raises(ValueError, match=says) as problem:
        sample_escape_rate(WELL, **given)
    assert "\n" not in str(problem.value)


def test_more_coordinates_ask_for_a_point_or_a_score():
    potential = find_potential("curve_against_point")
    with pytest.raises(ValueError, match="target must be a point or a phase in 2 dimensions, where no score is given"):
        sample_escape_rate(potential, HEUN, temperature=0.1, start="point", target=1.0)
    with pytest.raises(ValueError, match="target must not be the start"):
        sample_escape_rate(potential, HEUN, temperature=0.1, start="point", target="point")


def test_sgd_takes_no_temperature_and_draws_with_replacement():
    target = GaussianGradients(WELL, variance=1.0, size=8)
    with pytest.raises(ValueError, match="temperature must be None for SGD"):
        sample_escape_rate(target, SGD(0.01, 1), temperature=0.1, **ENDS)
    with pytest.raises(ValueError, match="order 'reshuffled' keeps a place in the epoch"):
        sample_escape_rate(target, SGD(0.01, 1, order="reshuffled"), **ENDS)


def test_circles_are_refused():
    around = Potential.from_expression("1 - cos(w)", box=(-sympy.pi, sympy.pi), boundary="periodic")
    with pytest.raises(ValueError, match="mean_exit_time"):
        sample_escape_rate(around, HEUN, temperature=0.1, start=[0.0], target=3.0)
