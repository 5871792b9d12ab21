"""Noise of a few random bits: its bits are xoshiro's, its laws have the moments they should, and a battery passes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from slt_toys.kernels.few_bits import FewBits, law_of
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import OverdampedLangevin, Stage, sample, sample_stages
from tests.seeds import fresh_seed

NOISES: tuple[FewBits, ...] = ("two_point", "three_point", "four_point")
LANES, WORD = 64, 32
UNLIKELY = 1e-7  # of a p-value, for tests that hold for any seed


def noise_alone(noise: str, precision: str, chains: int, steps: int, seed: int, **more) -> np.ndarray:
    """The noise of every step (chains, steps), of variance 1: in w² a step of a half forgets where it was."""
    draws = sample(
        Potential.from_expression("w**2"), OverdampedLangevin(0.5, noise=noise, precision=precision),  # type: ignore[arg-type]
        n_beta=1.0, chains=chains, steps=steps, seed=seed, diagnose=False, **more,
    )["w"].values[:, :, 0]  # fmt: skip
    return draws


def words(seed: int, count: int, more: int) -> np.ndarray:
    """What xoshiro256+ (Blackman & Vigna 2021) gives the first block: high halves, (count, 1 + more, lanes)."""
    first = np.random.SeedSequence((seed,), spawn_key=(0,)).generate_state(4 * LANES, np.uint64)
    s = [part.copy() for part in first.reshape(4, LANES)]
    found = []
    for _ in range(count * (1 + more)):
        found.append((s[0] + s[3]) >> np.uint64(32))
        t = s[1] << np.uint64(17)
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = (s[3] << np.uint64(45)) | (s[3] >> np.uint64(19))
    return np.array(found).reshape(count, 1 + more, LANES)


def bits_of(words: np.ndarray) -> np.ndarray:
    """Bits from the top of each word, (..., 32)."""
    return (words[..., None] >> np.arange(WORD - 1, -1, -1, dtype=np.uint64)) & np.uint64(1) == 1


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("precision", ["double", "single"])
def test_signs_and_sizes_are_bits_of_xoshiro(noise, precision):
    seed, steps, law = fresh_seed(), 100, law_of(noise)
    found = noise_alone(noise, precision, LANES, steps, seed)
    places = law.bits[: max((k for k, one in enumerate(law.bits) if one), default=-1) + 1]
    drawn = words(seed, -(-steps // WORD), len(places))
    signs = bits_of(drawn[:, 0]).swapaxes(0, 1).reshape(LANES, -1)[:, :steps]
    rare = np.zeros_like(drawn[:, 0])
    for number, bit in enumerate(reversed(places)):
        rare = rare | drawn[:, 1 + number] if bit else rare & drawn[:, 1 + number]
    sizes = np.where(bits_of(rare).swapaxes(0, 1).reshape(LANES, -1)[:, :steps], law.large, law.small)
    expected = np.where(signs, -1, 1) * sizes
    assert np.abs(found - expected).max() < (1e-6 if precision == "single" else 1e-14)
    assert len(np.unique(found.round(5))) == {"two_point": 2, "three_point": 3, "four_point": 4}[noise]


@pytest.mark.parametrize("noise", NOISES)
def test_laws_have_the_moments_that_their_order_asks_for(noise):
    """[eq:four-point-noise]"""
    law = law_of(noise)
    weights, sizes = np.array([1 - law.probability, law.probability]), np.array([law.small, law.large])
    assert weights @ sizes**2 == pytest.approx(1, abs=1e-15)
    fourth = weights @ sizes**4
    assert law.order == (2 if abs(fourth - 3) < 1e-4 else 1)
    assert fourth == pytest.approx({"two_point": 1, "three_point": 3 + 4.6e-5, "four_point": 3}[noise], abs=1e-6)


def battery(bits: np.ndarray) -> dict[str, float]:
    """p-values of some of the tests of NIST SP 800-22 for bits (streams, length), and of their correlations."""
    streams, length = bits.shape
    signs = 2.0 * bits - 1
    found = {"monobit": 2 * stats.norm.sf(abs(signs.sum()) / np.sqrt(signs.size))}
    ones = bits[:, : length // 128 * 128].reshape(-1, 128).sum(1)
    found["block frequency"] = stats.chi2.sf(((ones - 64) ** 2 / 32).sum(), ones.size)
    runs = 1 + (bits[:, 1:] != bits[:, :-1]).sum(1)
    z = (runs - (1 + (length - 1) / 2)) / np.sqrt((length - 1) / 4)
    found["runs"] = 2 * stats.norm.sf(abs(z.sum()) / np.sqrt(streams))
    blocks = bits[:, : length // 8 * 8].reshape(-1, 8) @ (1 << np.arange(8))
    counts = np.bincount(blocks, minlength=256)
    found["serial, 8 bits"] = float(stats.chisquare(counts).pvalue)
    lags = [np.mean(signs[:, k:] * signs[:, :-k]) * np.sqrt(signs[:, k:].size) for k in range(1, 97)]
    found["lags to 96 steps"] = stats.chi2.sf(np.sum(np.square(lags)), len(lags))
    beside = np.mean(signs[1:] * signs[:-1]) * np.sqrt(signs[1:].size)
    found["neighbouring chains"] = 2 * stats.norm.sf(abs(beside))
    spectrum = np.abs(np.fft.rfft(signs, axis=1)[:, 1 : length // 2]) ** 2 / length
    found["spectrum"] = float(stats.kstest(1 - np.exp(-spectrum.ravel()), "uniform").pvalue)
    return {name: float(value) for name, value in found.items()}


def test_the_bits_pass_a_battery_and_poor_ones_do_not():
    found = noise_alone("two_point", "single", 512, 4096, fresh_seed()) > 0
    assert min(battery(found).values()) > UNLIKELY, battery(found)
    sizes = np.abs(noise_alone("four_point", "single", 512, 4096, fresh_seed())) > 1
    assert stats.binomtest(int(sizes.sum()), sizes.size, 0.25).pvalue > UNLIKELY
    # Poor bits: a word used twice, a stream shared by neighbours, one bit in 200 turned to one, a slow alternation.
    again = found.copy()
    again[:, 32:64] = found[:, :32]
    again = np.tile(again[:, :64], 64)
    shared = found.copy()
    shared[1::2] = found[::2]
    biased = found | (np.random.default_rng(fresh_seed()).random(found.shape) < 0.005)
    slow = found ^ (np.arange(4096) % 64 < 32)
    slow[:, ::3] = (np.arange(4096) % 64 < 32)[::3]
    for poor in (again, shared, biased, slow):
        assert min(battery(poor).values()) < UNLIKELY


@pytest.mark.parametrize("noise", NOISES)
def test_single_numbers_follow_double_ones(noise):
    """The same bits, so that for a while the same paths; later they part, as any that differ by rounding do."""
    potential, seed = find_potential("curve_against_point"), fresh_seed()
    runs = {
        precision: sample(
            potential, OverdampedLangevin(0.01, "leimkuhler_matthews", noise, precision), n_beta=2.0, chains=70,
            steps=40, seed=seed, diagnose=False,
        )["w"].values
        for precision in ("double", "single")
    }  # fmt: skip
    assert 0 < np.abs(runs["single"] - runs["double"]).max() < 1e-4
    assert np.array_equal(runs["single"], runs["single"].astype(np.float32))


@pytest.mark.parametrize("noise", NOISES)
def test_bits_do_not_depend_on_threads_chunks_or_what_is_kept(noise, monkeypatch):
    potential, seed = find_potential("barrier_spectrum"), fresh_seed()

    def run(threads: int, thin: int) -> np.ndarray:
        return sample(
            potential, OverdampedLangevin(0.005, noise=noise, precision="single"), n_beta=1.0, chains=700, steps=140,
            thin=thin, seed=seed, threads=threads, diagnose=False,
        )["w"].values  # fmt: skip

    whole = run(1, 1)
    assert np.array_equal(run(3, 7), whole[:, 6::7])
    monkeypatch.setattr("slt_toys.samplers.work.CHUNK", 700 * 10 * 13)
    monkeypatch.setattr("slt_toys.samplers.work.BLOCKS_AT_ONCE", 3)
    assert np.array_equal(run(2, 140), whole[:, -1:])


@pytest.mark.parametrize("first, second", [("gaussian", "two_point"), ("two_point", "gaussian"),
                                           ("four_point", "gaussian"), ("two_point", "four_point")])  # fmt: skip
def test_what_one_noise_leaves_is_not_read_by_another(first, second):
    """Stages end in the midst of a word, and of a pair of normals."""
    potential = Potential.from_expression("w**2")
    stages = [Stage(potential, OverdampedLangevin(0.5, noise=noise), 1.0, 7) for noise in (first, second)]
    seed = fresh_seed()
    draws = sample_stages(stages, chains=64, record_steps=np.arange(1, 15), seed=seed)["w"].values[:, :, 0]
    later = draws[:, 7:]
    if second == "gaussian":
        assert np.abs(later).max() < 8 and len(np.unique(later)) == later.size
        assert stats.kstest(later.ravel(), "norm").pvalue > UNLIKELY
    else:
        sizes = {round(size, 6) for size in (law_of(second).small, law_of(second).large)}
        assert set(np.unique(np.abs(later).round(6))) == sizes
    assert np.array_equal(np.abs(draws[:, :7]).round(9) == 1, np.full((64, 7), first == "two_point"))
