r"""How long a recorded chain waits before it is first seen beyond a level, over a run of any length."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Matrix, Symbol, eye, ones

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_TESTS = ("tests/theory/laws/test_recorded_passage.py", "tests/exact/test_recorded_passage.py")
LONGEST = 3  # run of which the identity is checked draw by draw


@cache
def derive_recorded_wait() -> Derivation:
    """Draws waited = waits from where they began, less those from where the run cut them off."""
    result = s.start_waits - s.cut_waits
    size = 2
    stays = Matrix(size, size, sympy.symbols(f"k:{size * size}", positive=True))
    waits = (eye(size) - stays).solve(ones(size, 1))
    demand = waits - ones(size, 1) - stays * waits
    for entry in demand:
        demand_zero(sympy.together(entry), "one draw, and what follows")
    waited, power = sympy.zeros(size, 1), eye(size)
    for length in range(1, LONGEST + 1):
        waited += power * ones(size, 1)  # the draw is waited through by those that still wait before it
        power = power * stays
        for entry in waited - (waits - power * waits):
            demand_zero(sympy.together(entry), f"a run of {length} draws")
    tau, step = Symbol("tau", positive=True), Symbol("K", positive=True)
    return Derivation.of(
        result,
        "A path of Langevin dynamics that is seen only every $\\Delta$ is a Markov chain with the propagator "
        "$e^{Q\\Delta}$ of the Fokker-Planck generator. Let $K$ be its part that stays this side of a level, and "
        "$\\tau(w)$ the expected number of draws from $w$ until the first one at or beyond the level. One draw "
        "passes in any case, and from where the path then is, if it still waits, the expectation is that of there:",
        equality(tau, 1 + step * tau),
        "Over one interval $\\tau$ falls by one on average, whatever the place: $\\tau$ plus the draws waited "
        "is a martingale. Stopped when the wait ends or the run does, the draws waited are on average "
        "$\\tau$ where the wait began, less $\\tau$ where it was cut off, and nothing where it ended. (Check: "
        "$\\sum_{m<n}K^m 1 = \\tau - K^n\\tau$ for any two states and runs of one, two and three draws.)",
        "Sum over all waits. Nothing was assumed of the interval, of how the chains start, or of how long they "
        "run, so the temperature at which both sides agree has no bias from any of them to first order.",
    )


EQUATIONS = (
    Equation(
        "recorded-wait",
        "Draws waited in a recorded run",
        s.draws_waited,
        derive_recorded_wait,
        "Escapes tell a temperature. A path that is recorded at intervals is seen late and deep beyond a level, waits "
        "are cut off by the end of a run, and chains need not start where a wait does: what is exact all the same?",
        {s.start_waits: 1000, s.cut_waits: 400},
        source="optional stopping (Doob); derived here",
        tests=_TESTS,
    ),
)
