"""The command `python -m slt_toys.learning_coefficient`: deep linear networks, whose coefficients are theorems.

Default settings are held against the exact values, at a typical minimum and where branches of minima cross; and so are
settings without burn-in, of the kind with which coefficients along training were first published: SGLD with a step
chosen by hand, localisation 100, ten chains of a hundred draws, none dropped.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from figures import learning_coefficient as drawing
from slt_toys.learning_coefficient.deep_linear import Minimum, deep_linear_problem, half_squared_error
from slt_toys.learning_coefficient.estimator import (
    WITHOUT_BURN_IN,
    LearningCoefficientEstimate,
    local_learning_coefficient,
)
from slt_toys.reference.laws import law
from slt_toys.results.progress import command_line, progress
from slt_toys.results.records import (
    manifest,
    writable_folder,
    write_dataset,
    write_figure,
    write_json,
    written_together,
)

NETWORKS: dict[str, tuple[tuple[int, ...], int]] = {
    "(5,3,5;2)": ((5, 3, 5), 2),
    "(10,5,10;2)": ((10, 5, 10), 2),
    "(5,4,4,5;2)": ((5, 4, 4, 5), 2),
    "(50,50,50;25)": ((50, 50, 50), 25),
}
NOISE = 0.1  # the data's noise lies below the tempered posterior's width by this and √log n


@dataclass(frozen=True)
class Setting:
    """One way to measure: a name, the kind of minimum and number of examples of the problem, and arguments."""

    name: str
    minimum: Minimum = "typical"
    examples: int = 1_000_000
    noise: float = NOISE
    by_hand: float | None = None  # step size of the settings without burn-in
    draws: int | None = None  # None for the estimator's own

    def arguments(self) -> dict[str, Any]:
        """Arguments of the estimator beyond the problem and the seed."""
        if self.by_hand is None:
            return {} if self.draws is None else {"draws": self.draws}
        return WITHOUT_BURN_IN | {"step_size": self.by_hand}


SETTINGS = (
    Setting("default"),
    Setting("default, unit noise", noise=1.0),
    Setting("default, at the crossing", minimum="crossing"),
    Setting("no burn-in, step 1e-4", by_hand=1e-4),
    Setting("no burn-in, step 1e-5", by_hand=1e-5),
    Setting("no burn-in, step 1e-5, 50 000 examples", by_hand=1e-5, examples=50_000),
)

# The smallest singular network, measured where its branches of minima cross: there the energy at finite nβ is known.
CROSSING = (1, 1, 1)
CROSSING_N_BETAS = (100.0, 1000.0, 10_000.0)
CROSSING_DRAWS = 1000  # arms of a cross take longer to visit than a well


@dataclass(frozen=True)
class LearningCoefficientStudy:
    """Measure learning coefficients of deep linear networks and hold them against the exact values."""

    seeds: int = 1
    """Problems of each network under the default setting; with more than one, coverage is reported."""

    seed: int = 0
    """The first of them."""

    networks: tuple[str, ...] = tuple(NETWORKS)
    """Which networks."""

    out: Path = Path("results")
    """Folder for data and figure."""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError(f"seeds: {self.seeds} must be 1 or more")
        unknown = sorted(set(self.networks) - set(NETWORKS))
        if unknown or not self.networks:
            raise ValueError(f"networks: {unknown or 'none'} cannot be measured; known are {', '.join(NETWORKS)}")

    def run(self) -> xr.Dataset:
        """Measure; one row for each network, setting and seed, and one ``crossing`` for each nβ of the smallest."""
        tasks = [(name, setting, self.seed) for name in self.networks for setting in SETTINGS]
        tasks += [(name, SETTINGS[0], self.seed + k) for k in range(1, self.seeds) for name in self.networks]
        rows, crossings = [], []
        with progress("deep linear networks", len(tasks) + len(CROSSING_N_BETAS)) as advance:
            for name, setting, seed in tasks:
                rows.append(measured(name, setting, seed))
                advance()
            for n_beta in CROSSING_N_BETAS:
                crossings.append(measured_crossing(n_beta, self.seed))
                advance()
        data = xr.Dataset({key: ("row", np.array([row[key] for row in rows])) for key in rows[0]})
        data = data.assign(
            {f"crossing_{key}": ("crossing", np.array([row[key] for row in crossings])) for key in crossings[0]}
        )
        return with_crossing_curve(data)


def measured(network: str, setting: Setting, seed: int) -> dict[str, Any]:
    """One row: estimate, interval, exact value, verdict and seconds; the seed is the problem's and the chains'."""
    widths, rank = NETWORKS[network]
    dtype = torch.float32 if max(widths) >= 50 else torch.float64
    problem = deep_linear_problem(
        widths, rank, examples=setting.examples, noise=setting.noise, minimum=setting.minimum, seed=seed, dtype=dtype
    )
    began = time.perf_counter()
    found: LearningCoefficientEstimate = local_learning_coefficient(
        problem.module, half_squared_error, (problem.inputs, problem.targets), examples=problem.examples, seed=seed,
        **setting.arguments(),
    )  # fmt: skip
    exact = float(problem.exact.value)
    return {
        "network": network,
        "setting": setting.name,
        "seed": seed,
        "estimate": found.estimate if setting.by_hand is None else found.posterior_energy,
        "standard_error": found.standard_error,
        "low": found.interval[0],
        "high": found.interval[1],
        "exact": exact,
        "multiplicity": problem.exact.multiplicity,
        "covered": bool(found.interval[0] <= exact <= found.interval[1]),
        "posterior_energy": found.posterior_energy,
        "step_bias": found.step_bias,
        "localisation_effect": found.localisation_effect,
        "start_excess": found.start_excess,
        "r_hat": found.r_hat,
        "bulk_effective_sample_size": found.bulk_effective_sample_size,
        "n_beta": found.n_beta,
        "localisation": found.localisation,
        "step_size": found.step_size,
        "seconds": time.perf_counter() - began,
        "verdict": found.verdict,
    }


def measured_crossing(n_beta: float, seed: int, *, draws: int = CROSSING_DRAWS) -> dict[str, Any]:
    """Three numbers of x -> w2 w1 x with true map 0 at localisation 1: estimate, exact energy at nβ, and λ."""
    problem = deep_linear_problem(CROSSING, 0, noise=0.0, minimum="crossing", seed=seed)
    found = local_learning_coefficient(
        problem.module, half_squared_error, (problem.inputs, problem.targets), n_beta=n_beta, localisation=1.0,
        draws=draws, seed=seed,
    )  # fmt: skip
    curvature = float(problem.inputs.square().mean())
    return {
        "n_beta": n_beta,
        "curvature": curvature,
        "estimate": found.estimate,
        "standard_error": found.standard_error,
        "energy": law("crossing-energy")(n_beta=n_beta, curvature=curvature, localisation=1.0),
        "exact": float(problem.exact.value),
        "verdict": found.verdict,
    }


def with_crossing_curve(data: xr.Dataset) -> xr.Dataset:
    """The data with the exact energy of the smallest network over a range of nβ, along ``curve``."""
    n_beta = np.geomspace(CROSSING_N_BETAS[0] / 3, CROSSING_N_BETAS[-1] * 3, 200)
    curvature = np.full_like(n_beta, float(data["crossing_curvature"].values[0]))
    energy = law("crossing-energy")(n_beta=n_beta, curvature=curvature, localisation=np.ones_like(n_beta))
    return data.assign(curve_n_beta=("curve", n_beta), curve_energy=("curve", energy))


def table(data: xr.Dataset) -> str:
    """Markdown: for each network and setting the first seed's row, then how often intervals covered."""
    lines = [
        "| network | exact λ (m) | setting | estimate | off by | verdict |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    first = int(data["seed"].min())
    for k in np.flatnonzero(data["seed"].values == first):
        row = {key: data[key].values[k] for key in data.data_vars if "row" in data[key].dims}
        off = row["estimate"] / row["exact"] - 1
        by = f"{100 * off:+.1f} %" if np.isfinite(off) else "-"
        number = f"{row['estimate']:.4g} ± {row['standard_error']:.2g}" if np.isfinite(off) else "none"
        verdict = str(row["verdict"]).split(":", maxsplit=1)
        reason = "trust" if verdict[0].startswith("trust") else f"doubt:{verdict[1].split(';')[0]}"
        lines.append(
            f"| {row['network']} | {row['exact']:g} ({row['multiplicity']}) | {row['setting']} | {number} | {by} "
            f"| {reason} |"
        )
    chosen = data.isel(row=data["setting"].values == SETTINGS[0].name)
    if len(set(chosen["seed"].values.tolist())) > 1:
        lines += ["", "| network | seeds | covered by the 95 % interval | largest error |", "| --- | --- | --- | --- |"]
        for network in dict.fromkeys(chosen["network"].values.tolist()):
            part = chosen.isel(row=chosen["network"].values == network)
            worst = float(np.abs(part["estimate"] / part["exact"] - 1).max())
            lines.append(f"| {network} | {part.sizes['row']} | {int(part['covered'].sum())} | {100 * worst:.2g} % |")
    lines += ["", "| (1,1,1;0) at nβ | estimate | exact at this nβ | λ |", "| --- | --- | --- | --- |"]
    for k in range(data.sizes["crossing"]):
        row = {
            key: data[f"crossing_{key}"].values[k]
            for key in ("n_beta", "estimate", "standard_error", "energy", "exact")
        }
        lines.append(
            f"| {row['n_beta']:g} | {row['estimate']:.3f} ± {row['standard_error']:.3f} | {row['energy']:.4f} "
            f"| {row['exact']:g} |"
        )
    return "\n".join(lines)


@written_together()
def save(data: xr.Dataset, study: LearningCoefficientStudy, seconds: float) -> None:
    """Write ``learning_coefficient`` .nc, .json, .png and .svg."""
    folder = writable_folder(study.out)
    files = {"learning_coefficient.nc": write_dataset(data, folder / "learning_coefficient.nc")}
    files |= write_figure(drawing.draw(data), folder / "learning_coefficient")
    rows, crossings = (
        [{name: data[name].values[k].item() for name in data.data_vars if dim in data[name].dims} for k in range(size)]
        for dim, size in ((dim, data.sizes[dim]) for dim in ("row", "crossing"))
    )
    record = {"table": table(data).splitlines(), "rows": rows, "crossings": crossings}
    record["manifest"] = manifest(study, study.seed, seconds, files=files)
    write_json(record, folder / "learning_coefficient.json", not_finite="null")


def _main(study: LearningCoefficientStudy) -> None:
    writable_folder(study.out)
    began = time.perf_counter()
    data = study.run()
    save(data, study, time.perf_counter() - began)
    print(table(data))


def main() -> int:
    """Run the command line; returns the exit status."""
    return command_line(LearningCoefficientStudy, _main)


__all__ = [
    "NETWORKS",
    "SETTINGS",
    "LearningCoefficientStudy",
    "Setting",
    "main",
    "measured",
    "measured_crossing",
    "save",
    "table",
]
