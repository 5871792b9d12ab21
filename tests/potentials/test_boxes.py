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
from slt_toys.exact.equilibrium import free_energy, phase_table
from slt_toys.exact.fokker_planck import Grid, fokker_planck, grid_for, relaxation_time
from slt_toys.exact.kinetics import mean_first_passage_time
from slt_toys.exact.temperature_ladder import swap_acceptance
from slt_toys.potentials.boxes import CUT_OFF, TEMPERATURES_KEPT, box_at, box_holds, scale_of, widened
from slt_toys.potentials.catalogue import catalogue, find_pair, pairs, regular_double_well
from slt_toys.potentials.phases import Phase
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import largest_stable_step

w = sympy.Symbol("w", real=True)

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


def test_a_plane_is_not_refused_for_the_rounding_of_its_temperature():
    """A grid holds its own highest temperature, although that rounded up would ask for a wider box."""
    pair = find_pair("curve_against_point")
    grid = grid_for((pair.deficit, pair.clean), [0.1, 2.4], 40)
    process = fokker_planck(pair.clean, grid)
    assert process.unwalled is not None and not box_holds(process.unwalled, 2.4)
    assert process.stationary(2.4).sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="cuts off"):  # the control: walls that do cut
        process.stationary(24.0)
