"""A question whose answer is published, or follows by hand from what is; and where it is published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sympy import Expr, Rational, Symbol

from theory.learning_coefficient.door import rlct
from theory.learning_coefficient.local_problem import LearningCoefficient

BY_HAND = "by hand"

SOURCES = {
    "Arnold et al.": "Arnold, Gusein-Zade and Varchenko (1988), Singularities of Differentiable Maps II, ch. 6, 7",
    "Kollar": "Kollar (1997), Singularities of pairs, Proceedings of Symposia in Pure Mathematics 62, section 8",
    "Howald": "Howald (2001), Multiplier ideals of monomial ideals, Transactions of the AMS 353",
    "Mustata": "Mustata (2006), Multiplier ideals of hyperplane arrangements, Transactions of the AMS 358",
    "Docampo": "Docampo (2013), Arcs on determinantal varieties, Transactions of the AMS 365",
    "Watanabe": "Watanabe (2009), Algebraic Geometry and Statistical Learning Theory",
    "Aoyagi-Watanabe": "Aoyagi and Watanabe (2005), Stochastic complexities of reduced rank regression in Bayesian "
    "estimation, Neural Networks 18",
    "Aoyagi 2010": "Aoyagi (2010), A Bayesian learning coefficient of generalization error and Vandermonde matrix-type "
    "singularities, Communications in Statistics - Theory and Methods 39",
    "Aoyagi 2024": "Aoyagi (2024), Consideration on the learning efficiency of multiple-layered neural networks with "
    "linear units, Neural Networks 172",
    "Yamazaki-Watanabe": "Yamazaki and Watanabe (2003), Singularities in mixture models and upper bounds of stochastic "
    "complexity, Neural Networks 16",
    "Rusakov-Geiger": "Rusakov and Geiger (2005), Asymptotic model selection for naive Bayesian networks, JMLR 6",
    "Drton et al.": "Drton, Lin, Weihs and Zwiernik (2017), Marginal likelihood and model selection for Gaussian "
    "latent tree and forest models, Bernoulli 23",
    "Hayashi-Watanabe": "Hayashi and Watanabe (2017), Upper bound of Bayesian generalization error in non-negative "
    "matrix factorization, Neurocomputing 266: a bound, which is met",
}


@dataclass(frozen=True)
class Case:
    """One row of the table.

    `value` and `multiplicity` are published (None: not stated) by `source`, a key of `SOURCES`, or known by hand;
    `ask` puts the question to the engine. `theorem`: the answer is that of the published theorem itself.
    """

    family: str
    name: str
    source: str
    value: Rational
    multiplicity: int | None
    ask: Callable[[], LearningCoefficient]
    theorem: bool = False

    @property
    def published(self) -> bool:
        """Whether the value itself stands in a publication, not only a bound of it."""
        return self.source not in (BY_HAND, "Hayashi-Watanabe")


def ask_for(expression: Any, coordinates: Sequence[Symbol | str] | None = None, **options: Any) -> Callable:
    """A call of `rlct`, for later."""
    return partial(rlct, expression, coordinates, **options)


def shown(generators: Sequence[Expr] | str) -> str:
    """A loss as it is, an ideal in parentheses."""
    text = generators if isinstance(generators, str) else f"({', '.join(map(str, generators))})"
    return text.replace("**", "^").replace("*", " ")
