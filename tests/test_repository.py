"""The repository keeps its own rules: what README, pins, licence and sources say agrees."""

from __future__ import annotations

import ast
import doctest
import hashlib
import importlib
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import slt_toys
from slt_toys.results.claims import page
from slt_toys.results.json_values import plain_values
from slt_toys.results.questions import QUESTIONS, table, with_table
from slt_toys.results.verification import check_record
from slt_toys.zoo.command import ZooAnswers
from slt_toys.zoo.experiment import experiment_named

ROOT = Path(__file__).resolve().parent.parent
TABLES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, TOOLS = TABLES["project"], TABLES["tool"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LONGEST_FILE = 500


def tracked_files() -> list[Path]:
    """What is, or is about to be, under version control; every file of an exported tree."""
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    finished = subprocess.run(listing, capture_output=True, text=True, check=False)
    if finished.returncode == 0:
        found = [ROOT / name for name in finished.stdout.split("\0") if name]
    else:
        folders = ["slt_toys", "cifar", "theory", "figures", "tests", "benchmarks", ".ci"]
        found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
        found += ROOT.iterdir()
    return sorted({path for path in found if path.is_file() and "__pycache__" not in path.parts})


TEXTS = [path for path in tracked_files() if path.suffix not in {".png", ".pdf", ".nc", ".svg", ".pyc", ".sqlite"}]
SOURCES = [path for path in TEXTS if path.suffix == ".py"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def requirements(*extras: str) -> list[Requirement]:
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "every line of constraints.txt is name==version"
    return {canonicalize_name(name): version for name, version in pairs}


def test_sources_are_found():
    assert {"slt_toys/results/records.py", "tests/test_repository.py"} <= {name_of(path) for path in SOURCES}


# ---- commands ----


def readme_command(name: str) -> str:
    block = re.search(rf"<!-- command: {name} -->\n```bash\n(.*?)\n```\n<!-- /command: {name} -->", README, re.DOTALL)
    assert block, f"README has no command {name}"
    return block[1]


@pytest.mark.parametrize("name", ["main", "test"])
def test_readme_commands_are_one_line_and_pinned(name):
    command = readme_command(name)
    assert "\n" not in command
    assert "-m venv" in command and "-c constraints.txt" in command


def test_ci_runs_the_readme_command():
    finished = subprocess.run([ROOT / ".ci" / "run", "--print"], capture_output=True, text=True, check=True)
    assert finished.stdout == readme_command("test") + "\n"


# ---- pins ----


def test_every_requirement_is_pinned_within_its_bounds():
    pinned = pins()
    for requirement in requirements("cifar", "cluster", "dev"):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"constraints.txt has no {requirement.name}"
        assert requirement.specifier.contains(version), f"{requirement} does not allow the pinned {version}"


def test_everything_they_pull_in_is_pinned():
    waiting = [(requirement.name, requirement.extras) for requirement in requirements("cifar", "cluster", "dev")]
    seen = set()
    missing = set()
    while waiting:
        name, extras = waiting.pop()
        key = (canonicalize_name(name), frozenset(extras))
        if key in seen:
            continue
        seen.add(key)
        if key[0] not in pins():
            missing.add(key[0])
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # an extra that is not installed here
        for line in lines:
            further = Requirement(line)
            environments = [{"extra": extra} for extra in ("", *extras)]
            if further.marker is None or any(further.marker.evaluate(each) for each in environments):
                waiting.append((further.name, further.extras))
    # torch for an accelerator brings its own libraries, which no constraint needs to name.
    assert {name for name in missing if not re.match(r"nvidia|cuda|triton", name)} == set()


def test_versions_agree():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.search(r"^version: (\S+)$", citation, re.MULTILINE)
    fallback = Version(TOOLS["setuptools_scm"]["fallback_version"])
    assert cited and cited[1] == fallback.base_version and fallback.local == "untagged"
    # A release is this commit and its tag; until the tag is set, the citation may be ahead of the latest one.
    described = ["git", "-C", str(ROOT), "describe", "--tags", "--match=v*", "--long"]
    finished = subprocess.run(described, capture_output=True, text=True, check=False)
    if finished.returncode == 0:
        tag, since, _ = finished.stdout.rsplit("-", 2)
        assert Version(tag) == Version(cited[1]) if since == "0" else Version(tag) <= Version(cited[1])
    assert Version(slt_toys.__version__) and slt_toys.__version__ == metadata.version("slt-toys")
    assert "\nlicense: MIT\n" in citation and PROJECT["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")


# ---- README, pages and records ----
DOCS = [path for path in TEXTS if path.suffix == ".md" and (path == ROOT / "README.md" or path.parent == ROOT / "docs")]
PAGES = [path for path in TEXTS if path.suffix == ".md" and path.is_relative_to(ROOT / "docs")]
RECORDS = {
    path.stem: record
    for path in sorted((ROOT / "figures").glob("*.json"))
    if "claims" in (record := json.loads(path.read_text(encoding="utf-8")))
}
ZOO_PREFIX = "zoo_"
OF_EXPERIMENTS = [name for name in RECORDS if (ROOT / "slt_toys" / f"{name}.py").is_file() or name.startswith("zoo")]


def test_readme_is_read_in_a_few_minutes():
    assert len(README.splitlines()) <= 150


def test_readme_answers_its_questions_from_the_records():
    assert with_table(README, table(ROOT / "figures")) == README
    verdicts = {claim["verdict"] for record in RECORDS.values() for claim in record["claims"]}
    assert len(QUESTIONS) > 8 and verdicts == {"yes", "no", "cannot tell"}


@pytest.mark.parametrize("name", RECORDS)
def test_a_results_page_says_what_the_record_says(name):
    record = RECORDS[name]
    command = "cifar report" if name.startswith("cifar_") else f"slt_toys.{name}"
    if name.startswith(ZOO_PREFIX):
        command = experiment_named(name).COMMAND.removeprefix("python -m ")
    elif name == "zoo":
        command = "slt_toys.zoo all"
    elif name == "learning_coefficient_track":
        command = "slt_toys.learning_coefficient --track"
    elif name == "learning_coefficient_referee":
        command = "slt_toys.learning_coefficient --referee"
    expected = page(record, f"python -m {command}", "../../")
    assert (ROOT / "docs" / "results" / f"{name}.md").read_text(encoding="utf-8") == expected


def test_every_results_page_has_a_record():
    without = {"learning_coefficients"}  # written by theory, which has no records; its own test compares it
    assert {path.stem for path in PAGES if path.parent.name == "results"} - without == set(RECORDS)


@pytest.mark.parametrize("name", OF_EXPERIMENTS)
def test_a_committed_record_is_of_the_default_settings_and_of_its_figures(name):
    record = RECORDS[name]
    made, files = record["manifest"]["config"], record["manifest"]["files"]
    if name.startswith(ZOO_PREFIX):
        chosen = experiment_named(name)
    elif name == "zoo":
        chosen = ZooAnswers
    else:
        module = importlib.import_module(f"slt_toys.{name}")
        chosen = next(kind for kind in vars(module).values() if getattr(kind, "NAME", None) == name)
    defaults = json.loads(json.dumps(plain_values(chosen(), "config", "refuse")))
    assert {k: v for k, v in made.items() if k not in ("out", "docs")} == {
        k: v for k, v in defaults.items() if k not in ("out", "docs")
    }
    for figure in record["figures"]:
        digest = hashlib.sha256((ROOT / "figures" / f"{figure}.png").read_bytes()).hexdigest()
        assert files[f"{figure}.png"] == digest


@pytest.mark.parametrize("name", RECORDS)
def test_a_committed_record_is_as_it_was_written(name):
    # Its data are not kept here. After a merge of an older one: python -m slt_toys.results migrate figures.
    faults = [fault for fault in check_record(ROOT / "figures" / f"{name}.json").faults if fault.kind != "missing"]
    assert faults == []


def stands_in(path: Path) -> Path:
    """The folder that a page's links begin in; pages of the site alone are laid out in docs, its index at the top."""
    if not path.is_relative_to(ROOT / "docs" / "site" / "pages"):
        return path.parent
    return ROOT if path.stem == "index" else ROOT / "docs"


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md"], ids=name_of)
def test_links_arrive_and_labels_are_links(path):
    text = path.read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)  # in code a label is what a docstring has
    assert re.findall(r"(?<!`)\[eq:[a-z0-9-]+\](?!\()", prose) == []
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, place = target.partition("#")
        if "://" in target or not file:
            continue
        there = ROOT / file.lstrip("/") if file.startswith("/") else stands_in(path) / file
        assert there.exists(), target
        assert not place or f'<a id="{place}">' in there.read_text(encoding="utf-8"), target


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_examples_run_as_printed(path):
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    if "import torch" in "".join(blocks):
        pytest.importorskip("torch")
    example = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, path.name, path.name, 0)
    output: list[str] = []
    assert doctest.DocTestRunner().run(example, out=output.append).failed == 0, "".join(output)
    used = {node.module for block in [example] for e in block.examples for node in ast.walk(ast.parse(e.source))
            if isinstance(node, ast.ImportFrom)}  # fmt: skip
    assert {name for name in used if name and name.startswith("slt_toys")} <= {"slt_toys"}, "the public API is enough"


def test_readme_names_every_top_folder():
    folders = {name_of(path).split("/")[0] for path in SOURCES if "/" in name_of(path)}
    assert all(f"`{folder}/`" in README for folder in folders)


def test_readme_markers_are_paired():
    for kind in ("command", "table", "text"):
        opened = re.findall(rf"<!-- {kind}: (\w+) -->", README)
        closed = re.findall(rf"<!-- /{kind}: (\w+) -->", README)
        assert opened == closed and len(set(opened)) == len(opened)


def test_cited_labels_exist():
    equations = pytest.importorskip("theory.equations").EQUATIONS
    cited = {
        (label, name_of(path))
        for path in TEXTS
        for label in re.findall(r"\[eq:([a-z0-9-]+)\]", path.read_text("utf-8"))
    }
    assert {(label, name) for label, name in cited if label not in equations} == set()


# ---- sources ----


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_names_no_machine_and_no_package_host(path):
    text = path.read_text(encoding="utf-8")
    folders = "|".join(["work", "tmp", "opt", "root", "home", "Users"])
    places = re.findall(rf"(?<![\w.:/<])/(?:{folders})/\S*|\.\./{'shared'}\S*", text)
    hosts = [
        "pypi" + ".org",
        "python" + "hosted",
        "download." + "pytorch",
        "--index" + "-url",
        "--find" + "-links",
    ]
    assert places == []
    assert [host for host in hosts if host in text] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_is_a_room(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE, "past 500 lines look for a second idea"


def test_slow_cases_are_cases():
    for line in (ROOT / "tests" / "slow_cases.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            path, _, case = line.split(maxsplit=1)[1].partition("::")
            assert f"def {case.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8"), line


# ---- the tree ----
TESTED_ELSEWHERE = {
    "slt_toys/kernels/sign_bits.py": "bit by bit, tests/kernels/test_few_bits.py",
    "slt_toys/samplers/splitting.py": "by the rates it gives, tests/samplers/test_escape_rate.py",
    "theory/laws/zero_mean_fields.py": "by the functions, tests/samplers/test_control_variates.py",
    "theory/laws/look_up_tables.py": "by the tables, tests/exact/test_look_up.py",
    "theory/laws/multilevel_splitting.py": "by the samplers, tests/samplers/test_escape_rate.py",
    "theory/laws/few_bits.py": "by the samplers, tests/samplers/test_few_bits.py",
    "slt_toys/barriers/decline_study.py": "by the experiment it runs, tests/test_smooth_decline.py",
    "theory/laws/attention.py": "by the simulations of the zoo",
    "theory/laws/coopetition.py": "by the simulations of the zoo",
    "theory/estimator_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/laws/adaptive_samplers.py": "by the chains, tests/learning_coefficient/test_unadjusted_steps.py",
    "theory/laws/estimators.py": "by the estimators, tests/learning_coefficient/test_rungs.py",
    "theory/generalisation_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/laws/generalisation_at_temperature.py": "by the simulations of the zoo",
    "theory/laws/generalisation_phases.py": "by the simulations of the zoo",
    "theory/table_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/escape_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/entropy_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/laws/energy_entropy.py": "by the simulations of the zoo",
    "theory/anisotropic_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/attention_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/race_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/laws/neural_race.py": "by the simulations of the zoo",
    "slt_toys/zoo/exclusive_or.py": "by the model it is part of, tests/zoo/test_neural_race.py",
    "theory/desirability_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/laws/linear_control.py": "by the simulations of the zoo",
    "theory/laws/convex_descent.py": "by the simulations of the zoo",
    "theory/laws/batch_noise.py": "by the simulations of the zoo",
    "theory/laws/double_descent.py": "by the simulations of the zoo",
    "theory/laws/generalisation.py": "by the simulations of the zoo",
    "theory/laws/grokking_escape.py": "by the simulations of the zoo",
    "theory/effort_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/self_set_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/laws/insight.py": "by the simulations of the zoo",
    "theory/laws/diagonal_network.py": "by the simulations of the zoo",
    "theory/laws/fisher_information.py": "by the simulations of the zoo",
    "theory/laws/learning_effort.py": "by the simulations of the zoo",
    "theory/laws/layer_balance.py": "by the simulations of the zoo",
    "theory/laws/pathways.py": "by the simulations of the zoo",
    "theory/laws/rival_models.py": "by the simulations of the zoo",
    "theory/laws/superposition.py": "by the simulations of the zoo",
    "theory/superposition_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/network_symbols.py": "with all others, tests/theory/test_symbols.py",
    "theory/laws/scale_invariant.py": "by the simulations of the zoo",
    "theory/laws/semantic_development.py": "by the simulations of the zoo",
    "theory/laws/teacher_student.py": "by the simulations of the zoo",
    "slt_toys/zoo/decayed_network.py": "by the model it is a part of, tests/zoo/test_grokking_as_escape.py",
    "slt_toys/zoo/local_fields.py": "by the network it describes, tests/zoo/test_teacher_student.py",
    "theory/laws/splitting_bias.py": "by the samplers' biases, tests/samplers/test_step_bias.py",
    "theory/learning_coefficient/on_domain.py": "with the domains, tests/theory/learning_coefficient/test_domain.py",
    "theory/learning_coefficient/published/cases.py": "with the table of them, tests/.../test_table.py",
    "theory/learning_coefficient/published/models.py": "with the table of them, tests/.../test_table.py",
    "theory/learning_coefficient/published/polynomials.py": "with the table of them, tests/.../test_table.py",
    "theory/learning_coefficient/local_form.py": "by every answer of the engine, tests/theory/learning_coefficient",
    "theory/learning_coefficient/local_problem.py": "by every refusal of the engine, tests/theory/learning_coefficient",
    "theory/learning_coefficient/resolution.py": "by tests/theory/learning_coefficient/test_blow_up.py",
    "slt_toys/protocol/maps.py": "by the experiment they are drawn in, tests/test_phase_diagram.py",
    "slt_toys/results/recipe.py": "by every experiment's own test",
    "slt_toys/thermometers/calibration.py": "by the experiment it is the unit of, tests/test_temperature.py",
    "slt_toys/thermometers/sgd_temperature.py": "by the experiment that calibrates it, tests/test_temperature.py",
    "slt_toys/worlds/experiment.py": "by the experiment it is the unit of, tests/test_critical_period.py",
    "slt_toys/kernels/minibatch.py": "by the training it does, tests/worlds/test_minibatch_training.py",
    "slt_toys/worlds/minibatch_data.py": "by the models it is in, tests/worlds/test_minibatch_training.py",
    "slt_toys/worlds/minibatch_networks.py": "by their training, tests/worlds/test_minibatch_training.py",
    "slt_toys/worlds/minibatch_regressions.py": "by their training, tests/worlds/test_minibatch_training.py",
    "slt_toys/worlds/problem_ends.py": "by the experiment they are told in, tests/test_equi_temperature.py",
    "slt_toys/worlds/window_study.py": "by its claims and tables, tests/reports/test_critical_period_windows.py",
    "slt_toys/worlds/simulated_problems.py": "by the experiment they are measured in, tests/test_equi_temperature.py",
    "slt_toys/sweep/study.py": "by the studies there are, tests/sweep/test_experiments.py",
    "cifar/training/benchmark.py": "a measurement of speed, python -m cifar benchmark",
}
TESTED_TOGETHER = ("slt_toys/reports/",)  # by subject
TOP_ENTRIES = 26  # the command slt-toys, __main__.py, is the newest


def modules() -> list[str]:
    names = [name_of(path) for path in SOURCES]
    own = [name for name in names if name.startswith(("slt_toys/", "cifar/", "theory/"))]
    return [name for name in own if not name.endswith(("/__init__.py", "/__main__.py"))]


@pytest.mark.parametrize("name", modules())
def test_a_module_is_tested_at_its_own_path(name):
    folder, _, file = name.removeprefix("slt_toys/").rpartition("/")
    at_its_path = (ROOT / "tests" / folder / f"test_{file}").is_file()
    if name.startswith(TESTED_TOGETHER):
        assert at_its_path or list((ROOT / "tests").joinpath(folder).glob("test_*.py")) or folder == "reports"
    else:
        assert at_its_path is (name not in TESTED_ELSEWHERE)


def test_every_exception_is_a_module():
    assert set(TESTED_ELSEWHERE) <= set(modules())


def test_the_top_of_slt_toys_is_commands_and_folders():
    top = {name_of(path).split("/")[1] for path in TEXTS if name_of(path).startswith("slt_toys/")}
    assert len(top) <= TOP_ENTRIES
    for name in top:
        if (ROOT / "slt_toys" / name).is_file() and name not in ("__init__.py", "py.typed"):
            assert "main(" in (ROOT / "slt_toys" / name).read_text(encoding="utf-8"), f"{name} is no command"


# Tests of the reader that refuses pickles must make some.
MAKES_PICKLES = {
    "tests/cifar/conftest.py",
    "tests/cifar/data/test_archives.py",
    "tests/cifar/data/test_pickled_arrays.py",
}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_pickled(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unsafe = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    if name_of(path) in MAKES_PICKLES:
        unsafe -= {"pickle"}
    assert unsafe & imported_packages(tree) == set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            options = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert options.get("allow_pickle", "False") == "False"
            if ast.unparse(node.func) == "torch.load":
                assert options.get("weights_only") == "True"


THEORY = [path for path in SOURCES if path.is_relative_to(ROOT / "theory")]


@pytest.mark.parametrize("path", THEORY, ids=name_of)
def test_theory_is_sympy_and_the_standard_library(path):
    allowed = {"sympy", "theory"} | set(sys.stdlib_module_names)
    assert imported_packages(ast.parse(path.read_text(encoding="utf-8"))) <= allowed


def imported_packages(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
    return names


def test_installed_packages_carry_their_data():
    # Every file that is no source must be named in pyproject's package-data, or an installed copy lacks it.
    for package, patterns in TOOLS["setuptools"]["package-data"].items():
        inside = [path for path in TEXTS if path.is_relative_to(ROOT / package) and path.suffix != ".py"]
        listed = {path for pattern in patterns for path in (ROOT / package).glob(pattern)}
        assert set(inside) <= listed, (
            f"{package}: {[name_of(path) for path in set(inside) - listed]} not in package-data"
        )
        assert (ROOT / package / "py.typed").is_file()
