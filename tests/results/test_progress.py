"""The command line refuses in one line; the bar keeps silent where there is no terminal."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from slt_toys.results import progress as module
from slt_toys.results.progress import command_line, progress


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
