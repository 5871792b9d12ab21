"""The names that options may take are those of networks and deficits there are."""

from __future__ import annotations

import pytest

from cifar.data.deficits import IMAGE_DEFICITS
from cifar.study import names
from cifar.training.networks import make_network


def test_every_name_is_of_something():
    assert set(names.DEFICITS) == set(IMAGE_DEFICITS)
    for name in names.NETWORKS:
        assert sum(p.numel() for p in make_network(name, classes=10).parameters()) > 1000
    with pytest.raises(ValueError, match="resnet1000"):
        make_network("resnet1000")
