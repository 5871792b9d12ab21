r"""Two-layer networks with the error function learn a teacher from noisy examples: averages over Gaussian fields.

With g(x) = erf(x/sqrt 2) and inputs of many normal numbers, online SGD knows the network through the covariances C of
its local fields alone. Four averages of products of g, of its slope g' and of fields close its equations. All follow
from integrating by parts against a Gaussian density, d/dC_ab of it being its mixed derivative in x_a and x_b.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Matrix, Rational, Symbol, asin, exp, oo, pi, sqrt

from theory import network_symbols as nets
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_PAPER = (
    "Goldt, Advani, Saxe, Krzakala & Zdeborová (2019), Dynamics of stochastic gradient descent for two-layer neural "
    "networks in the teacher-student setup, NeurIPS, arXiv:1906.08632"
)
_SOURCE = "Saad & Solla (1995), On-line learning in soft committee machines, Phys. Rev. E 52, 4225; derived here"
_OURS = "derived here for the networks of " + _PAPER
_TESTS = ("tests/zoo/test_teacher_student.py",)
_VARIANCES, _COVARIANCES = nets.field_variances, nets.field_covariances


def _covariance(size: int) -> Matrix:
    """Symmetric matrix of the first fields a, b, c, d."""
    return Matrix(size, size, lambda i, j: _VARIANCES[i] if i == j else _COVARIANCES[min(i, j), max(i, j)])


def _density_of_two() -> tuple[Any, Any, Matrix]:
    x = Matrix(sympy.symbols("x_a x_b", real=True))
    covariance = _covariance(2)
    return exp(-(x.T * covariance.inv() * x)[0] / 2) / (2 * pi * sqrt(covariance.det())), x, covariance


def _by_parts() -> None:
    """x p = -C grad p, and dp/dC_ab = d^2 p/dx_a dx_b, for the Gaussian density of two fields."""
    density, x, covariance = _density_of_two()
    slope = Matrix([sympy.diff(density, each) for each in x])
    for left, right in zip(x, covariance * slope, strict=True):
        demand_zero(sympy.simplify((left * density + right) / density), "a field times the density")
    mixed = sympy.diff(density, x[0], x[1]) - sympy.diff(density, _COVARIANCES[0, 1])
    demand_zero(sympy.simplify(mixed / density), "derivative in the covariance")


def _slopes(first: int, second: int) -> Any:
    """Mean of g'(x) g'(y), g' = sqrt(2/pi) exp(-x^2/2): the Gaussian integral of exp(-(x^2 + y^2)/2)."""
    one, two, both = _VARIANCES[first], _VARIANCES[second], _COVARIANCES[min(first, second), max(first, second)]
    return 2 / pi / sqrt((1 + one) * (1 + two) - both**2)


def derive_field_slope_product() -> Derivation:
    """Mean product of two slopes."""
    x, y = sympy.symbols("x y", real=True)
    slope = sqrt(2 / pi) * exp(-(x**2) / 2)
    demand_zero(sympy.diff(sympy.erf(x / sqrt(2)), x) - slope, "slope of the error function")
    a, b, c = Symbol("A", positive=True), Symbol("B", real=True), Symbol("D", positive=True)  # A D > B^2
    inner = sympy.integrate(exp(-a * (x + b * y / a) ** 2 / 2), (x, -oo, oo))
    rest = Symbol("r", positive=True)  # D - B^2/A
    demand_zero(a * (x + b * y / a) ** 2 + (c - b**2 / a) * y**2 - (a * x**2 + 2 * b * x * y + c * y**2), "square")
    whole = inner * sympy.integrate(exp(-rest * y**2 / 2), (y, -oo, oo))
    demand_zero(whole - 2 * pi / sqrt(a * rest), "Gaussian integral of two variables")
    covariance = _covariance(2)
    tilted = covariance.det() * (covariance.inv() + sympy.eye(2)).det()
    demand_zero(tilted - (sympy.eye(2) + covariance).det(), "determinants")
    result = _slopes(0, 1)
    demand_zero(result**2 - (2 / pi) ** 2 / (sympy.eye(2) + covariance).det(), "mean of the product")
    return Derivation.of(
        result,
        "With $g'(x) = \\sqrt{2/\\pi}\\,e^{-x^2/2}$ the mean is $2/\\pi$ times a Gaussian integral, in which the "
        "inverse covariance $C^{-1}$ has become $C^{-1} + 1$. It is $(2/\\pi)/\\sqrt{\\det(1 + C)}$.",
    )


def derive_field_product() -> Derivation:
    """Mean product of two units."""
    _by_parts()
    one, two, both = _VARIANCES[0], _VARIANCES[1], _COVARIANCES[0, 1]
    result = 2 / pi * asin(both / sqrt((1 + one) * (1 + two)))
    rate = sympy.diff(result, both)
    demand_zero(sympy.simplify(rate**2 - _slopes(0, 1) ** 2), "its derivative in the covariance")
    demand_zero(rate.subs(both, 0) - _slopes(0, 1).subs(both, 0), "the root's sign")
    demand_zero(result.subs(both, 0), "independent fields: the mean of an odd function is 0")
    return Derivation.of(
        result,
        "The density $p$ of two fields obeys $\\partial p/\\partial C_{ab} = \\partial^2 p/\\partial x_a \\partial "
        "x_b$. By parts, the mean of $g(x_a) g(x_b)$ has the derivative in $C_{ab}$",
        _slopes(0, 1),
        "[eq:field-slope-product]. It is 0 for independent fields, and is integrated from there.",
    )


def derive_field_drift() -> Derivation:
    """Mean product of one unit's slope, a field, and another unit."""
    _by_parts()
    a, b, c = 0, 1, 2
    slopes, unknown = _slopes(a, c), Symbol("X")  # X: mean of x_a g'(x_a) g(x_c)
    own = sympy.solve(sympy.Eq(unknown, -_VARIANCES[a] * unknown + _COVARIANCES[a, c] * slopes), unknown)[0]
    result = _COVARIANCES[b, c] * slopes - _COVARIANCES[a, b] * own
    x = Symbol("x", real=True)
    slope = sympy.diff(sympy.erf(x / sqrt(2)), x)
    demand_zero(sympy.diff(slope, x) + x * slope, "slope of the slope")
    root = (1 + _VARIANCES[a]) * (1 + _VARIANCES[c]) - _COVARIANCES[a, c] ** 2
    told = 2 / pi * (_COVARIANCES[b, c] * (1 + _VARIANCES[a]) - _COVARIANCES[a, b] * _COVARIANCES[a, c])
    demand_zero(result - told / (sqrt(root) * (1 + _VARIANCES[a])), "as the literature has it")
    return Derivation.of(
        told / (sqrt(root) * (1 + _VARIANCES[a])),
        "A field times a function has the mean $\\langle x_b f\\rangle = \\sum_k C_{bk}\\langle\\partial_k f\\rangle$. "
        "With $g'' = -x g'$, and $X = \\langle x_a g'(x_a) g(x_c)\\rangle$, the mean of $g'(x_a) x_b g(x_c)$ is "
        "$C_{bc}\\langle g' g'\\rangle - C_{ab} X$ [eq:field-slope-product]. The same rule for $X$ itself gives",
        equality(Symbol("X"), own),
    )


def derive_field_noise() -> Derivation:
    """Mean product of two slopes and two units."""
    covariance, tilt = _covariance(4), sympy.eye(4)[:, :2]
    inverse = (sympy.eye(2) + tilt.T * covariance * tilt).inv()
    tilted = covariance - covariance * tilt * inverse * tilt.T * covariance
    for entry in (sympy.eye(4) + covariance * tilt * tilt.T) * tilted - covariance:
        demand_zero(sympy.cancel(sympy.together(entry)), "inverse covariance with 1 added for a and b")
    determinant = (1 + _VARIANCES[0]) * (1 + _VARIANCES[1]) - _COVARIANCES[0, 1] ** 2
    (ab, ac, ad, bc, bd, cd) = (_COVARIANCES[pair] for pair in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)))
    one_a, one_b, one_c, one_d = (1 + each for each in _VARIANCES)
    both = determinant * cd - bc * bd * one_a - ac * ad * one_b + ab * (ac * bd + ad * bc)
    first = determinant * one_c - bc**2 * one_a - ac**2 * one_b + 2 * ab * ac * bc
    second = determinant * one_d - bd**2 * one_a - ad**2 * one_b + 2 * ab * ad * bd
    for told, entry in ((both, tilted[2, 3]), (first, 1 + tilted[2, 2]), (second, 1 + tilted[3, 3])):
        demand_zero(sympy.cancel(sympy.together(told - determinant * entry)), "entries of the tilted covariance")
    short = dict(
        zip(sympy.symbols("Lambda_4 Lambda_0 Lambda_1 Lambda_2"), (determinant, both, first, second), strict=True)
    )
    l4, l0, l1, l2 = short
    shown = 4 / pi**2 / sqrt(l4) * asin(l0 / sqrt(l1 * l2))
    return Derivation.of(
        shown.subs(short),
        "The two slopes are $2/\\pi$ times $e^{-(x_a^2 + x_b^2)/2}$, which adds 1 to the inverse covariance for $a$ "
        "and $b$. The factor is [eq:field-slope-product], with the determinant $\\Lambda_4$:",
        equality(l4, determinant),
        "What is left is the mean of $g(x_c) g(x_d)$ [eq:field-product] under the tilted covariance $\\tilde C = C - "
        "C_{\\cdot ab}(1 + C_{ab})^{-1} C_{ab\\cdot}$, of which $\\Lambda_0 = \\Lambda_4 \\tilde C_{cd}$ is",
        equality(l0, both),
        "Likewise $\\Lambda_1 = \\Lambda_4(1 + \\tilde C_{cc})$ and $\\Lambda_2 = \\Lambda_4(1 + \\tilde C_{dd})$ are",
        equality(l1, first),
        "and",
        equality(l2, second),
        shown=shown,
        abbreviations=short,
    )


def derive_overlap_noise() -> Derivation:
    """What the noise of minibatches adds to the covariance of two units per unit of time."""
    inputs, square, mean = Symbol("N", positive=True), Symbol("r", positive=True), Symbol("m", real=True)
    batch, step = s.batch_size, s.learning_rate / sqrt(inputs)
    # Weights move by -step v g' e x; C_ik is w_i.w_k/N; r = |x|^2/N; m: product of the two mean gradients.
    pairs = batch * inputs * square * nets.squared_slope_error + batch * (batch - 1) * mean
    product = step**2 * nets.first_output_weight * nets.second_output_weight * pairs / batch**2
    per_time = sympy.limit(sympy.expand(product / inputs * inputs), inputs, oo).subs(square, 1)
    result = (
        s.learning_rate**2 * nets.first_output_weight * nets.second_output_weight * nets.squared_slope_error / batch
    )
    demand_zero(per_time - result, "limit of many inputs")
    return Derivation.of(
        result,
        "A step moves $w_i$ by $-(\\eta/\\sqrt N) v_i$ times the minibatch mean of $g'(x_i) e\\, x$, and $C_{ik}$ by "
        "the product of two such, over $N$. Time counts $N$ steps as 1. Of the $B^2$ pairs of examples, the $B$ of one "
        "example with itself have $|x|^2 = N$, and the mean $D_{ik}$ of $g' g' e^2$. Pairs of two examples have the "
        "product of two mean gradients, which does not grow with $N$. In the limit of large $N$ they drop out.",
    )


def _equipartition() -> Any:
    """Error of small deviations, whose noise is proportional to the curvature, times the trace of the curvature."""
    first, second, both = Symbol("G_1", positive=True), Symbol("G_2", positive=True), Symbol("G_{12}", real=True)
    curvature = Matrix([[first, both], [both, second]])
    deviations = s.learning_rate * nets.label_noise**2 / (2 * s.batch_size) * sympy.eye(2)
    noise = s.learning_rate**2 * nets.label_noise**2 / s.batch_size * curvature
    for entry in noise - s.learning_rate * (curvature * deviations + deviations * curvature):
        demand_zero(entry, "stationary deviations")
    error = (curvature * deviations).trace() / 2
    factor = s.learning_rate * nets.label_noise**2 / (4 * s.batch_size)
    demand_zero(error - factor * curvature.trace(), "error")
    return factor


def _square_slope(variance: Any) -> Any:
    """Mean squared slope of a unit."""
    return _slopes(0, 1).subs({_VARIANCES[0]: variance, _VARIANCES[1]: variance, _COVARIANCES[0, 1]: variance})


_STORY = (
    "Near a network that is right, deviations of weights obey a linear equation with the matrix $G_{ik} = v_i v_k "
    "\\langle g' g'\\rangle$ [eq:field-slope-product], and label noise drives them by $\\eta^2\\sigma_y^2 G/B$ "
    "[eq:overlap-noise]. Their stationary covariance is $\\eta\\sigma_y^2/2B$ times the identity. "
    "With the trace $\\mathrm{tr}\\,G$ the error is"
)


def derive_spare_units_error() -> Derivation:
    """First layer trained: M units match the teacher's, the others have come to rest at weights of 0."""
    factor = _equipartition()
    units, teachers = nets.student_units, nets.teacher_units
    trace = teachers * _square_slope(1) + (units - teachers) * _square_slope(0)
    result = nets.label_noise**2 * s.learning_rate / (2 * pi * s.batch_size) * (units - teachers + teachers / sqrt(3))
    demand_zero(factor * trace - result, "trace over both kinds of units")
    return Derivation.of(
        result,
        _STORY,
        factor * Symbol(r"\mathrm{tr}\,G"),
        "With all $v = 1$, a unit that matches the teacher's has a field of variance 1 and adds",
        _square_slope(1),
        "to the trace. A spare unit has no weights, so that its slope is the largest there is, and adds",
        _square_slope(0),
    )


def derive_shared_units_error() -> Derivation:
    """Both layers trained: K/M units share each unit of the teacher, each with the output weight M/K."""
    factor = _equipartition()
    units, teachers = nets.student_units, nets.teacher_units
    trace = units * (teachers / units) ** 2 * _square_slope(1)
    result = nets.label_noise**2 * s.learning_rate * teachers**2 / (2 * sqrt(3) * pi * s.batch_size * units)
    demand_zero(factor * trace - result, "trace over units that share")
    return Derivation.of(
        result,
        _STORY,
        factor * Symbol(r"\mathrm{tr}\,G"),
        "Output weights follow their mean, without noise. Where $K_s/M_t$ units share one of the teacher's and its "
        "output weight, each adds to the trace $(M_t/K_s)^2$ times",
        _square_slope(1),
    )


def derive_thermal_student_error() -> Derivation:
    """White noise of a temperature in place of label noise."""
    heat = s.temperature
    first, second, both = Symbol("G_1", positive=True), Symbol("G_2", positive=True), Symbol("G_{12}", real=True)
    curvature = Matrix([[first, both], [both, second]])
    deviations = heat * curvature.inv()
    for entry in 2 * heat * sympy.eye(2) - (curvature * deviations + deviations * curvature):
        demand_zero(sympy.cancel(entry), "stationary deviations")
    demand_zero(sympy.cancel((curvature * deviations).trace() / 2 - heat), "two units")
    result = heat * nets.student_units / 2
    return Derivation.of(
        result,
        "White noise drives deviations by $2\\eta T$ times the identity, against the same linear equation as for "
        "[eq:spare-units-error]. Where $G$ can be inverted, their covariance is $T G^{-1}$, and the error "
        "$\\frac12\\mathrm{tr}(G\\,T G^{-1})$ is $T/2$ for each unit, whatever its slope.",
    )


_ONE = {_VARIANCES[0]: 1, _VARIANCES[1]: 1, _COVARIANCES[0, 1]: Rational(1, 2)}
_THREE = _ONE | {_VARIANCES[2]: 1, _COVARIANCES[0, 2]: Rational(1, 4), _COVARIANCES[1, 2]: Rational(1, 2)}
_FOUR = _THREE | {
    _VARIANCES[3]: 1, _COVARIANCES[0, 3]: Rational(1, 8), _COVARIANCES[1, 3]: Rational(1, 4),
    _COVARIANCES[2, 3]: Rational(1, 2),
}  # fmt: skip
_ERROR = {nets.label_noise: Rational(1, 10), s.learning_rate: Rational(1, 5), s.batch_size: 1, nets.teacher_units: 2,
          nets.student_units: 4}  # fmt: skip
_WITHOUT_B = {key: value for key, value in _THREE.items() if key is not _VARIANCES[1]}
EQUATIONS = tuple(
    Equation(label, title, left, derivation, motivation, example, source=source, tests=_TESTS)
    for label, title, left, derivation, motivation, example, source in (
        (
            "field-slope-product", "Teacher and student: two slopes", nets.field_slope_product,
            derive_field_slope_product, "All other averages are made of it.", _ONE, _SOURCE,
        ),
        (
            "field-product", "Teacher and student: two units", nets.field_product, derive_field_product,
            "The error of a network is a sum of these.", _ONE, _SOURCE,
        ),
        (
            "field-drift", "Teacher and student: a slope, a field and a unit", nets.field_drift, derive_field_drift,
            "The drift of every covariance is a sum of these: a is the unit that learns, b any field, c a unit of the "
            "error.", _WITHOUT_B, _SOURCE,
        ),
        (
            "field-noise", "Teacher and student: two slopes and two units", nets.field_noise, derive_field_noise,
            "The noise of single examples is a sum of these.", _FOUR, _SOURCE,
        ),
        (
            "overlap-noise", "Teacher and student: noise of minibatches", nets.overlap_noise, derive_overlap_noise,
            "Batch size enters the equations here alone, with the learning rate, as a temperature.",
            {s.learning_rate: Rational(1, 5), s.batch_size: 4, nets.first_output_weight: 1,
             nets.second_output_weight: 1, nets.squared_slope_error: Rational(1, 100)}, _OURS,
        ),
        (
            "spare-units-error", "Teacher and student: final error with spare units", nets.student_error,
            derive_spare_units_error, "Each unit that is not needed costs more than one that is. Holds for small "
            "learning rates times units.", _ERROR, _OURS,
        ),
        (
            "shared-units-error", "Teacher and student: final error with shared units", nets.student_error,
            derive_shared_units_error, "More units average noise away. Holds for small learning rates.", _ERROR, _OURS,
        ),
        (
            "thermal-student-error", "Teacher and student: final error at a temperature", nets.student_error,
            derive_thermal_student_error, "White noise does not know slopes: noise of labels is no temperature.",
            {s.temperature: Rational(1, 1000), nets.student_units: 2}, _OURS,
        ),
    )
)  # fmt: skip
