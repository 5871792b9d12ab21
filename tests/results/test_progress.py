"""The command line refuses in one line; the bar keeps silent where there is no terminal."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass

import pytest

from slt_toys.results import progress as module
from slt_toys.results.progress import EXIT_TERMINATED, command_line, duration_text, progress


@dataclass(frozen=True)
class Settings:
    """Settings of a test."""

    decay: float = 0.97
    """Learning-rate decay per epoch."""
    batch_sizes: tuple[int, ...] = (32, 64)
    """Batch sizes."""
    potential: str | None = None
    """An energy."""
    box: tuple[float, ...] = ()
    """Walls."""

    def __post_init__(self) -> None:
        if not 0 < self.decay < 1:
            raise ValueError(f"decay is {self.decay}; it must lie between 0 and 1")


def test_options_reach_the_experiment():
    seen = []
    assert command_line(Settings, seen.append, ["--batch-sizes", "8", "16", "--decay", "0.9"]) == 0
    assert seen == [Settings(0.9, (8, 16))]


def test_an_energy_may_begin_with_a_minus():
    """Taken for an option, it was refused with "missing value"."""
    seen = []
    for energy in ("-cos(2*w) - w", "-w", "-2*exp(-w**2)"):
        assert command_line(Settings, seen.append, ["--potential", energy, "--box", "-1.5", "2"]) == 0
    assert [own.potential for own in seen] == ["-cos(2*w) - w", "-w", "-2*exp(-w**2)"] and seen[0].box == (-1.5, 2.0)


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["--decay", "1.5"], ["decay is 1.5; it must lie between 0 and 1"]),
        (["--decay", "fast"], ["--decay", "'fast'", "FLOAT"]),
        (["--potential", "--decay", "0.9"], ["--potential"]),
        (["--dekay", "0.9"], ["--dekay", "--decay"]),
        (["--batch-sizes", "8", "x"], ["--batch-sizes", "'x'"]),
    ],
)
def test_bad_options_are_refused_in_one_line(capsys, arguments, fragments):
    assert command_line(Settings, print, arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
    assert all(fragment in captured.err for fragment in fragments), captured.err
    assert not set("│╭╰─") & set(captured.err)


@pytest.mark.parametrize(
    ("failure", "status", "line"),
    [
        (ValueError("out is\nwrong"), 2, "error: out is wrong\n"),
        (PermissionError(13, "Permission denied", "a.nc"), 2, "error: Permission denied: a.nc\n"),
        (OSError("out: no"), 2, "error: out: no\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_failures_end_in_one_line(capsys, failure, status, line):
    def fail(config: Settings) -> None:
        raise failure

    assert command_line(Settings, fail, []) == status
    assert capsys.readouterr().err == line


def test_who_is_asked_to_end_is_interrupted(capsys):
    """What is done on an interrupt is done, once; whoever called has their own answer again."""
    before, cleared = signal.getsignal(signal.SIGTERM), []

    def wait(config: Settings) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
            pytest.fail("nobody was asked to end")
        except KeyboardInterrupt:
            cleared.append(signal.getsignal(signal.SIGTERM))
            raise

    assert command_line(Settings, wait, []) == EXIT_TERMINATED == 143
    assert capsys.readouterr().err == "interrupted: asked to end\n"
    assert cleared == [signal.SIG_DFL] and signal.getsignal(signal.SIGTERM) == before

    def answer(*_: object) -> None:
        cleared.append(1)

    signal.signal(signal.SIGTERM, answer)
    try:
        assert command_line(Settings, lambda _: os.kill(os.getpid(), signal.SIGTERM), []) == 0
        assert cleared == [signal.SIG_DFL, 1] and signal.getsignal(signal.SIGTERM) is answer
    finally:
        signal.signal(signal.SIGTERM, before)


def test_traceback_on_request(monkeypatch):
    def fail(config: Settings) -> None:
        raise ValueError("wrong")

    monkeypatch.setenv("SLT_TOYS_TRACEBACK", "1")
    with pytest.raises(ValueError, match="wrong"):
        command_line(Settings, fail, [])


def test_programming_errors_are_not_hidden():
    def fail(config: Settings) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command_line(Settings, fail, [])


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line(Settings, print, ["--help"])
    assert stop.value.code == 0
    assert "--batch-sizes" in capsys.readouterr().out


def test_bar_is_silent_without_a_terminal(capsys):
    with progress("sampling", 3) as advance:
        advance()
        advance(2)
    assert capsys.readouterr() == ("", "")


def test_bars_nest_and_are_cleared_after_an_interrupt(capsys, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(KeyboardInterrupt), progress("outer", 2) as outer:
        outer()
        with progress("inner", None) as inner:
            inner()
            assert len(module._shown[0].tasks) == 2
            raise KeyboardInterrupt
    assert module._shown == []
    assert "outer" in capsys.readouterr().err


def test_lines_say_how_far_it_has_come_and_what_is_left(monkeypatch, capsys):
    """Where standard error is no terminal; by a clock that the test moves, and whatever was done before."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress("units", 1000, lines=60) as advance:
        advance(400)  # done before
        for _ in range(10):
            now[0] += 12
            advance(10)
    said = capsys.readouterr().err.splitlines()
    assert said == ["units: 450 of 1000, 11 min left", "units: 500 of 1000, 10 min left"]
    with progress("units", None, lines=0) as advance:
        advance()
    assert capsys.readouterr().err == "units: 1\n"


def test_nothing_is_said_where_a_driver_speaks(monkeypatch, capsys):
    monkeypatch.setenv("SLT_TOYS_PROGRESS", "none")
    with progress("units", 3, lines=0) as advance:
        advance(3)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (45, "45 s"), (89, "89 s"), (120, "2 min"), (3600, "60 min"), (9000, "2.5 h"), (4e5, "4.6 days")],
)
def test_durations_are_said_as_people_say_them(seconds, said):
    assert duration_text(seconds) == said
