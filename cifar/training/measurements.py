"""What is measured where a unit of work ends: at the switch, and at the end of a run.

Unless the study keeps those of training, batch statistics are estimated anew before each evaluation, on the images that
it is about. An accuracy has the standard
error of a share of independent images.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from cifar.data.device_data import seed_for
from cifar.study.measuring import Measuring
from cifar.study.stages import Stage, stage_of, total_epochs
from cifar.training.gradients import Measured, fisher_trace, gradient_noise
from cifar.training.hessian import top_eigenvalue
from cifar.training.training import Trainer
from slt_toys.learning_coefficient.estimator import (
    WITHOUT_BURN_IN,
    LearningCoefficientEstimate,
    local_learning_coefficient,
)

_MEASURING = 32  # what a seed is for; see cifar.data.device_data


def measure(trainer: Trainer, parts: tuple[Stage, ...], measuring: Measuring) -> Measured:
    """Everything that is measured on a state: by name, value and standard error (None where there is none).

    Losses in nats, accuracies from 0 to 1. ``train_`` and ``test_`` are of clean images; ``deficit_train_`` of training
    images under the last deficit of the stages, ``deficit_test_`` of such test images. ``fisher_trace`` and
    ``fisher_trace/<layer>`` are of the training images of the last stage, with labels drawn from the network;
    ``gradient_noise_trace`` is the trace of the covariance of per-example gradients and ``noise_scale`` that trace over
    the squared norm of the mean gradient. For weights see `weight_norms`.
    """
    data, seed = trainer.data, trainer.recipe.seed
    measured = weight_norms(trainer, parts)

    def training_images(deficit: str, limit: int | None = measuring.statistics):
        return data.batches("train", deficit, seed, limit)

    def note(name: str, loss: float, accuracy: float, count: int) -> None:
        measured[f"{name}_loss"] = (loss, None)
        measured[f"{name}_accuracy"] = (accuracy, (accuracy * (1 - accuracy) / count) ** 0.5)

    def estimate_anew(deficit: str) -> None:
        if not measuring.running_statistics:
            trainer.re_estimate_batch_statistics(training_images(deficit))

    counted = data.examples if measuring.statistics is None else min(measuring.statistics, data.examples)
    deficits = [part.deficit for part in parts if part.deficit != "none"]
    if deficits:
        estimate_anew(deficits[-1])
        note("deficit_train", *trainer.evaluate(training_images(deficits[-1])), counted)
        deficient = data.batches("test", deficits[-1], seed)
        note("deficit_test", *trainer.evaluate(deficient), data.test_examples)
    estimate_anew("none")
    note("train", *trainer.evaluate(training_images("none")), counted)
    note("test", *trainer.evaluate(data.batches("test")), data.test_examples)
    present = parts[-1].deficit
    if present != "none":
        estimate_anew(present)
    if measuring.fisher:
        drawn = seed_for(seed, _MEASURING, trainer.epoch)
        measured |= fisher_trace(trainer.network, training_images(present, measuring.fisher), seed=drawn)
        measured |= gradient_noise(trainer.network, training_images(present, measuring.fisher))
    if measuring.hessian:
        batches = list(training_images(present, measuring.hessian))
        measured["hessian_top_eigenvalue"] = top_eigenvalue(
            trainer.network, batches, steps=measuring.lanczos_steps, seed=seed_for(seed, _MEASURING, 1)
        )
    if measuring.learning_coefficient:
        chosen = training_images(present, measuring.learning_coefficient)
        images, labels = (torch.cat(parts) for parts in zip(*chosen, strict=True))
        measured |= _learning_coefficient(trainer, images, labels, measuring, seed_for(seed, _MEASURING, 2))
    return measured


def weight_norms(trainer: Trainer, parts: Sequence[Stage]) -> Measured:
    """``weight_norm`` of all weights, and ``weight_norm/<layer>`` of each layer that batch normalisation follows.

    Such a layer's output does not depend on the size of its weights, so that a step turns them by the learning rate
    over their squared norm: the mean of that over these layers, with the last epoch's learning rate, is
    ``effective_learning_rate``. It is left out where there is no such layer, or no epoch of the stages was trained.
    """
    squares = [float(values.detach().double().square().sum()) for values in trainer.network.parameters()]
    measured: Measured = {"weight_norm": (sum(squares) ** 0.5, None)}
    layers = list(trainer.network.named_modules())
    of_layers = {}
    for (name, layer), (_, following) in pairwise((name, layer) for name, layer in layers if not any(layer.children())):
        if isinstance(layer, nn.Conv2d | nn.Linear) and isinstance(following, nn.modules.batchnorm._BatchNorm):
            of_layers[name] = float(layer.weight.detach().double().norm())
    measured |= {f"weight_norm/{name}": (norm, None) for name, norm in of_layers.items()}
    if of_layers and 0 < trainer.epoch <= total_epochs(parts) and all(of_layers.values()):
        stage, begin = stage_of(parts, trainer.epoch - 1)
        turns = [stage.rate(trainer.epoch - 1, begin) / norm**2 for norm in of_layers.values()]
        measured["effective_learning_rate"] = (sum(turns) / len(turns), None)
    return measured


def _learning_coefficient(
    trainer: Trainer, images: torch.Tensor, labels: torch.Tensor, measuring: Measuring, seed: int
) -> Measured:
    """The estimate with its standard error, whether nothing speaks against it (1 or 0), and as first published.

    The loss is that of the chosen images, which stand for all of them; batch statistics stay as they were
    re-estimated, and the step is chosen from the closed form of its bias.
    """

    def estimate(**settings: Any) -> LearningCoefficientEstimate:
        return local_learning_coefficient(
            trainer.network, functional.cross_entropy, (images, labels), examples=trainer.data.examples,
            examples_at_once=1024, seed=seed, **settings,
        )  # fmt: skip

    ours = estimate(sampler="sgld", chains=measuring.chains, draws=measuring.draws)
    without = estimate(**WITHOUT_BURN_IN)
    return {
        "learning_coefficient": (ours.estimate, ours.standard_error),
        "learning_coefficient_trusted": (float(ours.trusted), None),
        # Its raw energy, for comparison with published curves; NaN where the step is unstable.
        "learning_coefficient_without_burn_in": (without.posterior_energy, without.standard_error),
    }
