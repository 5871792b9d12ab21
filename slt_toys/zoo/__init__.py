"""The zoo: solvable models of learning, one file a model, each with equations, exact law and simulator.

A new model is one file and one line of :data:`ZOO`; ``tests/zoo/test_zoo.py`` then runs its checks.
"""

from __future__ import annotations

from . import bottleneck, deep_linear_pathways, diagonal_linear_network, logistic_pathways, memorising_saddle
from .model import ZooModel

_MODULES = (bottleneck, memorising_saddle, deep_linear_pathways, diagonal_linear_network, logistic_pathways)
ZOO: tuple[ZooModel, ...] = tuple(module.MODEL for module in _MODULES)
