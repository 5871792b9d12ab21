r"""From a small parametric model of one input, as it is written, to the ideal of its loss.

Let the natural parameter of the output's distribution (mean of a Gaussian, logit of a Bernoulli, logarithm of a Poisson
mean) be f(x, w), with inputs that fill a compact interval about 0. The divergence from the truth f(x, w_0) lies between
multiples of the integral of (f(x, w) - f(x, w_0))^2. Write f(x, w) - f(x, w_0) = sum_k c_k(w) x^k. If finitely many
c_k, k in G, generate the ideal of them all, c_k = sum_j a_kj c_j, then the difference is sum_{j in G} c_j(w) e_j(x, w)
with e_j = x^j + sum_{k not in G} a_kj x^k, which are linearly independent: so the loss lies between multiples of
sum_{j in G} c_j^2, and the ideal (c_j, j in G) decides.

Which c_k suffice is known for f = polynomial in x + sum_j A_j(w) phi(B_j(w) x), where the Taylor coefficients of phi
are non-zero at k = q, q + s, q + 2 s, ... and zero elsewhere: c_k is then a number times S_k = sum_j A_j B_j^k, and n
such sums in a row generate all later ones, since S_{k + n s} is the combination of S_k, ..., S_{k + (n-1) s} whose
coefficients are, up to sign, the elementary symmetric polynomials of the B_j^s (Newton).

Source: Watanabe (2009), Algebraic Geometry and Statistical Learning Theory, sections 6.1 and 7.1; Lin (2011), ch. 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sympy
from sympy import Expr, Integer, Symbol

from theory.learning_coefficient import ideal
from theory.learning_coefficient.arguments import check_arguments, shown
from theory.learning_coefficient.local_problem import LearningCoefficient, LearningCoefficientRefused
from theory.learning_coefficient.text import read_expression

# First power and step of the Taylor coefficients at 0; all in between vanish and none of these does.
_SERIES = {
    sympy.tanh: (1, 2),
    sympy.sin: (1, 2),
    sympy.sinh: (1, 2),
    sympy.erf: (1, 2),
    sympy.atan: (1, 2),
    sympy.cos: (0, 2),
    sympy.cosh: (0, 2),
    sympy.exp: (0, 1),
}
NOISE = ("gaussian", "bernoulli", "poisson")


def rlct_of_model(
    mean: Expr | str,
    input_name: Symbol | str,
    coordinates: Sequence[Symbol | str],
    point: Sequence[Any],
    noise: str = "gaussian",
    prior: Expr | int = 1,
) -> LearningCoefficient:
    """Learning coefficient of a model of one input at its true parameters.

    Parameters
    ----------
    mean : sympy.Expr or str
        Natural parameter of the output: a polynomial in the input plus terms A(w) phi(B(w) x) with polynomials A, B and
        one phi of tanh, sin, sinh, erf, atan, cos, cosh, exp.
    input_name : sympy.Symbol or str
        The input x, whose values fill a compact interval about 0.
    coordinates : sequence of sympy.Symbol or str
    point : sequence of exact numbers
        True parameters.
    noise : str
        "gaussian" (any known variance), "bernoulli" (`mean` is the logit) or "poisson" (the logarithm of the mean).
    prior
        As for :func:`theory.learning_coefficient.rlct_of_ideal`.

    Raises
    ------
    LearningCoefficientRefused
        If the model has another form, or its ideal is not resolved.
    ValueError
        If an argument is malformed.
    """
    if noise not in NOISE:
        raise ValueError(f"noise: expected one of {', '.join(NOISE)}, got {shown(noise)}")
    known = {s.name: s for s in getattr(mean, "free_symbols", ()) if isinstance(s, Symbol)}
    x, *names = [_symbol(c, known) for c in (input_name, *coordinates)]
    read = read_expression("mean", mean, {s.name: s for s in (x, *names)}) if isinstance(mean, str) else mean
    (checked,), every, place = check_arguments("mean", (read,), (x, *names), (Integer(0), *point))
    parameters = every[1:]
    difference = sympy.expand(checked - checked.xreplace(dict(zip(parameters, place[1:], strict=True))), func=False)
    generators, sentence = _generators(difference, x, parameters)
    opening = (
        f"{noise} noise: the divergence lies between multiples of the integral of (f(x, w) - f(x, w_0))^2, and so of "
        "the sum of squares of any generators of the ideal of its coefficients of powers of x",
        sentence,
    )
    if not generators:
        return LearningCoefficient(Integer(0), 1, "constant model", (*opening, "the model does not change: value 0"))
    answer = ideal.rlct_of_ideal(generators, parameters, place[1:], prior)
    return replace(answer, certificate=(*opening, *answer.certificate))


def _symbol(name: Symbol | str, known: dict[str, Symbol]) -> Symbol:
    if not isinstance(name, str):
        return name
    return known.get(name, Symbol(name, real=True))


def _generators(f: Expr, x: Symbol, parameters: Sequence[Symbol]) -> tuple[list[Expr], str]:
    """Generators of the ideal of all coefficients of powers of x, and why they suffice."""
    polynomial, units, phi = Integer(0), [], None
    for term in sympy.Add.make_args(f):
        inner = [part for part in term.atoms(sympy.Function) if part.has(x)]
        if not inner and term.is_polynomial(x, *parameters):
            polynomial += term
            continue
        outer, inside = (term / inner[0], inner[0].args[0]) if len(inner) == 1 else (term, term)
        slope = sympy.cancel(inside / x)
        if not _is_unit_of(outer, slope, x, parameters) or (phi and inner[0].func is not phi):
            raise _refused(term)
        phi = inner[0].func
        units.append((outer, slope))
    coefficients = {k: c for (k,), c in sympy.Poly(polynomial, x).terms()} if polynomial != 0 else {}
    if phi is None:
        return [c for c in coefficients.values() if c != 0], "a polynomial in the input: its coefficients"
    if phi not in _SERIES:
        raise _refused(phi)
    first, step = _SERIES[phi]
    degree = max(coefficients, default=-1)
    powers = [k for k in range(first, degree + 1 + (len(units) + 1) * step, step) if k > degree][: len(units)]
    for k in range(first, degree + 1, step):
        taylor = sympy.diff(phi(x), x, k).subs(x, 0) / sympy.factorial(k)
        coefficients[k] = coefficients.get(k, Integer(0)) + taylor * _power_sum(units, k)
    found = [*coefficients.values(), *[_power_sum(units, k) for k in powers]]
    found = [g for g in (sympy.expand(g) for g in found) if g != 0]
    return found, (
        f"coefficients of {x}^k are multiples of sum A_j B_j^k over {len(units)} terms A_j {phi.__name__}(B_j {x}); "
        f"those with k in {powers} generate all later ones (Newton's recurrence)"
    )


def _is_unit_of(outer: Expr, slope: Expr, x: Symbol, parameters: Sequence[Symbol]) -> bool:
    return all(e.is_polynomial(*parameters) and not e.has(x) for e in (outer, slope))


def _power_sum(units: Sequence[tuple[Expr, Expr]], k: int) -> Expr:
    return sympy.Add(*[outer * (slope**k if k else 1) for outer, slope in units])


def _refused(part: Any) -> LearningCoefficientRefused:
    known = ", ".join(f.__name__ for f in _SERIES)
    return LearningCoefficientRefused(
        f"mean: {shown(part)} is neither polynomial nor A(w) phi(B(w) x) with one phi of {known}",
        next_step="give the generators of the ideal: rlct([f_1, f_2, ...])",
    )
