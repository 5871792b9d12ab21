"""Reads the pickled batches of CIFAR-10 without unpickling them.

A pickle is a program: loading one runs whatever it names. Here its instructions are read one by one and only those
that build plain containers, text, numbers and numpy arrays of unsigned bytes are obeyed. Nothing a file names is ever
imported or called; any other instruction or name is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_SCALARS = {
    "BININT", "BININT1", "BININT2", "LONG1", "INT", "BINUNICODE", "SHORT_BINUNICODE", "UNICODE", "BINBYTES",
    "SHORT_BINBYTES", "BINBYTES8", "BINUNICODE8", "BINFLOAT",
}  # fmt: skip
_BYTE_STRINGS = {"BINSTRING", "SHORT_BINSTRING", "STRING"}  # what Python 2 wrote: bytes, read as Latin-1
_MEMO_PUT = {"PUT", "BINPUT", "LONG_BINPUT"}
_MEMO_GET = {"GET", "BINGET", "LONG_BINGET"}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = {"PROTO", "FRAME", "STOP"}
_NAMES = {
    "numpy.core.multiarray _reconstruct": "reconstruct",
    "numpy._core.multiarray _reconstruct": "reconstruct",
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
}


@dataclass
class _Name:
    """Something the file names; never imported."""

    kind: str


@dataclass
class _Array:
    """An array that the file has named, and once it is filled in, its values."""

    values: Any = None


class _Mark:
    """Where a container's items begin."""


def read_batch(content: bytes, source: str) -> dict[str, Any]:
    """What a pickled batch holds: ``data`` (images, 3072) uint8, ``labels`` and whatever plain values stand beside.

    Parameters
    ----------
    content
        The pickle.
    source
        What to call it in an error message.

    Raises
    ------
    ValueError
        In one line, if the pickle asks for anything but plain values and arrays of bytes, or is damaged.
    """
    try:
        held = _run(content)
    except _Refused as refusal:
        raise ValueError(f"{source}: the pickle {refusal}; only plain values and arrays of bytes are read") from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, UnicodeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise ValueError(f"{source}: the pickle is damaged ({reason}); fetch the archive again") from None
    if not isinstance(held, Mapping):
        raise ValueError(f"{source}: the pickle holds no dictionary; a batch has 'data' and 'labels'")
    batch = {_text(name): value.values if isinstance(value, _Array) else value for name, value in held.items()}
    if not isinstance(batch.get("data"), np.ndarray) or not isinstance(batch.get("labels"), list):
        raise ValueError(f"{source}: the pickle lacks 'data' as an array or 'labels' as a list; give a CIFAR-10 batch")
    return batch


class _Refused(Exception):
    """The pickle asks for something that is not obeyed."""


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _run(content: bytes) -> Any:
    """Obey the instructions of a pickle, those that only build values."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def items() -> list[Any]:
        """The values since the last mark, taken off the stack."""
        for place in range(len(stack) - 1, -1, -1):
            if isinstance(stack[place], _Mark):
                taken = stack[place + 1 :]
                del stack[place:]
                return taken
        raise IndexError("a mark is missing")

    for instruction, argument, _ in pickletools.genops(content):
        name = instruction.name
        if name in _NOTHING:
            continue
        if name in _SCALARS:
            stack.append(argument)
        elif name in _BYTE_STRINGS:
            stack.append(str(argument).encode("latin-1"))
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _MEMO_PUT:
            memo[int(argument)] = stack[-1]  # type: ignore[arg-type]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in _MEMO_GET:
            stack.append(memo[int(argument)])  # type: ignore[arg-type]
        elif name == "MARK":
            stack.append(_Mark())
        elif name in _TUPLES:
            first = len(stack) - _TUPLES[name]
            stack[first:] = [tuple(stack[first:])]
        elif name == "TUPLE":
            stack.append(tuple(items()))
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else {})
        elif name in ("LIST", "DICT"):
            taken = items()
            stack.append(taken if name == "LIST" else dict(zip(taken[::2], taken[1::2], strict=True)))
        elif name in ("APPEND", "APPENDS"):
            taken = items() if name == "APPENDS" else [stack.pop()]
            stack[-1].extend(taken)
        elif name in ("SETITEM", "SETITEMS"):
            taken = items() if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            stack[-1].update(zip(taken[::2], taken[1::2], strict=True))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            asked = argument if name == "GLOBAL" else f"{stack.pop(-2)} {stack.pop()}"
            if asked not in _NAMES:
                raise _Refused(f"names {str(asked).replace(' ', '.')!r}")
            stack.append(_Name(_NAMES[asked]))  # type: ignore[index]
        elif name == "REDUCE":
            arguments = stack.pop()
            stack.append(_called(stack.pop(), arguments))
        elif name == "BUILD":
            state = stack.pop()
            _fill(stack[-1], state)
        else:
            raise _Refused(f"has the instruction {name}")
    (held,) = stack
    return held


def _called(called: Any, arguments: Any) -> Any:
    """What the few known calls of a pickled array would give, without calling anything."""
    kind = called.kind if isinstance(called, _Name) else None
    if kind == "reconstruct":
        return _Array()
    if kind == "dtype":
        if _text(arguments[0]) not in ("u1", "uint8"):
            raise _Refused(f"has an array of type {_text(arguments[0])!r}")
        return _Name("bytes")
    if kind == "encode":  # how newer Pythons write bytes for older ones
        text, encoding = arguments
        if encoding != "latin1" or not isinstance(text, str):
            raise _Refused("encodes text in an unknown way")
        return text.encode("latin-1")
    raise _Refused("calls something that builds no array")


def _fill(built: Any, state: Any) -> None:
    if isinstance(built, _Name) and built.kind == "bytes":
        return  # byte order and the like: a byte has none
    if not isinstance(built, _Array):
        raise _Refused("sets the state of something that is no array")
    _, shape, kind, in_columns, content = state
    if not (isinstance(kind, _Name) and kind.kind == "bytes" and isinstance(content, bytes)):
        raise _Refused("has an array that is not of bytes")
    flat = np.frombuffer(content, np.uint8)
    built.values = flat.reshape(shape, order="F" if in_columns else "C")
