"""Boxes and scales of energies: what is small is kept, what cancels is dropped."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy

from slt_toys.exact.equilibrium import phase_table
from slt_toys.exact.phase_integrals import range_for
from slt_toys.potentials.boxes import has_scale, loss_unit
from slt_toys.potentials.confinement import energy_scale, ray_box, sublevel_box, taylor_coefficients
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.potential import Potential

w, w1, w2 = sympy.symbols("w w1 w2", real=True)


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
    unit = loss_unit(Potential.from_expression("(w**2-1)**2 - 0.15*w"))
    assert loss_unit(Potential.from_expression("250*((w**2-1)**2 - 0.15*w)")) == pytest.approx(250 * unit)
    assert has_scale(Potential.from_expression("w**2 + w**4")) and not has_scale(Potential.from_expression("7*w**6"))
    standard = range_for(np.array([1.0]))
    assert (standard.n_beta_low, standard.n_beta_high) == (0.1, 1e8)
    assert (standard.in_unit(100.0).n_beta_low, standard.in_unit(100.0).n_beta_high) == pytest.approx((1e-3, 1e6))


@pytest.mark.parametrize(
    "text", ["exp(w) - w", "log(1+w**2)", "sqrt(1+w**2) + w**4/9", "abs(w) + w**2", "1 - cos(w) + w**2/200"]
)
def test_scales_of_anything_follow_its_units(text):
    energy = parse_expression(text)
    unit = energy_scale(energy, (w,), [(sympy.S.Zero,)])
    # Where the next power of the expansion weighs as much as the lowest: w²/2 and w³/6 at 3, w² and w⁸/4, w and w².
    known = {"exp(w) - w": 4.5, "log(1+w**2)": 4 ** (1 / 3), "abs(w) + w**2": 1.0}
    if text in known:
        assert unit == pytest.approx(known[text], rel=1e-12)
    for c, a in ((sympy.Rational(1, 10**6), sympy.Rational(7, 10**5)), (10**6, 321), (3, -1)):
        other = c * energy.subs(w, a * w)
        assert energy_scale(other, (w,), [(sympy.S.Zero,)]) == pytest.approx(float(c) * unit, rel=1e-9)
        shifted = energy.subs(w, w - 5)
        assert energy_scale(shifted, (w,), [(sympy.Integer(5),)]) == pytest.approx(unit, rel=1e-9)
        (low, high), (far_low, far_high) = (
            sublevel_box(e, (w,), [(sympy.S.Zero,)], float(level))[0]
            for e, level in ((energy, 20 * unit), (other, 20 * c * unit))
        )
        ends = sorted([float(a) * far_low, float(a) * far_high])
        assert ends == pytest.approx([low, high], rel=0.02, abs=0.02 * (high - low))


def test_a_box_is_about_minima_that_lie_far_away():
    far = parse_expression("exp(w-1000) - w + log(1+(w-1000)**2)")
    ((low, high),) = sublevel_box(far, (w,), [(sympy.Integer(1000),)], -999 + 10.0)
    assert 985 < low < 995 and 1002 < high < 1004
    three = sum((x - 50) ** 2 * (1 + sympy.exp(-(x**2))) for x in sympy.symbols("w1:4", real=True))
    box = sublevel_box(three, sympy.symbols("w1:4", real=True), [(sympy.Integer(50),) * 3], 1.0)
    assert all(48.5 < a <= 49 and 51 <= b < 51.5 for a, b in box)


def test_taylor_coefficients_keep_what_is_small_and_drop_what_cancels():
    root = sympy.sqrt(2)
    found = taylor_coefficients(sympy.expand((w**2 - 2) ** 2 + w / 10**40), w, root)
    assert [float(c) for c in found] == pytest.approx([math.sqrt(2) * 1e-40, 0, 8, 4 * math.sqrt(2), 1], abs=1e-30)
    exact = taylor_coefficients(sympy.expand((w**2 - 2) ** 2), w, root)
    assert exact[0] == 0 and exact[1] == 0
    scaled = taylor_coefficients(w**2 + w**12 / 10**72, w, sympy.S.Zero)
    assert float(scaled[12]) == pytest.approx(1e-72) and all(scaled[k] == 0 for k in range(3, 12))
