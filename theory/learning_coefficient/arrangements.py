r"""Arrangements of hyperplanes through the point: minimum over flats.

Let the loss be a unit times prod |l_i|^{n_i} and the prior prod |l_i|^{h_i}, with linear forms l_i. A *flat* is an
intersection of hyperplanes l_i = 0; it is *irreducible* if the forms that vanish on it do not fall into two sets whose
ranks add up. Blowing up all irreducible flats, the smallest first, leaves normal crossings, and the real flats have
real points. The divisor of a flat X contributes

    (codim X + sum of h_i) / (sum of n_i),   sums over the l_i that vanish on X,

and the divisors of X_1, X_2, ... meet exactly if they are *nested*: no two or more of them of which none holds another
intersect in an irreducible flat. The smallest ratio is the value, the largest nested set that attains it gives the
multiplicity. Directions in which no form changes count for nothing.

Source: De Concini and Procesi (1995), Wonderful models of subspace arrangements, Selecta Mathematica 1; Mustata (2006),
Multiplier ideals of hyperplane arrangements, Transactions of the AMS 358; Teitler (2008), A note on Mustata's
computation of multiplier ideals of hyperplane arrangements, Proceedings of the AMS 136.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations

_MOST_FLATS, _MOST_ATTAINING = 1500, 14
Form = tuple[Fraction, ...]
Flat = frozenset[int]


class ArrangementTooLargeError(ValueError):
    """There are too many flats to look at them all."""


def arrangement_value(
    forms: Sequence[Form], powers: Sequence[int], prior_exponents: Sequence[Fraction]
) -> tuple[Fraction, int, tuple[Flat, ...]]:
    """Value, multiplicity and a largest nested set of flats that attain it, each as the numbers of its forms.

    Parameters
    ----------
    forms : sequence of vectors of one length, none a multiple of another
    powers, prior_exponents : n_i >= 0, not all zero, and h_i, such that every codim X + sum of h_i is positive

    Raises
    ------
    ArrangementTooLargeError
        If there are more than 1500 flats, or more than 14 that attain the value.
    """
    flats = _flats(forms)
    irreducible = [flat for flat in flats if _is_irreducible([forms[i] for i in sorted(flat)])]
    ratios = {}
    for flat in irreducible:
        order = sum(powers[i] for i in flat)
        if order:
            ratios[flat] = (flats[flat] + sum((prior_exponents[i] for i in flat), Fraction(0))) / order
    value = min(ratios.values())
    attaining = sorted((f for f, ratio in ratios.items() if ratio == value), key=sorted)
    if len(attaining) > _MOST_ATTAINING:
        raise ArrangementTooLargeError(f"{len(attaining)} flats attain the value")
    nested = _largest_nested(attaining, set(irreducible), forms)
    return value, len(nested), nested


def _flats(forms: Sequence[Form]) -> dict[Flat, int]:
    """Every intersection of hyperplanes but the whole space, with its codimension."""
    found: dict[Flat, int] = {}
    level = [frozenset[int]()]
    codimension = 0
    while level:
        codimension += 1
        level = list(dict.fromkeys(larger for flat in level for larger in _just_below(flat, forms)))
        found |= dict.fromkeys(level, codimension)
        if len(found) > _MOST_FLATS:
            raise ArrangementTooLargeError(f"more than {_MOST_FLATS} flats")
    return found


def _just_below(flat: Flat, forms: Sequence[Form]) -> list[Flat]:
    """The flats with one more dimension cut off: forms that are proportional on a flat vanish together."""
    pivots = echelon([forms[i] for i in sorted(flat)])
    groups: dict[Form, list[int]] = {}
    for i, form in enumerate(forms):
        if i not in flat:
            groups.setdefault(_direction(_reduced(form, pivots)), []).append(i)
    return [flat.union(group) for group in groups.values()]


def _reduced(form: Form, pivots: Mapping[int, Form]) -> Form:
    for column, row in pivots.items():
        factor = form[column]
        if factor:
            form = tuple(a - factor * b for a, b in zip(form, row, strict=True))
    return form


def _direction(form: Form) -> Form:
    lead = next(v for v in form if v)
    return tuple(v / lead for v in form)


def _closure(chosen: Flat, forms: Sequence[Form]) -> Flat:
    """All forms that vanish where the chosen ones do."""
    pivots = echelon([forms[i] for i in sorted(chosen)])
    return frozenset(i for i, form in enumerate(forms) if i in chosen or not any(_reduced(form, pivots)))


def echelon(rows: Sequence[Form]) -> dict[int, Form]:
    """Reduced row echelon form: pivot column to row."""
    pivots: dict[int, Form] = {}
    for row in rows:
        left = _reduced(row, pivots)
        if any(left):
            left = _direction(left)
            column = next(j for j, v in enumerate(left) if v)
            pivots = {j: _reduced(r, {column: left}) for j, r in pivots.items()} | {column: left}
    return pivots


def _is_irreducible(forms: Sequence[Form]) -> bool:
    """Whether no split of the forms has ranks that add up: then every form hangs on the others by circuits."""
    pivots = echelon(list(zip(*forms, strict=True)))  # one column per form
    groups = [{i} for i in range(len(forms))]
    for i in (i for i in range(len(forms)) if i not in pivots):
        circuit = {i, *[j for j, row in pivots.items() if row[i]]}
        groups = [*[g for g in groups if not g & circuit], set().union(*[g for g in groups if g & circuit])]
    return len(groups) == 1


def _largest_nested(candidates: Sequence[Flat], irreducible: set[Flat], forms: Sequence[Form]) -> tuple[Flat, ...]:
    best: tuple[Flat, ...] = ()

    def extend(chosen: tuple[Flat, ...], start: int) -> None:
        nonlocal best
        if len(chosen) > len(best):
            best = chosen
        for k in range(start, len(candidates)):
            if len(chosen) + len(candidates) - k > len(best) and _stays_nested(
                chosen, candidates[k], irreducible, forms
            ):
                extend((*chosen, candidates[k]), k + 1)

    extend((), 0)
    return best


def _stays_nested(chosen: Sequence[Flat], new: Flat, irreducible: set[Flat], forms: Sequence[Form]) -> bool:
    apart = [flat for flat in chosen if not flat <= new and not new <= flat]
    for size in range(1, len(apart) + 1):
        for others in combinations(apart, size):
            if any(a <= b or b <= a for a, b in combinations(others, 2)):
                continue
            if _closure(new.union(*others), forms) in irreducible:
                return False
    return True
