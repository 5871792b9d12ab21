"""On a GPU, with -m gpu: fused steps, graphs and resumed runs are what a processor's loop is."""

from __future__ import annotations

import pytest
import torch

from cifar.data.device_data import DeviceData
from cifar.study.stages import Recipe, Stage, stages
from cifar.sweep.plan import plan
from cifar.sweep.replicas import Block, Replica, outcomes
from cifar.sweep.store import RUNNING
from cifar.sweep.units import Finished, Order, settings, train_unit
from cifar.training.checkpoints import checkpoint_path, read_checkpoint
from cifar.training.networks import make_network
from cifar.training.training import Trainer, fused_network
from tests.cifar.sweep.made_sweeps import MEASURING, tiny_study
from tests.cifar.training.made_networks import check_gradients

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]

DEVICE = torch.device("cuda:0")
RECIPE = Recipe("all_cnn", 8, 1, batch_size=40, data="made")
PARTS = stages(Stage(1, "blur", weight_decay=0.1), Stage(2, weight_decay=0.0))


@pytest.fixture
def on_gpu(images):
    with settings(DEVICE, deterministic=True):
        yield DeviceData(images, DEVICE)


def trained(trainer: Trainer, epochs: int) -> Trainer:
    for _ in range(epochs):
        trainer.run_epoch(PARTS)
    return trainer


def check_same(one: Trainer, other: Trainer) -> None:
    for first, second in zip(one.state()["network"].values(), other.state()["network"].values(), strict=True):
        assert torch.equal(first, second)


def test_a_fused_step_moves_weights_of_1_by_1_in_channels_last_as_the_plain_one_does():
    """Such weights have two orders of memory at once; momentum must lie as they do."""
    networks = [make_network("all_cnn", width=8, depth=1, seed=3).to(DEVICE) for _ in range(2)]
    networks[0] = networks[0].to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(DEVICE)
    for network, fused in zip(networks, (True, False), strict=True):
        optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, fused=fused)
        for parameter in network.parameters():
            optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        for _ in range(3):
            optimiser.zero_grad()
            network(images).square().mean().backward()
            optimiser.step()
    for first, second in zip(*(network.parameters() for network in networks), strict=True):
        assert torch.allclose(first, second, rtol=1e-3, atol=1e-5)


def test_a_graph_is_the_loop(on_gpu):
    check_same(trained(Trainer(RECIPE, on_gpu), 3), trained(Trainer(RECIPE, on_gpu, graph=False), 3))


def test_a_resumed_run_has_the_bits_of_a_whole_one(on_gpu):
    whole, first = trained(Trainer(RECIPE, on_gpu), 3), trained(Trainer(RECIPE, on_gpu), 1)
    second = Trainer(RECIPE, on_gpu)
    second.load_state(first.state())
    check_same(whole, trained(second, 2))


def test_replicas_are_what_each_is_alone(on_gpu, tmp_path, images):
    """On streams of their own, from graphs of their own."""
    study = tiny_study(recipe=RECIPE, batch_sizes=(40,), controls=())
    units = plan(study.runs(images.checksum))
    done, states = [], []
    for name in ("alone", "together"):
        (tmp_path / name / RUNNING).mkdir(parents=True)
        orders = tuple(Order(tmp_path / name, unit, "", MEASURING, unit.begin) for unit in units)
        if name == "alone":
            done.append({order.unit.key: train_unit(order, on_gpu) for order in orders})
        else:
            done.append(dict(outcomes(Block(orders, 4), on_gpu, [Replica(on_gpu) for _ in range(4)])))
        states.append([read_checkpoint(checkpoint_path(tmp_path / name, unit.key), unit.key) for unit in units])
    for key, alone in done[0].items():
        beside = done[1][key]
        assert isinstance(alone, Finished) and isinstance(beside, Finished)
        assert [record for record, _ in alone.epochs] == [record for record, _ in beside.epochs]
    for first, second in zip(*states, strict=True):
        assert all(torch.equal(value, second["network"][name]) for name, value in first["network"].items())


def test_a_compiled_network_has_the_gradients_and_is_captured(on_gpu):
    model = make_network("all_cnn", width=8, depth=1).double().to(DEVICE).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    check_gradients(fused_network(model), model, DEVICE)
    plain, ours = (Trainer(RECIPE, on_gpu, compiled=compiled).run_epoch(PARTS) for compiled in (False, True))
    assert ours.train_loss == pytest.approx(plain.train_loss, rel=1e-2)
