"""The verdict's limits and errors by hand: what is just below each of them passes, what is just above does not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from slt_toys.exact.equilibrium import phase_table
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import diagnostics, phase_evidence, references
from slt_toys.samplers.phase_evidence import Border, Evidence, evidence
from slt_toys.samplers.references import Judged, Reference, biased, off
from slt_toys.samplers.statistics import ChainSummary
from slt_toys.samplers.step_bias import Stepping, law_of_bias

TILTED = Potential.from_expression("(w**2-1)**2 - w/10")
NAN = math.nan


def judged(chains: int = 4, phases: int = 0, spread: float = 1.0) -> Judged:
    """A coordinate, the energy and phases' shares, each of standard deviation ``spread``."""
    names = ("w", "energy", *(f"phase {k}" for k in range(phases)))
    values = np.broadcast_to(np.where(np.arange(100) % 2, spread, -spread)[:, None], (chains, 100, len(names)))
    return Judged(values, names, 1, None, "all draws", True, values[..., :1], slice(None), np.array([0]))


def found(errors: list[float], means: list[float] | None = None, **others: float) -> xr.Dataset:
    """A diagnosis in which all is well but for what is given."""
    size = len(errors)
    values: dict[str, Any] = {
        "mean": means or [0.0] * size,
        "monte_carlo_standard_error": errors,
        "r_hat": [others.get("r_hat", 1.0)] * size,
        "bulk_effective_sample_size": [others.get("bulk", 1000.0)] * size,
        "tail_effective_sample_size": [others.get("tail", 1000.0)] * size,
        "drift": [others.get("drift", 0.0)] * size,
    }
    names = ["w", "energy", *(f"phase {k}" for k in range(size - 2))]
    return xr.Dataset({name: ("quantity", v) for name, v in values.items()}, {"quantity": names})


def known(**values: Any) -> Reference:
    size = len(values.get("exact", values.get("bias", [NAN, NAN])))
    usual: dict[str, Any] = {
        "temperature": 1.0, "scheme": "euler_maruyama", "exact": [NAN] * size, "deviation": [1.0] * size,
        "bias": [NAN] * size, "bias_error": [0.0] * size,
    }  # fmt: skip
    usual |= values
    arrays: dict[str, Any] = {name: np.array(v, dtype=float) if isinstance(v, list) else v for name, v in usual.items()}
    return Reference(**arrays)


# ---- the step's bias -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "bias_error", "temperature", "allowed"),
    [
        (0.001, 0.0, 1.0, 4.5 * 0.001),  # what draws cannot see does no harm, up to the tolerance
        (0.003, 0.0, 1.0, 0.01),  # the tolerance, a hundredth
        (0.01, 0.0, 1.0, 2 * 0.01),  # what draws hardly see
        (0.003, 0.01, 1.0, 3 * 0.01),  # a bias that was measured must be seen itself
        (0.006, 0.0, 2.0, 0.02),  # a hundredth of T where that is more than a standard deviation of the energy
        (0.003, 0.0, 0.1, 0.01),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_bias_passes_up_to_its_limit(error, bias_error, temperature, allowed, sign):
    for share, doubted in ((0.99, False), (1.01, True)):
        reference = known(bias=[NAN, sign * share * allowed], bias_error=[0.0, bias_error], temperature=temperature)
        assert bool(biased(judged(), found([error, error]), reference)) == doubted


def test_a_coordinates_bias_is_held_against_its_own_deviation():
    for share, doubted in ((0.99, False), (1.01, True)):
        reference = known(bias=[share * 0.03, 0.0], deviation=[3.0, 1.0], temperature=50.0)
        assert bool(biased(judged(spread=3.0), found([0.01, 0.01]), reference)) == doubted


@pytest.mark.parametrize(("order", "bias", "error"), [(1, 0.2, 0.1), (2, 0.4 / 3, 0.2 / 3)])
def test_the_bias_from_half_the_step_and_its_error(order, bias, error):
    """A bias of order p leaves 2^-p of itself at half the step; errors of 3 and 4 make one of 5."""

    def summary(mean: float, standard_error: float) -> ChainSummary:
        one = np.ones(1)
        return ChainSummary(mean * one, standard_error * one, one, one, one)

    told = references._difference(summary(1.2, 0.03), summary(1.1, 0.04), order)
    assert (told[0][0], told[1][0]) == pytest.approx((bias, error))


def test_each_quantity_gets_its_own_bias():
    points = np.random.default_rng(1).standard_normal((8, 500, 1)) * 0.2 + 0.9
    draws = xr.Dataset({"w": (("chain", "draw", "coordinate"), points)})
    draws = draws.assign_attrs(n_beta=5.0, scheme="euler_maruyama", time_step=0.01)
    told = diagnostics.diagnose(draws, TILTED)["step_bias"]
    energies = TILTED.energy_function()(points)
    law = law_of_bias(TILTED, points, energies, Stepping("euler_maruyama", 0.01, 1, 5.0), 5.0)
    assert law is not None and abs(law[0] - law[1]) > 0.1 * abs(law[0])
    assert (float(told.sel(quantity="energy")), float(told.sel(quantity="w"))) == pytest.approx(tuple(law))


def test_obabo_of_step_s_has_eulers_bias_of_half_its_square():
    points = np.random.default_rng(1).standard_normal((500, 1))
    energies = TILTED.energy_function()(points)
    one = law_of_bias(TILTED, points, energies, Stepping("OBABO", 0.2, 2, 5.0), 5.0)
    other = law_of_bias(TILTED, points, energies, Stepping("euler_maruyama", 0.02, 1, 5.0), 5.0)
    assert one is not None and other is not None
    np.testing.assert_allclose(one, other)
    assert abs(one[0]) > 0


# ---- exact means -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scheme", "bias", "errors"),
    [("exact", 0.0, 4.5), ("euler_maruyama", 0.0, 4.5), ("BAOAB", NAN, 4.0)],
)
def test_a_mean_passes_up_to_its_limit(scheme, bias, errors):
    """A thousandth of the deviation is the grid's own."""
    allowed = errors * 0.01 + 0.001
    for share, doubted in ((0.99, False), (1.01, True)):
        reference = known(scheme=scheme, exact=[share * allowed, NAN], bias=[bias, bias])
        assert bool(off(judged(), found([0.01, 0.01]), reference)) == doubted


@pytest.mark.parametrize(("share", "rare"), [(0.024, True), (0.026, False), (0.974, False), (0.976, True)])
def test_a_draw_more_or_less_of_a_rare_phase_is_no_error(share, rare):
    """Fewer than 25 of 1000 draws are expected in it; then 4.5 draws more are let through."""
    allowed = 4.5 * 0.002 + 0.001 + (0.0045 if rare else 0.0)
    for part, doubted in ((0.99, False), (1.01, True)):
        reference = known(scheme="exact", exact=[NAN, NAN, share])
        diagnosis = found([0.002] * 3, [0.0, 0.0, share + part * allowed])
        assert bool(off(judged(phases=1), diagnosis, reference)) == doubted


def test_errors_of_means_that_vary_too_little():
    errors = references._standard_errors(judged(spread=0.5), found([0.01, 0.02]), known(deviation=[1.0, 0.1]))
    np.testing.assert_allclose(errors, [0.02, 0.02])
    still = references._standard_errors(judged(spread=0.0), found([NAN, NAN], bulk=400.0), known(deviation=[1.0, 2.0]))
    np.testing.assert_allclose(still, [1 / 20, 2 / 20])


def test_exact_deviations_of_sums_and_of_shares():
    """Two independent quadratic wells at T = 1/4: energy T ± T, coordinates as theirs; a phase's share is 0 or 1."""
    wells = Potential.from_expression("w1**2 + 4*(w2 - 1)**2")
    points = np.random.default_rng(2).standard_normal((4, 50, 2))
    draws = xr.Dataset({"w": (("chain", "draw", "coordinate"), points)})
    mean, deviation = references._exact(wells, diagnostics._judged(draws, wells), 4.0)
    np.testing.assert_allclose(mean, [0.0, 1.0, 0.25], atol=1e-6)
    np.testing.assert_allclose(deviation, [math.sqrt(1 / 8), math.sqrt(1 / 32), 0.25], rtol=1e-5)
    mean, deviation = references._exact(TILTED, diagnostics._judged(draws[["w"]].isel(coordinate=[0]), TILTED), 4.0)
    share = float(phase_table(TILTED, 4.0)["occupancy"].values[0, 0])
    assert (mean[2], deviation[2]) == pytest.approx((share, math.sqrt(share * (1 - share))), rel=1e-4)


# ---- agreement of chains ---------------------------------------------------------------------------------------------
def problems(chains: int, **others: Any) -> list[str]:
    return diagnostics._problems(judged(chains), found([0.1, 0.1], **others), known(), xr.Dataset())


@pytest.mark.parametrize(
    ("name", "chains", "good", "bad"),
    [
        ("r_hat", 99, 1.0099, 1.0101),
        ("r_hat", 100, 1.0999, 1.1001),
        ("bulk", 4, 400.0, 399.9),
        ("tail", 4, 400.0, 399.9),
        *(
            ("drift", n, sign * stats.t.isf(2.85e-7, n - 1) * 0.999, sign * stats.t.isf(2.85e-7, n - 1) * 1.001)
            for n in (8, 200)
            for sign in (1, -1)
        ),
    ],
)
def test_statistics_pass_up_to_their_limits(name, chains, good, bad):
    assert not problems(chains, **{name: good})
    assert len(problems(chains, **{name: bad})) == 1


def test_seven_chains_may_drift_by_chance():
    assert not problems(7, drift=1e6)


def test_the_least_effective_size_is_of_both_kinds():
    assert references.least_effective(found([0.1, 0.1], bulk=900.0, tail=500.0)) == (500.0, "w", "tail")
    assert references.least_effective(found([0.1, 0.1], bulk=300.0, tail=500.0)) == (300.0, "w", "bulk")


# ---- phases ----------------------------------------------------------------------------------------------------------
def seen(entries: list[int], returns: int, matters: list[bool]) -> Evidence:
    size = len(entries)
    names = tuple("abc"[:size])
    shares = np.full(size, 1 / size)
    return Evidence(names, shares, np.full(size, NAN), np.array(matters), np.array(entries), returns, True)


def test_ten_entries_and_ten_returns():
    every = [True, True, True]
    assert not list(seen([30, 10, 10], 10, every).problems())
    assert list(seen([30, 9, 12], 40, every).problems()) == ["phase b was entered 9 times, 10 are needed"]
    assert list(seen([30, 12, 12], 9, every).problems()) == ["chains came back to a phase 9 times, 10 are needed"]
    assert seen([30, 12, 2], 9, [True, True, False]).least_entries() == 12


def test_which_phases_matter():
    """With exact shares: what ten draws are expected in; else what was seen, or lies within forty temperatures."""
    matters = phase_evidence._matters
    shares, exact = np.array([0.0, 1.0]), np.array([1e-3, 0.999])
    assert matters(TILTED, shares, exact, 1.0, 9_990.0).tolist() == [False, True]
    assert matters(TILTED, shares, exact, 1.0, 10_010.0).tolist() == [True, True]
    unknown, apart = np.full(2, NAN), TILTED.minimum_loss(0) - TILTED.minimum_loss(1)
    assert matters(TILTED, shares, unknown, 39 / apart, 1.0).tolist() == [True, True]
    assert matters(TILTED, shares, unknown, 41 / apart, 1.0).tolist() == [False, True]
    assert matters(TILTED, np.array([0.01, 0.99]), unknown, 41 / apart, 1.0).tolist() == [True, True], "it was seen"
    assert matters(TILTED, np.array([1.0, 0.0]), unknown, 41 / apart, 1.0).tolist() == [True, True], "it lies lower"
    assert matters(TILTED, shares, unknown, None, 1.0).tolist() == [True, True]


@pytest.mark.parametrize(("count", "expected"), [(4, [True, False]), (6, [True, True])])
def test_the_core_of_a_phase(count, expected):
    """Up to λT + T above its minimum, λ = 1/2; from a share of .05 on its draws' lower half is core too."""
    n_beta, phase = 50.0, TILTED.phase_number("left")
    energy, lowest = TILTED.energy_function(), TILTED.minimum_loss(phase)
    places = TILTED.minimum_point(phase)[0] + np.linspace(0, 0.5, 50_001)
    heights = n_beta * (energy(places[:, None]) - lowest)
    low, high = (places[np.searchsorted(heights, height)] for height in (1.45, 1.55))
    points = np.full((1, 100, 1), TILTED.minimum_point("right")[0])
    points[0, :count, 0] = high
    points[0, 0, 0] = low
    index = TILTED.phase_index(points)
    shares = np.array([(index == k).mean() for k in range(2)])
    core = phase_evidence._cores(TILTED, points, index, shares, n_beta)
    assert (core[0, :2] == phase).tolist() == expected
    without = phase_evidence._cores(TILTED, points, index, shares, None)
    assert (without[0, :2] == phase).all(), "without a temperature the lower half is all there is to go by"


def test_a_ladders_round_trips_limit_entries_and_returns_of_each_chain():
    points = np.where(np.arange(200) % 2, 1.0, -1.0)[None, :, None] * np.ones((2, 1, 1))
    border = Border(TILTED, (0,), "")
    free = evidence(border, points, None, 1000.0)
    assert free is not None and free.entries.tolist() == [198, 200] and free.returns == 396
    bound = evidence(border, points, None, 1000.0, np.array([3, 0]))
    assert bound is not None and bound.entries.tolist() == [3, 3] and bound.returns == 3
