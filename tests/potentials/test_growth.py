"""Verdicts on growth: known ones, and what must not change them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from slt_toys.potentials.confinement import numeric
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.growth import Growth, growth
from slt_toys.potentials.potential import Potential
from tests.potentials.literature import CANNOT_BE_SHOWN, DOES_NOT, GROWS
from tests.seeds import fresh_generator

QUICK = [text for text in GROWS if text.count("**") < 8]  # for tests that decide many changed copies
VERDICTS = {"grows": GROWS, "does not": DOES_NOT, "cannot be shown": CANNOT_BE_SHOWN}
TABLE = [(text, verdict) for verdict, table in VERDICTS.items() for text in table]


def read(text: str | sympy.Expr) -> tuple[sympy.Expr, tuple[sympy.Symbol, ...]]:
    energy = parse_expression(text) if isinstance(text, str) else text
    return energy, tuple(sorted(energy.free_symbols, key=lambda w: w.name))


def decide(text: str | sympy.Expr) -> Growth:
    return growth(*read(text))


@pytest.mark.parametrize(("text", "verdict"), TABLE)
def test_energies_of_the_literature(text, verdict):
    assert len(GROWS) + len(DOES_NOT) >= 40
    found = decide(text)
    assert found.verdict == verdict, found.reason
    assert (found.bound is not None) == (verdict == "grows")
    assert (found.curve is not None) == (verdict == "does not")
    assert "\n" not in found.reason


@pytest.mark.parametrize("text", GROWS)
def test_what_grows_is_nowhere_below_its_bound_and_the_bound_grows(text):
    energy, coordinates = read(text)
    bound = growth(energy, coordinates).bound
    assert bound is not None
    generator = fresh_generator()
    points = generator.standard_normal((100_000, len(coordinates))) * 10 ** generator.uniform(-2, 2.5, (100_000, 1))
    losses, bounds = numeric(energy, coordinates)(points), bound(points)
    held = np.isfinite(losses)
    assert held.mean() > 0.5
    assert (losses - bounds >= -1e-9 * (1 + np.abs(losses)))[held].all()
    sphere = generator.standard_normal((2000, len(coordinates)))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    least = [bound(10.0**k * sphere).min() for k in (6, 12, 24)]
    assert least[0] < least[1] < least[2]


@pytest.mark.parametrize("text", DOES_NOT)
def test_what_does_not_grow_is_seen_on_its_curve(text):
    energy, coordinates = read(text)
    curve = growth(energy, coordinates).curve
    assert curve is not None
    place = sympy.lambdify(sympy.Symbol("t", real=True), [x for _, x in curve.places], "numpy")
    order = [curve.places.index(next(p for p in curve.places if p[0] == w)) for w in coordinates]
    t = np.geomspace(1, 1e3, 400)
    points = np.stack([np.broadcast_to(np.asarray(x, dtype=float), t.shape) for x in place(t)], axis=-1)[:, order]
    assert np.linalg.norm(points, axis=1)[-1] > 100
    losses = numeric(energy, coordinates)(points)
    if curve.most is None:
        assert losses[-1] < losses[0] - 10 and losses[-1] < 0
    else:
        noise = 1e-12 * (1 + np.linalg.norm(points, axis=1)) ** 6  # of terms that cancel
        assert (losses <= curve.most + 1e-9 + noise).all()


def changed(energy: sympy.Expr, coordinates, kind: str, numbers: list[sympy.Rational]) -> sympy.Expr:
    if kind == "loss":
        return energy * abs(numbers[0])
    if kind == "swap":
        return energy.subs(dict(zip(coordinates, coordinates[::-1], strict=True)), simultaneous=True)
    moved = [w + x if kind == "shift" else w * x for w, x in zip(coordinates, numbers, strict=False)]
    return energy.subs(dict(zip(coordinates, moved, strict=True)), simultaneous=True)


rationals = (
    st.fractions(-40, 40, max_denominator=12).filter(bool).map(lambda x: sympy.Rational(x.numerator, x.denominator))
)


@settings(max_examples=10)
@given(
    st.sampled_from(QUICK + list(DOES_NOT)),
    st.sampled_from(["shift", "scale", "loss", "swap"]),
    st.lists(rationals, min_size=4, max_size=4),
)
def test_units_origins_and_order_do_not_matter(text, kind, numbers):
    energy, coordinates = read(text)
    found = growth(changed(energy, coordinates, kind, numbers), coordinates)
    wanted = growth(energy, coordinates).verdict
    if kind == "shift" and wanted == "does not":  # a curve that is no line need not be found elsewhere
        assert found.verdict in (wanted, "cannot be shown")
    else:
        assert found.verdict == wanted, found.reason


@settings(max_examples=60)
@given(st.data())
def test_random_polynomials_that_are_said_to_grow_do(data):
    """And those said not to do not: one sampled sphere far out tells."""
    w = sympy.symbols("w1 w2", real=True)
    powers = data.draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=7, unique=True))
    numbers = data.draw(st.lists(st.integers(-5, 5).filter(bool), min_size=len(powers), max_size=len(powers)))
    energy = sympy.Add(*(c * w[0] ** a * w[1] ** b for c, (a, b) in zip(numbers, powers, strict=True)))
    if energy.free_symbols != set(w):
        return
    found = growth(energy, w)
    angle = np.linspace(0, 2 * np.pi, 4000)
    far = [numeric(energy, w)(r * np.stack([np.cos(angle), np.sin(angle)], axis=-1)).min() for r in (1e3, 1e6)]
    if found.bound is not None:
        assert far[1] > far[0] and far[1] > 0
        points = fresh_generator().standard_normal((2000, 2)) * 10 ** fresh_generator().uniform(-2, 3, (2000, 1))
        losses = numeric(energy, w)(points)
        assert (losses - found.bound(points) >= -1e-9 * (1 + np.abs(points).max(axis=1)) ** 8).all()
    elif found.verdict == "cannot be shown":
        # A sphere with a negative place far out would have been a straight line down.
        assert far[1] > -1e6 * abs(far[0]) - 1


def test_refusals_say_what_was_shown_and_what_helps():
    for text, message in (
        ("w1**2*w2**2", r"does not grow in every direction: along w1 = t, w2 = 0 it stays at or below 0 .*give box="),
        ("w**3", r"does not grow .*along w = -t it falls without bound"),
        ("w1**2 + w2**3", r"does not grow .*w2 = -t"),
        ("1/w**12 - 1/w**6", r"cannot be shown to grow .*finite real number everywhere; add .*give box="),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            Potential.from_expression(text)
        assert "\n" not in str(caught.value) and "is unbounded" not in str(caught.value)


def test_many_coordinates_are_decided_soon():
    n = 60
    w = sympy.symbols(f"w1:{n + 1}", real=True)
    chain = sum((x**2 - 1) ** 2 for x in w) + sum((a - b) ** 2 for a, b in pairwise(w)) / 2
    assert growth(chain, w).verdict == "grows"
    assert growth(sum((a * b - 1) ** 2 for a, b in pairwise(w[:6])), w[:6]).verdict == "does not"
    assert growth(sum(x**2 + x for x in w), w).bound is not None
