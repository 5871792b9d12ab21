"""What ends a critical period: stuck shares and ends by arm, verdicts in simulated worlds, and other shifts."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures.critical_period_windows import windows
from figures.style import EXACT, FAINT, INK, PALETTE, SAMPLED, series, use_style

KINDS = ("exact", "sampled_epochs", "sampled_low", "sampled_high", "predicted")  # of shifts of the end
ARM_PANELS = 5  # beside the one of ends
BAND = "#ececec"
SURVIVES, REFUTED, TRUTH = "#3a3a3a", "#ffffff", PALETTE[3]
OPEN = 1.14  # where a shift beyond the switch epochs is drawn, in units of the axis's half width
INTERVAL = 1.96  # standard errors of a 95 % interval


def draw(dataset: xr.Dataset) -> dict[str, Figure]:
    """Draw figures, by the stem of their files: arms and, where they were run, worlds, shifts, and windows with λ.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.critical_period`` writes it.
    """
    use_style()
    drawings = {"": _arms}
    if "world" in dataset.coords:
        drawings |= {"_worlds": _worlds, "_shifts": _shifts, "_windows": windows}
    return {f"critical_period{name}": drawing(dataset) for name, drawing in drawings.items()}


# ---- arms: stuck shares ---------------------------------------------------------------------------------------------
def _arms(data: xr.Dataset) -> Figure:
    figure = plt.figure(figsize=(14.4, 11.6))
    rows = figure.add_gridspec(2, 1, height_ratios=(1.0, 0.95), hspace=0.06)
    shares = rows[0].subgridspec(2, 3, wspace=0.03, hspace=0.06)
    count = data.sizes["arm"]
    size = -(-count // ARM_PANELS)
    first: Axes | None = None
    for panel in range(-(-count // size)):
        axes = figure.add_subplot(shares[panel // 3, panel % 3], sharex=first, sharey=first)
        first = first or axes
        _stuck_shares(axes, data, list(range(panel * size, min((panel + 1) * size, count))), "abcde"[panel])
        axes.tick_params(labelleft=panel % 3 == 0)
        axes.set(ylabel="" if panel % 3 else "stuck share", xlabel="switch epoch" if panel // 3 else "")
    _key(figure.add_subplot(shares[1, 2]), data)
    _shifts_of_the_end(figure.add_subplot(rows[1]), data)
    figure.suptitle(
        f"What ends the critical period? Pair {str(data.attrs['pair']).replace('_', ' ')}, "
        f"T = {data.attrs['temperature']:.3g} · {data.attrs['decay']:g}$^{{\\,epoch}}$ in the control, "
        f"{data.attrs['runs']} runs a point, 95 % intervals"
    )
    return figure


def _stuck_shares(axes: Axes, data: xr.Dataset, arms: list[int], letter: str) -> None:
    epochs = data["switch_epoch"].values
    axes.axhline(float(data.attrs["level"]), color=FAINT, linewidth=0.8, zorder=0)
    if 0 not in arms:
        axes.plot(epochs, data["stuck_exact"].isel(arm=0), color=FAINT, linewidth=1.4, linestyle=(0, (4, 2)), zorder=1)
    for look, arm in zip(series(5)[1:4][: len(arms)], arms, strict=True):
        part = data.isel(arm=arm)
        axes.plot(epochs, part["stuck_exact"], color=look.colour, linewidth=EXACT["linewidth"], zorder=2)
        sampled, low, high = (part[f"stuck_{kind}"].values for kind in ("sampled", "low", "high"))
        own = {"marker": look.marker, "markeredgecolor": look.colour, "ecolor": look.colour}
        style: dict[str, Any] = {**SAMPLED, **own, "capsize": 0, "markersize": 4.2}
        name = f"{part['arm'].item()}{_marks(part)}"
        axes.errorbar(epochs, sampled, yerr=[sampled - low, high - sampled], zorder=3, label=name, **style)
    axes.set(ylim=(-0.03, 1.42), xlim=(epochs[0] - 3, epochs[-1] + 3), yticks=(0, 0.25, 0.5, 0.75, 1))
    axes.legend(loc="upper left", ncols=2, title=letter, alignment="left", handletextpad=0.3, columnspacing=1.0)


def _marks(part: xr.Dataset) -> str:
    return (" *" if bool(part["confounding"]) else "") + (" +" if bool(part["beyond"]) else "")


def _key(axes: Axes, data: xr.Dataset) -> None:
    axes.set_axis_off()
    axes.plot([], [], **EXACT, label="line: exact kernel of SGD's steps")
    sampled = axes.errorbar([], [], yerr=[], label="marks: sampled, 95 %", **SAMPLED)
    axes.plot([], [], color=FAINT, linewidth=1.4, linestyle=(0, (4, 2)), label="control, exact")
    axes.plot([], [], color=FAINT, linewidth=0.8, label=f"end of the critical period: share {data.attrs['level']:g}")
    axes.plot([], [], linestyle="none", label="* confounding: temperature and flow\n  time left are one function")
    if data["beyond"].any():
        axes.plot([], [], linestyle="none", label="+ breaks a condition of the law\n  (no line: no exact kernel)")
    for copy in filter(None, str(data.attrs["copies"]).split("; ")):
        axes.plot([], [], linestyle="none", label=f"not shown: {copy}")
    handles = [handle for handle in axes.get_legend_handles_labels()[0] if handle is not sampled]
    legend = axes.legend(
        handles=[handles[0], sampled, *handles[1:]], loc="center left", handlelength=1.8, borderaxespad=0.0
    )
    legend.set_in_layout(False)  # else its height would part the panels above


# ---- arms: how far each moves the end ------------------------------------------------------------------------------
def _shifts_of_the_end(axes: Axes, data: xr.Dataset) -> None:
    arms = [str(arm) for arm in data["arm"].values][1:]
    names = [str(name) for name in data["hypothesis"].values]
    part = data.isel(arm=slice(1, None))
    known = [part[f"shift_{kind}"].values.ravel() for kind in KINDS]
    values = np.abs(np.concatenate(known))
    reach = 1.1 * max(float(np.nanmax(values, initial=0.0)), 5.0)
    places = np.arange(len(arms), dtype=float)[::-1]
    for row, place in enumerate(places):
        if row % 2 == 0:
            axes.axhspan(place - 0.5, place + 0.5, color=BAND, zorder=0, linewidth=0)
    axes.axvline(0, color=FAINT, linewidth=0.9, zorder=1)
    for edge in (-reach, reach):
        axes.axvline(edge, color=FAINT, linewidth=0.7, linestyle=(0, (1, 2)), zorder=1)
    offsets = np.linspace(0.3, -0.3, len(names) + 1)
    for column, (name, look) in enumerate(zip(names, series(len(names)), strict=True)):
        own = part.isel(hypothesis=column)
        x = _placed(own["shift_predicted"].values, own["end_predicted_state"].values, reach)
        axes.plot(
            x, places + offsets[column + 1], linestyle="none", marker=look.marker, markersize=7.5, color=look.colour,
            markeredgecolor=INK, markeredgewidth=0.5, label=f"{name}: predicted", zorder=3, clip_on=False,
        )  # fmt: skip
    happened = places + offsets[0]
    exact = _placed(part["shift_exact"].values, part["end_exact_state"].values, reach)
    axes.plot(
        exact, happened, linestyle="none", marker="|", markersize=13, markeredgewidth=2.2, color=INK,
        label="happened: exact", zorder=4, clip_on=False,
    )  # fmt: skip
    sampled = part["shift_sampled_epochs"].values
    seen = np.isfinite(sampled)
    low, high = part["shift_sampled_low"].values[seen], part["shift_sampled_high"].values[seen]
    low, high = np.where(np.isnan(low), -reach, low), np.where(np.isnan(high), reach, high)
    axes.errorbar(
        sampled[seen], happened[seen], xerr=[sampled[seen] - low, high - sampled[seen]], label="happened: sampled",
        zorder=5, **SAMPLED,
    )  # fmt: skip
    beyond = _placed(sampled, part["end_sampled_state"].values, reach)
    axes.plot(
        beyond[~seen], happened[~seen], linestyle="none", marker="o", markersize=5.5, markerfacecolor="white",
        markeredgecolor=SAMPLED["markeredgecolor"], zorder=5, clip_on=False,
    )  # fmt: skip
    axes.set_yticks(places, [arm + _marks(part.isel(arm=number)) for number, arm in enumerate(arms)])
    axes.tick_params(axis="y", length=0)
    axes.set(
        xlim=(-1.22 * reach, 1.22 * reach), ylim=(-0.5, len(arms) - 0.5),
        xlabel="shift of the end against the control (epochs of the control)",
        title="f  How far each arm moves the end; hypotheses have seen the control alone",
    )  # fmt: skip
    for edge, text in ((-OPEN * reach, "earlier\nthan all"), (OPEN * reach, "later\nthan all")):
        axes.annotate(
            text, (edge, 0), xycoords=("data", "axes fraction"), xytext=(0, -4), textcoords="offset points",
            ha="center", va="top", fontsize=8.5, color=INK, annotation_clip=False,
        )  # fmt: skip
    axes.set_xticks([tick for tick in axes.get_xticks() if abs(tick) < 0.97 * reach])
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.11), ncols=3, handletextpad=0.3, columnspacing=1.2)


def _placed(shifts: np.ndarray, states: np.ndarray, reach: float) -> np.ndarray:
    """Shifts, with those of open ends beyond the axis's dotted lines; nan where an end is neither found nor open."""
    sides = {"later": OPEN * reach, "earlier": -OPEN * reach}
    return np.where(np.isfinite(shifts), shifts, [sides.get(str(state), np.nan) for state in states])


# ---- worlds ---------------------------------------------------------------------------------------------------------
def _worlds(data: xr.Dataset) -> Figure:
    figure, panels = plt.subplots(1, 2, figsize=(12.4, 6.6), sharey=True)
    worlds = [str(name).replace(" ", "\n", 1) for name in data["world"].values]
    hypotheses = ["\n".join(str(name).rsplit(" ", 1)) for name in data["hypothesis"].values]
    for axes, letter, judged in zip(panels, "ab", (0, 2), strict=True):
        part = data.isel(judged=judged)
        _matrix(axes, data, part["world_p_value"].values, part["world_verdict_outcome"].values)
        axes.set(xlim=(-0.6, len(hypotheses) - 0.4), ylim=(len(worlds) - 0.5, -0.5))
        axes.set_xticks(range(len(hypotheses)), hypotheses)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(f"{letter}  {str(part['judged'].values)[0].upper()}{str(part['judged'].values)[1:]}")
    panels[0].set_yticks([row - 0.12 for row in range(len(worlds))], worlds)
    figure.supxlabel(
        f"p-values; dark: survives (at least {data.attrs['significance']:g}), white: refuted, frame: the truth",
        fontsize=11,
    )
    figure.suptitle(
        f"Verdicts in {len(worlds)} simulated worlds, from {data.attrs['world_runs']} sampled runs for each arm and "
        "switch epoch"
    )
    return figure


def _matrix(axes: Axes, data: xr.Dataset, chances: np.ndarray, outcomes: np.ndarray) -> None:
    names = [str(name) for name in data["hypothesis"].values]
    truths = [str(name) for name in data["world_truth"].values]
    for row, (truth, outcome) in enumerate(zip(truths, outcomes, strict=True)):
        for column, (name, chance) in enumerate(zip(names, chances[row], strict=True)):
            survives = chance >= data.attrs["significance"]
            corner = (column - 0.46, row - 0.4)
            colour = SURVIVES if survives else REFUTED
            axes.add_patch(Rectangle(corner, 0.92, 0.56, facecolor=colour, edgecolor=FAINT, linewidth=0.8))
            axes.text(
                column, row - 0.12, _chance(chance), ha="center", va="center", fontsize=9,
                color="white" if survives else INK,
            )  # fmt: skip
            if name == truth:
                axes.add_patch(Rectangle(corner, 0.92, 0.56, fill=False, edgecolor=TRUTH, linewidth=3.4))
        told = f"{outcome or 'no such arms'}{' (right)' if str(outcome) == truth else ''}"
        axes.text((len(names) - 1) / 2, row + 0.32, told, ha="center", va="center", fontsize=9.5, style="italic")


def _chance(chance: float) -> str:
    if not np.isfinite(chance):
        return "-"
    if chance < 0.001:
        return "<.001"
    return f"{chance:.1g}" if chance < 0.01 else ">.99" if chance > 0.99 else f"{chance:.2f}"


# ---- shifts other than a switch -------------------------------------------------------------------------------------
def _shifts(data: xr.Dataset) -> Figure:
    figure = plt.figure(figsize=(15.0, 5.2))
    kinds, onsets, three = (
        figure.add_subplot(cell) for cell in figure.add_gridspec(1, 3, width_ratios=(1.0, 1.15, 1.35), wspace=0.04)
    )
    stuck = str(data.attrs["stuck_phase"])
    part = data.sel(pair_phase=stuck)
    windows = [f"window at {onset}" for onset in np.atleast_1d(data.attrs["window_onsets"])]
    named = [str(name) for name in data["pair_shift"].values if str(name) not in windows]
    _points(kinds, np.arange(len(named), dtype=float), part.sel(pair_shift=named), "pair", 0.36, INK)
    kinds.set_xticks(range(len(named)), named, rotation=30, ha="right", rotation_mode="anchor")
    title = f"a  {data.attrs['shift_length']} epochs of deficit, by shape"
    kinds.set(ylim=(0, 1), ylabel="stuck share", xlim=(-0.6, len(named) - 0.4), title=title)
    kinds.plot([], [], color=INK, linewidth=2.6, label="exact")
    kinds.errorbar([], [], yerr=[], label="sampled", **SAMPLED)
    kinds.legend(loc="upper right")

    late = part.sel(pair_shift=windows)
    epochs = np.atleast_1d(data.attrs["window_onsets"]).astype(float)
    onsets.axhline(float(part["pair_exact"].sel(pair_shift="none")), color=FAINT, linewidth=1.0, label="no deficit")
    onsets.plot(epochs, late["pair_exact"], **EXACT, label="exact")
    error = INTERVAL * late["pair_error"].values
    onsets.errorbar(epochs, late["pair_sampled"], yerr=error, label="sampled", **SAMPLED)
    title = f"b  A window of {data.attrs['window_length']} epochs of deficit"
    onsets.set(ylim=(0, 1), xlabel="onset of the window (epoch)", title=title)
    onsets.tick_params(labelleft=False)
    onsets.legend(loc="upper right")

    shifts = [str(name) for name in data["three_shift"].values]
    phases = [str(name) for name in data["three_phase"].values]
    looks = series(len(phases))
    for column, (phase, look) in enumerate(zip(phases, looks, strict=True)):
        at = np.arange(len(shifts)) + 0.27 * (column - (len(phases) - 1) / 2)
        style: dict[str, Any] = {"marker": look.marker, "markeredgecolor": look.colour, "ecolor": look.colour}
        _points(three, at, data.sel(three_phase=phase), "three", 0.12, look.colour, **style)
        three.errorbar([], [], yerr=[], label=phase, **(SAMPLED | style))
    three.set_xticks(range(len(shifts)), shifts, rotation=30, ha="right", rotation_mode="anchor")
    title = "c  Three phases: where runs end"
    three.set(ylim=(0, 1), xlim=(-0.6, len(shifts) - 0.4), ylabel="share of runs", title=title)
    three.legend(loc="upper right", ncols=3, bbox_to_anchor=(1.0, 1.02), handletextpad=0.2, columnspacing=0.9)
    figure.suptitle(
        f"Shifts in mid-training other than one switch; {data.attrs['shift_runs']} sampled runs each, 95 % intervals"
    )
    return figure


def _points(axes: Axes, at: np.ndarray, data: xr.Dataset, name: str, width: float, colour: str, **style: Any) -> None:
    """Exact shares as bars of no height, sampled ones with intervals."""
    axes.hlines(data[f"{name}_exact"].values, at - width, at + width, color=colour, linewidth=2.6, zorder=2)
    axes.errorbar(
        at, data[f"{name}_sampled"].values, yerr=INTERVAL * data[f"{name}_error"].values, zorder=3, **(SAMPLED | style)
    )
