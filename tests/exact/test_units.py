"""No unit matters: energies times 10^±6, coordinates stretched, moved, mirrored and exchanged, constants added."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import free_energy, marginal_density, occupancy, phase_table
from slt_toys.exact.fokker_planck import fokker_planck, grid_for, relaxation_time, spectrum
from slt_toys.exact.kinetics import (
    barrier_form,
    kramers_rate,
    kramers_ratio,
    log_mean_first_passage_time,
    mean_first_passage_time,
    well_form,
)
from slt_toys.exact.phase_boundaries import (
    crossover,
    learning_coefficient_by_quadrature,
    loss_gap_boundary,
    phase_asymptotics,
)
from slt_toys.exact.temperature_ladder import swap_acceptance, temperature_ladder
from slt_toys.fits.ends import half_stuck_mass
from slt_toys.potentials.boxes import scale_of
from slt_toys.potentials.catalogue import regular_double_well
from slt_toys.potentials.potential import Potential, PotentialPair, mirrored_pair
from slt_toys.protocol.exact import exact_stuck_probability
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, Training
from slt_toys.samplers import largest_stable_step
from tests.exact.made_units import CHANGES, LINES, Change

PLANES = {
    "regular": "(w1**2-1)**2 + w2**2 + w1*w2/10 - w1/5",
    "degenerate": "(w1-w2)**2 + w1**4 + w2**4",
    "separable": "(w1**2-1)**2 - w1/10 + w2**2",
}
PAIRS = [pytest.param(name, change, id=f"{name}, {label}") for label, change in CHANGES.items() for name in LINES]
# Temperatures in units of each energy's own scale: from well below the barrier to far beyond what its box was made for.
RELATIVE = np.array([1e-3, 0.05, 0.3, 1.0, 5.0, 200.0])


def temperatures(potential: Potential) -> np.ndarray:
    return RELATIVE * scale_of(potential)


@pytest.mark.parametrize(("name", "change"), PAIRS)
def test_equilibrium_on_a_line(name: str, change: Change):
    plain, other = Potential.from_expression(LINES[name]), change.of(LINES[name])
    energy, stretch, _, constant = change.numbers
    assert scale_of(other) == pytest.approx(energy * scale_of(plain), rel=1e-9)
    t = temperatures(plain)
    one, two = phase_table(plain, 1 / t), phase_table(other, 1 / (energy * t))
    assert np.allclose(two.occupancy, one.occupancy, rtol=1e-9, atol=1e-300)
    for key in ("mean_loss", "total_mean_loss"):
        assert np.allclose((two[key] - constant) / energy, one[key], rtol=1e-9, atol=1e-9 * scale_of(plain))
    for key in ("excess_energy", "total_excess_energy", "heat_capacity", "total_heat_capacity"):
        assert np.allclose(two[key], one[key], rtol=1e-9)
    moved = one["log_partition_function"] + np.log(stretch) - constant / (energy * t[:, None])
    rounding = 1e-13 * np.abs(moved).max()
    assert np.allclose(two["log_partition_function"], moved, rtol=1e-11, atol=1e-9 + rounding)
    assert np.allclose(two["entropy"], one["entropy"] + np.log(stretch), rtol=0, atol=1e-9)


FEW = ["energies by a million", "stretched", "everything"]


@pytest.mark.parametrize("label", FEW)
@pytest.mark.parametrize("name", PLANES)
def test_equilibrium_in_a_plane(name: str, label: str):
    change = CHANGES[label]
    plain, other = Potential.from_expression(PLANES[name]), change.of(PLANES[name])
    energy, stretch, _, constant = change.numbers
    t = np.array([0.05, 1.0, 60.0])
    one, two = phase_table(plain, 1 / t), phase_table(other, 1 / (energy * t))
    assert np.allclose(two.occupancy, one.occupancy, rtol=1e-6)
    assert np.allclose((two.mean_loss - constant) / energy, one.mean_loss, rtol=1e-6, atol=1e-6)
    assert np.allclose(two.entropy, one.entropy + 2 * np.log(stretch), rtol=0, atol=1e-6)


@pytest.mark.parametrize("label", CHANGES)
@pytest.mark.parametrize("name", ["regular", "wide", "singular"])
def test_boundaries_and_asymptotics(name: str, label: str):
    change = CHANGES[label]
    # One crossing, far down where the losses of the two phases are nearly equal.
    text = {"singular": "(w+1)**2*(w-1)**4 - w**3/100000 + w/90000 + w**8/1000000"}.get(name, LINES[name])
    plain, other = Potential.from_expression(text), change.of(text)
    energy, stretch, _, _ = change.numbers
    one, two = crossover(plain, 0, 1), crossover(other, 0, 1)
    assert np.allclose(np.array(two.n_beta) * energy, one.n_beta, rtol=1e-9)
    assert len(two.n_beta) == len(one.n_beta) == (name == "singular")
    for number in (0, 1):
        first, second = phase_asymptotics(plain, number), phase_asymptotics(other, number)
        moved = first.constant - np.log(stretch) + first.learning_coefficient * np.log(energy)
        assert second.constant == pytest.approx(moved, abs=1e-5)
        if name != "singular":  # a well that is nearly of fourth order shows its λ later
            slope = learning_coefficient_by_quadrature(other, number)
            assert slope.estimate == pytest.approx(first.learning_coefficient, abs=2e-4)
    t = temperatures(plain)[:5]
    exact = [loss_gap_boundary(p, 0, 1, n).exact.values for p, n in ((plain, 1 / t), (other, 1 / (energy * t)))]
    assert np.allclose(exact[1] / energy, exact[0], rtol=1e-7, atol=1e-9 * scale_of(plain))


@pytest.mark.parametrize("label", CHANGES)
def test_kinetics_on_a_line(label: str):
    change, text = CHANGES[label], LINES["three wells"]
    plain, other = Potential.from_expression(text), change.of(text)
    energy, stretch, _, _ = change.numbers
    unit = stretch**2 / energy  # of time
    for t in scale_of(plain) * np.array([0.02, 0.5, 50.0]):
        for i, j in ((0, 1), (1, 0)):
            logs = [
                log_mean_first_passage_time(p, float(x), float(p.minimum_point(i)[0]), float(p.minimum_point(j)[0]))
                for p, x in ((plain, t), (other, energy * t))
            ]
            assert logs[1] == pytest.approx(logs[0] + np.log(unit), abs=1e-7)
        processes = [fokker_planck(p, grid_for(p, x)) for p, x in ((plain, t), (other, energy * t))]
        times = [relaxation_time(p, float(x)) for p, x in zip(processes, (t, energy * t), strict=True)]
        assert times[1] == pytest.approx(unit * times[0], rel=1e-6)
        rates = [spectrum(p, float(x), 4)[1:] for p, x in zip(processes, (t, energy * t), strict=True)]
        assert np.allclose(rates[1] * unit, rates[0], rtol=1e-4)
    for i in (0, 1):
        one, two = well_form(plain, i), well_form(other, i)
        assert one.half_order == two.half_order
        assert two.coefficient == pytest.approx(one.coefficient * energy / stretch ** (2 * one.half_order), rel=1e-9)
        assert two.linear_correction * stretch == pytest.approx(one.linear_correction, rel=1e-7, abs=1e-9)
        assert two.quadratic_correction * stretch**2 == pytest.approx(one.quadratic_correction, rel=1e-7, abs=1e-9)
    cold = 0.02 * scale_of(plain)
    for law in (kramers_rate, kramers_ratio):
        values = [law(well_form(p, 0), barrier_form(p), x) for p, x in ((plain, cold), (other, energy * cold))]
        assert values[1] * (unit if law is kramers_rate else 1) == pytest.approx(values[0], rel=1e-7)


@pytest.mark.parametrize("energy", ["1/1000000000000", "1", "1000000000000"])
def test_a_flat_well_is_seen_in_any_unit(energy: str):
    """Sixth derivatives of 1e-12 per length^6 in millions: nothing is below a threshold of somebody's unit."""
    change = Change(energy=energy, stretch="1000000")
    form = well_form(change.of("w**6 + w**8"), 0)
    assert form.half_order == 3
    assert form.coefficient == pytest.approx(float(sympy.Rational(energy)) * 1e-36, rel=1e-12)
    assert form.quadratic_correction == pytest.approx(1e-12, rel=1e-9)


@pytest.mark.parametrize("label", FEW)
def test_relaxation_in_a_plane(label: str):
    change = CHANGES[label]
    plain, other = Potential.from_expression(PLANES["regular"]), change.of(PLANES["regular"])
    energy, stretch, _, _ = change.numbers
    for t in (0.1, 20.0):
        found = [relaxation_time(fokker_planck(p, grid_for(p, x, 24)), x) for p, x in ((plain, t), (other, energy * t))]
        assert found[1] == pytest.approx(found[0] * stretch**2 / energy, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "label"), [*(("regular", label) for label in CHANGES), ("wide", "everything"), ("wide", "squeezed")]
)
def test_draws_ladders_and_steps(name: str, label: str):
    change = CHANGES[label]
    plain, other = Potential.from_expression(LINES[name]), change.of(LINES[name])
    energy, stretch, shift, _ = change.numbers
    for t in scale_of(plain) * np.array([1e-6, 0.1, 50.0]):
        one, two = (draw_exact(p, 1 / x, 2000, 3) for p, x in ((plain, t), (other, energy * t)))
        width = np.ptp(one)
        assert np.allclose((two - shift) / stretch, one, rtol=0, atol=1e-2 * width)
        assert np.mean(np.abs((two - shift) / stretch - one)) < 2e-3 * width
    cold, hot = 0.02 * scale_of(plain), 30 * scale_of(plain)
    shares = [swap_acceptance(p, x, 2 * x) for p, x in ((plain, hot), (other, energy * hot))]
    assert shares[1] == pytest.approx(shares[0], abs=2e-5)
    one, two = (temperature_ladder(p, f * cold, f * hot) for p, f in ((plain, 1), (other, energy)))
    assert len(one) == len(two)
    assert np.allclose(np.array(two.temperatures) / energy, one.temperatures, rtol=2e-3)
    assert two.barrier == pytest.approx(one.barrier, rel=1e-4)
    for t in (cold, hot):
        steps = [largest_stable_step(p, x) for p, x in ((plain, t), (other, energy * t))]
        assert steps[1] == pytest.approx(steps[0] * stretch**2 / energy, rel=2e-2)


@pytest.mark.parametrize("label", ["energies times a million", *FEW])
def test_the_end_of_the_critical_period(label: str):
    """Langevin time is η N/B and T = η σ²/2B: energies times c and lengths times s take η s²/c and σ² c²/s²."""
    change = CHANGES[label]
    energy, stretch, _, _ = change.numbers
    switches, found = np.arange(0, 80, 16), []
    clean, deficit = LINES["regular"], "(w**2-1)**2 + 3*w/20"
    for pair, c, s in (
        (PotentialPair("plain", Change().of(deficit), Change().of(clean), "left"), 1.0, 1.0),
        (PotentialPair("other", change.of(deficit), change.of(clean), "left"), energy, stretch),
    ):
        training = Training(128, 50_000, ExponentialDecay(0.05 * s**2 / c, 0.97), 3072 * c**2 / s**2)
        found.append(exact_stuck_probability(pair, training, switches, Ending("further", 60)))
    assert np.allclose(found[1], found[0], rtol=0, atol=1e-6)
    ends = [half_stuck_mass(switches, values, interpolation="monotone_cubic").epoch for values in found]
    assert ends[1] == pytest.approx(ends[0], abs=1e-3) and 20 < (ends[0] or 0) < 60


@pytest.mark.parametrize("t", [0.1, 3.0, 100.0])
def test_mirrored_and_exchanged_coordinates(t: float):
    plain = Potential.from_expression(PLANES["regular"])
    exchanged = Potential.from_expression("(w2**2-1)**2 + w1**2 + w1*w2/10 - w2/5")
    mirrored = Potential.from_expression("(w1**2-1)**2 + w2**2 - w1*w2/10 + w1/5")
    assert np.allclose(exchanged.box, plain.box[::-1], rtol=1e-9)
    # The mirror image of a box that reaches as far to both sides is itself.
    table, other, mirror = (phase_table(p, 1 / t) for p in (plain, exchanged, mirrored))
    assert np.allclose(np.sort(other.occupancy), np.sort(table.occupancy), rtol=1e-6)
    assert np.allclose(mirror.occupancy, table.occupancy[:, ::-1], rtol=1e-6)
    for p in (other, mirror):
        assert np.allclose(p.total_mean_loss, table.total_mean_loss, rtol=1e-6)
    line = Potential.from_expression(LINES["singular"])
    image = mirrored_pair(line).deficit
    twice = float(image.minimum_point(0)[0] + line.minimum_point(1)[0])  # of the place about which it is mirrored
    assert image.box[0] == pytest.approx(tuple(twice - x for x in line.box[0][::-1]))
    assert np.allclose(occupancy(image, 1 / t)[:, ::-1], occupancy(line, 1 / t), rtol=1e-9)
    ends = [float(line.minimum_point(i)[0]) for i in (0, 1)]
    there = mean_first_passage_time(line, t, *ends)
    assert mean_first_passage_time(image, t, twice - ends[0], twice - ends[1]) == pytest.approx(there, rel=1e-8)


def test_axes_with_units_of_their_own():
    """One axis in thousandths of the other's unit: the same masses, in a box as much longer."""
    plain = Potential.from_expression("w1**2 + w2**2 + w1**2*w2**2 + w1")
    long = Potential.from_expression("w1**2 + (w2/1000)**2 + w1**2*(w2/1000)**2 + w1")
    assert np.allclose(np.array(long.box) / [[1], [1000]], plain.box, rtol=0.2)
    for t in (0.01, 1.0, 300.0):
        assert free_energy(long, 0, 1 / t)[0] == pytest.approx(free_energy(plain, 0, 1 / t)[0] - np.log(1000), abs=1e-6)


def test_walls_that_reflect_stay_where_they_are():
    """A hot question on reflecting walls is answered on them, in any unit."""
    text, box = LINES["regular"], ((-1.5, 2.0),)
    plain = Potential.from_expression(text, box=box)
    for change in CHANGES.values():
        energy, stretch, shift, _ = change.numbers
        other = change.of(text, box=box)
        # As hot as this it is uniform on the box.
        assert free_energy(other, "left", 1e-9 / energy)[0] + np.log(stretch) == pytest.approx(
            free_energy(plain, "left", 1e-9)[0], abs=1e-5
        )
        t = 10.0
        grids = [grid_for(p, x) for p, x in ((plain, t), (other, energy * t))]
        assert grids[1].edges[0][0] == pytest.approx(shift - 1.5 * stretch)
        times = [
            relaxation_time(fokker_planck(p, g), x)
            for p, g, x in zip((plain, other), grids, (t, energy * t), strict=True)
        ]
        assert times[1] == pytest.approx(times[0] * stretch**2 / energy, rel=1e-6)
    assert np.ptp(draw_exact(plain, 1e-6, 4000, 1)) < 3.5


@pytest.mark.parametrize("far", [30.0, 1e3, 1e4, 1e6])
def test_walls_far_beyond_the_mass_change_nothing(far: float):
    """Nodes far apart must not step over a well: panels whose losses were high at all nodes were dropped."""
    near, wide = (Potential.from_expression(LINES["regular"], box=(-wall, wall)) for wall in (6.0, far))
    one, two = (phase_table(p, 10.0) for p in (near, wide))
    assert np.allclose(two["log_partition_function"], one["log_partition_function"], rtol=0, atol=1e-11)
    assert np.allclose(two["mean_loss"], one["mean_loss"], rtol=1e-11)
    times = [mean_first_passage_time(p, 0.2, -1.0, 1.0) for p in (near, wide)]
    assert times[1] == pytest.approx(times[0], rel=1e-9)
    relaxing = [relaxation_time(fokker_planck(p, grid_for(p, 0.2)), 0.2) for p in (near, wide)]
    assert relaxing[1] == pytest.approx(relaxing[0], rel=3e-3)
    plane = f"{LINES['regular']} + v**2 + v*w/10"
    shares = [
        phase_table(Potential.from_expression(plane, box=((-wall, wall),) * 2), 10.0).occupancy for wall in (6.0, far)
    ]
    assert np.allclose(*shares, rtol=1e-7)


def test_marginals_follow_the_temperature():
    hot = 400.0
    potential = regular_double_well()
    grid = np.linspace(-12, 12, 6001)
    density = marginal_density(potential, 0, 1 / hot, grid)[0]
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-6)
    exact = np.exp(-potential.energy_function()(grid[:, None]) / hot)
    assert np.allclose(density, exact / np.trapezoid(exact, grid), rtol=1e-6, atol=1e-9)
