"""One step, one epoch and one measurement of each kind, pinned by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch.nn import functional

from cifar.data.device_data import seed_for
from cifar.study.stages import Recipe, Stage, stages
from cifar.training.networks import make_network
from cifar.training.training import Trainer
from tests.cifar.training.made_training import PLAIN, made_recipe

STILL: dict[str, Any] = {"learning_rate": 1e-30, "weight_decay": 0.0, "augment": False}


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in trainer.network.parameters()]


# ---- steps ----


def test_shrink_and_perturb_once_and_in_this_order(device_data):
    parts = stages(Stage(1), Stage(2, clock="stage", shrink=0.4, perturb=0.1, **STILL))
    trainer = Trainer(made_recipe(seed=3), device_data)
    trainer.run_epoch(parts)
    before = weights(trainer)
    trainer.run_epoch(parts)
    fresh = make_network("fully_connected", width=16, depth=2, seed=seed_for(3, 17, 1))
    for found, old, new in zip(weights(trainer), before, fresh.parameters(), strict=True):
        assert torch.allclose(found, 0.4 * old + 0.1 * new, rtol=1e-6, atol=1e-8)
    now = weights(trainer)
    trainer.run_epoch(parts)  # the second epoch of the stage is an epoch like any other
    assert all(torch.equal(a, b) for a, b in zip(now, weights(trainer), strict=True))


@pytest.mark.parametrize("shrink, perturb", [(0.4, 0.0), (1.0, 0.1)])
def test_either_number_alone_is_applied(device_data, shrink, perturb):
    trainer = Trainer(made_recipe(), device_data)
    before = weights(trainer)
    trainer.run_epoch(stages(Stage(1, shrink=shrink, perturb=perturb, **STILL)))
    fresh = make_network("fully_connected", width=16, depth=2, seed=seed_for(0, 17, 0))
    for found, old, new in zip(weights(trainer), before, fresh.parameters(), strict=True):
        assert torch.allclose(found, shrink * old + perturb * new, rtol=1e-6, atol=1e-8)


def test_every_parameter_is_decayed_and_has_momentum_and_the_rate_of_its_epoch(device_data):
    """Two epochs of one step each, batch normalisation and all, against gradients of a copy."""
    parts = stages(Stage(2, learning_rate=0.2, decay=0.5, weight_decay=0.03, augment=False))
    trainer = Trainer(made_recipe(batch_size=120, momentum=0.7), device_data)
    model = copy.deepcopy(trainer.network)
    velocity = [torch.zeros_like(parameter) for parameter in model.parameters()]
    for epoch, rate in enumerate((0.2, 0.1)):
        images, labels, _ = device_data.epoch(parts[0], epoch, **PLAIN | {"batch_size": 120})
        model.train()
        loss = functional.cross_entropy(model(images), labels)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for number, parameter in enumerate(model.parameters()):
                velocity[number] = 0.7 * velocity[number] + gradients[number] + 0.03 * parameter
                parameter -= rate * velocity[number]
        record = trainer.run_epoch(parts)
        assert (record.epoch, record.learning_rate) == (epoch, rate)
        assert record.train_loss == pytest.approx(float(loss), rel=1e-4)
    for found, expected in zip(weights(trainer), model.parameters(), strict=True):
        assert torch.allclose(found, expected, rtol=1e-3, atol=1e-5)
    for found, expected in zip(trainer.state()["momentum"], velocity, strict=True):
        assert torch.allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_an_epochs_record_is_of_its_steps(device_data):
    trainer = Trainer(made_recipe(), device_data)
    part = Stage(1, **STILL)
    images, labels, _ = device_data.epoch(part, 0, **PLAIN)
    model = copy.deepcopy(trainer.network).train()
    outputs = torch.cat([model(some) for some in images.split(40)])
    record = trainer.run_epoch(stages(part))
    assert record.train_loss == pytest.approx(float(functional.cross_entropy(outputs, labels)), rel=1e-5)
    assert record.train_accuracy == pytest.approx(float((outputs.argmax(1) == labels).float().mean()), abs=1e-6)


def test_a_state_is_all_that_the_next_epoch_depends_on(device_data):
    trainer = Trainer(made_recipe(seed=4), device_data)
    parts = stages(Stage(3))
    trainer.run_epoch(parts)
    state = trainer.state()
    assert state["epoch"] == 1 and state["random"] == [4, 1]
    assert any(buffer.abs().max() > 0 for buffer in state["momentum"])
    kept = copy.deepcopy(state)
    trainer.run_epoch(parts)
    assert all(torch.equal(a, b) for a, b in zip(kept["momentum"], state["momentum"], strict=True)), "copies"
    other = Trainer(made_recipe(seed=4), device_data)
    other.load_state(state)
    assert other.epoch == 1 and other.run_epoch(parts).epoch == 1
    with pytest.raises(ValueError, match="another network"):
        Trainer(made_recipe(width=24), device_data).load_state(state)


# ---- epochs of data ----


def test_a_share_is_the_same_images_in_every_epoch(device_data):
    part = Stage(1, share=0.5, augment=False)
    seen = [
        {tuple(image.flatten()[:200].tolist()) for image in device_data.epoch(part, e, **PLAIN | {"batch_size": 60})[0]}
        for e in (0, 1)
    ]
    assert len(seen[0]) == 60 and seen[0] == seen[1]


def test_added_noise_is_unbiased_and_of_the_variance_that_is_asked_for(device_data):
    drawn = {
        a: torch.cat([device_data.epoch(Stage(1, added_noise=a), e, **PLAIN)[2] for e in range(60)]).double()
        for a in (1.0, 4.0)
    }
    assert torch.allclose(drawn[4.0] - 1, 2 * (drawn[1.0] - 1), atol=1e-5)
    count = len(drawn[1.0])
    assert abs(float(drawn[1.0].mean()) - 1) < 5 / count**0.5
    assert abs(float(drawn[1.0].var()) - 1) < 5 * (2 / count) ** 0.5


def test_a_steps_loss_is_weighted_by_the_noise(device_data):
    part = Stage(1, learning_rate=0.1, weight_decay=0.0, augment=False, added_noise=1.0)
    recipe = Recipe("logistic_regression", batch_size=120, data="made")
    trainer = Trainer(recipe, device_data)
    start = weights(trainer)[0].double()
    images, labels, noise = device_data.epoch(part, 0, **PLAIN | {"batch_size": 120})
    flat = images.flatten(1).double()
    chances = (flat @ start.T + list(trainer.network.parameters())[1].double()).softmax(1).detach()
    each = (chances - functional.one_hot(labels, 10)) * noise[:, None].double()
    trainer.run_epoch(stages(part))
    assert torch.allclose(weights(trainer)[0].double(), start - 0.1 * each.T @ flat / 120, atol=1e-5)


def test_the_rate_is_that_of_the_stages_clock(device_data):
    shared: dict[str, Any] = {"learning_rate": 0.1, "decay": 0.5}
    parts = stages(Stage(2, **shared), Stage(2, clock="stage", **shared), Stage(1, **shared))
    trainer = Trainer(made_recipe(), device_data)
    assert [trainer.run_epoch(parts).learning_rate for _ in range(5)] == [0.1, 0.05, 0.1, 0.05, 0.1 / 16]


# ---- what is measured ----


def test_batch_statistics_are_a_plain_average_over_batches(lopsided):
    trainer = Trainer(made_recipe(batch_size=20), lopsided)
    trainer.run_epoch(stages(Stage(1)))
    layers: list[Any] = [layer for layer in trainer.network.modules() if isinstance(layer, torch.nn.BatchNorm1d)]
    momenta = [layer.momentum for layer in layers]
    batches = [(lopsided.normalised(part), None) for part in lopsided.under_deficit("none", 0)[0].split(20)]
    trainer.re_estimate_batch_statistics(batches)  # type: ignore[arg-type]
    linear: Any = trainer.network[1]  # type: ignore[index]
    values = [linear(images.flatten(1)) for images, _ in batches]
    assert torch.allclose(layers[0].running_mean, torch.stack([v.mean(0) for v in values]).mean(0), atol=1e-5)
    assert torch.allclose(layers[0].running_var, torch.stack([v.var(0) for v in values]).mean(0), rtol=1e-4)
    assert [layer.momentum for layer in layers] == momenta
