"""What is fitted to the ends of critical periods, as variables of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..fits.batch_size import Comparison, EpochsPerHalving, Fit, HalvingShift, Parameter
from ..fits.collapse import BestExponent, Collapse
from ..fits.ends import CriticalPeriodEnd
from ..protocol.curves import pad
from ..results.variables import Variables, variables


def end_variables(ends: Any, dims: Sequence[str], prefix: str = "end_") -> Variables:
    """Ends by any definition: epoch, interval, state, and the statement that tables show."""
    return variables(CriticalPeriodEnd, ends, dims, prefix, also=["statement"], skip=["definition", "method"])


def halving_variables(halvings: Mapping[Any, EpochsPerHalving | None], dim: str, prefix: str = "halving_") -> Variables:
    """Epochs per halving of the batch: the slope, and the shift of each neighbouring pair of batch sizes."""
    pairs = [None if halving is None else halving.pairs for halving in halvings.values()]
    return variables(EpochsPerHalving, list(halvings.values()), [dim], prefix) | variables(
        HalvingShift, [pair or () for pair in pairs], [dim, f"{prefix}pair"], f"{prefix}pair_"
    )


def comparison_variables(
    comparisons: Sequence[Comparison | None], laws: Sequence[str], dim: str, prefix: str = "fit_"
) -> Variables:
    """Rival laws fitted to ends, along ``dim`` and rival_law: parameters, residuals, p-values, Akaike weights."""
    fits = [[None if each is None else each.fits[law] for law in laws] for each in comparisons]
    grid = (dim, "rival_law")
    parameters = [[() if fit is None else fit.parameters for fit in row] for row in fits]
    fitted = variables(Fit, fits, grid, prefix, skip=["model"])
    fitted |= variables(Parameter, parameters, [*grid, f"{prefix}parameter"], f"{prefix}parameter_")
    ends = max((len(each.epochs) for each in comparisons if each is not None), default=0)
    for name in ("predicted", "residuals"):
        rows = [pad([() if fit is None else getattr(fit, name) for fit in row], ends) for row in fits]
        padded = np.reshape(rows, (len(comparisons), len(laws), ends))
        fitted[f"{prefix}{name}"] = ((*grid, f"{prefix}end"), padded)
    return fitted


def collapse_variables(
    spreads: Mapping[str, Collapse], best: BestExponent | None, names: Sequence[str], prefix: str = "collapse_"
) -> Variables:
    """The spread over each variable, and the exponent of the batch size that collapses the curves best."""
    return variables(
        Collapse, [spreads.get(name) for name in names], ["collapse_variable"], prefix, skip=["variable"]
    ) | (variables(BestExponent, best, (), f"{prefix}best_"))
