"""What local estimates read along a run: against the law, against chains, and in other units."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.exact.draws import draw_exact
from slt_toys.potentials.catalogue import find_pair
from slt_toys.potentials.potential import Potential, PotentialPair
from slt_toys.protocol.sampled import pure_energies, sample_schedule, step_counts, step_limit
from slt_toys.protocol.schedule import Ending, switch_schedules
from slt_toys.protocol.training import ExponentialDecay, Training
from slt_toys.reference.laws import law
from slt_toys.reference.published_coefficients import published_estimates
from slt_toys.worlds.coefficient_along_run import coefficients_along_run, local_estimates, share_of_rise
from slt_toys.worlds.onset_windows import training_at
from tests.seeds import fresh_seed

REGULAR, SINGULAR, REVERSED = (
    find_pair(name) for name in ("regular_double_well", "singular_double_well_2_4", "singular_double_well_4_2")
)
SWITCHES, FURTHER, TOTAL = tuple(range(0, 101, 10)), Ending("further", 150), Ending("total", 250)


@pytest.mark.parametrize("temperature", [0.002, 0.05])
def test_estimates_follow_the_law_in_a_quadratic(temperature):
    curvature, n_beta, localisation = 3.0, 80.0, 15.0
    quadratic = Potential.from_expression(sympy.sympify("3*w**2/2"), name="quadratic")
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    points = (np.sqrt(temperature / curvature) * nodes)[:, None]
    mean = weights @ local_estimates(quadratic, points, n_beta, localisation) / weights.sum()
    values = {"n_beta": n_beta, "curvature": curvature, "localisation": localisation}
    assert mean == pytest.approx(law("estimate-in-a-run")(temperature=temperature, **values), rel=1e-6)


def test_the_published_estimate_rises_without_any_change_of_phase_or_coefficient():
    """One λ throughout: what rises is the run's coldness; with a fixed total nothing is left of it at the end."""
    data = coefficients_along_run(REGULAR, training_at(0.6), SWITCHES, FURTHER)["coefficient"]
    assert np.allclose(data.sel(reading="asymptotic"), 0.5) and np.ptp(data.sel(reading="finite").values) < 1e-3
    at_switch = data.sel(place="at the switch", reading="published").values
    assert (np.diff(at_switch) > 0).all() and at_switch[0] < -20 and at_switch[-1] < 0
    assert np.ptp(data.sel(place="at the end", reading="published").values) > 0.2
    together = coefficients_along_run(REGULAR, training_at(0.6), SWITCHES, TOTAL)["coefficient"]
    assert np.ptp(together.sel(place="at the end", reading="published").values) < 0.01


def test_the_exact_coefficient_moves_with_the_stuck_mass_and_either_way():
    for pair, sign in ((SINGULAR, 1), (REVERSED, -1)):
        data = coefficients_along_run(pair, training_at(0.6), SWITCHES, TOTAL)
        exact = data["coefficient"].sel(place="at the end", reading="asymptotic").values
        by_phase = {phase.name: float(phase.learning_coefficient) for phase in pair.clean.phases}
        stuck = by_phase.pop(pair.stuck_phase)
        (clean,) = by_phase.values()
        assert np.allclose(exact, clean + (stuck - clean) * data["stuck"].values, atol=1e-9)
        assert sign * (exact[-1] - exact[0]) > 0.1
        centred = data["coefficient"].sel(place="at the end", reading="centred").values
        assert sign * (centred[-1] - centred[0]) > 0.1


def test_chains_and_a_probe_of_their_own_read_the_same():
    """Independent route: Langevin chains through the schedule, then a localised chain from every final state."""
    chains, switch, ending, seed = 1500, 40, Ending("further", 60), fresh_seed()
    training, n_beta, localisation = training_at(0.6), 60.0, 20.0
    exact = coefficients_along_run(
        SINGULAR, training, (switch,), ending, n_beta=n_beta, localisation=localisation
    )["coefficient"].isel(switch_epoch=0)  # fmt: skip
    epochs = ending.last_epoch(switch)
    (run,) = switch_schedules(training.temperatures(epochs), training.durations(epochs), (switch,), ending)
    steps = step_counts(run.durations, step_limit(SINGULAR, run.temperatures, 0.3))
    first = draw_exact(SINGULAR.deficit, 1 / run.temperatures[0], chains, [seed, 0])
    states = sample_schedule(run, pure_energies(SINGULAR), steps, chains=chains, seed=[seed, 1], initial=first)
    random = np.random.default_rng([seed, 2])
    for place, potential, start in (
        ("at the switch", SINGULAR.deficit, states[:, 0]),
        ("at the end", SINGULAR.clean, states[:, -1]),
    ):
        losses = _probe(potential, start, n_beta, localisation, random)
        readings = n_beta * (losses - potential.energy_function()(start))
        error = readings.std() / np.sqrt(chains)
        value = float(exact.sel(place=place, reading="published"))
        assert abs(readings.mean() - value) < 5 * error + 0.02, (place, readings.mean(), value, error)
        other = "at the end" if place == "at the switch" else "at the switch"
        assert abs(readings.mean() - float(exact.sel(place=other, reading="published"))) > 12 * error


def _probe(potential, start, n_beta, localisation, random):
    """Mean loss of Metropolis walks in the posterior localised at each start, within its phase."""
    energy, phase = potential.energy_function(), potential.phase_index(start)
    state, here, total, kept = start.copy(), n_beta * energy(start), 0.0, 0
    for step in range(900):
        proposal = state + 0.12 * random.standard_normal(state.shape)
        there = n_beta * energy(proposal) + localisation * ((proposal - start) ** 2).sum(axis=1) / 2
        accept = (random.random(len(state)) < np.exp(np.minimum(here - there, 0))) & (
            potential.phase_index(proposal) == phase
        )
        state, here = np.where(accept[:, None], proposal, state), np.where(accept, there, here)
        if step >= 200:
            total, kept = total + energy(state), kept + 1
    return total / kept


def test_units_of_loss_and_length_do_not_matter():
    """L → cL with T → cT and n_beta → n_beta/c, then w → aw with the learning rate times a²: the same readings."""
    data = coefficients_along_run(SINGULAR, training_at(0.6), (0, 40), FURTHER)["coefficient"].values
    loss, length = 7, 3  # whole numbers: a rounded coefficient would make the flat minimum a regular one
    w = SINGULAR.clean.coordinates[0]
    clean, deficit = (
        Potential.from_expression(
            sympy.expand(loss * each.bound_energy.subs(w, w / sympy.Integer(length))), name=each.name
        )
        for each in (SINGULAR.clean, SINGULAR.deficit)
    )
    base = training_at(0.6)
    rate = ExponentialDecay(base.learning_rate_at.learning_rate * length**2 / loss, base.learning_rate_at.decay)
    training = Training(base.batch_size, base.dataset_size, rate, base.gradient_variance * (loss / length) ** 2)
    stuck = clean.phases[[phase.name for phase in SINGULAR.clean.phases].index(SINGULAR.stuck_phase)].name
    moved = coefficients_along_run(
        PotentialPair("moved", deficit, clean, stuck), training, (0, 40), FURTHER, n_beta=100.0 / loss,
        localisation=20.0 / length**2,
    )["coefficient"].values  # fmt: skip
    assert np.allclose(moved, data, rtol=2e-3, atol=2e-3)


def test_published_estimates_go_on_rising_after_the_hinge():
    """Hinges at 167.8, 124.4 and 95.9 epochs: by then 67 to 84 % of the rise at the switch is done."""
    hinges = {64: 167.8, 128: 124.4, 256: 95.9}
    shares = [
        share_of_rise(own.switch_epochs, own.at_switch, hinges[size]) for size, own in published_estimates().items()
    ]
    assert all(0.6 < share < 0.85 for share in shares)


def test_share_of_rise():
    assert share_of_rise([0, 10, 20], [1.0, 2.0, 3.0], 5) == pytest.approx(0.25)
    assert share_of_rise([0, 10, 20], [3.0, 2.0, -1.0], 20) == pytest.approx(1.0)
    assert np.isnan(share_of_rise([0, 10], [1.0, 1.0], 5))


def test_bad_arguments():
    with pytest.raises(ValueError, match="single coordinate"):
        coefficients_along_run(find_pair("curve_against_point"), training_at(0.6), (0,), FURTHER)
    with pytest.raises(ValueError, match="switch_epochs"):
        coefficients_along_run(REGULAR, training_at(0.6), (10, 5), FURTHER)
    with pytest.raises(ValueError, match="n_beta"):
        local_estimates(REGULAR.clean, [[1.0]], -1.0, 1.0)
