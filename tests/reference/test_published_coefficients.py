"""The table of published estimates: what it holds, and that nothing else is read."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from slt_toys.reference import published_coefficients
from slt_toys.reference.published import published_curves
from slt_toys.reference.published_coefficients import published_estimates


def test_rows_are_those_of_the_curves():
    estimates, curves = published_estimates(), published_curves()
    assert estimates.keys() == curves.keys()
    for size, own in estimates.items():
        assert np.array_equal(own.switch_epochs, curves[size].switch_epochs)
        assert own.at_switch.shape == own.final.shape == own.switch_epochs.shape
        assert own.at_switch[0] < 0 < own.at_switch[1] and (own.final > 4000).all()


def test_another_table_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "reference"
    folder.mkdir()
    content = (resources.files("slt_toys") / "reference" / published_coefficients.TABLE).read_bytes()
    (folder / published_coefficients.TABLE).write_bytes(content.replace(b"4821.2", b"4821.3"))
    monkeypatch.setattr(published_coefficients.resources, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match="SHA-256"):
        published_estimates()
