"""The samplers' seeds serve their kernels too."""

from __future__ import annotations

from tests.samplers.conftest import seed, seeds

__all__ = ["seed", "seeds"]
