"""Every bound a refusal would print holds where the answer is known."""

from __future__ import annotations

import pytest
from sympy import Abs, Integer, Rational, cos, expand, symbols, sympify, tanh

from tests.theory.learning_coefficient.test_engine import KNOWN
from tests.theory.learning_coefficient.test_ideal import HIGHER, IDEALS
from theory.learning_coefficient import door, engine, ideal, table
from theory.learning_coefficient.engine import LearningCoefficientRefused, read_density, rlct
from theory.learning_coefficient.models import rlct_of_model
from theory.learning_coefficient.prior import Prior
from theory.learning_coefficient.refusal_bounds import bounds_of_generators, known_bounds

a, b, x, y, z = symbols("a b x y z", real=True)
half = Rational(1, 2)
ORIGIN = (Integer(0), Integer(0))
CASES = [(loss - loss.subs(dict(zip(w, p, strict=True))), w, p, value) for loss, w, p, value, _ in KNOWN[:-3]]
CASES += [(expand(loss), (x, y, z), (0, 0, 0), value) for loss, value, _ in HIGHER]
CASES += [(expand(sum(f**2 for f in fs)), w, (0,) * len(w), value) for fs, w, value, _ in IDEALS[:-1]]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_bounds_hold_for_known_losses(number):
    loss, coordinates, point, value = CASES[number]
    if loss == 0:
        return
    lower, upper = known_bounds(loss, coordinates, sympify(point), Prior())
    assert lower is not None and upper is not None
    assert 0 < lower <= value <= upper


@pytest.mark.parametrize("density", [Abs(x), x**2 * Abs(y), (x - y) ** 2, Abs(x - y), Abs(x**2 - y**3)])
@pytest.mark.parametrize("loss", [x**4 + x**2 * y**2 + y**6, (x**2 - y**3) ** 2, x**2 * y**2, (x - y) ** 2 * x**2])
def test_bounds_hold_with_priors(loss, density):
    prior = read_density(density, (x, y), ORIGIN)
    lower, upper = known_bounds(loss, (x, y), ORIGIN, prior)
    assert lower is not None and upper is not None
    assert lower <= rlct(loss, (x, y), ORIGIN, density).value <= upper


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        ((a * tanh(b)) ** 2, half),
        (1 - cos(a * b), half),
        (a**2 + (b * (1 - cos(b))) ** 2, half + Rational(1, 6)),
        (1 - cos(a) * cos(b), Rational(1)),
    ],
)
def test_bounds_hold_for_analytic_losses(loss, value):
    lower, upper = known_bounds(loss, (a, b), ORIGIN, Prior())
    assert lower is not None and upper is not None and 0 < lower <= value <= upper


@pytest.mark.parametrize("h", [Rational(-1, 2), Rational(-3, 4), Rational(-1, 10)])
@pytest.mark.parametrize("loss", [x**4 + x**2 * y**2 + y**6, (x**2 - y**3) ** 2, x**2 * y**2, (x - y) ** 2 * x**2])
def test_bounds_hold_with_priors_that_grow(loss, h):
    prior = read_density(Abs(x) ** h, (x, y), ORIGIN)
    lower, upper = known_bounds(loss, (x, y), ORIGIN, prior)
    assert lower is not None and upper is not None
    assert lower <= rlct(loss, (x, y), ORIGIN, Abs(x) ** h).value <= upper


@pytest.mark.parametrize("loss", [x + y**2, x * y**2, (x - y) ** 2, x**2 + y**4, (x + y**2) ** 2, x**2 * y**2])
def test_bounds_hold_on_a_half_plane(loss):
    """As a refusal on x >= 0 would name them, with x = s^2."""
    prior = read_density(Abs(x), (x, y), ORIGIN)
    lower, upper = known_bounds(loss.subs(x, x**2), (x, y), ORIGIN, prior)
    assert lower is not None and upper is not None
    assert lower <= door.rlct(loss, (x, y), domain="x >= 0").value <= upper


def test_no_bound_is_named_off_a_minimum():
    assert known_bounds(x**2 - y**2, (x, y), ORIGIN, Prior()) == (None, None)
    assert known_bounds(x + y**2, (x, y), ORIGIN, Prior()) == (None, None)


def _refuses(*_arguments, **_options):
    raise LearningCoefficientRefused("no method is allowed")


def _none(*_arguments, **_options):
    return None


# Answers by a theorem, or by a derivation of their own, are never refused with bounds of a loss.
ASKED = [case for case in table.cases() if getattr(case.ask, "func", None) in (door.rlct, rlct_of_model)]
OF_IDEALS = [c for c in ASKED if isinstance(c.ask.args[0], list) and "domain" not in c.ask.keywords]
OTHERS = [c for c in ASKED if c not in OF_IDEALS]


@pytest.mark.slow
def test_bounds_of_generators_hold_for_every_ideal_of_the_table():
    assert len(OF_IDEALS) > 120
    for case in OF_IDEALS:
        generators, names = case.ask.args
        point = case.ask.keywords.get("point") or (0,) * len(names)
        there = {c: c + p for c, p in zip(names, point, strict=True) if p}
        moved = [expand(f.xreplace(there)) if there else f for f in map(sympify, generators)]
        lower, upper = bounds_of_generators([f for f in moved if f != 0], names, Prior())
        assert upper is not None and 0 < lower <= case.value <= upper, case.name


@pytest.fixture
def no_method(monkeypatch):
    """Every question is refused, so that bounds are all that is left."""
    monkeypatch.setattr(engine, "_solve", _refuses)
    for name in ("_by_flats", "_by_blow_ups"):
        monkeypatch.setattr(ideal, name, _none)


@pytest.mark.slow
@pytest.mark.parametrize("family", list(dict.fromkeys(case.family for case in OTHERS)))
def test_bounds_hold_for_every_other_case_of_the_table(family, no_method):
    asked = [case for case in OTHERS if case.family == family]
    known = 0
    for case in asked:
        try:
            answer = case.ask()  # by elimination alone
        except LearningCoefficientRefused as refused:
            lower, upper = refused.lower, refused.upper
            assert lower is None or 0 < lower <= case.value, case.name
            assert upper is None or case.value <= upper, case.name
            known += lower is not None and upper is not None
        else:
            assert answer.value == case.value
            known += 1
    assert known >= 0.9 * len(asked), "bounds are named of nearly all"


def test_a_wrong_bound_would_be_seen(no_method, monkeypatch):
    monkeypatch.setattr(engine, "known_bounds", lambda *_: (Rational(1, 3), half))
    wrong = [case for case in OTHERS if case.family == "Normal crossings" and case.value < Rational(1, 3)]
    assert len(wrong) >= 4
    for case in wrong:
        with pytest.raises(LearningCoefficientRefused) as refused:
            case.ask()
        assert refused.value.lower is not None and refused.value.lower > case.value


def test_bounds_on_a_curved_boundary_are_those_of_the_domain(no_method):
    """Outside of a disc (x - 1)^2 has 1/2, inside 3/4: the auxiliary hypersurface is taken off the bounds as well."""
    for relation, value in (("x**2 + y**2 >= 1", half), ("x**2 + y**2 <= 1", Rational(3, 4))):
        with pytest.raises(LearningCoefficientRefused) as refused:
            door.rlct("(x - 1)**2", ("x", "y"), point=[1, 0], domain=relation)
        lower, upper = refused.value.lower, refused.value.upper
        assert (lower is None or lower <= value) and upper is not None and value <= upper


@pytest.mark.parametrize("h", [0, 1, Rational(1, 2), Rational(-1, 2)])
def test_bounds_of_generators_hold_with_priors(h):
    prior = read_density(Abs(x) ** h, (x, y), ORIGIN)
    for generators in ([x**2 - y**3], [x * y, y**3], [x + y**2, x * y], [x**2 * y, x * y**4]):
        lower, upper = bounds_of_generators(generators, (x, y), prior)
        found = door.rlct(generators, (x, y), prior=Abs(x) ** h)
        assert upper is not None and lower <= found.value <= upper
