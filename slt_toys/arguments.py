"""Checks of arguments by what their annotations say, so that no wrong kind of value gets as far as arithmetic.

``float`` asks for a finite real number, ``int`` for a whole one, ``ArrayLike`` and sequences of numbers for real
numbers, ``str`` for text, and so on. What a value must be beyond its kind, such as positive, a function says itself.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import numpy as np

__all__ = ["check_fields", "checked_arguments", "shown"]

P = ParamSpec("P")
R = TypeVar("R")
Check = Callable[[str, Any], Any]


def checked_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that every argument is of the kind that its annotation names.

    Whole numbers given as ``3.0`` or as arrays without axes reach the function as plain numbers; nothing else changes.
    The function then raises, beside what it says itself, ValueError in one line that names the argument.
    """
    signature = inspect.signature(function)
    checks = {name: check for name, p in signature.parameters.items() if (check := _check_for(p.annotation, p.default))}

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind(*args, **kwargs)
        for name, check in checks.items():
            if name in given.arguments:
                given.arguments[name] = check(name, given.arguments[name])
        return function(*given.args, **given.kwargs)

    return checked


def check_fields(instance: Any) -> None:
    """As :func:`checked_arguments` for the fields of a dataclass, to be called first in its ``__post_init__``."""
    for field, check in _field_checks(type(instance)):
        value = getattr(instance, field)
        kept = check(field, value)
        if kept is not value:
            object.__setattr__(instance, field, kept)  # a frozen one too


def shown(value: Any) -> str:
    """A value as a message shows it: on one line, and short."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape}"
    text = " ".join(repr(value.item() if isinstance(value, np.generic | np.ndarray) else value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


@functools.cache
def _field_checks(kind: type) -> tuple[tuple[str, Check], ...]:
    return tuple(
        (field.name, check)
        for field in dataclasses.fields(kind)
        if (check := _check_for(field.type, None if field.default is None else inspect.Parameter.empty))
    )


# ---- one check for each kind ---------------------------------------------------------------------------------------
def _real(name: str, value: Any) -> Any:
    found = _scalar(value)
    if found is None or not math.isfinite(found):
        raise ValueError(f"{name} must be a finite number, not {shown(value)}")
    return found


def _whole(name: str, value: Any) -> Any:
    found = _scalar(value)
    if found is None or not math.isfinite(found) or found != int(found):
        raise ValueError(f"{name} must be a whole number, not {shown(value)}")
    return found if isinstance(found, int | np.integer) else int(found)


def _scalar(value: Any) -> Any:
    """A real number, or None for what is none; an array without axes is one."""
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value[()]
    return None if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real) else value


def _numbers(name: str, value: Any) -> Any:
    message = f"{name} must be a real number or an array of them, not {shown(value)}"
    if isinstance(value, str | bytes | dict) or value is None:
        raise ValueError(message)
    kept = (
        value
        if hasattr(value, "__len__") or hasattr(value, "__array__") or not isinstance(value, Iterable)
        else list(value)
    )
    try:
        array = np.asarray(kept)
        if array.dtype.kind == "O":
            array = array.astype(float) if all(_scalar(item) is not None for item in array.ravel()) else array
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{message}; rows must be equally long") from None
    if array.dtype.kind not in "iuf" and array.size:
        raise ValueError(message)
    return kept


def _text(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, not {shown(value)}")
    return value


def _name_or_index(name: str, value: Any) -> Any:
    return value if isinstance(value, str) else _whole_or(name, value, "text or a whole number")


def _whole_or(name: str, value: Any, what: str) -> Any:
    try:
        return _whole(name, value)
    except ValueError:
        raise ValueError(f"{name} must be {what}, not {shown(value)}") from None


def _seed(name: str, value: Any) -> Any:
    items = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    kept = [_whole_or(name, item, "a whole number of at least 0, or a sequence of them") for item in items]
    if not kept or min(kept) < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, or a sequence of them, not {shown(value)}")
    return value


def _flag(name: str, value: Any) -> Any:
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, not {shown(value)}")
    return value


def _of_kind(kind: str) -> Check:
    article = "an" if kind[0] in "AEIO" else "a"

    def check(name: str, value: Any) -> Any:
        if value is None or isinstance(value, str | bytes | numbers.Number | np.ndarray):
            raise ValueError(f"{name} must be {article} {kind}, not {shown(value)}")
        return value

    return check


_OBJECTS = (
    "Potential", "PotentialPair", "Grid", "FokkerPlanck", "Training", "LocalForm", "BarrierKernel", "Decline"
)  # fmt: skip
_CHECKS: dict[str, Check] = {
    "float": _real,
    "int": _whole,
    "str": _text,
    "bool": _flag,
    "ArrayLike": _numbers,
    "Array": _numbers,
    "NDArray[np.float64]": _numbers,
    "Sequence[float]": _numbers,
    "Sequence[int]": _numbers,
    "Iterable[float]": _numbers,
    "Sequence[int] | NDArray[np.int64]": _numbers,
    "NDArray[np.int64]": _numbers,
    "tuple[float, float]": _numbers,
    "float | Sequence[float]": _numbers,
    "int | ArrayLike": _numbers,
    "Pair": _numbers,
    "FloatArray": _numbers,
    "Method": _text,
    "Order": _text,
    "Rule": _text,
    "Start": _text,
    "str | int": _name_or_index,
    "int | str": _name_or_index,
    "int | Sequence[int]": _seed,
    "Seed": _seed,
    **{kind: _of_kind(kind) for kind in _OBJECTS},
}


def _check_for(annotation: Any, default: Any) -> Check | None:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    kinds = text.strip("'\"")
    optional = kinds.endswith(" | None") or default is None
    kind = kinds.removesuffix(" | None")
    check = _text if kind.startswith("Literal[") else _CHECKS.get(kind)
    if check is None or not optional:
        return check
    return lambda name, value: None if value is None else check(name, value)
