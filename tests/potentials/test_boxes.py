"""Boxes follow all phases and the temperature asked for; what cannot follow is refused by name."""

from __future__ import annotations

import math
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
import sympy
from scipy.integrate import quad

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import free_energy, occupancy, phase_table
from slt_toys.exact.fokker_planck import Grid, fokker_planck, grid_for, relaxation_time
from slt_toys.exact.kinetics import barrier_form, mean_first_passage_time
from slt_toys.exact.phase_integrals import phase_moments, range_for
from slt_toys.exact.temperature_ladder import swap_acceptance
from slt_toys.potentials.boxes import CUT_OFF, TEMPERATURES_KEPT, box_at, box_holds, loss_unit, scale_of, widened
from slt_toys.potentials.catalogue import catalogue, find_pair, pairs, regular_double_well
from slt_toys.potentials.confinement import energy_scale, ray_box, sublevel_box, taylor_coefficients
from slt_toys.potentials.phases import Phase, derive_phases
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import largest_stable_step

w, w1, w2 = sympy.symbols("w w1 w2", real=True)
WIDE = {
    "two wells eight apart": "w**2*(w-8)**2 - w",
    "two wells a hundred apart": "(w**2*(w-100)**2)/1000000 - w/100",
    "deep and narrow beside shallow and wide": "(w+10)**2*(w-1)**2*(1+100*(w-1)**2)/1000 - w/2",
    "a small coefficient": "0.000001*((w**2-1)**2 - 0.15*w)",
}
NATURAL = [p for p in catalogue().values() if p.boundary == "natural" and p.dimension == 1]
NATURAL += [pair.deficit for pair in pairs().values() if pair.clean.boundary == "natural" and pair.clean.dimension == 1]


def beyond(potential: Potential, temperature: float, box: tuple[float, float]) -> float:
    """Share of the mass beyond two walls, by an integrator that knows neither boxes nor panels."""
    energy = sympy.lambdify(potential.coordinates[0], potential.bound_energy, "mpmath")
    lowest = min(potential.minimum_loss(i) for i in range(len(potential.phases)))

    def mass(*ends: float) -> mp.mpf:
        return mp.quad(lambda u: mp.exp(-(energy(u) - lowest) / temperature), ends)

    (low, high), reach = box, box[1] - box[0]
    inside = mass(*np.linspace(low, high, 30))
    tails = mass(low - 3 * reach, low - reach / 4, low) + mass(high, high + reach / 4, high + 3 * reach)
    return float(tails / (inside + tails))


@pytest.mark.parametrize("text", WIDE.values(), ids=WIDE)
def test_the_box_holds_every_phase_that_was_derived(text: str):
    potential = Potential.from_expression(text)
    assert len(potential.phases) == 2
    (low, high), energy = potential.box[0], potential.energy_function()
    places = [potential.minimum_point(i)[0] for i in (0, 1)]
    assert low < places[0] < potential.barrier() < places[1] < high
    # Walls: 200 of its own scales above the higher phase, and no wider than need be.
    top = max(potential.minimum_loss(i) for i in (0, 1))
    rise = (energy(np.array([[low], [high]])) - top) / scale_of(potential)
    assert (rise > 200).all() and (rise < 215).all()
    barrier = float(energy([potential.barrier()]))
    bottom = min(potential.minimum_loss(i) for i in (0, 1))
    assert scale_of(potential) == pytest.approx(barrier - bottom, rel=1e-3)
    for t in scale_of(potential) * np.array([0.3, 3.0, 100.0]):
        log_integral = bottom / t - free_energy(potential, 1, 1 / t)[0]
        parts = [
            quad(lambda u, t=t: math.exp(-(float(energy([u])) - bottom) / t), a, b, epsabs=0, epsrel=1e-12, limit=400)[
                0
            ]
            for a, b in ((potential.barrier(), places[1]), (places[1], box_at(potential, t)[0][1]))
        ]
        assert log_integral == pytest.approx(math.log(sum(parts)), abs=1e-9)


def test_the_second_phase_of_a_wide_energy_is_not_lost():
    """log Z of the whole was off by ten: the well at 8 holds nearly everything."""
    potential = Potential.from_expression("w**2*(w-8)**2 - w")
    table = phase_table(potential, 1.0)
    exact = quad(lambda u: math.exp(-(u**2) * (u - 8) ** 2 + u - 8), -5, 20, points=[0, 4, 8], epsabs=0, limit=400)[0]
    assert table.total_log_partition_function.item() == pytest.approx(math.log(exact) + 8, abs=1e-9)
    assert table.occupancy.values[0, 1] > 0.999


@pytest.mark.parametrize("factor", [1e-2, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("potential", NATURAL, ids=lambda p: p.name)
def test_no_more_than_is_stated_lies_beyond_the_box(potential: Potential, factor: float):
    t = factor * scale_of(potential)
    assert beyond(potential, t, box_at(potential, t)[0]) < CUT_OFF / 100
    wide = widened(potential, t)
    assert wide.box == box_at(potential, t) and wide.phases == potential.phases
    assert (wide is potential) == box_holds(potential, t)


def test_boxes_are_kept_where_they_hold_and_widened_where_they_do_not():
    potential = regular_double_well()
    top = max(potential.minimum_loss(i) for i in (0, 1))
    edge = float(potential.energy_function()(np.array([[-4.0], [4.0]])).min()) - top
    assert box_at(potential, 0.9 * edge / TEMPERATURES_KEPT / 10**0.5) == potential.box
    assert not box_holds(potential, 1.1 * edge / TEMPERATURES_KEPT)
    boxes = [box_at(potential, t)[0] for t in np.geomspace(1, 1e6, 25)]
    assert all(a[0] >= b[0] and a[1] <= b[1] for a, b in pairwise(boxes))
    # Negative control: the box that was kept at every temperature cuts off a good part of a hot question.
    assert beyond(potential, 300.0, potential.box[0]) > 1e-2
    low, high = box_at(potential, 300.0)[0]
    assert -15 < low < -8 and 8 < high < 15
    reflecting = Potential.from_expression("(w**2-1)**2 - 0.15*w", box=(-4, 4))
    assert box_at(reflecting, 1e9) == reflecting.box and widened(reflecting, 1e9) is reflecting


def test_hot_answers_are_those_of_the_whole_line():
    """At 300 temperatures' worth of barriers, by closed forms of (w²-1)²: every exact route, not the box ±4."""
    potential, t = regular_double_well(), 300.0
    energy = sympy.lambdify(w, potential.bound_energy, "math")
    z, mean = (
        quad(lambda u, k=k: energy(u) ** k * math.exp(-energy(u) / t), -30, 30, epsabs=0, limit=400)[0] for k in (0, 1)
    )
    table = phase_table(potential, 1 / t)
    assert table.total_log_partition_function.item() == pytest.approx(math.log(z), abs=1e-9)
    assert table.total_mean_loss.item() == pytest.approx(mean / z, rel=1e-9)
    draws = energy_of = potential.energy_function()(draw_exact(potential, 1 / t, 200_000, 5))
    assert abs(draws.mean() - mean / z) < 5 * energy_of.std() / math.sqrt(draws.size)
    process = fokker_planck(potential, grid_for(potential, t))
    stationary = float((process.stationary(t) * process.energy).sum())
    assert stationary == pytest.approx(mean / z, rel=2e-3)
    inner = quad(
        lambda y: math.exp(energy(y) / t) * quad(lambda v: math.exp(-energy(v) / t), -30, y, epsabs=0)[0], -1, 1
    )[0]
    assert mean_first_passage_time(potential, t, -1, 1) == pytest.approx(inner / t, rel=1e-8)
    u = np.linspace(-20, 20, 4001)
    losses = potential.energy_function()(u[:, None])
    p, q = (np.exp(-losses / x) / np.exp(-losses / x).sum() for x in (t, 2 * t))
    accepted = np.exp(np.minimum(0.0, (1 / t - 1 / (2 * t)) * (losses[:, None] - losses[None])))
    assert swap_acceptance(potential, t, 2 * t) == pytest.approx(float(p @ accepted @ q), abs=1e-4)
    # Beyond w = 4 the curvature is above 12·16: the box ±4 let steps through that diverge.
    assert largest_stable_step(potential, t) < 2 / 400


def test_a_grid_that_was_made_for_the_cold_is_refused_in_the_heat():
    potential = regular_double_well()
    process = fokker_planck(potential, grid_for(potential, [0.05, 0.1]))
    assert relaxation_time(process, 0.1) > 0
    assert relaxation_time(process, 0.12) > 0  # a little beyond its own temperatures less than the tolerance is lost
    for call in (
        process.rates,
        process.stationary,
        lambda t: relaxation_time(fokker_planck(potential, process.grid.halved()), t),
    ):
        with pytest.raises(
            ValueError, match=r"cuts off 0\.0\d+ of phase '(left|right)' .* at temperature 2, .*grid_for"
        ) as caught:
            call(2.0)
        assert "\n" not in str(caught.value)
    # The share it names is the share that is missing.
    low, high = (float(e) for e in process.grid.edges[0][[0, -1]])
    left = quad(lambda u: math.exp(-((u * u - 1) ** 2 - 0.15 * u) / 2), -9, potential.barrier(), epsabs=0)[0]
    cut = quad(lambda u: math.exp(-((u * u - 1) ** 2 - 0.15 * u) / 2), -9, low, epsabs=0)[0]
    right = quad(lambda u: math.exp(-((u * u - 1) ** 2 - 0.15 * u) / 2), potential.barrier(), 9, epsabs=0)[0]
    out = quad(lambda u: math.exp(-((u * u - 1) ** 2 - 0.15 * u) / 2), high, 9, epsabs=0)[0]
    with pytest.raises(ValueError, match=f"cuts off {max(cut / left, out / right):.2g} of phase"):
        process.rates(2.0)
    # Walls that somebody put up are meant.
    assert relaxation_time(fokker_planck(potential, Grid.uniform([(-1.5, 1.5)], 60)), 2.0) > 0


@pytest.mark.parametrize(("deviations", "refused"), [(4.5, True), (4.8, True), (5.0, False)])
@pytest.mark.parametrize("t", [1e-6, 0.3, 40.0])
def test_walls_may_cut_a_millionth_and_no_more(t: float, deviations: float, refused: bool):
    """Of a normal law walls at so many standard deviations cut erfc(z/sqrt 2): 6.8e-6, 1.6e-6 and 5.7e-7 of it."""
    phase = Phase("well", (sympy.S.Zero,), sympy.true, sympy.S.Zero, sympy.Rational(1, 2))
    wall = deviations * math.sqrt(t)
    well = Potential("well", w**2 / 2, (w,), (), ((-20 * wall, 20 * wall),), (phase,))
    process = fokker_planck(well, Grid((np.linspace(-wall, wall, 61),), "natural"))
    if refused:
        share = math.erfc(deviations / math.sqrt(2))
        with pytest.raises(ValueError, match=f"cuts off {share:.2g} of phase 'well'"):
            process.stationary(t)
    else:
        assert process.stationary(t).sum() == pytest.approx(1)
    assert fokker_planck(well, Grid(process.grid.edges)).stationary(t).sum() == pytest.approx(1)  # walls that are meant


def test_a_box_that_cannot_be_widened_is_refused_by_name():
    flat = Phase("whole", (sympy.S.Zero,), sympy.true, sympy.S.Zero, sympy.Rational(1, 2))
    potential = Potential("trough", w**2 / (1 + w**2), (w,), (), ((-1.0, 1.0),), (flat,))
    for call in (
        lambda: phase_table(potential, 2.0),
        lambda: draw_exact(potential, 2.0, 5),
        lambda: grid_for(potential, 0.5),
        lambda: mean_first_passage_time(potential, 0.5, -0.5, 0.5),
    ):
        with pytest.raises(
            ValueError, match=r"box of trough .* at temperature 0\.5\d* .*boundary='reflecting'"
        ) as caught:
            call()
        assert "\n" not in str(caught.value)
    # One that grows, if not as a polynomial, is widened.
    cosh = Potential("cosh", sympy.cosh(w) - 1, (w,), (), ((-1.0, 1.0),), (flat,))
    exact = quad(lambda u: math.exp(-(math.cosh(u) - 1) / 5), -12, 12, epsabs=0)[0]
    assert phase_table(cosh, 0.2).total_log_partition_function.item() == pytest.approx(math.log(exact), abs=1e-9)


def test_energies_that_drown_in_rounding_are_refused():
    good = "((w-1000)**2-1)**2 - 3*(w-1000)/20"
    assert Potential.from_expression(good).minimum_loss(1) < 0
    with pytest.raises(ValueError, match=r"cancels to .*about its minima"):
        Potential.from_expression(sympy.expand(sympy.sympify(good)))
    with pytest.raises(ValueError, match=r"cancels to .*large constant"):
        Potential.from_expression("0.000001*((w**2-1)**2 - 0.15*w) + 1000000")


def test_a_start_high_up_needs_a_wall_still_higher():
    """Downhill it is the deterministic time, ∫ dw/|L'|, as the temperature falls."""
    potential = regular_double_well()
    for start, target in ((-3.9, -1.4), (3.95, 1.3)):
        down = abs(quad(lambda u: 1 / (4 * u * (u * u - 1) - 0.15), start, target)[0])
        errors = [abs(mean_first_passage_time(potential, t, start, target) / down - 1) for t in (0.1, 0.01, 0.001)]
        assert errors[2] < 1e-3 and errors[2] < errors[1] / 5 < errors[0] / 20
    with pytest.raises(ValueError, match="too steep for quadrature"):
        mean_first_passage_time(potential, 1e-5, -3.9, -1.4)


@pytest.mark.parametrize("n_beta", [1e-2, 1.0, 1e4, 1e8])
def test_draws_resolve_wells_of_any_width(n_beta: float):
    """Wells a hundred apart: a uniform grid over both has no cell inside either when it is cold."""
    potential = Potential.from_expression("w**2*(w-100)**2 - w/1000000")
    draws = draw_exact(potential, n_beta, 40_000, 7)
    share = occupancy(potential, n_beta)[0, 1]
    assert abs((draws > 50).mean() - share) < 5 * math.sqrt(share * (1 - share) / len(draws)) + 1e-12
    for number in (0, 1):
        own = draw_exact(potential, n_beta, 20_000, 8, phase=number)
        assert (potential.phase_index(own) == number).all()
        (part,) = phase_moments(potential, np.array([n_beta]), [number])
        mean, spread = part.moments.mean[0], math.sqrt(part.moments.variance[0] / len(own))
        # In doubles the loss is known about its minimum only.
        u = own[:, 0] - potential.minimum_point(number)[0]
        excess = potential.hessian_function()(potential.minimum_point(number)[None])[0, 0, 0] * u**2 / 2
        if n_beta >= 1:
            assert abs(excess.mean() - mean) < 5 * spread + 1e-3 * mean


def test_draws_of_a_phase_far_above_the_other():
    """Its mass beside the other's is exp(-3000), and it is a phase like any other."""
    potential = Potential.from_expression("(w**2-1)**2 - 0.15*w")
    draws = draw_exact(potential, 1e4, 20_000, 9, phase="left")[:, 0]
    curvature = float(potential.hessian_function()(potential.minimum_point("left")[None])[0, 0, 0])
    variance = draws.var(ddof=1) * 1e4 * curvature
    assert abs(variance - 1) < 5 * math.sqrt(2 / draws.size) + 1e-3


def test_a_plane_s_box_follows_an_oblique_valley():
    energy = 10**6 * (w1 - w2) ** 2 + (w1 + w2) ** 2
    (low, high), other = sublevel_box(energy, (w1, w2), [(sympy.S.Zero, sympy.S.Zero)], 4.0)
    # The valley ends at w1 = w2 = 1; along the axes the loss is 4 at 0.002.
    assert high == pytest.approx(-low) and 1 < high < 1.1 and other == pytest.approx((low, high))
    rays = ray_box(lambda p: (p**2).sum(axis=-1), np.zeros((1, 3)), 4.0, np.ones(3), 1e3)
    assert all(1.9 < b < 2.2 and a == pytest.approx(-b, rel=0.1) for a, b in rays)
    oblique = Potential.from_expression(100 * (w1 - w2) ** 2 + (w1 + w2) ** 2)
    for t in (0.01, 1.0, 1e4):
        found = phase_table(oblique, 1 / t).total_log_partition_function.item()
        assert found == pytest.approx(math.log(math.pi * t / 20), abs=1e-7)


def test_scales():
    zero = [(sympy.S.Zero,)]
    # w² and w⁴/4 are equal at w = 2, where w⁴/4 is 4; a pure power has none; walls give theirs.
    assert energy_scale(w**2 + w**4 / 4, (w,), zero) == pytest.approx(4)
    assert energy_scale(7 * w**6, (w,), zero) == 1.0
    assert energy_scale(7 * w**2, (w,), zero, ((-2.0, 1.0),)) == pytest.approx(28)
    assert loss_unit(Potential.from_expression("250*((w**2-1)**2 - 0.15*w)")) == 100
    standard = range_for(np.array([1.0]))
    assert (standard.n_beta_low, standard.n_beta_high) == (0.1, 1e8)
    assert (standard.in_unit(100.0).n_beta_low, standard.in_unit(100.0).n_beta_high) == pytest.approx((1e-3, 1e6))


def test_taylor_coefficients_keep_what_is_small_and_drop_what_cancels():
    root = sympy.sqrt(2)
    found = taylor_coefficients(sympy.expand((w**2 - 2) ** 2 + w / 10**40), w, root)
    assert [float(c) for c in found] == pytest.approx([math.sqrt(2) * 1e-40, 0, 8, 4 * math.sqrt(2), 1], abs=1e-30)
    exact = taylor_coefficients(sympy.expand((w**2 - 2) ** 2), w, root)
    assert exact[0] == 0 and exact[1] == 0
    scaled = taylor_coefficients(w**2 + w**12 / 10**72, w, sympy.S.Zero)
    assert float(scaled[12]) == pytest.approx(1e-72) and all(scaled[k] == 0 for k in range(3, 12))


def test_the_right_border_of_a_middle_phase_in_tiny_units():
    """Both borders of the middle phase are within 1e-12 of either; each barrier is its own."""
    tiny = Potential.from_expression(
        4 * (w * 10**14) ** 2 * ((w * 10**14) ** 2 - 1) ** 2 - sympy.Rational(3, 10) * w * 10**14
    )
    plain = Potential.from_expression(4 * w**2 * (w**2 - 1) ** 2 - sympy.Rational(3, 10) * w)
    for i in (0, 1):
        assert barrier_form(tiny, i).position * 1e14 == pytest.approx(barrier_form(plain, i).position, rel=1e-9)
        assert barrier_form(tiny, i).coefficient * 1e-28 == pytest.approx(barrier_form(plain, i).coefficient, rel=1e-9)


@pytest.mark.parametrize("stretch", [1, 10**9])
def test_a_stretched_axis_does_not_hide_a_saddle(stretch: int):
    energy = (w1**2 - 1) ** 2 - w1 / 5 + (w2 / stretch) ** 2 + w1 * w2 / (10 * stretch)
    phases = derive_phases(sympy.expand(energy), (w1, w2))
    assert [phase.name for phase in phases] == ["left", "right"]
    one = derive_phases(sympy.expand(energy / stretch**2), (w1, w2))
    assert [phase.learning_coefficient for phase in one] == [1, 1]


def test_a_declared_loss_is_held_against_the_energy_s_own_scale():
    tiny = Phase("whole", (sympy.S.Zero,), sympy.true, sympy.Float(1e-15), sympy.Rational(1, 2))
    with pytest.raises(ValueError, match="declares loss"):
        phase_table(Potential("tiny", 1e-12 * (w**2 + w**4), (w,), (), ((-9.0, 9.0),), (tiny,)), 1e12)


def test_borders_are_read_wherever_the_coordinate_stands():
    """A region w - 1/40 < 0 ends at 1/40: its border was read as 0, the number beside the inequality."""
    potential = Potential.from_expression("(w1**2-1)**2 - w1/10 + w2**2")
    line = Potential.from_expression("(w**2-1)**2 - w/10")
    for t in (0.2, 1.0, 30.0):
        assert np.allclose(occupancy(potential, 1 / t), occupancy(line, 1 / t), rtol=1e-9)
    for region, ends in (
        (sympy.And(w - 1 < 0, -2 * w <= 1), (-0.5, 1.0)),
        (sympy.And(2 * w < 3, w + 1 > 0), (-1.0, 1.5)),
        (w > -9, (-4.0, 4.0)),
    ):
        phase = Phase("whole", (sympy.S.Zero,), region, sympy.S.Zero, sympy.Rational(1, 2))
        assert Potential("x", w**2, (w,), (), ((-4.0, 4.0),), (phase,)).phase_interval(0) == ends
    for region in (sympy.Or(w < 1, w > 2), w**2 < 1):
        phase = Phase("whole", (sympy.S.Zero,), region, sympy.S.Zero, sympy.Rational(1, 2))
        with pytest.raises(ValueError, match="is no interval; give it by inequalities"):
            Potential("x", w**2, (w,), (), ((-4.0, 4.0),), (phase,)).phase_interval(0)


def test_a_grid_resolves_a_hole_narrower_than_its_raster():
    """A hole a millionth of the box wide holds its share of the mass."""
    energy = 5 * (1 - sympy.exp(-((100_000 * w) ** 2))) + w**2 / 100
    phase = Phase("hole", (sympy.S.Zero,), sympy.true, sympy.S.Zero, sympy.Rational(1, 2))
    potential, t = Potential("hole", energy, (w,), (), ((-4.3, 4.0),), (phase,), "reflecting"), 0.5
    weigh = sympy.lambdify(w, sympy.exp(-energy / t), "math")
    hole = quad(weigh, -1e-4, 1e-4, points=[-1e-5, 0, 1e-5], epsabs=0)[0]
    rest = sum(quad(lambda u: math.exp(-(5 + u * u / 100) / t), *ends)[0] for ends in ((-4.3, -1e-4), (1e-4, 4.0)))
    errors, grid = [], grid_for(potential, t)
    for _ in range(2):
        inside = np.abs(grid.centers[0]) < 1e-4
        share = float(fokker_planck(potential, grid).stationary(t)[inside].sum())
        errors.append(abs(share * (hole + rest) / hole - 1))
        grid = grid.halved()
    assert errors[0] < 0.03 and errors[1] < errors[0] / 3  # of second order, as everywhere


def test_a_plane_is_not_refused_for_the_rounding_of_its_temperature():
    """A grid holds its own highest temperature, although that rounded up would ask for a wider box."""
    pair = find_pair("curve_against_point")
    grid = grid_for((pair.deficit, pair.clean), [0.1, 2.4], 40)
    process = fokker_planck(pair.clean, grid)
    assert process.unwalled is not None and not box_holds(process.unwalled, 2.4)
    assert process.stationary(2.4).sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="cuts off"):  # the control: walls that do cut
        process.stationary(24.0)
