"""Deliberately wrong samplers: a kernel's source with one thing changed in it, put in the right one's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slt_toys.kernels import frame as kernels
from slt_toys.kernels import gibbs as kernels_gibbs
from slt_toys.kernels import metropolis as kernels_metropolis
from slt_toys.kernels import underdamped as kernels_underdamped
from slt_toys.kernels.codegen import load_module
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import (
    MALA,
    Gibbs,
    OverdampedLangevin,
    RandomWalkMetropolis,
    Sampler,
    UnderdampedLangevin,
    gibbs,
    langevin,
    metropolis,
    underdamped,
)

# Sampler -> the module that asks for its kernel, under which name, its source, what it takes of the compiled module.
_KERNELS: dict[type, tuple[Any, str, Callable[[Any, Potential], str], Callable[[Any], Any]]] = {
    OverdampedLangevin: (
        langevin, "langevin_kernel", lambda s, p: kernels.langevin_source(p, s.scheme), lambda m: m.advance,
    ),
    UnderdampedLangevin: (
        underdamped, "underdamped_kernel", lambda s, p: kernels_underdamped.underdamped_source(p, s.splitting),
        lambda m: m,
    ),
    MALA: (
        metropolis, "metropolis_kernel", lambda s, p: kernels_metropolis.metropolis_source(p, "langevin"), lambda m: m,
    ),
    Gibbs: (gibbs, "gibbs_kernel", lambda s, p: kernels_gibbs.gibbs_source(p, s.slice_width), lambda m: m),
    RandomWalkMetropolis: (
        metropolis, "metropolis_kernel", lambda s, p: kernels_metropolis.metropolis_source(p, "random_walk"),
        lambda m: m,
    ),
}  # fmt: skip


def make_wrong(monkeypatch: Any, sampler: Sampler, potential: Potential, changes: dict[str, str]) -> None:
    """Let samplers of this one's kind run a kernel with every text replaced by its wrong one."""
    owner, name, source_of, taken = _KERNELS[type(sampler)]
    source = source_of(sampler, potential)
    for right, wrong in changes.items():
        assert right in source, f"{right!r} is not in the kernel; the control must follow it"
        source = source.replace(right, wrong)
    kernel = taken(load_module(source, "wrong"))
    monkeypatch.setattr(owner, name, lambda *_: kernel)
