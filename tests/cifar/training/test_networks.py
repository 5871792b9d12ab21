"""The published networks have the published sizes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cifar.training.networks import make_network, multiply_adds


def test_published_networks_have_the_published_sizes():
    sizes = {name: sum(p.numel() for p in make_network(name).parameters()) for name in ("all_cnn", "resnet18_imagenet")}
    assert sizes["resnet18_imagenet"] == 11_689_512  # as every implementation of it
    channels = [3, 96, 96, 192, 192, 192, 192, 192]
    by_hand = sum(9 * a * b for a, b in pairwise(channels)) + 192 * 192 + 192 * 10
    by_hand += 2 * (sum(channels[1:]) + 192 + 10)
    assert sizes["all_cnn"] == by_hand
    assert multiply_adds(make_network("logistic_regression")) == 30720
    for name, width, words in (("vgg", 8, "network: 'vgg'"), ("all_cnn", 0, "width: 0"), ("all_cnn", 12, "width: 12")):
        with pytest.raises(ValueError, match=words):
            make_network(name, width=width)
