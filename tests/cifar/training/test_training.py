"""Training: resumed equals uninterrupted, the learning rate, the optimiser against a plain loop."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional

from cifar.data.device_data import seed_for
from cifar.study.measuring import Measuring
from cifar.study.stages import Recipe, Stage, key, stages, until
from cifar.training.measurements import measure
from cifar.training.networks import NETWORKS
from cifar.training.training import Trainer

SMALL = {"all_cnn": 8, "resnet18": 8, "resnet18_imagenet": 8, "fully_connected": 16, "logistic_regression": None}


def recipe(network: str = "fully_connected", **changes) -> Recipe:
    return Recipe(network, SMALL[network], batch_size=40, data="made", **changes)


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in trainer.network.parameters()]


def same(first: Trainer, second: Trainer) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


@pytest.mark.parametrize("network", NETWORKS)
def test_resumed_has_the_bits_of_uninterrupted(device_data, network):
    parts = stages(Stage(1, "blur"), Stage(2, clock="stage", added_noise=1.0, shrink=0.4, perturb=0.1))
    whole = Trainer(recipe(network), device_data)
    records = [whole.run_epoch(parts)]
    kept = copy.deepcopy(whole.state())
    whole.re_estimate_batch_statistics(device_data.batches("train"))  # measuring must change nothing
    records += [whole.run_epoch(parts) for _ in range(2)]
    resumed = Trainer(recipe(network), device_data)
    resumed.load_state(kept)
    assert [resumed.run_epoch(parts) for _ in range(2)] == records[1:]
    assert same(whole, resumed)
    other = Trainer(recipe(network, seed=1), device_data)  # the control: another seed is another run
    assert not same(whole, other)


def test_a_step_is_heavy_ball_sgd_with_weight_decay(device_data):
    parts = stages(Stage(2, learning_rate=0.1, decay=0.5, weight_decay=0.01, augment=False))
    trainer = Trainer(recipe("logistic_regression", momentum=0.8), device_data)
    plain = [parameter.double() for parameter in weights(trainer)]
    velocity = [torch.zeros_like(parameter) for parameter in plain]
    for epoch in range(2):
        drawn = device_data.epoch(parts[0], epoch, seed=0, batch_size=40, deficit_after_augmentation=False)
        for images, labels in zip(drawn[0].double().split(40), drawn[1].split(40), strict=True):
            weight, bias = (parameter.requires_grad_() for parameter in plain)
            loss = functional.cross_entropy(images.flatten(1) @ weight.T + bias, labels)
            gradients = torch.autograd.grad(loss, plain)
            rate = 0.1 * 0.5**epoch
            with torch.no_grad():
                velocity = [0.8 * v + g + 0.01 * p for v, g, p in zip(velocity, gradients, plain, strict=True)]
                plain = [(p - rate * v).detach() for p, v in zip(plain, velocity, strict=True)]
        trainer.run_epoch(parts)
    for ours, expected in zip(weights(trainer), plain, strict=True):
        assert torch.allclose(ours.double(), expected, atol=1e-5)


def test_learning_rates_of_every_clock():
    assert [Stage(9, learning_rate=1.0, decay=0.5).rate(epoch, 4) for epoch in (4, 6)] == [1 / 16, 1 / 64]
    assert [Stage(9, learning_rate=1.0, decay=0.5, clock="stage").rate(epoch, 4) for epoch in (4, 6)] == [1.0, 0.25]
    assert [Stage(9, learning_rate=1.0, decay=0.5, period=3).rate(epoch, 0) for epoch in (2, 3)] == [0.25, 1.0]
    assert Stage(9, learning_rate=1.0, decay=0.5, clock_start=3).rate(1, 0) == 1 / 16


def test_states_are_shared_exactly_where_runs_agree():
    base = stages(Stage(4, "blur"), Stage(3))
    reset = stages(Stage(4, "blur"), Stage(3, clock="stage"))
    later = stages(Stage(6, "blur"), Stage(3))
    assert key(recipe(), until(base, 4)) == key(recipe(), until(reset, 4)) == key(recipe(), until(later, 4))
    assert key(recipe(), until(base, 5)) != key(recipe(), until(reset, 5))
    assert key(recipe(), until(base, 4)) != key(recipe(seed=1), until(base, 4))
    assert stages(Stage(0, "blur"), Stage(3, clock="stage")) == stages(Stage(3))


def test_added_noise_has_the_covariance_of_half_the_batch(device_data):
    # gradients of a minibatch whose examples are weighted by 1 + normal: the same mean, twice the second moment over B
    generator = torch.Generator().manual_seed(int(torch.seed() % 2**31))
    gradients = torch.randn(40, 5, generator=generator, dtype=torch.float64) + 0.3
    weights_ = 1 + torch.randn(200_000, 40, generator=generator, dtype=torch.float64)
    drawn = weights_ @ gradients / 40
    error = drawn.std(0) / len(drawn) ** 0.5
    assert ((drawn.mean(0) - gradients.mean(0)).abs() < 5 * error).all()
    variance = (gradients**2).sum(0) / 40**2
    assert ((drawn.var(0) - variance).abs() < 5 * variance * (2 / len(drawn)) ** 0.5).all()
    noisy, quiet = (
        device_data.epoch(Stage(1, added_noise=a), 0, seed=0, batch_size=40, deficit_after_augmentation=False)[2]
        for a in (1.0, 0.0)
    )
    drawn = torch.Generator().manual_seed(seed_for(0, 3, 0))
    assert (quiet == 1).all() and torch.allclose(noisy, 1 + torch.randn(120, generator=drawn), atol=1e-6)


def test_batch_statistics_are_those_of_the_images_given(device_data):
    trainer = Trainer(recipe("all_cnn"), device_data)
    trainer.run_epoch(stages(Stage(1)))
    trainer.re_estimate_batch_statistics(device_data.batches("train"))
    first: Any = next(trainer.network.children())
    images = torch.cat([images for images, _ in device_data.batches("train")])
    values = first[0](images)
    assert torch.allclose(first[1].running_mean, values.mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(first[1].running_var, values.transpose(0, 1).flatten(1).var(1), rtol=1e-3)


def test_a_diverging_run_is_named(device_data):
    trainer = Trainer(recipe(), device_data)
    with torch.no_grad():
        next(iter(trainer.network.parameters())).fill_(float("nan"))
    with pytest.raises(ValueError, match="learning_rate: the loss is nan"):
        trainer.run_epoch(stages(Stage(1)))


def test_a_trainer_that_begins_again_is_a_new_one(device_data):
    """After training, measuring and an end in the midst of an epoch nothing of the other seed is left."""
    parts = stages(Stage(2, "blur"), Stage(1))
    asked = Recipe("all_cnn", 8, 1, batch_size=40, data="made", seed=5)
    used = Trainer(replace(asked, seed=4), device_data)
    for _ in range(3):
        used.run_epoch(parts)
    measure(used, parts, Measuring(fisher=8, hessian=8, lanczos_steps=2))
    used.restart(asked)
    new = Trainer(asked, device_data)

    def check_same() -> None:
        one, other = used.state(), new.state()
        assert one["epoch"] == other["epoch"] and one["random"] == other["random"]
        assert all(torch.equal(one["network"][name], values) for name, values in other["network"].items())
        assert all(map(torch.equal, one["momentum"], other["momentum"]))

    check_same()
    for _ in range(3):
        assert used.run_epoch(parts) == new.run_epoch(parts)
    check_same()
    with pytest.raises(ValueError, match="recipe: "):
        used.restart(replace(asked, batch_size=20))
