"""Points on the boundary of a domain, priors that switch there, and exponents between -1 and 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Abs, Eq, Heaviside, Integer, Max, Piecewise, Rational, Symbol, sin, symbols

from tests.seeds import fresh_generator
from tests.theory.learning_coefficient.test_linear_programme import numeric_programme
from theory.learning_coefficient import LearningCoefficientRefused, door
from theory.learning_coefficient.__main__ import main

rlct: Any = door.rlct
a, b, c, d, x, y, z = symbols("a b c d x y z", real=True)
half, quarter = Rational(1, 2), Rational(1, 4)
PYRAMID = ["x + y >= -z", "x - y >= -z", "y - x >= -z", "-x - y >= -z"]


def _answer(*arguments, **options):
    found = rlct(*arguments, **options)
    return found.value, found.multiplicity


CASES = [
    # On a half line x counts 1, as the integral of exp(-n x) shows; its square 1/2.
    ((x,), {"domain": x >= 0}, (1, 1)),
    (("x**2",), {"domain": "x >= 0"}, (half, 1)),
    (("x + y**2",), {"domain": "0 <= x"}, (1 + half, 1)),
    (("x*y",), {"domain": ["x >= 0", "y >= 0"]}, (1, 2)),
    (("x*y",), {"domain": "x*y > 0"}, (1, 2)),
    # Cones: 0 <= x <= y keeps the crossing, y >= 2 |x| keeps one of its branches, far from y = 0.
    (("x**2*y**2",), {"domain": ["x >= 0", x <= y]}, (half, 2)),
    (("x**2*y**4",), {"domain": ["y >= 2*x", "y >= -2*x"]}, (Rational(1, 3), 1)),
    (("x**2*y**2",), {"domain": ["y >= 2*x", "2*y <= 3*x"]}, (half, 1)),
    (("(x - y)**2",), {"domain": ["x >= 0", "y <= x"]}, (half, 1)),
    (("(x - y)**2",), {"domain": ["x >= 0", "y <= 0"]}, (1, 1)),
    (("x**2 + y**2 + z**2",), {"domain": "x + z >= 0"}, (Rational(3, 2), 1)),
    (("x**2*y**2", ["x", "y", "z"]), {"domain": PYRAMID}, (half, 2)),
    # Curved boundaries: under the parabola t = x - y^2 >= 0, x = t + y^2.
    (("x**2", ["x", "y"]), {"domain": "x >= y**2"}, (Rational(3, 4), 1)),
    (("x**2", ["x", "y"]), {"domain": "x <= y**2"}, (half, 1)),
    (("(x - y**2)**2",), {"domain": "x >= y**2"}, (half, 1)),
    (("(x - 1)**2", ["x", "y"], [1, 0]), {"domain": "x**2 + y**2 <= 1"}, (Rational(3, 4), 1)),
    (("(x - 1)**2", ["x", "y"], [1, 0]), {"domain": "x**2 + y**2 >= 1"}, (half, 1)),
    (("y**2*(x - 1)**2", ["x", "y"], [1, 0]), {"domain": "x**2 + y**2 <= 1"}, (half, 2)),
    (("x**2", ["x", "y"]), {"domain": ["x*(1 + y) >= y**2"]}, (Rational(3, 4), 1)),
    # Non-negative factors of a zero matrix: every term counts by itself.
    (([a * c + b * d],), {"domain": [a >= 0, b >= 0, c >= 0, d >= 0]}, (1, 3)),
    (([a * c + b * d],), {}, (half, 1)),
    (([a * c, a * d, b * c, b * d],), {"domain": [a >= 0, b >= 0, c >= 0, d >= 0]}, (1, 2)),
    # Priors between the sides, and Dirichlet's.
    (("x**2*y**2",), {"prior": Piecewise((1, x > 0), (0, True))}, (half, 2)),
    (("x**2*y**4",), {"prior": Heaviside(y - 2 * x) * Heaviside(y + 2 * x)}, (Rational(1, 3), 1)),
    (("x**2*y**2",), {"prior": Piecewise((Abs(x) * y**2, x > 0), (Abs(y), True))}, (half, 1)),
    (("x**2",), {"prior": Max(x, 0)}, (1, 1)),
    (("x**2",), {"prior": Max(x, 0) + Heaviside(-x)}, (half, 1)),
    (("x**2",), {"prior": "Heaviside(x)"}, (half, 1)),
    (("x**2*y**2",), {"prior": Heaviside(x) * x}, (half, 1)),
    ((x**2,), {"prior": Abs(x) ** -half}, (quarter, 1)),
    ((x**2 + y**4,), {"prior": Abs(x) ** -half * Abs(y) ** Rational(-2, 3)}, (quarter + Rational(1, 12), 1)),
    ((x**2 * y**2,), {"prior": "x**(-1/2)*y", "domain": ["x >= 0", "y >= 0"]}, (quarter, 1)),
    (
        ("(x - 1)**2*y**2", None, [1, 0]),
        {"prior": "x**(-1/2)*(1 - x - y)**(-1/2)*y**(-1/3)", "domain": ["x >= 0", "y >= 0", "x + y <= 1"]},
        (Rational(7, 24), 1),  # (t + y)^2 y^2 with t^(-1/2) y^(-1/3): both weights 1/4
    ),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_by_hand(number):
    arguments, options, expected = CASES[number]
    assert _answer(*arguments, **options) == expected


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("x**2",), {"domain": "x >= 1"}, r"point: \(0,\) does not satisfy x >= 1"),
        (("x**2",), {"domain": ["x >= 0", "x <= 0"]}, "no interior"),
        (("x**2",), {"domain": "x**2 <= 0"}, "no interior"),
        (("x**2",), {"domain": "x == 0"}, "domain: cannot read 'x == 0'"),
        (("x**2",), {"domain": Eq(x, 0)}, "no inequality"),
        (("x**2",), {"domain": "q >= 0"}, "domain: depends on q"),
        (("x**2",), {"domain": 3}, "domain: expected inequalities"),
        (("x**2",), {"domain": "1 >= 0"}, "domain: True is no condition"),
        (("x**2",), {"domain": sin(x) >= 0}, "domain: .* is no polynomial inequality"),
        (("x**2",), {"domain": 0.3 * x >= 0}, "domain: the float 0.3"),
        (("x**2",), {"prior": sympy.sign(x) * Heaviside(x) - Heaviside(-x)}, "(negative|not positive|not real)"),
        (("x**2",), {"prior": x * Heaviside(-x)}, "negative|not positive"),
        (("x**2",), {"domain": "x >= 0", "prior": "x**(-1)"}, "no finite mass"),
        (("x**2", [Symbol("x", real=True)], [2]), {"domain": "x >= 0"}, "not a local minimum"),
        (("x",), {}, "not a local minimum"),
        (("-x",), {"domain": "x >= 0"}, "not a local minimum"),
        (("x*y",), {"domain": "x >= 0"}, "not a local minimum"),
        ((["x - 1"],), {"domain": "x >= 0"}, "off the zero set"),
    ],
)
def test_the_rest_is_refused_by_one_line(arguments, options, message):
    with pytest.raises(ValueError, match=message) as error:
        rlct(*arguments, **options)
    assert "\n" not in str(error.value)


def test_boundaries_that_touch_are_refused():
    with pytest.raises(LearningCoefficientRefused, match="dependent gradients"):
        rlct("x**2 + y**2", domain=["y >= x**2", "y <= 2*x**2"])


def test_what_holds_near_the_point_changes_nothing():
    for options in ({"domain": "x <= 1"}, {"domain": ["x > -1/2", "x + y >= -3"]}, {"prior": Heaviside(x + 1)}):
        assert _answer("x**2*y**2", **options) == (half, 2)
    assert _answer("(x - 1)**2", None, [1], domain="x >= 0") == (half, 1)


def test_orthants_of_random_monomials_agree_with_a_linear_programme():
    """A sum of monomials with positive coefficients, odd exponents too, on the orthant with a prior x^h."""
    rng = fresh_generator()
    for _ in range(20):
        n = int(rng.integers(1, 4))
        names = (x, y, z)[:n]
        exponents = rng.integers(0, 5, size=(int(rng.integers(1, 4)), n))
        if not exponents.any(axis=1).all() or not exponents.any(axis=0).all():
            continue
        h = [Rational(int(k), 4) for k in rng.integers(-3, 5, size=n)]
        loss = sum(sympy.prod([v ** int(e) for v, e in zip(names, row, strict=True)]) for row in exponents)
        density = sympy.prod([v**e for v, e in zip(names, h, strict=True)])
        found = rlct(sympy.Add(loss, evaluate=True), names, prior=density, domain=[v >= 0 for v in names])
        # Exponents of the loss itself: no factor one half.
        expected = numeric_programme(exponents, np.array([float(1 + e) for e in h]))
        assert float(found.value) == pytest.approx(expected, abs=1e-9)


def test_pieces_decide_by_the_worst():
    """Both sides of a line: the whole space; each side may have its own prior."""
    for loss in ("(x**2 - y**3)**2", "x**2*y**2 + y**6"):
        whole = _answer(loss)
        sides = [_answer(loss, domain="x >= y"), _answer(loss, domain="x <= y")]
        assert min(sides, key=lambda s: (s[0], -s[1])) == whole


def test_the_command_takes_a_domain(capsys):
    assert main(["x", "--domain", "x >= 0"]) == 0
    assert capsys.readouterr().out.startswith("λ = 1, m = 1\nmethod: on a domain")
    assert main(["x**2", "--domain", "x = 0"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_lower_bounds_know_of_priors_that_grow():
    loss = (x**2 - 2 * y**2) ** 2 + x**2 * z**4 + y**6 + z**10
    with pytest.raises(LearningCoefficientRefused) as error:
        rlct(sympy.expand(loss), prior=Abs(z) ** -half)
    assert error.value.lower == Rational(1, 8) and error.value.upper < Rational(5, 8)
    assert _answer(x**4, prior=Abs(x) ** Rational(-3, 4)) == (Rational(1, 16), 1)


def test_the_certificate_names_every_piece():
    found = rlct("x**2*y**2", ["x", "y", "z"], domain=PYRAMID)
    assert [s for s in found.certificate if s.startswith("piece 2: boundaries")]
    assert found.certificate[-1].startswith("over 2 pieces") and found.method.startswith("on a domain")
    assert Integer(1) == rlct(x, domain=x >= 0).value
