"""A sweep that nothing interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cifar.sweep.made_sweeps import begin, tiny_study, work


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, images) -> Path:
    folder = tmp_path_factory.mktemp("sweeps") / "whole"
    begin(folder, images, tiny_study())
    work(folder, images)
    return folder
