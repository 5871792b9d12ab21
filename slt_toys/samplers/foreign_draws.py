"""Draws of other libraries, such as PyMC, NumPyro or BlackJAX give them to ArviZ: read, and judged as our own are."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments, shown
from .statistics import drift, summarise

SAMPLED = ("chain", "draw")


@checked_arguments(finite=False)
def draws_from_tree(tree: xr.DataTree | xr.Dataset, variables: str | Sequence[str] | None = None) -> xr.Dataset:
    """Draws in ArviZ's layout, of whatever library, as the ones that :func:`slt_toys.samplers.sample` returns.

    Parameters
    ----------
    tree
        With a group ``posterior``, or that group alone: variables of dimensions chain and draw, and others behind them.
        ``xarray.open_datatree`` and ArviZ's ``from_dict``, ``from_numpyro`` and the like make such, as PyMC does.
    variables
        Which, one name or several in this order; by default all. A potential needs the order of its coordinates.

    Returns
    -------
    xarray.Dataset
        ``w`` (chain, draw, coordinate) in double precision; an entry of an array is a coordinate of its own, named as
        ArviZ names it, such as ``theta[2]`` or ``theta[left]``. ``chain`` and ``draw`` keep their numbers. For
        :func:`summarise_draws`, :func:`slt_toys.samplers.diagnostics.diagnose` and
        :func:`slt_toys.samplers.draws_file.write_draws`. Statistics of the sampler are left behind: what they mean
        differs by library.

    Raises
    ------
    ValueError
        In one line, where there is no such group or variable, or one without chains and draws, or one of no numbers.
    """
    posterior = _posterior(tree)
    names = [str(name) for name in posterior.data_vars] if variables is None else _names(variables)
    if not names:
        raise ValueError("variables: there is none; name at least one")
    for number, name in enumerate(names):
        if name not in posterior.data_vars:
            known = ", ".join(map(str, posterior.data_vars)) or "none"
            raise ValueError(f"variables: there is no {name!r} in the posterior; there are: {known}")
        if name in names[:number]:
            raise ValueError(f"variables: {name!r} is named twice")
    entries = [entry for name in names for entry in _entries(posterior[name])]
    labels = [label for label, _ in entries]
    if len(set(labels)) < len(labels):
        raise ValueError("tree: two entries have one name; give their dimensions coordinates that differ")
    values = np.stack([each for _, each in entries], axis=-1)
    coords: dict[str, Any] = {name: posterior[name].values for name in SAMPLED if name in posterior.coords}
    return xr.Dataset({"w": ((*SAMPLED, "coordinate"), values)}, coords | {"coordinate": labels})


def _names(variables: object) -> list[str]:
    names: list[str] = []
    for name in [*variables] if isinstance(variables, Sequence) and not isinstance(variables, str) else [variables]:
        if not isinstance(name, str):
            raise ValueError(f"variables must be names of variables in the posterior, not {shown(name)}")
        names.append(name)
    return names


def _posterior(tree: xr.DataTree | xr.Dataset) -> xr.Dataset:
    if isinstance(tree, xr.Dataset):
        return tree
    if not isinstance(tree, xr.DataTree):
        raise ValueError(f"tree must be an xarray DataTree or its posterior, not {type(tree).__name__}")
    if "posterior" not in tree.children:
        known = ", ".join(map(str, tree.children)) or "none"
        raise ValueError(f"tree must have a group 'posterior'; there are: {known}")
    return tree["posterior"].to_dataset()


def _entries(variable: xr.DataArray) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Each entry of a variable by its name, as (chain, draw)."""
    if not set(SAMPLED) <= set(variable.dims):
        raise ValueError(f"tree: {variable.name} must have dimensions chain and draw, not {variable.dims}")
    if variable.dtype.kind not in "fiub":
        raise ValueError(f"tree: {variable.name} must be real numbers, not {variable.dtype}")
    ordered = variable.transpose(*SAMPLED, ...)
    rest = ordered.dims[2:]
    labels = [ordered[d].values if d in ordered.coords else np.arange(ordered.sizes[d]) for d in rest]
    values = ordered.values.astype(np.float64)
    for place in itertools.product(*(range(ordered.sizes[d]) for d in rest)):
        of = ", ".join(str(names[i]) for names, i in zip(labels, place, strict=True))
        yield (f"{variable.name}[{of}]" if rest else str(variable.name)), values[:, :, *place]


@checked_arguments(finite=False)
def summarise_draws(draws: xr.Dataset) -> xr.Dataset:
    """R-hat, effective sample sizes and standard errors of draws whose energy nobody gave.

    Without an energy nothing tells whether a phase was never found, or how far the step moves the means: there is no
    verdict here. :func:`slt_toys.samplers.diagnostics.diagnose` gives one where there is a potential.

    Parameters
    ----------
    draws
        With ``w`` (chain, draw, coordinate), as :func:`draws_from_tree` or `sample` returns it.

    Returns
    -------
    xarray.Dataset
        Along ``coordinate``: ``mean``, ``monte_carlo_standard_error``, ``r_hat``, ``bulk_effective_sample_size``,
        ``tail_effective_sample_size`` and ``drift``, as :mod:`slt_toys.samplers.statistics` defines them: NaN where a
        draw is not finite.

    Raises
    ------
    ValueError
        If there is no such ``w``, or if it is empty.
    """
    of_draws = isinstance(draws, xr.Dataset) and "w" in draws and draws["w"].dims == (*SAMPLED, "coordinate")
    if not (of_draws and draws["w"].size):
        raise ValueError(
            "draws must hold w (chain, draw, coordinate), not empty, as sample or draws_from_tree returns it"
        )
    values = draws["w"].values
    found = {name: ("coordinate", each) for name, each in summarise(values)._asdict().items()}
    found["drift"] = ("coordinate", drift(values))
    coords = {"coordinate": draws["coordinate"].values} if "coordinate" in draws.coords else {}
    return xr.Dataset(found, coords)
