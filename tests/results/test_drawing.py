"""Figures drawn in a process of their own are the same files, and are drawn here where it fails."""

import hashlib
import json
import os
import subprocess
import sys
import textwrap

import pytest
import xarray as xr

from slt_toys.results.drawing import FORMATS, artist
from slt_toys.results.records import rendered

MODULE = """
import os, time
import matplotlib.pyplot as plt
from figures.style import settle, use_style

def draw(dataset):
    parent = os.environ.get("THE_PARENT")
    if parent and os.getpid() != int(parent):
        {elsewhere}
    use_style()
    figure, axes = plt.subplots()
    axes.plot(dataset["x"], dataset["y"], label="$x^{{2}}$")
    axes.legend()
    settle(figure)
    return figure
"""
SCRIPT = """
import hashlib, io, json, os, sys
import xarray as xr
from slt_toys.results.drawing import artist
os.environ["THE_PARENT"] = str(os.getpid())
with artist("made_figure") as drawing:
    begun = drawing.begin(xr.Dataset({"y": ("x", [1.0, 4.0, 9.0])}, coords={"x": [1, 2, 3]}))
    files = {}
    for name in ("png", "svg"):
        content = io.BytesIO()
        begun.savefig(content, format=name)
        files[name] = hashlib.sha256(content.getvalue()).hexdigest()
    child = drawing._process.pid
try:
    os.kill(child, 0)
    left = True
except ProcessLookupError:
    left = False
print(json.dumps({"files": files, "here": "matplotlib" in sys.modules, "left": left}))
"""


def _made(folder, elsewhere: str) -> None:
    (folder / "made_figure.py").write_text(MODULE.format(elsewhere=elsewhere))


def _told(folder, script: str = SCRIPT) -> dict:
    path = os.pathsep.join([str(folder), *sys.path])
    ended = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    return json.loads(ended.stdout)


def _expected(folder, monkeypatch) -> dict[str, str]:
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "made_figure", raising=False)
    from made_figure import draw  # pyright: ignore[reportMissingImports]

    dataset = xr.Dataset({"y": ("x", [1.0, 4.0, 9.0])}, coords={"x": [1, 2, 3]})
    return {name: hashlib.sha256(each).hexdigest() for name, each in rendered(draw(dataset), FORMATS).items()}


@pytest.mark.parametrize(
    ("elsewhere", "here"),
    [("pass", False), ("os._exit(3)", True), ("raise ValueError", True)],
    ids=["drawn", "died", "raised"],
)
def test_files_are_those_that_are_drawn_here(tmp_path, monkeypatch, elsewhere, here):
    _made(tmp_path, elsewhere)
    told = _told(tmp_path)
    assert told == {"files": _expected(tmp_path, monkeypatch), "here": here, "left": False}


def test_what_cannot_be_sent_is_drawn_here(tmp_path, monkeypatch):
    _made(tmp_path, "pass")
    told = _told(tmp_path, SCRIPT.replace('"x": [1, 2, 3]}', '"x": [1, 2, 3]}, attrs={"of": object()}'))
    assert told == {"files": _expected(tmp_path, monkeypatch), "here": True, "left": False}


def test_the_process_ends_with_a_block_that_fails_before_there_is_a_dataset(tmp_path):
    _made(tmp_path, "pass")
    told = _told(
        tmp_path,
        textwrap.dedent("""
        import json, os
        from slt_toys.results.drawing import artist
        try:
            with artist("made_figure") as drawing:
                child = drawing._process.pid
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            print(json.dumps({"left": False}))
        """),
    )
    assert told == {"left": False}


def test_the_process_ends_when_the_other_end_of_its_pipe_does(tmp_path):
    _made(tmp_path, "pass")
    script = 'from slt_toys.results.drawing import main\nimport sys\nsys.exit(main("made_figure"))'
    path = os.pathsep.join([str(tmp_path), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": path}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    out, _ = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, b"")


def test_no_process_is_begun_where_what_draws_is_loaded_already(tmp_path):
    import matplotlib  # noqa: F401

    with artist("figures.phase_diagram") as drawing:
        assert drawing._process is None
