"""The catalogue: two-phase energies (and a few one-phase ones) whose phases are known exactly.

Every builder takes exact numbers and returns a :class:`~slt_toys.potentials.potential.Potential`. Minima and barriers
sit at rational points wherever that is possible: in one dimension the energy is the integral of ``K (w+1)^(2a-1)
(w-1)^(2b-1) (w-c)^(2j-1) q(w)``, so the wells at -1 and +1 have learning coefficients 1/(2a) and 1/(2b), the barrier is
at c, and c alone decides which well is deeper. The learning coefficients here are *declared*; the test-suite derives,
integrates and samples each of them (:mod:`slt_toys.four_way_check`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import sympy
from sympy import Rational, S

from ..inputs.arguments import checked_arguments
from .phases import Phase, derive_phases
from .potential import Potential, PotentialPair

w, w1, w2 = sympy.symbols("w w1 w2", real=True)
_HALF = Rational(1, 2)


def regular_double_well(tilt: Rational = Rational(3, 20)) -> Potential:
    """L = (w²-1)² - tilt·w: two regular wells; SCIENCE's reference case has tilt 3/20 clean and -3/20 in deficit."""
    symbol = sympy.Symbol("tilt", real=True)
    energy = (w**2 - 1) ** 2 - symbol * w
    return Potential(
        "regular_double_well", energy, (w,), (("tilt", tilt),), ((-4.0, 4.0),),
        derive_phases(energy.subs(symbol, tilt), (w,)), description="two regular wells",
    )  # fmt: skip


def _wells(
    name: str,
    description: str,
    orders: tuple[int, int],
    gap: Rational,
    box: tuple[float, float],
    shape: sympy.Expr = S.One,
) -> Potential:
    """Integrate K (w+1)^(2a-1) (w-1)^(2b-1) (w-c) q(w).

    The left well's loss minus the right one's is linear in c: K makes both barriers 1 where the wells are level, and c
    gives the wells the ``gap`` asked for.
    """
    c = sympy.Symbol("barrier", real=True)
    a, b = orders
    slope = (w + 1) ** (2 * a - 1) * (w - 1) ** (2 * b - 1) * (w - c) * shape
    fall = sympy.Poly(-sympy.integrate(sympy.expand(slope), (w, -1, 1)), c)
    level = -fall.nth(0) / fall.nth(1)
    scale = 1 / sympy.integrate(sympy.expand(slope.subs(c, level)), (w, -1, level))
    barrier = level + gap / (scale * fall.nth(1))
    if not -1 < barrier < 1:
        raise ValueError(
            f"gap {gap} leaves {name} without two wells; keep it within ±{float(abs(scale * fall.nth(1))):.2g}"
        )
    energy = sympy.expand(sympy.integrate(sympy.expand(scale * slope), w))
    return _double_well(name, description, energy, (Rational(1, 2 * a), Rational(1, 2 * b)), barrier, box)


def _double_well(
    name: str,
    description: str,
    energy: sympy.Expr,
    learning_coefficients: tuple[Rational, Rational],
    barrier: Rational,
    box: tuple[float, float],
) -> Potential:
    bound = energy.subs(sympy.Symbol("barrier", real=True), barrier)
    sides = (("left", S.NegativeOne, w < barrier), ("right", S.One, w >= barrier))
    phases = tuple(
        Phase(side, (place,), region, bound.subs(w, place), coefficient)
        for (side, place, region), coefficient in zip(sides, learning_coefficients, strict=True)
    )
    return Potential(name, energy, (w,), (("barrier", barrier),), (box,), phases, description=description)


def singular_double_well_2_4(gap: Rational = Rational(3, 10)) -> Potential:
    """A regular well (λ = 1/2) on the left of a quartic one (λ = 1/4)."""
    return _wells("singular_double_well_2_4", "regular against quartic well", (1, 2), gap, (-2.8, 3.2))


def singular_double_well_4_2(gap: Rational = Rational(3, 10)) -> Potential:
    """A quartic well (λ = 1/4) on the left of a regular one (λ = 1/2)."""
    return _wells("singular_double_well_4_2", "quartic against regular well", (2, 1), gap, (-3.2, 2.8))


def singular_double_well_4_6(gap: Rational = Rational(3, 10)) -> Potential:
    """A quartic well (λ = 1/4) on the left of a sextic one (λ = 1/6)."""
    return _wells("singular_double_well_4_6", "quartic against sextic well", (2, 3), gap, (-2.4, 2.6))


def narrow_against_wide(gap: Rational = Rational(3, 10)) -> Potential:
    """A wide well on the left against a narrow, deeper one: energy against entropy among regular phases."""
    return _wells(
        "narrow_against_wide", "narrow-deep against wide-shallow well", (1, 1), gap, (-3.2, 2.4), 1 + 2 * (w + 1) ** 2
    )


def two_phase_regression(target: Rational = Rational(3, 10)) -> Potential:
    """L = (w²-1)² + (w - target)²/8: what a regression with the prediction √2 (w²-1) x₁ + ½ w x₂ has to lose.

    Both wells are regular; :func:`slt_toys.potentials.example_catalogue.two_phase_regression_examples` draws examples
    of it.
    """
    symbol = sympy.Symbol("target", real=True)
    energy = (w**2 - 1) ** 2 + (w - symbol) ** 2 / 8
    return Potential(
        "two_phase_regression", energy, (w,), (("target", target),), ((-4.0, 4.0),),
        derive_phases(energy.subs(symbol, target), (w,)), description="population loss of a regression",
    )  # fmt: skip


def flat_topped_barrier(barrier: Rational = Rational(-1, 10)) -> Potential:
    """Two regular wells and a barrier flat to third order, -|w-c|⁴: a singular barrier, λ_‡ = 1/4.

    The slope is 15/2 (w+1)(w-1)(w-c)³; at c = 0 the barrier is 5/8 high. Negative c makes the right well deeper.
    """
    c = sympy.Symbol("barrier", real=True)
    energy = sympy.expand(sympy.integrate(sympy.expand(Rational(15, 2) * (w**2 - 1) * (w - c) ** 3), w))
    return _double_well(
        "flat_topped_barrier", "regular wells, quartic barrier", energy, (_HALF, _HALF), barrier, (-2.6, 2.6)
    )


@checked_arguments
def monomial_well(order: int = 3) -> Potential:
    """L = w^(2k) on [-1, 1]: one phase, λ = 1/(2k)."""
    phase = Phase("whole", (S.Zero,), sympy.true, S.Zero, Rational(1, 2 * order))
    return Potential(
        "monomial_well", w ** (2 * order), (w,), (), ((-1.0, 1.0),), (phase,), "reflecting", "w^(2k) on an interval"
    )


def normal_crossing() -> Potential:
    """L = w1² w2² on the unit square: λ = 1/2 with m = 2, the case that an asymptotic estimate gets wrong (§2)."""
    phase = Phase("whole", (S.Zero, S.Zero), sympy.true, S.Zero, _HALF, 2, 1)
    return Potential(
        "normal_crossing", w1**2 * w2**2, (w1, w2), (), ((0.0, 1.0),) * 2, (phase,), "reflecting",
        "normal crossing on the unit square",
    )  # fmt: skip


def cusp() -> Potential:
    """L = w1⁴ + w2⁶ on [-1, 1]²: non-degenerate, λ = 5/12."""
    phase = Phase("whole", (S.Zero, S.Zero), sympy.true, S.Zero, Rational(5, 12))
    return Potential(
        "cusp", w1**4 + w2**6, (w1, w2), (), ((-1.0, 1.0),) * 2, (phase,), "reflecting", "non-degenerate Newton polygon"
    )


def bilinear(product: Rational = Rational(1, 2)) -> Potential:
    """L = (w1 w2 - c)² on [-2, 2]², a two-layer linear neuron: the minimum is a hyperbola, λ = 1/2 with m = 1."""
    c = sympy.Symbol("product", real=True)
    phase = Phase("whole", (S.One, product), sympy.true, S.Zero, _HALF, 1, 1)
    return Potential(
        "bilinear", (w1 * w2 - c) ** 2, (w1, w2), (("product", product),), ((-2.0, 2.0),) * 2, (phase,), "reflecting",
        "two-layer linear neuron",
    )  # fmt: skip


@checked_arguments
def flat_directions(dimension: int = 4, flat: int = 2) -> Potential:
    """L = Σ w_i² over the first d-k coordinates of the box [-1, 1]^d: k flat directions, λ = (d-k)/2."""
    if not 0 <= flat < dimension:
        raise ValueError(f"flat must lie between 0 and dimension - 1 = {dimension - 1}, not {flat}")
    coordinates = sympy.symbols(f"w1:{dimension + 1}", real=True)
    phase = Phase("whole", (S.Zero,) * dimension, sympy.true, S.Zero, Rational(dimension - flat, 2), 1, flat)
    energy = sympy.Add(*(v**2 for v in coordinates[: dimension - flat]))
    return Potential(
        "flat_directions", energy, tuple(coordinates), (), ((-1.0, 1.0),) * dimension, (phase,), "reflecting",
        f"{flat} flat directions in {dimension} dimensions",
    )  # fmt: skip


def normal_crossing_against_point(root: Rational = Rational(3, 2)) -> Potential:
    """A normal crossing (loss 0, λ = 1/2, m = 2) against a regular point on the diagonal, on the box [-1, 3]².

    L = w1² w2² ((w1-2)² + (w2-2)² + δ) with δ = (4 - r²)/12 has its minimum at w1 = w2 = (10+r)/6 and its saddle at
    (10-r)/6. The point has positive loss for r < 2 (clean: the crossing is preferred) and negative loss for larger r.
    """
    delta = sympy.Symbol("delta", real=True)
    value = (4 - root**2) / 12
    top, saddle = (10 + root) / 6, (10 - root) / 6
    energy = w1**2 * w2**2 * ((w1 - 2) ** 2 + (w2 - 2) ** 2 + delta)
    inside = sympy.And(w1 > 0, w1 * w2 >= saddle**2)
    phases = (
        Phase("crossing", (S.Zero, S.Zero), sympy.Not(inside), S.Zero, _HALF, 2, 1),
        Phase("point", (top, top), inside, energy.subs({w1: top, w2: top, delta: value}), S.One),
    )
    return Potential(
        "normal_crossing_against_point", energy, (w1, w2), (("delta", value),), ((-1.0, 3.0),) * 2, phases,
        "reflecting", "normal crossing against a regular point",
    )  # fmt: skip


def curve_against_point(point: Rational = Rational(47, 20)) -> Potential:
    """A circle of minima (loss 0, λ = 1/2) against a regular point at (s, 0).

    L = (w1²+w2²-1)² ((w1-a)² + w2² + δ)/2 with a = 12/5; δ follows from s. The point has positive loss for s < a and
    negative loss for s > a.
    """
    delta = sympy.Symbol("delta", real=True)
    a = Rational(12, 5)
    value = (a - point) * ((point**2 - 1) / (2 * point) - (a - point))
    energy = (w1**2 + w2**2 - 1) ** 2 * ((w1 - a) ** 2 + w2**2 + delta) / 2
    edge = _saddle_of_curve_against_point(a, value)
    phases = (
        Phase("circle", (S.One, S.Zero), w1 < edge, S.Zero, _HALF, 1, 1),
        Phase("point", (point, S.Zero), w1 >= edge, energy.subs({w1: point, w2: 0, delta: value}), S.One),
    )
    return Potential(
        "curve_against_point", energy, (w1, w2), (("delta", value),), ((-3.5, 4.5), (-4.0, 4.0)), phases,
        description="circle of minima against a regular point",
    )  # fmt: skip


def _saddle_of_curve_against_point(a: Rational, delta: Rational) -> sympy.Expr:
    """On the axis, dL/dw1 = 0 off the circle: 2 w ((w-a)² + δ) + (w-a)(w²-1) = 0; its root between 1 and the point."""
    roots = sympy.Poly(2 * w * ((w - a) ** 2 + delta) + (w - a) * (w**2 - 1), w).real_roots()
    return sorted(root for root in roots if root > 1)[0]


@checked_arguments
def barrier_spectrum(dimension: int = 10, sign: int = 1, slant: Rational = Rational(3, 20)) -> Potential:
    """Sum of d independent double wells h_i ((w_i²-1)² ∓ slant w_i), barriers h_i spread evenly from 1/2 to 2."""
    coordinates = sympy.symbols(f"w1:{dimension + 1}", real=True)
    heights = [_HALF + Rational(3 * i, 2 * (dimension - 1)) if dimension > 1 else S.One for i in range(dimension)]
    symbols = sympy.symbols(f"height1:{dimension + 1}", real=True)
    tilt = sympy.Symbol("tilt", real=True)
    value = sign * slant
    energy = sympy.Add(*(h * ((v**2 - 1) ** 2 - tilt * v) for h, v in zip(symbols, coordinates, strict=True)))
    single = derive_phases((w**2 - 1) ** 2 - value * w, (w,))
    total = sympy.Add(*heights)
    phases = tuple(
        Phase(
            f"all {phase.name}", phase.minimum * dimension,
            sympy.And(*(phase.region.subs(w, v) for v in coordinates)), total * phase.loss, Rational(dimension, 2),
        )
        for phase in single
    )  # fmt: skip
    parameters = (*((s.name, h) for s, h in zip(symbols, heights, strict=True)), ("tilt", value))
    return Potential(
        "barrier_spectrum", energy, tuple(coordinates), parameters, ((-4.5, 4.5),) * dimension, phases,
        description="independent double wells with a spread of barriers",
    )  # fmt: skip


_BUILDERS: dict[str, Callable[[], Potential]] = {
    build.__name__: build
    for build in (
        regular_double_well, singular_double_well_2_4, singular_double_well_4_2, singular_double_well_4_6,
        flat_topped_barrier, narrow_against_wide, two_phase_regression, monomial_well, normal_crossing, cusp, bilinear,
        flat_directions, normal_crossing_against_point, curve_against_point, barrier_spectrum,
    )
}  # fmt: skip
# The deficit of each pair and the phase it prefers.
_DEFICITS: dict[str, tuple[Callable[[], Potential], str]] = {
    "regular_double_well": (lambda: regular_double_well(Rational(-3, 20)), "left"),
    "singular_double_well_2_4": (lambda: singular_double_well_2_4(Rational(-3, 5)), "left"),
    "singular_double_well_4_2": (lambda: singular_double_well_4_2(Rational(-3, 10)), "left"),
    "singular_double_well_4_6": (lambda: singular_double_well_4_6(Rational(-3, 10)), "left"),
    "flat_topped_barrier": (lambda: flat_topped_barrier(Rational(1, 10)), "left"),
    "narrow_against_wide": (lambda: narrow_against_wide(Rational(-3, 10)), "left"),
    "two_phase_regression": (lambda: two_phase_regression(Rational(-3, 10)), "left"),
    "normal_crossing_against_point": (lambda: normal_crossing_against_point(Rational(5, 2)), "point"),
    "curve_against_point": (lambda: curve_against_point(Rational(5, 2)), "point"),
    "barrier_spectrum": (lambda: barrier_spectrum(sign=-1), "all left"),
}

POTENTIAL_NAMES = tuple(_BUILDERS)
PAIR_NAMES = tuple(_DEFICITS)


def catalogue() -> dict[str, Potential]:
    """Every potential of the catalogue by name; for two-phase ones this is the clean potential of its pair."""
    return {name: find_potential(name) for name in POTENTIAL_NAMES}


def pairs() -> dict[str, PotentialPair]:
    """The deficit/clean pair of every two-phase potential of the catalogue, by the clean potential's name."""
    return {name: find_pair(name) for name in PAIR_NAMES}


@checked_arguments
@lru_cache(maxsize=len(POTENTIAL_NAMES))
def find_potential(name: str, argument: str = "potential") -> Potential:
    """Look a potential up by name.

    Raises
    ------
    ValueError
        When there is none; the message lists the names.
    """
    if name not in _BUILDERS:
        raise ValueError(f"{argument} {name!r} is not in the catalogue: {', '.join(POTENTIAL_NAMES)}")
    return _BUILDERS[name]()


@checked_arguments
@lru_cache(maxsize=len(PAIR_NAMES))
def find_pair(name: str, argument: str = "potential") -> PotentialPair:
    """Look a deficit/clean pair up by its clean potential's name.

    Raises
    ------
    ValueError
        When there is none; the message lists the names of the pairs.
    """
    clean = find_potential(name, argument)
    if name not in _DEFICITS:
        raise ValueError(f"{argument} {name!r} has one phase; a critical period needs two: {', '.join(PAIR_NAMES)}")
    build, stuck = _DEFICITS[name]
    return PotentialPair(name, build(), clean, stuck)
