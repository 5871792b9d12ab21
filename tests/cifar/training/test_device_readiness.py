"""What a GPU will need, seen without one: no wait inside an epoch, memory kept in its order, graphs like loops."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cifar.replicate import Replicate
from cifar.study.stages import Recipe, Stage, stages
from cifar.sweep import units
from cifar.sweep.workers import Workers
from cifar.training import training
from cifar.training.benchmark import Switches, _training_step, benchmark_lines
from cifar.training.networks import make_network
from cifar.training.training import Trainer, best_precision, chosen_rows, fused_network
from tests.cifar.training.made_networks import check_gradients


class Waits(TorchDispatchMode):
    """Counts how often a number is asked of the device."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None) -> Any:
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*arguments, **(named or {}))


def test_the_trap_sees_a_wait():
    with Waits() as waits:
        torch.ones(()).item()
    assert waits.count == 1


@pytest.mark.parametrize("left_out", [None, "low_precision", "channels_last", "fused"])
def test_no_step_of_the_benchmark_waits(left_out):
    switches = Switches(graph=False)
    switches = switches if left_out is None else replace(switches, **{left_out: False})
    step, counter, *_ = _training_step(make_network("all_cnn", width=8), 4, torch.device("cpu"), switches, 3)
    with Waits() as waits:
        step()
        step()
    assert waits.count == 0 and counter.item() == 2


def test_an_epoch_and_the_statistics_of_its_batches_do_not_wait(device_data):
    trainer = Trainer(Recipe("all_cnn", 8, batch_size=40), device_data)
    with Waits() as waits:
        trainer.run_epoch((Stage(1),))
    assert waits.count <= 2, "loss and accuracy, once"
    with Waits() as waits:
        trainer.re_estimate_batch_statistics(device_data.batches("train"))
    assert waits.count == 0
    with Waits() as waits:
        trainer.evaluate(device_data.batches("train"))
    assert waits.count <= 2


def test_batch_statistics_are_plain_averages(device_data):
    trainer = Trainer(Recipe("all_cnn", 8, batch_size=40), device_data)
    layer = next(each for each in trainer.network.modules() if isinstance(each, torch.nn.BatchNorm2d))
    batches = [(images[k : k + 40], labels) for images, labels in device_data.batches("train") for k in (0, 40, 80)]
    seen = []
    hook = layer.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].mean((0, 2, 3))))
    trainer.re_estimate_batch_statistics(batches)
    hook.remove()
    assert layer.running_mean is not None
    assert len(seen) == 3 and torch.allclose(layer.running_mean, torch.stack(seen).mean(0), atol=1e-5)
    assert not torch.allclose(layer.running_mean, seen[-1], atol=1e-5) and layer.momentum == 0.1


def test_rows_keep_the_order_of_memory():
    images = torch.randn(6, 3, 5, 4)
    rows = torch.tensor([4, 0, 4])
    for order in (torch.channels_last, torch.contiguous_format):
        chosen = chosen_rows(images.contiguous(memory_format=order), rows)
        assert chosen.is_contiguous(memory_format=order) and torch.equal(chosen, images[rows])


class MadeGraph:
    """Does what was captured, with the weight decay of that moment, as a graph does."""

    def __init__(self, step, optimiser) -> None:
        self.step, self.group = step, optimiser.param_groups[0]
        self.held = self.group["weight_decay"]

    def replay(self) -> None:
        now, self.group["weight_decay"] = self.group["weight_decay"], self.held
        self.step()
        self.group["weight_decay"] = now


def test_a_graph_equals_the_loop_over_two_weight_decays(device_data, monkeypatch):
    parts = stages(Stage(1, weight_decay=0.1), Stage(1, weight_decay=0.0), Stage(1, weight_decay=0.1))
    loop, graphed, careless = (Trainer(Recipe("all_cnn", 8, batch_size=40), device_data) for _ in range(3))
    made = []

    def captured(trainer):
        def capture(step, counter):
            for _ in range(3):
                counter.zero_()
                step()
            counter.zero_()
            made.append(MadeGraph(step, trainer.optimiser))
            return made[-1]

        return capture

    def train(trainer):
        return [trainer.run_epoch(parts) for _ in range(3)]

    expected = train(loop)
    monkeypatch.setattr(training, "captured", captured(graphed))
    graphed._graph = True
    assert train(graphed) == expected and len(made) == 2, "a graph for each weight decay"
    for ours, theirs in zip(graphed.network.parameters(), loop.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    monkeypatch.setattr(training, "captured", captured(careless))
    careless._graph = True
    whole = type(careless)._replay
    monkeypatch.setattr(Trainer, "_replay", lambda self, epoch, decay: whole(self, epoch, 0.0))
    assert train(careless) != expected, "the control: one graph for both is seen"


def test_a_graph_leaves_a_batch_that_is_not_full_to_the_loop(device_data, monkeypatch):
    recipe = Recipe("all_cnn", 8, 1, batch_size=50, partial_batch=True)
    loop, graphed = (Trainer(recipe, device_data) for _ in range(2))
    expected = [loop.run_epoch((Stage(2),)) for _ in range(2)]
    monkeypatch.setattr(training, "captured", lambda step, counter: MadeGraph(step, graphed.optimiser))
    graphed._graph = True
    assert [graphed.run_epoch((Stage(2),)) for _ in range(2)] == expected
    for ours, theirs in zip(graphed.network.parameters(), loop.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    dropped = Trainer(replace(recipe, partial_batch=False), device_data)
    assert dropped.run_epoch((Stage(2),)).train_loss != expected[0].train_loss, "100 of 120 images"


def test_a_graph_begins_without_gradients_so_that_they_lie_in_its_own_memory(device_data, monkeypatch):
    """Kept gradients would lie in memory that others may get, and be added to."""
    trainer, seen = Trainer(Recipe("all_cnn", 8, batch_size=40), device_data), []

    def capture(step, counter):
        step()  # warming up leaves gradients
        counter.zero_()
        optimiser, zero = trainer.optimiser, trainer.optimiser.zero_grad

        def zeroed(set_to_none: bool = True) -> None:
            zero(set_to_none=set_to_none)
            seen.extend(parameter.grad for parameter in trainer.network.parameters())

        monkeypatch.setattr(optimiser, "zero_grad", zeroed)
        return MadeGraph(step, optimiser)

    monkeypatch.setattr(training, "captured", capture)
    trainer._graph = True
    trainer.run_epoch((Stage(1),))
    assert seen and all(gradient is None for gradient in seen)


@pytest.mark.parametrize("deterministic", [False, True])
def test_convolutions_are_deterministic_where_that_is_asked_for(deterministic, monkeypatch):
    cudnn = torch.backends.cudnn
    for name in ("benchmark", "deterministic", "allow_tf32"):
        monkeypatch.setattr(cudnn, name, getattr(cudnn, name))  # restored afterwards
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    with units.settings(torch.device("cuda"), deterministic):
        assert (cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32) == (deterministic, not deterministic, False)
    assert Workers.of(Replicate(deterministic=deterministic)).deterministic == deterministic


def test_bfloat16_that_is_emulated_is_not_chosen(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert best_precision(torch.device("cuda")) == "float32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert best_precision(torch.device("cuda")) == "bfloat16"


def test_lines_of_the_benchmark_come_as_they_are_known():
    lines = benchmark_lines(torch.device("cpu"), ("logistic_regression", "nothing"), (8,), width=None, least=0.01)
    first = list(itertools.islice(lines, 7))
    assert first[0].startswith("device: ") and first[-1].startswith("| logistic_regression | 8 |")
    with pytest.raises(ValueError, match="'nothing'"):
        next(lines)


class MadeStream:
    """Notes what happens on it, as `torch.cuda` tells of streams."""

    current: MadeStream
    told: list[tuple[str, str]]

    def __init__(self, name: str = "side") -> None:
        self.name = name

    def wait_stream(self, other: MadeStream) -> None:
        self.told.append(("waits", f"{self.name} for {other.name}"))

    def __enter__(self) -> None:
        self.before, MadeStream.current = MadeStream.current, self

    def __exit__(self, *_) -> None:
        MadeStream.current = self.before


@pytest.mark.parametrize("own", [False, True])
def test_a_graph_is_captured_on_the_stream_of_its_replica(own, monkeypatch):
    """Scratch memory belongs to a stream: graphs that were captured on one must not run at once."""
    default = MadeStream("default")
    MadeStream.current, MadeStream.told = MadeStream("own") if own else default, []
    graph = type("Graph", (), {})
    for name, made in {
        "current_stream": lambda: MadeStream.current,
        "default_stream": lambda: default,
        "Stream": MadeStream,
        "stream": lambda stream: stream,
        "CUDAGraph": graph,
        "graph": lambda held, stream: MadeStream(f"capture on {stream.name}"),
    }.items():
        monkeypatch.setattr(torch.cuda, name, made)
    counter, where = torch.zeros((), dtype=torch.int64), []

    def step() -> None:
        where.append(MadeStream.current.name)
        counter.add_(1)

    assert isinstance(training.captured(step, counter), graph)
    expected = "own" if own else "side"
    assert where == [expected] * 3 + [f"capture on {expected}"] and MadeStream.current.name == (
        "own" if own else "default"
    )
    assert own or MadeStream.told == [("waits", "side for default"), ("waits", "default for side")]


def test_an_epoch_by_turns_is_the_epoch(device_data):
    """Two networks that take turns, step by step, are each the network that trains alone."""
    recipes = [Recipe("all_cnn", 8, 1, batch_size=40, seed=seed) for seed in (0, 1)]
    alone = [Trainer(recipe, device_data) for recipe in recipes]
    expected = [[trainer.run_epoch((Stage(2),)) for _ in range(2)] for trainer in alone]
    turns = [Trainer(recipe, device_data) for recipe in recipes]
    records = []
    for _ in range(2):
        under_way = [trainer.epoch_in_steps((Stage(2),)) for trainer in turns]
        for _ in range(3):
            assert [next(each) for each in under_way] == [None, None], "three steps, then the numbers"
        records.append([training.drained(each) for each in under_way])
    assert records == [list(each) for each in zip(*expected, strict=True)] and expected[0] != expected[1]
    for ours, theirs in zip(turns, alone, strict=True):
        for first, second in zip(ours.network.parameters(), theirs.network.parameters(), strict=True):
            assert torch.equal(first, second)


def test_what_cannot_be_compiled_is_told_in_one_line(device_data, monkeypatch):
    def refused(graph, inputs):
        raise RuntimeError("no compiler is here\nand so on for pages")

    whole = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network, dynamic: whole(network, dynamic=dynamic, backend=refused))
    trainer = Trainer(Recipe("all_cnn", 8, 1, batch_size=40), device_data, compiled=True)
    with pytest.raises(
        ValueError, match=r"^compiled: torch cannot compile the network here \(.*; leave it out$"
    ) as told:
        trainer.run_epoch((Stage(1),))
    assert "\n" not in str(told.value)


def compiled_by(backend, monkeypatch) -> list[int]:
    """Have steps compiled so; the number of times that it happened grows in what is returned."""
    whole, times = torch.compile, []

    def counted(graph, inputs):
        times.append(1)
        return torch._dynamo.lookup_backend(backend)(graph, inputs)

    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", lambda network, dynamic: whole(network, dynamic=dynamic, backend=counted))
    return times


def test_compiled_steps_are_the_steps_and_replicas_share_what_was_compiled(device_data, monkeypatch):
    recipe = Recipe("all_cnn", 8, 1, batch_size=40)
    plain = Trainer(recipe, device_data)
    expected = [plain.run_epoch((Stage(2),)) for _ in range(2)]
    times = compiled_by("aot_eager", monkeypatch)
    trainers = [Trainer(replace(recipe, seed=seed), device_data, compiled=True) for seed in (0, 1, 2)]
    records = [trainers[0].run_epoch((Stage(2),)) for _ in range(2)]
    first = len(times)
    for trainer in trainers[1:]:
        trainer.run_epoch((Stage(2),))
    assert first and len(times) == first, "compiled once for networks of one kind"
    for ours, theirs in zip(records, expected, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-3)
    trainers[0].re_estimate_batch_statistics(device_data.batches("train"))
    trainers[0].evaluate(device_data.batches("test"))
    assert len(times) == first, "what is measured is never compiled"


@pytest.mark.slow
def test_torchs_own_compiler_gives_the_gradients():
    """In double precision: in single, a rectifier that rounding takes across zero changes them by half a per cent."""
    torch._dynamo.reset()
    model = make_network("all_cnn", width=8, depth=1).double().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    check_gradients(fused_network(model), model, torch.device("cpu"))


def test_the_benchmark_measures_replicas_and_says_which_number_is_fastest():
    lines = list(benchmark_lines(torch.device("cpu"), ("logistic_regression",), (128,), width=None, least=0.01))
    rows = [line for line in lines if line.startswith(("| 1 |", "| 2 |", "| 4 |", "| 6 |"))]
    assert len(rows) == 4
    shares = {line.split("|")[1].strip(): line.split("|")[3].strip() for line in rows}
    fastest = next(line for line in lines if line.startswith("fastest"))
    count, share = fastest.split()[2].rstrip(","), fastest.split(", ")[1].split(" %")[0]
    assert shares[count] == f"{share} %" and float(share) == max(float(each.rstrip(" %")) for each in shares.values())
    assert lines[-1] == "goal, 40 % at B = 128: missed", "a step without a matrix to multiply"
