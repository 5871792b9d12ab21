"""What runs in a peer's environment: the same problems and seeds as ours, and failures told in a line."""

from __future__ import annotations

import itertools
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient import peer_runner
from slt_toys.learning_coefficient.referee_problems import PROBLEMS
from tests.seeds import fresh_seed

ROOT = Path(__file__).parents[2]
CASE = {"peer": "devinterp-1.3.2", "setting": "as documented", "problem": "linear regression", "examples": 1000}


def with_peer(monkeypatch, estimates) -> dict[str, object]:
    """A peer whose chains say these numbers; what it was given."""
    given: dict[str, object] = {}

    def run(model, loader, **more):
        given.update(more, data=next(iter(loader)), model=model)
        return {f"llc-chain/{chain}": value for chain, value in enumerate(estimates)}

    sampler = types.SimpleNamespace(estimate_learning_coeff_with_summary=run)
    monkeypatch.setitem(sys.modules, "devinterp.slt.sampler", sampler)
    monkeypatch.setitem(sys.modules, "devinterp.optim.sgld", types.SimpleNamespace(SGLD="sgld"))
    return given


def test_an_answer_is_the_mean_of_chains_and_its_error(monkeypatch):
    seed = fresh_seed() % 10**6
    chains = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    given = with_peer(monkeypatch, chains)
    found = peer_runner.answer(CASE | {"seed": seed})
    assert found["estimate"] == 5.5 and found["standard_error"] == pytest.approx(np.std(chains, ddof=1) / 10**0.5)
    assert given["optimizer_kwargs"] == {"lr": 0.01, "localization": 0.0, "nbeta": 1000 / np.log(1000)}
    of_data = int(np.random.SeedSequence((seed, 1000, *b"linear regression")).generate_state(2)[0])
    problem = PROBLEMS["linear regression"](1000, of_data)
    for one, other in zip(given["data"], problem.data, strict=True):  # type: ignore[call-overload]
        assert bool((one == other).all())
    evaluate: Any = given["evaluate"]
    with torch.no_grad():
        loss = problem.loss(problem.module(problem.data[0]), problem.data[1])
        assert float(evaluate(problem.module, problem.data)) == float(loss)


def test_a_step_by_the_curvature(monkeypatch):
    given = with_peer(monkeypatch, [1.0] * 10)
    peer_runner.answer(CASE | {"seed": 1, "setting": "step by the curvature"})
    problem = PROBLEMS["linear regression"](
        1000, int(np.random.SeedSequence((1, 1000, *b"linear regression")).generate_state(2)[0])
    )
    x = problem.data[0].numpy()
    stiffest = 1000 / np.log(1000) * float(np.linalg.eigvalsh(x.T @ x / len(x)).max())
    chosen = given["optimizer_kwargs"]
    assert isinstance(chosen, dict)
    assert chosen["lr"] * stiffest == pytest.approx(0.1) and chosen["localization"] == pytest.approx(0.01 * stiffest)


def test_failures_are_told(monkeypatch):
    with_peer(monkeypatch, [1.0] * 9 + [float("nan")])
    assert peer_runner.answer(CASE | {"seed": 0})["failure"] == "diverged"
    flat = CASE | {"seed": 0, "problem": "w⁴ twice", "setting": "step by the curvature"}
    assert peer_runner.answer(flat)["failure"] == "ValueError: no curvature to choose a step by"
    absent = peer_runner.answer(CASE | {"seed": 0, "peer": "canonical-interp"})
    assert absent["failure"].startswith("ModuleNotFoundError: ") and absent["seconds"] >= 0


def test_problems_are_drawn_without_what_only_references_need():
    """A peer's environment has torch, sympy and numpy; the peer would be blamed if what it lacks ended the runner."""
    script = "import sys; sys.modules.update(scipy=None, xarray=None, numba=None)\n"
    script += "from slt_toys.learning_coefficient.referee_problems import PROBLEMS\n"
    script += "print(len([PROBLEMS[name](1000, 0) for name in ('linear regression', '(5,3,5;2)', 'w⁶')]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.strip() == "3", done.stderr[-300:]


def test_what_a_newer_python_has_is_there(monkeypatch):
    """Batches of an iterable, as Python 3.12 cuts them; a python that has them keeps its own."""
    monkeypatch.setattr(itertools, "batched", None, raising=False)
    monkeypatch.delattr(itertools, "batched")
    peer_runner.older_python()
    batched = vars(itertools)["batched"]
    assert list(batched("abcde", 2)) == [("a", "b"), ("c", "d"), ("e",)] and list(batched([], 3)) == []
    peer_runner.older_python()
    assert vars(itertools)["batched"] is batched


def test_estimates_are_those_of_chains_not_their_mean(monkeypatch):
    """canonical-interp returns a mean, which says nothing of its error; what is no list of chains is refused."""
    told = torch.linspace(1, 2, 10, requires_grad=True)

    class Estimator:
        def __init__(self, **_):
            pass

        def estimate_llc(self, *_, **__):
            return told.mean()

        def get_metrics(self):
            return {"llcs": told}

    monkeypatch.setitem(sys.modules, "canonical_interp.slt", types.SimpleNamespace(LLCEstimator=Estimator))
    case = CASE | {"peer": "canonical-interp", "seed": 1}
    found = peer_runner.answer(case)
    assert found["estimate"] == pytest.approx(1.5) and found["chains"] == 10
    assert found["standard_error"] == pytest.approx(float(told.detach().std()) / 10**0.5)
    monkeypatch.setattr(Estimator, "get_metrics", lambda self: {"llcs": told.mean()})
    assert peer_runner.answer(case)["failure"] == "ValueError: 10 chains gave estimates of shape ()"
