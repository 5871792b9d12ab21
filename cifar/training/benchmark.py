"""How fast training is, against the matrix rate of the same device measured in the same run.

Each optimisation is left out alone, and what that costs is its gain. A rate counts the multiplications and additions of
convolutions and linear layers, forward once and backward twice.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

import torch
from torch.nn import functional

from cifar.data.augmentation import augment
from cifar.training.networks import make_network, multiply_adds, pad_channels
from cifar.training.training import captured, chosen_rows, compiling, fused_network

REPLICAS = 1, 2, 4, 6
GOAL, GOAL_SIZE = 0.4, 128  # of the matrix rate, at this batch size


@dataclass(frozen=True)
class Switches:
    """The optimisations; each can be left out."""

    low_precision: bool = True
    channels_last: bool = True
    fused: bool = True
    padded_channels: bool = True
    graph: bool = True
    compiled: bool = False


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _seconds(work: Callable[[], object], device: torch.device, least: float) -> float:
    """Seconds that one call takes, over at least ``least`` seconds of them."""
    work()
    _wait(device)
    count, begun = 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < least or not count:
        work()
        _wait(device)
        count += 1
    return passed / count


def matrix_rate(device: torch.device, kind: torch.dtype, *, size: int, least: float = 0.5) -> float:
    """Floating-point operations a second of the product of two square matrices."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False  # float32 is to be float32
    left, right = (torch.randn(size, size, device=device).to(kind) for _ in range(2))

    def product() -> None:
        for _ in range(4):
            torch.mm(left, right)

    return 4 * 2 * size**3 / _seconds(product, device, least)


def _training_step(
    model: torch.nn.Module, batch_size: int, device: torch.device, switches: Switches, steps: int
) -> tuple[Callable[[], None], torch.Tensor, torch.Tensor, torch.Tensor]:
    """A step, the counter that it moves on, images and where they are to be before it."""
    order = torch.channels_last if switches.channels_last else torch.contiguous_format
    model = pad_channels(model, switches.padded_channels)
    model = model.to(device).to(memory_format=order)  # type: ignore[call-overload]
    trained = fused_network(model) if switches.compiled else model
    # without fusion a rate on the device would be waited for at every step
    rate = torch.tensor(1e-3, device=device) if switches.fused else 1e-3
    optimiser = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=1e-3, fused=switches.fused)
    images = torch.randn(steps * batch_size, 3, 32, 32, device=device)
    labels = torch.randint(0, 10, (steps * batch_size,), device=device)
    now = images.contiguous(memory_format=order)
    counter = torch.zeros((), dtype=torch.int64, device=device)
    span = torch.arange(batch_size, device=device)

    def step() -> None:
        rows = span + counter * batch_size
        optimiser.zero_grad(set_to_none=switches.graph)  # as in training
        with compiling():
            with torch.autocast(device.type, torch.bfloat16, enabled=switches.low_precision, cache_enabled=False):
                outputs = trained(chosen_rows(now, rows))
            functional.cross_entropy(outputs.float(), labels.index_select(0, rows)).backward()
        optimiser.step()
        counter.add_(1)

    return step, counter, images, now


def training_speed(
    network: str,
    batch_size: int,
    device: torch.device,
    switches: Switches,
    *,
    width: int | None = None,
    depth: int | None = None,
    steps: int = 20,
    least: float = 1.0,
    replicas: int = 1,
) -> tuple[float, float]:
    """Images a second of training steps, with their shifts and flips, on random images; and operations a second.

    Parameters
    ----------
    network, width, depth
        See `cifar.training.networks.make_network`.
    batch_size
        Images of a step.
    device
        Where.
    switches
        What is used; the graph only on a GPU.
    steps
        Steps of one timed call.
    least
        Seconds to time.
    replicas
        Networks that are trained at once, on a GPU on streams of their own.
    """
    epochs = [
        _replica(make_network(network, width=width, depth=depth), batch_size, device, switches, steps)
        for _ in range(replicas)
    ]

    def together() -> None:
        under_way = [epoch() for epoch in epochs]
        for _ in range(1 + steps):  # each puts its images in order, and begins its steps
            for each in under_way:
                next(each)

    seconds = _seconds(together, device, least)
    speed = replicas * steps * batch_size / seconds
    return speed, speed * 6 * multiply_adds(make_network(network, width=width, depth=depth))


def _replica(
    model: torch.nn.Module, batch_size: int, device: torch.device, switches: Switches, steps: int
) -> Callable[[], Iterator[None]]:
    """An epoch that hands back after its shifts and after each step."""
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None
    _wait(device)

    def here() -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext() if stream is None else torch.cuda.stream(stream)

    with here():
        step, counter, images, now = _training_step(model, batch_size, device, switches, steps)
        generator = torch.Generator(device).manual_seed(0)
        replay = captured(step, counter).replay if switches.graph and stream is not None else step

    def epoch() -> Iterator[None]:
        with here():
            now.copy_(augment(images, generator))
            counter.zero_()
        yield
        for _ in range(steps):
            with here():
                replay()
            yield

    return epoch


def benchmark_lines(
    device: torch.device, networks: tuple[str, ...], batch_sizes: tuple[int, ...], *, width: int | None, least: float
) -> Iterator[str]:
    """Each as soon as it is known: the matrix rates, a table of speeds, the gain of each optimisation at one size."""
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.set_device(device)  # a graph is captured on the current device
    size = 8192 if on_gpu else 768
    name = torch.cuda.get_device_name(device) if on_gpu else f"processor, {torch.get_num_threads()} threads"
    yield f"device: {name}"
    rates = {}
    for kind in (torch.float32, torch.bfloat16):
        rates[str(kind)[6:]] = matrix_rate(device, kind, size=size)
        yield f"matrix rate, {str(kind)[6:]}: {rates[str(kind)[6:]] / 1e12:.3g} Tflop/s"
    fast = max(rates, key=lambda name: rates[name])
    full = Switches(fast == "bfloat16", padded_channels=on_gpu, graph=on_gpu, compiled=on_gpu)
    options = {"width": width, "steps": 20 if on_gpu else 2, "least": least}

    def speed(network: str, batch_size: int, switches: Switches, replicas: int = 1) -> tuple[float, float]:
        """Images a second, and the share of the matrix rate."""
        images, operations = training_speed(network, batch_size, device, switches, replicas=replicas, **options)  # type: ignore[arg-type]
        return images, operations / rates[fast]

    if on_gpu:
        try:
            speed(networks[0], batch_sizes[0], full)
        except ValueError as error:  # whoever has no compiler is told, and all others are measured
            yield str(error)
            full = replace(full, compiled=False)
    yield from _tables(networks, batch_sizes, full, fast, speed)


def _tables(
    networks: tuple[str, ...],
    batch_sizes: tuple[int, ...],
    full: Switches,
    fast: str,
    speed: Callable[..., tuple[float, float]],
) -> Iterator[str]:
    """Speeds by network and batch size, the gain of each optimisation, and of replicas."""
    rule, first, middle = "| --- | --- | --- |", networks[0], sorted(batch_sizes)[len(batch_sizes) // 2]
    yield from ("", f"| network | batch size | images a second | share of the {fast} rate |", f"{rule} --- |")
    for network in networks:
        for batch_size in batch_sizes:
            images, share = speed(network, batch_size, full)
            yield f"| {network} | {batch_size} | {images:.0f} | {100 * share:.1f} % |"
    whole, _ = speed(first, middle, full)
    yield from ("", f"| left out ({first}, B = {middle}) | images a second | its gain |", rule)
    for switch, used in asdict(full).items():
        if used:
            part, _ = speed(first, middle, replace(full, **{switch: False}))
            yield f"| {switch.replace('_', ' ')} | {part:.0f} | {whole / part:.2f} times |"
    yield from ("", f"| replicas ({first}, B = {middle}) | images a second, of all | share of the {fast} rate |", rule)
    best, count = 0.0, 1
    for replicas in REPLICAS:
        images, share = speed(first, middle, full, replicas)
        yield f"| {replicas} | {images:.0f} | {100 * share:.1f} % |"
        best, count = max((best, count), (share, replicas))
    yield ""
    yield f"fastest: --replicas {count}{' --compiled' * full.compiled}, {100 * best:.1f} % of the {fast} rate"
    if middle == GOAL_SIZE:
        yield f"goal, {100 * GOAL:.0f} % at B = {GOAL_SIZE}: {'reached' if best >= GOAL else 'missed'}"
