"""The experiment of the guide is run as it stands there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "adding_an_experiment.md").read_text(encoding="utf-8")


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (source,) = re.findall(r"<!-- experiment -->\n```python\n(.*?)```\n<!-- /experiment -->", GUIDE, re.DOTALL)
    (folder / "well_energy.py").write_text(source, encoding="utf-8")
    command = [sys.executable, str(folder / "well_energy.py"), "--out", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "verdict"), [(("--n-betas", "10", "1e5"), "yes"), (("--n-betas", "10", "--quartic", "100"), "no")]
)
def test_it_runs_and_its_claim_can_fail(tmp_path, options, verdict):
    done = run(tmp_path, *options)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "well_energy.json").read_text(encoding="utf-8"))
    assert [claim["verdict"] for claim in record["claims"]] == [verdict]
    assert set(record["manifest"]["files"]) == {"well_energy.nc", "well_energy.md"}


def test_a_bad_option_is_refused_in_one_line(tmp_path):
    refused = run(tmp_path, "--quartic", "-1")
    assert refused.returncode == 2
    assert "--quartic" in refused.stderr and refused.stderr.strip().count("\n") == 0
    assert not (tmp_path / "well_energy.json").exists()
