"""Data of any shape: a tensor, or tuples and mappings of tensors, whose first axis is the example."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# What torch says, and what to do about it.
REMEDIES = (
    ("must have the same dtype", "give data of the module's type of numbers"),
    ("expected scalar type", "give data of the module's type of numbers"),
    ("same device", "put data and module on one device"),
    ("shapes cannot be multiplied", "give inputs of the shape that the module takes"),
    ("size mismatch", "give inputs of the shape that the module takes"),
    ("positional argument", "several inputs are a tuple, named ones a mapping, as the module's forward takes them"),
    ("unexpected keyword", "several inputs are a tuple, named ones a mapping, as the module's forward takes them"),
    ("has no attribute", "give a loss of what the module puts out, such as lambda output, targets: output.loss"),
    ("must be Tensor, not", "give a loss of what the module puts out, such as lambda output, targets: output.loss"),
    ("requires_grad", "no operation between parameters and loss may detach or convert its tensors"),
    ("does not require grad", "no operation between parameters and loss may detach or convert its tensors"),
)


def tensors(name: str, tree: Any) -> Any:
    """The same tree with detached tensors in place of arrays and tensors, tuples of sequences, dicts of mappings.

    Raises
    ------
    ValueError
        For a leaf of another kind that is not None, a number or text.
    """

    def leaf(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.detach()
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "biuf":
                raise ValueError(f"data: {name} hold an array of type {value.dtype}; they must be numbers")
            return torch.from_numpy(value.copy())
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise ValueError(
            f"data: {name} hold a {type(value).__name__}; they must be tensors, arrays, tuples or mappings"
        )

    return mapped(leaf, tree)


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with the function of each leaf."""
    if isinstance(tree, Mapping):
        return {key: mapped(function, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return tuple(mapped(function, value) for value in tree)
    return function(tree)


def leaves(tree: Any) -> Iterator[Tensor]:
    """Tensors with an axis of examples."""
    if isinstance(tree, Mapping):
        tree = tuple(tree.values())
    if isinstance(tree, list | tuple):
        for value in tree:
            yield from leaves(value)
    elif isinstance(tree, Tensor) and tree.ndim:
        yield tree


def examples(inputs: Any, targets: Any) -> int:
    """Number of examples.

    Raises
    ------
    ValueError
        For none, or tensors of several lengths.
    """
    counts = [[len(leaf) for leaf in leaves(tree)] for tree in (inputs, targets)]
    lengths = {length for part in counts for length in part}
    if not counts[0] or len(lengths) != 1 or 0 in lengths:
        told = [" and ".join(map(str, dict.fromkeys(part))) or "no" for part in counts]
        raise ValueError(f"data: {told[0]} inputs and {told[1]} targets; they must be as many, at least 1")
    return lengths.pop()


def taken(tree: Any, rows: slice | Tensor) -> Any:
    """Some of the examples."""
    return mapped(lambda leaf: leaf[rows] if isinstance(leaf, Tensor) and leaf.ndim else leaf, tree)


def twice(tree: Any) -> Any:
    """All examples, and all again."""
    return mapped(lambda leaf: torch.cat([leaf, leaf]) if isinstance(leaf, Tensor) and leaf.ndim else leaf, tree)


def arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """How a module is called: tuples are its arguments, mappings its named ones."""
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (inputs if isinstance(inputs, tuple) else (inputs,)), {}


def said(error: Exception) -> str:
    """What torch said, on one line, and what to do about it."""
    line = str(error).strip().split("\n")[0] or type(error).__name__
    line = line if len(line) <= 160 else f"{line[:157]}..."
    remedy = next((remedy for words, remedy in REMEDIES if words in str(error)), None)
    return line if remedy is None else f"{line}; {remedy}"


def recurrent(module: nn.Module) -> bool:
    """Whether it has layers of which torch cannot take several at once."""
    return any(isinstance(part, nn.RNNBase) for part in module.modules())
