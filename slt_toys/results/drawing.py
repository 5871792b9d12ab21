"""A figure drawn in a process of its own, which imports what draws while the experiment still computes.

``python -m slt_toys.results.drawing MODULE`` is that process. It reads one dataset from its parent's pipe, calls the
module's ``draw(dataset)`` and writes the figure's files back; without a dataset it ends. Where it fails, for whatever
reason, the figure is drawn by the parent: the files are the same.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import xarray as xr

FORMATS = ("png", "svg")


class Artist:
    """Draws one dataset with a module's ``draw``, in another process where that is begun by `artist`."""

    def __init__(self, module: str, process: subprocess.Popen[bytes] | None) -> None:
        self._module, self._process = module, process
        self._files: dict[str, bytes] | None = None
        self._here: Callable[[], Any] = lambda: None

    def begin(self, dataset: xr.Dataset) -> Artist:
        """Hand the dataset over; what is returned has ``savefig``, like the figure."""
        self._here = lambda: import_module(self._module).draw(dataset)
        if self._process is not None and self._process.stdin is not None:
            # But for the first: something that is no plain array. Without a dataset the process ends.
            with contextlib.suppress(OSError, ValueError, TypeError, AttributeError), self._process.stdin as pipe:
                pipe.write(_packed(dataset))
        return self

    def savefig(self, content: BinaryIO, *, format: str, **options: Any) -> None:
        """Write one file's bytes: those that the other process made, else drawn here."""
        if self._files is None:
            self._files = self._received()
        if format not in self._files:
            from .records import rendered

            self._files = rendered(self._here(), FORMATS)
        content.write(self._files[format])

    def _received(self) -> dict[str, bytes]:
        if self._process is None or self._process.stdout is None:
            return {}
        with contextlib.suppress(OSError):
            *sizes, content = self._process.stdout.read().split(b"\n", len(FORMATS))
            if len(sizes) == len(FORMATS) and sum(map(int, sizes)) == len(content):
                files = io.BytesIO(content)
                return {name: files.read(int(size)) for name, size in zip(FORMATS, sizes, strict=True)}
        return {}


@contextlib.contextmanager
def artist(module: str) -> Iterator[Artist]:
    """Begin a process that will draw with this module; it ends with the block.

    Where matplotlib is loaded already the figure is drawn here: a process would have nothing to get ready.
    """
    process = None
    if "matplotlib" not in sys.modules and sys.executable:
        path = os.pathsep.join(part or os.getcwd() for part in sys.path)
        environment = os.environ | {"PYTHONPATH": path, "MPLBACKEND": "Agg"}
        with contextlib.suppress(OSError):
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, module], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env=environment,
            )  # fmt: skip
    try:
        yield Artist(module, process)
    finally:
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    assert stream is not None
                    stream.close()
            process.wait()


def main(module: str) -> int:
    """Be that process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends this
    gc.disable()  # it lives for one figure
    draw = import_module(module).draw
    import_module("figures.style").prepare()
    import_module("xarray")  # and numpy: in time for the dataset
    import_module("slt_toys.results.records")
    packed = sys.stdin.buffer.read()
    if packed:
        files = _rendered_at_once(draw(_unpacked(packed)))
        sys.stdout.buffer.writelines(b"%d\n" % len(files[name]) for name in FORMATS)
        sys.stdout.buffer.writelines(files[name] for name in FORMATS)
    return 0


def _packed(dataset: xr.Dataset) -> bytes:
    """A dataset as bytes, which hold nothing that could be executed."""
    import numpy as np

    arrays = []

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays.append(value.astype(str) if value.dtype == object else value)
            return {"array": len(arrays) - 1}
        return value.item()

    described = json.dumps(dataset.to_dict(data="array"), default=plain)
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, described=np.array(described), **{f"a{k}": a for k, a in enumerate(arrays)})
    return packed.getvalue()


def _unpacked(packed: bytes) -> xr.Dataset:
    import numpy as np
    import xarray as xr

    with np.load(io.BytesIO(packed), allow_pickle=False) as held:
        described = json.loads(
            str(held["described"]),
            object_hook=lambda part: held[f"a{part['array']}"] if part.keys() == {"array"} else part,
        )
    return xr.Dataset.from_dict(described)


def _rendered_at_once(figure: Any) -> dict[str, bytes]:
    """All files of a figure, each by a copy of this process where the system has such; nothing here has threads."""
    from .records import rendered

    first, *others = FORMATS
    if not hasattr(os, "fork"):
        return rendered(figure, FORMATS)
    pipes = {}
    for name in others:
        receiving, sending = os.pipe()
        if os.fork() == 0:
            status = 1
            try:
                with open(sending, "wb") as pipe:
                    pipe.write(rendered(figure, [name])[name])
                status = 0
            finally:
                os._exit(status)
        os.close(sending)
        pipes[name] = receiving
    files = rendered(figure, [first])
    for name, receiving in pipes.items():
        with open(receiving, "rb") as pipe:
            files[name] = pipe.read()
        if os.waitstatus_to_exitcode(os.wait()[1]) != 0:
            files |= rendered(figure, [name])
    return files


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
