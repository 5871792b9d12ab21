"""A loss as a function of a part of a network's parameters, all others fixed where they are: name, module or mask."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from slt_toys.inputs.arguments import shown
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

Parameters = str | Sequence[str] | Mapping[str, Any] | Callable[[str, Tensor], Any]


def chosen(module: nn.Module, parameters: Parameters) -> Tensor:
    """Which elements of the trainable parameters, one after the other, are meant: truth values.

    Parameters
    ----------
    module
        Whose parameters.
    parameters
        Names of parameters or of modules that hold some, or patterns such as ``"layers.*.weight"``, one or several; a
        mapping of such names to masks of the parameter's shape; or a function of name and parameter that gives either a
        truth value or a mask.

    Raises
    ------
    ValueError
        For a name that fits nothing that can be trained, a mask of another shape or kind, or no element at all.
    """
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    first = {id(p): name for name, p in trained.items()}
    # A parameter that is tied has several names, of which the first is its own.
    names = {name: first[id(p)] for name, p in module.named_parameters(remove_duplicate=False) if id(p) in first}
    masks = {name: torch.zeros(p.shape, dtype=torch.bool) for name, p in trained.items()}
    if callable(parameters) and not isinstance(parameters, type):
        for name, p in trained.items():
            masks[name] |= _mask(name, p, parameters(name, p.detach()))
    else:
        given = parameters if isinstance(parameters, Mapping) else _listed(parameters)
        for pattern, value in given.items():
            for name in _fitting(pattern, names):
                masks[name] |= _mask(name, trained[name], value)
    which = torch.cat([masks[name].reshape(-1) for name in trained]) if trained else torch.zeros(0, dtype=torch.bool)
    if not bool(which.any()):
        raise ValueError("parameters: no element is chosen; choose at least one, or None for all")
    return which


def _listed(parameters: Any) -> dict[str, Any]:
    listed = [parameters] if isinstance(parameters, str) else parameters
    if not isinstance(listed, Sequence) or not listed or not all(isinstance(each, str) for each in listed):
        raise ValueError(
            f"parameters: {shown(parameters)} must be names, a mapping of names to masks, a function, or None for all"
        )
    return dict.fromkeys(listed, True)


def _fitting(pattern: Any, names: Mapping[str, str]) -> list[str]:
    found = []
    if isinstance(pattern, str) and pattern:
        found = [own for name, own in names.items() if name == pattern or name.startswith(f"{pattern}.")]
        found = found or [own for name, own in names.items() if fnmatch.fnmatchcase(name, pattern)]
    if not found:
        known = ", ".join(names)
        raise ValueError(
            f"parameters: {shown(pattern)} fits no parameter that is trained; there are "
            f"{known if len(known) <= 200 else known[:197] + '...'}"
        )
    return list(dict.fromkeys(found))


def _mask(name: str, parameter: Tensor, value: Any) -> Tensor:
    if isinstance(value, bool | np.bool_):
        return torch.full(parameter.shape, bool(value))
    mask = torch.from_numpy(value) if isinstance(value, np.ndarray) else value
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != parameter.shape:
        told = (
            f"a mask of type {mask.dtype} and shape {tuple(mask.shape)}" if isinstance(mask, Tensor) else shown(value)
        )
        raise ValueError(
            f"parameters: {told} for {name!r} must be a truth value, or truth values of shape {tuple(parameter.shape)}"
        )
    return mask.cpu()


class PartOfLoss(StackedLoss):
    """The same loss as a function of some elements of the parameters.

    Parameters
    ----------
    whole
        Of all parameters.
    which
        Truth values, shape (parameters,).
    """

    def __init__(self, whole: StackedLoss, which: Tensor):
        self.__dict__.update(whole.__dict__)
        self._all, self._which = whole.start, torch.nonzero(which.to(whole.start.device)).ravel()
        self.start = whole.start[self._which]
        self._stack()

    def _stack(self) -> None:
        super()._stack()
        self._by_hand = None  # which knows all parameters only

    def _filled(self, flat: Tensor) -> Tensor:
        return self._all.to(flat).index_copy(0, self._which, flat)

    def _of_one_copy(self, flat: Tensor, inputs: Any, targets: Any) -> Tensor:
        return super()._of_one_copy(self._filled(flat), inputs, targets)

    def _as_in_training(self, flat: Tensor, inputs: Any, targets: Any) -> Tensor:
        return super()._as_in_training(self._filled(flat) if len(flat) < len(self._all) else flat, inputs, targets)

    def _gradients(self, parameters: Tensor, inputs: Any, targets: Any) -> tuple[Tensor, Tensor]:
        slopes, values = super()._gradients(parameters, inputs, targets)
        return (slopes[:, self._which] if slopes.shape[1] > len(self.start) else slopes), values

    def _products(self, vectors: Tensor, inputs: Any, targets: Any) -> Tensor:
        if not self._one_by_one:
            return super()._products(vectors, inputs, targets)
        whole = vectors.new_zeros((len(vectors), len(self._all)))
        whole[:, self._which] = vectors
        return super()._products(whole, inputs, targets)[:, self._which]


def part_of(loss: StackedLoss, module: nn.Module, parameters: Parameters | None) -> StackedLoss:
    """The loss as a function of the chosen parameters: the very same where all are."""
    if parameters is None:
        return loss
    which = chosen(module, parameters)
    return loss if bool(which.all()) else PartOfLoss(loss, which)
