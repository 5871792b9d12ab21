"""The kernel of Gibbs sampling: normals cut by walls in every regime."""

from __future__ import annotations

import numpy as np
from scipy import integrate, stats

from slt_toys.kernels import gibbs as kernels_gibbs
from tests.samplers.checks import agree, deviation
from tests.samplers.made_posteriors import between_walls, exact_cut_normal, swept


def test_normals_cut_by_walls_are_drawn_in_every_regime(seed):
    # Curvatures and slopes over the borders of all proposals, one chain in each hundred for each pair.
    found = {}
    for row, a in enumerate([0.0, *np.geomspace(0.02, 20.0, 10)]):
        for column, place in enumerate(np.linspace(-1.5, 2.5, 9)):
            b = -2 * a * place if a else 3 * (place - 0.5)
            draws = swept(between_walls(a, b), 1.0, np.full((2048, 1), 1.9), [seed, row, column])[:, 0]
            uniforms = exact_cut_normal(a, b).cdf(draws)
            for power in (1, 2):
                found[f"{a:.3g}, {b:.3g}: ranks^{power}"] = deviation(uniforms**power, 1 / (1 + power))
    agree(found)


def acceptance(fall: float, a: float, width: float) -> float:
    """Share of proposals from a wall that are accepted, by quadrature; the density falls as exp(-fall y - a y²)."""
    rate = (fall + np.sqrt(fall**2 + 8 * a)) / 2
    mass = integrate.quad(lambda y: np.exp(-fall * y - a * y * y), 0, width, points=[min(width, 5 / max(rate, 1e-9))])
    if rate * width < kernels_gibbs._UNIFORM_BELOW:
        return mass[0] / width
    best = min(1 / rate, width)
    return mass[0] * rate / np.exp(a * best * (2 / rate - best))


def test_two_of_five_proposals_are_accepted_at_least():
    shares = [acceptance(s, a, 1.0) for s in [0.0, *np.geomspace(1e-3, 1e3, 25)] for a in np.geomspace(1e-4, 1e4, 33)]
    assert 0.4 < min(shares) < 0.6 and max(shares) <= 1 + 1e-9
    # About a mean between the walls, which may stand at one of them.
    above, least = kernels_gibbs._NORMAL_ABOVE, []
    for share in np.linspace(0, 1, 21):
        inside = stats.norm.cdf((1 - share) * above) - stats.norm.cdf(-share * above)
        least += [inside, inside * np.sqrt(2 * np.pi) / above]
    assert min(least) > 0.4
