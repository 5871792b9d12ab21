"""How much is measured: counts below nothing are refused."""

from __future__ import annotations

import pytest

from cifar.study.measuring import Measuring


@pytest.mark.parametrize("wrong", [{"fisher": -1}, {"hessian": -1}, {"lanczos_steps": 1}, {"statistics": -5}])
def test_counts_below_nothing_are_refused(wrong):
    assert Measuring(statistics=None, fisher=0, hessian=0, lanczos_steps=2).learning_coefficient == 0
    with pytest.raises(ValueError, match="must count images from 0 and at least two Lanczos steps"):
        Measuring(**wrong)
