"""The published table: what it holds, that it cannot change unseen, and what is fitted to it."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.reference import published
from slt_toys.reference.published import COLUMNS, check_table, published_curves, read_curves
from tests.seeds import fresh_generator

HEADER = ",".join(COLUMNS)


def test_the_table_holds_three_curves_of_runs_that_switched():
    curves = published_curves()
    assert {size: (len(curve.switch_epochs), curve.total_epochs) for size, curve in curves.items()} == {
        64: (12, 480),
        128: (12, 240),
        256: (14, 240),
    }
    for curve in curves.values():
        assert curve.switch_epochs[-1] < curve.total_epochs
        assert 75 < curve.final_accuracy.min() < curve.final_accuracy.max() < 89
        assert np.all(curve.deficit_train_loss > 0)
        assert curve.learning_rate()[0] == 0.05
        with pytest.raises(ValueError):
            curve.final_accuracy[0] = 0


def test_a_changed_table_is_refused():
    with pytest.raises(ValueError, match="SHA-256"):
        check_table(HEADER.encode())


def test_the_order_of_rows_does_not_matter():
    text = (published.resources.files("slt_toys") / "reference" / published.TABLE).read_text()
    head, *rows = text.splitlines()
    mixed = fresh_generator().permutation(rows)
    for size, curve in read_curves("\n".join([head, *mixed]), "mixed").items():
        for name in ("switch_epochs", "final_accuracy", "deficit_train_loss"):
            assert np.array_equal(getattr(curve, name), getattr(published_curves()[size], name))
