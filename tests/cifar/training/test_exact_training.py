"""One step, one epoch and one measurement of each kind, pinned by hand."""

from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional

from cifar.data.augmentation import augment
from cifar.data.deficits import apply_deficit
from cifar.data.device_data import DeviceData, seed_for
from cifar.data.images import labelled_images
from cifar.study.measuring import Measuring
from cifar.study.stages import Recipe, Stage, stages
from cifar.training.measurements import measure
from cifar.training.networks import make_network
from cifar.training.training import Trainer
from slt_toys.learning_coefficient.estimator import WITHOUT_BURN_IN

STILL: dict[str, Any] = {"learning_rate": 1e-30, "weight_decay": 0.0, "augment": False}
PLAIN: dict[str, Any] = {"seed": 0, "batch_size": 40, "deficit_after_augmentation": False}


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in trainer.network.parameters()]


def made_recipe(**changes) -> Recipe:
    return replace(Recipe("fully_connected", 16, 2, batch_size=40, data="made"), **changes)


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


def test_an_epoch_is_the_images_in_an_order_of_its_own(device_data):
    images, labels, weights_ = device_data.epoch(Stage(1, augment=False), 0, **PLAIN)
    train = device_data.normalised(device_data.under_deficit("none", 0)[0])
    order = torch.randperm(120, generator=torch.Generator().manual_seed(seed_for(0, 0, 0)))
    assert torch.equal(images, train[order]) and torch.equal(labels, device_data.under_deficit("none", 0)[1][order])
    assert images.shape == (120, 3, 32, 32) and (weights_ == 1).all()
    again = device_data.epoch(Stage(1, augment=False), 1, **PLAIN)[1]
    assert not torch.equal(again, labels), "another epoch has another order"
    assert len(device_data.epoch(Stage(1), 0, **PLAIN | {"batch_size": 50})[1]) == 100, "what fills no batch is dropped"
    with pytest.raises(ValueError, match="batch_size: 121 exceeds the 120"):
        device_data.epoch(Stage(1), 0, **PLAIN | {"batch_size": 121})


def test_a_share_is_the_same_images_in_every_epoch(device_data):
    part = Stage(1, share=0.5, augment=False)
    seen = [
        {tuple(image.flatten()[:200].tolist()) for image in device_data.epoch(part, e, **PLAIN | {"batch_size": 60})[0]}
        for e in (0, 1)
    ]
    assert len(seen[0]) == 60 and seen[0] == seen[1]


def test_a_deficit_comes_before_or_after_the_augmentation(device_data):
    part = Stage(1, "blur")
    order = torch.randperm(120, generator=torch.Generator().manual_seed(seed_for(0, 0, 2)))
    clean, labels = device_data.under_deficit("none", 0)

    def moved(images: torch.Tensor) -> torch.Tensor:
        return augment(images, torch.Generator().manual_seed(seed_for(0, 1, 2)))

    blurred = apply_deficit("blur", clean, labels)[0]
    assert not torch.equal(blurred, clean)
    early = device_data.epoch(part, 2, **PLAIN)[0]
    assert torch.equal(early, moved(device_data.normalised(blurred[order])))
    late = device_data.epoch(part, 2, **PLAIN | {"deficit_after_augmentation": True})[0]
    mean, deviation = device_data._mean, device_data._deviation
    shifted = moved(device_data.normalised(clean[order])) * deviation + mean
    by_hand = (apply_deficit("blur", shifted, labels)[0] - mean) / deviation
    assert torch.allclose(late, by_hand, atol=1e-5) and not torch.allclose(late, early, atol=0.05)


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


def test_the_first_images_of_every_class_are_taken():
    images, labels = torch.arange(24, dtype=torch.uint8).view(24, 1, 1, 1).expand(24, 3, 2, 2), torch.arange(24) % 3
    whole = labelled_images("made", images, labels, images, labels)
    few = whole.first_of_each_class(6, 9)
    assert few.train_images[:, 0, 0, 0].tolist() == list(range(6))
    assert few.test_images[:, 0, 0, 0].tolist() == list(range(9))
    assert len(whole.first_of_each_class(None).train_labels) == 24


def test_a_checksum_is_of_every_byte_and_of_the_shape():
    images, labels = torch.zeros(8, 3, 4, 4, dtype=torch.uint8), torch.arange(8) % 2
    whole = labelled_images("one", images[:4], labels[:4], images[4:], labels[4:])
    assert whole.checksum == labelled_images("two", images[:4], labels[:4], images[4:], labels[4:]).checksum
    seen = {whole.checksum}
    for number in range(4):
        parts = [part.clone() for part in (images[:4], labels[:4], images[4:], labels[4:])]
        parts[number].view(-1)[-1] += 1
        seen.add(labelled_images("one", *parts).checksum)
    seen.add(labelled_images("one", images[:4].view(4, 3, 2, 8), labels[:4], images[4:], labels[4:]).checksum)
    assert len(seen) == 6


# ---- what is measured ----


@pytest.fixture(scope="module")
def lopsided() -> DeviceData:
    """Test labels are not those of the training set's colours, so that no accuracy can pass for another."""
    generator = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (100, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.arange(100) % 10
    made = labelled_images("made", images[:60], labels[:60], images[60:], (labels[60:] * 3 + 1) % 10)
    return DeviceData(made, torch.device("cpu"))


def share_right(trainer: Trainer, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    with torch.no_grad():
        outputs = trainer.network.eval()(images)
    return float(functional.cross_entropy(outputs, labels)), float((outputs.argmax(1) == labels).float().mean())


@pytest.mark.parametrize("limit", [None, 20])
def test_losses_and_accuracies_are_of_the_images_they_are_named_after(lopsided, limit):
    parts = stages(Stage(2, "vertical_flip", augment=False), Stage(2, augment=False))
    trainer = Trainer(made_recipe(batch_size=20), lopsided)
    for _ in range(4):
        trainer.run_epoch(parts)
    found = measure(trainer, parts, Measuring(statistics=limit, fisher=0, hessian=0))
    rows = torch.arange(60) if limit is None else torch.linspace(0, 59, limit).round().long()
    train, labels = lopsided.under_deficit("none", 0)
    test, test_labels = lopsided._test
    expected = {}
    for prefix, change in (("deficit_", lambda images: images.flip(-2)), ("", lambda images: images)):
        chosen = lopsided.normalised(change(train[rows]))
        trainer.re_estimate_batch_statistics([(chosen, labels[rows])])
        expected[f"{prefix}train"] = share_right(trainer, chosen, labels[rows])
        expected[f"{prefix}test"] = share_right(trainer, lopsided.normalised(change(test)), test_labels)
    assert len({accuracy for _, accuracy in expected.values()}) >= 3, "no two can be taken for each other"
    for name, (loss, accuracy) in expected.items():
        assert found[f"{name}_loss"] == (pytest.approx(loss, rel=1e-5), None)
        count = 40 if name.endswith("test") else len(rows)
        error = (accuracy * (1 - accuracy) / count) ** 0.5
        assert found[f"{name}_accuracy"] == (pytest.approx(accuracy, abs=1e-6), pytest.approx(error, abs=1e-6))
    clean = measure(trainer, parts[1:], Measuring(statistics=limit, fisher=0, hessian=0))
    assert {name.split("_")[0] for name in clean} == {"train", "test"}


def test_batch_statistics_are_a_plain_average_over_batches(lopsided):
    trainer = Trainer(made_recipe(batch_size=20), lopsided)
    trainer.run_epoch(stages(Stage(1)))
    layers: list[Any] = [layer for layer in trainer.network.modules() if isinstance(layer, torch.nn.BatchNorm1d)]
    momenta = [layer.momentum for layer in layers]
    batches = [(lopsided.normalised(part), None) for part in lopsided._train[0].split(20)]
    trainer.re_estimate_batch_statistics(batches)  # type: ignore[arg-type]
    linear: Any = trainer.network[1]  # type: ignore[index]
    values = [linear(images.flatten(1)) for images, _ in batches]
    assert torch.allclose(layers[0].running_mean, torch.stack([v.mean(0) for v in values]).mean(0), atol=1e-5)
    assert torch.allclose(layers[0].running_var, torch.stack([v.var(0) for v in values]).mean(0), rtol=1e-4)
    assert [layer.momentum for layer in layers] == momenta


def test_curvature_and_noise_are_of_the_images_of_the_last_stage(lopsided):
    from cifar.training.gradients import fisher_trace, gradient_noise
    from cifar.training.hessian import top_eigenvalue

    trainer = Trainer(made_recipe(batch_size=20, seed=2), lopsided)
    both = stages(Stage(1, "vertical_flip", augment=False), Stage(1, augment=False))
    trainer.run_epoch(both)
    trainer.run_epoch(both)
    measuring = Measuring(fisher=12, hessian=10, lanczos_steps=3)
    for parts, deficit in ((both, "none"), (both[:1], "vertical_flip")):
        found = measure(trainer, parts, measuring)
        trainer.re_estimate_batch_statistics(lopsided.batches("train", deficit, 2))
        twelve, ten = (list(lopsided.batches("train", deficit, 2, count)) for count in (12, 10))
        expected = fisher_trace(trainer.network, twelve, seed=seed_for(2, 32, 2)) | gradient_noise(
            trainer.network, twelve
        )
        expected["hessian_top_eigenvalue"] = top_eigenvalue(trainer.network, ten, steps=3, seed=seed_for(2, 32, 1))
        assert {name: found[name] for name in expected} == expected
    assert len(twelve[0][1]) == 12 and len(ten[0][1]) == 10


def test_the_learning_coefficient_is_the_estimators_with_these_settings(lopsided, monkeypatch):
    trainer = Trainer(made_recipe(batch_size=20), lopsided)
    calls: list[dict[str, Any]] = []

    def estimator(network, loss, problem, **settings):
        calls.append({"network": network, "loss": loss, "problem": problem} | settings)
        return SimpleNamespace(estimate=1.5, standard_error=0.25, trusted=True, posterior_energy=7.0)

    monkeypatch.setattr("cifar.training.measurements.local_learning_coefficient", estimator)
    few = Measuring(fisher=0, hessian=0, learning_coefficient=20, chains=4, draws=30)
    found = measure(trainer, stages(Stage(2)), few)
    assert found["learning_coefficient"] == (1.5, 0.25) and found["learning_coefficient_trusted"] == (1.0, None)
    assert found["learning_coefficient_without_burn_in"] == (7.0, 0.25)
    ours, first = calls
    images, labels = next(iter(lopsided.batches("train", "none", 0, 20)))
    for call in calls:
        assert call["network"] is trainer.network and call["loss"] is functional.cross_entropy
        assert torch.equal(call["problem"][0], images) and torch.equal(call["problem"][1], labels)
        assert (call["examples"], call["seed"]) == (60, seed_for(0, 32, 2)), "of all images, not of those chosen"
    assert (ours["sampler"], ours["chains"], ours["draws"]) == ("sgld", 4, 30)
    assert {name: first[name] for name in WITHOUT_BURN_IN} == WITHOUT_BURN_IN


def test_evaluation_images_are_spread_evenly_and_never_augmented(lopsided):
    train, labels = lopsided._train
    (images, targets), *more = lopsided.batches("train", "none", 0, 4)
    rows = [0, 20, 39, 59]
    assert not more and torch.equal(images, lopsided.normalised(train[rows])) and torch.equal(targets, labels[rows])
    whole = torch.cat([images for images, _ in lopsided.batches("test")])
    assert torch.equal(whole, lopsided.normalised(lopsided._test[0]))
    assert len(torch.cat([targets for _, targets in lopsided.batches("train", limit=60)])) == 60
    mean = lopsided.normalised(train).mean((0, 2, 3))
    assert torch.allclose(mean, torch.zeros(3), atol=1e-4), "normalised by the training images"
