"""The public way in: text, generators, floats, points by name, and the command line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Matrix, Poly, Rational, Symbol, symbols

from theory.learning_coefficient import LearningCoefficientRefused, door
from theory.learning_coefficient.__main__ import main

rlct: Any = door.rlct  # called with what its types forbid, too
x, y, z = symbols("x y z", real=True)
half, quarter = Rational(1, 2), Rational(1, 4)


def _answer(*arguments, **options):
    found = rlct(*arguments, **options)
    return found.value, found.multiplicity


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("x**2*y**4",), (quarter, 1)),
        ((x**2 * y**2,), (half, 2)),
        ((Poly(x**4 + y**6, x, y),), (Rational(5, 12), 1)),
        (("(x - 0.5)**2*y**2", None, {"x": "1/2", "y": 0}), (half, 2)),
        ((x**2 * (y - 1) ** 2, (x, y), {x: 0, y: 1}), (half, 2)),
        (((x - 0.5) ** 2 * (y - 0.375) ** 4, None, (0.5, 0.375)), (quarter, 1)),
        ((x**2 * y**2, None, np.array([0.0, -1.0])), (half, 1)),
        ((np.int64(2) * x**2, (x,), (np.int64(0),)), (half, 1)),
        ((Matrix([x * y, y * z, x * z]),), (Rational(3, 4), 1)),
        ((["x*y", y * z, "x*z"],), (Rational(3, 4), 1)),
        (("x**2*y**2", ["x", "y", "flat"]), (half, 2)),
        (("x**2", None, None, "abs(x)"), (1, 1)),
        ((x**2.0,), (half, 1)),
        (("w10**2*w2**4", None, {"w2": 0, "w10": 1}), (quarter, 1)),
    ],
)
def test_whatever_a_reader_writes(arguments, expected):
    assert _answer(*arguments) == expected


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("((x - y)*(y - z)*(x - z))**2", (Rational(1, 3), 1)),
        ("((x**2 - y**2)*(x**2 - z**2))**2", (Rational(3, 8), 1)),
        ("3*(x*y*z*(x**2 - y**2)*(y**2 - z**2)*(x**2 - z**2))**2*(1 + x)", (Rational(1, 6), 1)),
    ],
)
def test_arrangements_are_resolved_from_their_square_root(loss, expected):
    found = rlct(loss)
    assert (found.value, found.multiplicity) == expected
    assert any(sentence.startswith("the loss is a positive unit times the square of") for sentence in found.certificate)
    with pytest.raises(LearningCoefficientRefused, match="not a local minimum"):
        rlct(f"-{loss}")


def test_many_monomials_by_a_linear_programme():
    names = symbols("v1:7", real=True)
    loss = sum(p**2 * q**2 for i, p in enumerate(names) for q in names[:i])
    assert _answer(loss) == (Rational(3, 2), 1)
    assert _answer(loss - 3 * names[0] ** 2 * names[1] ** 2 / 4, prior="v1**2") == (Rational(2), 1)


def test_what_was_assumed_opens_the_certificate():
    plain = Symbol("w")
    certificate = rlct(plain**2 * y**2).certificate
    assert certificate[0] == "coordinates: the symbols in order of name, (w, y)"
    assert certificate[1] == "no point was given: the origin of (w, y)"
    assert certificate[2] == "w: taken to be real"
    assert not any("taken" in s or "no point" in s for s in rlct(x**2, (x,), (0,)).certificate)
    assert rlct("w2**2 + w10**2").certificate[0].endswith("(w2, w10)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.1 * x**2,), r"expression: the float 0\.1 is no short binary fraction; write 1/10"),
        ((x**2, (x,), (0.3,)), "point: the float 0.3 is no short binary fraction; write 3/10"),
        ((x**2, (x,), (float("inf"),)), "point: "),
        ((x**2, (x,), (float("nan"),)), "point: "),
        ((x**2, None, {"y": 0}), "point: names y; expected one value for each of x"),
        ((x**2 * y**2, None, {"x": 0}), "point: names x; expected one value for each of x, y"),
        ((x**2, None, {"x": 0, x: 1}), "point: names"),
        ((3,), "expression: 3 has no symbols"),
        (("x**2", ["x", "a b"]), "coordinates: 'a b' is no name"),
        (("x**2", "x"), "coordinates: expected a list"),
        ((None, (x,)), "expression: expected a sympy expression"),
        ((x**2, (x,), (0, 0)), "point: has length 2"),
        ((Symbol("x", positive=True) ** 2,), "cannot move freely"),
        (([],), "(generators|expression): "),
        ((x**2 * Symbol("x"), None), "share a name"),
        ((lambda: 1, (x,)), "expression: expected"),
        ((x**2, None, None, True), "prior: expected"),
    ],
)
def test_the_rest_is_refused_by_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        rlct(*arguments)
    assert "\n" not in str(error.value)


def test_the_command_prints_value_multiplicity_method_and_certificate(capsys):
    assert main(["x**2*y**4", "--at", "0,0"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("λ = 1/4, m = 1\nmethod: normal crossing\n1. ")
    assert main(["x*y", "y*z", "x*z", "--at", "x=0,y=0,z=0", "--prior", "abs(x)"]) == 0
    assert capsys.readouterr().out.startswith("λ = 1, m = 2\n")
    assert main(["x**2*y**2", "--coordinates", "y,x"]) == 0
    assert "the origin of (y, x)" in capsys.readouterr().out


def test_the_command_refuses_in_one_line_with_bounds(capsys):
    assert main(["x**4 - 4*x**2*y**2 + 4*y**4 + x**2*z**4 + y**6 + z**10"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("refused: degenerate") and lines[1] == "bounds, at a local minimum: 1/4 <= λ <= 5/8"
    assert len(lines) == 3 and lines[2].startswith("next step: ")
    assert main(["x**2 - y**2"]) == 1
    assert "next step: give a point at which" in capsys.readouterr().err
    for wrong in (["x^2"], ["x**2", "--at", "1,2"], ["x**2", "--at", "y=1"]):
        assert main(wrong) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_refusal_carries_its_bounds():
    with pytest.raises(LearningCoefficientRefused) as error:
        rlct(sympy.expand((x**2 - 2 * y**2) ** 2) + x**2 * z**4 + y**6 + z**10)
    assert (error.value.lower, error.value.upper) == (quarter, Rational(5, 8))
    assert error.value.next_step
    with pytest.raises(LearningCoefficientRefused) as error:
        rlct(sympy.exp(x) - 1)
    assert (error.value.lower, error.value.upper) == (None, None)
