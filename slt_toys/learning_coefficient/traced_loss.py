"""Slopes and losses of many copies by the list of tensor operations that make them, recorded once.

For small networks Python, autograd and vmap take several times as long as the numbers do. The recorded operations are
the same, in the same order; what cannot be recorded, or comes out otherwise, is evaluated as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Slopes = Callable[[Tensor], tuple[Tensor, Tensor]]

OFTEN = 100  # calls at one shape, which take about as long as recording does
SMALL = 1 << 18  # numbers in all copies, beyond which the numbers themselves take the time


class TracedSlopes:
    """Slopes and losses of copies (copy, parameter), recorded once they have been asked for often.

    Parameters
    ----------
    plain
        What is recorded: no function of anything but the parameters.
    """

    def __init__(self, plain: Slopes):
        self._plain = plain
        self._calls: dict[Any, int] = {}
        self._recorded: dict[Any, Slopes] = {}

    def __call__(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Slopes of the parameters' shape, and losses (copies,)."""
        kind = (parameters.shape, parameters.dtype, parameters.device)
        if kind in self._recorded:
            with torch.no_grad():
                return self._recorded[kind](parameters)
        calls = self._calls[kind] = self._calls.get(kind, 0) + 1
        if calls == OFTEN and parameters.numel() <= SMALL:
            recorded = self._record(parameters)
            if recorded is not None:
                self._recorded[kind] = recorded
        return self._plain(parameters)

    def _record(self, parameters: Tensor) -> Slopes | None:
        """The operations, if they give what they were recorded from, here and at other points; else None."""
        from torch.fx.experimental.proxy_tensor import make_fx

        others = parameters + 0.1 * (parameters - parameters.flip(0))
        try:
            graph = make_fx(lambda at: self._plain(at))(parameters)  # it takes no methods
            graph.graph.eliminate_dead_code()
            graph.recompile()
            for points in (parameters, others):
                with torch.no_grad():
                    ours = graph(points)
                if not all(_same(a, b) for a, b in zip(ours, self._plain(points), strict=True)):
                    return None
        except Exception:  # whatever is beyond it, from whichever library: the plain way is there
            return None
        return graph.forward


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(
        one, other, rtol=100 * torch.finfo(other.dtype).eps, atol=0.0, equal_nan=True
    )
