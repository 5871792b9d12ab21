"""Templates of SGD kernels: every lane draws its own minibatches.

With replacement an example's number is ⌊u N⌋ for a uniform u of 52 bits (its probability is off by less than N/2^52).
Without, each lane keeps a permutation and shuffles it as it goes: at the j-th example of an epoch the j-th entry is
swapped with one drawn from the j-th to the last (Fisher and Yates), so that any permutation left over from the epoch
before becomes a uniform one. In a fixed order all lanes share the examples.

State rows of a block: positions, momentum buffers, the book, then the permutation, or for Gaussian gradients the noise
of the epoch so far and, in a fixed order, the noise of every minibatch. The book's lanes say how many steps of the
epoch are done, how many it has, how many normals the last step took and how many minibatches' noise is kept, so that
another stage, with other minibatches or other noise, goes on from what still holds.

An example takes three loops over lanes: one draws, one gathers its columns, one adds its gradient. Only the second is
not vectorised.
"""

from __future__ import annotations

import math
from functools import lru_cache
from types import ModuleType
from typing import Literal

from ..potentials.examples import Examples, GaussianGradients
from .codegen import ComponentGroup, canonical, component_groups, energy_lines, gradient_lines, load_module
from .frame import UNIFORM, component_loop, draw_normals, indent, kernel_source, normal_rows, walls

Order = Literal["with_replacement", "reshuffled", "fixed"]

_SETTINGS = "segment_temperature, momentum, lookahead, added"
# Lanes of the book.
_PLACE, _BATCHES, _NORMALS, _KEPT = range(4)


def examples_kernel(examples: Examples, order: Order, noisy: bool) -> ModuleType:
    """Compile (or load from the cache) the kernel that trains on examples."""
    return load_module(examples_source(examples, order, noisy), f"sgd_{order}")


@lru_cache(maxsize=256)
def gaussian_kernel(target: GaussianGradients, order: Order, noisy: bool) -> ModuleType:
    """Compile (or load from the cache) the kernel that trains on Gaussian gradients."""
    return load_module(gaussian_source(target, order, noisy), f"sgd_gaussian_{order}")


def examples_source(examples: Examples, order: Order, noisy: bool) -> str:
    """Print the kernel that trains on examples.

    Parameters
    ----------
    examples
        Only the form of their loss is printed; the data are an argument.
    order
        In which examples are visited.
    noisy
        Whether Gaussian noise is added to the gradients or the weights.
    """
    d = len(examples.coordinates)
    gradient = 64 * normal_rows(d)
    group = _example_group(examples)
    columns = [f"c{k}" for k in range(len(examples.columns))]
    body = [f"x{k} = w[U({64 * k}) + i]" for k in range(d)]
    body += gradient_lines(group, "h", parameters=columns)
    body += [f"normal[U({gradient + 64 * k}) + i] += g{k}" for k in range(d)]
    step = [*_drawn(d if noisy else 0, d), *_epoch(order, d)]
    step += [f"for j in range(U({d})):", "    for i in range(L):", f"        normal[U({gradient}) + j * L + i] = 0.0"]
    step += ["start = 0" if order == "with_replacement" else "start = place * batch", "for member in range(batch):"]
    step += [*indent(_example(order, columns, d), 1), *indent(body, 2)]
    step += ["for i in range(L):"]
    for k in range(d):
        step += [f"    g{k} = normal[U({gradient + 64 * k}) + i] * per_batch"]
        step += indent(_update(k, noisy, f"half + U({64 * k})", f"U({64 * k})", d), 1)
        step += [f"    w[U({64 * k}) + i] = x{k}"]
    per_segment = ["heat = np.sqrt(2.0 * segment_temperature[segment] * dt)", "per_batch = 1.0 / batch"]
    return kernel_source(examples.potential, f"{_SETTINGS}, batch, batches, size, data", per_segment, step)


def _example_group(examples: Examples) -> ComponentGroup:
    """The loss of one example in the symbols that codegen prints: the columns are its parameters."""
    coordinates, columns = canonical("x", len(examples.coordinates)), canonical("p", len(examples.columns))
    renamed = dict(zip((*examples.coordinates, *examples.columns), (*coordinates, *columns), strict=True))
    return ComponentGroup(examples.loss.xreplace(renamed), coordinates, columns, ((),), ((),))


def _example(order: Order, columns: list[str], d: int) -> list[str]:
    """Open a loop over lanes in which an example's columns are at hand."""
    each = list(enumerate(columns))
    if order == "fixed":
        lines = [f"row = U(start + member) * U({len(columns)})"]
        return [*lines, *(f"{c} = data[row + U({k})]" for k, c in each), "for i in range(L):"]
    number = 64 * (normal_rows(d) + d)
    lines = ["left = float(size)" if order == "with_replacement" else "left = float(size - (start + member))"]
    lines += [
        *UNIFORM.rstrip().split("\n"),
        # ⌊x⌋ in the low bits of x + 2^52, which rounds: in vectors, while conversions are made one by one.
        "    chosen = uniform * left",
        "    rounded = chosen + 4503599627370496.0",
        "    above = U(1) if rounded - 4503599627370496.0 > chosen else U(0)",
        f"    normal[U({number}) + i] = bits_to_float((float_to_bits(rounded) & U(0x000FFFFFFFFFFFFF)) - above)",
    ]
    lines += ["for i in range(L):", f"    index = float_to_bits(normal[U({number}) + i])"]
    if order == "reshuffled":
        lines += [
            f"    here = U({128 * d + 64}) + U(start + member) * L + i",
            "    other = here + index * L",
            "    chosen = w[other]",
            "    w[other] = w[here]",
            "    w[here] = chosen",
            "    index = U(np.int64(chosen))",
        ]
    lines += [f"    row = index * U({len(columns)})"]
    lines += [f"    normal[U({number + 64 + 64 * k}) + i] = data[row + U({k})]" for k, _ in each]
    return [*lines, "for i in range(L):", *(f"    {c} = normal[U({number + 64 + 64 * k}) + i]" for k, c in each)]


def gaussian_source(target: GaussianGradients, order: Order, noisy: bool) -> str:
    """Print the kernel that trains on Gaussian gradients; arguments as for :func:`examples_source`."""
    potential, d, noises = target.potential, target.potential.dimension, target.noises
    step = [*_drawn(noises + (d if noisy else 0), d), *_epoch(order, d)]
    scale = 64 * normal_rows(noises + d)
    step += [*_without_replacement(order, noises, d), *_anisotropic(target)]
    if target.dependence == "loss":
        step += ["for i in range(L):", f"    normal[U({scale}) + i] = -least"]
        for number, group in enumerate(component_groups(potential)):
            body = [f"x{k} = w[o{k} + i]" for k in range(len(group.coordinates))]
            body += [*energy_lines(group, "d"), f"normal[U({scale}) + i] += e"]
            step += component_loop(number, group, body)
        step += [
            "for i in range(L):",
            f"    normal[U({scale}) + i] = np.sqrt(max(normal[U({scale}) + i], 0.0)) * spread",
        ]
    for number, group in enumerate(component_groups(potential)):
        step += component_loop(number, group, _gaussian_update(group, target, noisy, scale))
    per_segment = ["heat = np.sqrt(2.0 * segment_temperature[segment] * dt)"]
    return kernel_source(potential, f"{_SETTINGS}, batches, spread, least", per_segment, step)


def _drawn(count: int, d: int) -> list[str]:
    """Print the drawing of a step's normals: an odd number for two steps at once, unless another count went before."""
    count_row = f"w[U({128 * d + _NORMALS})]"
    lines = draw_normals(count) if count else []
    if count % 2:
        lines[0] = f"if step % 2 == 0 or {count_row} != {count}.0:"
    return [*lines, f"{count_row} = {count}.0"]


def _epoch(order: Order, d: int) -> list[str]:
    """Print the turning of the book: an epoch of another length than the last one starts at its beginning."""
    if order == "with_replacement":
        return []
    done, length, kept = (f"w[U({128 * d + lane})]" for lane in (_PLACE, _BATCHES, _KEPT))
    return [
        f"same = {length} == batches",
        f"place = np.int64({done}) if same else 0",
        f"{kept} = {kept} if same else 0.0",
        f"{length} = batches",
        f"{done} = (place + 1) % batches",
    ]


def _without_replacement(order: Order, noises: int, d: int) -> list[str]:
    """Turn independent normals into the noise of an epoch's minibatches, which sums to zero."""
    if order == "with_replacement":
        return []
    sums = 128 * d + 64
    drawn = [
        f"for j in range(U({noises})):",
        "    for i in range(L):",
        f"        so_far = w[U({sums}) + j * L + i] * going_on",
        "        u = deviation * normal[half + j * L + i] - so_far * per_left",
        f"        w[U({sums}) + j * L + i] = so_far + u",
        "        normal[half + j * L + i] = u",
    ]
    lines = [
        "going_on = 1.0 if place > 0 else 0.0",
        "per_left = 1.0 / (batches - place)",
        "deviation = np.sqrt(1.0 - per_left)",
    ]
    if order == "reshuffled":
        return [*lines, *drawn]
    kept = f"w[U({128 * d + _KEPT})]"
    stored = f"w[U({sums + 64 * noises}) + U(place * {64 * noises}) + j * L + i]"
    first = [*drawn, f"        {stored} = u", f"{kept} += 1.0"]
    again = [f"for j in range(U({noises})):", "    for i in range(L):", f"        normal[half + j * L + i] = {stored}"]
    return [*lines, f"if {kept} < batches:", *indent(first, 1), "else:", *indent(again, 1)]


def _anisotropic(target: GaussianGradients) -> list[str]:
    """Scale the noise of coordinates whose variance has a factor of its own."""
    lines: list[str] = []
    for k, factor in enumerate(target.factors):
        if factor != 1:
            lines += ["for i in range(L):", f"    normal[half + U({64 * k}) + i] *= {math.sqrt(factor)!r}"]
    return lines


def _gaussian_update(group: ComponentGroup, target: GaussianGradients, noisy: bool, scale: int) -> list[str]:
    d, size = target.potential.dimension, len(group.coordinates)
    body = [f"x{k} = w[o{k} + i]" for k in range(size)]
    body += gradient_lines(group, "c")
    if target.dependence == "gradient":
        body += [f"g{k} = g{k} * (1.0 + spread * normal[half + i])" for k in range(size)]
    elif target.dependence == "loss":
        body += [f"g{k} = g{k} + normal[U({scale}) + i] * normal[half + o{k} + i]" for k in range(size)]
    else:
        body += [f"g{k} = g{k} + spread * normal[half + o{k} + i]" for k in range(size)]
    for k in range(size):
        body += _update(k, noisy, f"half + U({64 * target.noises}) + o{k}", f"o{k}", d)[1:]
    for k, (low, high) in enumerate(walls(target.potential, group)):
        body += [f"x{k} = {low!r} + abs(x{k} - {low!r})", f"x{k} = {high!r} - abs({high!r} - x{k})"]
    return [*body, *(f"w[o{k} + i] = x{k}" for k in range(size))]


def _update(k: int, noisy: bool, normal: str, offset: str, d: int) -> list[str]:
    """One coordinate's step: gradient noise, momentum buffer, weight (``lookahead`` is 1 for Nesterov, else 0)."""
    lines = [f"x{k} = w[{offset} + i]"]
    if noisy:
        lines += [f"g{k} = g{k} + added * normal[{normal} + i]"]
    lines += [
        f"v{k} = momentum * w[{offset} + U({64 * d}) + i] + g{k}",
        f"w[{offset} + U({64 * d}) + i] = v{k}",
        f"x{k} = x{k} - dt * (v{k} + lookahead * (g{k} + (momentum - 1.0) * v{k}))",
    ]
    return [*lines, f"x{k} = x{k} + heat * normal[{normal} + i]"] if noisy else lines


def state_rows(target: Examples | GaussianGradients, order: Order, batches: int) -> int:
    """Rows of state that a block needs."""
    d = target.potential.dimension
    if isinstance(target, Examples):
        return 2 * d + 1 + (target.size if order == "reshuffled" else 0)
    return 2 * d + 1 + target.noises * {"with_replacement": 0, "reshuffled": 1, "fixed": 1 + batches}[order]


def scratch_rows(target: Examples | GaussianGradients) -> int:
    """Rows of scratch that a block needs, the same with and without added noise."""
    d = target.potential.dimension
    if isinstance(target, Examples):
        return normal_rows(d) + d + 1 + len(target.columns)
    return normal_rows(target.noises + d) + 1
