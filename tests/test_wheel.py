"""What is built is whole: a wheel in a fresh environment, far from the repository, runs commands and tests.

The wheel is built from the source archive, of a repository with a tag, as a release is. Of the suite, files are run
that read nothing of the repository and ask for no extra. Left out for want of time: what samples long, and most of
exact/, zoo/ and worlds/, whose code is all in the wheel. Left out by their nature: tests of README, docs, pages,
committed records and figures (``ROOT`` in them), of cifar and of torch modules (extra ``cifar``), and those that ArviZ
checks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from slt_toys.__main__ import COMMANDS
from tests.test_repository import ROOT, TOOLS, tracked_files

TAG = "v7.8.9"
CHOSEN = (
    "tests/fits/test_agreement.py",
    "tests/fits/test_frequencies.py",
    "tests/reference",
    "tests/reports/test_equi_temperature_conditions.py",
    "tests/inputs/test_names.py",
    "tests/results/test_records.py",
    "tests/results/test_claims.py",
    "tests/results/test_manifest.py",
    "tests/results/test_verification.py",
    "tests/results/test_export.py",
    "tests/results/test_compare.py",
    "tests/potentials/test_catalogue.py",
    "tests/potentials/test_potential.py",
    "tests/kernels/test_codegen.py",
    "tests/samplers/test_statistics.py",
    "tests/samplers/test_run.py",
    "tests/protocol/test_training.py",
    "tests/protocol/test_schedule.py",
    "tests/exact/test_quadrature.py",
    "tests/theory/learning_coefficient/test_door.py",
    "tests/figures/test_style.py",
    "tests/zoo/test_command.py",
)
NEEDED = ("pytest", "hypothesis", "packaging")  # by the tests themselves
ASK = """
import figures, slt_toys, theory, sys
from theory.printed import FILE
from slt_toys.reference.published import published_curves
assert all("site-packages" in module.__file__ for module in (figures, slt_toys, theory)), slt_toys.__file__
assert FILE.is_file() and len(published_curves()) > 0
print(slt_toys.__version__)
"""


def run(*call: object, cwd: Path, **more: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "VIRTUAL"))}
    finished = subprocess.run(
        list(map(str, call)), cwd=cwd, env=clean | more, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, f"{call}\n{finished.stdout[-3000:]}\n{finished.stderr[-3000:]}"
    return finished.stdout


def build(folder: Path) -> None:
    """Leave the wheel and the source archive of a tagged copy of this tree in a folder."""
    tree = folder / "tree"
    for path in tracked_files():
        copy = tree / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    who = (
        "-c",
        "user.name=made",
        "-c",
        "user.email=made@made",
        "-c",
        "core.hooksPath=none",
        "-c",
        "commit.gpgsign=false",
    )
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "made"], ["tag", TAG]):
        run("git", *words, cwd=tree)
    run(sys.executable, "-m", "venv", folder / "builder", cwd=folder)
    python = folder / "builder" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-compile", "build", cwd=folder)
    run(python, "-m", "build", "--outdir", folder, tree, cwd=folder)


def installed(built: Path) -> Path:
    """The python of an environment with the wheel, what it asks for, and pytest; bytecode is made where it is used."""
    (wheel,) = built.glob("*.whl")
    run(sys.executable, "-m", "venv", built / "fresh", cwd=built)
    python = built / "fresh" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-compile", "-c", ROOT / "constraints.txt", wheel, *NEEDED, cwd=built)
    return python


def check_contents(built: Path) -> None:
    version = TAG.removeprefix("v")
    assert sorted(path.name for path in built.iterdir() if path.is_file()) == [
        f"slt_toys-{version}-py3-none-any.whl",
        f"slt_toys-{version}.tar.gz",
    ]
    with zipfile.ZipFile(built / f"slt_toys-{version}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        told = wheel.read(f"slt_toys-{version}.dist-info/METADATA").decode()
    packages = ("slt_toys", "cifar", "theory", "figures")
    own = {str(path.relative_to(ROOT)) for path in tracked_files() if path.relative_to(ROOT).parts[0] in packages}
    assert own <= names and {"theory/printed.json", "theory/pages/sgd.md", "slt_toys/reference/baker2023.csv"} <= own
    assert {name.split("/")[0] for name in names} == {*packages, f"slt_toys-{version}.dist-info"}
    assert f"\nVersion: {version}\n" in told
    with tarfile.open(built / f"slt_toys-{version}.tar.gz") as archive:
        names = set(archive.getnames())
    tracked = {f"slt_toys-{version}/{path.relative_to(ROOT)}" for path in tracked_files()}
    assert tracked <= names


def check_commands(fresh: Path, elsewhere: Path) -> None:
    assert run(fresh, "-c", ASK, cwd=elsewhere).strip() == TAG.removeprefix("v")
    command = fresh.with_name("slt-toys")
    assert run(command, "--version", cwd=elsewhere) == "slt-toys 7.8.9\n"
    assert "λ = 1/4, m = 1" in run(command, "rlct", "x**2*y**4", cwd=elsewhere)
    assert "usage: slt-toys phase-diagram" in run(command, "phase-diagram", "--help", cwd=elsewhere)
    said = run(command, "four-way-check", "--potential", "regular_double_well", "--chains", "1000", cwd=elsewhere)
    assert "agree" in said and (elsewhere / "results" / "four_way_check.nc").is_file()
    assert all(name in run(command, "--help", cwd=elsewhere) for name in COMMANDS)
    record = (elsewhere / "results" / "four_way_check.json").read_text(encoding="utf-8")
    assert '"version": "7.8.9"' in record and '"git_commit": null' in record


def check_suite(fresh: Path, elsewhere: Path) -> None:
    shutil.copytree(ROOT / "tests", elsewhere / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    options = TOOLS["pytest"]["ini_options"]
    marks = "".join(f"    {line}\n" for line in options["markers"])
    (elsewhere / "pytest.ini").write_text(
        f"[pytest]\naddopts = --strict-markers --import-mode=importlib -m 'not slow'\nmarkers =\n{marks}", "utf-8"
    )
    said = run(fresh, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHOSEN, cwd=elsewhere, PYTHONPATH=str(elsewhere))
    assert " passed" in said and "failed" not in said


@pytest.mark.slow
def test_a_release_is_whole(tmp_path):
    """One test: what is built and installed takes a minute, and is not made twice."""
    built, elsewhere = tmp_path / "built", tmp_path / "elsewhere"
    built.mkdir()
    elsewhere.mkdir()
    build(built)
    check_contents(built)
    fresh = installed(built)
    check_commands(fresh, elsewhere)
    check_suite(fresh, elsewhere)
