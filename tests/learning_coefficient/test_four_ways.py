"""Every catalogue phase passes the four-way check of its learning coefficient, and what is wrong does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy
from sympy import Rational

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import phase_table
from slt_toys.learning_coefficient import four_ways, sampled_energy
from slt_toys.learning_coefficient.four_ways import check_phase, derive
from slt_toys.learning_coefficient.sampled_energy import (
    SampledEnergy,
    largest_curvature,
    relaxation_time_within,
    sample_energy,
)
from slt_toys.potentials.catalogue import catalogue
from slt_toys.potentials.potential import Phase, Potential
from tests.seeds import fresh_seed

PHASES = [(name, phase.name) for name, potential in catalogue().items() for phase in potential.phases]
FAST = "regular_double_well"


def declaring(potential: Potential, phase: str, **wrong) -> Potential:
    """The potential with something else declared for one phase."""
    phases = tuple(replace(own, **wrong) if own.name == phase else own for own in potential.phases)
    return replace(potential, phases=phases)


def exact_energy(potential: Potential, phase: str, n_beta: float) -> float:
    return float(phase_table(potential, [n_beta])["excess_energy"].sel(phase=phase).item())


# ---- what is right passes -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name, phase", PHASES)
def test_every_catalogue_phase_agrees_four_ways(name, phase):
    row = check_phase(catalogue()[name], phase, chains=1024, seed=fresh_seed())
    assert row.failures == (), row
    assert row.verdict == "agree"
    assert row.sampled.effective_sample_size >= 1000 and row.sampled.outside == 0


def test_the_catalogue_is_whole():
    assert len(catalogue()) >= 12
    assert len(PHASES) == sum(len(potential.phases) for potential in catalogue().values())


@pytest.mark.parametrize("name, phase", [("singular_double_well_2_4", "right"), ("normal_crossing", "whole")])
def test_exact_draws_have_the_exact_energy(name, phase):
    potential = catalogue()[name]
    draws = draw_exact(potential, 100.0, 40_000, fresh_seed(), phase)
    energy = 100.0 * (potential.energy_function()(draws) - potential.minimum_loss(phase))
    assert abs(energy.mean() - exact_energy(potential, phase, 100.0)) < 5 * energy.std() / 200


def test_relaxation_within_a_phase():
    """1/h in a quadratic; L²/π²T along a line of length L (a curve's own length where the valley is one)."""
    quadratic = Potential.from_expression("3*w**2")
    assert relaxation_time_within(quadratic, 0, 0.01) == pytest.approx(1 / 6, rel=2e-3)
    phase = Phase("whole", (sympy.S.Zero,) * 2, sympy.true, sympy.S.Zero, Rational(1, 2), 1, 1)
    valley = Potential.from_expression("w1**2*(1 + w2**2/10**9)", box=((-1, 1), (-1, 1)), phases=(phase,))
    assert relaxation_time_within(valley, 0, 0.05) == pytest.approx(4 / (np.pi**2 * 0.05), rel=2e-3)
    # Confined to one well, it knows nothing of the barrier, which takes e^80 times as long.
    assert relaxation_time_within(catalogue()[FAST], "left", 0.01) < 0.2


@pytest.mark.parametrize("phase", ["left", "right"])
def test_the_step_s_bias_is_within_its_bound(phase):
    """At 8 times the step of the check, where the bound (h·step)²/4 is 64 times BIAS_SHARE of a standard error."""
    potential = catalogue()["singular_double_well_2_4"]
    coarse = sample_energy(potential, phase, 100.0, seed=fresh_seed(), coarser=8.0)
    curvature = largest_curvature(potential, 100.0, potential.phase_number(phase))
    exact = exact_energy(potential, phase, 100.0)
    bound = (curvature * coarse.step_size) ** 2 / 4 * exact
    planned = exact / np.sqrt(float(potential.phases[potential.phase_number(phase)].learning_coefficient) * 2048 * 20)
    assert bound == pytest.approx(64 * sampled_energy.BIAS_SHARE * planned, rel=0.1)
    assert abs(coarse.estimate - exact) < bound + 5 * coarse.standard_error


# ---- what is wrong does not -----------------------------------------------------------------------------------------
def test_a_wrong_learning_coefficient_is_flagged_by_three_routes():
    wrong = declaring(catalogue()[FAST], "right", learning_coefficient=Rational(1, 4))
    row = check_phase(wrong, "right", seed=fresh_seed())
    assert row.failures == ("derived", "slope", "sampled")
    assert row.verdict == "derived, slope, sampled disagree"
    assert check_phase(wrong, "left", seed=fresh_seed()).failures == ()


def test_a_wrong_multiplicity_is_flagged():
    missing = declaring(catalogue()["normal_crossing"], "whole", multiplicity=1)
    row = check_phase(missing, "whole", seed=fresh_seed())
    assert row.failures == ("derived", "slope", "sampled")
    # With one logarithm too many declared the law is right with a vanishing coefficient, so that energies agree.
    spare = declaring(catalogue()["singular_double_well_2_4"], "right", multiplicity=2)
    assert {"derived", "slope"} <= set(check_phase(spare, "right", seed=fresh_seed()).failures)


def test_an_asymptotic_value_in_place_of_the_exact_one_is_flagged(monkeypatch):
    """An estimator that hits λ = 1/2 on the normal crossing at n_beta = 144.76 is wrong."""
    hit = SampledEnergy(0.5, 0.003, 4e4, 0.0, 1, 1.0)
    monkeypatch.setattr(four_ways, "sample_energy", lambda *_, **__: hit)
    row = check_phase(catalogue()["normal_crossing"], "whole")
    assert row.exact == pytest.approx(0.355878, abs=1e-6)
    assert row.law == pytest.approx(row.exact, abs=1e-4)
    assert row.failures == ("sampled",)


def hotter(monkeypatch):
    real = sampled_energy.Stage
    monkeypatch.setattr(sampled_energy, "Stage", lambda p, s, n_beta, steps: real(p, s, n_beta / 1.1, steps))


def hasty(monkeypatch):
    monkeypatch.setattr(sampled_energy, "BURN_IN", 0)
    monkeypatch.setattr(sampled_energy, "SPACING", 0.01)


def warm(monkeypatch):
    monkeypatch.setattr(four_ways, "DEFAULT_N_BETA", 3.0)


@pytest.mark.parametrize("wrong", [hotter, hasty, warm])
def test_a_sampler_too_hot_or_stopped_too_early_or_free_to_leave_is_flagged(wrong, monkeypatch):
    wrong(monkeypatch)
    row = check_phase(catalogue()[FAST], "left", seed=fresh_seed())
    assert row.failures == ("sampled",)
    assert (row.sampled.outside > 0.01) == (wrong is warm)


def test_a_refused_derivation_is_shown():
    """No polynomial, and degenerate: theory refuses, and the check passes its reason on."""
    x, y = sympy.symbols("x y", real=True)
    phase = Phase("whole", (sympy.S.Zero,) * 2, sympy.true, sympy.S.Zero, Rational(5, 12), 1, 1)
    energy = (sympy.sin(x) ** 2 - y**3) ** 2
    cusp = Potential("bent cusp squared", energy, (x, y), (), ((-1.0, 1.0),) * 2, (phase,), "reflecting")
    value, multiplicity, method = derive(cusp, 0)
    assert value is None and multiplicity is None
    assert method.startswith("refused: ") and "not a polynomial" in method
