"""Windows and coefficients: every claim may come out either way, and every table tells the dataset."""

from __future__ import annotations

import numpy as np
import pytest

from figures.critical_period_windows import windows
from figures.style import use_style
from slt_toys.reports.critical_period_windows import window_claims, window_tables
from slt_toys.worlds.window_study import window_study


@pytest.fixture(scope="module")
def study():
    return window_study()


@pytest.mark.slow
def test_claims_come_out_against_the_law(study):
    assert [claim.verdict for claim in window_claims(study)] == ["no", "no"]
    first, estimates = window_claims(study)
    assert first.value is not None and first.expected is not None and first.value < 0.8 * first.expected
    assert estimates.value is not None and 0.7 < estimates.value < 0.9


@pytest.mark.slow
def test_claims_would_come_out_otherwise(study):
    law_holds = study.copy(deep=True)
    law_holds["by_temperature_end_slope"][:] = window_claims(study)[0].expected
    assert window_claims(law_holds)[0].verdict == "yes"
    never_first = study.copy(deep=True)
    never_first["by_temperature_worst_onset"][:] = 30.0
    assert window_claims(never_first)[0].verdict == "cannot tell"
    done = study.copy(deep=True)
    done["published_share_at_switch"][:] = 0.99
    assert window_claims(done)[1].verdict == "yes"


@pytest.mark.slow
def test_tables_and_figure(study):
    tables = {table.name: table for table in window_tables(study)}
    assert len(tables["windows_by_ingredient"].rows) == 16
    assert [row[0] for row in tables["published_estimates"].rows] == ["64", "128", "256"]
    assert any("none harms" in row for row in tables["windows_by_ingredient"].rows)
    use_style()
    figure = windows(study)
    assert [axes.get_title(loc="left")[0] for axes in figure.axes] == list("abcde")
    drawn = figure.axes[1].get_lines()[0].get_ydata()
    assert np.allclose(drawn, float(study["law_shift"]))
