from __future__ import annotations

import functools
import subprocess
import sys

import pytest

from slt_toys.sweep.code import code_identity, difference, name_of, sources_hash
from tests.sweep import made_functions


def test_functions_of_modules_have_names():
    assert name_of(made_functions.drawn) == "tests.sweep.made_functions:drawn"


@pytest.mark.parametrize("function", [lambda x: x, functools.partial(made_functions.drawn, 1), [].append])
def test_what_workers_cannot_import_is_refused(function):
    with pytest.raises(ValueError, match="function: workers cannot import"):
        name_of(function)


def test_a_nested_function_is_refused():
    def nested(x):
        return x

    with pytest.raises(ValueError, match=r"function: workers cannot import .*nested"):
        name_of(nested)


def test_a_function_of_a_script_is_named_by_its_file_and_one_that_is_typed_is_refused(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "from slt_toys.sweep.code import name_of\ndef f(x): return x\nif __name__ == '__main__': print(name_of(f))\n"
    )
    assert subprocess.check_output([sys.executable, script], text=True) == "mine:f\n"
    typed = subprocess.run([sys.executable, "-c", script.read_text()], capture_output=True, text=True, check=False)
    assert "workers cannot import __main__:f" in typed.stderr


def test_a_changed_source_changes_the_hash(tmp_path, monkeypatch):
    package = tmp_path / "made_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    hashes = [sources_hash(("made_package",))]
    for name, text in (("a.py", "x = 2\n"), ("b.py", ""), ("a.py", "x = 1\n")):
        (package / name).write_text(text)
        sources_hash.cache_clear()
        hashes.append(sources_hash(("made_package",)))
    assert len(set(hashes)) == 4
    (package / "b.py").unlink()
    sources_hash.cache_clear()
    assert sources_hash(("made_package",)) == hashes[0]


def test_differences_are_told():
    now = code_identity(function=made_functions.drawn)
    assert difference(now, now) == ""
    other = {**now, "function": "0", "libraries": {**now["libraries"], "numpy": "0"}}
    assert difference(other, now) == "the function's module, numpy"
    assert difference({}, now).startswith("the sources")
