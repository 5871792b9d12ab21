"""The worst point of a set of minima, in a box or anywhere."""

from __future__ import annotations

import pytest
import sympy
from sympy import Abs, Rational, sqrt, symbols

from tests.seeds import fresh_generator
from theory.learning_coefficient import LearningCoefficientRefused, rlct
from theory.learning_coefficient.ideal import rlct_of_ideal
from theory.learning_coefficient.minimum_set import rlct_on_plane_curve
from theory.learning_coefficient.strata import rlct_on_set

a, b, c, d, x, y, z = symbols("a b c d x y z", real=True)
half, third = Rational(1, 2), Rational(1, 3)
UMBRELLA = [x**2 - y**2 * z]

CASES = [
    # Whitney's umbrella: two sheets cross along x = y = 0 < z; where z < 0 only that line is left.
    (UMBRELLA, (x, y, z), None, 1, (half, 2)),
    (UMBRELLA, (x, y, z), {z: (1, 2)}, 1, (half, 2)),
    (UMBRELLA, (x, y, z), {z: (None, -1)}, 1, (half, 1)),
    (UMBRELLA, (x, y, z), {y: (1, 2)}, 1, (half, 1)),
    (UMBRELLA, (x, y, z), {z: (0, None)}, 1, (half, 2)),
    ([x**2 - y**3], (x, y), None, 1, (Rational(5, 12), 1)),
    ([x**2 - y**3], (x, y), {x: (1, 2)}, 1, (half, 1)),
    ([y**2 - x**2 * (x + 1)], (x, y), None, 1, (half, 2)),
    ([x * y - 1], (x, y), None, 1, (half, 1)),
    ([x**2 - 2], (x, y), None, 1, (half, 1)),
    ([z * (x**2 + y**2 - 1)], (x, y, z), None, 1, (half, 2)),
    ([(x - y) * (x * y - 1)], (x, y), None, 1, (half, 2)),
    ([x**3 - x, y**2], (x, y), None, 1, (Rational(3, 4), 1)),
    ([x**2 + y**2 - z**2, x**3], (x, y, z), None, 1, (Rational(2, 3), 2)),
    ([x**2 + y**2 + z**2 - 1, x * y], (x, y, z), None, 1, (1, 2)),
    # Boxes: x^2 (x - 1)^4 y up to x = 1/2, and at a corner; what is outside does not count.
    ([x**2 * (x - 1) ** 4 * y], (x, y), None, 1, (Rational(1, 8), 1)),
    ([x**2 * (x - 1) ** 4 * y], (x, y), {x: (0, half)}, 1, (Rational(1, 4), 1)),
    ([x * y], (x, y), {x: (1, 2)}, 1, (half, 1)),
    ([x * y], (x, y), {x: (0, 1), y: (-1, 0)}, 1, (half, 2)),
    ([x * y * z], (x, y, z), {x: (half, 1)}, 1, (half, 2)),
    ([x**2 - y], (x, y), {y: (None, 0)}, 1, (Rational(3, 4), 1)),  # the parabola touches: x^2 + s^2 with |s|
    # Two hidden units and mixtures, anywhere.
    ([a * b + c * d, a * b**2 + c * d**2], (a, b, c, d), None, 1, (Rational(3, 4), 1)),
    ([(1 - a) * b + a * c, b * c], (a, b, c), {a: (0, 1)}, 1, (Rational(3, 4), 1)),
    # Priors that vanish along axes, and one that grows.
    ([x * y], (x, y), None, Abs(x), (half, 1)),
    ([x * y], (x, y), {y: (1, None)}, Abs(x), (1, 1)),
    ([x * y], (x, y), None, Abs(x) ** -half, (Rational(1, 4), 1)),
    ([x], (x, y), {x: (0, 1)}, Abs(x), (1, 1)),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_known_sets(number):
    generators, coordinates, box, prior, expected = CASES[number]
    found = rlct_on_set(generators, coordinates, box, prior)
    assert (found.result.value, found.result.multiplicity) == expected
    if found.point is not None:
        place = dict(zip(coordinates, found.point, strict=True))
        assert all(sympy.sympify(f).subs(place) == 0 for f in generators)
        for name, (lo, hi) in (box or {}).items():
            assert (lo is None or place[name] >= lo) and (hi is None or place[name] <= hi)
        if box is None:  # the same at that point, asked for itself
            there = rlct_of_ideal(generators, coordinates, found.point, prior)
            assert (there.value, there.multiplicity) == expected


@pytest.mark.parametrize(
    "f", [(x * y - 1) * x, x**2 - y**3, y**2 - x**2 * (x - 1), (x**2 - 2) * y, x * y * (x + y) * (x - 1)]
)
def test_plane_curves_agree_with_their_own_method(f):
    own = rlct_on_plane_curve(sympy.expand(f**2), (x, y)).result
    found = rlct_on_set([f], (x, y)).result
    assert (found.value, found.multiplicity) == (own.value, own.multiplicity)


def test_random_products_of_lines_are_worst_where_the_flats_say():
    rng = fresh_generator()
    for _ in range(6):
        lines = {(int(p), int(q), int(r)) for p, q, r in rng.integers(-1, 2, size=(3, 3)) if p or q}
        lines = {line for line in lines if tuple(-v for v in line) not in lines} or {(1, 0, 0)}
        f = sympy.prod([p * x + q * y + r for p, q, r in lines])
        found = rlct_on_set([sympy.expand(f)], (x, y)).result
        # Two lines that meet give 1/2 twice, three through one point 2/6, parallel ones 1/2.
        own = rlct_on_plane_curve(sympy.expand(f**2), (x, y)).result
        assert (found.value, found.multiplicity) == (own.value, own.multiplicity)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([x**2 + 1], (x,)), "no common zero in the box"),
        (([x - 5], (x,), {x: (0, 1)}), "no common zero in the box"),
        (([x], (x,), {y: (0, 1)}), "box: y is no coordinate"),
        (([x], (x,), {x: (1, 0)}), "box: x: expected lo < hi"),
        (([x], (x,), {x: (1,)}), r"box: x: expected two ends \(lo, hi\)"),
        (([x], (x,), {x: (0, sqrt(2))}), "box: x: expected rational ends"),
        (([sympy.sin(x)], (x,)), "generators: .* is no polynomial with rational coefficients"),
        (([sympy.Integer(0)], (x,)), "expected at least one that is not zero"),
        (([x], (x,), None, x), "prior: x is no power of Abs"),
        (([x], (x,), None, 1 / Abs(x)), "no finite mass"),
    ],
)
def test_the_rest_is_refused_by_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        rlct_on_set(*arguments)
    assert "\n" not in str(error.value)


IN_DOMAINS = [
    ([x * y], (x, y), ["x >= 0", "y >= 0"], 1, (half, 2)),
    ([x - 1], (x, y), [x**2 + y**2 <= 1], 1, (Rational(3, 4), 1)),  # a line that touches the disc
    ([y], (x, y), [x**2 + y**2 <= 1], 1, (half, 1)),  # a line through it
    ([y], (x, y), ["y >= x**2"], 1, (Rational(3, 4), 1)),
    ([x**2], (x, y), ["(x - 1)**2 + y**2 <= 1"], 1, (Rational(3, 8), 1)),
    ([x**2 * y], (x, y), ["(x - 1)**2 + y**2 <= 1"], 1, (Rational(3, 10), 1)),
    ([x * y * z], (x, y, z), ["x >= 0", "y >= 0", "z >= 0", "x + y + z <= 1"], 1, (half, 3)),
    ([x**2 - y**3], (x, y), ["x >= 1"], 1, (half, 1)),  # away from the cusp
    ([x**2 + y**2 - 1], (x, y), ["x + y >= 1"], 1, (half, 1)),
    ([x * y], (x, y), ["x + y >= 1"], 1, (half, 1)),  # away from the crossing
    ([x * y], (x, y), ["x**2 + y**2 >= 1"], 1, (half, 1)),
    ([x**2 + y**2 - z**2], (x, y, z), ["z >= 0"], 1, (half, 1)),
    ([a * b + c * d, a * b**2 + c * d**2], (a, b, c, d), ["a >= 0", "c >= 0"], 1, (Rational(3, 4), 1)),
    ([a * d - b * c], (a, b, c, d), [a >= 0, b >= 0, c >= 0, d >= 0, a + b + c + d <= 1], 1, (half, 1)),
    ([x], (x, y), ["x*y >= 0"], 1, (half, 1)),
    ([x * y], (x, y), [(x >= 1) | (y <= -1)], 1, (half, 1)),
    ([x * y], (x, y), ["(x - 1)*(y - 1) >= 0"], 1, (half, 2)),  # the crossing lies where both are below 1
    ([x], (x, y), ["x >= y"], Abs(x) ** -half, (Rational(1, 4), 1)),
    ([x * y], (x, y), ["x >= y"], Abs(x) ** half, (half, 1)),
]


@pytest.mark.parametrize("number", range(len(IN_DOMAINS)))
def test_known_sets_in_domains(number):
    generators, coordinates, domain, prior, expected = IN_DOMAINS[number]
    found = rlct_on_set(generators, coordinates, None, prior, domain)
    assert (found.result.value, found.result.multiplicity) == expected
    assert found.point is not None
    there = rlct(generators, coordinates, found.point, prior, domain)  # by charts at that point
    assert (there.value, there.multiplicity) == expected
    assert any("boundaries" in sentence for sentence in found.result.certificate)
    order = list(reversed(range(len(coordinates))))
    other = rlct_on_set(generators, [coordinates[i] for i in order], None, prior, domain[::-1]).result
    assert (other.value, other.multiplicity) == expected, "neither order changes anything"


def test_a_box_and_the_same_domain_agree():
    for generators, coordinates, box, prior, _ in CASES:
        if box is None or prior != 1:
            continue
        ends = [(name, lo, hi) for name, (lo, hi) in box.items()]
        domain = [name >= lo for name, lo, _ in ends if lo is not None]
        domain += [7 * name <= 7 * hi for name, _, hi in ends if hi is not None]
        own, same = rlct_on_set(generators, coordinates, box), rlct_on_set(generators, coordinates, domain=domain)
        assert (own.result.value, own.result.multiplicity) == (same.result.value, same.result.multiplicity)


def test_random_domains_are_nowhere_worse_than_said():
    """At every zero that is drawn, the answer by charts there is no worse than that of the whole domain."""
    rng = fresh_generator()
    curves = (y, x * y, x**2 - y**2, y - x**2, y * (y - x), x**2 - y**3)
    zeros = (lambda t: (t, 0), lambda t: (t, 0), lambda t: (t, t), lambda t: (t, t * t), lambda t: (t, t),
             lambda t: (t**3, t**2))  # fmt: skip
    asked = refused = 0
    while asked < 12:
        which = int(rng.integers(len(curves)))
        f = curves[which]
        p, q, r, s = (int(v) for v in rng.integers(-2, 3, size=4))
        g = p * x + q * y + r + s * x * y
        if not g.free_symbols:
            continue
        try:
            whole = rlct_on_set([f], (x, y), domain=[g >= 0, x + y <= 4]).result
        except LearningCoefficientRefused:
            refused += 1
            assert refused < 40
            continue
        asked += 1
        for t in [Rational(k, 2) for k in range(-4, 5)]:
            at = dict(zip((x, y), zeros[which](t), strict=True))
            if g.subs(at) < 0 or sum(at.values()) > 4:
                continue
            try:
                here = rlct([f], (x, y), tuple(at.values()), 1, [g >= 0, x + y <= 4])
            except ValueError:  # no chart there
                continue
            assert (here.value, -here.multiplicity) >= (whole.value, -whole.multiplicity), (f, g, t)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([x], (x, y), None, 1, ["x >= y**2", "x >= -y**2"]), "may meet at a common zero with dependent gradients"),
        (([x], (x, y), None, 1, ["-x**2 >= 0"]), "no common zero"),
        (([x], (x, y), None, 1, ["x >= 0", "x <= 0"]), "may meet at a common zero with dependent gradients"),
        (([x], (x, y), {x: (0, 1)}, 1, ["x >= y**2"]), "ends of the box and axes of the prior among them"),
        (([x], (x, y), None, Abs(y) ** half, ["x >= 3*y**2 + y"]), None),
        (([y], (x, y), None, Abs(y) ** half, ["y >= x**2"]), "ends of the box and axes of the prior among them"),
        (([x], (x, y), None, 1, ["x >= 1"]), "no common zero in the domain"),
        (([x], (x, y), None, 1, [(x >= 1) | (x <= -1)]), "no common zero in the domain"),
        (([x], (x, y), None, 1, [(x - k) * (y - k) >= 0 for k in range(1, 9)]), "more than 64 pieces"),
        (([x], (x, y), None, 1, [sympy.sin(x) >= 0]), "no polynomial inequality with rational coefficients"),
        (([x], (x, y), None, 1, [sqrt(2) * x >= 0]), "no polynomial inequality with rational coefficients"),
        (([x], (x, y), None, 1, [z >= 0]), "domain: depends on z"),
        (([x], (x, y), None, 1, [x + k >= 0 for k in range(9)]), "9 inequalities; expected at most 8"),
    ],
)
def test_domains_that_are_refused_are_told_why(arguments, message):
    if message is None:
        assert rlct_on_set(*arguments).result.value == half
        return
    with pytest.raises(ValueError, match=message) as error:
        rlct_on_set(*arguments)
    assert "\n" not in str(error.value)


def test_a_worse_stratum_that_may_reach_into_the_box_is_refused():
    """The crossing of x^2 = 2 and y = 0 is worse than y = 0, and no rational point of it is seen."""
    with pytest.raises(LearningCoefficientRefused, match="not known to reach") as error:
        rlct_on_set([(x**2 - 2) ** 2 * y], (x, y), {x: (0, 1), y: (-1, 1)})
    assert error.value.lower == Rational(1, 4) and error.value.upper == half
