"""A critical period of a network that learns nothing by heart: the panels of the replication."""

from __future__ import annotations

from figures.cifar_replication import draw

__all__ = ["draw"]
