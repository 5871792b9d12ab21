"""Boxes that hold all critical points, against slopes at places far out, and refusals where there is no such box."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.certified_points import PhaseError
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.far_points import critical_box, critical_reach
from slt_toys.potentials.phases import derive_phases
from tests.potentials.literature import GROWS
from tests.seeds import fresh_generator

w = sympy.Symbol("w", real=True)
MUELLER_BROWN = next(text for text in GROWS if text.startswith("-200"))
ON_A_LINE = [
    "exp(w) - w - 1", "cosh(w)", "exp(w) + exp(-w)", "w**2 + 3*cos(5*w)", "w**2/20 + 1 - cos(w)",
    "(w**2-1)**2/(1+w**2)",
    "1 - exp(-(w-1)**2) - exp(-(w+1)**2) + w**2/100", "(tanh(w)-0.5)**2 + w**2/100", "log(1+w**2)", "sqrt(1+w**2)",
    "3*log(1+(w-1)**2/5) + 3*log(1+(w+1)**2/5)", "log(1+exp(-w)) + w**2/10", "log(cosh(w)) + exp(-w**2)",
    "4*(w**8 + 0.8*exp(-80*w**2) + 0.2*exp(-80*(w-0.5)**2) + 0.5*exp(-40*(w+0.5)**2))", "atan(w)**2 + w**2/50",
    "w**2/(1+w**2) + w**2/100 - w/7",
]  # fmt: skip
IN_A_PLANE = [
    MUELLER_BROWN, "(w2*tanh(w1)-0.5)**2 + (w2*tanh(2*w1)-0.7)**2 + 0.01*(w1**2+w2**2)",
    "log(1+exp(-w1-w2)) + log(1+exp(w1)) + w1**2/20 + w2**2/20",
    "-3*exp(-(w1-1)**2-w2**2)-2*exp(-(w1+1)**2-2*(w2-1)**2)-exp(-3*(w1+1)**2-(w2+1)**2)+0.05*(w1**2+w2**2)",
    "log(1+w1**2+w2**2) + cos(w1)*cos(w2)/10 + (w1**2+w2**2)/50",
]  # fmt: skip


def _of(text):
    energy = parse_expression(text)
    return energy, tuple(sorted(energy.free_symbols, key=str))


@pytest.mark.parametrize("text", [*ON_A_LINE, *IN_A_PLANE])
def test_no_slope_vanishes_beyond_the_box(text):
    """The slope away from the box's middle is positive at every place outside."""
    energy, own = _of(text)
    low, high = np.array(critical_box(energy, own)).T
    assert _least_outward_slope(energy, own, (low + high) / 2, (high - low) / 2) > 0


def test_a_box_that_is_too_small_is_told():
    energy, own = _of("w**2/20 + 1 - cos(w)")
    assert _least_outward_slope(energy, own, np.zeros(1), np.ones(1)) < 0


def _least_outward_slope(energy, own, middle, half):
    far = fresh_generator().normal(size=(4000, len(own)))
    far /= np.abs(far).max(axis=1, keepdims=True)
    far *= 1 + 10.0 ** fresh_generator().uniform(-3, 2, size=(4000, 1))
    points = middle + half * far
    gradient = sympy.lambdify(own, [sympy.diff(energy, v) for v in own], modules="scipy")
    with np.errstate(over="ignore", invalid="ignore"):
        slope = np.array(np.broadcast_arrays(*gradient(*points.T)))
        outward = ((points - middle).T * slope).sum(axis=0)
    return float(np.nanmin(outward))


@pytest.mark.parametrize(
    "text",
    [
        "w**2*(2 + sin(w**2))", "w**2 + w**2*cos(w)", "exp(w) - 2*w + 3*cos(w)",
        "(w1-1)**2*(1+sin(3*w2)**2) + w2**4*sin(w2)**2 + w2**2",
    ],
)  # fmt: skip
def test_without_an_end_it_is_refused(text):
    energy, own = _of(text)
    with pytest.raises(PhaseError, match="cannot be shown where its critical points end, so box= must say"):
        critical_box(energy, own)


@pytest.mark.parametrize("unit", [1e-4, 1e4])
@pytest.mark.parametrize("text", ["exp(w) - w - 1", "w**2/20 + 1 - cos(w)", "(w**2-1)**2/(1+w**2)"])
def test_units_change_the_box_alone(text, unit):
    energy, own = _of(text)
    scale = sympy.Rational(str(unit))
    stretched = energy.subs(own[0], own[0] / scale + 3)
    plain, other = derive_phases(energy, own), derive_phases(scale * stretched, own)
    assert [p.name for p in plain] == [p.name for p in other]
    for one, two in zip(plain, other, strict=True):
        here, there = (float(sympy.N(p.minimum[0], 20)) for p in (one, two))
        assert there == pytest.approx(unit * (here - 3), rel=1e-9)


def test_one_side_of_a_place():
    energy = parse_expression("exp(w) - 2*w")
    assert critical_reach(energy, w, sympy.S.Zero, 1) >= np.log(2)
    assert critical_reach(energy, w, sympy.Integer(2), -1) >= 2 - np.log(2)
    with pytest.raises(PhaseError, match="box= must say"):
        critical_reach(parse_expression("cos(w)"), w, sympy.S.Zero, 1)
