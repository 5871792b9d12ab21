"""Runs a peer's estimator on the referee's problems, within an environment that has the peer: a script, not a library.

``python peer_runner.py ROOT`` is started by :mod:`slt_toys.learning_coefficient.peers` with the python of that
environment. It reads one case a line, as JSON, and answers one line of JSON each: estimate, standard error, seconds, or
why there is none.
"""

from __future__ import annotations

import importlib
import itertools
import json
import math
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

SHARE_OF_STEP = 0.1  # of the inverse of the largest stiffness
SHARE_OF_PULL = 0.01  # of it: the localisation
NO_STEP = "no curvature to choose a step by"
LONG = {"chains": 10, "draws": 200, "burn_in": 100}


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """Estimate of one case; what a peer raises is told, not raised."""
    import numpy as np
    import torch

    from slt_toys.learning_coefficient.referee_problems import PROBLEMS

    torch.set_num_threads(1)
    name, examples = case["problem"], case["examples"]
    # The same draws as our own rows have: slt_toys.learning_coefficient.referee.refereed.
    of_data, of_chains = (
        int(k) for k in np.random.SeedSequence((case["seed"], examples, *name.encode())).generate_state(2)
    )
    problem = PROBLEMS[name](examples, of_data)
    n_beta = examples / math.log(examples)
    began = time.perf_counter()
    try:
        given = settings(case["peer"], case["setting"], problem, n_beta)
        estimates = PEERS[case["peer"]](problem, n_beta, of_chains % 2**31, **given)
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())
        return {"failure": told[:200], "seconds": time.perf_counter() - began}
    found = {"seconds": time.perf_counter() - began}
    if not np.isfinite(estimates).all():
        return found | {"failure": "diverged"}
    error = float(np.std(estimates, ddof=1)) / math.sqrt(len(estimates))
    return found | {"estimate": float(np.mean(estimates)), "standard_error": error, "chains": len(estimates)}


def settings(peer: str, setting: str, problem: Any, n_beta: float) -> dict[str, Any]:
    """Step, localisation, chains, draws and burn-in of a setting."""
    if setting == "as documented":
        return {
            "devinterp-1.3.2": {"step": 0.01, "pull": 0.0, "chains": 10, "draws": 100, "burn_in": 0},
            "devinterp-2": {"step": 0.001, "pull": 0.0, "chains": 4, "draws": 200, "burn_in": 0},
            "canonical-interp": {"step": 1e-5, "pull": 100.0, "chains": 10, "draws": 200, "burn_in": 100},
        }[peer]
    stiffness = n_beta * largest_curvature(problem)
    if not stiffness > 0:
        raise ValueError(NO_STEP)
    return {"step": SHARE_OF_STEP / stiffness, "pull": SHARE_OF_PULL * stiffness, **LONG}


def largest_curvature(problem: Any) -> float:
    """Of the loss at the start, by the whole Hessian in double precision."""
    import copy

    import torch
    from torch.func import functional_call, hessian

    module = copy.deepcopy(problem.module).double().eval()
    named = {name: p.detach() for name, p in module.named_parameters()}
    inputs, targets = (part.double() for part in problem.data)

    def loss(flat: Any) -> Any:
        parts = flat.split([p.numel() for p in named.values()])
        own = {name: part.view(p.shape) for (name, p), part in zip(named.items(), parts, strict=True)}
        return problem.loss(functional_call(module, own, (inputs,)), targets)

    flat = torch.cat([p.reshape(-1) for p in named.values()])
    return float(torch.linalg.eigvalsh(torch.as_tensor(hessian(loss)(flat))).max())


def _loader(problem: Any) -> Any:
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(*problem.data), batch_size=len(problem.data[0]), shuffle=False)


def devinterp_1(problem: Any, n_beta: float, seed: int, *, step, pull, chains, draws, burn_in) -> Any:
    """Estimates of each chain by devinterp's first line of versions."""
    sampler = importlib.import_module("devinterp.slt.sampler")
    sgld = importlib.import_module("devinterp.optim.sgld").SGLD
    found = sampler.estimate_learning_coeff_with_summary(
        problem.module, _loader(problem), evaluate=lambda model, data: problem.loss(model(data[0]), data[1]),
        sampling_method=sgld, optimizer_kwargs={"lr": step, "localization": pull, "nbeta": n_beta}, num_chains=chains,
        num_draws=draws, num_burnin_steps=burn_in, seed=seed, verbose=False,
    )  # fmt: skip
    return [found[f"llc-chain/{chain}"] for chain in range(chains)]


def devinterp_2(problem: Any, n_beta: float, seed: int, *, step, pull, chains, draws, burn_in) -> Any:
    """Estimates of each chain by its second line, which takes rows of tokens: here their only token is their number."""
    table = importlib.import_module("datasets").Dataset.from_dict(
        {"input_ids": [[row, row] for row in range(len(problem.data[0]))]}
    )
    table = table.with_format("torch")
    inputs, targets = problem.data

    def of_rows(model: Any, tokens: Any) -> Any:
        rows = tokens[:, 0]
        return problem.loss(model(inputs[rows]), targets[rows]).float().expand(len(rows), 1)

    found = importlib.import_module("devinterp.slt.llc").llc(
        problem.module, table, {"all": table}, lr=step, n_beta=n_beta, localization=pull, num_chains=chains,
        num_draws=draws, num_burnin_steps=burn_in, batch_size=len(inputs), batches_per_draw=1, init_seed=seed,
        num_init_loss_batches=1, device="cpu", loss_fn=of_rows,
    )  # fmt: skip
    return found["llc_per_chain"].values


def canonical_interp(problem: Any, n_beta: float, seed: int, *, step, pull, chains, draws, burn_in) -> Any:
    """Estimates of each chain by canonical-interp."""
    estimator = importlib.import_module("canonical_interp.slt").LLCEstimator(
        draws=draws, chains=chains, burnin_steps=burn_in, steps_bw_draws=1, learning_rate=step, localization=pull,
        nbeta=n_beta,
    )  # fmt: skip
    return (
        estimator.estimate_llc(
            problem.module, _loader(problem), criterion_fn=problem.loss, seed=seed, compile=False, show_progress=False
        )
        .detach()
        .numpy()
    )


PEERS = {"devinterp-1.3.2": devinterp_1, "devinterp-2": devinterp_2, "canonical-interp": canonical_interp}


def older_python() -> None:
    """Give ``itertools`` what Python 3.12 has and a peer takes for granted."""
    if not hasattr(itertools, "batched"):
        setattr(itertools, "batched", _batched)  # noqa: B010  which checkers of types do not know there


def _batched(iterable: Iterable[Any], n: int) -> Iterator[tuple[Any, ...]]:
    rest = iter(iterable)
    while part := tuple(itertools.islice(rest, n)):
        yield part


def serve() -> None:
    """Answer cases until there are no more; peers may print what they like, to the other stream."""
    older_python()
    replies, sys.stdout = sys.stdout, sys.stderr
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        replies.write(json.dumps(answer(json.loads(line))) + "\n")
        replies.flush()


if __name__ == "__main__":
    sys.path[0] = sys.argv[1]  # the project's root in place of this folder, whose names are not for others
    serve()
