"""What SGD trains on: finite sets of examples with a loss each, and populations whose gradient noise is Gaussian."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import check_fields, checked_arguments
from .expression_parts import split
from .potential import Potential

Array = NDArray[np.float64]
Dependence = Literal["additive", "gradient", "loss"]


@dataclass(frozen=True, eq=False, repr=False)
class Examples:
    """A finite set of examples, each with a loss ℓ(w; x); SGD follows the gradients of minibatches of them.

    Attributes
    ----------
    name
        Used in records and messages.
    loss
        sympy expression ℓ of the coordinates and the columns.
    coordinates, columns
        Real symbols: what is learned, and what an example consists of.
    data
        Shape (N, columns), read only.
    potential
        The empirical loss, the mean of ℓ over the examples, with its phases.
    population
        The loss on the population the examples were drawn from, where it is known.
    """

    name: str
    loss: sympy.Expr
    coordinates: tuple[sympy.Symbol, ...]
    columns: tuple[sympy.Symbol, ...]
    data: Array
    potential: Potential
    population: Potential | None = field(default=None)

    def __post_init__(self) -> None:
        check_fields(self)
        data = np.array(self.data, dtype=float)
        if data.ndim != 2 or data.shape[0] < 1 or data.shape[1] != len(self.columns):
            told = f"with {len(self.columns)} columns as columns= names them"
            raise ValueError(f"data must have shape (examples, {len(self.columns)}), {told}, not {data.shape}")
        if not np.isfinite(data).all():
            raise ValueError("data must be finite")
        unknown = self.loss.free_symbols - {*self.coordinates, *self.columns}
        if unknown:
            names = ", ".join(sorted(s.name for s in unknown))
            raise ValueError(f"loss holds {names}, neither coordinates nor columns of the data")
        data.flags.writeable = False
        object.__setattr__(self, "data", data)

    def __repr__(self) -> str:
        return f"Examples({self.name!r}, data {self.checksum[:12]})"

    @classmethod
    @checked_arguments
    def from_expression(
        cls,
        loss: sympy.Expr,
        columns: Sequence[sympy.Symbol],
        data: ArrayLike,
        *,
        name: str,
        build: Callable[[sympy.Expr], Potential] | None = None,
        population: Potential | None = None,
    ) -> Examples:
        """Average a per-example loss that is a polynomial in the data over the examples, exactly.

        Parameters
        ----------
        loss
            Every symbol of it is a column or a coordinate.
        columns, data
            As the attributes.
        name, population
            As the attributes.
        build
            Makes a potential of the empirical loss, where box and phases cannot be derived.

        Raises
        ------
        ValueError
            In one line, for a loss that is no polynomial in the columns, or one whose phases cannot be derived.
        """
        columns = tuple(columns)
        table = np.asarray(data, dtype=float)
        if table.ndim != 2 or table.shape[1] != len(columns):
            told = f"with {len(columns)} columns as columns= names them"
            raise ValueError(f"data must have shape (examples, {len(columns)}), {told}, not {table.shape}")
        if not loss.is_polynomial(*columns):
            raise ValueError("loss must be a polynomial in the columns; else give Examples its potential yourself")
        # The moments are doubles, hence rationals: the empirical loss is exact from here on.
        terms = (
            coefficient * sympy.Rational(float(np.prod(table ** np.array(powers), axis=1).mean()))
            for powers, coefficient in sympy.Poly(loss, *columns).terms()
        )
        mean = sympy.expand(sympy.Add(*terms))
        title = f"empirical loss of {name}"
        potential = Potential.from_expression(mean, name=title) if build is None else build(mean)
        return cls(name, loss, potential.coordinates, columns, table, potential, population)

    @property
    def size(self) -> int:
        """Number of examples, N."""
        return len(self.data)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the data."""
        return hashlib.sha256(np.ascontiguousarray(self.data).tobytes()).hexdigest()

    def example_losses(self, points: ArrayLike) -> Array:
        """Losses of every example, shape (..., N), at points (..., d)."""
        return self._at([self.loss], points)[..., 0]

    def example_gradients(self, points: ArrayLike) -> Array:
        """Gradients of every example's loss, shape (..., N, d), at points (..., d)."""
        return self._at([sympy.diff(self.loss, w) for w in self.coordinates], points)

    def gradient_covariance(self, points: ArrayLike) -> Array:
        """Covariance of the gradients over the examples (divisor N), shape (..., d, d), at points (..., d)."""
        gradients = self.example_gradients(points)
        centred = gradients - gradients.mean(axis=-2, keepdims=True)
        return np.einsum("...ni,...nj->...ij", centred, centred) / self.size

    def _at(self, entries: list[sympy.Expr], points: ArrayLike) -> Array:
        points = np.asarray(points, dtype=float)
        function = sympy.lambdify([*self.coordinates, *self.columns], entries, modules="numpy", cse=True)
        values = function(*np.moveaxis(points, -1, 0)[..., None], *self.data.T)
        shape = (*points.shape[:-1], self.size)
        return np.stack([np.broadcast_to(value, shape) for value in values], axis=-1)


@dataclass(frozen=True)
class GaussianGradients:
    """A population whose per-example gradients scatter normally about the gradient of a potential.

    A minibatch's noise then costs one draw whatever its size. Where N examples are visited without replacement, the
    noise of the M = N/B minibatches of an epoch has the covariance (σ²/B)(δᵢⱼ - 1/M) and sums to zero: it is the
    residual of M independent normals about their mean, drawn one after the other: given the sum S of the t before it,
    the next is normal with mean -S/(M-t) and variance 1 - 1/(M-t), in units of σ²/B.

    Attributes
    ----------
    potential
        The population loss.
    variance
        σ², of one example's gradient, by ``dependence``.
    dependence
        ``"additive"``: the covariance is σ² in every coordinate, everywhere (units (loss/length)²). ``"gradient"``:
        every example has the gradient (1 + σ ξ) ∇L with one normal ξ. ``"loss"``: σ² (L - min L) in every coordinate,
        so that the noise dies where the loss is least, as in regression without label noise.
    size
        N, the number of examples an epoch visits, needed for every order but ``"with_replacement"``. Of N examples,
        σ² has the divisor N - 1.
    factors
        One on the variance of each coordinate, where noise is anisotropic; none for 1 in all. Not with ``"gradient"``.
    """

    potential: Potential
    variance: float
    dependence: Dependence = "additive"
    size: int | None = None
    factors: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if not (np.isfinite(self.variance) and self.variance >= 0):
            raise ValueError(f"variance must be finite and not negative, not {self.variance}")
        if self.dependence not in ("additive", "gradient", "loss"):
            raise ValueError(f"dependence must be 'additive', 'gradient' or 'loss', not {self.dependence!r}")
        if self.size is not None and (int(self.size) != self.size or self.size < 2):
            raise ValueError(f"size must be a whole number of at least 2 examples, or None, not {self.size}")
        object.__setattr__(self, "factors", tuple(float(factor) for factor in self.factors))  # hashable
        if self.factors and self.dependence == "gradient":
            raise ValueError(
                "factors must be left out with dependence 'gradient', whose one normal is along the gradient"
            )
        if self.factors and len(self.factors) != self.potential.dimension:
            told = f"one factor for each of {self.potential.dimension} coordinates"
            raise ValueError(f"factors must be {told}, not {len(self.factors)}")
        if not all(np.isfinite(factor) and factor >= 0 for factor in self.factors):
            raise ValueError(f"factors must be finite and not negative, not {self.factors}")

    @property
    def name(self) -> str:
        """The potential's."""
        return self.potential.name

    @property
    def noises(self) -> int:
        """Normals that a step's noise takes."""
        return 1 if self.dependence == "gradient" else self.potential.dimension

    def gradient_covariance(self, points: ArrayLike) -> Array:
        """Covariance of one example's gradient, shape (..., d, d), at points (..., d)."""
        points = np.asarray(points, dtype=float)
        d = self.potential.dimension
        if self.dependence == "gradient":
            slope = self.potential.gradient_function()(points)
            return self.variance * slope[..., :, None] * slope[..., None, :]
        scale = np.full(points.shape[:-1], self.variance)
        if self.dependence == "loss":
            scale = self.variance * (self.potential.energy_function()(points) - self.least_loss)
        return scale[..., None, None] * np.diag(self.factors or (1.0,) * d)

    @property
    def least_loss(self) -> float:
        """The loss at which noise of dependence ``"loss"`` dies."""
        return min(self.potential.minimum_loss(k) for k in range(len(self.potential.phases)))

    @property
    def least_printed_loss(self) -> float:
        """The same for the energy as kernels print it, without the terms that hold no coordinate."""
        whole, coordinates = self.potential, set(self.potential.coordinates)
        terms = (t for _, energy in split(whole.energy, whole.coordinates) for t in sympy.Add.make_args(energy))
        left_out = sympy.Add(*(term for term in terms if not term.free_symbols & coordinates))
        values = {s: value for s in left_out.free_symbols for name, value in whole.parameters if s.name == name}
        return self.least_loss - float(left_out.xreplace(values))
