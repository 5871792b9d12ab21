"""What a run shows on the terminal: how far it has come, and a refusal in one line."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..inputs.names import options_named
from ..inputs.processors import SHOWN

Config = TypeVar("Config")

EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
EXIT_TERMINATED = 143  # 128 + SIGTERM

_shown: list[Progress] = []  # the display that is open, so that work inside work adds a line to it


@contextmanager
def progress(title: str, total: float | None, *, lines: float | None = None) -> Iterator[Callable[..., None]]:
    """Show a progress bar on standard error while the block runs; nothing where ``SLT_TOYS_PROGRESS`` is "none".

    Parameters
    ----------
    title
        What is being done.
    total
        Number of steps; None if unknown.
    lines
        Where standard error is no terminal: seconds between two lines that say how far it has come. None shows nothing
        there.

    Yields
    ------
    callable
        ``advance(steps=1)``: so many steps are done. It may be called from any thread.
    """
    if os.environ.get(SHOWN) == "none":
        yield lambda steps=1: None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(title, total, lines) if lines is not None else lambda steps=1: None
        return
    with contextlib.ExitStack() as stack:
        if not _shown:
            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            display = stack.enter_context(Progress(*columns, console=console, transient=True))
            _shown.append(display)
            stack.callback(_shown.clear)
        display = _shown[0]
        task = display.add_task(title, total=total)
        stack.callback(display.remove_task, task)
        yield lambda steps=1: display.advance(task, steps)


class _Lines:
    """How far it has come, in a line now and then; by a clock that never goes back."""

    def __init__(self, title: str, total: float | None, seconds: float) -> None:
        self._title, self._total, self._seconds = title, total, seconds
        self._done, self._first = 0.0, 0.0
        self._began: float | None = None
        self._told = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, steps: float = 1) -> None:
        with self._lock:
            self._done += steps
            now = time.monotonic()
            if self._began is None:  # what was done before comes in the first call, and says nothing of the speed
                self._began, self._first = now, self._done
            if now - self._told >= self._seconds:
                self._told = now
                print(self._line(now - self._began), file=sys.stderr, flush=True)

    def _line(self, seconds: float) -> str:
        told = f"{self._title}: {self._done:.6g}"
        if self._total is None:
            return told
        told += f" of {self._total:.6g}"
        done = self._done - self._first
        if done <= 0:
            return told
        return f"{told}, {duration_text(seconds * max(self._total - self._done, 0) / done)} left"


def duration_text(seconds: float) -> str:
    """A duration as people say it: 40 s, 12 min, 3.5 h, 2.0 days."""
    for size, unit, digits in ((86400.0, "days", 1), (3600.0, "h", 1), (60.0, "min", 0)):
        if seconds >= 2 * size or (unit != "days" and seconds >= 1.5 * size):
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s"


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end: what is done on an interrupt is done then as well."""


@contextmanager
def _ends_when_asked() -> Iterator[None]:
    """End on SIGTERM, which clusters send, as on an interrupt: what is done is kept, workers go along.

    A second one ends at once. Whoever has an answer of their own keeps it.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def command_line(
    config: type[Config],
    main: Callable[[Config], object],
    arguments: Sequence[str] | None = None,
    *,
    description: str | None = None,
) -> int:
    """Run an experiment from the command line: ``sys.exit(command_line(PhaseDiagram, main))``.

    Bad input (`ValueError`, `OSError`, or an option that cannot be read) ends in one line on standard error
    and no traceback. Setting ``SLT_TOYS_TRACEBACK=1`` shows the traceback instead.

    Parameters
    ----------
    config
        Dataclass whose fields are the options.
    main
        Called with the configuration.
    arguments
        In place of ``sys.argv[1:]``.
    description
        In place of the docstring of ``config``.

    Returns
    -------
    int
        Exit status: 0, or 2 if the input was refused, 130 if interrupted from the keyboard, 143 if asked to end.
    """
    # Before anything loads it: threads of a linear algebra library spin while they wait, and change last bits.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What imports and symbolic mathematics make mostly stays: looking through it for rubbish takes a tenth of a run.
    gc.set_threshold(100_000, 50, 1000)
    own = fields(cast(Any, config)) if is_dataclass(config) else ()
    try:
        with options_named(field.name for field in own), _ends_when_asked():
            main(_parse(config, arguments, description))
    except (ValueError, OSError) as error:
        if os.environ.get("SLT_TOYS_TRACEBACK"):
            raise
        print(f"error: {_message(error)}", file=sys.stderr)
        return EXIT_REFUSED
    except Terminated:
        print("interrupted: asked to end", file=sys.stderr)
        return EXIT_TERMINATED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    finally:
        if arguments is None:  # a process of its own, whose end would look through everything for half a second
            gc.freeze()
    return 0


def _parse(config: type[Config], arguments: Sequence[str] | None, description: str | None) -> Config:
    """The configuration that the options ask for; what tyro refuses becomes a `ValueError`."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(config, prog=_program(), args=_with_minus(config, arguments), description=description)
    except SystemExit as stop:
        if stop.code in (0, None):  # --help
            raise
        raise ValueError(refusal_text(complaint.getvalue())) from None


def _with_minus(config: type, arguments: Sequence[str] | None) -> list[str]:
    """The arguments, with a text that begins by a minus, such as an energy, joined to its option: it is none itself."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own = fields(config) if is_dataclass(config) else ()
    texts = {"--" + field.name.replace("_", "-") for field in own if field.type in ("str", "str | None", str)}
    joined: list[str] = []
    for argument in given:
        minus = len(argument) > 1 and argument[0] == "-" != argument[1] and argument != "-h"
        if joined and joined[-1] in texts and minus:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _program() -> str | None:
    """How this program was started, where that was ``python -m`` or ``slt-toys``."""
    main = sys.modules.get("__main__")
    if named := getattr(main, "__program__", None):  # see slt_toys.__main__
        return named
    module = getattr(main, "__spec__", None)
    return f"python -m {module.name.removesuffix('.__main__')}" if module is not None else None


def refusal_text(panel: str) -> str:
    """The text of tyro's framed message in one line, its sections parted by semicolons."""
    sections: list[list[str]] = [[]]
    for line in panel.splitlines():
        text = line.strip("│| \t")
        if not text.strip("─━-╭╮╰╯+ "):
            sections.append([])
        elif text[0] not in "╭╰+":
            sections[-1].append(text)
    joined = [" ".join(section) for section in sections if section]
    told = [section.rstrip(".") for section in joined if not section.startswith("For full helptext")]
    # What a configuration's own check says needs no preamble.
    return (
        re.sub(r"^(Value error; )?Error parsing [A-Za-z]+: ", "", "; ".join(told))
        or "the options cannot be read; see --help"
    )


def _message(error: BaseException) -> str:
    """The error in one line; an `OSError` from the system names its file."""
    if isinstance(error, OSError) and error.strerror:
        named = f": {error.filename}" if error.filename is not None else ""
        return f"{error.strerror}{named}"
    return " ".join(str(error).split()) or type(error).__name__
