"""Intervals of e* hold it as often as they promise when seeds move whole curves, and one seed's do not."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.fits.ends import HALF_DEPTH, HINGE, find_end
from slt_toys.fits.seed_coverage import JitteredCurves, coverage_over_seeds
from tests.fits.covering import covers
from tests.seeds import fresh_generator, fresh_seed

CURVES = JitteredCurves()


def test_the_curves_have_the_end_that_is_said():
    still = JitteredCurves(scatter=0.0).draw(fresh_generator(), 1, 0.0)[0]
    for definition in (HINGE, HALF_DEPTH):
        assert find_end(CURVES.switch_epochs, still, definition).epoch == pytest.approx(CURVES.end(definition))
    moved = JitteredCurves(scatter=0.0).draw(fresh_generator(), 400, 5.0)
    kinks = np.array([find_end(CURVES.switch_epochs, each, HINGE).epoch for each in moved], dtype=float)
    assert abs(np.mean(kinks) - 107) < 5 * 5 / 20 and abs(np.std(kinks) - 5) < 5 * 5 / np.sqrt(800)


def test_counts_are_a_function_of_the_seed():
    options = {"jitters": (0.0, 10.0), "seeds": (1, 2), "runs": 3}
    found = coverage_over_seeds(CURVES, **options, seed=4)
    assert found.equals(coverage_over_seeds(CURVES, **options, seed=4))
    assert not found.equals(coverage_over_seeds(CURVES, **options, seed=5))
    assert (found["closed"] <= 3).all() and (found["held"] <= found["closed"]).all()
    assert (found["pooled_closed"].sel(seeds=1) == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("jitter", [0.0, 3.0, 10.0])
def test_intervals_of_several_seeds_hold_e_star_whatever_the_jitter(jitter):
    runs = 100
    found = coverage_over_seeds(CURVES, jitters=(jitter,), seeds=(1, 2, 3, 5, 8), runs=runs, seed=fresh_seed())
    for definition in ("hinge", "half_depth"):
        for seeds in (2, 3, 5, 8):
            own = found.sel(definition=definition, seeds=seeds).isel(jitter=0)
            assert own["closed"] >= 0.95 * runs
            assert covers(int(own["held"]), int(own["closed"]))
            for kind in ("pooled", "halving"):
                assert covers(int(own[f"{kind}_held"]), int(own["pooled_closed"]))
            assert own["pooled_width"] < own["width"]
    one = found.sel(definition="hinge", seeds=1).isel(jitter=0)
    # The control: within one seed the jitter is not seen.
    assert covers(int(one["held"]), int(one["closed"])) == (jitter < 10)


def test_bad_input_is_refused_in_one_line():
    with pytest.raises(ValueError, match="kink must lie within the rows but the last three"):
        JitteredCurves(kink=200.0)
    with pytest.raises(ValueError, match="runs and seeds must be at least 1"):
        coverage_over_seeds(CURVES, jitters=(0.0,), seeds=(0,), runs=3)
