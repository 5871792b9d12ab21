"""Means of runs and their standard errors."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.zoo.model import mean_and_error


def test_mean_and_error_by_hand():
    mean, error = mean_and_error(np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 0.0], [7.0, 0.0]]))
    assert mean == pytest.approx([4.0, 0.0])
    assert error == pytest.approx([np.sqrt(20 / 3 / 4), 0.0])
