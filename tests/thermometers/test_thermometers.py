"""Thermometers on trajectories whose temperature is known, on SGD against its laws, and on what they must refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from scipy import stats

from slt_toys.exact.draws import draw_exact
from slt_toys.potentials.catalogue import find_potential, regular_double_well
from slt_toys.potentials.example_catalogue import additive_examples, linear_regression
from slt_toys.potentials.examples import GaussianGradients
from slt_toys.potentials.potential import Potential
from slt_toys.reference.laws import law
from slt_toys.samplers import SGD, sample_stages
from slt_toys.samplers.run import Stage
from slt_toys.thermometers.dynamic import escape_thermometer, fluctuation_dissipation_thermometer, stationarity
from slt_toys.thermometers.equilibrium import anisotropy, energy_thermometer, occupancy_thermometer
from slt_toys.thermometers.readings import disagreement, reading
from tests.seeds import fresh_seed
from tests.thermometers.known_draws import DOUBLE_WELL, FAR, LIMIT, QUADRATIC, independent, off
from theory.laws.reshuffling import temperature_factor


def pairs(
    target, sampler: SGD, *, steps: int, burn: int, thin: int, chains: int, initial=None
) -> tuple[np.ndarray, np.ndarray]:
    """Positions before and after one step each, every ``thin`` steps."""
    after = np.arange(burn + thin, steps + 1, thin)
    kept = np.unique(np.concatenate([after - 1, after]))
    stage = Stage(target, sampler, None, int(kept[-1]))
    drawn = sample_stages([stage], chains=chains, record_steps=kept, seed=fresh_seed(), initial=initial)["w"].values
    places = np.searchsorted(kept, after)
    return drawn[:, places - 1], drawn[:, places]


# ---- SGD against its laws -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "momentum"), [(0.1, 0.0), (0.5, 0.0), (0.05, 0.9)])
def test_additive_noise_has_the_temperature_of_the_law_over_two_decades(rate, momentum):
    curvature = 1.0 if momentum == 0 else 10.0
    well = Potential.from_expression(f"{curvature:g}*w**2/2")
    for batch in (1, 10, 100):
        variance = 2 * (1 - momentum) / rate  # temperature 1 at batch size 1
        temperature = law("sgd-temperature")(
            learning_rate=rate, momentum=momentum, gradient_variance=variance, batch_size=batch
        )
        assert temperature == pytest.approx(1 / batch)
        exact = law("sgd-temperature-quadratic")(
            temperature=temperature, learning_rate=rate, momentum=momentum, curvature=curvature
        )
        before, after = pairs(
            GaussianGradients(well, variance), SGD(rate, batch, momentum), steps=3000, burn=600, thin=12, chains=1024
        )
        energy = energy_thermometer(well, after)
        flow = fluctuation_dissipation_thermometer(well, before, after, learning_rate=rate, momentum=momentum)
        for found in (energy, flow):
            assert off(found, 1 / exact) < LIMIT
            assert found.temperature == pytest.approx(exact, rel=0.03)
            assert off(found, 1 / (1.15 * exact)) > FAR
        if exact > 1.1 * temperature:  # the correction is seen
            assert off(energy, 1 / temperature) > FAR
        assert disagreement([energy, flow]).p_value > 5.7e-7


@pytest.mark.parametrize("kind", ["gaussian", "table"])
@pytest.mark.parametrize(("rate", "momentum", "batches"), [(0.05, 0.0, 64), (0.05, 0.8, 16)])
def test_reshuffling_is_colder_by_the_derived_factor(kind, rate, momentum, batches):
    variance, batch = 2.0, 4
    target = (
        GaussianGradients(QUADRATIC, variance, size=batch * batches)
        if kind == "gaussian"
        else additive_examples(QUADRATIC, variance, batch * batches, seed=fresh_seed())
    )
    temperature = rate * variance / (2 * batch * (1 - momentum))
    exact = temperature * temperature_factor(rate, momentum, batches)
    burn = 10 * batches * math.ceil(1 / (rate / (1 - momentum) * batches) + 1)
    # A spacing prime to the epoch sees every place in it.
    before, after = pairs(
        target, SGD(rate, batch, momentum, order="reshuffled"), steps=burn + 512 * 7, burn=burn, thin=7, chains=1024
    )
    # Each chain's record begins at a place of its own, or the first draws would all be of one place in the epoch.
    rows = (np.random.default_rng(fresh_seed()).integers(512, size=(1024, 1)) + np.arange(512)) % 512
    before, after = (np.take_along_axis(draws, rows[:, :, None], axis=1) for draws in (before, after))
    energy = energy_thermometer(QUADRATIC, after)
    assert off(energy, 1 / exact) < LIMIT
    assert energy.temperature == pytest.approx(exact, rel=0.05)
    assert off(energy, 1 / temperature) > FAR
    # The minibatches of an epoch depend on the weights: the relation fails, and the thermometer says so.
    flow = fluctuation_dissipation_thermometer(QUADRATIC, before, after, learning_rate=rate, momentum=momentum)
    sides = stationarity(QUADRATIC, before, after, learning_rate=rate, momentum=momentum)
    assert not flow.reads and "depend on one another" in flow.reason
    assert abs(sides.relative_difference) > FAR * sides.standard_error


def four(potential: Potential, target, rate: float, batch: int, temperature: float, momentum=0.0, burn=20, **more):
    """Readings of the four thermometers on one run of SGD in a double well."""
    step = rate / (1 - momentum)
    thin = max(1, round(0.04 / step))
    before, after = pairs(
        target, SGD(rate, batch, momentum, **more), steps=round((160 + burn) / step), burn=round(burn / step),
        thin=thin, chains=512, initial=draw_exact(potential, 1 / temperature, 512, fresh_seed()),
    )  # fmt: skip
    coarse = slice(None, None, 5)
    return [
        energy_thermometer(potential, after[:, coarse]),
        occupancy_thermometer(potential, after[:, coarse]),
        fluctuation_dissipation_thermometer(
            potential, before[:, coarse], after[:, coarse], learning_rate=rate, momentum=momentum
        ),
        escape_thermometer(potential, after, time_per_draw=thin * step, phase="left"),
    ]


def test_sgd_with_small_steps_and_additive_noise_has_one_temperature():
    rate, batch, temperature = 0.002, 16, 0.3
    target = GaussianGradients(DOUBLE_WELL, 2 * batch * temperature / rate)
    readings = four(DOUBLE_WELL, target, rate, batch, temperature)
    for found in readings:
        assert off(found, 1 / temperature) < LIMIT + 0.02 / found.relative_error  # steps are small, not infinitesimal
        assert found.temperature == pytest.approx(temperature, rel=0.02 + LIMIT * found.relative_error)
        assert off(found, 1 / (3 * temperature)) > FAR
    together = disagreement(readings)
    assert together.inverse_temperature == pytest.approx(1 / temperature, rel=0.03)
    assert together.spread < 0.02 + 2 * LIMIT * together.spread_error


def test_noise_that_grows_with_the_loss_is_seen_as_disagreement():
    """Variance σ² (L - min L) beside a floor: hotter on the barrier than in the wells."""
    rate, batch, temperature = 0.002, 16, 0.3
    floor = 0.5 * 2 * temperature / rate
    growing = GaussianGradients(DOUBLE_WELL, 2 * batch * temperature / rate, "loss")
    readings = four(DOUBLE_WELL, growing, rate, batch, temperature, burn=80, added_noise=math.sqrt(floor))
    found = disagreement(readings)
    assert found.p_value < 1e-30, found.verdict  # 12 standard errors are 4e-33 of a normal law; F has longer tails
    # Occupancy, the least sure, reads only if chains change phase three times, as here few do; where it does, the
    # largest difference is its own and less sure. So the two that always read are compared.
    moving = disagreement(readings[2:])
    assert moving.thermometers == ("fluctuation-dissipation", "escape from left")
    assert moving.spread > FAR * moving.spread_error and found.spread > 0.1
    # The control: noise that does not grow has one temperature.
    steady = GaussianGradients(DOUBLE_WELL, 2 * batch * temperature / rate)
    one = disagreement(four(DOUBLE_WELL, steady, rate, batch, temperature))
    assert one.spread < 0.02 + 2 * LIMIT * one.spread_error


# ---- directions -----------------------------------------------------------------------------------------------------


def test_directions_of_an_isotropic_sampler_share_a_temperature():
    w1, w2 = sympy.symbols("w1 w2", real=True)
    bowl = Potential.from_expression(w1**2 / 2 + 5 * w2**2 + sympy.Rational(1, 2) * w1 * w2)
    found = anisotropy(bowl, independent(bowl, 3.0), "whole")
    assert found.curvatures == pytest.approx(np.linalg.eigvalsh([[1, 0.5], [0.5, 10]]))
    for one in found.readings:
        assert off(one, 3.0) < LIMIT
        assert off(one, 4.0) > FAR
    assert disagreement(found.readings).p_value > 5.7e-7


def test_label_noise_heats_directions_in_proportion_to_their_curvature():
    """In linear regression gradients scatter like the Hessian, σ² H: the variance of all directions is alike."""
    examples = linear_regression(400, (1.0, -0.5), label_noise=0.5, seed=fresh_seed())
    stretched = examples.potential
    rate, batch = 0.05, 8
    _, after = pairs(examples, SGD(rate, batch), steps=6000, burn=1000, thin=25, chains=512)
    found = anisotropy(stretched, after, "whole")
    noise = found.directions.T @ examples.gradient_covariance(stretched.minimum_point(0)) @ found.directions
    for one, own, curvature in zip(found.readings, np.diag(noise), found.curvatures, strict=True):
        expected = law("sgd-temperature-quadratic")(
            temperature=law("sgd-temperature")(
                learning_rate=rate, momentum=0.0, gradient_variance=own, batch_size=batch
            ),
            learning_rate=rate, momentum=0.0, curvature=curvature,
        )  # fmt: skip
        # Noise of the inputs adds a little beyond the minimum's own covariance.
        assert one.temperature == pytest.approx(expected, rel=0.03 + LIMIT * one.relative_error)


# ---- what cannot be read --------------------------------------------------------------------------------------------


def test_what_cannot_be_read_says_why():
    draws = independent(DOUBLE_WELL, 4.0)
    assert "20 are the fewest" in energy_thermometer(DOUBLE_WELL, draws[:10]).reason
    assert "0 chains were in the phase" in energy_thermometer(DOUBLE_WELL, np.full((30, 5, 1), 1.0), "left").reason
    lone = np.full((30, 5, 1), 1.0)
    lone[7, 2:] = -0.9  # the scatter of one chain's visit is no standard error
    assert "1 chains were in the phase" in energy_thermometer(DOUBLE_WELL, lone, "left").reason
    assert "1 chains were in the phase" in anisotropy(DOUBLE_WELL, lone, "left").readings[0].reason
    assert "above the minimum" in energy_thermometer(DOUBLE_WELL, np.full((30, 5, 1), 40.0)).reason
    assert (
        "escapes were seen"
        in escape_thermometer(DOUBLE_WELL, np.full((30, 50, 1), 1.0), time_per_draw=0.1, phase="left").reason
    )
    still = np.zeros((30, 50, 1))
    assert "no chain moves" in fluctuation_dissipation_thermometer(DOUBLE_WELL, still, still, learning_rate=0.1).reason
    walls = find_potential("monomial_well")
    assert "walls" in fluctuation_dissipation_thermometer(walls, still, still, learning_rate=0.1).reason
    cooling = np.concatenate([independent(DOUBLE_WELL, 2.0), independent(DOUBLE_WELL, 6.0)], axis=1)
    refused = energy_thermometer(DOUBLE_WELL, cooling)
    assert "not stationary" in refused.reason and "cannot be read" in refused.verdict
    alone = disagreement([energy_thermometer(DOUBLE_WELL, draws), refused])
    assert "1 of the thermometers" in alone.reason and np.isnan(alone.p_value)


def test_a_phase_that_moves_is_no_stationary_state():
    """SGD still on its way down: the two sides of the relation differ."""
    rate, batch = 0.01, 4
    target = GaussianGradients(QUADRATIC, 1.0)
    before, after = pairs(target, SGD(rate, batch), steps=300, burn=1, thin=1, chains=300, initial=[5.0])
    sides = stationarity(QUADRATIC, before, after, learning_rate=rate)
    assert not sides.holds
    assert not fluctuation_dissipation_thermometer(QUADRATIC, before, after, learning_rate=rate).reads


BAD = {
    "positions must have shape (chain, draw, 1)": lambda: energy_thermometer(DOUBLE_WELL, np.zeros((3, 4))),
    "positions must be finite": lambda: energy_thermometer(DOUBLE_WELL, np.full((30, 4, 1), np.nan)),
    "phase 'middle' is not one of": lambda: energy_thermometer(DOUBLE_WELL, np.zeros((30, 4, 1)), "middle"),
    "before and after must have one shape": lambda: stationarity(
        DOUBLE_WELL, np.zeros((30, 4, 1)), np.zeros((30, 3, 1)), learning_rate=0.1
    ),
    "learning_rate must be positive": lambda: stationarity(
        DOUBLE_WELL, np.zeros((30, 4, 1)), np.zeros((30, 4, 1)), learning_rate=0
    ),
    "momentum must lie in [0, 1)": lambda: stationarity(
        DOUBLE_WELL, np.zeros((30, 4, 1)), np.zeros((30, 4, 1)), learning_rate=0.1, momentum=1
    ),
    "time_per_draw must be positive": lambda: escape_thermometer(
        DOUBLE_WELL, np.zeros((30, 4, 1)), time_per_draw=0, phase=0
    ),
    "target must be another phase": lambda: escape_thermometer(
        DOUBLE_WELL, np.zeros((30, 4, 1)), time_per_draw=1, phase=0, target=0
    ),
    "target must be given": lambda: escape_thermometer(QUADRATIC, np.zeros((30, 4, 1)), time_per_draw=1, phase=0),
    "potential must have one coordinate": lambda: escape_thermometer(
        find_potential("curve_against_point"), np.zeros((30, 4, 2)), time_per_draw=1, phase=0
    ),
    "must have a point for its minimum": lambda: anisotropy(
        find_potential("curve_against_point"), np.zeros((30, 4, 2)), "circle"
    ),
    "readings must come from the same chains": lambda: disagreement(
        [reading("a", 1.0, stats.norm.rvs(size=(n, 5), scale=0.1)) for n in (30, 40)]
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_in_one_line(message):
    with pytest.raises(ValueError) as refused:
        BAD[message]()
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_readings_know_their_own_potential_only_through_positions():
    """The same loss under another name and a parameter put in reads the same."""
    draws = independent(DOUBLE_WELL, 4.0, 50, 40)
    twin = regular_double_well(sympy.Rational(3, 20))
    assert (
        energy_thermometer(twin, draws).inverse_temperature
        == energy_thermometer(DOUBLE_WELL, draws).inverse_temperature
    )
