"""The palette stays readable in grey and for colour-blind eyes; figures are redrawn from saved results."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from figures import __main__ as command
from figures import style

# Machado, Oliveira & Fernandes 2009, severity 1, acting on linear RGB.
SEEN_BY = {
    "everyone": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deuteranopia": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.0890])


def linear(colour) -> np.ndarray:
    channels = np.array(to_rgb(colour))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB."""
    ratio = TO_XYZ @ np.clip(rgb, 0, 1) / WHITE
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_palette_separates_in_grey():
    lightness = [lab(linear(colour))[0] for colour in style.PALETTE]
    assert np.diff(lightness).min() > 9


@pytest.mark.parametrize("eyes", SEEN_BY)
def test_palette_separates_for_all_eyes(eyes):
    seen = [lab(np.array(SEEN_BY[eyes]) @ linear(colour)) for colour in style.PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 20


@pytest.mark.parametrize("count", [0, 1, 4, 6, 9])
def test_every_curve_of_a_family_looks_different(count):
    looks = style.series(count)
    assert len(looks) == len({look.colour for look in looks}) == len({look.marker for look in looks}) == count
    lightness = [lab(linear(look.colour))[0] for look in looks]
    assert lightness == sorted(lightness)


def test_negative_count_is_refused():
    with pytest.raises(ValueError, match="count is -1"):
        style.series(-1)


def test_phase_colours_rise_evenly_in_lightness():
    lightness = [lab(linear(style.phase_colour_map()(x)))[0] for x in np.linspace(0, 1, 33)]
    steps = np.diff(lightness)
    assert steps.min() > 0.5 * steps.mean() and steps.max() < 2 * steps.mean()
    assert lightness[0] > 10 and lightness[-1] < 92, "room for black and white lines on top"


def draw_example(dataset: xarray.Dataset) -> Figure:
    style.use_style()
    figure = Figure()
    figure.subplots().plot(dataset["loss"])
    return figure


def test_redraw_from_saved_results(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "drawings", lambda: {"example": draw_example, "unrun": draw_example})
    assert command.main(["--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: --data: no saved result")
    xarray.Dataset({"loss": ("epoch", [3.0, 2.0, 1.0])}).to_netcdf(tmp_path / "example.nc", engine="h5netcdf")
    assert command.main(["--data", str(tmp_path)]) == 0
    first = (tmp_path / "example.svg").read_bytes()
    assert (tmp_path / "example.png").read_bytes().startswith(b"\x89PNG")
    assert command.main(["example", "--data", str(tmp_path), "--formats", "svg"]) == 0
    assert (tmp_path / "example.svg").read_bytes() == first, "the same data draw the same file"
    monkeypatch.setattr(command, "drawings", lambda: {"example": lambda data: dict.fromkeys("ab", draw_example(data))})
    assert command.main(["--data", str(tmp_path), "--formats", "svg"]) == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes() == first, (
        "several figures of one file"
    )
    monkeypatch.setattr(command, "drawings", lambda: {"example": draw_example, "unrun": draw_example})
    capsys.readouterr()
    for names, message in ((["nothing"], "no figure 'nothing'"), (["unrun"], "no unrun.nc")):
        assert command.main([*names, "--data", str(tmp_path)]) == 2
        assert message in capsys.readouterr().err


def test_ticks_of_a_narrow_logarithmic_axis_are_plain():
    figure = Figure()
    for limits, expected in (((0.02, 0.7), [0.02, 0.05, 0.1, 0.2, 0.5]), ((0.7, 0.02), [0.02, 0.05, 0.1, 0.2, 0.5])):
        axes = figure.add_subplot()
        axes.set(xscale="log", xlim=limits)
        style.narrow_log_ticks(axes.xaxis)
        assert list(axes.get_xticks()) == pytest.approx(expected) and list(axes.get_xticks(minor=True)) == []
    wide = figure.add_subplot()
    wide.set(xscale="log", xlim=(0.02, 20))
    before = list(wide.get_xticks())
    style.narrow_log_ticks(wide.xaxis)
    assert list(wide.get_xticks()) == before
