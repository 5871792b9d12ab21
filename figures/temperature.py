"""The temperature of SGD: n_beta for one's own settings, and where one temperature holds.

Laws drawn: [eq:sgd-temperature], a well's own [eq:sgd-temperature-quadratic], momentum's inertia
[eq:heavy-ball-inertia], and reshuffling [eq:reshuffling-temperature-factor].
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FuncFormatter, NullFormatter, ScalarFormatter

from figures.style import EXACT, FAINT, INK, LAW, plain_ticks, series, settle, use_style

TOLERANCE = 0.05
SHIFTS = (-1.5, -0.5, 0.5, 1.5)  # of the four thermometers side by side
BAND = "#e4e4e4"
NAMES = {"escape": "escape rate"}
NOISES = {
    "additive": "additive,\nGaussian",
    "table": "additive, from\n512 examples",
    "loss": "grows with\nthe loss",
    "regression": "regression,\n4096 examples",
}


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.temperature`` writes it.
    """
    use_style()
    figure = plt.figure(figsize=(13.6, 10.8))
    grid = figure.add_gridspec(2, 2, hspace=0.05, wspace=0.04)
    _by_batch_size(figure, grid[0, 0], dataset)
    _by_step_size(figure, grid[0, 1], dataset)
    _by_epoch(figure.add_subplot(grid[1, 0]), dataset)
    _by_noise(figure.add_subplot(grid[1, 1]), dataset)
    name = str(dataset.attrs["potential"]).replace("_", " ")
    figure.suptitle(
        f"Inverse temperature of SGD by four thermometers ({name}; 95 % intervals, {dataset.attrs['chains']} chains)"
    )
    settle(figure)
    return figure


def _looks(data: xr.Dataset) -> list[tuple[str, dict[str, Any]]]:
    """Name and marker style of each thermometer."""
    looks = []
    for look, name in zip(series(data.sizes["thermometer"]), data["thermometer"].values, strict=True):
        style = {"color": look.colour, "marker": look.marker, "markerfacecolor": "white", "markersize": 6}
        looks.append((str(name), style | {"linestyle": "none", "capsize": 2.0, "elinewidth": 1.2}))
    return looks


def _readings(
    axes: Axes, part: xr.Dataset, x: np.ndarray, spacing: float, scale: np.ndarray, inverse: bool, legend: bool = False
) -> None:
    """Draw what every thermometer reads, side by side; with ``inverse`` a cross at the foot where one cannot be read.

    ``spacing`` is that between neighbours, as a factor on x; ``scale`` multiplies n_beta, or with ``inverse`` divides
    the temperature.
    """
    for (name, style), shift in zip(_looks(part), SHIFTS, strict=True):
        own = part.sel(thermometer=name)
        values, low, high = (own[f"reading_{end}"].values for end in ("inverse_temperature", "low", "high"))
        values, low, high = (1 / (a * scale) for a in (values, high, low)) if inverse else (
            a * scale for a in (values, low, high)
        )  # fmt: skip
        places = x * spacing**shift
        seen = np.isfinite(values)
        label = NAMES.get(name, name) if legend else None
        axes.errorbar(
            places[seen], values[seen], yerr=[(values - low)[seen], (high - values)[seen]], label=label, zorder=4,
            **style,
        )  # fmt: skip
        if inverse and not seen.all():
            axes.plot(
                places[~seen], np.full((~seen).sum(), 0.025), transform=axes.get_xaxis_transform(), linestyle="none",
                marker="x", markersize=6, color=style["color"], zorder=5,
            )  # fmt: skip


def _band(axes: Axes, label: str | None = None) -> None:
    axes.axhspan(1 - TOLERANCE, 1 + TOLERANCE, color=BAND, zorder=0, label=label)
    axes.axhline(1, color=FAINT, linewidth=0.9, zorder=1)


def _by_batch_size(figure: Figure, place: Any, data: xr.Dataset) -> None:
    upper, lower = (figure.add_subplot(cell) for cell in place.subgridspec(2, 1, height_ratios=(1.7, 1), hspace=0.03))
    part = data.isel(setting=data["sweep"].values == "batch size")
    variance = part["gradient_variance"].values
    x = (part["batch_size"] * (1 - part["momentum"]) / part["learning_rate"]).values
    line = np.array([x.min() / 1.6, x.max() * 1.6])
    upper.plot(line, 2 * line, **LAW, label=r"law: $n\beta = 2B(1-\mu)/(\eta\sigma^2)$", zorder=2)
    _readings(upper, part, x, 1.07, variance, inverse=False, legend=True)
    upper.set(
        xscale="log", yscale="log", xlim=line, ylabel=r"$n\beta\,\sigma^2$  (loss/length$^2$)",
        title=r"a  Read $n\beta$: find $B(1-\mu)/\eta$, divide the height by $\sigma^2$",
    )  # fmt: skip
    upper.tick_params(labelbottom=False)
    upper.grid(True, which="both", alpha=0.6)
    upper.plot([], [], linestyle="none", marker="x", color=INK, label="below: cannot be read")
    upper.legend(loc="upper left", handlelength=2.4)
    _band(lower)
    _readings(lower, part, x, 1.07, part["law_temperature"].values, inverse=True)
    lower.set(
        xscale="log", xlim=line, ylim=(0.86, 1.16), xlabel=r"$B\,(1-\mu)/\eta$  (examples $\cdot$ loss/length$^2$)",
        ylabel="$T$ / law",
    )  # fmt: skip
    for place_of_size, size in zip(x, part["batch_size"].values, strict=True):
        lower.annotate(
            f"$B={size:g}$", (place_of_size, 1), xycoords=("data", "axes fraction"), xytext=(0, -3),
            textcoords="offset points", ha="center", va="top", fontsize=9, color=INK,
        )  # fmt: skip


def _by_step_size(figure: Figure, place: Any, data: xr.Dataset) -> None:
    momenta = data["law_momentum"].values
    panels = [figure.add_subplot(cell) for cell in place.subgridspec(1, len(momenta), wspace=0.03)]
    for row, (axes, momentum) in enumerate(zip(panels, momenta, strict=True)):
        chosen = (data["sweep"].values == "step size") & (data["momentum"].values == momentum)
        part, curves = data.isel(setting=chosen), data.isel(law_momentum=row)
        grid = curves["law_relaxation_per_step"].values
        _band(axes, "within 5 %" if row == 0 else None)
        axes.plot(grid, curves["law_local"], **EXACT, label="law: steps in a well", zorder=2)
        axes.plot(grid, curves["law_escape"], **LAW, label="law: escapes with inertia", zorder=2)
        edge = float(curves["largest_relaxation"])
        axes.axvline(edge, ymax=0.8, color=INK, linewidth=1.1, linestyle=(0, (1, 2)), zorder=1)
        axes.annotate(
            f"one temperature\nto 5 % up to {edge:.2g}", (edge, 0.75), xytext=(4, 0), textcoords="offset points",
            ha="left", va="bottom", fontsize=9, in_layout=False,
        )  # fmt: skip
        _readings(axes, part, part["relaxation_per_step"].values, 1.06, part["law_temperature"].values, inverse=True)
        axes.set(xscale="log", xlim=(grid[0], grid[-1]), ylim=(0.74, 1.3))
        axes.text(0.97, 0.97, rf"$\mu = {momentum:g}$", transform=axes.transAxes, ha="right", va="top")
        plain_ticks(axes.xaxis, (0.02, 0.05, 0.1, 0.2, 0.4), ScalarFormatter())
        axes.set_xlabel(r"$\eta h/(1-\mu)$, well relaxed per step")
        if row:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel(r"temperature $T$ over the law's")
            axes.set_title("b  Step size and momentum, at one temperature by law")
            axes.legend(loc="upper left", handlelength=2.4)


def _by_epoch(axes: Axes, data: xr.Dataset) -> None:
    part = data.isel(setting=data["sweep"].values == "reshuffling")
    share = float(part["relaxation_per_step"].values[0])
    steps = data["law_steps_per_epoch"].values
    _band(axes)
    axes.plot(share * steps, data["law_reshuffled"], **EXACT, label="law in a quadratic well of the same curvature")
    _readings(axes, part, share * part["steps_per_epoch"].values, 1.09, part["law_temperature"].values, inverse=True)
    axes.plot([], [], linestyle="none", marker="x", color=INK, label="cannot be read, for the reason recorded")
    axes.set(
        xscale="log", xlim=(share * steps[0], share * steps[-1]), ylim=(0, 1.2),
        xlabel=r"$\eta h M/(1-\mu)$, relaxations of the well in one epoch of $M$ steps",
        ylabel=r"temperature $T$ over the law's", title="c  Without replacement: slow motion is colder",
    )  # fmt: skip
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.06), handlelength=2.4)


def _by_noise(axes: Axes, data: xr.Dataset) -> None:
    part = data.isel(setting=data["sweep"].values == "noise")
    places = np.arange(part.sizes["setting"], dtype=float)
    _band(axes)
    # Neighbours at equal distances: the axis of places is linear, so shift their exponentials.
    _readings(axes, part, np.exp(places), float(np.exp(0.13)), part["law_temperature"].values, inverse=True)
    axes.set(
        xscale="log", yscale="log", xlim=np.exp([-0.5, places[-1] + 0.5]), ylim=(0.15, 4.0),
        ylabel=r"temperature $T$ over the law's at the deeper minimum", title="d  Kinds of noise: disagreement tells",
    )  # fmt: skip
    noises = [NOISES.get(str(noise), str(noise)) for noise in part["noise"].values]
    plain_ticks(axes.xaxis, np.exp(places), FixedFormatter(noises))
    plain_ticks(axes.yaxis, (0.2, 0.5, 1, 2), ScalarFormatter())
    for place, spread, chance in zip(
        places, part["disagreement_spread"].values, part["disagreement_p_value"].values, strict=True
    ):
        if np.isfinite(chance):
            told = "$p < 0.001$" if chance < 0.001 else f"$p = {chance:.2g}$"
            axes.annotate(
                f"differ by {100 * spread:.0f} %\n{told}", (np.exp(place), 0.97), xycoords=("data", "axes fraction"),
                ha="center", va="top", fontsize=9.5,
            )  # fmt: skip
