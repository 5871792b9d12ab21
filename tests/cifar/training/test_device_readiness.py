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
from cifar.training.training import Trainer, best_precision, chosen_rows


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
    with units._settings(torch.device("cuda"), deterministic):
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
