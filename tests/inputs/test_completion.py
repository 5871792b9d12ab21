"""What completes in a shell is what the commands take, asked in a real bash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import fields

import pytest

from slt_toys.__main__ import COMMANDS, COMPLETION, SHELLS
from slt_toys.inputs.completion import FILES, Words, words_in
from slt_toys.phase_diagram import PhaseDiagram

BASH = shutil.which("bash")
TYRO = """
usage: slt-toys made [-h] [OPTIONS] [{list,run}] [STR]
│ [{list,run}]  What. (default: list)   │
│ -h, --help               show this help message and exit    │
│ --seed INT               Same seed. │
│ --out PATH               Folder for the data. │
│ --long-name {None}|PATH │
│                          On the next line. │
│ --kind {None,left,right}  Which. │
│ --torch, --no-torch      As a module. (default: False) │
"""
ARGPARSE = """
usage: slt-toys made [-h] [--out OUT] [--formats ENDING [ENDING ...]] [NAME ...]

options:
  -h, --help  show this help message and exit
  --out OUT   folder to draw into
  --formats ENDING [ENDING ...]
              png svg
"""
PARTS = """
usage: slt-toys made [-h] {one,two}
│ -h, --help  show this help message and exit │
│   • one     The first. │
│   • two     The second. │
"""


@pytest.fixture(scope="module")
def scripts() -> dict[str, str]:
    code = f"from slt_toys.__main__ import main\nfor shell in {SHELLS}: main(['{COMPLETION}', shell]); print(end='\\0')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return dict(zip(SHELLS, done.stdout.split("\0"), strict=False))


def test_help_is_read_of_both_libraries():
    found = words_in(TYRO)
    assert list(found.options) == ["--help", "--seed", "--out", "--long-name", "--kind", "--torch", "--no-torch"]
    assert found.choices == ("list", "run") and found.commands == {}
    assert found.options["--out"] == found.options["--long-name"] == (FILES,)
    assert found.options["--kind"] == ("None", "left", "right") and found.options["--seed"] == ()
    assert found.told["--long-name"] == "On the next line." and found.told["--torch"] == "As a module. (default: False)"
    found = words_in(ARGPARSE)
    assert found.options == {"--help": (), "--out": (FILES,), "--formats": ()} and found.choices == ()
    found = words_in(PARTS)
    assert found.commands == {"one": Words(), "two": Words()}


def bash(code: str) -> str:
    done = subprocess.run([str(BASH), "--norc", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def completed(text: str, *words: str) -> list[str]:
    """What a real bash offers for the last of the words."""
    typed = " ".join(f"'{word}'" for word in ("slt-toys", *words))
    asked = f"COMP_WORDS=({typed}); COMP_CWORD={len(words)}; _slt_toys"
    return bash(f'{text}\n{asked}\n[ -z "$COMPREPLY" ] || printf "%s\\n" "${{COMPREPLY[@]}}"').splitlines()


@pytest.mark.skipif(BASH is None, reason="no bash here")
def test_a_real_bash_completes(scripts, tmp_path):
    text = scripts["bash"]
    assert bash(f"{text}\ncomplete -p slt-toys") == "complete -o default -F _slt_toys slt-toys\n"
    assert set(COMMANDS) | {"--help", "--version", COMPLETION} == set(completed(text, ""))
    assert completed(text, "phase-d") == ["phase-diagram"] and completed(text, "nothing-such") == []
    options = completed(text, "phase-diagram", "--")
    names = {f"--{field.name.replace('_', '-')}" for field in fields(PhaseDiagram)}
    assert set(options) == names | {"--help", "--no-published"}
    assert completed(text, "phase-diagram", "--boundary", "") == ["None", "reflecting", "periodic"]
    assert completed(text, "phase-diagram", "--boundary", "=", "per") == ["periodic"]
    assert completed(text, "phase-diagram", "--boundary", "=") == ["None", "reflecting", "periodic"]
    assert completed(text, "phase-diagram", "--chains", "7", "--bou") == ["--boundary"]
    assert completed(text, "results", "ex") == ["export"] and completed(text, "results", "export", "--t") == ["--to"]
    assert completed(text, "results", "export", "--to", "") == ["csv", "json", "nc"]
    assert completed(text, "learning-coefficient", "--ref") == ["--referee"]
    assert set(completed(text, COMPLETION, "")) == set(SHELLS)
    (tmp_path / "a folder").mkdir()
    found = completed(text, "zoo", "run", "insight", "--out", f"{tmp_path}/a")
    assert found == [f"{tmp_path}/a folder"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_script_holds_every_command_and_is_read_by_its_shell(scripts, shell):
    text = scripts[shell]
    assert all(name in text for name in COMMANDS) and "no-published" in text and "budget-minutes" in text
    if program := shutil.which(shell):
        read = subprocess.run([program, "-n"], input=text, text=True, capture_output=True, check=False)
        assert read.stderr == "" and read.returncode == 0
