"""The public API: complete, typed as it is imported, and free of cost until it is used."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import slt_toys
import theory.learning_coefficient

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("numpy", "numba", "sympy", "scipy", "xarray", "matplotlib", "torch", "tyro", "rich", "h5py")
PROMISED = """
Potential PotentialPair declare_phase find_potential find_pair sample Stage OverdampedLangevin UnderdampedLangevin MALA
Gibbs RandomWalkMetropolis ReplicaExchange SGD SGLD temperature_ladder phase_table crossover mean_first_passage_time
exact_stuck_probability sampled_stuck Training inverse_temperature local_learning_coefficient rlct
"""


def loaded(code: str) -> tuple[set[str], int]:
    """Which heavy packages some code loads in a fresh interpreter, and how many modules beyond an empty one."""
    ask = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(len(set(sys.modules) - before), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    count, *names = done.stdout.split()
    return {name for name in HEAVY if name in names}, int(count)


def declared() -> dict[str, str]:
    """Public name to module, as a type checker reads it."""
    tree = ast.parse((ROOT / "slt_toys" / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    found = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        module = f"slt_toys.{node.module}" if node.level else str(node.module)
        found |= {alias.name: module for alias in node.names}
    return found


def test_importing_costs_nothing():
    heavy, count = loaded("import slt_toys")
    assert heavy == set() and count <= 10


def test_a_name_loads_what_it_needs_and_no_more():
    assert loaded("from slt_toys import ExponentialDecay")[0] >= {"numpy"}, "the control: this one computes"
    assert not {"torch", "matplotlib"} & loaded("from slt_toys import Potential, sample")[0]
    assert not {"numba", "torch", "matplotlib"} & loaded("from slt_toys import Potential, rlct")[0]


def test_what_was_promised_is_there():
    assert set(re.findall(r"\w+", PROMISED)) <= set(slt_toys.__all__)


@pytest.mark.parametrize("name", slt_toys.__all__)
def test_every_name_is_imported_and_is_what_a_type_checker_sees(name):
    module = importlib.import_module(declared()[name])
    assert getattr(slt_toys, name) is getattr(module, name)
    assert getattr(slt_toys, name).__doc__


def test_the_lists_agree():
    assert sorted(declared()) == sorted(slt_toys.__all__) == sorted(slt_toys._MODULE_OF)  # pyright: ignore[reportAttributeAccessIssue]
    assert len(set(slt_toys.__all__)) == len(slt_toys.__all__)
    assert set(slt_toys.__all__) <= set(dir(slt_toys))
    namespace: dict[str, object] = {}
    exec("from slt_toys import *", namespace)
    assert set(slt_toys.__all__) <= set(namespace)


def test_an_unknown_name_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'slt_toys' has no attribute 'Potentail'"):
        _ = slt_toys.Potentail  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ImportError, match="cannot import name 'Potentail'"):
        exec("from slt_toys import Potentail")


def test_exact_coefficients_come_from_one_place():
    for name in theory.learning_coefficient.__all__:
        assert getattr(theory.learning_coefficient, name).__doc__
    assert {"rlct", "rlct_of_ideal", "rlct_on_plane_curve", "deep_linear_network"} <= set(
        theory.learning_coefficient.__all__
    )


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_use_nothing_else(path):
    code = "\n".join(re.findall(r"^(?:>>> |\.\.\. )(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    imported = re.findall(r"^\s*(?:from|import) ((?:slt_toys|theory|cifar|figures)[\w.]*)", code, re.MULTILINE)
    assert set(imported) <= {"slt_toys", "theory.learning_coefficient"}
