"""The virial's distance from its mean; the scatter of chains is tested beside the estimate's formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient.chains import Draws
from slt_toys.learning_coefficient.scatter import further_off, scatter, virial_of


def draws_of(virial: np.ndarray | None) -> Draws:
    some = np.zeros((4, 10))
    return Draws(some, some, some, 1.0, 0, 0.9, torch.zeros(4, 3), virial=virial)


def test_the_virial_is_held_against_the_number_of_directions():
    values = np.tile(np.array([3.0, 3.1, 2.9, 3.4])[:, None], (1, 10)) + 0.01 * (-1.0) ** np.arange(10)
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
