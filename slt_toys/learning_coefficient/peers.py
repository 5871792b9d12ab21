"""Other estimators of learning coefficients over the referee's problems, each in a virtual environment of its own.

``python -m slt_toys.learning_coefficient --referee --peers devinterp-1.3.2 devinterp-2=/path/to/env``: a name alone
makes an environment beside the finished cases and installs the peer into it; ``NAME=FOLDER`` uses one that is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from slt_toys.learning_coefficient import branch_energy, deep_linear, peer_runner, referee_problems
from slt_toys.learning_coefficient.peer_runner import NO_STEP
from slt_toys.learning_coefficient.peers_report import wrong
from slt_toys.learning_coefficient.study_cases import finished_case
from slt_toys.results.progress import progress

ROOT = Path(peer_runner.__file__).parents[2]
LONGEST = 600.0  # seconds of a case, after which it counts as failed
CONFIDENCE = 0.95
DIVERGED = ("diverged", "NaN", "no answer in")
SETTINGS = ("as documented", "step by the curvature")
REQUIREMENTS = {
    "devinterp-1.3.2": "devinterp==1.3.2",
    "devinterp-2": "devinterp>=2,<3",
    "canonical-interp": "canonical-interp",
    "lambda_hat": "lambda_hat",
}
IMPORTED = {  # what a runner needs of each
    "devinterp-1.3.2": "devinterp.slt.sampler",
    "devinterp-2": "devinterp.slt.llc",
    "canonical-interp": "canonical_interp.slt",
    "lambda_hat": "lambda_hat",
}


class PeerMissing(ValueError):
    """A peer cannot be installed, or not be imported, and why."""


@dataclass(frozen=True)
class Environment:
    """A peer and the python that has it."""

    peer: str
    python: Path

    @classmethod
    def of(cls, text: str, folder: Path) -> Environment:
        """From ``NAME`` or ``NAME=FOLDER``; a name alone is installed below a folder, once.

        Raises
        ------
        ValueError
            For a name that is unknown, or a folder without a python.
        PeerMissing
            Where the peer cannot be installed.
        """
        peer, _, given = text.partition("=")
        if peer not in REQUIREMENTS:
            raise ValueError(f"--peers: {peer!r} unknown; known are {', '.join(REQUIREMENTS)}")
        home = Path(given).expanduser() if given else folder / peer
        bare = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if given and not bare.is_file():
            raise ValueError(f"--peers: {given} has no python; name the folder of a virtual environment with {peer}")
        whole = home / "installed"  # written last, so that a half made environment is made again
        if not given and not whole.is_file():
            _made(home, bare, peer)
            whole.touch()
        if peer not in peer_runner.PEERS:
            raise PeerMissing(f"{peer} is installed, but nobody has written here how it is run")
        _imported(bare, peer)
        return cls(peer, bare.absolute())


def _made(home: Path, python: Path, peer: str) -> None:
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(home)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENTS[peer]],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip().lower().startswith("error")]
            told = lines[-1] if lines else f"exit status {done.returncode}"
            raise PeerMissing(f"{peer} cannot be installed ({REQUIREMENTS[peer]}): {told}")


def _imported(python: Path, peer: str) -> None:
    # A runner that cannot begin would be counted as a peer without an estimate.
    problems = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import slt_toys.learning_coefficient.referee_problems"
    as_run = f"import runpy; runpy.run_path({peer_runner.__file__!r})['older_python']()"
    asked = (
        (f"{as_run}; import {IMPORTED[peer]}", "cannot be imported"),
        (problems, "the problems cannot be drawn beside it"),
    )
    for script, what in asked:
        done = subprocess.run([str(python), "-c", script], capture_output=True, text=True, check=False, env=_plain())
        if done.returncode:
            told = " ".join((done.stderr.strip().splitlines() or ["no reason given"])[-1].split())
            raise PeerMissing(f"{peer} is installed, but {what}: {told[:200]}")


def _plain() -> dict[str, str]:
    """The environment's variables without those that would lead another python here."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


class Runner:
    """A process of a peer's python that answers cases; it is started when it is first asked, and again if it dies."""

    def __init__(self, environment: Environment):
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None
        self._replies: queue.Queue[str] = queue.Queue()

    def answer(self, case: dict[str, Any]) -> dict[str, Any]:
        """What the peer says of a case, or a failure."""
        process = self._started()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(case) + "\n")
            process.stdin.flush()
            line = self._replies.get(timeout=LONGEST)
        except queue.Empty:
            self.close()
            return {"failure": f"no answer in {LONGEST:.0f} s", "seconds": LONGEST}
        except OSError:
            line = ""
        if not line:
            self.close()
            return {"failure": "its process ended", "seconds": float("nan")}
        return json.loads(line)

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [str(self._environment.python), peer_runner.__file__, str(ROOT)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_plain(),
            )  # fmt: skip
            self._replies = queue.Queue()
            threading.Thread(target=_read, args=(self._process, self._replies), daemon=True).start()
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read(process: subprocess.Popen[str], replies: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        replies.put(line)
    replies.put("")


def environments(texts: Sequence[str], folder: Path) -> tuple[list[Environment], list[str]]:
    """Of all peers that are there or can be installed, and why others cannot."""
    found, missing = [], []
    for text in texts:
        with progress(f"installing {text.partition('=')[0]}", None):
            try:
                found.append(Environment.of(text, folder))
            except PeerMissing as error:
                missing.append(str(error))
    return found, missing


def measured(
    environment: Environment, tasks: Sequence[tuple[str, int, int]], folder: Path | None
) -> list[dict[str, Any]]:
    """Rows of a peer under each of its settings: one for each problem, number of examples and seed."""
    rows = []
    with progress(environment.peer, len(SETTINGS) * len(tasks)) as advance, Runner(environment) as runner:
        for setting in SETTINGS:
            for name, examples, seed in tasks:
                case = {
                    "peer": environment.peer, "setting": setting, "problem": name, "examples": examples, "seed": seed,
                }  # fmt: skip
                rows.append(finished_case(folder, case, partial(row, runner, case), sources=sources()))
                advance(1)
    return rows


def never_ran(rows: Sequence[dict[str, Any]]) -> str:
    """What a peer raised, where it did so in every run and not by diverging; "" elsewhere.

    That is no estimator that fails but a call that does not fit it, for which it must not be blamed.
    """
    told = [row["failure"] for row in rows if not row["failure"].endswith(NO_STEP)]
    if not told or not all(told) or any(word in text for text in told for word in DIVERGED):
        return ""
    return f"{rows[0]['peer']} gave no estimate in any run; the first said: {told[0]}"


def row(runner: Runner, case: dict[str, Any]) -> dict[str, Any]:
    """One row: estimate and interval against the exact energy; NaN and why where there is no estimate."""
    said = runner.answer(case)
    name, examples = case["problem"], case["examples"]
    # The data that the runner draws: a deep linear network's energy at small nβ is that of its data.
    of_data = int(np.random.SeedSequence((case["seed"], examples, *name.encode())).generate_state(2)[0])
    problem = referee_problems.PROBLEMS[name](examples, of_data)
    energy, _ = referee_problems.reference(problem, examples / np.log(examples))
    estimate, error = said.get("estimate", float("nan")), said.get("standard_error", float("nan"))
    half = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, max(1, said.get("chains", 2) - 1)))
    return {
        **case,
        "estimate": estimate,
        "standard_error": error,
        "half_width": half,
        "energy": energy,
        "exact": problem.exact,
        "crossing": problem.crossing,
        "covered": bool(abs(estimate - energy) <= half),
        "wrong": bool(np.isfinite(energy)) and wrong(estimate, error, energy),
        "failure": said.get("failure", ""),
        "seconds": said["seconds"],
    }


@lru_cache(maxsize=1)
def sources() -> str:
    """SHA-256 of what a peer's numbers come from: the runner and the problems."""
    digest = hashlib.sha256()
    for module in (peer_runner, referee_problems, deep_linear, branch_energy):
        digest.update(Path(module.__file__ or "").read_bytes())
    return digest.hexdigest()
