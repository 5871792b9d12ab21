"""The runs of `slt_toys.learning_coefficient.track_study`: training, and what else is known of every checkpoint."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from slt_toys.learning_coefficient import modular_addition, superposition
from slt_toys.learning_coefficient.checkpoints import track
from slt_toys.learning_coefficient.track_settings import ADDITION, EXAMPLES, STAIRCASES, STEPS

REACHED = 0.5  # in units of the temperature: nearer to a polygon's exact loss a checkpoint is at its minimum


def followed(name: str, *, draws: int, seed: int, folder: Path | None) -> xr.Dataset:
    """One run along ``row``: what `track` says of each checkpoint, its exact λ and phase, and the loss held out."""
    found, more = _addition(draws, seed, folder) if name == ADDITION else _staircase(name, draws, seed, folder)
    rows = found.reset_index("step").reset_coords("step").rename_dims({"step": "row"})
    told = more | {"run": np.array([name] * rows.sizes["row"])}
    return rows.assign({key: ("row", values) for key, values in told.items()})


def _staircase(name: str, draws: int, seed: int, folder: Path | None) -> tuple[xr.Dataset, dict[str, np.ndarray]]:
    end, start, size, steps = STAIRCASES[name]
    states = list(superposition.Training(size=size, seed=start).states(list(steps)))
    like = superposition.polygon(end, torch.Generator().manual_seed(0))
    lowest = float(superposition.population_loss(like.columns, like.bias).detach()) / 2
    data = torch.ones(2, 1, dtype=torch.float64), None
    found = track(states, like, lambda out, _: out.mean(), data, examples=EXAMPLES, draws=draws, seed=seed,
                  folder=folder)  # fmt: skip
    height = found.attrs["n_beta"] * (found["loss"].values - lowest)
    exact = np.where(np.abs(height) < REACHED, float(superposition.POLYGONS[end][2]), math.nan)
    phases = [superposition.phase(state["columns"].numpy(), state["bias"].numpy()) for _, state in states]
    none = np.full(len(states), math.nan)
    return found, {"exact": exact, "phase": np.array(phases), "height": height, "held_out_loss": none,
                   "held_out_right": none}  # fmt: skip


def _addition(draws: int, seed: int, folder: Path | None) -> tuple[xr.Dataset, dict[str, np.ndarray]]:
    training = modular_addition.Training()
    states: list[tuple[int, dict[str, Tensor]]] = list(training.states(list(STEPS)))
    module, (seen, held) = training.module(), training.parts()
    found = track(states, module, modular_addition.squared_error, seen, examples=EXAMPLES, draws=max(20, draws // 2),
                  seed=seed, folder=folder)  # fmt: skip
    measured = []
    for _, state in states:
        module.load_state_dict(state)
        measured.append(modular_addition.measured(module, held))
    losses, right = np.array(measured).T
    none = np.full(len(states), math.nan)
    return found, {"exact": none, "phase": np.array([""] * len(states)), "height": none, "held_out_loss": losses,
                   "held_out_right": right}  # fmt: skip
