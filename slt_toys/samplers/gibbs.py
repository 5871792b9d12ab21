"""Gibbs sampling: coordinates drawn block by block from their distributions given all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..inputs.arguments import check_fields
from ..kernels.gibbs import gibbs_kernel, gibbs_scratch_rows, gibbs_source
from ..kernels.replica_exchange import InnerKernel
from ..potentials.potential import Potential
from .program import Program
from .step_bias import EXACT, Stepping


@dataclass(frozen=True)
class Gibbs:
    """Gibbs sampler (Geman & Geman 1984), exact where a conditional is normal, by slices where it is not.

    A step is a sweep over all blocks in a fixed order. Blocks in which the energy is of degree two are drawn from their
    normal distribution [eq:gibbs-conditional-mean, eq:gibbs-conditional-variance], between walls from the normal cut by
    them, one coordinate at a time; :func:`slt_toys.potentials.conditionals.conditionals` shows which. Other coordinates
    get one step of slice sampling each (Neal 2003, Annals of Statistics 31, 705), which leaves their conditional as it
    is. There is no step size and no bias.

    Attributes
    ----------
    slice_width
        Width of the interval that a slice is first looked for in, in units of the coordinate; default: that of the box,
        which finds slices in other wells too. Between walls it is always all that lies between them.
    """

    takes_n_beta: ClassVar[bool] = True
    slice_width: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.slice_width is not None and not (np.isfinite(self.slice_width) and self.slice_width > 0):
            raise ValueError(f"slice_width must be positive and finite, not {self.slice_width}")

    @property
    def step_size(self) -> float:
        """One sweep: a run's ``time`` counts them."""
        return 1.0

    def program(self, potential: Potential) -> Program:
        """Compile for a potential."""
        kernel = gibbs_kernel(potential, self.slice_width)
        return Program(potential.dimension, gibbs_scratch_rows(potential), kernel.advance)

    def replica_kernel(self, potential: Potential) -> InnerKernel:
        """What replica exchange builds on."""
        source = gibbs_source(potential, self.slice_width)
        return InnerKernel(source, ("temperature",), (), moved=potential.dimension)

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """Nothing diverges: there is no step."""
        return np.inf

    def stepping(self, target: Potential, n_beta: float | None) -> Stepping:
        """No bias: there is no step."""
        return Stepping(EXACT, 1.0, 0, n_beta)
