"""What the critical-period experiment asks beyond its arms: which window is worst, and what estimates of λ show."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..fits.ends import HINGE, find_end
from ..potentials.catalogue import find_pair
from ..protocol.schedule import Ending
from ..reference.laws import law
from ..reference.published import published_curves
from ..reference.published_coefficients import published_estimates
from ..results.progress import progress
from ..zoo import logistic_pathways
from .coefficient_along_run import LOCALISATION, N_BETA, coefficients_along_run, share_of_rise
from .onset_windows import DECAY, STARTS, TEMPERATURES, ingredients, training_at, worst_by_temperature

FIRST_TEMPERATURES = (0.05, 0.1, 0.16, 0.25, 0.3, 0.4, 0.6, 0.8, 1.2)
PAIRS = {"one λ": "regular_double_well", "two λ": "singular_double_well_2_4"}
SWITCHES, TOTAL = tuple(range(0, 121, 8)), Ending("total", 250)
WELL_CURVATURE = 8.0  # of (w²-1)² at ±1: the pair with one λ
PATHWAY_ONSETS, PATHWAY_LENGTH = np.linspace(0.0, 12.0, 49), 0.5  # in flow time


def window_study() -> xr.Dataset:
    """All that is exact, and the published estimates beside it.

    Returns
    -------
    xarray.Dataset
        Of :func:`~slt_toys.worlds.onset_windows.ingredients` and, by the temperature of the first epoch, of
        :func:`~slt_toys.worlds.onset_windows.worst_by_temperature` (names begin with ``by_temperature_``); of
        :func:`~slt_toys.worlds.coefficient_along_run.coefficients_along_run` for a pair with one learning coefficient
        and one with two (names begin with ``run_``); of two logistic pathways (``pathway_``); and published estimates
        by batch size and row, with the share of their rise that is done at the hinge of the accuracy. ``law_shift``
        [eq:epochs-per-halving] and ``run_law`` [eq:estimate-in-a-run], for the pair with one coefficient, stand beside.
    """
    with progress("windows and coefficients", 3) as advance:
        parts = [ingredients()]
        advance()
        by = [worst_by_temperature(FIRST_TEMPERATURES, start) for start in STARTS]
        names = {"temperature": "first_temperature"}
        joined = xr.concat(by, xr.Variable("start", list(STARTS))).rename(names)
        parts.append(joined.rename({name: f"by_temperature_{name}" for name in joined.data_vars}))
        advance()
        training = training_at(TEMPERATURES["mixes at first"])
        runs = [coefficients_along_run(find_pair(name), training, SWITCHES, TOTAL) for name in PAIRS.values()]
        run = xr.concat(runs, xr.Variable("coefficients", list(PAIRS)), combine_attrs="drop")
        parts.append(run.rename({"switch_epoch": "run_epoch", **{name: f"run_{name}" for name in run.data_vars}}))
        advance()
    cooling = training.temperatures(SWITCHES[-1] + 1)[list(SWITCHES)]
    reading = law("estimate-in-a-run")(
        n_beta=N_BETA, localisation=LOCALISATION, curvature=WELL_CURVATURE, temperature=cooling
    )  # fmt: skip
    laws = {"law_shift": law("epochs-per-halving")(decay=DECAY), "run_law": ("run_epoch", reading)}
    return xr.merge([*parts, _pathways(), _published()], combine_attrs="drop").assign(laws)


def _pathways() -> xr.Dataset:
    """Two logistic pathways: Fisher information by flow time, and the share that a window from then on costs."""
    costs = [0.5 - logistic_pathways.share_after_window(onset, PATHWAY_LENGTH) for onset in PATHWAY_ONSETS]
    traces = logistic_pathways.fisher_trace(logistic_pathways.logit_after(PATHWAY_ONSETS))
    return xr.Dataset(
        {"pathway_fisher_trace": ("pathway_onset", traces), "pathway_cost": ("pathway_onset", costs)},
        coords={"pathway_onset": PATHWAY_ONSETS},
    )


def _published() -> xr.Dataset:
    """Estimates by batch size and row, padded with nan, and what is done of their rise when accuracy has fallen."""
    estimates, curves = published_estimates(), published_curves()
    sizes, width = list(estimates), max(own.switch_epochs.size for own in estimates.values())
    table = np.full((3, len(sizes), width), np.nan)
    hinges, done = [], []
    for row, size in enumerate(sizes):
        own, curve = estimates[size], curves[size]
        table[:, row, : own.switch_epochs.size] = own.switch_epochs, own.at_switch, own.final
        end = find_end(curve.switch_epochs, curve.final_accuracy, HINGE).epoch
        hinges.append(np.nan if end is None else end)
        done.append([share_of_rise(own.switch_epochs, values, hinges[-1]) for values in (own.at_switch, own.final)])
    cells = ("published_batch_size", "published_row")
    return xr.Dataset(
        {
            "published_epoch": (cells, table[0]),
            "published_at_switch": (cells, table[1]),
            "published_final": (cells, table[2]),
            "published_hinge": ("published_batch_size", hinges),
            "published_share_at_switch": ("published_batch_size", [shares[0] for shares in done]),
            "published_share_final": ("published_batch_size", [shares[1] for shares in done]),
        },
        coords={"published_batch_size": sizes},
    )
