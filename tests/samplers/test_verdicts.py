"""Verdicts on runs that are good, stuck, drifting or too short, and the part of a large result that is judged."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import sympy
import xarray as xr

from slt_toys.potentials.catalogue import find_potential, flat_directions
from slt_toys.potentials.phases import Phase
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import MALA, OverdampedLangevin, RandomWalkMetropolis, diagnostics, sample
from slt_toys.samplers.diagnostics import attach, diagnose
from tests.samplers.made_draws import WELL, autoregressive, dataset, verdict
from tests.seeds import fresh_generator, fresh_seed

WALLED = Phase("whole", (sympy.Integer(0),), sympy.true, sympy.Integer(1), sympy.Integer(1))
BOX = (-3.0, 3.0)  # walls that no chain gets to
BOWL = Potential.from_expression("w1**2 + w2**2 + w3**2")


# ---- verdicts: runs that are good ------------------------------------------------------------------------------------


def test_independent_draws_are_trusted():
    for shape in ((4, 2000), (20_000, 8)):
        assert verdict(fresh_generator().standard_normal(shape)).startswith("trust: R-hat ")
    alone = verdict(fresh_generator().standard_normal((1, 5000)))
    assert alone.startswith("trust:") and alone.endswith("one chain only, no other start was tried")


@pytest.mark.parametrize(
    ("sampler", "thin", "chains", "steps"),
    [(OverdampedLangevin(0.001), 2500, 128, 1_000_000), (MALA(0.1), 100, 128, 40_000), (MALA(0.1), 100, 3000, 4000)],
    ids=["langevin", "MALA", "many short chains"],
)
def test_a_warm_run_is_trusted(sampler, thin, chains, steps):
    potential = find_potential("regular_double_well")
    run = sample(
        potential, sampler, n_beta=1.0, chains=chains, steps=steps, thin=thin, seed=fresh_seed(), diagnose=False
    )
    found = attach(run, potential)
    assert found.attrs["verdict"].startswith("trust: "), found.attrs["verdict"]
    assert found.attrs["verdict"].split("[")[0].strip().endswith("phase round trips")
    assert found["w"].identical(run["w"])
    share = (potential.phase_index(run["w"].values) == 0).mean()
    left = found.sel(quantity="phase left")
    assert abs(float(left["mean"]) - share) < 5 * float(left["monte_carlo_standard_error"])
    assert float(found.sel(quantity="w")["mean"]) == pytest.approx(float(run["w"].mean()), abs=0.1)
    assert attach(found, potential).identical(found), "a second time changes nothing"


# ---- verdicts: runs that must not be trusted -------------------------------------------------------------------------


def test_a_stuck_chain_is_not_trusted():
    x = fresh_generator().standard_normal((4, 2000))
    x[1] = 2.0
    assert verdict(x).startswith("do not trust: R-hat ")
    x[:] = 0.5
    assert verdict(x) == "do not trust: w never moved"


def test_chains_all_in_one_phase_are_not_trusted_although_r_hat_is_fine():
    potential = find_potential("regular_double_well")
    cold = {"n_beta": 25.0, "chains": 64, "steps": 40_000, "thin": 40, "diagnose": False}
    one = diagnose(sample(potential, MALA(0.04), initial="right", seed=fresh_seed(), **cold), potential)
    # The first draws, near the minimum, are a hundredth of a relaxation away from it: R-hat and ESS see nothing.
    assert float(one["r_hat"].max()) < 1.01 and float(one["bulk_effective_sample_size"].min()) > 400
    expected = "do not trust: no chain left the phase it started in; phase left was never visited: its share is 0.00059"
    # Means may be far enough from the exact ones to be named as well.
    assert one.attrs["verdict"].startswith(expected)
    assert int(one["phase_transitions"]) == int(one["phase_round_trips"]) == 0
    both = diagnose(sample(potential, MALA(0.04), seed=fresh_seed(), **cold), potential).attrs["verdict"]
    assert both.startswith("do not trust: R-hat inf on phase left; no chain left the phase it started in")


def test_a_drifting_run_is_not_trusted():
    x = fresh_generator().standard_normal((2000, 20))
    strong = verdict(x + np.linspace(0, 5, 20))
    assert strong.startswith("do not trust: R-hat ") and "drifts" in strong and "drop its start" in strong
    weak = diagnose(dataset(x + np.linspace(0, 0.4, 20)), WELL)
    assert float(weak["r_hat"].max()) < 1.1, "R-hat lets it through: each chain is only a little off"
    assert weak.attrs["verdict"].startswith("do not trust: w drifts, ")
    assert verdict(x[:, :2] + [0.0, 3.0]).startswith("do not trust: ")
    potential = find_potential("regular_double_well")
    run = sample(
        potential, OverdampedLangevin(0.01), n_beta=1.0, chains=20_000, steps=100, thin=5, initial="left",
        seed=fresh_seed(), diagnose=False,
    )  # fmt: skip
    line = diagnose(run, potential).attrs["verdict"]
    assert line.startswith("do not trust: R-hat ") and "drifts" in line


def test_a_slow_run_is_not_trusted():
    line = verdict(autoregressive((4, 300), 0.97))
    assert line.startswith("do not trust: ") and "ESS" in line
    assert verdict(autoregressive((1, 50), 0.0)).startswith("do not trust: ")


def test_the_worst_quantity_is_named():
    x = fresh_generator().standard_normal((4, 1000, 3))
    assert verdict(x, BOWL).startswith("trust: ")
    x[..., 1] = np.abs(x[..., 1]) * np.array([-1, -1, 1, 1])[:, None]  # the energy does not notice
    assert re.fullmatch(r"do not trust: R-hat \S+ on w2; bulk ESS \d on w2", verdict(x, BOWL))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_not_trusted(bad):
    x = fresh_generator().standard_normal((4, 100, 3))
    x[2, 5, 1] = bad
    assert verdict(x, BOWL) == "do not trust: w2 holds values that are not finite"


# ---- verdicts: too little to judge, and warnings ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((20_000, 1), "cannot judge: 1 draw per chain; 20 000 independent chains of unknown burn-in"),
        ((50, 3), "cannot judge: 3 draws per chain; 50 independent chains of unknown burn-in"),
        ((1, 1), "cannot judge: 1 draw per chain; 1 independent chain of unknown burn-in"),
        ((1, 3), "cannot judge: 3 draws per chain; 1 independent chain of unknown burn-in"),
        ((1, 6), "cannot judge: 6 draws per chain; 1 independent chain of unknown burn-in"),
    ],
)
def test_too_few_draws_cannot_be_judged(shape, text):
    x = fresh_generator().standard_normal(shape)
    if shape == (1, 6):
        x = np.array([[0.0, 0.1, -0.1, 0.0, 0.1, -0.1]])  # halves alike
    assert verdict(x) == text


def test_acceptance_and_swaps_are_warned_of():
    x = fresh_generator().standard_normal((4, 2000))
    for name, values, text in (
        ("acceptance", [0.01] * 4, "; acceptance 1.0% is low, shorten the step"),
        ("acceptance", [0.5] * 4, "ESS"),
        ("acceptance", [1.0] * 4, "ESS"),
    ):
        variables: dict[str, Any] = {name: ("chain", values)}
        line = verdict(x, **variables)
        assert line.startswith("trust: ") and text in line and ("acceptance" in line) == ("acceptance" in text)
    swaps = (("chain", "pair"), np.array([[0.3, 0.02, 0.2]] * 4))
    assert verdict(x, swap_acceptance=swaps).endswith("; swaps of pair 1 are accepted 2.0%, put a temperature between")
    slow = verdict(autoregressive((4, 300), 0.99), acceptance=("chain", [0.999] * 4))
    assert slow.startswith("do not trust") and slow.endswith("; acceptance 99.9% is high, lengthen the step")
    run = sample(WELL, RandomWalkMetropolis(100.0), n_beta=1.0, chains=8, steps=200, seed=fresh_seed(), diagnose=False)
    assert "is low, shorten the step" in diagnose(run, WELL).attrs["verdict"]


# ---- bounded work ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chains", [1, 3, 16, 1000, 10**6])
@pytest.mark.parametrize("draws", [1, 7, 1000, 10**6, 10**8])
@pytest.mark.parametrize("limit", [20_000, 166_666])
def test_the_part_that_is_judged_is_bounded_and_not_wasteful(chains, draws, limit):
    rows, stride = diagnostics._part(chains, draws, limit)
    left = chains if isinstance(rows, slice) else len(np.unique(rows))
    kept = len(range(stride - 1, draws, stride))
    assert left * kept <= limit and left >= min(chains, 16)
    assert left * kept > 0.4 * min(limit, chains * draws)


def test_a_large_result_is_judged_by_a_part_that_holds_every_start():
    """Chains started in two phases in turn: an even stride would meet one phase only and call the run stuck there."""
    start = np.where(np.arange(40_000) % 2, 1.0, -1.0)
    w = start[:, None] + 0.1 * fresh_generator().standard_normal((40_000, 20))
    found = diagnose(dataset(w), find_potential("regular_double_well"))
    assert found.attrs["judged"] == "8 333 of 40 000 chains"
    assert found.attrs["verdict"].endswith("[judged from 8 333 of 40 000 chains]")
    assert "R-hat inf on phase left; no chain left" in found.attrs["verdict"]
    left = float(found.sel(quantity="phase left")["mean"])
    assert abs(left - 0.5) < 0.05
    assert found.identical(diagnose(dataset(w), find_potential("regular_double_well")))
    long = diagnose(dataset(fresh_generator().standard_normal((2, 400_000))), WELL)
    assert long.attrs["judged"] == "2 of 2 chains, every 4th draw"
    assert long.attrs["verdict"].startswith("trust: ")


def test_of_many_coordinates_some_are_judged():
    potential = flat_directions(40, 0)
    found = diagnose(dataset(fresh_generator().standard_normal((8, 500, 40))), potential)
    assert found.sizes["quantity"] == 33 and {"w1", "w40", "energy"} <= set(found["quantity"].values)
    assert found.attrs["judged"].endswith("32 of 40 coordinates")


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        (xr.Dataset({"x": ("chain", [1.0])}), r"draws must hold w \(chain, draw, coordinate\).*not only \['x'\]"),
        (xr.Dataset({"w": (("draw", "chain"), [[1.0]])}), "draws must hold w"),
        (dataset(np.zeros((4, 0))), "draws must hold w"),
        (dataset(np.zeros((4, 5, 2))), r"draws must have w\*\*2's 1 coordinates, not 2"),
    ],
)
def test_what_holds_no_draws_is_refused(draws, message):
    with pytest.raises(ValueError, match=message) as refusal:
        diagnose(draws, WELL)
    assert "\n" not in str(refusal.value)


def test_a_phase_that_was_never_visited_is_not_trusted():
    """Two of three wells are exchanged: nothing tells whether the third is rare or out of reach."""
    wells = Potential.from_expression("w**2*(w**2 - 1)**2*10")
    assert len(wells.phases) == 3
    x = fresh_generator().choice([-1.0, 0.0], (8, 2000)) + 0.1 * fresh_generator().standard_normal((8, 2000))
    line = verdict(x, wells)
    assert line == f"do not trust: phase {wells.phases[2].name} was never visited: rare, or out of reach"
    everywhere = fresh_generator().choice([-1.0, 0.0, 1.0], (8, 2000)) + 0.1 * fresh_generator().standard_normal(
        (8, 2000)
    )
    assert "never visited" not in verdict(everywhere, wells)
