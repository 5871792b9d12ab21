"""Titles and introductions of the theory pages, in reading order."""

from __future__ import annotations

INDEX = """These pages are rendered by `python -m theory`: every formula on them is derived by sympy as the page is
written, and `python -m theory --check` fails when a derivation no longer closes or a page is out of date. The text
before each formula says why one wants it; the line after it says which code uses it and which test checks it by
another route.

The story in one paragraph. A phase of a learning machine is a region around a set of minima, and what it weighs at a
finite temperature is decided by two numbers, its loss and its learning coefficient. Minibatch noise gives training a
temperature, so training moves between phases as a hot particle does, over barriers, at rates in which the learning
coefficient appears again. When the learning rate decays, the particle freezes, and the epoch at which it can no
longer leave the phase that bad data made it prefer is the end of the critical period."""

_LEARNING_COEFFICIENT = """Near a regular minimum a loss is a quadratic bowl, and every direction costs half a $\\log
n\\beta$ of free energy. Learning machines are not regular: their minima are curves, crossings and cusps. What
replaces half the dimension is the *learning coefficient* $\\lambda$, with its *multiplicity* $m$:

$$
\\int \\varphi(w) e^{-n\\beta (L(w) - L_\\alpha)} dw \\sim C (n\\beta)^{-\\lambda} (\\log n\\beta)^{m-1}.
$$

It is a rational number, so it deserves a proof and not an estimate. `theory.learning_coefficient.rlct` answers with a
value, a multiplicity and a certificate, or refuses and names the bounds it knows. On each block of coordinates that
the loss does not couple (values of blocks add; multiplicities add less one per joint) it tries, in order:

1. **One coordinate.** If the loss rises like $|w|^{2k}$ and the prior like $|w|^h$, then $\\lambda = (h+1)/(2k)$. The
   order is the multiplicity of the point as a root of the derivative, exact at algebraic numbers too.
2. **Regular point.** A positive definite Hessian gives $\\lambda = d/2$, $m = 1$. Definiteness is read off the signs
   of the characteristic polynomial, exactly.
3. **Normal crossing.** Factor the loss over the rationals. Factors that vanish at the point and have independent
   gradients are local coordinates; what does not vanish is a unit and drops out. Then
   [eq:normal-crossing-learning-coefficient] and [eq:normal-crossing-multiplicity] apply. If only the coordinates of
   the factors are disjoint, zeta functions multiply: the smallest value wins and the orders of equal poles add.
4. **Newton polyhedron.** Move the point to the origin and let $\\alpha$ run over the exponents of the loss. With $w_j
   = t^{u_j}s_j$ the loss shrinks like $t^{\\min\\langle u,\\alpha\\rangle}$ and the volume with its prior like
   $t^{\\sum u_j(h_j+1)}$, so every facet of the polyhedron gives a pole, and the largest is

$$
\\lambda = \\min \\left( \\sum_j u_j (h_j+1) : u \\ge 0, \\langle u, \\alpha\\rangle \\ge 1 \\text{ for every
exponent } \\alpha \\right),
$$

while $m$ is one more than the dimension of the set of minimisers. (Exponents here are those of the loss itself. With
exponents of an ideal $(f_1, f_2, \\dots)$ and loss $\\sum f_i^2$ they double, and the familiar factor 1/2 appears.)
This is a theorem only if every face polynomial is free of singular zeros off the axes. At a minimum a face polynomial
cannot be negative, so the condition says that it is positive there: decided by even monomials, by Sturm's theorem on
edges, by a Groebner basis on larger faces. A linear change that diagonalises the Hessian is tried once.

5. **Blow-ups of the plane.** Two coordinates are always resolved (`theory.learning_coefficient.plane_curves`), unless
   a tower of number fields is needed. Each edge of the Newton polygon asks for a weighted blow-up, whose divisor
   carries an order $N$ of the loss and an order $k$ of the volume element with its prior. At a multiple real root of
   the edge polynomial the same is done again, and for a reduced curve that ends. Then $\\lambda$ is the smallest
   $(k+1)/N$ and $m$ the largest number of such divisors that meet in a real point. The certificate lists all of them.
6. **Three and more coordinates** (`theory.learning_coefficient.weighted_blow_up`). A monomial times a power of a
   non-degenerate function is resolved by its own polyhedron; weighted blow-ups, at most six in a row, are followed
   where the zeros on the divisor are finitely many rational points; coordinates are adapted to a squared factor of an
   initial form.

For an ideal, `theory.learning_coefficient.ideal.rlct_of_ideal` answers for $\\sum f_i^2$, which depends on the ideal
only up to bounded factors, so the generators are simplified first.

Where all fail the question is refused, with bounds: $K$ is at most a constant times the sum of its monomials'
absolute values, so $\\lambda$ is at most the value of the polyhedron; it is at least half the rank of the Hessian and
at least one over the order of vanishing."""

_FREE_ENERGY = """How much a phase weighs at sample size $n$ and inverse temperature $\\beta$. The route: the zeta
function $\\zeta(z) = \\int (L - L_\\alpha)^z \\varphi$ has a largest pole; the pole fixes how much volume lies below
a small loss; its Laplace transform is the partition function; its logarithm the free energy. Energy and crossovers
follow by differentiating and equating."""

_KINETICS = """A phase can be preferred and still not be reached. Here is how long the Langevin equation $dw = -L'(w)
dt + \\sqrt{2T} dW$ takes to leave a well, exactly and at low temperature, when well and barrier may both be
degenerate. The learning coefficient of the well is the power of $T$ in its volume, so it enters the rate."""

_SGD = """Stochastic gradient descent is a sampler with a temperature it never mentions. Assumed at first: minibatches
drawn with replacement, gradient noise isotropic with variance $\\sigma^2$ per example and coordinate, and additive.
Without replacement there is no single temperature, [eq:reshuffling-temperature-factor]; with noise that depends on
the weights only [eq:fluctuation-dissipation] still holds.

Heavy ball as it is coded: $v \\leftarrow \\mu v + g$, then $w \\leftarrow w - \\eta v$.

The last equations are about noise that is not additive, isotropic and normal. By place, [eq:noisy-density], or by
direction, [eq:lyapunov-covariance], it still makes hopping that is activated and follows $\\eta/B$, and yet no tempered
posterior: every thermometer reads another temperature. With heavy tails, [eq:stable-escape-rate], nothing is activated.
A verdict (`slt_toys.thermometers.gibbs_verdict`) tells the three apart."""

_SCALING = """Training starts on bad data and turns to good data at epoch $e$. If that comes too late, the weights
stay in the phase that the bad data preferred: the critical period has ended, at $e^*$. How does $e^*$ move with the
batch size? The temperature of [eq:sgd-temperature] and the clock of [eq:epoch-time] are all that batch size changes,
so the schedule of the learning rate decides, and rival explanations can be put beside it."""

_SAMPLERS = """The samplers of the toys draw from $\\exp(-L/T)$ itself, so that what training does can be held against
it. Two of them need laws of their own. A Gibbs sampler draws coordinates from their exact conditional distributions,
normal ones where the loss is of degree two, between walls by rejection. Replica exchange lets chains at several
temperatures swap their configurations, and how many temperatures it needs is decided by how much the laws of the loss
at neighbouring temperatures overlap: in a phase by its learning coefficient. What an unadjusted Langevin step adds to
the energy is [eq:unadjusted-langevin-bias]."""
_ZOO = """Models of learning that can be solved, each with a critical period of another cause: flow time left, the
state that the deficit has brought about, diffusion along a valley of minima, noise that acts only while there is loss.
Simulated worlds (`slt_toys.worlds.world`) are made of them, and a verdict (`slt_toys.worlds.verdict`) has to tell
which is which."""

_WEIGHT_DECAY = """What weight decay does beside shrinking. In a deep linear network it makes a minimum of the
origin, which noise has to leave: learning is an escape. Where weights act by their direction alone it sets, with the
noise, the temperature of a run. Noise is white in the first model, that of minibatches in the second."""

PAGES: dict[str, tuple[str, str]] = {
    "learning_coefficient": ("Learning coefficients, exactly", _LEARNING_COEFFICIENT),
    "free_energy": ("Free energy of a phase", _FREE_ENERGY),
    "kinetics": ("Changing phase", _KINETICS),
    "sgd": ("Stochastic gradient descent as a sampler", _SGD),
    "scaling": ("The end of the critical period", _SCALING),
    "samplers": ("Drawing from the tempered posterior", _SAMPLERS),
    "zoo": ("Solvable models of learning", _ZOO),
    "weight_decay": ("Weight decay", _WEIGHT_DECAY),
}
