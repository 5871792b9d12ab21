"""Runs that are interrupted, killed or damaged: at most a chunk is lost, and the resumed run has the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from slt_toys.potentials.catalogue import find_potential
from slt_toys.samplers import MALA, OverdampedLangevin, Stage, UnderdampedLangevin, checkpoint, sample, sample_stages
from slt_toys.samplers import work as engine

COMMON: dict = {"n_beta": 2.0, "chains": 300, "steps": 400, "thin": 7, "seed": 11}


class Interrupted(Exception):
    """Stands for whatever stops a run."""


def stop_after(fraction: float):
    """A progress callback that breaks the run off once so much is done."""
    done = 0.0

    def advance(share: float) -> None:
        nonlocal done
        done += share
        if done > fraction:
            raise Interrupted

    return advance


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(engine, "CHUNK", 64 * 25)
    monkeypatch.setattr(engine, "BLOCKS_AT_ONCE", 2)


@pytest.mark.parametrize("sampler", [OverdampedLangevin(0.01), UnderdampedLangevin(0.05), MALA(0.05)], ids=repr)
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(sampler, tmp_path, small_chunks):
    potential = find_potential("regular_double_well")
    whole = sample(potential, sampler, **COMMON)
    for fraction in (0.2, 0.55, 0.8):  # broken off three times, with different numbers of threads
        with pytest.raises(Interrupted):
            sample(potential, sampler, checkpoint=tmp_path / "run", threads=1, advance=stop_after(fraction), **COMMON)
    resumed = sample(potential, sampler, checkpoint=tmp_path / "run", threads=2, **COMMON)
    assert resumed.identical(whole)
    assert not list((tmp_path / "run").glob("*.partial"))


def test_a_resumed_run_goes_on_and_does_not_begin_again(tmp_path, small_chunks):
    potential, done = find_potential("regular_double_well"), []
    with pytest.raises(Interrupted):
        sample(potential, MALA(0.05), checkpoint=tmp_path, threads=1, advance=stop_after(0.6), **COMMON)
    sample(potential, MALA(0.05), checkpoint=tmp_path, threads=1, advance=done.append, **COMMON)
    assert sum(done) == pytest.approx(1)
    assert max(done) > 0.1  # a range that was finished is read, in one stride
    done.clear()
    sample(potential, MALA(0.05), checkpoint=tmp_path, threads=1, advance=done.append, **COMMON)
    assert len(done) == 3 and sum(done) == pytest.approx(1)  # three ranges read back


def test_stages_resume(tmp_path, small_chunks):
    potential = find_potential("regular_double_well")
    stages = [
        Stage(potential, OverdampedLangevin(0.01), 2.0, 101),
        Stage(potential, OverdampedLangevin(0.02), 5.0, 60),
        Stage(potential, UnderdampedLangevin(0.05), 5.0, 80),
        Stage(potential, MALA(0.05), 5.0, 90),
    ]
    common: dict = {"chains": 200, "seed": 3, "record_steps": [50, 101, 150, 240, 331]}
    whole = sample_stages(stages, **common)
    for fraction in (0.3, 0.5, 0.7, 0.9):
        with pytest.raises(Interrupted):
            sample_stages(stages, checkpoint=tmp_path, threads=1, advance=stop_after(fraction), **common)
    assert sample_stages(stages, checkpoint=tmp_path, **common).identical(whole)


PROGRAM = """
import signal, sys
from slt_toys.potentials.catalogue import find_potential
from slt_toys.samplers import OverdampedLangevin, run, sample, work
work.CHECKPOINT_SECONDS = 0.05
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
sample(
    find_potential("regular_double_well"), OverdampedLangevin(0.01), n_beta=2.0, chains=128, steps=5_000_000,
    thin=100_000, seed=5, checkpoint=sys.argv[1], advance=lambda share: print("chunk", flush=True),
)
print("end", flush=True)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_a_killed_process_resumes(end, tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "run")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        assert process.stdout is not None
        for _ in range(4):
            assert process.stdout.readline() == b"chunk\n", "it ended before it could be stopped"
        process.send_signal(end)
        said = process.stdout.read()
    assert process.returncode != 0 and b"end" not in said
    assert list((tmp_path / "run").glob("*.npz"))
    common: dict = {"n_beta": 2.0, "chains": 128, "steps": 5_000_000, "thin": 100_000, "seed": 5}
    potential, done = find_potential("regular_double_well"), []
    resumed = sample(
        potential, OverdampedLangevin(0.01), checkpoint=tmp_path / "run", advance=done.append, threads=1, **common
    )
    assert done[0] > 0  # something was kept
    assert resumed.identical(sample(potential, OverdampedLangevin(0.01), **common))


def test_draws_behind_the_last_state_are_cut_off(tmp_path, small_chunks):
    potential = find_potential("regular_double_well")
    with pytest.raises(Interrupted):
        sample(potential, MALA(0.05), checkpoint=tmp_path, threads=1, advance=stop_after(0.5), **COMMON)
    for path in tmp_path.glob("*.draws"):
        with open(path, "ab") as file:
            file.write(b"half a draw")
    assert sample(potential, MALA(0.05), checkpoint=tmp_path, **COMMON).identical(
        sample(potential, MALA(0.05), **COMMON)
    )


@pytest.mark.parametrize(
    "change",
    [{"seed": 12}, {"n_beta": 2.5}, {"chains": 301}, {"steps": 399}, {"thin": 8}, {"initial": [0.5]}],
    ids=str,
)
def test_another_run_is_refused(change, tmp_path):
    potential = find_potential("regular_double_well")
    sample(potential, MALA(0.05), checkpoint=tmp_path, **COMMON)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="keeps a run with other settings") as caught:
        sample(potential, MALA(0.05), checkpoint=tmp_path, **(COMMON | change))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="keeps a run with other settings"):
        sample(potential, MALA(0.06), checkpoint=tmp_path, **COMMON)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_damage_is_named(tmp_path):
    potential = find_potential("regular_double_well")
    sample(potential, MALA(0.05), checkpoint=tmp_path, **COMMON)
    draws = next(tmp_path.glob("*.draws"))
    content = bytearray(draws.read_bytes())
    content[17] ^= 1
    draws.write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged at blocks_\d+\.npz \(the draws' SHA-256 differs\)"):
        sample(potential, MALA(0.05), checkpoint=tmp_path, **COMMON)
    draws.write_bytes(b"")
    with pytest.raises(ValueError, match="draws are missing"):
        sample(potential, MALA(0.05), checkpoint=tmp_path, **COMMON)
    next(tmp_path.glob("*.npz")).write_bytes(b"PK nonsense")
    with pytest.raises(ValueError, match="is damaged"):
        sample(potential, MALA(0.05), checkpoint=tmp_path, **COMMON)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"unreadable run\.json"):
        sample(potential, MALA(0.05), checkpoint=tmp_path, **COMMON)


def test_two_runs_do_not_share_a_folder(tmp_path):
    potential = find_potential("regular_double_well")

    def second(_: float) -> None:
        sample(potential, MALA(0.05), checkpoint=tmp_path, **COMMON)

    with pytest.raises(ValueError, match="in use by another process"):
        sample(potential, MALA(0.05), checkpoint=tmp_path, advance=second, **COMMON)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ValueError, match="checkpoint must be a folder that can be made"):
        sample(potential, MALA(0.05), checkpoint=blocked, **COMMON)


def test_memory_grows_with_kept_draws_not_with_steps():
    """A hundred times the steps, the same few draws: the same peak of allocations, to a megabyte."""
    import tracemalloc

    potential, peaks = find_potential("regular_double_well"), []
    sample(potential, OverdampedLangevin(0.01), n_beta=2.0, chains=64, steps=10, thin=10)
    for steps in (20_000, 2_000_000):
        tracemalloc.start()
        sample(potential, OverdampedLangevin(0.01), n_beta=2.0, chains=64, steps=steps, thin=steps // 4)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert abs(peaks[1] - peaks[0]) < 2**20


@pytest.mark.long
@pytest.mark.parametrize(("chains", "steps"), [(10_000_000, 1), (1, 1_000_000_000)])
def test_very_wide_and_very_long_runs(chains, steps):
    potential = find_potential("regular_double_well")
    before = time.perf_counter()
    drawn = sample(
        potential, OverdampedLangevin(0.01), n_beta=1.0, chains=chains, steps=steps, thin=max(1, steps // 50)
    )
    assert drawn["w"].shape == (chains, min(steps, 50), 1)
    assert np.isfinite(drawn["w"]).all()
    print(f"{chains} chains x {steps} steps in {time.perf_counter() - before:.0f} s")


def test_a_fingerprint_tells_settings_and_versions_apart(monkeypatch):
    """Whatever decides a run's bits: values, shapes and kinds of arrays, fields of settings, order, and versions."""
    settings = [
        (), (1,), (1.0,), ("1",), ((1, 2),), ((2, 1),), (1, 2), (np.array([1, 2]),), (np.array([1.0, 2.0]),),
        (np.array([1.0, 2.5]),), (np.array([[1.0, 2.0]]),), (np.array([[1.0], [2.0]]),), (MALA(0.05),), (MALA(0.06),),
        (OverdampedLangevin(0.05),), (UnderdampedLangevin(0.05, 1.0),), (UnderdampedLangevin(0.05, 2.0),),
        (OverdampedLangevin(np.full(2000, 0.05)),), (OverdampedLangevin(np.r_[np.full(1999, 0.05), 0.06]),),
    ]  # fmt: skip
    found = [checkpoint.fingerprint(*one) for one in settings]
    assert len(set(found)) == len(settings)
    assert found == [checkpoint.fingerprint(*one) for one in settings]
    for module, name in ((checkpoint, "__version__"), (np, "__version__"), (checkpoint.numba, "__version__")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, "0.0.0-other")
            assert checkpoint.fingerprint(1) != found[1]
