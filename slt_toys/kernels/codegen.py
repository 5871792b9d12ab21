"""From a sympy energy to compiled kernels: print one Python module per potential, store it, import it.

numba never caches a kernel that takes a jitted function as an argument, and its cache goes stale when a callee in
another file changes. So the gradient is printed *into* the kernel, and the module's file name is a hash of everything
that went into it. Parameters stay arguments: a sweep over them never recompiles.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import sympy
from sympy.printing.pycode import PythonCodePrinter

from theory.files import write_in_one_go

from ..potentials.expression_parts import split
from ..potentials.potential import Potential
from . import bits

CACHE_VARIABLE = "SLT_TOYS_CACHE"
_printer = PythonCodePrinter({"fully_qualified_modules": True, "user_functions": {"exp": "e_to_the"}})


@dataclass(frozen=True)
class ComponentGroup:
    """Independent components of an energy that share one form, so that one loop serves them all."""

    energy: sympy.Expr  # the shared form, in the canonical symbols
    coordinates: tuple[sympy.Symbol, ...]  # x0, x1, ...
    parameters: tuple[sympy.Symbol, ...]  # p0, p1, ...
    coordinate_table: tuple[tuple[int, ...], ...]  # row r: which coordinates of the potential component r has
    parameter_table: tuple[tuple[int, ...], ...]  # likewise


@lru_cache(maxsize=256)
def component_groups(potential: Potential) -> tuple[ComponentGroup, ...]:
    """Split an energy into independent components and collect those of the same form."""
    position = {name: i for i, (name, _) in enumerate(potential.parameters)}
    members: dict[tuple, list[tuple[tuple[int, ...], tuple[int, ...]]]] = {}
    for group, energy in split(potential.energy, potential.coordinates):
        own = sorted((s for s in energy.free_symbols if s.name in position), key=lambda s: position[s.name])
        coordinates, parameters = canonical("x", len(group)), canonical("p", len(own))
        symbols = (*(potential.coordinates[i] for i in group), *own)
        renamed = energy.xreplace(dict(zip(symbols, (*coordinates, *parameters), strict=True)))
        # Constants do not act, and walls or a circle's ends are printed into the loop.
        renamed = sympy.Add(*(t for t in sympy.Add.make_args(renamed) if any(s.name[0] == "x" for s in t.free_symbols)))
        walls = tuple(potential.box[i] for i in group) if potential.boundary != "natural" else ()
        key = (renamed, coordinates, parameters, walls)
        members.setdefault(key, []).append((group, tuple(position[s.name] for s in own)))
    return tuple(ComponentGroup(*form, *zip(*rows, strict=True)) for (*form, _), rows in members.items())


def canonical(letter: str, count: int) -> tuple[sympy.Symbol, ...]:
    """The symbols ``x0, x1, ...`` for the letter x."""
    return tuple(sympy.Symbol(f"{letter}{k}", real=True) for k in range(count))


def gradient_lines(
    group: ComponentGroup,
    prefix: str,
    point: str = "x",
    slope: str = "g",
    numbers: Sequence[int] | None = None,
    parameters: Sequence[str] | None = None,
    *,
    products: bool = False,
) -> list[str]:
    """Print straight-line Python that computes the gradient of a component.

    Parameters
    ----------
    group
        The component's form.
    prefix
        For the names of shared subexpressions.
    point, slope
        Letters of the Python names that hold its coordinates, and that get the partial derivatives.
    numbers
        What follows these letters; 0, 1, ... unless given.
    parameters
        Python names that hold its parameters; ``p0, p1, ...`` unless given.
    products
        Whether whole powers of anything, not of symbols alone, are printed as products.
    """
    numbers = range(len(group.coordinates)) if numbers is None else numbers
    slopes = [sympy.diff(group.energy, x) for x in group.coordinates]
    names, results = ([f"{letter}{k}" for k in numbers] for letter in (point, slope))
    return expression_lines(group, slopes, names, results, prefix, parameters, products=products)


def energy_lines(
    group: ComponentGroup,
    prefix: str,
    point: str = "x",
    numbers: Sequence[int] | None = None,
    parameters: Sequence[str] | None = None,
) -> list[str]:
    """Print straight-line Python that computes a component's energy, up to a constant, into ``e``; see above."""
    names = [f"{point}{k}" for k in (range(len(group.coordinates)) if numbers is None else numbers)]
    return expression_lines(group, [group.energy], names, ["e"], prefix, parameters)


def expression_lines(
    group: ComponentGroup,
    expressions: Sequence[sympy.Expr],
    names: Sequence[str],
    results: Sequence[str],
    prefix: str,
    parameters: Sequence[str] | None = None,
    *,
    products: bool = False,
) -> list[str]:
    """Print straight-line Python that computes any expressions of a component's coordinates and parameters."""
    single = len(group.coordinates) == len(expressions) == 1
    if single and expressions[0] != 0 and expressions[0].is_polynomial(group.coordinates[0]):
        shared, reduced = [], [sympy.horner(sympy.expand(expressions[0]), group.coordinates[0])]
    else:
        shared, reduced = sympy.cse(expressions, symbols=sympy.numbered_symbols(prefix, real=True))
    own = [p.name for p in group.parameters] if parameters is None else parameters
    symbols = (*group.coordinates, *group.parameters)
    rename = {s: sympy.Symbol(name, real=True) for s, name in zip(symbols, (*names, *own), strict=True)}
    lines = [f"{symbol} = {_print(value.xreplace(rename), products)}" for symbol, value in shared]
    lines += [
        f"{name} = {_print(value.xreplace(rename), products)}" for name, value in zip(results, reduced, strict=True)
    ]
    return lines


def _print(expression: sympy.Expr, products: bool = False) -> str:
    exact = {number: sympy.Float(number, 17) for number in expression.atoms(sympy.Rational) if not number.is_Integer}
    return _printer.doprint(_expand_powers(expression.xreplace(_irrational(expression)), products).xreplace(exact))


def _expand_powers(expression: sympy.Expr, of_anything: bool = False) -> sympy.Expr:
    """Whole powers of symbols as products (sympy.codegen's rewriting does the same, and takes long to import)."""

    def product(power: sympy.Pow) -> sympy.Expr:
        count = abs(int(power.exp))
        factors = sympy.UnevaluatedExpr(sympy.Mul(*[power.base] * count, evaluate=False))
        return factors if power.exp > 0 else 1 / factors

    def wanted(part: sympy.Expr) -> bool:
        return part.is_Pow and part.exp.is_Integer and (of_anything or part.base.is_Symbol)

    return expression.replace(wanted, product)


def _irrational(expression: sympy.Basic) -> dict[sympy.Basic, sympy.Float]:
    """The irrational numbers in an expression, as large as they go, and the doubles next to them."""
    doubles: dict[sympy.Basic, sympy.Float] = {}
    walk = sympy.preorder_traversal(expression)
    for part in walk:
        if isinstance(part, sympy.Expr) and part.is_number:
            walk.skip()
            if not part.is_Rational and not part.is_Float:
                doubles[part] = sympy.Float(sympy.N(part, 30), 17)
    return doubles


def parameter_values(potential: Potential) -> np.ndarray:
    """The potential's parameters as the float array its kernels take."""
    return np.array([float(value) for _, value in potential.parameters], dtype=float)


def load_module(source: str, stem: str) -> ModuleType:
    """Import generated source through a file that numba can cache next to.

    The file lies in ``$SLT_TOYS_CACHE``, else in the user's cache folder, else (nothing writable) in a temporary
    one; its name hashes the source and the versions of python, numba and this package's intrinsics.
    """
    versions = f"{sys.version_info[:3]} {numba.__version__} {bits.VERSION}"
    digest = hashlib.sha256(f"{versions}\n{source}".encode()).hexdigest()[:24]
    name = f"slt_toys_{stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    path = _store(name, source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[name] = module
    return module


def _store(name: str, source: str) -> Path:
    for folder in _cache_folders():
        path = folder / f"{name}.py"
        try:
            # Only a file that says exactly what would be written is run.
            if path.is_file() and path.read_text(encoding="utf-8") == source:
                return path
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_in_one_go(source.encode(), path)
            return path
        except OSError:
            continue
    raise OSError("no folder can be written for compiled kernels; set SLT_TOYS_CACHE to one that can")


def _cache_folders() -> Iterator[Path]:
    own = os.environ.get(CACHE_VARIABLE)
    first = own or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slt-toys"
    yield Path(first)
    yield _temporary_folder()  # made when it is asked for: most processes never need one


@lru_cache(maxsize=1)
def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="slt-toys-"))
