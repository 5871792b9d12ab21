r"""Resolution of a plane curve by toric blow-ups: learning coefficient and multiplicity in two coordinates, always.

Write the loss as a unit times prod f_i^{n_i} with reduced, coprime f_i and the prior as prod |f_i|^{h_i}. An edge of
the Newton polygon with primitive inner normal (p, q) calls for the blow-up

    x = u^p t^a,   y = u^q t^b,   p b - q a = 1,  a, b >= 0,

one to one between the points off the axes, also over the reals. Then f_i = u^{N_i} t^e (g_i(t) + u ...), so u = 0 is a
divisor along which the loss vanishes to order N = sum n_i N_i and the volume element with its prior to order k, where
k + 1 = p + q + sum h_i N_i (coordinate axes counted among the f_i). Away from the non-zero real roots of the edge
polynomials g_i everything is a normal crossing; at a simple root one branch of the curve crosses u = 0; at a multiple
root t = c the same is done again in (u, t - c). For a reduced curve this ends (Puiseux), and then

    value = min (k + 1)/N over all divisors and real branches,   multiplicity = most of them that meet in a real point.

Every divisor of a real blow-up has real points, so only the roots need be real. Between neighbouring rays of the fan
(k + 1)/N is a mediant, so further subdivision changes neither number. Everything is exact: coefficients lie in the
rationals or in one real number field. The value is that of |f|; a loss is f itself, >= 0 (so (x^2 - y^3)^2 has 5/12).

Source: Varchenko (1976), Functional Analysis and Its Applications 10; Lin (2011), Algebraic Methods for Evaluating
Integrals in Bayesian Statistics, chapters 3 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import gcd
from typing import Any

import sympy
from sympy import QQ, Dummy, Integer, Poly, Rational
from sympy.polys.constructor import construct_domain

from theory.learning_coefficient.algebraic import Monomial, sign
from theory.learning_coefficient.arguments import ordered

_LARGEST_FIELD = 8
_LARGEST_DEPTH = 60
_T = Dummy("t")
Terms = Mapping[Monomial, Any]


class UnresolvedError(ValueError):
    """The resolution would need a number field that is too large."""


@dataclass(frozen=True)
class PlaneFactor:
    """Reduced factor of the loss (to the `power`) and of the prior (to `prior_exponent`), expanded at the point.

    Coefficients are sympy numbers, or elements of the field of the resolution.
    """

    name: str
    terms: Terms
    power: int
    prior_exponent: Rational = Integer(0)

    def order(self, weights: tuple[int, int]) -> int:
        """Lowest weighted degree of its terms."""
        return min(weights[0] * i + weights[1] * j for i, j in self.terms)


@dataclass(frozen=True)
class Divisor:
    """Curve of the resolved plane: there the loss vanishes to `loss_order`, prior times area to `volume_order` - 1."""

    name: str
    loss_order: int
    volume_order: Rational

    @property
    def ratio(self) -> Rational | None:
        """Position (k + 1)/N of the pole, None where the loss does not vanish."""
        return self.volume_order / self.loss_order if self.loss_order else None


@dataclass(frozen=True)
class PlaneResolution:
    """Value, multiplicity, every divisor, the proof, and a real branch of odd power if there is one."""

    value: Rational
    multiplicity: int
    divisors: tuple[Divisor, ...]
    sentences: tuple[str, ...]
    odd_branch: str | None
    corner_sign: int


@dataclass
class _Record:
    points: list[tuple[Divisor, ...]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    odd_branch: str | None = None
    count: int = 0


def resolve_plane_curve(
    factors: Sequence[PlaneFactor], coordinates: Sequence[str], prior_exponents: Sequence[Rational] = (0, 0)
) -> PlaneResolution:
    """Resolve the product of `factors` at the origin by toric blow-ups, exactly.

    Parameters
    ----------
    factors : sequence of PlaneFactor
        Reduced, without common factors, each vanishing at the origin.
    coordinates : names of the two coordinates
    prior_exponents : (h_1, h_2), the prior |x|^{h_1} |y|^{h_2} besides those of the factors

    Raises
    ------
    UnresolvedError
        If a multiple root asks for a number field beyond the one at hand or of degree above 8.
    """
    factors, coordinates = tuple(factors), ordered("coordinates", coordinates)
    domain, plain = _in_one_field(factors)
    corner = 1
    for factor in plain:
        corner *= sign(domain.to_sympy(factor.terms[min(factor.terms)])) ** factor.power
    axes = [
        Divisor(f"{name} = 0", 0, 1 + sympy.sympify(h)) for name, h in zip(coordinates, prior_exponents, strict=True)
    ]
    record = _Record()
    _resolve(domain, plain, (axes[0], axes[1]), (coordinates[0], coordinates[1]), record, 0)
    value = min(d.ratio for point in record.points for d in point if d.ratio is not None)
    divisors = tuple(dict.fromkeys(d for point in record.points for d in point if d.loss_order))
    most = max(([d.name for d in point if d.ratio == value] for point in record.points), key=len)
    multiplicity, attained = len(most), " and ".join(most)
    record.sentences.append(f"value = min (k + 1)/N = {value}; multiplicity {multiplicity}, attained where {attained}")
    return PlaneResolution(value, multiplicity, divisors, tuple(record.sentences), record.odd_branch, corner)


def _in_one_field(factors: Sequence[PlaneFactor]) -> tuple[Any, list[PlaneFactor]]:
    numbers = [c for f in factors for c in f.terms.values()]
    if all(c.is_Rational for c in numbers):
        domain = QQ
    else:
        domain, _ = construct_domain(numbers, extension=True, field=True)
        if not domain.is_AlgebraicField or domain.mod.degree() > _LARGEST_FIELD:
            raise UnresolvedError(f"the coefficients lie in {domain}, no number field of degree <= {_LARGEST_FIELD}")
    plain = []
    for f in factors:
        terms = {(a[0], a[1]): domain.from_sympy(c) for a, c in f.terms.items()}
        plain.append(replace(f, terms=terms, prior_exponent=sympy.sympify(f.prior_exponent)))
    return domain, plain


def _resolve(
    domain: Any,
    factors: Sequence[PlaneFactor],
    axes: tuple[Divisor, Divisor],
    names: tuple[str, str],
    record: _Record,
    depth: int,
) -> None:
    """Resolve at the origin of one chart, whose axes already carry orders of the loss and of the volume element."""
    if depth > _LARGEST_DEPTH:
        raise UnresolvedError(f"more than {_LARGEST_DEPTH} successive blow-ups")
    factors, axes = _strip_axes(factors, axes, record)
    normals = sorted({w for f in factors for w in _normals(f.terms)}, key=lambda w: Rational(w[1], w[0]))
    divisors = []
    for weights in normals:
        record.count += 1
        loss_order = sum(f.power * f.order(weights) for f in factors)
        loss_order += sum(w * axis.loss_order for w, axis in zip(weights, axes, strict=True))
        volume = sum((w * axis.volume_order for w, axis in zip(weights, axes, strict=True)), Integer(0))
        volume += sum((f.prior_exponent * f.order(weights) for f in factors), Integer(0))
        divisor = Divisor(f"E{record.count}", loss_order, volume)
        divisors.append(divisor)
        record.sentences.append(
            f"divisor {divisor.name}: blow-up of ({names[0]}, {names[1]}) = (0, 0) with weights {weights}; the loss "
            f"vanishes to order N = {loss_order}, the volume element to order k = {volume - 1}: (k + 1)/N = "
            f"{divisor.ratio}"
        )
    fan = [axes[0], *divisors, axes[1]]
    record.points += list(pairwise(fan))
    for weights, divisor in zip(normals, divisors, strict=True):
        _edge(domain, factors, weights, divisor, names, record, depth)


def _strip_axes(
    factors: Sequence[PlaneFactor], axes: tuple[Divisor, Divisor], record: _Record
) -> tuple[list[PlaneFactor], tuple[Divisor, Divisor]]:
    """Move factors x or y of the curve into the orders along the axes."""
    kept, moved = [], list(axes)
    for f in factors:
        lowest = (min(i for i, _ in f.terms), min(j for _, j in f.terms))
        for side in (0, 1):
            if lowest[side]:
                old = moved[side]
                moved[side] = Divisor(old.name, old.loss_order + f.power, old.volume_order + f.prior_exponent)
                record.sentences.append(f"the branch {old.name} has power {f.power}: (k + 1)/N = {moved[side].ratio}")
                if f.power % 2:
                    record.odd_branch = f.name
        terms = {(i - lowest[0], j - lowest[1]): c for (i, j), c in f.terms.items()}
        if (0, 0) not in terms:
            kept.append(replace(f, terms=terms))
    return kept, (moved[0], moved[1])


def _normals(terms: Terms) -> list[tuple[int, int]]:
    """Primitive inner normals of the compact edges of the Newton polygon."""
    lowest: dict[int, int] = {}
    for i, j in terms:
        lowest[i] = min(j, lowest.get(i, j))
    hull: list[tuple[int, int]] = []
    for point in sorted(lowest.items()):
        if hull and point[1] >= hull[-1][1]:
            continue
        while len(hull) > 1 and _turn(hull[-2], hull[-1], point) <= 0:
            hull.pop()
        hull.append(point)
    normals = []
    for (i, j), (k, m) in pairwise(hull):
        common = gcd(k - i, j - m)
        normals.append(((j - m) // common, (k - i) // common))
    return normals


def _turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _edge(
    domain: Any,
    factors: Sequence[PlaneFactor],
    weights: tuple[int, int],
    divisor: Divisor,
    names: tuple[str, str],
    record: _Record,
    depth: int,
) -> None:
    """Follow the real points off the axes where branches of the curve meet the divisor."""
    p, q = weights
    b = next(b for b in range(1, q + 1) if (p * b - 1) % q == 0)
    a = (p * b - 1) // q
    edges = [_edge_polynomial(domain, f, weights, (a, b)) for f in factors]
    for part, multiplicity in sympy.prod(edges, start=Poly(1, _T, domain=domain)).sqf_list()[1]:
        if multiplicity == 1:
            for f, edge in zip(factors, edges, strict=True):
                meeting = _count_real_roots(domain, sympy.gcd(part, edge))
                if meeting:
                    branch = Divisor(f"branch of {f.name} = 0", f.power, 1 + f.prior_exponent)
                    record.points.append((divisor, branch))
                    record.sentences.append(
                        f"on {divisor.name} {meeting} simple real root(s) of the edge polynomial {_show(edge)}: smooth "
                        f"branches of {f.name} = 0 with power {f.power} cross it: (k + 1)/N = {branch.ratio}"
                    )
                    if f.power % 2:
                        record.odd_branch = f.name
            continue
        for factor, _ in part.factor_list()[1]:
            if not _count_real_roots(domain, factor):
                record.sentences.append(f"on {divisor.name} the factor {_show(factor)} has no real root (Sturm)")
                continue
            for larger, root in _real_roots(domain, factor):
                record.sentences.append(
                    f"on {divisor.name} the edge polynomial has the multiple root t = "
                    f"{larger.to_sympy(root)}: blow up again there"
                )
                local = [_at_root(domain, larger, f, weights, (a, b), root) for f in factors]
                local = [f for f in local if (0, 0) not in f.terms]
                chart = (f"u[{divisor.name}]", f"t[{divisor.name}] - ({larger.to_sympy(root)})")
                blank = Divisor(f"{chart[1]} = 0", 0, Integer(1))
                _resolve(larger, local, (divisor, blank), chart, record, depth + 1)


def _edge_polynomial(domain: Any, f: PlaneFactor, weights: tuple[int, int], step: tuple[int, int]) -> Poly:
    order = f.order(weights)
    edge = {step[0] * i + step[1] * j: c for (i, j), c in f.terms.items() if weights[0] * i + weights[1] * j == order}
    lowest = min(edge)
    return Poly.from_dict({(e - lowest,): c for e, c in edge.items()}, _T, domain=domain)


def _at_root(
    domain: Any, larger: Any, f: PlaneFactor, weights: tuple[int, int], step: tuple[int, int], root: Any
) -> PlaneFactor:
    """Strict transform of a factor in the coordinates (u, t - root)."""
    order = f.order(weights)
    powers = {(i, j): step[0] * i + step[1] * j for i, j in f.terms}
    lowest = min(powers.values())
    terms: dict[Monomial, Any] = {}
    for (i, j), coefficient in f.terms.items():
        first = weights[0] * i + weights[1] * j - order
        total = powers[i, j] - lowest
        value = larger.convert_from(coefficient, domain) if larger != domain else coefficient
        for k in range(total + 1):
            added = value * larger.convert(sympy.binomial(total, k)) * root ** (total - k)
            terms[first, k] = terms.get((first, k), larger.zero) + added
    return replace(f, terms={m: c for m, c in terms.items() if c != larger.zero})


def _real_roots(domain: Any, factor: Poly) -> list[tuple[Any, Any]]:
    """Real roots of an irreducible polynomial, each with the field it lies in."""
    if factor.degree() == 1:
        leading, constant = factor.rep.to_list()
        return [(domain, -constant / leading)]
    shown = factor.as_expr().xreplace({_T: sympy.Symbol("t")})
    if domain != QQ:
        raise UnresolvedError(f"a multiple root of {shown} lies outside the number field {domain}")
    if factor.degree() > _LARGEST_FIELD:
        raise UnresolvedError(f"a multiple root of {shown} has degree above {_LARGEST_FIELD}")
    fields = [(QQ.algebraic_field(root), root) for root in Poly(factor.as_expr(), _T).real_roots()]
    return [(larger, larger.from_sympy(root)) for larger, root in fields]


def _count_real_roots(domain: Any, polynomial: Poly) -> int:
    """Number of distinct real roots by Sturm's chain, over any real number field."""
    if polynomial.degree() < 1:
        return 0
    chain = [polynomial, polynomial.diff()]
    while not chain[-1].is_zero:
        chain.append(-chain[-2].rem(chain[-1]))
    leading = [(sign(domain.to_sympy(member.rep.LC())), member.degree()) for member in chain[:-1]]
    left, right = [s * (-1) ** degree for s, degree in leading], [s for s, _ in leading]
    left_changes, right_changes = (sum(a != b for a, b in pairwise(signs)) for signs in (left, right))
    return left_changes - right_changes


def _show(polynomial: Poly) -> str:
    return str(polynomial.as_expr().xreplace({_T: sympy.Symbol("t")}))
