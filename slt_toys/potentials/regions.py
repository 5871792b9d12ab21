"""Regions of phases as functions of points."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.logic.boolalg import Boolean

from .critical_numbers import CriticalNumber
from .real_roots import RealRoot

__all__ = ["region_function"]


@lru_cache(maxsize=256)
def region_function(region: Boolean, coordinates: tuple[sympy.Symbol, ...]) -> Callable[[NDArray], NDArray[np.bool_]]:
    """Numpy function of points (..., d) that says which lie in a region; roots in it become doubles."""
    numbers = {
        number: sympy.Float(sympy.N(number, 30), 17) for number in region.atoms(sympy.CRootOf, RealRoot, CriticalNumber)
    }
    raw = sympy.lambdify(coordinates, region.xreplace(numbers), modules="numpy")
    return lambda points: np.broadcast_to(np.asarray(raw(*np.moveaxis(points, -1, 0)), dtype=bool), points.shape[:-1])
