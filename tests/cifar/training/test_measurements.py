"""Measurements against loops over examples and dense matrices."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from cifar.data.device_data import seed_for
from cifar.study.measuring import Measuring
from cifar.study.stages import Recipe, Stage, stages
from cifar.training.gradients import fisher_trace, gradient_noise
from cifar.training.hessian import top_eigenvalue
from cifar.training.measurements import measure, weight_norms
from cifar.training.training import Trainer
from slt_toys.learning_coefficient.estimator import WITHOUT_BURN_IN
from tests.cifar.training.made_training import made_recipe


class Fixed(nn.Module):
    """A linear classifier of two classes at weights 0: every chance is one half."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2, bias=False)
        nn.init.zeros_(self.layer.weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images)


def test_measurements_of_a_classifier_at_zero_by_hand():
    """Gradients are (1/2, -1/2) times the image, up to the sign; the Hessian has half the second moments' values."""
    images = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0], [2.0, 0.0, 0.0]])
    labels = torch.tensor([0, 1, 0, 1])
    pairs = [(images[:3], labels[:3]), (images[3:], labels[3:])]
    squares = np.array([4.0, 1.0, 9.0, 4.0]) / 2
    trace = fisher_trace(Fixed(), pairs, seed=int(torch.seed() % 2**31))
    assert trace["fisher_trace"] == pytest.approx((squares.mean(), squares.std(ddof=1) / 2))
    assert trace["fisher_trace/layer"] == pytest.approx(trace["fisher_trace"])
    # per-example gradients: s_i (1/2, -1/2) ⊗ x_i with s = -1, 1, -1, 1
    each = np.array([[-2.0, 0, 0], [0, 1.0, 0], [0, 0, -3.0], [2.0, 0, 0]])
    covariance = each.var(0, ddof=1).sum() / 2
    square = (each.mean(0) ** 2).sum() / 2 - covariance / 4
    noise = gradient_noise(Fixed(), pairs)
    assert noise["gradient_noise_trace"] == (pytest.approx(covariance), None)
    assert square < 0 and "noise_scale" not in noise
    same = gradient_noise(Fixed(), [(images, torch.tensor([0, 0, 0, 0]))])
    alike = np.abs(each) * [1, 1, 1]
    covariance = alike.var(0, ddof=1).sum() / 2
    scale = covariance / ((alike.mean(0) ** 2).sum() / 2 - covariance / 4)
    assert (same["noise_scale"][0] if scale > 0 else None) == (pytest.approx(scale, rel=1e-5) if scale > 0 else None)
    with pytest.raises(ValueError, match="batches: 1 images have no covariance"):
        gradient_noise(Fixed(), [(images[:1], labels[:1])])
    # second moments: diag(8, 1, 9)/4, of which the softmax at one half keeps a half
    assert top_eigenvalue(Fixed(), pairs)[0] == pytest.approx(9 / 8, rel=1e-5)
    start = torch.randn(6, generator=torch.Generator().manual_seed(3))
    start = start / start.norm()
    half = torch.tensor([8.0, 1.0, 9.0]) / 16
    turned = torch.stack([half * (start[:3] - start[3:]), half * (start[3:] - start[:3])]).flatten()
    value = float(start @ turned)
    first = top_eigenvalue(Fixed(), pairs, steps=1, seed=3)
    assert first == pytest.approx((value, float((turned - value * start).norm())), rel=1e-5)


def test_a_state_is_measured_whole_and_left_as_it_was(device_data):
    parts = stages(Stage(1, "blur"), Stage(1))
    trainer = Trainer(Recipe("fully_connected", 16, 2, batch_size=40, data="made"), device_data)
    for _ in range(2):
        trainer.run_epoch(parts)
    before = trainer.state()
    found = measure(trainer, parts, Measuring(fisher=16, hessian=16, lanczos_steps=4))
    assert all(torch.equal(a, b) for a, b in zip(before["momentum"], trainer.state()["momentum"], strict=True))
    for name, values in trainer.network.named_parameters():
        assert torch.equal(values, before["network"][name])
    expected = {f"{kind}_{what}" for kind in ("train", "test", "deficit_train") for what in ("loss", "accuracy")}
    assert expected | {"fisher_trace", "gradient_noise_trace", "hessian_top_eigenvalue"} <= set(found)
    assert measure(trainer, parts, Measuring(fisher=16, hessian=16, lanczos_steps=4)) == found


def test_the_learning_coefficient_of_a_state_repeats(device_data):
    parts = stages(Stage(0), Stage(3))
    trainer = Trainer(Recipe("logistic_regression", batch_size=40, data="made"), device_data)
    for _ in range(3):
        trainer.run_epoch(parts)
    few = Measuring(fisher=0, hessian=0, learning_coefficient=20, chains=2, draws=20)
    first, second = (measure(trainer, parts, few) for _ in range(2))
    assert first["learning_coefficient"] == second["learning_coefficient"]
    assert first["learning_coefficient_trusted"] == second["learning_coefficient_trusted"]
    without = [found["learning_coefficient_without_burn_in"][0] for found in (first, second)]
    assert without[0] == pytest.approx(without[1], rel=1e-12, nan_ok=True)


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
    test, test_labels = lopsided.under_deficit("none", 0, "test")
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
    assert {name.split("_")[0] for name in clean} == {"train", "test", "weight"}


def test_weights_that_batch_normalisation_follows_are_measured_and_turn_by_the_rate_over_their_square(device_data):
    parts = stages(Stage(1, "blur", learning_rate=0.1, decay=0.5), Stage(2, learning_rate=0.1, decay=0.5))
    trainer = Trainer(Recipe("all_cnn", 8, 1, batch_size=40, data="made"), device_data)
    assert "effective_learning_rate" not in weight_norms(trainer, parts), "no epoch had a rate"
    for _ in range(2):
        trainer.run_epoch(parts)
    found = weight_norms(trainer, parts)
    convolutions = {name: layer for name, layer in trainer.network.named_modules() if isinstance(layer, nn.Conv2d)}
    assert {name for name in found if "/" in name} == {f"weight_norm/{name}" for name in convolutions}
    squares = [float((layer.weight.detach().numpy() ** 2).sum()) for layer in convolutions.values()]
    assert [found[f"weight_norm/{name}"][0] ** 2 for name in convolutions] == pytest.approx(squares, rel=1e-6)
    turn = np.mean([0.1 * 0.5 / square for square in squares])
    assert found["effective_learning_rate"] == (pytest.approx(turn, rel=1e-6), None)
    others = sum(float(value.detach().square().sum()) for value in trainer.network.parameters() if value.ndim == 1)
    assert found["weight_norm"][0] ** 2 == pytest.approx(sum(squares) + others, rel=1e-5)
    plain = Trainer(Recipe("logistic_regression", batch_size=40, data="made"), device_data)
    plain.run_epoch(parts)
    assert set(weight_norms(plain, parts)) == {"weight_norm"}


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


def test_running_statistics_are_those_of_training(device_data):
    parts = stages(Stage(1, "blur"), Stage(1))
    trainer = Trainer(Recipe("all_cnn", 8, 1, batch_size=40, data="made"), device_data)
    for _ in range(2):
        trainer.run_epoch(parts)
    kept = {name: values.clone() for name, values in trainer.network.named_buffers()}
    few = Measuring(fisher=0, hessian=0, running_statistics=True)
    found = measure(trainer, parts, few)
    assert all(torch.equal(values, kept[name]) for name, values in trainer.network.named_buffers())
    images, labels = next(device_data.batches("test"))
    assert found["test_accuracy"][0] == pytest.approx(share_right(trainer, images, labels)[1])
    anew = measure(trainer, parts, replace(few, running_statistics=False))
    assert anew["test_loss"] != found["test_loss"]
