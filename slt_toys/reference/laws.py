"""Numbers from theory's labelled equations: what the code computes is what the pages derive."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike

from theory.equations import equation


@lru_cache(maxsize=256)
def law(label: str) -> Callable[..., Any]:
    """Compile the right-hand side of a labelled equation to a function of its symbols' full names.

    Parameters
    ----------
    label
        Of ``theory.equations``, such as ``"sgd-temperature"``.

    Returns
    -------
    callable
        Takes every symbol of the right-hand side as a keyword (numbers or arrays) and returns a float or an array.
        Where the exact value is complex (a Lambert W off its real branch) it returns nan.

    Raises
    ------
    ValueError
        For an unknown label; from the function, for a missing or an unknown keyword.

    Examples
    --------
    >>> round(law("epochs-per-halving")(decay=0.97), 2)
    22.76
    """
    right = equation(label).equation.rhs
    symbols = sorted(right.free_symbols, key=lambda symbol: symbol.name)
    names = [symbol.name for symbol in symbols]
    compiled = sympy.lambdify(symbols, right, modules=["scipy", "numpy"])

    def evaluate(**values: ArrayLike) -> Any:
        if sorted(values) != names:
            raise ValueError(f"[eq:{label}] takes {', '.join(names)}, not {', '.join(sorted(values)) or 'nothing'}")
        result: Any = np.asarray(compiled(*(np.asarray(values[name], dtype=float) for name in names)))
        if np.iscomplexobj(result):
            real = np.abs(result.imag) <= 1e-12 * np.abs(result.real)
            result = np.where(real, result.real, np.nan)
        return float(result) if result.ndim == 0 else result

    return evaluate
