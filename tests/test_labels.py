"""Labels of equations: every use names an equation there is, and every promise of use or test is kept."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from theory.equations import EQUATIONS

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("slt_toys", "cifar", "figures", "theory", "tests", "benchmarks")
LOOK_UPS = {"law", "equation", "_law", "evaluate"}
MAY_LOOK_UP = re.compile(rf"\b(?:{'|'.join(sorted(LOOK_UPS))})\s*\(\s*[rRuU]?[\"']")


def sources() -> list[Path]:
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.py"]
    finished = subprocess.run(listing, capture_output=True, text=True, check=False)
    if finished.returncode == 0:
        found = [ROOT / name for name in finished.stdout.split("\0") if name]
    else:
        found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return sorted({path for path in found if path.is_file()})


def looked_up(text: str) -> list[str]:
    """Labels that a source looks up by name: `law("...")`, `equation("...")` and the like."""
    labels = []
    if not MAY_LOOK_UP.search(text):  # walking through a tree takes a hundred times as long
        return labels
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in LOOK_UPS and isinstance(node.args[0].value, str):
                labels.append(node.args[0].value)
    return labels


def expected_to_fail(path: Path) -> set[str]:
    """Labels that a test looks up to see the refusal: inside `with pytest.raises(...)`."""
    labels: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.With) and any("raises" in ast.unparse(item.context_expr) for item in node.items):
            labels |= set(looked_up("\n".join(ast.unparse(line) for line in node.body)))
    return labels


def test_looking_finds_calls_and_only_calls():
    text = 'law("a")(x=1)\nmodule.equation("b")\nother("c")\nlaw(name)\n"law(\'d\')"\n'
    assert sorted(looked_up(text)) == ["a", "b"]


def test_every_label_that_code_looks_up_exists():
    unknown = []
    found = 0
    for path in sources():
        labels = looked_up(path.read_text(encoding="utf-8"))
        found += len(labels)
        wrong = [label for label in labels if label not in EQUATIONS]
        allowed = expected_to_fail(path) if wrong and path.is_relative_to(ROOT / "tests") else set()
        unknown += [f"{path.relative_to(ROOT)}: {x}" for x in wrong if x not in allowed]
    unknown = [line for line in unknown if not line.startswith("tests/test_labels.py")]
    assert found > 50 and unknown == []


def test_every_label_that_the_readme_looks_up_exists():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    labels = set(re.findall(r"\b(?:law|equation)\(\"([a-z0-9-]+)\"\)", text))
    assert labels <= set(EQUATIONS)


@pytest.mark.parametrize("page", sorted((ROOT / "theory" / "pages").glob("*.md")), ids=lambda path: path.name)
def test_every_label_of_a_page_exists_and_every_link_arrives(page):
    text = page.read_text(encoding="utf-8")
    anchors = {
        path.name: set(re.findall(r'<a id="([^"]+)">', path.read_text("utf-8")))
        for path in page.parent.glob("*")
        if path.suffix == ".md"
    }
    assert set(re.findall(r'law\("([a-z0-9-]+)"\)', text)) <= set(EQUATIONS)
    for label, target, place in re.findall(r"\[eq:([a-z0-9-]+)\]\(([a-z_]*\.md|)#([a-z0-9-]+)\)", text):
        assert label in EQUATIONS and label == place
        assert place in anchors[target or page.name], f"{label} is not on {target or page.name}"


@pytest.mark.parametrize("label", list(EQUATIONS))
def test_users_and_testers_exist_and_name_the_label(label):
    found = EQUATIONS[label]
    testers = [ROOT / path for path in found.tested_by]
    assert testers, "every law is tested"
    assert (ROOT / found.derived_in).is_file()
    for path in [*(ROOT / path for path in (*found.used_by, *found.drawn_in)), *testers]:
        assert path.is_file(), f"[eq:{label}] names {path.relative_to(ROOT)}, which does not exist"
        text = path.read_text(encoding="utf-8")
        named = rf"\[eq:{label}\]|[\"']{label}[\"']"
        assert re.search(named, text), f"{path.relative_to(ROOT)} does not name {label}"
