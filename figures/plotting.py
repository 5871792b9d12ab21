"""One door to every drawing: a dataset tells what it is, and its axes are returned, to be labelled, moved or saved."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

EXPERIMENT = "experiment"  # the attribute that names it
TABLES = ("four_way_check", "interval_coverage")  # experiments without a figure
SWEEP = "failures"  # the attribute that every sweep has

# What the public functions return: the module that draws it, by variables that nothing else has.
KINDS = {
    "sampled_draws": {"w"},
    "phases": {"occupancy", "free_energy", "learning_coefficient", "temperature"},
    "learning_coefficient_track": {"estimate", "outcome", "interval", "loss"},
    "learning_coefficient_diagnostics": {"autocorrelation", "run_estimate"},
}
DIMENSIONS = {"sampled_draws": {"chain", "draw", "coordinate"}, "phases": {"n_beta", "phase"}}
JUDGED = {"r_hat", "bulk_effective_sample_size"}


def plot(dataset: xr.Dataset, experiment: str = "") -> tuple[Axes, ...]:
    """Draw a dataset: draws, a table of phases, a track of λ̂, or the result of an experiment.

    Parameters
    ----------
    dataset
        As `slt_toys.sample`, `sample_stages`, `read_draws`, `draws_from_tree`, `phase_table` or `track` returns it, or
        as an experiment writes it (NAME.nc): the attribute ``experiment`` says which.
    experiment
        Such as "phase_diagram" or "zoo_insight", where the dataset does not say it: one that an experiment's ``run()``
        has returned, or that was written before this attribute was.

    Returns
    -------
    tuple of matplotlib.axes.Axes
        All panels in order; ``axes[0].figure`` is their figure. matplotlib's own settings stay as they are.

    Raises
    ------
    ValueError
        In one line, where nothing draws such a dataset.
    """
    import matplotlib
    import xarray as xr

    if not isinstance(dataset, xr.Dataset):
        raise ValueError(f"dataset must be an xarray Dataset, not {type(dataset).__name__}")
    if not isinstance(experiment, str):
        raise ValueError(f"experiment must be a name, not {type(experiment).__name__}")
    module = _module_of(dataset, experiment)
    with matplotlib.rc_context():
        try:
            drawn = importlib.import_module(f"figures.{module}").draw(dataset)
        except (KeyError, AttributeError) as error:
            told = " ".join(str(error).split())[:80]
            raise ValueError(f"dataset: it is not what draws as {module}: it lacks {told}") from error
    figures = [*drawn.values()] if isinstance(drawn, Mapping) else [drawn]
    return tuple(axes for figure in figures for axes in figure.axes)


def _module_of(dataset: xr.Dataset, experiment: str) -> str:
    """The module of ``figures`` that draws it."""
    attributes: Mapping[Any, Any] = dataset.attrs
    if SWEEP in attributes:
        raise ValueError("dataset: it is of a sweep, whose points are results of their own; plot one of those")
    if name := experiment or str(attributes.get(EXPERIMENT, "")):
        return _experiment_module(name)
    variables = set(map(str, dataset.variables))
    for module, needed in KINDS.items():
        if needed <= variables and DIMENSIONS.get(module, set()) <= set(map(str, dataset.dims)):
            return module
    if variables >= JUDGED:
        raise ValueError("dataset: a diagnosis is a table, not drawn; plot the draws that it is of")
    shown = ", ".join(sorted(variables)[:6]) or "none"
    raise ValueError(
        f"dataset: nothing draws one with the variables {shown}; if an experiment made it, name it: experiment=..."
    )


def _experiment_module(name: str) -> str:
    """Its own module, or that of the experiment it is an option of, or, in the zoo, the one that draws any model."""
    if name in TABLES:
        raise ValueError(f"experiment: {name} has tables and no figure; python -m slt_toys.results show tells them")
    plain = re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None
    for module in (name, re.sub(r"_\d+$", "", name)):
        if plain and importlib.util.find_spec(f"figures.{module}") and _draws(module):
            return module
    if plain and name.startswith("zoo_"):
        return "zoo_model"
    from difflib import get_close_matches

    from figures.__main__ import drawings

    nearest = get_close_matches(name, drawings(), n=1, cutoff=0.5)
    told = f"do you mean {nearest[0]}?" if nearest else "such a name is phase_diagram or zoo_insight"
    raise ValueError(f"experiment: there is no figure of {name!r}; {told}")


def _draws(module: str) -> bool:
    return hasattr(importlib.import_module(f"figures.{module}"), "draw")
