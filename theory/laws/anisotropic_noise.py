r"""Noise that differs between directions: stationary covariance, quasi-potential, and the action that defines it.

In the eigenbasis of the Hessian of a quadratic well; C is the covariance of one example's gradient, and
D = learning rate C / (2 batch size) the diffusion matrix of dw = -H w dt + sqrt(2 D) dW.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Expr, Matrix, Symbol, sqrt

from theory import anisotropic_symbols as a
from theory import symbols as s
from theory.derivation import Derivation, Equation, Step, demand_zero

_TESTS = ("tests/theory/laws/test_anisotropic_noise.py",)
_BOTH = (*_TESTS, "tests/exact/test_minimum_action.py")


@cache
def derive_lyapunov_covariance() -> Derivation:
    """Discrete Lyapunov equation in the Hessian's eigenbasis, for any step."""
    eta, batch, (h1, h2) = s.learning_rate, s.batch_size, a.curvatures
    unknown = Symbol("S", real=True)
    balance = Eq(unknown, (1 - eta * h1) * (1 - eta * h2) * unknown + eta**2 * a.gradient_covariance / batch)
    solved = sympy.solve(balance, unknown)[0]
    result = eta * a.gradient_covariance / (batch * (h1 + h2 - eta * h1 * h2))
    demand_zero(sympy.together(solved - result), "Lyapunov equation")
    one = result.subs({h2: h1, a.gradient_covariance: s.gradient_variance}) * h1
    quadratic = eta * s.gradient_variance / (2 * batch) / (1 - eta * h1 / 2)
    demand_zero(sympy.together(one - quadratic), "one direction")
    return Derivation(
        result,
        (
            Step(
                "A step multiplies direction $i$ by $1-\\eta h_i$ and adds $\\eta$ times the minibatch's noise, of "
                "covariance $C/B$. The stationary covariance balances both, entry by entry:",
                balance,
            ),
            Step(
                "For $\\eta \\to 0$ it is the Lyapunov equation $H\\Sigma + \\Sigma H = \\eta C/B$. For one direction, "
                "times its curvature, it is [eq:sgd-temperature-quadratic]. A tempered posterior would need "
                "$\\Sigma = TH^{-1}$, so $C$ a multiple of the identity."
            ),
        ),
    )


@cache
def derive_aligned_temperature() -> Derivation:
    """C = c H: every direction has a temperature of its own, proportional to its curvature."""
    h1, h2 = a.curvatures
    general = derive_lyapunov_covariance().result
    own = general.subs({h2: h1, a.gradient_covariance: a.alignment * h1}) * h1
    result = s.learning_rate * a.alignment * h1 / (2 * s.batch_size - s.batch_size * s.learning_rate * h1)
    demand_zero(sympy.together(own - result), "curvature times variance")
    variance = sympy.limit(result / h1 / s.learning_rate, s.learning_rate, 0)
    demand_zero(variance - a.alignment / (2 * s.batch_size), "variance alike in all directions")
    return Derivation(
        result,
        (
            Step("Put $C = cH$, so $C_{11} = ch_1$, into [eq:lyapunov-covariance], times $h_1$:", own),
            Step(
                "For small steps the variance itself, $\\eta c/2B$, is alike in all directions: the weights spread in "
                "a ball whatever the shape of the loss, stiff directions are hot and flat ones cold. Near a minimum of "
                "a network the covariance of gradients is close to this, with $c$ twice the loss of a regression."
            ),
        ),
    )


@cache
def derive_valley_temperature() -> Derivation:
    """The coordinate that a stiff coupling leaves alone, and what drives it."""
    first, second = sympy.symbols("w_1 w_2", real=True)
    stiffness, slope, lean = Symbol("kappa", positive=True), sympy.Function("U"), a.valley_lean
    energy = slope(first) + stiffness * (second - lean * first) ** 2 / 2
    drift = -(energy.diff(first) + lean * energy.diff(second))
    demand_zero(sympy.expand(drift + slope(first).diff(first)), "the coupling drops out of z")
    temperature, ratio = s.temperature, a.variance_ratio
    share = 1 / (1 + lean**2)  # w_1 = share z in the valley
    diffusion = share**2 * (temperature + lean**2 * ratio * temperature)
    mobility = share
    result = temperature * (1 + lean**2 * ratio) / (1 + lean**2)
    demand_zero(sympy.simplify(diffusion / mobility - result), "diffusion over mobility")
    demand_zero(result.subs(ratio, 1) - temperature, "isotropic noise")
    demand_zero(result.subs(lean, 0) - temperature, "no lean")
    return Derivation(
        result,
        (
            Step(
                "Let $L = U(w_1) + \\frac{\\kappa}{2}(w_2 - aw_1)^2$, and let noise have the temperatures $T$ and $rT$ "
                "along its two coordinates. $z = w_1 + aw_2$ does not feel the coupling: its drift is $-U'(w_1)$, "
                "whatever $\\kappa$, and its diffusion",
                temperature * (1 + lean**2 * ratio),
            ),
            Step(
                "For a stiff valley $w_2 = aw_1$, so $w_1 = z/(1+a^2)$ moves with the mobility $1/(1+a^2)$ and the "
                "diffusion",
                diffusion,
            ),
            Step(
                "of which the second over the first is a temperature. It is $T$ for isotropic noise, and without lean "
                "whatever $r$: noise along $w_2$ reaches the barrier through the coupling alone."
            ),
        ),
    )


def _lyapunov_solution() -> Matrix:
    """Covariance of dw = -H w dt + sqrt(2D) dW, by solving the Lyapunov equation."""
    (h1, h2), (d11, d12, d22) = a.curvatures, a.diffusions
    s11, s12, s22 = sympy.symbols("S_11 S_12 S_22", real=True)
    covariance, hessian = Matrix([[s11, s12], [s12, s22]]), sympy.diag(h1, h2)
    noise = Matrix([[d11, d12], [d12, d22]])
    residual = hessian * covariance + covariance * hessian - 2 * noise
    solved = sympy.solve([residual[0, 0], residual[0, 1], residual[1, 1]], [s11, s12, s22], dict=True)[0]
    return covariance.xreplace(solved)


@cache
def derive_quasi_potential_quadratic() -> Derivation:
    """V = w S^-1 w / 2 solves the Hamilton-Jacobi equation of Freidlin and Wentzell."""
    (h1, h2), (d11, d12, d22), (w1, w2) = a.curvatures, a.diffusions, a.directions
    covariance = _lyapunov_solution()
    place = Matrix([w1, w2])
    whole: Expr = (place.T * covariance.inv() * place)[0] / 2
    slope = Matrix([whole.diff(w1), whole.diff(w2)])
    drift = -sympy.diag(h1, h2) * place
    noise = Matrix([[d11, d12], [d12, d22]])
    demand_zero(sympy.together((slope.T * noise * slope)[0] + (slope.T * drift)[0]), "Hamilton-Jacobi equation")
    s11, s12, s22 = covariance[0, 0], covariance[0, 1], covariance[1, 1]
    result = (s22 * w1**2 - 2 * s12 * w1 * w2 + s11 * w2**2) / (2 * (s11 * s22 - s12**2))
    demand_zero(sympy.together(whole - result), "inverse")
    gibbs = result.subs({d12: 0, d22: d11})
    demand_zero(sympy.together(gibbs - (h1 * w1**2 + h2 * w2**2) / (2 * d11)), "isotropic noise")
    ball = result.subs({d12: 0, d22: d11 * h2 / h1})
    demand_zero(sympy.together(ball - h1 * (w1**2 + w2**2) / (2 * d11)), "noise aligned with the Hessian")
    return Derivation(
        result,
        (
            Step(
                "To leading order in small noise the density is $e^{-V_{\\rm q}}$, where $V_{\\rm q}$, the least "
                "action of paths from the minimum, solves $\\nabla V_{\\rm q}\\cdot D\\nabla V_{\\rm q} = \\nabla "
                "V_{\\rm q}\\cdot\\nabla L$. In a quadratic well it is $\\frac12 w\\cdot\\Sigma^{-1}w$ with "
                "$H\\Sigma + \\Sigma H = 2D$:",
                Eq(Symbol("Sigma"), covariance, evaluate=False),
            ),
            Step(
                "(Checked in the equation.) For $D = T$ times the identity $V_{\\rm q} = L/T$. For $D$ proportional to "
                "$H$ it is a ball: climbing a stiff direction costs no more than a flat one. Where $D_{12} \\neq 0$, "
                "in the Hessian's axes, paths up are not paths down reversed, and a current flows."
            ),
        ),
    )


@cache
def derive_geometric_action() -> Derivation:
    """Action per parameter of a path, minimised over the speed at which it is run through."""
    speed = Symbol("v", positive=True)
    length, drift, product = a.path_norm, a.drift_norm, a.path_drift
    per_time = (speed**2 * length**2 - 2 * speed * product + drift**2) / 4
    per_parameter = sympy.expand(per_time / speed)
    best = sympy.solve(per_parameter.diff(speed), speed)
    demand_zero(best[0] - drift / length, "speed")
    result = (length * drift - product) / 2
    demand_zero(per_parameter.subs(speed, drift / length) - result, "action at this speed")
    temperature, slope = s.temperature, Symbol("L_prime", positive=True)
    uphill = result.subs(
        {length: 1 / sqrt(temperature), drift: slope / sqrt(temperature), product: -slope / temperature}
    )
    demand_zero(uphill - slope / temperature, "straight uphill at one temperature")
    return Derivation(
        result,
        (
            Step(
                "A path $w(t)$ of $dw = b\\,dt + \\sqrt{2D}\\,dW$ has the probability $e^{-S}$, to leading order, with "
                "$S = \\frac14\\int |\\dot w - b|^2dt$ in the metric of $D^{-1}$. Run through as "
                "$\\varphi(\\theta)$ at the speed $v = d\\theta/dt$, per unit of $\\theta$ that is",
                per_parameter,
            ),
            Step("least at the speed", Eq(speed, best[0], evaluate=False)),
            Step(
                "whatever the duration. Uphill against $b = -L'$ at one temperature it is $L'/T$ per length, so "
                "$S = \\Delta L/T$; downhill it is nothing. The quasi-potential of a barrier is the least over paths, "
                "and $\\log r = -V_\\ddagger + \\ldots$: with $D \\propto \\eta/B$ a number times $B/\\eta$."
            ),
        ),
    )


_D = {
    a.diffusions[0]: sympy.Rational(1, 2),
    a.diffusions[1]: sympy.Rational(1, 10),
    a.diffusions[2]: sympy.Rational(1, 4),
}
EQUATIONS = (
    Equation(
        "lyapunov-covariance",
        "Covariance with anisotropic noise",
        a.weight_covariance,
        derive_lyapunov_covariance,
        "Noise of a network is far from isotropic. What does SGD sample in a quadratic well then?",
        {
            s.learning_rate: sympy.Rational(1, 100),
            s.batch_size: 64,
            a.curvatures[0]: 8,
            a.curvatures[1]: 2,
            a.gradient_covariance: 1000,
        },
        source="derived here; small steps: Mandt, Hoffman & Blei (2017), JMLR 18",
        tests=_TESTS,
    ),
    Equation(
        "aligned-temperature",
        "Temperature of a direction, noise aligned with the Hessian",
        a.direction_temperature,
        derive_aligned_temperature,
        "Near a minimum the covariance of gradients resembles the Hessian. Then each direction has a temperature.",
        {s.learning_rate: sympy.Rational(1, 100), s.batch_size: 64, a.curvatures[0]: 8, a.alignment: 400},
        source="derived here; compare Zhu et al. (2019), ICML",
        tests=_TESTS,
    ),
    Equation(
        "valley-temperature",
        "Temperature along a leaning valley",
        a.valley_temperature,
        derive_valley_temperature,
        "Noise is stronger in a direction that has no barrier. Does the barrier feel it?",
        {s.temperature: sympy.Rational(1, 5), a.valley_lean: sympy.Rational(1, 2), a.variance_ratio: 4},
        tests=("tests/protocol/test_coupled_pair.py",),
    ),
    Equation(
        "quasi-potential-quadratic",
        "Quasi-potential of a quadratic well",
        a.quasi_potential,
        derive_quasi_potential_quadratic,
        "What takes the place of L/T when noise is anisotropic: exact where the well is quadratic.",
        {**_D, a.curvatures[0]: 8, a.curvatures[1]: 2, a.directions[0]: 1, a.directions[1]: 1},
        source="Freidlin & Wentzell, Random Perturbations of Dynamical Systems, chapter 4; derived here",
        tests=_BOTH,
    ),
    Equation(
        "geometric-action",
        "Geometric action",
        a.action_density,
        derive_geometric_action,
        "The price of a path out of a well whatever time it takes, which a computer can minimise.",
        {a.path_norm: 1, a.drift_norm: 2, a.path_drift: -1},
        source="Heymann & Vanden-Eijnden (2008), Comm. Pure Appl. Math. 61, 1052; derived here",
        tests=_BOTH,
    ),
)
