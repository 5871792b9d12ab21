"""Estimates of torch modules are skipped where torch is not installed."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
