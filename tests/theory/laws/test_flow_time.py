"""The rivals of temperature: ends where flow time decides."""

from __future__ import annotations

import numpy as np
import pytest

from tests.theory.laws.made_schedules import DECAY, RUN, schedule


def test_flow_time_rivals(evaluate):
    for batch_size in (64, 128):
        end = evaluate("critical-period-end-flow-time", decay=DECAY, batch_size=batch_size, flow_time=500, **RUN)
        whole = int(end)
        times = schedule(np.arange(whole + 1), batch_size)[1]
        # The closed form interpolates the sum over whole epochs.
        assert times[:whole].sum() <= 500 <= times.sum()
        spent = schedule(0, batch_size)[1] * (1 - DECAY**end) / (1 - DECAY)
        assert spent == pytest.approx(500, rel=1e-10)
        left = evaluate("critical-period-end-flow-time-left", decay=DECAY, batch_size=batch_size, flow_time=50, **RUN)
        assert schedule(left, batch_size)[1] / (1 - DECAY) == pytest.approx(50, rel=1e-10)
    constant = evaluate(
        "critical-period-end-flow-time-constant",
        batch_size=64,
        flow_time=500,
        learning_rate=0.05,
        dataset_size=50_000,
        momentum=0.3,
    )
    assert constant * schedule(0, 64)[1] == pytest.approx(500, rel=1e-12)
    near = evaluate("critical-period-end-flow-time", decay=1 - 1e-9, batch_size=64, flow_time=500, **RUN)
    assert near == pytest.approx(constant, rel=1e-6)
