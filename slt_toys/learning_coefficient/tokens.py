"""Language models: how many tokens a loss is the mean of, and a loss that is that mean in pieces too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from slt_toys.learning_coefficient import batches
from slt_toys.learning_coefficient.data import as_data

IGNORED = -100  # as torch's cross-entropy ignores it


def count_tokens(data: Any, *, ignore_index: int = IGNORED) -> int:
    """Tokens that a mean over tokens is the mean of: targets that are not ignored.

    Parameters
    ----------
    data
        As `local_learning_coefficient` takes them, with one tensor of whole numbers as targets.
    ignore_index
        Target of positions that do not count.

    Raises
    ------
    ValueError
        For other targets, or none that counts.
    """
    return _counted(data, ignore_index)[0]


def token_loss(data: Any, *, ignore_index: int = IGNORED) -> Callable[[Tensor, Tensor], Tensor]:
    """Cross-entropy whose mean over all examples is the mean over all tokens, however the data are taken.

    The mean over the tokens of some examples weights each token by one over their number, which differs from piece to
    piece where examples have different lengths. This one divides by the mean number of tokens of an example.

    Parameters
    ----------
    data
        All of them, as above: they say how many tokens an example has.
    ignore_index
        Target of positions that do not count.

    Returns
    -------
    callable
        ``loss(logits, targets)`` of logits (example, position, token) and targets (example, position).
    """
    tokens, examples = _counted(data, ignore_index)
    each = tokens / examples

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        total = nn.functional.cross_entropy(
            logits.flatten(0, -2), targets.flatten(), ignore_index=ignore_index, reduction="sum"
        )
        return total / (len(targets) * each)

    return loss


def _counted(data: Any, ignore_index: int) -> tuple[int, int]:
    """Tokens and examples."""
    held, tokens = as_data(data), 0
    for _, _, targets in held.pieces(held.examples):
        leaves = list(batches.leaves(targets))
        if len(leaves) != 1 or leaves[0].is_floating_point() or leaves[0].dtype == torch.bool:
            raise ValueError("data: targets must be one tensor of whole numbers, one for each token")
        tokens += int((leaves[0] != ignore_index).sum())
    if not tokens:
        raise ValueError(f"data: every target is {ignore_index}, which is ignored; at least 1 must count")
    return tokens, held.examples
