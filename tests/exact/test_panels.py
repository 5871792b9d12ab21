"""Gauss panels in the log domain, against integrals in closed form."""

import numpy as np

from slt_toys.exact.panels import (
    gauss_points,
    log_cumulative,
    log_panel_integrals,
    without_empty_panels,
    without_steep_panels,
)  # fmt: skip


def test_integrals_of_exponentials_far_beyond_doubles():
    edges = np.linspace(0.0, 3.0, 40)
    points, half = gauss_points(edges)
    shift = 5000.0  # exp of it is no double
    logs = 2 * points + shift
    total = np.logaddexp.reduce(log_panel_integrals(logs, half))
    np.testing.assert_allclose(total - shift, np.log(np.expm1(6.0) / 2), rtol=1e-13)
    np.testing.assert_allclose(log_cumulative(logs, half) - shift, np.log(np.expm1(2 * points) / 2), rtol=1e-10)


def test_panels_are_dropped_where_nothing_is_and_cut_where_it_is_steep():
    edges = np.linspace(-10.0, 1.0, 12)
    kept = without_empty_panels(edges, 0.0, lambda x: 5 * x**2)
    assert kept[0] == -3.0 and kept[-1] == 1.0  # 45 temperatures up at -3, where a panel reaches down to 20
    fine = without_steep_panels(np.linspace(0.0, 1.0, 3), lambda x: -100 * x)
    assert len(fine) > 50 and fine[0] == 0.0 and fine[-1] == 1.0
    climb = np.linspace(0.0, 1.0, 3)
    cut = without_steep_panels(climb, lambda x: 100 * x)  # all of it lies between a start and its top
    assert 100 * np.diff(cut).max() < 4 and set(climb) <= set(cut)
