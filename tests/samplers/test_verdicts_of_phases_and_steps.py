"""Verdicts on runs that did not change phase often enough, or whose step is too large."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import sympy
import xarray as xr

from slt_toys.exact.equilibrium import occupancy
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.examples import GaussianGradients
from slt_toys.potentials.phases import Phase
from slt_toys.potentials.potential import Potential, declare_phase
from slt_toys.samplers import (
    MALA,
    SGD,
    SGLD,
    Gibbs,
    OverdampedLangevin,
    RandomWalkMetropolis,
    ReplicaExchange,
    UnderdampedLangevin,
    sample,
)
from slt_toys.samplers.diagnostics import diagnose
from tests.samplers.made_draws import WELL, dataset, verdict
from tests.seeds import fresh_generator, fresh_seed

WALLED = Phase("whole", (sympy.Integer(0),), sympy.true, sympy.Integer(1), sympy.Integer(1))
BOX = (-3.0, 3.0)  # walls that no chain gets to
BOWL = Potential.from_expression("w1**2 + w2**2 + w3**2")


# ---- changes of phase ------------------------------------------------------------------------------------------------
TILTED = Potential.from_expression("(w**2-1)**2 - w/10")


def test_a_phase_that_holds_next_to_nothing_need_not_be_visited():
    well = Potential.from_expression("(w**2-1)**2 - w/2")
    run = sample(well, MALA(0.02), n_beta=40.0, chains=64, steps=4000, thin=20, initial="right", seed=fresh_seed())
    line = run.attrs["verdict"]
    assert line.startswith("trust: ") and "phase left was never visited, its share is 4e-18" in line, line


@pytest.mark.parametrize("start", ["left", "right"])
def test_one_crossing_or_two_are_not_enough(start):
    """The audit's case: 68 runs of 1132 were trusted, all of them a phase's share off."""
    run = sample(
        TILTED, MALA(0.04), n_beta=1 / 0.09, chains=128, steps=2500, initial=start, seed=fresh_seed(), diagnose=False
    )
    # What was seen must do, whatever exact means are known: without a temperature there are none.
    for claims in (run.attrs, {}):
        line = diagnose(run.assign_attrs(n_beta=None, scheme=None) if not claims else run, TILTED).attrs["verdict"]
        assert line.startswith("do not trust: "), line


def wrong_and_trusted(runs: int, samplers: list[str]) -> tuple[list[str], int, int]:
    """Runs trusted although the share of a phase is off, with exact means known and without; right ones, trusted."""
    random, wrong, right, powerful = fresh_generator(), [], 0, 0
    for _ in range(runs):
        temperature = float(random.choice([0.06, 0.09, 0.15, 0.3, 0.6]))
        sampler = {
            "MALA": MALA(0.04),
            "ladder": ReplicaExchange(MALA(0.04), (temperature, 1.3 * temperature, 1.6 * temperature)),
        }[str(random.choice(samplers))]
        chains, steps = int(random.choice([8, 32, 128])), int(random.choice([500, 2500, 10_000]))
        start = str(random.choice(["left", "right", "both"]))
        run = sample(
            TILTED, sampler, n_beta=1 / temperature, chains=chains, steps=steps, thin=max(1, steps // 250),
            initial=None if start == "both" else start, seed=int(random.integers(2**31)), diagnose=False,
        )  # fmt: skip
        exact = float(occupancy(TILTED, 1 / temperature)[0, 0])
        for known, attributes in ((True, run.attrs), (False, {"start_phases": run.attrs["start_phases"]})):
            found = diagnose(xr.Dataset(run.variables, attrs=attributes), TILTED)
            left = found.sel(quantity="phase left")
            error = float(np.nan_to_num(left["monte_carlo_standard_error"]))
            off = abs(float(left["mean"]) - exact)
            # Without exact means a slow start that no statistic resolves may remain; a phase may not be missed.
            bad = off > 5 * error + 5 / float(found["bulk_effective_sample_size"].min()) and (known or off > 0.05)
            trusted = found.attrs["verdict"].startswith("trust")
            if bad and trusted:
                wrong.append(f"{temperature} {sampler} {chains} {steps} {start}: {found.attrs['verdict']}")
            right, powerful = right + (not bad), powerful + (not bad and trusted)
    return wrong, right, powerful


def test_nothing_wrong_is_trusted():
    """That right runs are trusted is held by the warm ones above: most of these are too short or too cold."""
    wrong, _, _ = wrong_and_trusted(60, ["MALA", "ladder"])
    assert not wrong, wrong


@pytest.mark.slow
def test_nothing_wrong_is_trusted_in_many_runs():
    wrong, right, trusted = wrong_and_trusted(600, ["MALA", "ladder"])
    assert not wrong, wrong
    assert trusted > 0.05 * right


@pytest.mark.parametrize(("entries", "trusted"), [(1, False), (9, False), (10, True)])
def test_ten_entries_into_every_phase_are_needed(entries, trusted):
    """Chains in one phase at random, of which some visit the other one once and come back.

    A visit counts when one of its 40 draws is in the lower half of all of them: all but one in 10^12 do.
    """
    potential = find_potential("regular_double_well")
    x = 1.0 + 0.1 * fresh_generator().standard_normal((20, 2000))
    x[:entries, 100:140] = -1.0 + 0.1 * fresh_generator().standard_normal((entries, 40))
    line = verdict(x, potential)
    assert ("was entered" not in line) == trusted, line
    assert trusted or f"phase left was entered {'1 time' if entries == 1 else '9 times'}, 10 are needed" in line


def test_chains_that_went_over_and_stayed_have_not_come_back():
    potential = find_potential("regular_double_well")
    x = np.where(np.arange(40)[:, None] % 2, 1.0, -1.0) + 0.1 * fresh_generator().standard_normal((40, 2000))
    x[:, 1000:] *= -1
    assert "chains came back to a phase 0 times, 10 are needed" in verdict(x, potential)
    # Nor does a ladder's round trip bring them back.
    swaps: dict[str, Any] = {"swap_acceptance": (("chain", "pair"), np.full((40, 2), 0.5))}
    assert "came back to a phase 0 times" in verdict(x, potential, round_trips=("chain", np.full(40, 5.0)), **swaps)


def test_poking_over_the_barrier_is_no_change_of_phase():
    """On the far side of the barrier for a draw, no deeper than its top: nothing was seen of the other phase."""
    potential = find_potential("regular_double_well")
    x = 1.0 + 0.1 * fresh_generator().standard_normal((20, 2000))
    x[:, 50::100] = potential.barrier() - 0.02
    told = diagnose(dataset(x).assign_attrs(n_beta=20.0), potential).attrs["verdict"]
    assert "phase left was entered 0 times, 10 are needed" in told, told


def test_metastability_within_one_declared_phase_is_seen_by_exact_means():
    """The hyperbola of a linear neuron has two branches, one phase."""
    neuron = find_potential("bilinear")
    cold = sample(neuron, MALA(0.002), n_beta=400.0, chains=64, steps=20_000, thin=100, seed=fresh_seed()).attrs[
        "verdict"
    ]
    assert cold.startswith("do not trust: ") and " has mean " in cold and ", exactly " in cold


def test_wells_of_a_sum_are_looked_at_one_by_one():
    """Regions "all left" and "all right" are hardly met, and single wells may stick."""
    sum_of_wells = find_potential("barrier_spectrum")
    # Long enough for R-hat's chance departure from 1 to stay below its limit, whatever the seed.
    common: dict[str, Any] = {"chains": 64, "steps": 20_000, "thin": 50}
    warm = sample(sum_of_wells, MALA(0.02), n_beta=1.0, seed=fresh_seed(), chains=64, steps=80_000, thin=200).attrs[
        "verdict"
    ]
    assert warm.startswith("trust: ") and "entries at least into a phase" in warm, warm
    cold = sample(sum_of_wells, MALA(0.003), n_beta=12.0, initial="all left", seed=fresh_seed(), **common).attrs[
        "verdict"
    ]
    assert cold.startswith("do not trust: ") and " of w" in cold, cold


# ---- replica exchange ------------------------------------------------------------------------------------------------


def test_replicas_that_share_one_start_do_not_agree_by_themselves():
    """A ladder that never gets over the barrier, three coupled coordinates, so that no grid knows the shares."""
    w1, w2, w3 = sympy.symbols("w1 w2 w3", real=True)
    energy = (w1**2 - 1) ** 2 * 4 + (w2 - w1) ** 2 + (w3 - w2) ** 2
    phases = (
        declare_phase(energy, (w1, w2, w3), "left", (-1, -1, -1), w1 < 0),
        declare_phase(energy, (w1, w2, w3), "right", (1, 1, 1), w1 >= 0),
    )
    wells = Potential.from_expression(energy, box=(-4.0, 4.0), phases=phases)
    ladder = ReplicaExchange(MALA(0.03), (0.8, 1.6, 3.2))
    common: dict[str, Any] = {"n_beta": 1 / 0.8, "chains": 64, "steps": 20_000, "thin": 20}
    one = sample(wells, ladder, initial="left", seed=fresh_seed(), **common).attrs["verdict"]
    assert "all replicas started in one phase: start chains in every phase" in one, one
    both = sample(wells, ladder, seed=fresh_seed(), **common).attrs["verdict"]
    assert both.startswith("trust: "), both


def test_swaps_do_not_count_as_changes_of_phase_beyond_the_ladders_round_trips():
    """A replica that is in the other phase is swapped in and out: one crossing, seen many times."""
    x = np.where(fresh_generator().random((40, 1000)) < 0.5, -1.0, 1.0) + 0.1 * fresh_generator().standard_normal(
        (40, 1000)
    )
    swaps: dict[str, Any] = {"swap_acceptance": (("chain", "pair"), np.full((40, 2), 0.5))}
    potential = find_potential("regular_double_well")
    assert "entered" not in verdict(x, potential, round_trips=("chain", np.full(40, 5.0)), **swaps)
    few = np.zeros(40)
    few[:9] = 1
    assert "was entered 9 times, 10 are needed" in verdict(x, potential, round_trips=("chain", few), **swaps)


# ---- the step's bias -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "sampler"),
    [
        ("w**2/2", OverdampedLangevin(1.0)),
        ("(w**2-1)**2 - 3*w/20", OverdampedLangevin(0.02)),
        ("w**2/2", UnderdampedLangevin(0.9, 1.0, "OBABO")),
        ("w1**2/2 + 2*w1**4 + w2**2 + w1*w2 + w3**2 + w2*w3 + w2**4/5 + w3**4/5", OverdampedLangevin(0.04)),
        (
            "w1**2/2 + 2*w1**4 + w2**2 + w1*w2 + w3**2 + w2*w3 + w2**4/5 + w3**4/5",
            UnderdampedLangevin(0.22, 1.0, "OBABO"),
        ),
    ],
    ids=["Euler", "Euler, two wells", "OBABO", "Euler, three coordinates", "OBABO, three coordinates"],
)
def test_a_steps_bias_is_doubted_by_its_law(expression, sampler):
    potential = Potential.from_expression(expression)
    run = sample(potential, sampler, n_beta=1.0, chains=128, steps=40_000, thin=100, seed=fresh_seed())
    assert re.match(r"do not trust: .*the step shifts \w+ by \d+\.\d% of ", run.attrs["verdict"]), run.attrs["verdict"]
    assert float(run.sel(quantity="energy")["step_bias"]) > 0.01


def test_walls_have_their_bias_too():
    wall = Potential.from_expression("(w+1)**2", box=(0.0, 4.0), phases=(WALLED,))
    common: dict[str, Any] = {"n_beta": 1.0, "chains": 128, "steps": 100_000, "thin": 250}
    for sampler in (OverdampedLangevin(0.1), UnderdampedLangevin(0.5)):
        line = sample(wall, sampler, seed=fresh_seed(), **common).attrs["verdict"]
        assert line.startswith("do not trust: "), line
    fine = sample(wall, OverdampedLangevin(0.001), seed=fresh_seed(), **common).attrs["verdict"]
    assert fine.startswith("trust: ") and "the step shifts energy by 0." in fine, fine


def test_half_the_step_measures_what_no_law_knows():
    """Three coupled coordinates, BAOAB: no law, no grid; the run is made again at half the step."""
    energy = "w1**2/2 + 4*w1**4 + w2**2 + w1*w2 + w3**2 + w2*w3 + w2**4/5 + w3**4/5"
    potential = Potential.from_expression(energy)
    common: dict[str, Any] = {"n_beta": 1.0, "chains": 256, "steps": 20_000, "thin": 50}
    # Its errors then are a quarter of what is doubted, for any seed.
    longer: dict[str, Any] = common | {"steps": 120_000, "thin": 300}
    small = sample(potential, UnderdampedLangevin(0.05), seed=fresh_seed(), **longer).attrs["verdict"]
    assert small.startswith("trust: ") and re.search(r"the step shifts energy by -?\d\.\d% ± 0\.\d% of T", small), small
    # Minibatch noise heats too, by ησ²/2BT: of first order as the step's own bias, and in no law.
    noisy = GaussianGradients(potential, 8.0)
    large = sample(noisy, SGLD(0.02, 1), seed=fresh_seed(), **common).attrs["verdict"]
    assert large.startswith("do not trust: the step shifts energy by "), large
    alone = sample(potential, UnderdampedLangevin(0.05), seed=fresh_seed(), diagnose=False, **common)
    assert diagnose(alone, potential).attrs["verdict"].startswith("cannot judge: no law gives the step bias of BAOAB")


def test_exact_samplers_are_not_doubted_for_a_step():
    well = Potential.from_expression("w**2/2")
    for sampler in (MALA(0.5), RandomWalkMetropolis(1.5), Gibbs()):
        run = sample(well, sampler, n_beta=1.0, chains=64, steps=4000, thin=4, seed=fresh_seed())
        assert run.attrs["verdict"].startswith("trust: ") and "the step shifts" not in run.attrs["verdict"]
        assert (run["step_bias"] == 0).all()


def test_sgd_is_held_against_the_temperature_of_its_noise():
    well = Potential.from_expression("w**2/2")
    target = GaussianGradients(well, 1.0)
    common: dict[str, Any] = {"chains": 128, "steps": 40_000, "thin": 100}
    fine = sample(target, SGD(0.01, 4), seed=fresh_seed(), **common).attrs["verdict"]
    assert fine.startswith("trust: ") and re.search(r"the step shifts energy by 0\.[23]% of T", fine), fine
    coarse = sample(target, SGD(0.5, 4), seed=fresh_seed(), **common).attrs["verdict"]
    assert re.match(r"do not trust: the step shifts energy by 1\d\.\d% of T", coarse), coarse
    other = sample(GaussianGradients(well, 1.0, "loss"), SGD(0.1, 4), seed=fresh_seed(), initial=[1.0], **common)
    assert other.attrs["verdict"].endswith("the law is that of SGD itself, not of a temperature")
    heated = sample(target, SGLD(0.2, 1), n_beta=1.0, seed=fresh_seed(), **common).attrs["verdict"]
    assert heated.startswith("do not trust: ") and ", exactly 0.5" in heated, heated


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_the_verdict_does_not_depend_on_units(factor):
    """Energy and temperature times a factor, steps over it: the same run."""
    w = sympy.Symbol("w", real=True)
    potential = Potential.from_expression(sympy.Rational(factor) * ((w**2 - 1) ** 2 - w / 10), box=BOX)
    run = sample(
        potential, OverdampedLangevin(0.01 / factor), n_beta=1 / factor, chains=64, steps=20_000, thin=40, seed=7
    )
    assert run.attrs["verdict"].startswith("do not trust: the step shifts energy by 1."), run.attrs["verdict"]


# ---- exact means and unseen phases, on draws made by hand ------------------------------------------------------------


@pytest.mark.parametrize(("errors", "trusted"), [(0.0, True), (3.0, True), (7.0, False)])
def test_a_mean_that_is_off_its_exact_value_is_doubted(errors, trusted):
    """w**2 at n_beta = 1/2 is a standard normal law; errors are those of 8000 independent draws."""
    x = fresh_generator().standard_normal((8, 1000))
    x += errors / math.sqrt(x.size) - x.mean()
    known = dataset(x).assign_attrs(n_beta=0.5, scheme="exact", time_step=0.0)
    line = diagnose(known, WELL).attrs["verdict"]
    assert line.startswith("trust: " if trusted else "do not trust: w has mean 0.0"), line
    assert (", exact means within" in line) == trusted
    assert diagnose(dataset(x), WELL).attrs["verdict"].startswith("trust: "), "nothing is known without a temperature"


def test_draws_that_vary_too_little_get_the_errors_they_would_have():
    """Half the exact spread halves the errors found; they are scaled up, the energy is off all the same."""
    x = 0.5 * fresh_generator().standard_normal((8, 1000))
    found = diagnose(dataset(x).assign_attrs(n_beta=0.5, scheme="exact", time_step=0.0), WELL)
    own = float(found.sel(quantity="energy")["monte_carlo_standard_error"])
    said = re.search(r"energy has mean 0\.2\d* ± (\S+), exactly 1(\.0*)?$", found.attrs["verdict"])
    assert said, found.attrs["verdict"]
    assert float(said[1]) > 2.5 * own


@pytest.mark.parametrize(("n_beta", "passes"), [(5.0, False), (60.0, True)])
def test_an_unseen_phase_far_above_is_negligible_where_no_integral_is_known(n_beta, passes):
    """Three coupled coordinates; the other phase lies one unit of loss higher: 5 or 60 temperatures."""
    w1, w2, w3 = sympy.symbols("w1 w2 w3", real=True)
    energy = (w1**2 - 1) ** 2 * (w1 + 3) + w1**2 * w2**2 + w1**2 * w3**2 + w2**2 * w3**2 - (w1 - 1) / 2
    phases = (
        Phase("low", (1, 0, 0), w1 >= 0, sympy.Integer(0), sympy.Rational(3, 2)),
        Phase("high", (-1, 0, 0), w1 < 0, sympy.Integer(1), sympy.Rational(3, 2)),
    )  # type: ignore[arg-type]
    wells = Potential("two in space", energy, (w1, w2, w3), (), ((-2.0, 2.0),) * 3, phases, "reflecting")
    x = 0.05 * fresh_generator().standard_normal((8, 2000, 3)) + np.array([1.0, 0.0, 0.0])
    line = diagnose(dataset(x).assign_attrs(n_beta=n_beta, scheme="exact", time_step=0.0), wells).attrs["verdict"]
    if passes:
        assert line.startswith("trust: ") and line.endswith("phase high was never visited, its share is negligible")
    else:
        assert "phase high was never visited: rare, or out of reach" in line
