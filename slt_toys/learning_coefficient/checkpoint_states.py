"""Checkpoints as people have them: modules, state dicts or files, each at a step of training; refused before work."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from slt_toys.inputs.arguments import shown
from slt_toys.learning_coefficient.batches import said

NAMES = ("state_dict", "model_state_dict", "model")  # under which training keeps a state among other things


@dataclass(frozen=True)
class Checkpoint:
    """One state of a module: its step, and its tensors by name or the file that holds them."""

    step: int
    held: Mapping[str, Tensor] | Path

    @property
    def state(self) -> Mapping[str, Tensor]:
        """Tensors by name; read where they stand in a file."""
        return _read(self.held, self.step) if isinstance(self.held, Path) else self.held

    def module(self, like: nn.Module) -> nn.Module:
        """A copy of the module in this state."""
        made = copy.deepcopy(like)
        made.load_state_dict(dict(self.state))
        return made

    def digest(self) -> str:
        """SHA-256 of the state."""
        found = hashlib.sha256()
        for name, value in sorted(self.state.items()):
            found.update(f"{name} {tuple(value.shape)} {value.dtype}\0".encode())
            found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return found.hexdigest()


def checkpoints_of(given: Any, module: nn.Module) -> list[Checkpoint]:
    """All checkpoints by step, each of which the module can be brought into.

    Parameters
    ----------
    given
        A mapping from steps, or an iterable of pairs (step, checkpoint) or of checkpoints at steps 0, 1, 2, ... Each
        is a module, a state dict, or the path of a file that ``torch.load(..., weights_only=True)`` reads. It is gone
        through once, and states are copied as it is, so that it may train a module between two.
    module
        Whose states they are.

    Raises
    ------
    ValueError
        Naming the step, for one that is no state of the module, or not finite; for steps that are no whole numbers.
    """
    found: dict[int, Checkpoint] = {}
    for step, checkpoint in _pairs(given):
        if isinstance(step, bool) or not isinstance(step, Integral) or step < 0:
            raise ValueError(f"checkpoints: step {shown(step)} must be a whole number, 0 or more")
        if int(step) in found:
            raise ValueError(f"checkpoints: step {step} is there twice; give each its own")
        found[int(step)] = _taken(checkpoint, int(step), module)
    if not found:
        raise ValueError("checkpoints: none; give at least one")
    return [found[step] for step in sorted(found)]


def _pairs(given: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(given, Mapping):
        if given and all(isinstance(key, str) for key in given):
            raise ValueError(
                "checkpoints: one state dict, whose keys are names; give a mapping from steps to checkpoints, or a list"
            )
        yield from given.items()
        return
    if isinstance(given, str | bytes | Path | nn.Module) or not isinstance(given, Iterable):
        raise ValueError(
            f"checkpoints: one {type(given).__name__}; give a mapping from steps to checkpoints, or a list of them"
        )
    for number, one in enumerate(given):
        yield one if isinstance(one, tuple) and len(one) == 2 else (number, one)


def _taken(checkpoint: Any, step: int, module: nn.Module) -> Checkpoint:
    held: Mapping[str, Tensor] | Path
    if isinstance(checkpoint, str | Path):
        held = Path(checkpoint).expanduser()
        state = _read(held, step)
    elif isinstance(checkpoint, nn.Module):
        held = state = {name: value.detach().clone() for name, value in checkpoint.state_dict().items()}
    elif isinstance(checkpoint, Mapping):
        plain = {name: value for name, value in checkpoint.items() if isinstance(value, Tensor)}
        if len(plain) != len(checkpoint):
            raise ValueError(f"checkpoints: step {step} holds more than tensors; give its state dict")
        held = state = {name: value.detach().clone() for name, value in plain.items()}
    else:
        raise ValueError(
            f"checkpoints: step {step} is a {type(checkpoint).__name__}; it must be a module, a state dict or a path"
        )
    _check(state, step, module)
    return Checkpoint(step, held)


def _read(path: Path, step: int) -> Mapping[str, Tensor]:
    """The state dict in a file; nothing in it is run."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ValueError(f"checkpoints: step {step}: no file {path}") from error
    except Exception as error:  # whatever a file that is no checkpoint makes of its reader
        raise ValueError(f"checkpoints: step {step}: {path.name} cannot be read as weights: {said(error)}") from error
    if isinstance(state, Mapping):
        state = next((state[name] for name in NAMES if isinstance(state.get(name), Mapping)), state)
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(
            f"checkpoints: step {step}: {path.name} holds no state dict, nor one under {', '.join(map(repr, NAMES))}"
        )
    return state


def _check(state: Mapping[str, Tensor], step: int, module: nn.Module) -> None:
    own = module.state_dict()
    for name in own.keys() ^ state.keys():
        whose = "it lacks" if name in own else "the module lacks its"
        raise ValueError(f"checkpoints: step {step} is no state of the module: {whose} {name!r}")
    for name, value in own.items():
        if state[name].shape != value.shape:
            raise ValueError(
                f"checkpoints: step {step}: {name!r} has shape {tuple(state[name].shape)}, the module's "
                f"{tuple(value.shape)}"
            )
        if state[name].dtype != value.dtype:
            raise ValueError(
                f"checkpoints: step {step}: {name!r} is of type {state[name].dtype}, the module's of {value.dtype}; "
                "bring the module to the checkpoints' type"
            )
        if not bool(torch.isfinite(state[name]).all()):
            raise ValueError(f"checkpoints: step {step}: {name!r} is not finite")
