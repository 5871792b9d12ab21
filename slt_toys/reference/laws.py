"""Numbers from theory's labelled equations: what the code computes is what the pages derive."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from theory.printed import compiled

from ..inputs.arguments import checked_arguments, real_numbers


@checked_arguments
@lru_cache(maxsize=256)
def law(label: str) -> Callable[..., Any]:
    """The right-hand side of a labelled equation as a function of its symbols' full names.

    It is what ``python -m theory`` derived and printed, or derived now where a derivation has changed since.

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
    names, function = compiled(label)

    def evaluate(**values: ArrayLike) -> Any:
        if sorted(values) != list(names):
            raise ValueError(f"[eq:{label}] takes {', '.join(names)}, not {', '.join(sorted(values)) or 'nothing'}")
        given = (np.asarray(real_numbers(name, values[name]), dtype=float) for name in names)
        result: Any = np.asarray(function(*given))
        if np.iscomplexobj(result):
            real = np.abs(result.imag) <= 1e-12 * np.abs(result.real)
            result = np.where(real, result.real, np.nan)
        return float(result) if result.ndim == 0 else result

    return evaluate
