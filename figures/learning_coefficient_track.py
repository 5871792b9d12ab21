"""The loss along training, and beneath it the local learning coefficient with what it is: trust, track or doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures.style import FAINT, INK, PALETTE, narrow_log_ticks, plain_ticks, reach, use_style

LOOKS: dict[str, dict[str, Any]] = {
    "trust": {"marker": "o", "color": PALETTE[0], "markerfacecolor": PALETTE[0], "label": "trust: a minimum"},
    "track": {"marker": "s", "color": PALETTE[1], "markerfacecolor": "white", "label": "track: a slope or a saddle"},
    "doubt": {"marker": "x", "color": FAINT, "markerfacecolor": FAINT, "label": "doubt"},
}
MARGIN = 0.12  # of the range of what is shown, left free on either side


def draw(dataset: xr.Dataset) -> Figure:
    """Draw tracks side by side.

    Parameters
    ----------
    dataset
        As `slt_toys.track` returns it, along ``step``; or tracks of several runs along ``row`` with the coordinates
        ``run`` and ``step``, and, where they are known, ``exact`` (NaN elsewhere) and ``held_out_loss``.
    """
    use_style()
    tracks = _tracks(dataset)
    figure = Figure(figsize=(max(6.6, 3.7 * len(tracks)), 6.4))
    axes = figure.subplots(2, len(tracks), sharex="col", squeeze=False, height_ratios=(1, 1.5))
    for above, below, (name, part) in zip(axes[0], axes[1], tracks, strict=True):
        _losses(above, part)
        _estimates(below, part)
        above.set_title(name)
        below.set_xlabel("step of training")
    axes[0, 0].set_ylabel("loss")
    axes[1, 0].set_ylabel(r"local energy $\hat\lambda$, tangent removed")
    shown: dict[str, Any] = {}
    for each in axes.ravel():
        handles, labels = each.get_legend_handles_labels()
        shown |= {label: handle for handle, label in zip(handles, labels, strict=True) if label not in shown}
    figure.legend(list(shown.values()), list(shown), loc="outside lower center", ncols=min(4, len(shown)))
    return figure


def _tracks(dataset: xr.Dataset) -> list[tuple[str, xr.Dataset]]:
    if "run" not in dataset.variables:
        return [(str(dataset.attrs.get("title", "")), dataset)]
    runs = list(dict.fromkeys(str(name) for name in dataset["run"].values))
    return [(name, dataset.isel(row=dataset["run"].values.astype(str) == name)) for name in runs]


def _losses(axes: Axes, part: xr.Dataset) -> None:
    step = part["step"].values.astype(float)
    axes.plot(step, part["loss"], color=INK, marker=".", label="loss")
    if "held_out_loss" in part and np.isfinite(part["held_out_loss"]).any():
        axes.plot(step, part["held_out_loss"], color=PALETTE[3], linestyle="--", marker=".", label="loss held out")
    values = part["loss"].values
    if values.min() > 0 and values.max() > 10 * values.min():
        axes.set_yscale("log")
        narrow_log_ticks(axes.yaxis)
    # Steps of training are looked at in powers, and the first is 0.
    positive = step[step > 0]
    if len(positive) and step.max() > 20 * positive.min():
        least = float(positive.min())
        axes.set_xscale("symlog", linthresh=least)
        axes.set_xlim(-0.1 * least, 1.15 * step.max())
        powers = 10.0 ** np.arange(np.ceil(np.log10(least)), np.log10(step.max()) + 1e-9)
        plain_ticks(axes.xaxis, [0.0, *powers.tolist()])


def _estimates(axes: Axes, part: xr.Dataset) -> None:
    step, value = part["step"].values.astype(float), part["estimate"].values
    outcome = part["outcome"].values.astype(str)
    low, high = part["interval"].values.T
    sure = outcome != "doubt"
    shown = np.concatenate([value[sure], low[sure], high[sure]]) if sure.any() else value
    exact = part["exact"].values if "exact" in part else np.full(len(step), np.nan)
    shown = np.concatenate([shown, exact[np.isfinite(exact)]])
    shown = shown[np.isfinite(shown)]
    bottom, top = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 1.0)
    room = MARGIN * (top - bottom or 1.0)
    axes.set_ylim(bottom - room, top + room)
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.plot(step[sure], value[sure], color=FAINT, linewidth=1.0, zorder=1)
    for name, look in LOOKS.items():
        which = outcome == name
        inside = which & (value >= bottom - room) & (value <= top + room)
        error = reach(value[inside], low[inside], high[inside])
        axes.errorbar(step[inside], value[inside], error, linestyle="none", capsize=2.5, zorder=2, **look)
        for x, y in zip(step[which & ~inside], value[which & ~inside], strict=True):
            # Beyond the axes: what is doubted does not set their range.
            at_top = bool(y > top)
            axes.plot(x, 0.985 if at_top else 0.015, transform=axes.get_xaxis_transform(), clip_on=False,
                      marker="^" if at_top else "v", color=look["color"], markersize=6)  # fmt: skip
    known = np.isfinite(exact)
    if known.any():
        axes.axhline(exact[known][0], color=PALETTE[3], linestyle=(0, (5, 2.5)), linewidth=1.4, zorder=1.5,
                     label="exact learning coefficient, where it ends")  # fmt: skip
    axes.yaxis.set_major_locator(MaxNLocator(6))
