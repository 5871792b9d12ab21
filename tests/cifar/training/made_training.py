"""Recipes, stages and trainers of a few images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cifar.study.stages import Recipe

PLAIN: dict[str, Any] = {"seed": 0, "batch_size": 40, "deficit_after_augmentation": False}


def made_recipe(**changes) -> Recipe:
    return replace(Recipe("fully_connected", 16, 2, batch_size=40, data="made"), **changes)
