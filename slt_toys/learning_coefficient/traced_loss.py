"""Slopes and losses of many copies by the list of tensor operations that make them, recorded once.

For small networks Python, autograd and vmap take several times as long as the numbers do. The recorded operations are
the same, in the same order; what cannot be recorded, or comes out otherwise, is evaluated as ever.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Slopes = Callable[[Tensor], tuple[Tensor, Tensor]]

OFTEN = 100  # calls at one shape, which take about as long as recording does
TRIED = 3
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

        tried = parameters, parameters + 0.1 * (parameters - parameters.flip(0)), -parameters

        def plain(at: Tensor) -> tuple[Tensor, Tensor]:  # which make_fx takes for one of a class otherwise
            slopes, values = self._plain(at)
            return slopes, values

        try:
            graph = make_fx(plain)(parameters)
            graph.graph.eliminate_dead_code()
            graph.recompile()
            for recorded in (_frozen(graph, parameters), graph.forward):
                if recorded is not None and all(self._same(recorded, points) for points in tried):
                    return recorded
        except Exception:  # whatever is beyond it, from whichever library: the plain way is there
            return None
        return None

    def _same(self, recorded: Slopes, points: Tensor) -> bool:
        """Whether both ways give the same numbers, time and again: the first calls serve to optimise others."""
        plain = self._plain(points)
        with torch.no_grad():
            return all(
                a.shape == b.shape and torch.allclose(a, b, rtol=100 * torch.finfo(b.dtype).eps, atol=0, equal_nan=True)
                for _ in range(TRIED)
                for a, b in zip(recorded(points), plain, strict=True)
            )


def _frozen(graph: torch.fx.GraphModule, parameters: Tensor) -> Slopes | None:
    """The operations without Python between them; None where this torch has no such thing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced: Any = torch.jit.trace(graph, parameters, check_trace=False)
            return torch.jit.freeze(traced.eval(), optimize_numerics=False)
    except Exception:  # it is being given up by its makers
        return None
