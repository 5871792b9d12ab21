"""A critical period of a small network in minutes: the panels of the replication."""

from __future__ import annotations

from figures.cifar_replication import draw

__all__ = ["draw"]
