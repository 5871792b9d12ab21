"""Draw the figures of the theory's pages: ``python -m figures.theory_pages [--folder FOLDER]``.

Every law is the right-hand side of a labelled equation of ``theory``; what it is compared with is computed here by
another route.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import sympy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.integrate import cumulative_trapezoid, quad

from figures.style import EXACT, FAINT, INK, LAW, PALETTE, series, use_style
from theory.equations import equation
from theory.files import write_in_one_go
from theory.laws.reshuffling import temperature_factor
from theory.pages.page_figures import PAGE_FIGURES
from theory.pages.render import FIGURES, PAGES_FOLDER

Array = np.ndarray[Any, np.dtype[np.float64]]


def _law(label: str, **values: Any) -> Any:
    right = equation(label).equation.rhs
    symbols = sorted(right.free_symbols, key=str)
    missing = {symbol.name for symbol in symbols} ^ set(values)  # pyright: ignore[reportAttributeAccessIssue]
    if missing:
        raise ValueError(f"[eq:{label}] and the values given disagree on {sorted(missing)}")
    return sympy.lambdify(symbols, right, modules=["scipy", "numpy"])(*(values[str(s)] for s in symbols))


def newton_polygon() -> Figure:
    """Two Newton polygons, the ray through (1, 1) and where it enters them."""
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 4.1), sharey=True)
    far = 9.5
    cases = (
        ("$x^6 + x^2y^2$", [(6, 0), (2, 2)], [(2, far), (2, 2), (6, 0), (far, 0), (far, far)], 2, (1, 2)),
        ("$x^6 + y^6$", [(6, 0), (0, 6)], [(0, far), (0, 6), (6, 0), (far, 0), (far, far)], 3, (1, 1)),
    )
    for panel, (name, exponents, polygon, meets, (over, multiplicity)) in zip(axes, cases, strict=True):
        panel.fill(*np.array(polygon).T, color=PALETTE[4], alpha=0.35, linewidth=0)
        panel.plot(*np.array(polygon[:4]).T, **EXACT)
        panel.plot([0, 7], [0, 7], **LAW)
        panel.plot(*np.array(exponents).T, "o", color=INK, markersize=8, clip_on=False, zorder=5)
        panel.plot(meets, meets, "s", markersize=12, markerfacecolor="none", markeredgecolor=PALETTE[1], mew=2)
        panel.annotate("ray $t(1, 1)$", (6.2, 6.2), xytext=(4, -12), textcoords="offset points", color=PALETTE[3])
        panel.annotate(
            f"enters at $t = {meets}$:\n$\\lambda = {over}/{meets}$, $m = {multiplicity}$", (meets, meets),
            xytext=(24, -10), textcoords="offset points", color=PALETTE[1],
        )  # fmt: skip
        panel.set(title=name, xlim=(0, 8), ylim=(0, 8), xlabel="power of $x$", aspect="equal")
        panel.grid(True)
    axes[0].set_ylabel("power of $y$")
    return figure


def _crossing_energy(n_beta: float) -> float:
    """Mean energy of w1^2 w2^2 on the unit square, from the density u exp(-u/2) of u = -log loss."""

    def moment(power: float) -> float:
        def integrand(u: float) -> float:
            return u * np.exp(-(0.5 + power) * u - n_beta * np.exp(-u))

        peak = np.log(n_beta)
        return quad(integrand, 0, peak, limit=200)[0] + quad(integrand, peak, peak + 80, limit=200)[0]

    return n_beta * moment(1.0) / moment(0.0)


def energy_law() -> Figure:
    """Energy of a crossing: exact, with the offset, without it, and the limit."""
    figure, axes = plt.subplots(figsize=(6.6, 4.3))
    n_beta = np.geomspace(10, 1e8, 80)
    axes.plot(n_beta, [_crossing_energy(x) for x in n_beta], **EXACT, label="exact (quadrature)")
    offset = float(_law("energy-offset", learning_coefficient=0.5, pole_coefficient=1.0, next_pole_coefficient=0.0))
    for c, style, label in (
        (offset, LAW, f"energy law, offset $c = {offset:.3f}$"),
        (0.0, {"color": PALETTE[2], "linestyle": (0, (1.5, 1.5))}, "energy law, $c = 0$"),
    ):
        values = _law("energy-law", learning_coefficient=0.5, multiplicity=2, energy_offset=c, n_beta=n_beta)
        axes.plot(n_beta, values, **style, label=label)
    axes.axhline(0.5, color=FAINT, linewidth=1)
    axes.annotate(r"limit $\lambda = 1/2$", (12, 0.5), xytext=(0, -13), textcoords="offset points", color=FAINT)
    axes.set(xscale="log", xlabel=r"$n\beta$ (1/loss)", ylabel=r"energy $E_\alpha$", ylim=(0.05, 0.53))
    axes.legend(loc="lower right")
    return figure


def _first_passage(loss: Callable[[Array], Array], end: float, temperature: float) -> float:
    """Mean time from 0 to ``end``, reflecting at -1.5, by [eq:mean-first-passage] on a fine grid."""
    w = np.linspace(-1.5, end, 60_001)
    energy = loss(w) / temperature
    inner = cumulative_trapezoid(np.exp(-energy), w, initial=0.0)
    after = w >= 0
    return float(np.trapezoid(np.exp(energy[after]) * inner[after], w[after]) / temperature)


def singular_escape() -> Figure:
    """Escape from a regular and a singular well: prefactor of the rate, and exact over predicted time."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.3))
    temperature = np.geomspace(0.01, 0.2, 40)
    cases = (
        (r"$3w^2 - 2w^3$, $\lambda = 1/2$", lambda w: 3 * w**2 - 2 * w**3, 1.5, (3.0, 1, -2 / 3, 0.0, 3.0, 2 / 3, 0.0)),
        (r"$5w^4 - 4w^5$, $\lambda = 1/4$", lambda w: 5 * w**4 - 4 * w**5, 1.25, (5.0, 2, -0.8, 0.0, 10.0, 2.0, 1.5)),
    )
    for look, (name, loss, end, (a, k, c_1, c_2, b, d_1, d_2)) in zip(series(4)[::2], cases, strict=True):
        exact = np.array([_first_passage(loss, end, t) for t in temperature])
        shared = {
            "temperature": temperature,
            "well_coefficient": a,
            "well_half_order": k,
            "barrier_coefficient": b,
            "barrier_half_order": 1,
        }
        rate = _law("singular-eyring-kramers", **shared, barrier_height=1.0)
        ratio = _law(
            "mean-first-passage-ratio", **shared, well_linear_correction=c_1, well_quadratic_correction=c_2,
            barrier_linear_correction=d_1, barrier_quadratic_correction=d_2,
        )  # fmt: skip
        boltzmann = np.exp(1 / temperature)
        left.plot(temperature, boltzmann / exact, color=look.colour, label=f"{name}, exact")
        left.plot(temperature, rate * boltzmann, color=look.colour, linestyle=(0, (4, 2)), label="  its law")
        right.plot(temperature, exact * rate, color=look.colour, label=f"{name}, exact")
        right.plot(temperature, ratio, color=look.colour, linestyle=(0, (4, 2)), label="  first correction")
    left.set(xscale="log", yscale="log", ylabel=r"rate $\times\; e^{\Delta L_\ddagger/T}$", title="escape rate")
    left.set_yticks([0.5, 0.6, 0.7, 0.8, 0.9, 1.0], ["0.5", "0.6", "0.7", "0.8", "0.9", "1"])
    left.set_yticks([], minor=True)
    right.axhline(1.0, color=FAINT, linewidth=1, zorder=0)
    right.set(xscale="log", ylabel="exact time / law's time", title="approach to the law")
    for panel in (left, right):
        panel.set_xlabel("temperature $T$ (loss)")
        panel.legend()
    return figure


def _iterated_temperature(step_curvature: float, momentum: float) -> float:
    """T_h/T of heavy-ball SGD, by iterating its covariance equation to the fixed point."""
    step = np.array([[1 - step_curvature, -momentum], [step_curvature, momentum]])  # (w, learning rate * v)
    kick = np.array([-1.0, 1.0])
    covariance = np.zeros((2, 2))
    for _ in range(20_000):
        covariance = step @ covariance @ step.T + np.outer(kick, kick)
    # T h^-1 in the same units is step_curvature^-1 / (2 (1 - momentum)).
    return float(covariance[0, 0] * step_curvature * 2 * (1 - momentum))


def sgd_temperature() -> Figure:
    """Temperature in a quadratic well against learning rate times curvature."""
    figure, axes = plt.subplots(figsize=(6.6, 4.3))
    for look, momentum in zip(series(4), (0.0, 0.5, 0.9), strict=False):
        x = np.geomspace(0.01, 0.97 * 2 * (1 + momentum), 300)
        values = _law("sgd-temperature-quadratic", temperature=1.0, learning_rate=x, curvature=1.0, momentum=momentum)
        axes.plot(x, values, color=look.colour, linestyle=look.line_style, label=rf"$\mu = {momentum:g}$")
        places = np.geomspace(0.02, 0.9 * 2 * (1 + momentum), 9)
        axes.plot(
            places, [_iterated_temperature(p, momentum) for p in places], linestyle="none", marker=look.marker,
            markerfacecolor="white", markeredgecolor=look.colour,
        )  # fmt: skip
        axes.axvline(2 * (1 + momentum), color=look.colour, linewidth=0.8, linestyle=":")
    axes.axhline(1.0, color=FAINT, linewidth=1, zorder=0)
    axes.set(
        xscale="log", yscale="log", ylim=(0.9, 30), xlabel=r"learning rate $\times$ curvature, $\eta h$",
        ylabel=r"$T_h / T$",
    )  # fmt: skip
    axes.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    axes.legend(loc="upper left")
    return figure


def _reshuffled(stiffness: float, momentum: float, steps: int) -> float:
    """Temperature factor of 2000 simulated runs that reshuffle their minibatches every epoch; standard error 1 %."""
    random = np.random.default_rng(1)
    noise = np.resize([1.0, -1.0], steps) * np.sqrt(1 - 1 / steps)  # any values that add up to nothing
    weight, velocity, total = np.zeros((3, 2000))
    epochs = int(8 / (stiffness / (1 - momentum)) / steps) + 12
    for epoch in range(epochs):
        order = random.permuted(np.tile(noise, (2000, 1)), axis=1)
        for step in range(steps):
            velocity = momentum * velocity + stiffness * (weight + order[:, step])
            weight = weight - velocity
            total = total + (weight**2 if epoch >= epochs - 10 else 0)
    return float(np.mean(total) / (10 * steps) * 2 * (1 - momentum) / stiffness)


def reshuffling() -> Figure:
    """Temperature factor of reshuffling against learning rate times curvature, 64 steps an epoch."""
    figure, axes = plt.subplots(figsize=(6.6, 4.3))
    steps = 64
    for look, momentum in zip(series(4), (0.0, 0.9), strict=False):
        x = np.geomspace(1e-3, 1.2, 120)
        values = [temperature_factor(float(y), momentum, steps) for y in x]
        axes.plot(x, values, color=look.colour, linestyle=look.line_style, label=rf"$\mu = {momentum:g}$")
        places = np.array([0.005, 0.015, 0.05, 0.15, 0.5])
        axes.plot(
            places, [_reshuffled(place, momentum, steps) for place in places], linestyle="none", marker=look.marker,
            markerfacecolor="white", markeredgecolor=look.colour,
        )  # fmt: skip
        slow = [
            _law(
                "reshuffling-slow-mode-limit", curvature=1.0, learning_rate=y, momentum=momentum, steps_per_epoch=steps
            )
            for y in x
        ]
        axes.plot(x, slow, color=FAINT, linewidth=1, linestyle=":")
    axes.axhline(1.0, color=FAINT, linewidth=1, zorder=0)
    axes.annotate("slow modes", (2.4e-3, 0.032), color=FAINT)
    axes.set(xscale="log", yscale="log", ylim=(0.015, 3), xlim=(1e-3, 1.2))
    axes.set(xlabel=r"learning rate $\times$ curvature, $\eta h$", ylabel="temperature factor $f$")
    axes.legend(loc="lower right")
    return figure


_RUN = {"initial_learning_rate": 0.05, "dataset_size": 50_000, "momentum": 0.0}


def scaling_variable() -> Figure:
    """Temperature and remaining time against theta, and against each other under two schedules."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.3))
    theta = np.geomspace(1e-5, 4e-2, 50)
    left.plot(theta, _law("remaining-langevin-time", **_RUN, decay=0.97, scaling_variable=theta), **EXACT)
    left.plot(theta, 3072 * 0.05 * theta / 2, **LAW)
    left.annotate(r"remaining time $t_\infty$", (2e-3, 300), ha="right")
    left.annotate(r"temperature $T$", (2e-3, 0.055), color=LAW["color"])
    epoch = np.arange(0.0, 161.0, 20.0)
    for look, batch in zip(series(4), (32, 128, 512), strict=False):
        exponential = 0.05 * 0.97**epoch
        temperature = _temperature(exponential, batch)
        place = _law("scaling-variable", decay=0.97, epoch=epoch, batch_size=batch)
        left_over = [0.05 * 50_000 / batch * np.sum(0.97 ** np.arange(e, e + 2000)) for e in epoch]
        marks = {"linestyle": "none", "marker": look.marker, "markerfacecolor": "white", "markersize": 7}
        left.plot(place, temperature, **marks, markeredgecolor=look.colour, label=f"$B = {batch}$")
        left.plot(place, left_over, **marks, markeredgecolor=look.colour)
        right.plot(temperature, left_over, **marks, markeredgecolor=look.colour, label=f"exponential, $B = {batch}$")
        later = np.geomspace(1, 300, 60) - 1
        power = _law("remaining-langevin-time-power-law", **_RUN, epoch=later, batch_size=batch, schedule_power=2)
        right.plot(
            _temperature(0.05 * (1 + later) ** -2, batch), power, color=look.colour, linestyle=look.line_style,
            label=f"power law, $B = {batch}$",
        )  # fmt: skip
    left.set(xlabel=r"$\theta = \gamma^e/B$ (1/examples)", ylabel="loss, or Langevin time", title="exponential decay")
    right.set(xlabel="temperature $T$ (loss)", ylabel=r"remaining time $t_\infty$", title="time against temperature")
    right.set(xlim=(3e-4, 5), ylim=(0.1, 6e3))
    for panel in (left, right):
        panel.set(xscale="log", yscale="log")
        panel.legend(fontsize=8.5)
    return figure


def _temperature(learning_rate: Array, batch_size: float) -> Array:
    return _law(
        "sgd-temperature", learning_rate=learning_rate, gradient_variance=3072.0, momentum=0.0, batch_size=batch_size
    )


def critical_period_end() -> Figure:
    """End of the critical period against batch size by four laws that agree at batch size 128."""
    figure, axes = plt.subplots(figsize=(6.6, 4.3))
    batch = np.geomspace(16, 1024, 200)
    end, middle = 50.0, 128.0

    def exponential(sizes: Any) -> Any:
        offset = end - np.log(middle) / np.log(0.97)
        return _law("critical-period-end-exponential", batch_size=sizes, decay=0.97, epoch_offset=offset)

    def power(sizes: Any, order: float) -> Any:
        return _law(
            "critical-period-end-power-law", batch_size=sizes,
            critical_temperature=float(_temperature(np.asarray(0.05 * (1 + end) ** -order), middle)),
            gradient_variance=3072.0, initial_learning_rate=0.05, momentum=0.0, schedule_power=order,
        )  # fmt: skip

    def flow(sizes: Any) -> Any:
        spent = 0.05 * 50_000 / middle * (1 - 0.97**end) / (1 - 0.97)
        with np.errstate(invalid="ignore", divide="ignore"):
            return _law("critical-period-end-flow-time", **_RUN, batch_size=sizes, decay=0.97, flow_time=spent)

    curves = (
        (r"exponential decay, $\gamma = 0.97$", exponential(batch)),
        ("power law, $p = 1$", power(batch, 1.0)),
        ("power law, $p = 2$", power(batch, 2.0)),
        ("rival: flow time spent", flow(batch)),
    )
    for look, (name, values) in zip(series(4), curves, strict=True):
        axes.plot(batch, values, color=look.colour, linestyle=look.line_style, label=name)
    axes.plot(middle, end, "o", color=INK, zorder=5)
    axes.set(xscale="log", xlim=(16, 1024), ylim=(0, 160), xlabel="batch size $B$", ylabel="end $e^*$ (epochs)")
    _plain_ticks(axes, (16, 32, 64, 128, 256, 512, 1024))
    axes.legend(loc="upper right")
    return figure


def _plain_ticks(axes: Axes, places: Sequence[int]) -> None:
    axes.set_xticks(places, [str(place) for place in places])
    axes.minorticks_off()


DRAWINGS: dict[str, Callable[[], Figure]] = {
    drawing.__name__: drawing
    for drawing in (newton_polygon, energy_law, singular_escape, sgd_temperature, reshuffling, scaling_variable,
                    critical_period_end)
}  # fmt: skip


def draw_all(folder: Path) -> list[Path]:
    """Draw every figure that a page names.

    Returns
    -------
    list of Path
        The files written.
    """
    use_style()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in (figure.name for figure in PAGE_FIGURES):
        figure = DRAWINGS[name]()
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=115, metadata={"Software": None})
        plt.close(figure)
        write_in_one_go(content.getvalue(), folder / f"{name}.png")
        written.append(folder / f"{name}.png")
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m figures.theory_pages", description="Draw the pages' figures.")
    parser.add_argument("--folder", type=Path, default=PAGES_FOLDER / FIGURES, help="where to (%(default)s)")
    for path in draw_all(parser.parse_args(arguments).folder):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
