"""The earliest window is the worst, before the Fisher information has its maximum."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.zoo.logistic_pathways import START, fisher_peak, fisher_trace, logit_after, share_after_window, simulate


def test_the_earliest_window_costs_most():
    onsets = np.linspace(0, 12, 25)
    shares = np.array([share_after_window(onset, 1.0) for onset in onsets])
    assert (np.diff(shares) > 0).all() and (shares < 0.5).all()
    # near 0 a pathway grows at rate 1: e times as much after one unit of time
    assert shares[0] == pytest.approx(1 / (1 + np.e), abs=0.002)
    assert 0.5 - shares[-1] < (0.5 - shares[0]) / 3


def test_the_fisher_information_rises_and_falls_and_is_no_measure_of_the_cost():
    times = np.linspace(0, 12, 241)
    traces = fisher_trace(logit_after(times))
    peak = int(traces.argmax())
    assert 0 < peak < times.size - 1
    assert (np.diff(traces[: peak + 1]) > 0).all() and (np.diff(traces[peak:]) < 0).all()
    assert logit_after(times)[peak] == pytest.approx(fisher_peak(), abs=0.1)
    cost = [0.5 - share_after_window(times[at], 0.5) for at in (0, peak)]
    # a thirtieth of the information goes with half as much again of the cost
    assert cost[0] > 1.4 * cost[1] and traces[0] < traces[peak] / 30


def test_no_window_costs_nothing_and_flow_time_left_does_not_matter():
    assert share_after_window(3.0, 0.0) == pytest.approx(0.5, abs=1e-12)
    short, long = (simulate(1.0, 1.0, total) for total in (3.0, 9.0))
    for weights in (short, long):
        share = weights[2] * weights[3] / (weights[0] * weights[1] + weights[2] * weights[3])
        assert share == pytest.approx(share_after_window(1.0, 1.0), abs=1e-5)


@pytest.mark.parametrize("time", [-1.0, np.nan, np.inf])
def test_times_that_are_none_are_refused(time):
    with pytest.raises(ValueError, match="flow_time"):
        logit_after(time)


def test_the_start_is_checked():
    with pytest.raises(ValueError, match="initial_logit"):
        logit_after(1.0, 0.0)
    assert logit_after(0.0) == START
