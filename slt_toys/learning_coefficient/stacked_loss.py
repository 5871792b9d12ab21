"""The loss of many copies of one network at once: values, gradients and products with the Hessian (torch.func).

Copies are rows of one tensor (copy, parameter). Every copy sees the same data in the same pieces. Modules that torch
cannot take many copies of at once, such as those with checkpoints within, are evaluated one by one, as in training;
where it cannot differentiate twice, products with the Hessian are differences of gradients.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, replace_all_batch_norm_modules_, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from slt_toys.learning_coefficient import batches
from slt_toys.learning_coefficient.data import Data, as_data
from slt_toys.learning_coefficient.plain_layers import by_hand
from slt_toys.learning_coefficient.traced_loss import TracedSlopes

BatchNorm = Literal["frozen", "batch"]
Loss = Callable[[Any, Any], Tensor]
FAILURES = (RuntimeError, TypeError, IndexError, AttributeError, KeyError, AssertionError, NotImplementedError)

DIFFERENCE = 1e-5  # of a curvature: the error of a difference of gradients
MOST_TWICE = 256  # examples that are taken twice, to see whether a loss is a mean


class StackedLoss:
    """Mean loss over a data set as a function of all trainable parameters, flattened.

    Parameters
    ----------
    module
        Any module; it is copied, and the copy put into evaluation mode (no dropout). Parameters that need no gradient
        stay as they are.
    loss
        ``loss(outputs, targets)``: a scalar, the mean over examples.
    inputs, targets
        Tensors or arrays whose first axis is the example, on the module's device; or tuples (the module's arguments)
        and mappings (its named ones) of them. Targets may be None. Or `Data` in place of inputs.
    batch_norm
        ``"frozen"``: running statistics are part of the function; ``"batch"``: those of the examples seen together.
    examples_at_once
        Examples (of every copy) in memory at a time; None for all.
    curvature_examples
        That products with the Hessian look at, drawn once; None for all.

    Attributes
    ----------
    start
        The module's parameters, shape (parameters,).
    examples
        Number of rows of the data.

    Raises
    ------
    ValueError
        For data of unequal or no length, a module without trainable parameters or with several types of them, an
        unknown policy, or pieces where batch statistics need all examples together.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Loss,
        inputs: Any,
        targets: Any = None,
        *,
        batch_norm: BatchNorm = "frozen",
        examples_at_once: int | None = None,
        curvature_examples: int | None = None,
    ):
        self._data = inputs if isinstance(inputs, Data) else as_data((inputs, targets))
        self.examples = self._data.examples
        self._curved = self._data if curvature_examples is None else self._data.some(curvature_examples)
        if batch_norm not in ("frozen", "batch"):
            raise ValueError(f"batch_norm: {batch_norm!r} is unknown; it must be 'frozen' or 'batch'")
        if examples_at_once is not None and examples_at_once < 1:
            raise ValueError(f"examples_at_once: {examples_at_once} must be 1 or more, or None")
        if batch_norm == "batch" and examples_at_once is not None and examples_at_once < self.examples:
            raise ValueError("examples_at_once: batch statistics are those of all examples together; leave it out")
        if batch_norm == "batch" and len(self._data.counts) > 1:
            raise ValueError(
                "batch_norm: batch statistics are those of all examples together; the data come in batches"
            )
        self._copied = lambda: _copied(module, batch_norm)
        self._module = self._copied()
        trainable = {name: p.detach() for name, p in self._module.named_parameters() if p.requires_grad}
        if len({(p.dtype, p.device) for p in trainable.values()}) != 1:
            raise ValueError("module: its trainable parameters must be of one type on one device, at least one of them")
        self._shapes = {name: p.shape for name, p in trainable.items()}
        self._sizes = [p.numel() for p in trainable.values()]
        fixed = {name: p.detach() for name, p in self._module.named_parameters() if not p.requires_grad}
        self._fixed = fixed | {name: buffer.detach() for name, buffer in self._module.named_buffers()}
        self._loss = loss
        self.start = torch.cat([p.reshape(-1) for p in trainable.values()])
        self._one_by_one = batches.recurrent(self._module)  # torch takes no several of them
        self._piece = examples_at_once or self.examples
        self._stack()

    def _stack(self) -> None:
        self._values_at_once = vmap(self._of_one_copy, in_dims=(0, None, None))
        self._products_at_once = vmap(self._product, in_dims=(None, 0, None, None))
        self._differences: bool | None = None
        self._by_hand, self._held = by_hand(self._module, self._shapes, self._loss), False
        whole = self._data.held and len(self._data.counts) == 1 and self._piece >= self.examples
        self._traced = TracedSlopes(self._of_all) if whole else None

    def in_type(self, dtype: torch.dtype) -> StackedLoss | None:
        """The same loss in another type of numbers; None where it cannot be computed so."""
        twin = copy.copy(self)
        try:
            twin._module = copy.deepcopy(self._module).to(dtype)
            twin._fixed = {name: _in_type(value, dtype) for name, value in self._fixed.items()}
            twin.start = self.start.to(dtype)
            twin._data = self._data.mapped(lambda value: _in_type(value, dtype))
            same = self._curved is self._data
            twin._curved = twin._data if same else self._curved.mapped(lambda value: _in_type(value, dtype))
            twin._stack()
            twin.values_and_gradients(_around(twin.start))
        except FAILURES:  # numbers of a fixed type within the module or the loss, or a device without
            return None
        return twin

    def doubled(self) -> StackedLoss | None:
        """The same loss in double precision; None where that is what it has, or where it cannot be computed so."""
        twin = None if self.start.dtype == torch.float64 else self.in_type(torch.float64)
        if twin is None:
            return None
        try:
            twin.hessian_products(twin.start[None])
        except FAILURES:
            return None
        losses = twin.values(_around(twin.start))
        # Losses that are all single numbers come from a module that computes in them whatever it is given.
        return None if bool((losses.float().double() == losses).all() & (losses != 0).any()) else twin

    def moved_to(self, start: Tensor) -> StackedLoss:
        """The same loss with another start."""
        moved = copy.copy(self)
        moved.start = start.to(self.start)
        moved._stack()
        return moved

    def thinned(self, count: int) -> StackedLoss:
        """The same loss on at most about so many examples, evenly spaced among all."""
        every = -(-self.examples // count)
        if every == 1:
            return self
        part = copy.copy(self)
        part._data = part._curved = self._data.every(every)
        part.examples = part._data.examples
        part._piece = min(self._piece, part.examples)
        part._stack()
        return part

    def check(self, *, pieces: int | None, mean: bool) -> None:
        """Refuse a loss that is no function of the parameters, or whose value depends on how the data are taken.

        Parameters
        ----------
        pieces
            Fewest examples that are taken at a time; None for all.
        mean
            Whether the loss must be a mean even so.

        Raises
        ------
        ValueError
            Naming the module or the loss.
        """
        around = _around(self.start)
        values, slopes = self._tried(around)
        if not math.isfinite(float(values[0])):
            raise ValueError("module: its loss on the data is not finite; bring it to a minimum first")
        if not bool(torch.isfinite(slopes[0]).all()):
            raise ValueError("module: the slope of its loss on the data is not finite; bring it to a minimum first")
        again = self.values_and_gradients(around)[0]
        if not bool((torch.isclose(values, again, rtol=1e-2) | ~torch.isfinite(values)).all()):
            raise ValueError("module: its loss on the same data is not the same twice; it must draw nothing at random")
        self._check_slope(around, values, slopes)
        largest = max(self._data.counts)
        taken = largest if pieces is None else min(pieces, largest)
        if taken < self.examples and largest > 1:
            self._check_halves(around, min(largest, 2 * taken))
        if taken < self.examples or mean:
            self._check_twice(around, min(taken, MOST_TWICE))

    def _tried(self, around: Tensor) -> tuple[Tensor, Tensor]:
        """Values and gradients, one copy at a time where torch cannot take several.

        Raises
        ------
        ValueError
            Where it cannot be done at all, with what torch says.
        """
        try:
            return self.values_and_gradients(around)
        except FAILURES as error:
            if "randomness" in str(error):
                told = "it draws random numbers even in evaluation mode"
                raise ValueError(f"module: it and the loss cannot be evaluated on the data: {told}") from error
            self._one_by_one, self._module = True, self._copied()  # the other may hold what the failure left
        try:
            return self.values_and_gradients(around)
        except FAILURES as error:
            told = batches.said(error)
            raise ValueError(f"module: it and the loss cannot be evaluated on the data: {told}") from error

    def _check_slope(self, around: Tensor, values: Tensor, slopes: Tensor) -> None:
        """Gradients have to be those of the loss: along a line beside the start."""
        point, slope, aside = around[1], slopes[1], around[1] - around[0]
        size, length = float(slope.double().norm()), float(aside.double().norm())
        if not math.isfinite(size) or not math.isfinite(float(values[1])):
            return
        step = torch.finfo(point.dtype).eps ** (1 / 3) * length
        way = step / size * slope if size > 0 else step / length * aside
        with torch.no_grad():
            ahead, behind, *_ = self.values(torch.stack([point + way, point - way])).tolist()
        rounding = 100 * torch.finfo(point.dtype).eps * abs(float(values[1])) / step
        if abs((ahead - behind) / (2 * step) - size) > 0.2 * size + rounding:
            raise ValueError(
                f"module: its gradient says that its loss rises by {size:.3g} per length, but it rises by "
                f"{(ahead - behind) / (2 * step):.3g}; gradients must be those of the loss"
            )

    def _check_halves(self, around: Tensor, count: int) -> None:
        """The loss of some examples has to be the mean of those of their parts."""
        first = (count + 1) // 2
        x, y = self._data.head(count)
        with torch.no_grad():
            whole = self._values(around, x, y).double()
            ends = [
                self._values(around, batches.taken(x, rows), batches.taken(y, rows))
                for rows in (slice(first), slice(first, None))
            ]
        parts = (first * ends[0].double() + (count - first) * ends[1].double()) / count
        if _differ(whole, parts, torch.finfo(self.start.dtype).eps ** 0.5):
            raise ValueError(
                f"loss: {float(whole[-1]):.6g} on {count} examples, but {float(parts[-1]):.6g} as the mean of their "
                "two halves; for a mean over tokens of which some are ignored take token_loss; data taken in pieces "
                "need the mean over examples (reduction='mean')"
            )

    def _check_twice(self, around: Tensor, count: int) -> None:
        """Every example twice has to give the same loss."""
        x, y = self._data.head(count)
        with torch.no_grad():
            once = self._values(around, x, y).double()
            twice = self._values(around, batches.twice(x), batches.twice(y)).double()
        if _differ(once, twice, 0.2):
            raise ValueError(
                f"loss: {float(once[-1]):.6g} on {count} examples, but {float(twice[-1]):.6g} on each of them twice; "
                "it must be the mean over examples (reduction='mean')"
            )

    def values(self, parameters: Tensor, rows: Tensor | None = None) -> Tensor:
        """Mean losses, shape (copies,), of parameters (copies, parameters), on all rows or some."""
        total = torch.zeros(len(parameters), dtype=torch.float64, device=parameters.device)
        with torch.no_grad():
            for share, x, y in self._pieces(rows):
                total += share * self._values(parameters, x, y)
        return total

    def beside(self) -> Tensor:
        """A point near the start, always the same, shape (1, parameters)."""
        return _around(self.start)[1:2]

    def in_memory(self) -> tuple[Any, Any]:
        """Inputs and targets of all examples.

        Raises
        ------
        ValueError
            Where they are read anew, batch by batch.
        """
        if not self._data.held:
            raise ValueError("data: losses of single examples need all of them in memory; give fewer")
        return self._data.head(self.examples)

    def with_kernels(self, function: Callable[..., Tensor], *given: Tensor) -> Tensor:
        """A function of many copies, with the kernels that can be taken so."""
        with _kernels_that_can():
            return function(*given)

    def values_and_gradients(self, parameters: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean losses (copies,), in double precision, and gradients (copies, parameters), on all rows or some."""
        if rows is None and self._traced is not None and not self._one_by_one:
            slopes, values = self._traced(parameters)
            return values.double(), slopes
        return self._with_slopes(parameters, self._pieces(rows))

    def _of_all(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        return self._gradients(parameters, *self._data.head(self.examples))

    def _with_slopes(self, parameters: Tensor, pieces: Iterator[tuple[float, Any, Any]]) -> tuple[Tensor, Tensor]:
        total = torch.zeros(len(parameters), dtype=torch.float64, device=parameters.device)
        slopes: Tensor | None = None
        for share, x, y in pieces:
            gradients, values = self._gradients(parameters, x, y)
            total += share * values.detach()
            gradients = gradients.detach()
            gradients = gradients if share == 1 else gradients.mul_(share)
            slopes = gradients if slopes is None else slopes.add_(gradients)
        assert slopes is not None
        return total, slopes

    def hessian_products(self, vectors: Tensor) -> Tensor:
        """Hessian at the start times each vector, both (vectors, parameters)."""
        if self._differences is None:
            self._differences = not self._twice_differentiable()
        return self._difference_products(vectors) if self._differences else self._exact_products(vectors)

    def _twice_differentiable(self) -> bool:
        """Whether products by autograd are there, and are what gradients say: for some layers torch gives others."""
        way = _around(self.start)[1:2] - self.start
        try:
            exact = self._exact_products(way).double()
        except FAILURES:
            return False
        if self.start.dtype != torch.float64:
            return True
        differences = self._difference_products(way).double()
        apart, size = float((exact - differences).norm()), max(float(exact.norm()), float(differences.norm()))
        return not apart > 1e-3 * size + self._secant() * float(way.norm()) * DIFFERENCE

    def _secant(self) -> float:
        """Slope per length on the way to a point beside the start: a curvature, also where the start has none."""
        beside = _around(self.start)[:2]
        slopes = self._with_slopes(beside, self._curved.pieces(self._piece))[1].double()
        return float((slopes[1] - slopes[0]).norm() / (beside[1] - beside[0]).double().norm())

    @property
    def curvature_error(self) -> float:
        """What a curvature may err by, beyond rounding: differences of gradients know it less well [loss/length²]."""
        return DIFFERENCE * self._secant() if self._differences else 0.0

    def _difference_products(self, vectors: Tensor) -> Tensor:
        size = vectors.double().norm(dim=1, keepdim=True).clamp(min=1e-300)
        step = torch.finfo(self.start.dtype).eps ** (1 / 3) * (float(self.start.double().norm()) or 1.0)
        by = (step / size * vectors.double()).to(self.start.dtype)
        ahead, behind = (
            self._with_slopes(self.start + sign * by, self._curved.pieces(self._piece))[1].double() for sign in (1, -1)
        )
        return ((ahead - behind) * size / (2 * step)).to(vectors.dtype)

    def _exact_products(self, vectors: Tensor) -> Tensor:
        result = torch.zeros_like(vectors)
        for share, x, y in self._curved.pieces(self._piece):
            result += share * self._products(vectors, x, y).detach()
        return result

    def _pieces(self, rows: Tensor | None) -> Iterator[tuple[float, Any, Any]]:
        return self._data.pieces(self._piece, rows)

    def _values(self, parameters: Tensor, inputs: Any, targets: Any) -> Tensor:
        with self._kernels():
            if not self._one_by_one:
                return self._at_once(parameters, inputs, targets)
            return torch.stack([self._as_in_training(row, inputs, targets).detach() for row in parameters])

    def _gradients(self, parameters: Tensor, inputs: Any, targets: Any) -> tuple[Tensor, Tensor]:
        with self._kernels():
            if not self._one_by_one:
                return _with_slopes(self._at_once, parameters, inputs, targets)
            found = []
            for row in parameters:
                with torch.enable_grad():
                    self._module.zero_grad()
                    value = self._as_in_training(row, inputs, targets)
                    value.backward()
                slope = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._trained()]
                found.append((torch.cat([part.reshape(-1) for part in slope]), value.detach()))
            self._module.zero_grad()
            return torch.stack([slope for slope, _ in found]), torch.stack([value for _, value in found])

    def _kernels(self) -> AbstractContextManager[None]:
        return nullcontext() if self._held and self._by_hand is not None else _kernels_that_can()

    def _at_once(self, parameters: Tensor, inputs: Any, targets: Any) -> Tensor:
        self._hold_by_hand()
        return (self._by_hand or self._values_at_once)(parameters, inputs, targets)

    def _hold_by_hand(self) -> None:
        """Plain layers by hand have to give what torch.func gives, values and slopes; else they are left alone."""
        if self._held or self._by_hand is None:
            return
        (x, y), around = self._data.head(MOST_TWICE), _around(self.start)
        try:
            ours, theirs = (_with_slopes(of, around, x, y) for of in (self._by_hand, self._values_at_once))
            allowed = torch.finfo(self.start.dtype).eps ** 0.5
            same = all(float((a - b).norm()) <= allowed * float(b.norm()) for a, b in zip(ours, theirs, strict=True))
        except (*FAILURES, ValueError):  # the general way tells what is wrong
            same = False
        self._held, self._by_hand = True, self._by_hand if same else None

    def _products(self, vectors: Tensor, inputs: Any, targets: Any) -> Tensor:
        with _kernels_that_can():
            if not self._one_by_one:
                return self._products_at_once(self.start, vectors, inputs, targets)
            with torch.enable_grad():
                value = self._as_in_training(self.start, inputs, targets)
                trained = self._trained()
                slopes = torch.autograd.grad(value, trained, create_graph=True, materialize_grads=True)
                slope = torch.cat([part.reshape(-1) for part in slopes])
                turned = [
                    torch.autograd.grad(slope, trained, vector, retain_graph=True, materialize_grads=True)
                    for vector in vectors
                ]
            return torch.stack([torch.cat([part.reshape(-1) for part in row]) for row in turned]).detach()

    def _trained(self) -> list[Tensor]:
        named = dict(self._module.named_parameters())
        return [named[name] for name in self._shapes]

    def _as_in_training(self, flat: Tensor, inputs: Any, targets: Any) -> Tensor:
        """The loss of the module itself, once it has these parameters."""
        with torch.no_grad():
            for own, part, shape in zip(self._trained(), flat.split(self._sizes), self._shapes.values(), strict=True):
                own.copy_(part.view(shape))
        several, named = batches.arguments(inputs)
        return self._one_number(self._loss(self._module(*several, **named), targets))

    def _of_one_copy(self, flat: Tensor, inputs: Any, targets: Any) -> Tensor:
        parts = flat.split(self._sizes)
        own = {name: part.view(shape) for (name, shape), part in zip(self._shapes.items(), parts, strict=True)}
        several, named = batches.arguments(inputs)
        return self._one_number(self._loss(functional_call(self._module, own | self._fixed, several, named), targets))

    def _one_number(self, value: Any) -> Tensor:
        if not isinstance(value, Tensor) or value.ndim:
            kind = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"loss: it gives {kind}; it must give one number, the mean over examples")
        return value

    def _product(self, flat: Tensor, vector: Tensor, inputs: Any, targets: Any) -> Tensor:
        # Backward over backward: every layer that can be trained twice has it, which is not so of forward mode.
        return grad(lambda w: (grad(self._of_one_copy)(w, inputs, targets) * vector).sum())(flat)


@contextmanager
def _kernels_that_can() -> Iterator[None]:
    """Kernels that can be taken many times at once and differentiated twice: plain ones of attention."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _with_slopes(of: Callable[..., Tensor], parameters: Tensor, inputs: Any, targets: Any) -> tuple[Tensor, Tensor]:
    """Slopes and losses of all copies, which do not see each other: the slope of their sum is that of each."""
    with torch.enable_grad():
        own = parameters.detach().requires_grad_()
        values = of(own, inputs, targets)
        if not values.requires_grad:  # a loss of detached outputs
            return torch.zeros_like(parameters), values
        return torch.autograd.grad(values.sum(), own)[0], values.detach()


def _copied(module: nn.Module, batch_norm: BatchNorm) -> nn.Module:
    copied = copy.deepcopy(module).eval()
    if batch_norm == "batch":
        replace_all_batch_norm_modules_(copied)  # no running statistics: those of the batch are used
    return copied


def _differ(one: Tensor, other: Tensor, share: float) -> bool:
    """Whether two losses differ by more than this share of the largest of them, at any point where both are finite."""
    finite = torch.isfinite(one) & torch.isfinite(other)
    apart, sizes = (one - other).abs()[finite], one.abs().maximum(other.abs())[finite]
    return bool((apart > share * sizes.max()).any()) if len(sizes) else False


def _in_type(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def _around(start: Tensor) -> Tensor:
    """The start and three points around it, always the same, shape (4, parameters)."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn((4, len(start)), generator=generator, dtype=torch.float64)
    drawn[0] = 0
    spread = 0.1 * float(start.double().square().mean().sqrt()) or 0.1
    return (start.double() + spread * drawn.to(start.device)).to(start.dtype)
