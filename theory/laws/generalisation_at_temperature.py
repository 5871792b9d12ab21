r"""Generalisation at temperature: Watanabe's equations of state, and two regular models where all is exact.

The posterior is prior times likelihood to the power beta. Errors are losses less the least loss: of one draw from the
posterior (Gibbs) and of the predictive distribution (Bayes), on new examples and on those of the training set.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy
from sympy import Matrix, Rational, Symbol, exp, gamma, log, oo, sqrt

from theory import generalisation_symbols as g
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_SOURCE = (
    "Watanabe (2010), Equations of states in singular statistical estimation, Neural Networks 23, 20-34; derived here "
    "in the scaling limit"
)
_TESTS = ("tests/zoo/test_generalisation_at_temperature.py",)
_HALF = Rational(1, 2)
_T, _R, _V = sympy.symbols("t_m R V", real=True)


def _integration_by_parts() -> None:
    """0 is the mean of lambda - beta t + (beta/2) sqrt(t) xi over t^(lambda-1) exp(-beta t + beta sqrt(t) xi)."""
    t, xi = Symbol("t", positive=True), Symbol("xi", real=True)
    lam, beta = s.learning_coefficient, g.inverse_temperature
    weight = t ** (lam - 1) * exp(-beta * t + beta * sqrt(t) * xi)
    told = lam - beta * t + beta * sqrt(t) * xi / 2
    demand_zero(sympy.powsimp(sympy.diff(t * weight, t) / weight) - told, "total derivative")


def _mean_of_the_noise() -> None:
    """E<sqrt(t) xi> = beta V: normal noise of any covariance, in two directions, by parts."""
    one, two = sympy.symbols("xi_1 xi_2", real=True)
    a, b, c = sympy.symbols("c_11 c_12 c_22", real=True)
    covariance, noise = Matrix([[a, b], [b, c]]), Matrix([one, two])
    density = exp(-(noise.T * covariance.inv() * noise)[0] / 2)
    slope = Matrix([sympy.diff(density, each) / density for each in noise])
    for left in covariance * slope + noise:
        demand_zero(left, "xi times a normal density is minus the covariance times its gradient")
    beta = g.inverse_temperature
    partition = sympy.Function("M")(one, two)  # sum over directions of the integrals over t
    mean = sympy.diff(partition, one) / (beta * partition)
    covariance_of_draws = (
        sympy.diff(partition, one, two) / partition
        - sympy.diff(partition, one) * sympy.diff(partition, two) / partition**2
    ) / beta**2
    demand_zero(sympy.diff(mean, two) - beta * covariance_of_draws, "slope of a posterior mean")


def _predictive() -> None:
    """-log <exp(-e g)> = e <g> - e^2 Var g/2 + ..., for any two values of g."""
    e, a, b = sympy.symbols("e a b", real=True)
    p = Symbol("p", positive=True)
    found = sympy.series(-log(p * exp(-e * a) + (1 - p) * exp(-e * b)), e, 0, 3).removeO()
    mean = p * a + (1 - p) * b
    demand_zero(found - (e * mean - e**2 * p * (1 - p) * (a - b) ** 2 / 2), "two cumulants")


@cache
def _state() -> dict[str, Any]:
    _integration_by_parts()
    _mean_of_the_noise()
    _predictive()
    lam, beta, nu, n = s.learning_coefficient, g.inverse_temperature, g.singular_fluctuation, g.sample_size
    equations = [lam - beta * _T + beta * _R / 2, _R - beta * _V, nu - beta * _V / 2]
    (found,) = sympy.solve(equations, [_T, _R, _V], dict=True)
    energy, noise, variance = found[_T], found[_R], found[_V]
    answer = {
        "gibbs_g": energy / n, "gibbs_t": (energy - noise) / n,
        "bayes_g": (energy - variance / 2) / n, "bayes_t": (energy - noise - variance / 2) / n,
    }  # fmt: skip
    return {name: sympy.expand(value) for name, value in answer.items()}


def derive_gibbs_generalisation_error() -> Derivation:
    """Mean loss of a draw, from two integrations by parts."""
    lam, beta, nu, n = s.learning_coefficient, g.inverse_temperature, g.singular_fluctuation, g.sample_size
    result = (lam / beta + nu) / n
    demand_zero(result - _state()["gibbs_g"], "solution")
    return Derivation.of(
        result,
        "Near the least loss, resolved coordinates make $t = n(L - L_0)$ a coordinate. "
        "With $u$ the others and $\\xi(u)$ normal noise, that of the examples, the posterior is",
        Symbol("t") ** (lam - 1) * exp(-beta * Symbol("t") + beta * sqrt(Symbol("t")) * Symbol(r"\xi(u)")),
        "Integrate its total derivative in $t$, and take the mean over examples. With $t_m$ the mean of $t$ and $R$ "
        "that of $\\sqrt t\\,\\xi$,",
        equality(lam - beta * _T + beta * _R / 2, 0),
        "Integrate by parts over the normal noise, whose "
        "covariance is that of one example's log-likelihoods: $R = \\beta V$ with $V$ the sum over examples of the "
        "posterior variances, so that $\\nu = \\beta V/2$. Hence",
        equality(_T, lam / beta + nu),
        "and the Gibbs error is $t_m/n$. (Two directions $u$ with any covariance were carried through.)",
    )


def derive_gibbs_training_error() -> Derivation:
    """On the examples themselves the noise has helped."""
    lam, beta, nu, n = s.learning_coefficient, g.inverse_temperature, g.singular_fluctuation, g.sample_size
    result = (lam / beta - nu) / n
    demand_zero(result - _state()["gibbs_t"], "solution")
    return Derivation.of(
        result,
        "On the training examples $n(L_n - L_{n,0}) = t - \\sqrt t\\,\\xi$, so that $R = 2\\nu$ is taken off the "
        "mean of $t$ [eq:gibbs-generalisation-error].",
    )


def derive_bayes_generalisation_error() -> Derivation:
    """Averaging the predictions takes half the posterior variance off."""
    lam, beta, nu, n = s.learning_coefficient, g.inverse_temperature, g.singular_fluctuation, g.sample_size
    result = ((lam - nu) / beta + nu) / n
    demand_zero(result - _state()["bayes_g"], "solution")
    demand_zero(result.subs(nu, lam) - lam / n, "nu = lambda: free of beta")
    demand_zero(result.subs(beta, 1) - lam / n, "beta = 1: free of nu")
    return Derivation.of(
        result,
        "To second order minus the log of a mean likelihood is the mean loss less half its posterior variance, which "
        "averages to $V/2n = \\nu/(\\beta n)$. Take it off [eq:gibbs-generalisation-error].",
        "It is free of $\\beta$ exactly where $\\nu = \\lambda$, as in regular models that hold the truth, and "
        "$\\lambda/n$ at $\\beta = 1$ in all.",
    )


def derive_bayes_training_error() -> Derivation:
    """The same on the training examples; and WAIC."""
    lam, beta, nu, n = s.learning_coefficient, g.inverse_temperature, g.singular_fluctuation, g.sample_size
    result = ((lam - nu) / beta - nu) / n
    demand_zero(result - _state()["bayes_t"], "solution")
    waic = result + beta * (2 * nu / beta) / n
    demand_zero(waic - derive_bayes_generalisation_error().result, "WAIC")
    return Derivation.of(
        result,
        "Take half the posterior variance off [eq:gibbs-training-error]. WAIC adds $\\beta/n$ times the sum of "
        "posterior variances, $2\\nu/\\beta$, which examples alone tell, and has the mean of the Bayes error",
        waic,
    )


def derive_wbic_mean() -> Derivation:
    """The Gibbs training error at beta = 1/log n."""
    n, nu, lam = g.sample_size, g.singular_fluctuation, s.learning_coefficient
    told = n * derive_gibbs_training_error().result
    result = sympy.expand(told.subs(g.inverse_temperature, 1 / log(n)))
    demand_zero(result - (lam * log(n) - nu), "at that temperature")
    return Derivation.of(
        result,
        "WBIC is the posterior mean of $n L_n$ at $\\beta = 1/\\log n$, which is $n$ times [eq:gibbs-training-error] "
        "above the least loss. The singular fluctuation is that at this temperature.",
    )


# ---- the mean of normal examples ------------------------------------------------------------------------------------
_MOMENTS = (1, 0, 1, 0, 3)


def _normal_mean(expression: Any, variable: Symbol, mean: Any, variance: Any) -> Any:
    """Mean of a polynomial in a normal variable."""
    unit, spread = Symbol("unit", real=True), Symbol("spread", positive=True)
    terms = sympy.Poly(sympy.expand(expression.subs(variable, mean + spread * unit)), unit).all_coeffs()[::-1]
    found = sum(_MOMENTS[power] * term for power, term in enumerate(terms))
    return sympy.expand(found).subs(spread, sqrt(variance))


_X, _W, _M, _VAR = Symbol("x", real=True), Symbol("w", real=True), Symbol("m", real=True), Symbol("v", positive=True)
_TRUE = Symbol("mu", real=True)


@cache
def _posterior() -> tuple[Any, Any]:
    """Posterior variance of a coordinate, and the mean square of its mean's error, over examples."""
    n, beta, tau = g.sample_size, g.inverse_temperature, g.prior_precision
    average, square = sympy.symbols("xbar S", real=True)
    exponent = beta * (n * _W * average - n * _W**2 / 2 - square / 2) - tau * _W**2 / 2
    precision = n * beta + tau
    mean = n * beta * average / precision
    demand_zero(sympy.diff(exponent + precision * (_W - mean) ** 2 / 2, _W), "completed square")
    error = _normal_mean((mean - _TRUE) ** 2, average, _TRUE, g.true_variance / n)
    return 1 / precision, sympy.simplify(error.subs(_TRUE, sqrt(g.true_mean_square)))


def derive_gaussian_mean_bayes_error() -> Derivation:
    """Loss of the predictive distribution of the mean of normal examples, exact at every n."""
    product = (_X - _W) ** 2 + (_W - _M) ** 2 / _VAR
    centre = (_M + _VAR * _X) / (1 + _VAR)
    rest = (_X - _M) ** 2 / (1 + _VAR)
    demand_zero(product - ((_W - centre) ** 2 * (1 + _VAR) / _VAR + rest), "product of two normal densities")
    loss = (_X - _M) ** 2 / (2 * (1 + _VAR)) + log(1 + _VAR) / 2
    excess = _normal_mean(loss - (_X - _TRUE) ** 2 / 2, _X, _TRUE, g.true_variance)
    error = Symbol("q", positive=True)
    told = (log(1 + _VAR) + (g.true_variance + error) / (1 + _VAR) - g.true_variance) / 2
    demand_zero(excess.subs(_M, _TRUE + sqrt(error)) - told, "mean over a new example")
    variance, square = _posterior()
    result = g.parameter_count * told.subs({_VAR: variance, error: square})
    n, beta = g.sample_size, g.inverse_temperature
    flat = result.subs({g.prior_precision: 0, g.true_variance: 1})
    v = 1 / (n * beta)
    demand_zero(flat - g.parameter_count / 2 * (log(1 + v) + (1 + 1 / n) / (1 + v) - 1), "flat prior")
    small = Symbol("e", positive=True)
    first = sympy.series(result.subs({n: 1 / small, g.prior_precision: 0}), small, 0, 2).removeO() / small
    half = g.parameter_count / 2
    state = (half * (1 - g.true_variance) / beta) + half * g.true_variance
    demand_zero(first - state, "equation of state with nu = d sigma^2/2")
    return Derivation.of(
        result,
        "A coordinate has a normal posterior of variance $v = 1/(n\\beta + \\tau_0)$, and a new example the predictive "
        "variance $1 + v$. With $q$ the mean square of the posterior mean's error, the loss above the least one is, "
        "for each coordinate,",
        told.subs({_VAR: Symbol("v"), error: Symbol("q")}),
        "Here $q$ is",
        square,
        "For a flat prior and $n\\to\\infty$ this is [eq:bayes-generalisation-error] with $\\lambda = d_w/2$ and "
        "$\\nu = \\sigma_0^2 d_w/2$: where the model has the true variance 1, $\\beta$ drops out.",
    )


def derive_gaussian_mean_gibbs_error() -> Derivation:
    """Loss of one draw from the posterior of the mean of normal examples."""
    variance, square = _posterior()
    excess = _normal_mean(((_X - _W) ** 2 - (_X - _TRUE) ** 2) / 2, _X, _TRUE, g.true_variance)
    drawn = _normal_mean(excess, _W, _M, _VAR)
    demand_zero(drawn - ((_M - _TRUE) ** 2 + _VAR) / 2, "mean over a draw")
    result = g.parameter_count * (square + variance) / 2
    n, beta = g.sample_size, g.inverse_temperature
    flat = result.subs({g.prior_precision: 0, g.true_variance: 1})
    demand_zero(flat - g.parameter_count / (2 * n) * (1 + 1 / beta), "flat prior")
    return Derivation.of(
        result,
        "A draw errs by the posterior mean's error and by the posterior's own spread, whose squares add up. For a flat "
        "prior and the true variance 1 that is $(d_w/2n)(1 + 1/\\beta)$ at every $n$.",
    )


def derive_gaussian_mean_fluctuation() -> Derivation:
    """Singular fluctuation of the mean of normal examples, exact at every n."""
    half_square = (_X - _W) ** 2 / 2
    first = _normal_mean(half_square, _W, _M, _VAR)
    second = _normal_mean(half_square**2, _W, _M, _VAR)
    demand_zero(second - first**2 - ((_X - _M) ** 2 * _VAR + _VAR**2 / 2), "variance of one log-likelihood")
    n, beta = g.sample_size, g.inverse_temperature
    variance, square = _posterior()
    shared = n * beta * variance * g.true_variance / n  # covariance of an example and the posterior mean
    apart = g.true_variance + square - 2 * shared
    told = beta / 2 * n * (variance * apart + variance**2 / 2)
    result = g.parameter_count * sympy.simplify(told)
    flat = result.subs(g.prior_precision, 0)
    exact = g.parameter_count / 2 * (g.true_variance * (1 - 1 / n) + 1 / (2 * n * beta))
    demand_zero(flat - exact, "flat prior")
    return Derivation.of(
        result,
        "The log-likelihood of $x$ has the posterior variance $v(x-m)^2 + v^2/2$. The mean of $(x-m)^2$ over the "
        "training examples is $\\sigma_0^2 + q$ less twice the covariance of an example with $m$. For a flat prior:",
        exact,
    )


# ---- others ---------------------------------------------------------------------------------------------------------
def derive_regression_gibbs_error() -> Derivation:
    """Linear regression with normal inputs and a flat prior, exact at every n."""
    a, b, c = sympy.symbols("a b c", positive=True)
    demand_zero(Matrix([[a, b], [b, c]]).inv()[0, 0] - 1 / (a - b**2 / c), "what the other inputs do not explain")
    k, x = Symbol("k", positive=True), Symbol("x", positive=True)
    order = Symbol("kappa", positive=True)  # k/2 - 1
    degrees = 2 * order + 2
    density = x**order * exp(-x / 2) / (2 ** (order + 1) * gamma(order + 1))
    demand_zero(sympy.integrate(density, (x, 0, oo)) - 1, "chi-square density")
    inverse = sympy.simplify(sympy.integrate(sympy.powsimp(density / x), (x, 0, oo)))
    demand_zero(inverse - 1 / (degrees - 2), "mean of one over chi-square")
    n, d, beta = g.sample_size, g.parameter_count, g.inverse_temperature
    trace = d * (1 / (k - 2)).subs(k, n - d + 1)
    result = trace / 2 * (1 + 1 / beta)
    return Derivation.of(
        result,
        "With $n$ normal inputs of unit covariance as rows of $X$, the posterior mean errs with the covariance "
        "$(X^TX)^{-1}$ and draws spread about it with that over $\\beta$. A diagonal entry of the inverse is one over "
        "the squared length of what the other inputs do not explain, a chi-square of $n - d_w + 1$ degrees of freedom, "
        "with the mean $1/(n - d_w - 1)$. The excess loss is half the squared error of the weights.",
    )


def derive_one_sided_fluctuation() -> Derivation:
    """Hot limit of the singular fluctuation of a model that can only err to one side."""
    x, lam = Symbol("x", positive=True), s.learning_coefficient

    def moment(power: int) -> Any:
        return sympy.integrate(x ** (2 * lam - 1 + power) * exp(-(x**2) / 2), (x, 0, oo))

    second, first = (sympy.gammasimp(moment(power) / moment(0)) for power in (2, 1))
    result = lam - (gamma(lam + _HALF) / gamma(lam)) ** 2
    demand_zero(sympy.gammasimp(second - first**2) / 2 - result, "half the variance")
    demand_zero(result.subs(lam, _HALF) - (_HALF - 1 / sympy.pi), "half of a normal distribution")
    return Derivation.of(
        result,
        "One output $f \\ge 0$ with the prior density $f^{2\\lambda-1}$, truth $f = 0$. With $f = x/\\sqrt{n\\beta}$ "
        "the posterior is $x^{2\\lambda-1} e^{-x^2/2 + \\sqrt\\beta x z}$, $z$ normal, and $\\nu$ is half the mean of "
        "the variance of $x$. For $\\beta\\to 0$ the noise drops out. (At low temperature "
        "$x/\\sqrt\\beta\\to\\max(z, 0)$ and $\\nu\\to 1/4$.)",
    )


_ALL = {s.learning_coefficient: Rational(1, 4), g.inverse_temperature: 4, g.sample_size: 4000,
        g.singular_fluctuation: Rational(223, 1000)}  # fmt: skip
_MEAN = {g.parameter_count: 1, g.inverse_temperature: 4, g.sample_size: 100, g.prior_precision: 0, g.true_variance: 1,
         g.true_mean_square: 0}  # fmt: skip


def _equation(label: str, title: str, left: Symbol, derivation: Any, motivation: str, example: Any, **more: Any) -> Any:
    return Equation(label, title, left, derivation, motivation, example, tests=_TESTS, **more)


EQUATIONS = (
    _equation(
        "gibbs-generalisation-error", "Equations of state: a draw on new examples", g.gibbs_generalisation_error,
        derive_gibbs_generalisation_error,
        "What SGD would have, did it draw from the posterior: temperature enters in every model, regular or not.",
        _ALL, source=_SOURCE,
    ),
    _equation(
        "gibbs-training-error", "Equations of state: a draw on its own examples", g.gibbs_training_error,
        derive_gibbs_training_error, "Half the sum of this and [eq:gibbs-generalisation-error] tells the learning "
        "coefficient, half the difference the singular fluctuation.", _ALL, source=_SOURCE,
    ),
    _equation(
        "bayes-generalisation-error", "Equations of state: the predictive distribution on new examples",
        g.bayes_generalisation_error, derive_bayes_generalisation_error,
        "Temperature drops out only where the singular fluctuation is the learning coefficient.", _ALL, source=_SOURCE,
    ),
    _equation(
        "bayes-training-error", "Equations of state: the predictive distribution on its own examples",
        g.bayes_training_error, derive_bayes_training_error, "With the posterior variance it makes WAIC, which needs "
        "no knowledge of the truth.", _ALL, source=_SOURCE,
    ),
    _equation(
        "wbic-mean", "Mean of WBIC", g.wbic_mean, derive_wbic_mean,
        "One temperature at which the mean loss has the leading term of the free energy.",
        {symbol: value for symbol, value in _ALL.items() if symbol is not g.inverse_temperature},
        source="Watanabe (2013), A widely applicable Bayesian information criterion, JMLR 14, 867-897; derived here",
    ),
    _equation(
        "gaussian-mean-bayes-error", "The mean of normal examples: Bayes error", g.bayes_generalisation_error,
        derive_gaussian_mean_bayes_error, "The exact control: a regular model at every $n$, temperature and normal "
        "prior, with or without the true variance.", _MEAN,
    ),
    _equation(
        "gaussian-mean-gibbs-error", "The mean of normal examples: Gibbs error", g.gibbs_generalisation_error,
        derive_gaussian_mean_gibbs_error, "A draw from a hot posterior errs by its own spread.", _MEAN,
    ),
    _equation(
        "gaussian-mean-fluctuation", "The mean of normal examples: singular fluctuation", g.singular_fluctuation,
        derive_gaussian_mean_fluctuation, "Regular and true to the examples: the learning coefficient, up to $1/n$.",
        _MEAN,
    ),
    _equation(
        "regression-gibbs-error", "Linear regression: Gibbs error", g.gibbs_generalisation_error,
        derive_regression_gibbs_error, "Exact for normal inputs, unit noise, a flat prior and $n > d_w + 1$.",
        {g.parameter_count: 4, g.inverse_temperature: 4, g.sample_size: 100},
    ),
    _equation(
        "one-sided-fluctuation", "Singular fluctuation of a model that errs to one side, at high temperature",
        g.hot_fluctuation, derive_one_sided_fluctuation,
        "Where the truth is at the edge of what the model can say, the fluctuation is smaller than the learning "
        "coefficient.", {s.learning_coefficient: Rational(1, 4)},
    ),
)  # fmt: skip
