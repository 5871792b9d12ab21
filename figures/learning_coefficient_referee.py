"""Estimates of the referee's problems over their exact energies: ours with its verdicts, peers beside it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, series, use_style

LOWEST, HIGHEST = 0.04, 25.0  # of estimates over exact energies that are drawn; others stand at the border


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the rows of ``python -m slt_toys.learning_coefficient --referee``.

    Parameters
    ----------
    dataset
        Variables along ``row``: problem, examples, estimate, standard_error, energy, trusted; where there are peers
        along ``peer_row``: peer_peer, peer_setting, peer_problem, peer_examples, peer_estimate, peer_half_width,
        peer_energy, peer_has_setting.
    """
    use_style()
    sizes = sorted(set(dataset["examples"].values.tolist()))
    energies = dataset["energy"].values
    names = [
        name
        for name in dict.fromkeys(dataset["problem"].values.tolist())
        if not (energies[dataset["problem"].values == name] <= 0).any()
    ]
    kinds = _kinds(dataset)
    figure = Figure(figsize=(4.2 + 3.6 * len(sizes), 1.8 + 0.27 * len(names)))
    panels = np.atleast_1d(figure.subplots(1, len(sizes), sharey=True))
    looks = series(2 + len(kinds))
    for axes, size in zip(panels, sizes, strict=True):
        axes.axvspan(0.97, 1.03, color=FAINT, alpha=0.25, linewidth=0)
        axes.axvline(1, color=INK, linewidth=1.2)
        for number, (peer, setting) in enumerate(kinds):
            which = (dataset["peer_peer"].values == peer) & (dataset["peer_setting"].values == setting)
            which &= dataset["peer_has_setting"].values
            part = dataset.isel(peer_row=which & (dataset["peer_examples"].values == size))
            place = _places(part["peer_problem"].values, names, 0.16 * (number + 1))
            energy = part["peer_energy"].values
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio, half = part["peer_estimate"].values / energy, part["peer_half_width"].values / energy
            _points(axes, place, ratio, half, looks[2 + number], f"{peer}, {setting}")
        ours = dataset.isel(row=dataset["examples"].values == size)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = ours["estimate"].values / ours["energy"].values
            half = 1.96 * ours["standard_error"].values / ours["energy"].values
        place = _places(ours["problem"].values, names, 0.0)
        trusted = ours["trusted"].values.astype(bool)
        for which, look, label in ((trusted, looks[0], "ours, trusted"), (~trusted, looks[1], "ours, doubted")):
            _points(axes, place[which], ratio[which], half[which], look, label)
        axes.set(
            xscale="log", xlim=(LOWEST / 1.15, HIGHEST * 1.15), ylim=(len(names) - 0.2, -0.7),
            xlabel="estimate / exact energy", title=f"n = {size:,}".replace(",", " "),
        )  # fmt: skip
        axes.grid(axis="y")
    panels[0].set_yticks(range(len(names)), names)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle("Learning coefficients with exact answers (right border: none)", fontsize=12)
    return figure


def _kinds(dataset: xr.Dataset) -> list[tuple[str, str]]:
    if "peer_row" not in dataset.dims:
        return []
    return list(
        dict.fromkeys(zip(dataset["peer_peer"].values.tolist(), dataset["peer_setting"].values.tolist(), strict=True))
    )


def _places(problems: np.ndarray, names: list[str], below: float) -> np.ndarray:
    return np.array([names.index(name) + below if name in names else np.nan for name in problems.tolist()])


def _points(axes: Axes, place: np.ndarray, ratio: np.ndarray, half: np.ndarray, look, label: str) -> None:
    """Estimates with intervals, those that are none at the right border and those beyond a border at it."""
    shown = np.clip(np.where(np.isfinite(ratio), ratio, np.inf), LOWEST, HIGHEST)
    inside = (shown == ratio) & np.isfinite(half)
    low = np.minimum(half, shown - LOWEST / 2)
    axes.errorbar(
        shown, place, xerr=np.where(inside, [low, half], 0), linestyle="none", marker=look.marker, markersize=4,
        color=look.colour, markerfacecolor=look.colour, linewidth=1, label=label,
    )  # fmt: skip
