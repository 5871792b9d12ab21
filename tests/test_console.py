"""``slt-toys COMMAND``: it costs nothing until a command is named, and then it is that command."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from slt_toys import __main__ as console
from slt_toys.__main__ import COMMANDS, main

ROOT = Path(__file__).resolve().parent.parent
HELP_SECONDS = 0.3  # of processor time
CPU = "import resource; own = resource.getrusage(resource.RUSAGE_SELF); print(own.ru_utime + own.ru_stime)"


def run(*words: str, **options) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "slt_toys", *words]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False, **options)


def test_every_experiment_and_every_command_of_the_readme_is_one():
    modules = {module for module, _ in COMMANDS.values()}
    files = {f"slt_toys.{path.stem}" for path in (ROOT / "slt_toys").glob("*.py")}
    assert files - {"slt_toys.__init__", "slt_toys.__main__"} <= modules
    told = re.findall(r"`python -m ([\w.]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert {name for name in told if name not in ("venv", "pytest", "benchmarks", "docs.site")} <= modules
    script = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert script == {"slt-toys": "slt_toys.__main__:main"}


def test_help_loads_nothing_and_lists_all(capsys):
    code = f"from slt_toys.__main__ import main; main(['--help']); import sys; print(*sys.modules); {CPU}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    *said, names, seconds = done.stdout.splitlines()
    assert not {"numpy", "tyro", "rich", "sympy"} & set(names.split())
    assert float(seconds) < HELP_SECONDS
    assert all(re.search(rf"^  {name} +\S", "\n".join(said), re.MULTILINE) for name in COMMANDS)
    assert main([]) == 0 and capsys.readouterr().out.splitlines() == said


def test_the_version_is_the_installed_one(capsys):
    from slt_toys import __version__

    assert main(["--version"]) == 0 and capsys.readouterr().out == f"slt-toys {__version__}\n"


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("phase-digram", "do you mean phase-diagram?"),
        ("Zoo", "do you mean zoo?"),
        ("qqqq", "slt-toys --help lists them"),
    ],
)
def test_a_wrong_name_is_refused_in_one_line_with_the_nearest(given, nearest, capsys):
    assert main([given, "--help"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err == f"error: COMMAND: there is no command {given!r}; {nearest}\n"


@pytest.mark.parametrize(
    ("words", "status", "where", "told"),
    [
        (["phase_diagram", "--help"], 0, "stdout", "usage: slt-toys phase-diagram "),
        (["results", "compare", "--help"], 0, "stdout", "usage: slt-toys results compare "),
        (["rlct", "--help"], 0, "stdout", "usage: slt-toys rlct "),
        (["figures", "--help"], 0, "stdout", "usage: slt-toys figures "),
        (["rlct", "x**2*y**4"], 0, "stdout", "λ = 1/4, m = 1"),
        (["rlct", "exp(x)"], 1, "stderr", "refused: "),
        (["phase-diagram", "--chain", "3"], 2, "stderr", "error: Unrecognized options: --chain"),
        (["figures", "--data", "nowhere"], 2, "stderr", "error: --data: no saved result"),
        (["--print-completion", "tcsh"], 2, "stderr", "error: --print-completion takes one of bash, zsh, fish"),
    ],
)
def test_exit_status_and_words_are_the_commands_own(words, status, where, told):
    done = run(*words)
    assert done.returncode == status, done.stderr
    assert getattr(done, where).startswith(told)
    assert done.stderr.count("\n") <= 1 or words[0] == "rlct"


def test_an_interrupt_ends_as_the_command_ends_it():
    code = """
from slt_toys.__main__ import main
from slt_toys.results import recipe
recipe.carry_out = lambda chosen: (_ for _ in ()).throw(KeyboardInterrupt)
main(["interval-coverage"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_an_interrupt_while_a_module_is_loaded(monkeypatch, capsys):
    def stop(*given, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(console.runpy, "run_module", stop)
    assert main(["zoo"]) == 130 and capsys.readouterr().err == "interrupted\n"
