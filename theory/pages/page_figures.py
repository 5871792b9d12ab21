"""Figures of the pages: `python -m figures.theory_pages` draws them; the pages only name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PageFigure:
    """A figure under pages/figures/, shown in the section of its label or, without one, at the page's end."""

    name: str
    subject: str
    label: str
    caption: str


PAGE_FIGURES: tuple[PageFigure, ...] = (
    PageFigure(
        "newton_polygon",
        "learning_coefficient",
        "",
        "Newton polygon of $x^6 + x^2y^2$ (exponents of the loss). The ray through $(1, 1)$ meets its boundary at "
        "$(2, 2)$, so $1/\\lambda = 2$; it does so in a vertex, where two facets meet, so $m = 2$. Without the middle "
        "term the polygon of $x^6 + y^6$ is met at $(3, 3)$ inside one facet: $\\lambda = 1/3$, $m = 1$.",
    ),
    PageFigure(
        "energy_law",
        "free_energy",
        "energy-law",
        "Energy of the crossing $w_1^2w_2^2$ on the unit square, exactly (an integral over the logarithm of the "
        "loss) and by [eq:energy-law] with the offset of [eq:energy-offset]. The limit $\\lambda = 1/2$ is "
        "still far at $n\\beta = 10^8$; without the offset the law fails where one can measure.",
    ),
    PageFigure(
        "singular_escape",
        "kinetics",
        "mean-first-passage-ratio",
        "Escape over a quadratic barrier of height 1, exactly ([eq:mean-first-passage], quadrature) and by "
        "[eq:singular-eyring-kramers]. Left: rates, without their exponential, from a regular well ($w^2$) and from a "
        "singular one ($w^4$): the smaller $\\lambda$, the slower the escape at low temperature. Right: exact time "
        "over predicted time, with [eq:mean-first-passage-ratio] dashed.",
    ),
    PageFigure(
        "sgd_temperature",
        "sgd",
        "sgd-temperature-quadratic",
        "Temperature that a quadratic well feels, over $T$ of [eq:sgd-temperature], against learning rate times "
        "curvature. Lines: [eq:sgd-temperature-quadratic]. Circles: the covariance equation iterated to its "
        "fixed point. Momentum moves the edge of stability from 2 to $2(1+\\mu)$.",
    ),
    PageFigure(
        "reshuffling",
        "sgd",
        "reshuffling-slow-mode-limit",
        "Temperature factor of reshuffling with 64 steps an epoch. Lines: "
        "[eq:reshuffling-temperature-factor-momentum]; dotted: [eq:reshuffling-slow-mode-limit]; marks: 2000 simulated "
        "runs each. Slow modes are far colder than $T$.",
    ),
    PageFigure(
        "scaling_variable",
        "scaling",
        "remaining-langevin-time",
        "Left: under exponential decay temperature ([eq:sgd-temperature]) and remaining time are both proportional to "
        "$\\theta$, whatever the batch size; marks: remaining time summed over epochs. Right: under a power law ($p = "
        "2$) the remaining time at one temperature depends on the batch size: [eq:remaining-langevin-time-power-law].",
    ),
    PageFigure(
        "critical_period_end",
        "scaling",
        "critical-period-end-flow-time-left",
        "End of the critical period against batch size by the laws of this page: linear in $\\log B$ under exponential "
        "decay, a power of $B$ under a power law, and, for the rival in which flow time spent decides, rising "
        "with $B$. Each curve passes through 50 epochs at $B = 128$.",
    ),
)
