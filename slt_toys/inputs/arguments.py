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
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, overload

import numpy as np

__all__ = ["check_fields", "checked_arguments", "real_numbers", "shown"]

LARGEST_SEED = 2**64 - 1  # of torch
LARGEST_WHOLE = 10**15  # far beyond what can be counted here, and exact as a float
P = ParamSpec("P")
R = TypeVar("R")
Check = Callable[[str, Any], Any]


@overload
def checked_arguments(function: Callable[P, R]) -> Callable[P, R]: ...
@overload
def checked_arguments(*, finite: bool) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def checked_arguments(function: Callable[P, R] | None = None, *, finite: bool = True) -> Any:
    """Decorate a function so that every argument is of the kind that its annotation names.

    Whole numbers given as ``3.0`` or as arrays without axes reach the function as plain numbers; nothing else changes.
    The function then raises, beside what it says itself, ValueError in one line that names the argument.

    Parameters
    ----------
    function
        What to decorate.
    finite
        Whether single numbers must be finite; False for a function that says so itself, in words of its own.
    """
    if function is None:
        return functools.partial(checked_arguments, finite=finite)  # type: ignore[call-overload]
    signature = inspect.signature(function)
    checks = {
        name: check
        for name, p in signature.parameters.items()
        if (check := _check_for(p.annotation, p.default is None, finite, name))
    }

    kinds = [p.kind for p in signature.parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds or inspect.Parameter.VAR_KEYWORD in kinds:

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            given = signature.bind(*args, **kwargs)
            for name, check in checks.items():
                if name in given.arguments:
                    given.arguments[name] = check(name, given.arguments[name])
            return function(*given.args, **given.kwargs)

        return checked

    in_order = [(name, checks.get(name)) for name in signature.parameters]

    @functools.wraps(function)
    def quickly_checked(*args: P.args, **kwargs: P.kwargs) -> R:
        # Binding takes longer than the checks. What does not fit the signature the function itself refuses.
        values = [value if check is None else check(name, value) for (name, check), value in zip(in_order, args)]  # noqa: B905
        named = {name: checks[name](name, value) if name in checks else value for name, value in kwargs.items()}
        return function(*values, *args[len(values) :], **named)  # pyright: ignore[reportCallIssue]

    return quickly_checked


def check_fields(instance: Any) -> None:
    """Check the fields of a dataclass likewise, first thing in its ``__post_init__``; it says itself what is finite."""
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
        if (check := _check_for(field.type, field.default is None, False, field.name))
    )


# ---- one check for each kind ---------------------------------------------------------------------------------------
def _real(name: str, value: Any, finite: bool = True) -> Any:
    number = _scalar(value)
    if number is None or (finite and not math.isfinite(number)):
        raise ValueError(f"{name} must be a {'finite ' if finite else ''}number, not {shown(value)}")
    return number


def _whole(name: str, value: Any) -> Any:
    number = _scalar(value)
    if number is None or not math.isfinite(number) or number != int(number):
        raise ValueError(f"{name} must be a whole number, not {shown(value)}")
    if abs(number) > LARGEST_WHOLE:
        raise ValueError(f"{name} must be a whole number of at most {LARGEST_WHOLE:g}, not {number:g}")
    return number if isinstance(number, int | np.integer) else int(number)


def _scalar(value: Any) -> Any:
    """A real number, or None for what is none, or beyond doubles; an array without axes is one."""
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value[()]
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return None
    try:
        float(value)
    except OverflowError:
        return None
    return value


def real_numbers(name: str, value: Any) -> Any:
    """Refuse what is no real number, array or sequence of them; an iterator comes back as a list."""
    message = f"{name} must be a real number or an array of them, not {shown(value)}"
    if isinstance(value, str | bytes | dict) or value is None:
        raise ValueError(message)
    plain = isinstance(value, list | tuple) or hasattr(value, "__array__") or not isinstance(value, Iterable)
    kept = value if plain else list(value)  # an iterator, or an object of this package that iterates
    try:
        array = np.asarray(kept)
        if array.dtype.kind == "O":
            array = array.astype(float) if all(_scalar(item) is not None for item in array.ravel()) else array
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{message}; rows must be equally long") from None
    if array.dtype.kind not in ("biuf" if array.ndim else "iuf") and array.size:
        raise ValueError(message)
    return kept


def _sequence(name: str, value: Any) -> Any:
    kept = real_numbers(name, value)
    if np.ndim(kept) != 1 or not np.size(kept):
        raise ValueError(f"{name} must be a sequence of at least one real number, not {shown(value)}")
    return kept


def _two(name: str, value: Any) -> Any:
    kept = real_numbers(name, value)
    if np.shape(kept) != (2,) or not np.isfinite(np.asarray(kept, dtype=float)).all():
        raise ValueError(f"{name} must be two finite numbers, not {shown(value)}")
    return tuple(np.asarray(kept, dtype=float).tolist())


def _start(name: str, value: Any) -> Any:
    return value if isinstance(value, str) else real_numbers(name, value)


def _name_or_index(name: str, value: Any) -> Any:
    try:
        return value if isinstance(value, str) else _whole(name, value)
    except ValueError:
        raise ValueError(f"{name} must be text or a whole number, not {shown(value)}") from None


def _seed(name: str, value: Any) -> Any:
    try:
        alone = isinstance(value, str | bytes) or not np.ndim(value)
    except ValueError:  # rows that are not equally long
        alone = True
    # Within a sequence True is the whole number 1, as it is for numpy.
    items = [_scalar(value)] if alone else [_scalar(int(i) if isinstance(i, bool | np.bool_) else i) for i in value]
    wrong = [i for i, n in enumerate(items) if n is None or not math.isfinite(n) or n != int(n) or n < 0]
    if wrong or not items:
        bad = value if alone or not items else value[wrong[0]]
        raise ValueError(f"{name} must be a whole number of at least 0, or a sequence of them, not {shown(bad)}")
    return int(items[0]) if alone else [int(item) for item in items]


def _one_seed(name: str, value: Any) -> Any:
    number = _scalar(value)
    if number is None or not math.isfinite(number) or number != int(number) or number < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, not {shown(value)}")
    if int(number) > LARGEST_SEED:
        raise ValueError(f"{name} must be a whole number below 2**64, not {shown(value)}")
    return int(number)


def _rational(name: str, value: Any) -> Any:
    """A number that is known exactly: a whole number, a fraction, or sympy's."""
    import numbers

    wrong = isinstance(value, bool) or not isinstance(value, numbers.Rational)
    parts = (0, 1) if wrong else (int(value.numerator), int(value.denominator))
    if wrong or abs(parts[0]) > LARGEST_WHOLE * parts[1]:
        raise ValueError(f"{name} must be a rational number, such as Rational(3, 10), not {shown(value)}")
    import sympy

    return sympy.Rational(*parts)


def _kept_if(right: Callable[[Any], bool], wanted: str) -> Check:
    def check(name: str, value: Any) -> Any:
        if not right(value):
            raise ValueError(f"{name} must be {wanted}, not {shown(value)}")
        return value

    return check


_text = _kept_if(lambda value: isinstance(value, str), "text")
_flag = _kept_if(lambda value: isinstance(value, bool | np.bool_), "True or False")


_called = _kept_if(lambda value: callable(value) and not isinstance(value, type), "a function")
_path = _kept_if(lambda value: isinstance(value, str | os.PathLike), "a path")


_energy = _kept_if(lambda value: isinstance(value, str) or _is_kind(value, "Expr"), "text or a sympy expression")
_expression = _kept_if(lambda value: _is_kind(value, "Expr"), "a sympy expression")
_mapping = _kept_if(lambda value: isinstance(value, Mapping), "a mapping of names to values")
_region = _kept_if(
    lambda v: isinstance(v, bool | np.bool_) or _is_kind(v, "Boolean"), "a sympy relation, True or False"
)
_several = _kept_if(
    lambda v: isinstance(v, list | tuple) or (np.ndim(v) > 0 and isinstance(v, np.ndarray)), "pairs (low, high)"
)


def _point(name: str, value: Any) -> Any:
    """Exact or real numbers, one for each coordinate."""
    kept = list(value) if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim) else None
    if not kept or any(_scalar(x) is None and not _is_kind(x, "Expr") for x in kept):
        raise ValueError(f"{name} must be real or exact numbers, one for each coordinate, not {shown(value)}")
    if any(not _is_kind(x, "Expr") and not math.isfinite(x) for x in kept):
        raise ValueError(f"{name} must hold finite numbers alone, not {shown(value)}")
    return value


def _pair_of_tensors(name: str, value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(_is_kind(part, "Tensor") for part in value):
        raise ValueError(f"{name} must be two tensors, of inputs and of targets, not {shown(value)}")
    return value


def _numbers_or_none(name: str, value: Any) -> Any:
    """Any number of real numbers, also no number at all."""
    return value if isinstance(value, list | tuple) and not value else _sequence(name, value)


def _walls(name: str, value: Any) -> Any:
    try:
        pairs = np.asarray(real_numbers(name, value), dtype=float)
    except (TypeError, ValueError):
        pairs = np.empty(0)
    if pairs.ndim != 2 or pairs.shape[-1] != 2:
        raise ValueError(f"{name} must be pairs (low, high), one for each coordinate, not {shown(value)}")
    return value


def _named_values(name: str, value: Any) -> Any:
    pairs = isinstance(value, list | tuple) and all(isinstance(part, list | tuple) and len(part) == 2 for part in value)
    if not pairs or not all(isinstance(key, str) and _is_kind(number, "Expr") for key, number in value):
        raise ValueError(f"{name} must be pairs of a name and an exact value, not {shown(value)}")
    return value


def _of_kind(kind: str) -> Check:
    return _kept_if(lambda value: _is_kind(value, kind), f"{'an' if kind[0] in 'AEIO' else 'a'} {kind}")


def _sequence_of(kind: str) -> Check:
    def check(name: str, value: Any) -> Any:
        kept = list(value) if isinstance(value, Iterable) and not isinstance(value, type) else None
        if kept is None or not all(_is_kind(part, kind) for part in kept):
            raise ValueError(f"{name} must be a sequence of {kind}, not {shown(value)}")
        return value if isinstance(value, Sequence) else kept

    return check


def _one_or_more(kind: str) -> Check:
    several = _sequence_of(kind)

    def check(name: str, value: Any) -> Any:
        if _is_kind(value, kind):
            return value
        if not isinstance(value, Iterable) or not (kept := list(several(name, value))):
            raise ValueError(f"{name} must be a {kind} or a sequence of them, not {shown(value)}")
        return kept

    return check


def _mapping_to(kind: str) -> Check:
    def right(value: Any) -> bool:
        return isinstance(value, Mapping) and all(_is_kind(part, kind) for part in value.values())

    return _kept_if(right, f"a mapping of names to {kind}")


def _is_kind(value: Any, kind: str) -> bool:
    return any(known.__name__ == kind for known in type(value).__mro__)


_OBJECTS = (
    "Potential", "PotentialPair", "Grid", "FokkerPlanck", "Training", "LocalForm", "BarrierKernel", "Decline",
    "Definition", "Ending", "Model",
)  # fmt: skip
_TORCH = {"Tensor": "Tensor", "nn.Module": "Module", "torch.dtype": "dtype"}
_PLAIN_SEQUENCES = {"sympy.Symbol": "Symbol", "Symbol": "Symbol", "Phase": "Phase"}
_SEQUENCES = ("BatchCurve", "DecayLaw", "Reading", "Observation", "Stage")
_CHECKS: dict[str, Check] = {
    "float": _real,
    "int": _whole,
    "bool": _flag,
    **dict.fromkeys(("Start | Array", "str | int | ArrayLike"), _start),
    **dict.fromkeys(("str", "Method", "Order", "Rule", "Start", "Dependence", "Minimum", "BatchNorm"), _text),
    **dict.fromkeys(("Path", "str | os.PathLike[str]"), _path),
    **dict.fromkeys(("Advance", "Inside", "Loss", "Field"), _called),
    "str | sympy.Expr": _energy,
    **dict.fromkeys(("sympy.Expr", "Expr"), _expression),
    "Mapping[str, float | str | sympy.Expr]": _mapping,
    "Boolean | bool": _region,
    "Sequence[sympy.Expr | float | int]": _point,
    "Sequence[tuple[float, float]] | tuple[float, float]": _several,
    "Array | list[float]": real_numbers,
    "tuple[Tensor, Tensor]": _pair_of_tensors,
    "tuple[float, ...]": _numbers_or_none,
    **dict.fromkeys(("tuple[tuple[float, float], ...]", "Sequence[tuple[float, float]]"), _walls),
    **dict.fromkeys(("Rational", "sympy.Rational"), _rational),
    "tuple[tuple[str, sympy.Rational], ...]": _named_values,
    **{annotation: _of_kind(kind) for annotation, kind in _TORCH.items()},
    **{f"tuple[{name}, ...]": _sequence_of(kind) for name, kind in _PLAIN_SEQUENCES.items()},
    **{f"Sequence[{name}]": _sequence_of(kind) for name, kind in _PLAIN_SEQUENCES.items()},
    **dict.fromkeys(("str | int", "int | str"), _name_or_index),
    **dict.fromkeys(("int | Sequence[int]", "Seed"), _seed),
    **dict.fromkeys(("Range", "tuple[float, float]"), _two),
    **dict.fromkeys(("ArrayLike", "Array", "FloatArray", "NDArray[np.float64]", "NDArray[np.int64]"), real_numbers),
    **dict.fromkeys(("int | ArrayLike", "Pair"), real_numbers),
    **dict.fromkeys(("Sequence[float]", "Sequence[int]", "Iterable[float]"), _sequence),
    **dict.fromkeys(("Sequence[int] | NDArray[np.int64]", "Sequence[float] | FloatArray"), _sequence),
    **{kind: _of_kind(kind) for kind in (*_OBJECTS, "OverdampedLangevin")},
    "Potential | Sequence[Potential]": _one_or_more("Potential"),
    "Mapping[str, Model]": _mapping_to("Model"),
    **{f"Sequence[{kind}]": _sequence_of(kind) for kind in _SEQUENCES},
}


def _check_for(annotation: Any, optional: bool, finite: bool, name: str = "") -> Check | None:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    kind = text.strip("'\"")
    optional = optional or kind.endswith(" | None")
    kind = kind.removesuffix(" | None")
    check = _text if kind.startswith("Literal[") else _called if kind.startswith("Callable[") else _CHECKS.get(kind)
    if check is _whole and name == "seed":
        check = _one_seed
    if check is _real and not finite:
        check = functools.partial(_real, finite=False)
    if check is None or not optional:
        return check
    return lambda name, value: None if value is None else check(name, value)
