"""Deep linear networks measured: one row for each network, setting and seed, and the smallest at its crossing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from slt_toys.learning_coefficient.deep_linear import Minimum, deep_linear_problem, half_squared_error
from slt_toys.learning_coefficient.estimator import WITHOUT_BURN_IN, local_learning_coefficient
from slt_toys.learning_coefficient.study_cases import finished_case
from slt_toys.reference.laws import law
from slt_toys.results.progress import progress

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

# What a row takes from an estimate as it is.
OF_ESTIMATES = (
    "posterior_energy", "step_bias", "localisation_effect", "start_excess", "r_hat", "bulk_effective_sample_size",
    "n_beta", "localisation", "step_size",
)  # fmt: skip


def measured_study(networks: Sequence[str], seeds: int, first_seed: int, folder: Path | None = None) -> xr.Dataset:
    """Every network under every setting; one ``row`` for each and seed, one ``crossing`` for each nβ of the smallest.

    Parameters
    ----------
    networks
        Such as "(5,3,5;2)": widths, and the rank of the true map.
    seeds
        Problems of each network under the default setting.
    first_seed
        Of them.
    folder
        Of finished cases, from which an interrupted run goes on; None to keep none.
    """
    tasks = [(name, setting, first_seed) for name in networks for setting in SETTINGS]
    tasks += [(name, SETTINGS[0], first_seed + k) for k in range(1, seeds) for name in networks]
    rows, crossings = [], []
    with progress("deep linear networks", len(tasks) + len(CROSSING_N_BETAS)) as advance:
        for name, setting, seed in tasks:
            case = {"network": name, "setting": asdict(setting), "seed": seed}
            rows.append(finished_case(folder, case, partial(measured, name, setting, seed)))
            advance()
        for n_beta in CROSSING_N_BETAS:
            case = {"network": CROSSING, "n_beta": n_beta, "draws": CROSSING_DRAWS, "seed": first_seed}
            crossings.append(finished_case(folder, case, partial(measured_crossing, n_beta, first_seed)))
            advance()
    data = xr.Dataset({key: ("row", np.array([row[key] for row in rows])) for key in rows[0]})
    data = data.assign(
        {f"crossing_{key}": ("crossing", np.array([row[key] for row in crossings])) for key in crossings[0]}
    )
    return with_crossing_curve(data)


def widths_and_rank(network: str) -> tuple[tuple[int, ...], int]:
    """What the name of a network says, such as "(5,3,5;2)"."""
    widths, rank = network.strip("()").split(";")
    return tuple(map(int, widths.split(","))), int(rank)


def measured(network: str, setting: Setting, seed: int) -> dict[str, Any]:
    """One row: estimate, interval, exact value, verdict and seconds; the seed is the problem's and the chains'."""
    widths, rank = widths_and_rank(network)
    dtype = torch.float32 if max(widths) >= 50 else torch.float64
    problem = deep_linear_problem(
        widths, rank, examples=setting.examples, noise=setting.noise, minimum=setting.minimum, seed=seed, dtype=dtype
    )
    began = time.perf_counter()
    estimate = local_learning_coefficient(
        problem.module, half_squared_error, (problem.inputs, problem.targets), examples=problem.examples, seed=seed,
        **setting.arguments(),
    )  # fmt: skip
    exact, (low, high) = float(problem.exact.value), estimate.interval
    return {
        "network": network,
        "setting": setting.name,
        "seed": seed,
        "estimate": estimate.estimate if setting.by_hand is None else estimate.posterior_energy,
        "standard_error": estimate.standard_error,
        "low": low,
        "high": high,
        "exact": exact,
        "multiplicity": problem.exact.multiplicity,
        "covered": bool(low <= exact <= high),
        **{name: getattr(estimate, name) for name in OF_ESTIMATES},
        "seconds": time.perf_counter() - began,
        "verdict": estimate.verdict,
    }


def measured_crossing(n_beta: float, seed: int, *, draws: int = CROSSING_DRAWS) -> dict[str, Any]:
    """Three numbers of x -> w2 w1 x with true map 0 at localisation 1: estimate, exact energy at nβ, and λ."""
    problem = deep_linear_problem(CROSSING, 0, noise=0.0, minimum="crossing", seed=seed)
    estimate = local_learning_coefficient(
        problem.module, half_squared_error, (problem.inputs, problem.targets), n_beta=n_beta, localisation=1.0,
        draws=draws, seed=seed,
    )  # fmt: skip
    curvature = float(problem.inputs.square().mean())
    return {
        "n_beta": n_beta,
        "curvature": curvature,
        "estimate": estimate.estimate,
        "standard_error": estimate.standard_error,
        "energy": law("crossing-energy")(n_beta=n_beta, curvature=curvature, localisation=1.0),
        "exact": float(problem.exact.value),
        "verdict": estimate.verdict,
    }


def with_crossing_curve(data: xr.Dataset) -> xr.Dataset:
    """The data with the exact energy of the smallest network over a range of nβ, along ``curve``."""
    n_beta = np.geomspace(CROSSING_N_BETAS[0] / 3, CROSSING_N_BETAS[-1] * 3, 200)
    curvature = np.full_like(n_beta, float(data["crossing_curvature"].values[0]))
    energy = law("crossing-energy")(n_beta=n_beta, curvature=curvature, localisation=np.ones_like(n_beta))
    return data.assign(curve_n_beta=("curve", n_beta), curve_energy=("curve", energy))
