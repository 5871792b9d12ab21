"""Tables that draw from any law by one look-up, and how far whole paths are off if each epoch is a little."""

from __future__ import annotations

import sympy
from sympy import Eq, Function, Symbol

from theory import table_symbols as t
from theory.derivation import Derivation, Equation, demand_zero

_TESTS = ("tests/exact/test_look_up.py",)


def derive_alias_table() -> Derivation:
    """What a table draws, and that filling a column up keeps it."""
    result = (t.own_share + t.shares_elsewhere) / t.columns
    small, large = Symbol("h_k", positive=True), Symbol("h_g", positive=True)
    # Column k keeps its own cell's h_k, and cell g has the rest of it; column g then holds that much less.
    left = large - (1 - small)
    drawn_small = result.subs({t.own_share: small, t.shares_elsewhere: 0})
    drawn_large = result.subs({t.own_share: left, t.shares_elsewhere: 1 - small})
    demand_zero(drawn_small - small / t.columns, "the cell that had less than its share")
    demand_zero(drawn_large - large / t.columns, "the cell that gave")
    demand_zero(left - (small + large - 1), "what is held by columns still to fill")
    return Derivation.of(
        result,
        "Cut a law on cells into $n_c$ columns of height one: cell $j$ holds $h_j=n_cP_j$, and all together $n_c$. "
        "Where one cell $k$ holds less than one column, $h_k$, another cell $g$ holds more, $h_g$, as the mean is one. "
        "Fill the column of $k$ up from $g$, which then holds",
        left,
        "Column $k$ is done. The columns left are one fewer, and hold one less, so their mean is one again: the last "
        "column is full. A column drawn evenly, and then one of its two cells by its share, gives $g$ with "
        "the share that it kept and those that it gave: what it held before. So each step keeps the law, and a cell "
        "is drawn with its shares of all columns, each drawn evenly.",
    )


def derive_path_distance() -> Derivation:
    """Paths that are coupled epoch by epoch part with the distance of an epoch at most."""
    n, epsilon = t.looked_up_epochs, t.epoch_distance
    parted = Function("d")
    done = Symbol("m", integer=True, nonnegative=True)
    found = sympy.rsolve(parted(done + 1) - parted(done) - (1 - parted(done)) * epsilon, parted(done), {parted(0): 0})
    result = 1 - (1 - epsilon) ** n
    demand_zero(sympy.simplify(found.subs(done, n) - result), "recursion")
    demand_zero(sympy.series(result, epsilon, 0, 2).removeO() - n * epsilon, "small distances add up")
    return Derivation.of(
        result,
        "Two laws at the total variation distance $\\varepsilon_e$ can be drawn together so that both draws are one "
        "but with this probability. Draw two paths so, from one start, as long as they are together; from the same "
        "cell they part in an epoch with probability $\\varepsilon_e$ at most. The probability $d$ to have parted "
        "after $m$ epochs is then at most the one that follows",
        Eq(parted(done + 1), parted(done) + (1 - parted(done)) * epsilon),
        "from 0. Whatever is asked of a path differs at most where paths have parted. For small distances this is "
        "their sum.",
    )


EQUATIONS = (
    Equation(
        "alias-table",
        "What a look-up draws",
        t.drawn_probability,
        derive_alias_table,
        "Any law on cells is drawn by one column and one comparison, however many cells there are.",
        {t.own_share: sympy.Rational(3, 10), t.shares_elsewhere: sympy.Rational(1, 2), t.columns: 256},
        source="Walker (1977); filling as Vose (1991); derived here",
        tests=_TESTS,
    ),
    Equation(
        "path-distance",
        "How far paths of approximate epochs are off",
        t.path_distance,
        derive_path_distance,
        "An epoch's matrix has a small error. What may it do to a whole path, and to all that is computed of it?",
        {t.epoch_distance: sympy.Rational(1, 10**8), t.looked_up_epochs: 200},
        source="coupling inequality; derived here",
        tests=_TESTS,
    ),
)
