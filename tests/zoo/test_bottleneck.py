"""The bottleneck's passage time by quadrature."""

from __future__ import annotations

import pytest

from slt_toys.zoo import bottleneck


def test_passage_time_by_quadrature():
    from scipy.integrate import quad

    for drive in (0.01, 0.05, 0.7):
        time, _ = quad(lambda x, drive=drive: 1 / (drive + bottleneck.CURVING * x * x), -1, 1)
        assert bottleneck.passage_time(drive) == pytest.approx(time, rel=1e-8)
