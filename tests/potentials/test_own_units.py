"""What is usual follows an energy's own units of loss and length."""

from __future__ import annotations

import pytest

from slt_toys import Potential, find_potential
from slt_toys.potentials.own_units import relative_loss, relative_time
from slt_toys.protocol.training import ExponentialDecay, Training, in_another_time

TEXT = "(w**2-1)**2 - 0.15*w"


def test_the_reference_is_one():
    reference = find_potential("regular_double_well")
    assert relative_loss(reference) == relative_time(reference) == 1.0
    assert relative_loss(Potential.from_expression(TEXT)) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(("c", "a"), [(1e6, 1), (1e-6, 1), (1, 1000), (37, 0.125)])
def test_units(c, a):
    other = Potential.from_expression(f"{c}*(((w/{a})**2-1)**2 - 0.15*w/{a})")
    assert relative_loss(other) == pytest.approx(c, rel=1e-9)
    assert relative_time(other) == pytest.approx(a**2 / c, rel=1e-9)


def test_another_time_has_the_same_temperatures():
    training = Training(64, 1000, ExponentialDecay(0.1, 0.9), 5.0, 0.5)
    other = in_another_time(training, 7.0)
    assert other.temperatures(4) == pytest.approx(training.temperatures(4), rel=1e-12)
    assert other.durations(4) == pytest.approx(7 * training.durations(4), rel=1e-12)
