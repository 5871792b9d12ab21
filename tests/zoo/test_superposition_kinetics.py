"""Rates between polygons: the saddle is one, and hexagons leave over it as Kramers says."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.zoo.superposition_kinetics import barrier, escapes, kramers, saddle, turned
from slt_toys.zoo.superposition_loss import gradient, hessian, losses, polygon, polygon_loss
from slt_toys.zoo.superposition_training import Data, Sgd, train
from tests.seeds import fresh_seed


def test_the_saddle_leads_to_both():
    place = saddle()
    values, vectors = np.linalg.eigh(hessian(place))
    assert np.abs(gradient(place)).max() < 1e-9 and values[0] < -0.05 and abs(values[1]) < 1e-6 and values[2] > 0.01
    sides_of = place + 0.02 * np.array([[1.0], [-1.0]]) * vectors[:, 0]
    ends = losses(train(sides_of, Data.drawn(0), Sgd(0.2, 0), 3000.0, 0))
    assert sorted(ends) == pytest.approx([polygon_loss(6), polygon_loss(5, 1)], abs=1e-6)
    assert (barrier(5), barrier(6)) == pytest.approx((0.007534, 0.021141), abs=1e-6)


def test_turning_changes_nothing():
    assert losses(turned(polygon(6), 0.3)) == pytest.approx(losses(polygon(6)), abs=1e-14)


def test_rates_are_in_balance():
    """Rate up over rate down is the ratio of both wells' partition functions, without the saddle."""
    temperature = 0.003
    wells = []
    for columns in (5, 6):
        w = polygon(columns, 6 - columns)
        values = np.linalg.eigvalsh(hessian(w))
        round_length = np.sqrt((w[:12] ** 2).sum())
        copies = 120 / columns  # orders of columns up to turns, and for 5 the feature left out: 6!/5 against 6!/6
        wells.append(copies * round_length * np.exp(-losses(w) / temperature) / np.sqrt(np.prod(values[values > 1e-6])))
    five, six = wells
    assert kramers(5, temperature) * five / (kramers(6, temperature) * six) == pytest.approx(1, rel=1e-6)


def test_other_columns_are_refused():
    with pytest.raises(ValueError, match="columns must be 5 or 6"):
        kramers(4, 0.01)


@pytest.mark.slow
def test_hexagons_leave_by_kramers():
    """Within a term of the order of T over the barrier, a fifth here; a rate that is a third of it is refuted."""
    temperature = 2 / 450
    found, time = escapes(6, temperature, 100_000.0, fresh_seed())
    ratio, error = found / time / kramers(6, temperature), np.sqrt(found) / time / kramers(6, temperature)
    assert abs(ratio - 1) < 0.3 + 5 * error
    assert kramers(6, temperature) / 3 < found / time - 5 * np.sqrt(found) / time
