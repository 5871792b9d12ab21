"""Template of multilevel splitting: a sampler's kernel driven step by step, lanes taking one trial after another.

A trial starts from a kept state and ends when its score leaves an interval, at another step in every lane; the lane
then takes up the next one. The driver and the kernel it drives are printed into one module, so that numba may cache
them together. Lanes' random streams go on from trial to trial.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

import sympy

from ..potentials.potential import Potential
from ..potentials.scores import momentum_symbols
from .codegen import ComponentGroup, canonical, expression_lines, load_module
from .frame import indent
from .replica_exchange import InnerKernel

RETURNED, REACHED, DIVERGED, LINGERED = range(4)  # how a trial ends

_BEGIN = """
    one_steps = np.ones(1, dtype=np.int64)
    one_step_size = np.full(1, dt)
    none = np.empty(0, dtype=np.int64)
    out = np.empty((1, 0, {dimension}, 64))
    score = np.empty(64)
{settle}
    w = state[0]
"""
_SOURCE = '''

@njit(nogil=True, cache=True, fastmath={{"contract"}}, error_model="numpy", boundscheck=False)
def trials(
    state, bits, spare, parameters, dt, temperature, constants, weights, first, low, high, longest, pool, starts,
    outcome, furthest, reached, reached_by, all_of_them,
):
    """Run a block's trials until each one's score leaves (low, high); return how many reached, and the steps made.

    Unless all of them are asked for, the first that takes ``longest`` steps ends them.
    """
    align_stack()
{begin}
    most = np.full(64, -np.inf)
    trial = np.full(64, -1, dtype=np.int64)
    since = np.zeros(64, dtype=np.int64)
    following = 0
    running = 0
    arrived = 0
    for i in range(64):
        entry = starts[min(following, starts.shape[0] - 1)]
        for j in range({moved}):
            w[j * 64 + i] = pool[entry, j]
        if following < starts.shape[0]:
            trial[i] = following
            following += 1
            running += 1
    step = first
    while running > 0:
        advance_one({arguments})
        step += 1
{score}
        ended = 0
        for i in range(L):
            most[i] = max(most[i], score[i])
            ended += 0 if (score[i] > low and score[i] < high) else 1
        if ended == 0 and (step - first) % 1024 != 0:
            continue
        for i in range(64):
            inside = score[i] > low and score[i] < high
            lingers = step - first - since[i] >= longest
            if inside and not (lingers and trial[i] >= 0):
                continue
            if trial[i] >= 0:
                number = trial[i]
                furthest[number] = most[i]
                if inside:
                    outcome[number] = {lingered}
                    if not all_of_them:
                        return arrived, step - first
                elif not abs(score[i]) < np.inf:
                    outcome[number] = {diverged}
                elif score[i] >= high:
                    outcome[number] = {reached}
                    for j in range({moved}):
                        reached[arrived, j] = w[j * 64 + i]
                    reached_by[arrived] = number
                    arrived += 1
                else:
                    outcome[number] = {returned}
                running -= 1
                trial[i] = -1
            entry = starts[min(following, starts.shape[0] - 1)]
            for j in range({moved}):
                w[j * 64 + i] = pool[entry, j]
            if following < starts.shape[0]:
                trial[i] = following
                following += 1
                running += 1
            most[i] = -np.inf
            since[i] = step - first
    return arrived, step - first


@njit(nogil=True, cache=True, fastmath={{"contract"}}, error_model="numpy", boundscheck=False)
def crossings(
    state, bits, spare, parameters, dt, temperature, constants, weights, first, steps, low, high, target, begun, inside,
    pool, scores,
):
    """Go on in the source: keep the states that reach ``high`` for the first time since they were at ``low``.

    A lane that reaches the target begins anew. Returns how many crossed, how many reached the target, and whether a
    lane diverged; ``pool`` must hold half as many states as lanes make steps.
    """
    align_stack()
{begin}
    crossed = 0
    arrived = 0
    for step in range(first, first + steps):
        advance_one({arguments})
{score}
        events = 0
        for i in range(L):
            back = score[i] <= low and inside[i] == 0.0
            out_of_it = score[i] >= high and inside[i] == 1.0
            # The last also where it is no number.
            events += 1 if (back or out_of_it or not score[i] < target or not score[i] > -np.inf) else 0
        if events == 0:
            continue
        for i in range(64):
            if not abs(score[i]) < np.inf:
                return crossed, arrived, True
            if score[i] <= low:
                inside[i] = 1.0
            elif score[i] >= high and inside[i] == 1.0:
                inside[i] = 0.0
                for j in range({moved}):
                    pool[crossed, j] = w[j * 64 + i]
                crossed += 1
            if score[i] >= target:
                for j in range({moved}):
                    w[j * 64 + i] = begun[j * 64 + i]
                inside[i] = 1.0
                arrived += 1
    for i in range(64):
        scores[i] = score[i]
    return crossed, arrived, False
'''


def escape_source(potential: Potential, inner: InnerKernel, score: sympy.Expr | None) -> str:
    """Print multilevel splitting over a kernel.

    Parameters
    ----------
    potential
        What the kernel samples.
    inner
        The kernel that makes a step.
    score
        Of the potential's coordinates and their momenta (:mod:`slt_toys.potentials.scores`); None for a sum of the
        coordinates with weights that are an argument.
    """
    d = potential.dimension
    if inner.source.count("\ndef advance(") != 1:
        raise ValueError("source of an inner kernel must define advance once")
    names = [f"setting_{k}" for k in range(len(inner.settings))]
    numbers = [f"constants[{k}]" for k in range(len(inner.constants))]
    settle = [f"{name} = np.full(1, {value})" for name, value in zip(names, inner.settings, strict=True)]
    body = [f"x{k} = w[U({64 * k}) + i]" for k in range(d)]
    if score is None:
        body += ["e = " + " + ".join(f"weights[{k}] * x{k}" for k in range(d))]
    else:
        of_state = (*potential.coordinates, *momentum_symbols(potential))
        used = [k for k, symbol in enumerate(of_state) if k < d or symbol in score.free_symbols]
        body += [f"x{k} = w[U({64 * k}) + i]" for k in used if k >= d]
        symbols = canonical("x", len(used))
        renamed = score.xreplace({of_state[k]: symbol for k, symbol in zip(used, symbols, strict=True)})
        group = ComponentGroup(renamed, symbols, (), (tuple(used),), ((),))
        body += expression_lines(group, [renamed], [f"x{k}" for k in used], ["e"], "c")
    scored = ["for i in range(L):", *indent([*body, "score[i] = e"], 1)]
    arguments = ["state", "bits", "spare", "parameters", "one_steps", "one_step_size", *names, *numbers]
    driver = _SOURCE.format(
        begin=_BEGIN.format(dimension=d, settle="\n".join(indent(settle, 1))).strip("\n"),
        moved=inner.moved,
        score="\n".join(indent(scored, 2)),
        arguments=", ".join([*arguments, "step", "none", "out"]),
        returned=RETURNED,
        reached=REACHED,
        diverged=DIVERGED,
        lingered=LINGERED,
    )
    return inner.source.replace("\ndef advance(", "\ndef advance_one(") + driver


@lru_cache(maxsize=64)
def escape_kernel(potential: Potential, inner: InnerKernel, score: sympy.Expr | None) -> ModuleType:
    """Compile (or load from the cache) splitting over a kernel; the module has ``trials`` and ``crossings``.

    Of the kernel's constants only the number counts: they are an argument.
    """
    return load_module(escape_source(potential, inner, score), "escape")
