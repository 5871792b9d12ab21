"""Wrong swaps are caught."""

from __future__ import annotations

import pytest

from slt_toys.kernels import replica_exchange as kernels_replica
from slt_toys.kernels.codegen import load_module
from slt_toys.samplers import MALA, ReplicaExchange, replica_exchange
from tests.samplers.checks import disagree
from tests.samplers.made_ladders import BAOAB, EULER, LADDER, SUM, WELL, invariance

GAIN = "gain = 1.0 / temperatures[pair] - 1.0 / temperatures[pair + 1]"
WRONG: list[tuple[str, str, object, dict[str, str]]] = [
    ("always swaps", WELL, MALA(0.02), {"log_uniform < gain": "-1e300 < gain"}),
    ("sign", WELL, MALA(0.02), {GAIN: "gain = 1.0 / temperatures[pair + 1] - 1.0 / temperatures[pair]"}),
    ("half the exponent", WELL, MALA(0.02), {GAIN: "gain = 0.5 / temperatures[pair] - 0.5 / temperatures[pair + 1]"}),
    ("energies stay behind", WELL, MALA(0.02), {"for j in range(U(3)):": "for j in range(U(2)):"}),
    ("slopes stay behind", WELL, BAOAB, {"for j in range(U(3)):": "for j in range(U(2)):"}),
    ("momenta as they are", WELL, BAOAB, {"if 1 <= j < 2 else 1.0": "if False else 1.0"}),
    ("momenta scaled the wrong way", WELL, BAOAB, {"cooled = 1.0 / warmed": "cooled = warmed; warmed = 1.0 / cooled"}),
    ("only the last component's energy", SUM, EULER, {"energy[i] += e": "energy[i] = e"}),
    ("copies", WELL, MALA(0.02), {"= x * to_hot if chosen[i] > 0.0 else y": "= y"}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "name", "sampler", "changes"), WRONG, ids=[row[0] for row in WRONG])
def test_wrong_swaps_are_caught(what, name, sampler, changes, seed, monkeypatch):
    def wrong_kernel(*arguments):
        source = kernels_replica.replica_source(*arguments)
        for right, wrong in changes.items():
            assert right in source
            source = source.replace(right, wrong)
        return load_module(source, "wrong")

    monkeypatch.setattr(replica_exchange, "replica_kernel", wrong_kernel)
    disagree(invariance(name, ReplicaExchange(sampler, LADDER, swap_every=1), seed, 100))
