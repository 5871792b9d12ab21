"""The virial's distance from its mean; the scatter of chains is tested beside the estimate's formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from slt_toys.learning_coefficient.chains import Draws
from slt_toys.learning_coefficient.scatter import further_off, scatter, virial_of
from slt_toys.learning_coefficient.verdict import verdict_on
from tests.learning_coefficient.made_evidence import evidence


def draws_of(virial: np.ndarray | None) -> Draws:
    some = np.zeros((4, 10))
    return Draws(some, some, some, 1.0, 0, 0.9, torch.zeros(4, 3), virial=virial)


def test_the_virial_is_held_against_the_number_of_directions():
    values: NDArray[np.float64] = np.tile(np.array([3.0, 3.1, 2.9, 3.4])[:, None], (1, 10)).astype(np.float64)
    values += np.where(np.arange(10) % 2, -0.01, 0.01)
    values[:, :4] += 50
    found = virial_of(draws_of(values), 4)
    assert found is not None and found[0] == pytest.approx(0.1) and found[1] == scatter(values[:, 4:])[0]
    assert virial_of(draws_of(None), 4) is None and virial_of(draws_of(values[:1]), 4) is None


def test_the_one_that_chance_explains_less():
    assert further_off((0.5, 0.1), (0.6, 0.2)) == (0.5, 0.1)
    assert further_off((0.1, 0.1), (-0.9, 0.2)) == (-0.9, 0.2)
    assert (
        further_off(None, (0.1, 0.1)) == (0.1, 0.1) == further_off((0.1, 0.1), None) and further_off(None, None) is None
    )


@pytest.mark.parametrize(
    ("within", "beyond", "reason"),
    [
        ({"virial": (-0.49, 0.1)}, {"virial": (-0.51, 0.1)}, "no equilibrium: the way from the start times the slope"),
        ({"virial": (0.13, 0.01)}, {"virial": (0.15, 0.01)}, "+0.15 off the number of directions"),
        ({"virial": None}, {"virial": (float("nan"), 0.1)}, "no equilibrium"),
    ],
)
def test_chains_out_of_equilibrium_are_doubted(within, beyond, reason):
    known = evidence()
    assert verdict_on(replace(known, **within)).startswith("trust at localisation")
    verdict = verdict_on(replace(known, **beyond))
    assert verdict.startswith("doubt: ") and reason in verdict and verdict.count("; ") <= 1
