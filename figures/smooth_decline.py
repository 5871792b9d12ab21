"""Smooth declines: the spectrum behind them, where it can no longer be read, and when single transitions show."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from figures.style import (
    EXACT,
    FAINT,
    INK,
    LAW,
    PALETTE,
    SAMPLED,
    phase_colour_map,
    plain_ticks,
    reach,
    series,
    use_style,
)

METHODS = {"fokker_planck": "Fokker-Planck", "eyring_kramers": "Eyring-Kramers", "gumbel": "Gumbel"}
HEADROOM = 1.75  # over the tallest, for the legend
REJECTED = PALETTE[3]
CENTRED: dict[str, Any] = {"ha": "center", "va": "center"}


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.smooth_decline`` writes it.
    """
    use_style()
    declines = dataset.sizes["decline"]
    below = [
        draw for name, draw in (("recovery_found", _map), ("transitions_detected", _transitions)) if name in dataset
    ]
    figure = plt.figure(figsize=(14.2, 10.4 if below else 5.6))
    grid = figure.add_gridspec(2 if below else 1, 2, hspace=0.06, wspace=0.05)
    _declines(figure.add_subplot(grid[0, 0]), dataset)
    stacked = grid[0, 1].subgridspec(declines, 1, hspace=0.03)
    upper: Axes | None = None
    for k in range(declines):
        axes = figure.add_subplot(stacked[k], sharex=upper)
        upper = upper or axes
        _spectrum(axes, dataset.isel(decline=k), _shown(dataset), first=k == 0, last=k == declines - 1)
    for place, panel in enumerate(below):
        cell = grid[1, place] if len(below) == 2 else grid[1, :]
        panel(figure.add_subplot(cell), dataset, "cd"[place])
    source = (
        f"read by the {METHODS[str(dataset.attrs['method'])]} kernel"
        if dataset.attrs["measured"]
        else f"{dataset.attrs['chains']} Langevin chains each"
    )
    title = f"Which barriers does a smooth decline show, and where does that stop? ({source})"
    rejected = _rejected(dataset)
    figure.suptitle(f"{rejected}\n{title}" if rejected else title, color=REJECTED if rejected else None)
    return figure


def _rejected(dataset: xr.Dataset) -> str:
    """That what was fitted to a decline of one's own does not explain it, for the head of the figure."""
    if not dataset.attrs["measured"]:
        return ""
    first = dataset.isel(decline=0)
    doubts = [str(first[f"doubt_{name}"].values).partition("): ") for name in ("windows", "separate")]
    return next((f"Rejected: {head}{')' * bool(mark)}" for head, mark, _ in doubts if head), "")


def _looks(dataset: xr.Dataset) -> list[dict[str, Any]]:
    return [{"color": look.colour, "marker": look.marker} for look in series(4)[1::2][: dataset.sizes["decline"]]]


def _declines(axes: Axes, data: xr.Dataset) -> None:
    for k, look in enumerate(_looks(data)):
        decline = data.isel(decline=k)
        name = str(decline["name"].values)
        axes.errorbar(
            data["switch_epoch"], decline["share"], yerr=1.96 * decline["share_error"], linestyle="none",
            markersize=4.5, markerfacecolor="white", capsize=1.5, elinewidth=1.0, label=f"{name}, 95 %", zorder=3,
            **look,
        )  # fmt: skip
        axes.plot(data["switch_epoch"], decline["fit_separate"], color=look["color"], linewidth=1.6, zorder=2,
                  label=f"fit of {int(decline['number'])} barriers")  # fmt: skip
        axes.plot(data["switch_epoch"], decline["fit_smooth"], **(LAW | {"color": INK, "linewidth": 1.1}), zorder=4,
                  label="fit of a smooth spectrum" if k == data.sizes["decline"] - 1 else None)  # fmt: skip
    axes.set(xlabel="switch epoch", ylabel="share that ends stuck",
             title="a  The decline, as the share that ends stuck")  # fmt: skip
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda k: labels[k].startswith("fit"))  # what was seen comes first
    axes.legend([handles[k] for k in order], [labels[k] for k in order], loc="upper left", handlelength=2.4)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.12 * (high - low))


def _shown(data: xr.Dataset) -> tuple[float, float]:
    """Heights at which some window may hold weight, and a window more on either side."""
    filled = np.flatnonzero((_ends(data)[..., 1] > 0.02).any(axis=0))
    edges = data["edge"].values
    if not filled.size:
        return float(edges[0]), float(edges[-1])
    return float(edges[max(filled[0] - 1, 0)]), float(edges[min(filled[-1] + 2, len(edges) - 1)])


def _ends(data: xr.Dataset) -> np.ndarray:
    """Intervals of the windows, at most the whole; nothing where there are none."""
    return np.minimum(np.nan_to_num(data["window_interval"].values, nan=0.0, posinf=1.0), 1.0)


def _spectrum(axes: Axes, decline: xr.Dataset, heights_shown: tuple[float, float], first: bool, last: bool) -> None:
    edges, ends = decline["edge"].values, _ends(decline)
    per_log = np.diff(np.log(edges))
    told = "rejected" if str(decline["doubt_windows"].values) else "95 %"
    for k, (low, high) in enumerate(ends):
        axes.fill_between(edges[k : k + 2], low / per_log[k], high / per_log[k], color="#d9d9d9", linewidth=0, zorder=1,
                          label=f"inversion: windows, {told}" if k == 0 else None)  # fmt: skip
        axes.plot(
            edges[k : k + 2],
            [decline["window_weight"].values[k] / per_log[k]] * 2,
            color=FAINT,
            linewidth=1.4,
            zorder=2,
        )
    colour = series(4)[2].colour
    axes.plot(decline["height"], decline["log_density"], color=colour, linewidth=1.6, linestyle=(0, (5, 2)), zorder=3,
              label="inversion: density")  # fmt: skip
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    number = int(decline["number"])
    heights, weights = decline["barrier"].values[:number], decline["weight"].values[:number]
    widths, sizes = decline["barrier_interval"].values[:number], decline["weight_interval"].values[:number]
    artist = right.errorbar(
        heights, weights, xerr=reach(heights, *widths.T), yerr=reach(weights, *sizes.T), **SAMPLED, zorder=5
    )
    shown, labels = axes.get_legend_handles_labels()
    handles: list[Any] = [*shown, artist]
    labels.append(f"{number} barriers fitted, {'rejected' if str(decline['doubt_separate'].values) else '95 %'}")
    top = float(np.nanmax(np.append(sizes[:, 1], weights), initial=0.1))
    if "true_barrier" in decline:
        if int(decline["smooth"]):
            handles += axes.plot(decline["height"], decline["true_log_density"], **EXACT, zorder=4)
            labels.append("truth: density")
        else:
            places, truth = decline["true_barrier"].values, decline["true_weight"].values
            handles.append(right.vlines(places, 0, truth, color=INK, linewidth=2.2, zorder=4))
            labels.append("truth: barriers (right scale)")
            top = max(top, float(np.nanmax(truth)))
    right.set(ylim=(0, HEADROOM * top), ylabel="weight of a barrier")
    level = max(float((ends[:, 1] / per_log).max()), float(decline["log_density"].max()))
    axes.set(xscale="log", xlim=heights_shown, ylim=(0, HEADROOM * level), ylabel="weight per log height")
    axes.set_zorder(right.get_zorder() - 1)
    axes.legend(handles, labels, loc="upper left", ncols=2, handlelength=2.2, title=str(decline["name"].values),
                alignment="left")  # fmt: skip
    plain_ticks(axes.xaxis, LogLocator(subs=(1, 2, 5)))
    if first:
        axes.set_title("b  Barriers recovered, with intervals, and the truth where it is known")
    if last:
        axes.set_xlabel("barrier height (units of loss)")
    else:
        axes.tick_params(labelbottom=False, which="both")


def _map(axes: Axes, data: xr.Dataset, letter: str) -> None:
    wanted = int(data.attrs["recovery_number"])
    share = (data["recovery_found"] == wanted).mean("run").values
    ratios, noises = data["ratio"].values, data["noise"].values
    image = axes.imshow(share.T, origin="lower", aspect="auto", cmap=phase_colour_map(), vmin=0, vmax=1)
    for i in range(len(ratios)):
        for j in range(len(noises)):
            ground = {"facecolor": image.cmap(image.norm(share[i, j])), "edgecolor": "none", "pad": 1.5}
            axes.text(i, j, f"{round(100 * share[i, j])} %", color="white" if share[i, j] < 0.55 else INK, bbox=ground,
                      zorder=5, **CENTRED)  # fmt: skip
    limits = data["recovery_limit"].values
    # Ratios are drawn at equal distances, so a limit is placed between them by its logarithm.
    known = np.log(np.append(1.0, ratios))
    places = np.interp(np.log(limits), known, np.arange(-1.0, len(ratios)), right=len(ratios) - 0.5)
    for j, place in enumerate(places):
        axes.plot([place, place], [j - 0.5, j + 0.5], color="white", linewidth=4.6, zorder=3)
        axes.plot([place, place], [j - 0.5, j + 0.5], color=LAW["color"], linewidth=2.4, zorder=4,
                  label="two of them are resolved" if j == 0 else None)  # fmt: skip
    axes.set_xticks(range(len(ratios)), [f"{ratio:.3g}" for ratio in ratios])
    axes.set_yticks(range(len(noises)), [f"{noise:g}" for noise in noises])
    axes.set(
        xlabel="ratio of neighbouring barriers", ylabel="standard error of the stuck share",
        xlim=(-0.5, len(ratios) - 0.5),
        title=f"{letter}  How often {wanted} equal barriers are recovered ({data.sizes['run']} declines a cell)",
    )  # fmt: skip
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.legend(loc="upper right", bbox_to_anchor=(1.0, -0.09), handlelength=1.6)
    axes.figure.colorbar(image, ax=axes, label=f"share in which {wanted} are found", pad=0.02)


def _transitions(axes: Axes, data: xr.Dataset, letter: str) -> None:
    every = data["every"].values
    total = float(data.attrs["expected_total"])
    axes.axhline(total, color=FAINT, linewidth=1.0, linestyle=":", zorder=1)
    axes.annotate(f"all transitions of a run: {total:.2f}", (every[0], total), xytext=(0, 4),
                  textcoords="offset points", ha="left", va="bottom", fontsize=9.5)  # fmt: skip
    axes.plot(every, data["transitions_expected_separate"], **EXACT, label="law: separate", zorder=2)
    axes.plot(every, data["transitions_expected_detected"], **LAW, label="law: detected", zorder=3)
    look = series(4)[2]
    for shift, name, style, label in (
        (0.94, "separate", {**SAMPLED, "marker": look.marker, "markeredgecolor": look.colour, "ecolor": look.colour},
         "simulated: separate, 95 %"),
        (1.06, "detected", SAMPLED, "simulated: detected in the loss, 95 %"),
    ):  # fmt: skip
        axes.errorbar(every * shift, data[f"transitions_{name}"], yerr=1.96 * data[f"transitions_{name}_error"],
                      label=label, zorder=4, **style)  # fmt: skip
    epoch = int(data.attrs["steps_per_epoch"])
    axes.axvline(epoch, color=INK, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1)
    axes.annotate("one epoch", (epoch, 0.02), xycoords=("data", "axes fraction"), xytext=(-4, 0),
                  textcoords="offset points", rotation=90, ha="right", va="bottom", fontsize=9.5)  # fmt: skip
    axes.set(
        xscale="log", ylim=(0, total * 1.22), xlabel="recording interval (minibatches)",
        ylabel="transitions resolved, per run",
        title=f"{letter}  {data.attrs['barriers']} barriers under SGD: which transitions are resolved",
    )  # fmt: skip
    plain_ticks(axes.xaxis, every)
    axes.legend(loc="lower left", handlelength=2.4)
