"""What a unit gives, as bytes: a line of JSON that says what follows, then the arrays.

Nothing is lost: a number comes back with the same bits, whatever made it. Nothing that is read can run.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

ALONE = "value"  # name of a result that has none
KINDS = "biuf"  # kinds of arrays that travel as they are; text travels as JSON
VARIABLE, COORDINATE = 0, 1


@dataclass(frozen=True)
class Labelled:
    """Named arrays with named dimensions.

    Attributes
    ----------
    variables, coordinates
        Name to names of dimensions and values. A coordinate with the name of its only dimension labels it.
    files
        Content of files that belong to the result, by name.
    """

    variables: dict[str, tuple[tuple[str, ...], NDArray[Any]]]
    coordinates: dict[str, tuple[tuple[str, ...], NDArray[Any]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def labelled(value: Any) -> Labelled:
    """What a function returned, as named arrays.

    Parameters
    ----------
    value
        A number, a truth value, a text or an array, which gets the name "value"; a mapping or a dataclass of them by
        name, where a pair of dimensions' names and values, or a DataArray, says what an array's axes are; an
        `xarray.Dataset`, whose attributes are left out; or what this function gives.

    Raises
    ------
    ValueError
        If it is none of them; the message names the part.
    """
    if isinstance(value, Labelled):
        return value
    if type(value).__module__.split(".")[0] == "xarray":
        return _of_xarray(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if not isinstance(value, Mapping):
        value = {ALONE: value}
    variables: dict[str, tuple[tuple[str, ...], NDArray[Any]]] = {}
    coordinates: dict[str, tuple[tuple[str, ...], NDArray[Any]]] = {}
    for name, part in value.items():
        if not isinstance(name, str) or not name:
            raise ValueError(f"result: names must be text, not {name!r}")
        if type(part).__module__.split(".")[0] == "xarray":
            inner = _of_xarray(part.to_dataset(name=name) if hasattr(part, "to_dataset") else part)
            variables |= inner.variables
            coordinates |= inner.coordinates
        elif isinstance(part, tuple) and len(part) == 2 and _names(part[0]) is not None:
            variables[name] = (_names(part[0]) or (), _array(part[1], name))
            if variables[name][1].ndim != len(variables[name][0]):
                raise ValueError(
                    f"result: {name} has {variables[name][1].ndim} axes and names for {len(variables[name][0])}"
                )
        else:
            array = _array(part, name)
            variables[name] = (tuple(f"{name}_{axis}" for axis in range(array.ndim)), array)
    return Labelled(variables, coordinates)


def _names(value: Any) -> tuple[str, ...] | None:
    """Names of dimensions, where the value can be that."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, (tuple, list)) and all(isinstance(each, str) for each in value) else None


def _array(value: Any, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in KINDS + "U":
        raise ValueError(
            f"result: {name} is of type {type(value).__name__}; give numbers, truth values, text or arrays of them"
        )
    return array


def _of_xarray(value: Any) -> Labelled:
    dataset: xr.Dataset = value if hasattr(value, "data_vars") else value.to_dataset(name=value.name or ALONE)

    def parts(variables: Any) -> dict[str, tuple[tuple[str, ...], NDArray[Any]]]:
        return {
            str(name): (tuple(map(str, part.dims)), _array(_plain(part.values), str(name)))
            for name, part in variables.items()
        }

    return Labelled(parts(dataset.data_vars), parts(dataset.coords))


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Texts as xarray reads them, of kind object, as numpy's own."""
    if values.dtype.kind == "O" and all(isinstance(each, str) for each in values.ravel()):
        return values.astype(str)
    return values


def encode(value: Labelled) -> bytes:
    """Bytes from which `decode` gives the same."""
    heads: list[Any] = []
    bodies: list[bytes] = []
    for kind, parts in ((VARIABLE, value.variables), (COORDINATE, value.coordinates)):
        for name, (dims, array) in parts.items():
            if array.dtype.kind == "U":
                heads.append([kind, name, dims, array.shape, "U", array.ravel().tolist()])
                continue
            plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            heads.append([kind, name, dims, array.shape, plain.dtype.str, None])
            bodies.append(plain.tobytes())
    return json.dumps(heads, separators=(",", ":")).encode() + b"\n" + b"".join(bodies)


def decode(payload: bytes) -> Labelled:
    """Named arrays from their bytes.

    Raises
    ------
    ValueError
        If `encode` has not made them.
    """
    head, found, body = payload.partition(b"\n")
    parts: tuple[dict[str, Any], dict[str, Any]] = {}, {}
    place = 0
    try:
        for kind, name, dims, shape, dtype, texts in json.loads(head):
            if dtype == "U":
                array = np.array(texts, dtype=str).reshape(shape)
            else:
                read = np.dtype(dtype)
                if read.kind not in KINDS:
                    raise ValueError(dtype)
                count = int(np.prod(shape, dtype=int))
                array = np.frombuffer(body, read, count, place).reshape(shape)
                place += count * read.itemsize
            parts[kind][name] = (tuple(dims), array)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ValueError(f"payload is no result ({error})") from None
    if not found or place != len(body):
        raise ValueError("payload is no result: its length is not what its head says")
    return Labelled(*parts)


def computed(
    function: Callable[..., Any], arguments: Mapping[str, Any], text: str
) -> tuple[str, bytes, dict[str, bytes]]:
    """Call a function, in a worker: the text of its arguments as it was given, its result as bytes, and its files."""
    result = labelled(function(**arguments))
    return text, encode(result), result.files
