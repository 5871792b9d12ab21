"""λ̂ along training: exact quadratics, trust at minima alone, the same whatever the order, resumed, refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from slt_toys.learning_coefficient import checkpoints as under_test
from slt_toys.learning_coefficient.checkpoints import track
from tests.learning_coefficient.made_losses import DOUBLE, ONES, Loss, mean
from tests.seeds import fresh_seed

CURVATURES = torch.tensor([4.0, 1.0, 0.3], dtype=DOUBLE)
AWAY = torch.tensor([0.5, -1.0, 2.0], dtype=DOUBLE)
QUICK = {"n_beta": 1000.0, "draws": 60}  # where the outcome does not matter


class Stopped(Exception):
    """As an interruption is, but seen by the test alone."""


def bowl() -> Loss:
    """λ = 3/2 at its minimum, 0."""
    return Loss(lambda w: (CURVATURES * w**2).sum() / 2 + 1, [0.0, 0.0, 0.0])


def at(*places) -> dict[int, dict[str, torch.Tensor]]:
    return {10 * k: {"w": torch.as_tensor(place, dtype=DOUBLE)} for k, place in enumerate(places)}


def followed(given, module=None, **options) -> xr.Dataset:
    return track(given, module or bowl(), mean, (ONES, None), **{**QUICK, **options})


def test_a_slope_is_tracked_and_a_minimum_trusted():
    """The bowl has one curvature: all checkpoints measure the same, and only the last is a learning coefficient."""
    found = followed(at(AWAY, AWAY / 10, 0 * AWAY), seed=fresh_seed(), draws=256)
    assert list(found["outcome"].values) == ["track", "track", "trust"]
    assert all(abs(found["estimate"] - 1.5) < 5 * found["standard_error"])
    assert [reason.split(":")[0] for reason in found["reason"].values] == ["slope", "slope", "a minimum"]
    slopes = [float((CURVATURES * AWAY).norm()) / k for k in (1, 10)]
    assert found["slope"].values == pytest.approx([*slopes, 0.0])
    # Where nothing holds but the loss, the tilt is the height above the minimum.
    heights = 1000 * (found["loss"].values - 1)
    assert found["tilt"].values == pytest.approx(heights, rel=0.02)
    assert np.isnan(found["learning_coefficient"].values[:2]).all()
    last = found.isel(step=2)
    assert abs(float(last["learning_coefficient"]) - 1.5) < 5 * float(last["learning_coefficient_error"])
    low, high = found["interval"].values.T
    assert (low < found["estimate"].values).all() and (found["estimate"].values < high).all()


def test_a_saddle_is_tracked_and_each_fall_counts_half_down():
    saddle = Loss(lambda w: (w[0] ** 2 + w[1] ** 2 - w[2] ** 2) / 2 + w[2] ** 4, [0.0, 0.0, 0.0])
    found = followed(at([0.0, 0.0, 0.0], [0.0, 0.0, 0.5]), saddle, seed=fresh_seed(), draws=256)
    first, last = found.isel(step=0), found.isel(step=1)
    assert str(first["outcome"].values) == "track" and str(first["reason"].values).startswith("saddle")
    assert float(first["falling"]) == 1 and float(first["lowest_curvature"]) == pytest.approx(-1)
    assert abs(float(first["estimate"]) - 0.5) < 5 * float(first["standard_error"]) + 0.03  # of fourth order
    assert str(last["outcome"].values) == "trust", str(last["reason"].values)
    assert abs(float(last["estimate"]) - 1.5) < 5 * float(last["standard_error"]) + 0.03


def test_a_localisation_that_freezes_a_minimum_is_no_learning_coefficient():
    found = followed(at(0 * AWAY), localisation=2000.0, seed=fresh_seed(), draws=256)
    assert str(found["outcome"].values[0]) == "track" and str(found["reason"].values[0]).startswith("localisation")
    weak = followed(at(0 * AWAY), localisation=2.0, seed=fresh_seed(), draws=256)
    assert str(weak["outcome"].values[0]) == "trust", str(weak["reason"].values[0])


def test_neither_order_nor_number_of_checkpoints_changes_one():
    given, few = at(AWAY, AWAY / 3), {"localisation": 3.0, "draws": 20}
    whole = followed(given, **few)
    turned = followed(dict(reversed(given.items())), **few)
    xr.testing.assert_identical(whole, turned)
    alone = followed({10: given[10]}, **few)
    xr.testing.assert_identical(alone, whole.sel(step=[10]))
    pairs = followed(((step, state) for step, state in given.items()), **few)
    xr.testing.assert_identical(whole, pairs)
    other = followed(given, **few, seed=1)
    assert (other["estimate"].values != whole["estimate"].values).all(), "the control: another seed is seen"


def test_a_stopped_track_goes_on(tmp_path, monkeypatch):
    given, measured = at(AWAY, AWAY / 3, AWAY / 9), []
    original = under_test.look

    def counted(*args, **kwargs):
        measured.append(1)
        if len(measured) == 3:
            raise Stopped
        return original(*args, **kwargs)

    monkeypatch.setattr(under_test, "look", counted)
    with pytest.raises(Stopped):
        followed(given, folder=tmp_path)
    found = followed(given, folder=tmp_path)
    assert len(measured) == 4, "two were finished, one was stopped and measured again"
    xr.testing.assert_identical(found, followed(given))
    monkeypatch.setattr(under_test, "look", lambda *args, **kwargs: pytest.fail("measured again"))
    xr.testing.assert_identical(found, followed(given, folder=tmp_path))
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        followed(given, Loss(lambda w: (CURVATURES * w**2).sum() / 3, [0.0] * 3), folder=tmp_path)


def test_the_localisation_is_one_for_all_and_told():
    found = followed(at(AWAY, 0 * AWAY))
    assert found["localisation"].values == pytest.approx([found.attrs["localisation"]] * 2)
    assert found["n_beta"].values == pytest.approx([1000.0] * 2)
    given = followed(at(AWAY, 0 * AWAY), localisation=7.5)
    assert given.attrs["localisation"] == 7.5


def test_the_sample_size_gives_n_over_log_n():
    found = followed(at(0 * AWAY), n_beta=None, examples=10_000)
    assert found.attrs["n_beta"] == pytest.approx(10_000 / np.log(10_000))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"folder": 3}, "folder: 3 must be the path of a folder"),
        ({"chains": 3}, "chains: 3 must be a whole number, at least 4"),
        ({"draws": 5}, "draws: 5 must be a whole number, at least 20"),
        ({"n_beta": -1.0}, "n_beta: -1.0 must be a positive number"),
        ({"n_beta": float("nan")}, "n_beta: nan must be a positive number"),
        ({"localisation": 0.0}, "localisation: 0.0 must be a positive number"),
        ({"n_beta": None, "examples": 2}, "examples: n/log n needs at least 3"),
    ],
)
def test_refusals(options, told):
    with pytest.raises(ValueError, match=rf"^{told}[^\n]*$"):
        followed(at(AWAY), **options)


def test_a_bad_checkpoint_is_refused_before_work(monkeypatch):
    monkeypatch.setattr(under_test, "look", lambda *args, **kwargs: pytest.fail("work began"))
    with pytest.raises(ValueError, match=r"^checkpoints: step 20: 'w' has shape \(2,\), the module's \(3,\)$"):
        followed(at(AWAY, AWAY, [1.0, 2.0]))
    with pytest.raises(ValueError, match=r"^checkpoints: step 10: 'w' is not finite$"):
        followed(at(AWAY, AWAY * float("inf")))
    with pytest.raises(ValueError, match=r"^data: Tensor must be a pair"):
        track(at(AWAY), bowl(), mean, ONES)


def test_a_loss_that_is_not_finite_at_a_checkpoint_names_it():
    grows = Loss(lambda w: torch.exp(w[0]) + (w**2).sum(), [0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match=r"^checkpoints: step 0: its loss on the data, or the slope, is not finite$"):
        followed(at([1000.0, 0.0, 0.0], [0.0, 0.0, 0.0]), grows)
