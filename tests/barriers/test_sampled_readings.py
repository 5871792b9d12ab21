"""Readings of sampled populations: which ratios of barriers the switch epochs can show."""

from __future__ import annotations

import pytest

from slt_toys.barriers.kernel import barrier_kernel
from slt_toys.barriers.sampled_readings import ratios_within
from tests.barriers.made_declines import ENDING, EPOCHS, PAIR, TRAINING

QUICK = barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.1, 5.0, method="eyring_kramers", spacing=0.1)


def test_ratios_stay_within_what_the_kernel_shows():
    centre = (QUICK.lowest * QUICK.highest) ** 0.5
    room = centre / QUICK.lowest
    assert ratios_within(QUICK, centre, [1.5, room / 1.01, room * 1.01]) == [1.5, room / 1.01]
    assert ratios_within(QUICK, centre, [room * 2]) == [pytest.approx(room)]
