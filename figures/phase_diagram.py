"""The phase diagram: equilibrium, mixing times and the end of the critical period, toy and published.

Where the published curves are not asked for, the last panel shows the two energies and the ends by each definition.

Laws drawn: the ends [eq:critical-period-end-exponential] with their shift [eq:epochs-per-halving], collapsed over
[eq:scaling-variable], and the crossover of free energies [eq:crossover].
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import (
    EXACT,
    FAINT,
    INK,
    LAW,
    SAMPLED,
    narrow_log_ticks,
    phase_colour_map,
    plain_ticks,
    power_of_ten,
    reach,
    series,
    settle,
    use_style,
)  # fmt: skip

# log10 of epochs needed to change phase, shown between a hundredth of an epoch and a million.
SHOWN = (-2.0, 6.0)
LONGEST = 110  # letters of a title


def titled(name: str) -> str:
    """A name that fits over the figure: the whole of a long energy stands in the tables."""
    return name if len(name) <= LONGEST else f"{name[:LONGEST].rsplit(' ', 1)[0]} ..."


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.phase_diagram`` writes it.
    """
    use_style()
    figure = plt.figure(figsize=(13.6, 10.4))
    grid = figure.add_gridspec(2, 2, hspace=0.04, wspace=0.03)
    _equilibrium(figure.add_subplot(grid[0, 0]), dataset)
    _kinetics(figure.add_subplot(grid[0, 1]), dataset)
    _stuck(figure, grid[1, 0], dataset)
    if "published_batch_size" in dataset.sizes:
        _published(figure, grid[1, 1], dataset)
    else:
        _own(figure, grid[1, 1], dataset)
    energy = dataset.attrs.get("energy_latex", "")
    name = str(dataset.attrs["potential"]).replace("_", " ")
    figure.suptitle(f"{name}:  $L = {energy}$" if 0 < len(energy) < 120 else titled(name))
    settle(figure)
    return figure


def _equilibrium(axes: Axes, data: xr.Dataset) -> None:
    stuck, preferred = data.attrs["stuck_phase"], data.attrs["preferred_phase"]
    temperature, gap = data["temperature"].values, data["loss_gap"].values
    mesh = axes.pcolormesh(
        temperature, gap, data["occupancy"].values.T, cmap=phase_colour_map(), vmin=0, vmax=1, shading="nearest",
        rasterized=True,
    )  # fmt: skip
    axes.plot(temperature, data["boundary_exact"], **EXACT, label="exact: $F$ equal")
    axes.plot(temperature, data["boundary_asymptotic"], **LAW, label=r"asymptotic: $L, \lambda, m, C$")
    if data.sizes["sampled_temperature"]:
        middle, low, high = (data[f"boundary_sampled{s}"].values for s in ("", "_low", "_high"))
        axes.errorbar(
            data["sampled_temperature"], middle, yerr=[middle - low, high - middle], **SAMPLED, label="sampled, 95 %"
        )
    for name, style in (("clean", "-"), ("deficit", (0, (1, 2)))):
        axes.axhline(data.attrs[f"{name}_gap"], color="white", linewidth=1.1, linestyle=style)
        axes.annotate(
            name, (temperature[-1], data.attrs[f"{name}_gap"]), xytext=(-4, 3), textcoords="offset points", ha="right",
            color=INK, fontsize=9,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )  # fmt: skip
    axes.set(
        xscale="log",
        xlim=(temperature[0], temperature[-1]),
        ylim=(gap[0], gap[-1]),
        xlabel=r"temperature $T = 1/n\beta$ (loss)",
        ylabel=f"loss gap $L_{{\\mathrm{{{stuck}}}}} - L_{{\\mathrm{{{preferred}}}}}$",
        title="a  Equilibrium: which phase the posterior prefers",
    )
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.set_label(f"occupancy of '{stuck}' (of the two)")
    axes.legend(loc="lower left", frameon=True, framealpha=0.85, edgecolor="none")


def _kinetics(axes: Axes, data: xr.Dataset) -> None:
    epochs, sizes = data["map_epoch"].values, data["map_batch_size"].values
    values = np.clip(data["log10_relaxation_epochs"].values, *SHOWN)
    mesh = axes.pcolormesh(
        epochs, sizes, values, cmap=phase_colour_map(), vmin=SHOWN[0], vmax=SHOWN[1], shading="nearest", rasterized=True
    )
    levels = [0, 1, 2, 3, 4]
    lines = axes.contour(epochs, sizes, values, levels=levels, colors="white", linewidths=0.8)
    batch = data["batch_size"].values
    below = float(np.sqrt(sizes[0] * batch[0]))  # clear of the law and its markers
    row = values[np.argmin(np.abs(sizes - below))]
    places = [(float(np.interp(level, row, epochs)), below) for level in levels if row[0] < level < row[-1]]
    places = [place for place in places if place[0] < 0.97 * epochs[-1]]
    axes.clabel(lines, fmt={level: power_of_ten(level) for level in levels}, fontsize=8.5, manual=places)
    half = data.sel(definition="half_stuck_mass")
    axes.plot(data["law_end_epoch"], batch, **LAW, label=r"law: $e^* = e_0 + \log B/\log\gamma$", zorder=4)
    axes.plot(
        half["exact_end_epoch"], batch, color=INK, linestyle="none", marker="D", markersize=8,
        label="exact (Fokker–Planck)", zorder=5,
    )  # fmt: skip
    end, low, high = (half[f"sampled_end_{name}"].values for name in ("epoch", "low", "high"))
    axes.errorbar(end, batch, xerr=reach(end, low, high), **SAMPLED, label="sampled, 95 %", zorder=6)
    axes.set(
        yscale="log", xlabel="epoch", ylabel="batch size $B$", xlim=(0, epochs[-1]), ylim=(sizes[0], sizes[-1]),
        title="b  Kinetics: epochs needed to change phase, and $e^*$",
    )  # fmt: skip
    plain_ticks(axes.yaxis, batch)
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, extend="both")
    bar.set_label("relaxation time (epochs)")
    bar.set_ticks(range(int(SHOWN[0]), int(SHOWN[1]) + 1, 2))
    bar.set_ticklabels([power_of_ten(k) for k in range(int(SHOWN[0]), int(SHOWN[1]) + 1, 2)])
    axes.legend(loc="upper right", frameon=True, framealpha=0.85, edgecolor="none")


def _stuck(figure: Figure, place: Any, data: xr.Dataset) -> None:
    left, right = (figure.add_subplot(cell) for cell in place.subgridspec(1, 2, wspace=0.03))
    looks = series(data.sizes["batch_size"])
    for row, look in enumerate(looks):
        own = data.isel(batch_size=row)
        for axes, fine, coarse in (
            (left, own["switch_epoch"], own["sampled_switch_epoch"]),
            (right, own["switch_temperature"], own["sampled_switch_temperature"]),
        ):
            axes.plot(fine, own["stuck_exact"], color=look.colour, linestyle=look.line_style)
            axes.errorbar(
                coarse, own["stuck_sampled"], yerr=1.96 * own["stuck_sampled_error"], linestyle="none",
                marker=look.marker, color=look.colour, markersize=4.5, markerfacecolor="white", elinewidth=1,
            )  # fmt: skip
    for axes in (left, right):
        axes.axhline(0.5, color="#bbbbbb", linewidth=0.9, zorder=0)
        axes.set_ylim(-0.02, 1.02)
    left.set(xlabel="switch epoch $e_s$", ylabel=f"ends stuck in '{data.attrs['stuck_phase']}'", xlim=(0, None))
    left.set_title("c  Stuck probability")
    right.set(xlabel=r"temperature at the switch $T(e_s)$ (loss)", xscale="log", title="collapsed")
    right.invert_xaxis()
    narrow_log_ticks(right.xaxis)
    right.tick_params(labelleft=False)
    handles = [
        left.plot(
            [],
            [],
            color=look.colour,
            linestyle=look.line_style,
            marker=look.marker,
            markerfacecolor="white",
            label=f"$B={size:g}$",
        )[0]
        for look, size in zip(looks, data["batch_size"].values, strict=True)
    ]
    right.legend(handles=handles, loc="upper left", handlelength=2.6)


def _published(figure: Figure, place: Any, data: xr.Dataset) -> None:
    upper, lower = (figure.add_subplot(cell) for cell in place.subgridspec(2, 1, height_ratios=(1.9, 1), hspace=0.03))
    sizes = data["published_batch_size"].values
    looks = series(len(sizes))
    for row, (size, look) in enumerate(zip(sizes, looks, strict=True)):
        own = data.isel(published_batch_size=row)
        upper.plot(
            own["published_switch_epoch"], own["published_accuracy"], color=look.colour, linestyle=look.line_style,
            marker=look.marker, markersize=4.5, label=f"$B={size}$",
        )  # fmt: skip
        kink = float(own["published_end_epoch"].sel(published_definition="hinge"))
        end = float(own["published_switch_epoch"].max())
        intercept, slope = (float(own[f"published_hinge_{name}"]) for name in ("intercept", "slope"))
        line = intercept + slope * np.array([0.0, kink, kink])
        upper.plot(
            [0, kink, end], line, color=FAINT, linewidth=1.0, zorder=1, label="hinge" if row == len(sizes) - 1 else None
        )
    title = "d  Published CIFAR-10 curves (Baker 2023; one seed each)"
    upper.set(xlabel="switch epoch $e_s$", ylabel="final accuracy (%)", title=title)
    upper.legend(loc="upper right", handlelength=2.6)
    theory = data["published_halving_law"].item()
    octave = np.log2(sizes / sizes[0])
    for name, marker, label, colour in (
        ("hinge", "s", "hinge", series(3)[1].colour),
        ("half_depth", "o", "half depth", series(3)[0].colour),
    ):
        own = data.sel(published_definition=name)
        end, low, high = (own[f"published_end_{field}"].values for field in ("epoch", "low", "high"))
        slope, bottom, top = (own[f"published_halving_{field}"].item() for field in ("slope", "low", "high"))
        lower.errorbar(
            end, sizes, xerr=[end - low, high - end], linestyle="none", marker=marker, color=colour,
            markerfacecolor="white", capsize=2.5,
            label=f"{label}: {slope:.1f} [{bottom:.1f}, {top:.1f}] epochs per halving",
        )  # fmt: skip
        lower.plot(np.nanmean(end + theory * octave) - theory * octave, sizes, **LAW)
    lower.set(
        yscale="log",
        xlabel="end of the critical period $e^*$ (epoch), 95 % within one seed",
        ylabel="$B$",
        ylim=(sizes[0] / 1.4, sizes[-1] * 3.4),
    )
    plain_ticks(lower.yaxis, sizes)
    handles, labels = lower.get_legend_handles_labels()
    handles.append(lower.plot([], [], **LAW)[0])
    labels.append(f"law of slope {theory:.1f}, shifted to fit")
    lower.legend(handles, labels, loc="upper right", fontsize=8.5)
    right = max(upper.get_xlim()[1], lower.get_xlim()[1])
    for axes in (upper, lower):
        axes.set_xlim(0, right)


# ---- without published curves ----------------------------------------------------------------------------------------
DEFINITIONS = (("half_stuck_mass", "D"), ("hinge", "s"), ("half_depth", "o"))


def _own(figure: Figure, place: Any, data: xr.Dataset) -> None:
    """The energies where they can be drawn, above the ends by each definition."""
    drawn = "landscape" in data
    upper, lower = place.subgridspec(2, 1, height_ratios=(1.5, 1) if drawn else (0.001, 1), hspace=0.03)
    if drawn:
        (_planes if "landscape_y" in data.dims else _lines)(figure, upper, data)
    axes = figure.add_subplot(lower)
    sizes = data["batch_size"].values
    for (name, marker), look in zip(DEFINITIONS, series(3), strict=True):
        own = data.sel(definition=name)
        end, low, high = (own[f"sampled_end_{field}"].values for field in ("epoch", "low", "high"))
        slope = own["sampled_halving_slope"].item()
        told = f": {slope:.1f} epochs per halving" if np.isfinite(slope) else ""
        axes.errorbar(
            end, sizes, xerr=reach(end, low, high), linestyle="none", marker=marker, color=look.colour,
            markerfacecolor="white", capsize=2.5, label=f"{name.replace('_', ' ')}{told}",
        )  # fmt: skip
    axes.plot(data["law_end_epoch"], sizes, **LAW, label=f"law: {data['law_halving'].item():.1f} epochs per halving")
    axes.set(
        yscale="log", xlabel="end of the critical period $e^*$ (epoch), sampled, 95 %", ylabel="$B$",
        ylim=(sizes[0] / 1.4, sizes[-1] * (3.4 if drawn else 1.6)), xlim=(0, None),
    )  # fmt: skip
    if not drawn:
        axes.set_title("d  Ends by each definition")
    plain_ticks(axes.yaxis, sizes)
    axes.legend(loc="upper right", fontsize=8.5)


def _lines(figure: Figure, place: Any, data: xr.Dataset) -> None:
    """Both energies of one coordinate, up to a little above the barrier between the outermost minima."""
    axes = figure.add_subplot(place)
    x = data["landscape_x"].values
    minima, losses = data["phase_minimum"].values[..., 0], data["phase_loss"].values
    between = (x >= np.nanmin(minima)) & (x <= np.nanmax(minima))  # a deficit may lack a phase
    floor, top = float(np.nanmin(losses)), float(data["landscape"].values[:, between].max())
    for role, style, look in (("deficit", (0, (1.5, 1.5)), series(3)[2]), ("clean", "-", series(3)[0])):
        own = data.sel(role=role)
        axes.plot(x, own["landscape"], color=look.colour, linestyle=style, label=role)
        axes.plot(own["phase_minimum"].values[:, 0], own["phase_loss"], "o", color=look.colour, markersize=5.5)
    axes.set(
        xlabel=str(np.atleast_1d(data.attrs["coordinate_names"])[0]), ylabel="loss $L$",
        xlim=(x[0], x[-1]), ylim=(floor - 0.1 * (top - floor), top + 0.6 * (top - floor)),
        title="d  The two energies, and ends by each definition",
    )  # fmt: skip
    axes.legend(loc="upper center", ncols=2)  # above the barrier, where neither energy comes


def _planes(figure: Figure, place: Any, data: xr.Dataset) -> None:
    """Both energies of two coordinates, as level lines up to a little above the saddles between their minima."""
    x, y = data["landscape_x"].values, data["landscape_y"].values
    values, floor = data["landscape"].values, float(np.nanmin(data["phase_loss"].values))
    levels = np.linspace(floor, float(np.quantile(values, 0.6)), 14)
    for cell, role in zip(place.subgridspec(1, 2, wspace=0.03), ("deficit", "clean"), strict=True):
        axes, own = figure.add_subplot(cell), data.sel(role=role)
        axes.contourf(x, y, own["landscape"].values.T, levels=levels, cmap=phase_colour_map(), extend="max")
        axes.plot(*own["phase_minimum"].values.T, "o", color=INK, markerfacecolor="white", markersize=6)
        axes.set(xlabel=data.attrs["coordinate_names"][0], title=f"d  Energies: {role}" if role == "deficit" else role)
        if role == "deficit":
            axes.set_ylabel(data.attrs["coordinate_names"][1])
        else:
            axes.tick_params(labelleft=False)
