"""Samplers on circles and tori: the right law whatever the cut, draws in the box, and refusals by name."""

from math import pi

import numpy as np
import pytest

from slt_toys import MALA, SGD, Gibbs, OverdampedLangevin, RandomWalkMetropolis, ReplicaExchange, UnderdampedLangevin
from slt_toys.exact.equilibrium import occupancy
from slt_toys.potentials.example_catalogue import additive_examples
from slt_toys.potentials.examples import GaussianGradients
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import sample
from slt_toys.samplers.diagnostics import diagnose
from slt_toys.samplers.first_passage import sample_first_passage
from slt_toys.thermometers.dynamic import escape_thermometer, fluctuation_dissipation_thermometer, stationarity
from slt_toys.thermometers.equilibrium import anisotropy, energy_thermometer, occupancy_thermometer
from tests.seeds import fresh_seed

CIRCLE = "cos(w) + 0.8*cos(2*w + 1)"
N_BETA, CHAINS = 1.0, 1024
SAMPLERS = [
    OverdampedLangevin(0.01), OverdampedLangevin(0.02, "heun"), UnderdampedLangevin(0.1), MALA(0.2),
    RandomWalkMetropolis(1.5), Gibbs(), ReplicaExchange(MALA(0.2), (1.0, 3.0), swap_every=4),
]  # fmt: skip


def circle(cut: float = 4.0, text: str = CIRCLE) -> Potential:
    return Potential.from_expression(text, box=(cut, cut + 2 * pi), boundary="periodic")


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda own: f"{type(own).__name__}-{getattr(own, 'scheme', '')}")
@pytest.mark.parametrize("cut", [4.0])
def test_shares_and_means_are_exact(sampler, cut):
    potential = circle(cut)
    drawn = sample(
        potential, sampler, n_beta=N_BETA, chains=CHAINS, steps=6000, thin=600,
        seed=fresh_seed(), diagnose=False,
    )["w"].values[:, 1:]  # fmt: skip
    low, high = potential.box[0]
    assert ((drawn >= low) & (drawn <= high)).all()
    share = occupancy(potential, N_BETA)[0, 0]
    places = np.linspace(low, high, 200_001)[:-1, None]
    energy = potential.energy_function()
    weights = np.exp(-N_BETA * energy(places))
    for function, exact in (
        (lambda w: (potential.phase_index(w) == 0).astype(float), share),
        (lambda w: np.cos(w[..., 0]), (np.cos(places[:, 0]) * weights).sum() / weights.sum()),
        (lambda w: np.sin(w[..., 0]), (np.sin(places[:, 0]) * weights).sum() / weights.sum()),
        (energy, (energy(places) * weights).sum() / weights.sum()),
    ):
        means = function(drawn).mean(axis=1)
        error = means.std(ddof=1) / np.sqrt(CHAINS)
        assert abs(means.mean() - exact) < 5 * error + 0.01 * (not isinstance(sampler, MALA | Gibbs))


def test_sgd_goes_around():
    potential = circle()
    target = GaussianGradients(potential, variance=100.0)
    drawn = sample(target, SGD(0.01, 1), chains=CHAINS, steps=10_000, thin=1000, seed=fresh_seed(), diagnose=False)
    index = potential.phase_index(drawn["w"].values[:, 1:])  # T = 0.01 * 100 / 2
    means = (index == 0).mean(axis=1)
    assert abs(means.mean() - occupancy(potential, 2.0)[0, 0]) < 5 * means.std() / np.sqrt(CHAINS) + 0.01
    with pytest.raises(ValueError, match=r"period of .* is no part of a loss on examples"):
        sample(additive_examples(potential, 1.0, 64, 0), SGD(0.01, 1), chains=4, steps=10)


def test_starts_are_brought_into_the_box_and_a_torus_is_sampled():
    text = "cos(2*w1) + 2*cos(w2) + cos(w1 - w2) + 0.3*sin(w1)"
    torus = Potential.from_expression(text, box=[(1.0, 1.0 + 2 * pi), (-9.0, -9.0 + 2 * pi)], boundary="periodic")
    for sampler in (MALA(0.1), Gibbs()):
        drawn = sample(
            torus, sampler, n_beta=1.0, chains=CHAINS, steps=2000, thin=200, seed=fresh_seed(), initial=[100.0, -50.0],
            diagnose=False,
        )["w"].values[:, 2:]  # fmt: skip
        assert (drawn >= [1.0, -9.0]).all() and (drawn <= [1.0 + 2 * pi, -9.0 + 2 * pi]).all()
        means = (torus.phase_index(drawn) == 0).mean(axis=1)
        error = means.std(ddof=1) / np.sqrt(CHAINS)
        assert abs(means.mean() - occupancy(torus, 1.0)[0, 0]) < 5 * error


def test_a_run_is_trusted_and_a_wrong_one_is_not():
    potential, seed = circle(), fresh_seed()
    good = sample(potential, MALA(0.2), n_beta=1.0, chains=64, steps=20_000, thin=20, seed=seed)
    assert good.attrs["verdict"].startswith("trust"), good.attrs["verdict"]
    frozen = sample(potential, MALA(0.01), n_beta=40.0, chains=8, steps=2000, thin=20, seed=seed)
    assert not frozen.attrs["verdict"].startswith("trust")
    wrong = good.assign_attrs(n_beta=1.5)
    assert diagnose(wrong, potential).attrs["verdict"].startswith("do not trust")


def test_thermometers_read_or_refuse():
    potential = circle()
    drawn = sample(potential, MALA(0.2), n_beta=1.0, chains=512, steps=8000, thin=80, seed=fresh_seed())["w"].values[
        :, 2:
    ]
    for read in (energy_thermometer(potential, drawn), occupancy_thermometer(potential, drawn)):
        assert read.reads and abs(np.log(read.inverse_temperature)) < 5 * read.relative_error + 1e-3
    # What rests on the mean of w dL/dw, or on a level, would read something else here, and refuses.
    slopes = potential.gradient_function()(drawn)
    assert abs((drawn * slopes).mean() - 1.0) > 0.3
    assert "periodic" in fluctuation_dissipation_thermometer(potential, drawn, drawn, learning_rate=0.1).reason
    assert "periodic" in escape_thermometer(potential, drawn, time_per_draw=0.1, phase=0).reason
    with pytest.raises(ValueError, match="takes no circle or torus"):
        anisotropy(potential, drawn, 0)
    with pytest.raises(ValueError, match="takes no circle or torus"):
        stationarity(potential, drawn, drawn, learning_rate=0.1)
    with pytest.raises(ValueError, match="takes no circle or torus"):
        sample_first_passage(potential, OverdampedLangevin(0.01), temperature=0.5, start=[1.4], target=3.9, chains=4,
                             max_time=10.0)  # fmt: skip
