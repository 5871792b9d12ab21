"""Images on the device: in an order of their own, evaluated evenly and never augmented."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from cifar.data.augmentation import augment
from cifar.data.deficits import apply_deficit
from cifar.data.device_data import DeviceData, seed_for
from cifar.study.stages import Stage
from tests.cifar.training.made_training import PLAIN

OF_50: dict[str, Any] = PLAIN | {"batch_size": 50}


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


def test_evaluation_images_are_spread_evenly_and_never_augmented(lopsided):
    train, labels = lopsided.under_deficit("none", 0)
    (images, targets), *more = lopsided.batches("train", "none", 0, 4)
    rows = [0, 20, 39, 59]
    assert not more and torch.equal(images, lopsided.normalised(train[rows])) and torch.equal(targets, labels[rows])
    whole = torch.cat([images for images, _ in lopsided.batches("test")])
    assert torch.equal(whole, lopsided.normalised(lopsided.under_deficit("none", 0, "test")[0]))
    assert len(torch.cat([targets for _, targets in lopsided.batches("train", limit=60)])) == 60
    mean = lopsided.normalised(train).mean((0, 2, 3))
    assert torch.allclose(mean, torch.zeros(3), atol=1e-4), "normalised by the training images"


def test_black_uncovered_edges_images_from_minus_one_to_one_and_a_last_batch_that_is_not_full(images):
    for normalisation in ("images", "half"):
        data = DeviceData(images, torch.device("cpu"), normalisation)
        every, labels, _ = data.epoch(Stage(1), 0, **OF_50, partial=True)
        assert len(every) == data.examples == len(labels) and sorted(labels.tolist()) == sorted(
            images.train_labels.tolist()
        )
        whole = data.epoch(Stage(1, augment=False), 0, **OF_50, partial=True)[0]
        colours = torch.zeros(1, 3, 1, 1), images.train_images.double().mean((0, 2, 3)).view(1, 3, 1, 1).float()
        for black in (False, True):
            moved = data.epoch(Stage(1), 0, **OF_50, black=black, partial=True)[0]
            wide = [(moved - data.normalised(colour)).abs().amax((1, 3))[:, 0] < 1e-4 for colour in colours]
            # four shifts of nine uncover the top row: of 120 images hardly ever fewer than 15 (7 standard deviations)
            counts = [int(rows.sum()) for rows in wide]
            assert counts[not black] > 15 and counts[black] == 0
    assert float(whole.min()) >= -1 and float(whole.max()) <= 1, "the last one, from -1 to 1"
    assert torch.allclose(whole * 127.5 + 127.5, (whole * 127.5 + 127.5).round(), atol=1e-3)
