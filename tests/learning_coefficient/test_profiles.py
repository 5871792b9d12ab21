"""Energies by a loss's profiles: exact where it is a sum of them, and refused where they do not tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient.curvature import eigen
from slt_toys.learning_coefficient.profiles import MOST, profile_energy
from slt_toys.learning_coefficient.referee_problems import energy_by_quadrature
from slt_toys.learning_coefficient.verdict import verdict_on
from tests.learning_coefficient.made_evidence import evidence
from tests.learning_coefficient.made_losses import quadratic, stacked


def energy(loss, n_beta: float, pull: float = 0.0, which=None) -> float | None:
    known = eigen(loss, n_beta=n_beta)
    ones = np.ones_like(known.curvature)
    curved = np.ones(len(ones), dtype=bool) if which is None else which
    return profile_energy(loss, known, pull * ones, known.curvature**-0.5, curved, n_beta=n_beta)


def test_a_quadratic_by_hand():
    loss = quadratic([1.0, 1e-4, 1e4])
    assert energy(loss, 10.0) == pytest.approx(1.5, rel=1e-9)
    stiff = 10 * np.array([1.0, 1e-4, 1e4])
    assert energy(loss, 10.0, pull=2.0) == pytest.approx((stiff / (stiff + 2) / 2).sum(), rel=1e-8)
    assert energy(loss, 10.0, which=np.array([True, False, True])) == pytest.approx(1.0)
    assert energy(loss, 10.0, which=np.zeros(3, dtype=bool)) == 0


@pytest.mark.parametrize("n_beta", [5.0, 1e2, 1e4])
def test_sums_of_profiles_by_quadrature(n_beta):
    """One-sided as in logistic regression, and softly quartic, in directions that are turned."""
    losses = [lambda w: np.expm1(w) - w, lambda w: 0.1 * w**2 + 3 * w**4]

    def function(w: torch.Tensor) -> torch.Tensor:
        u, v = (w[0] + w[1]) / 2**0.5, (w[0] - w[1]) / 2**0.5
        return torch.expm1(u) - u + 0.1 * v**2 + 3 * v**4

    assert energy(stacked(function, [0.0, 0.0]), n_beta) == pytest.approx(
        energy_by_quadrature(losses, n_beta), rel=1e-4
    )


def test_where_profiles_do_not_tell():
    assert energy(stacked(lambda w: (w[0] ** 2 - 1) ** 2 + w[0], [0.9]), 10.0) is None, "it falls below the start"
    assert energy(stacked(lambda w: 1 - torch.exp(-(w[0] ** 2)), [0.0]), 1.0) is None, "nothing holds the chains"
    assert energy(quadratic([1.0] * (MOST + 1)), 1.0) is None


def test_a_bend_is_not_seen():
    """The negative control: y² + (x - y²)²-like losses are no sum of profiles, whose energy is another.

    In x - y² and y, of Jacobian 1, this one is two squares: its energy is 1.
    """
    loss = stacked(lambda w: w[1] ** 2 + 30 * (w[0] - w[1] ** 2) ** 2, [0.0, 0.0])
    told = energy(loss, 1.0)
    assert told is not None and abs(told - 1) > 0.1


@pytest.mark.parametrize(
    ("within", "beyond", "reason"),
    [
        ({"estimate": 5.49, "profiled": 0.2}, {"estimate": 5.51, "profiled": 0.2}, "above 5, half the number"),
        ({"estimate": 5.29, "profiled": -0.2}, {"estimate": 5.31, "profiled": -0.2}, "above 5, half the number"),
        ({"unexplained": (0.9, 0.01), "profiled": 0.65}, {"unexplained": (0.9, 0.01), "profiled": 0.55}, "+0.9 off"),
        ({"unexplained": (-0.9, 0.01), "profiled": -1.1}, {"unexplained": (-0.9, 0.01), "profiled": 0.9}, "-0.9 off"),
    ],
)
def test_what_profiles_explain_is_no_doubt(within, beyond, reason):
    known = evidence()
    assert verdict_on(replace(known, **within)).startswith("trust at localisation")
    verdict = verdict_on(replace(known, **beyond))
    assert verdict.startswith("doubt: ") and reason in verdict and verdict.count("; ") <= 1


def test_an_energy_that_profiles_tell_is_said():
    known = replace(evidence(), unexplained=(-0.9, 0.01))
    said = verdict_on(replace(known, profiled=-0.9))
    assert said.startswith("trust") and "; the energy is that of the loss's profiles, not of its quadratic" in said
    assert "profiles" not in verdict_on(replace(known, unexplained=(0.1, 0.01), profiled=0.1))
