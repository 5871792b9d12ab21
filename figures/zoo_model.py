"""Any model of the zoo that has no figure of its own: what was simulated, beside its law.

Law drawn: whatever the model keeps under ``NAME_law``.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures.style import LAW, SAMPLED, use_style

REACH = 1.96


def draw(dataset: xr.Dataset) -> Figure:
    """Draw a panel for each variable along one dimension that has a law; axes of wide positive ranges are logarithmic.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run NAME`` writes it: ``x`` with ``x_law``, and ``x_error`` where it is random.
        Attributes ``long_name`` and ``units`` of a variable or a coordinate are told on its axis.

    Raises
    ------
    ValueError
        If no variable along one dimension has a law.
    """
    use_style()
    shown = [str(name) for name in dataset if dataset[name].ndim == 1 and f"{name}_law" in dataset]
    if not shown:
        raise ValueError("dataset has no variable NAME along one dimension with a NAME_law: there is nothing to draw")
    figure, panels = plt.subplots(1, len(shown), figsize=(1.5 + 4.2 * len(shown), 4), squeeze=False)
    for axes, name in zip(panels[0], shown, strict=True):
        found, place = dataset[name], dataset[dataset[name].dims[0]]
        error = dataset[f"{name}_error"].values if f"{name}_error" in dataset else np.zeros(found.size)
        axes.plot(place, dataset[f"{name}_law"], **LAW, label="law")
        axes.errorbar(place, found, REACH * error, **SAMPLED, label="simulated, 95 %")
        axes.set(xlabel=_told(place), ylabel=_told(found))
        if _is_wide(place.values):
            axes.set_xscale("log")
        if _is_wide(found.values):
            axes.set_yscale("log")
        axes.legend()
    return figure


def _told(variable: xr.DataArray) -> str:
    """Name of a variable with its unit."""
    name = str(variable.attrs.get("long_name", variable.name)).replace("_", " ")
    unit = variable.attrs.get("units", "")
    return f"{name} [{unit}]" if unit else name


def _is_wide(values: np.ndarray) -> bool:
    """Whether a logarithmic axis shows more: all positive, over more than a factor of ten."""
    return bool(np.all(values > 0) and values.max() > 10 * values.min())
