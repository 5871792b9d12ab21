"""The law of measured gradient noise against root finding, a memorised label by simulation, and a two-state process."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize

from tests.seeds import fresh_generator

DECAY = 0.9


def end(variance, batch_size: float, level: float) -> float:
    """Epoch at which the temperature falls to a level, by root finding."""
    return float(
        optimize.brentq(lambda e: 0.05 * DECAY**e * variance(e, batch_size) / (2 * batch_size) - level, 0, 400)
    )


@pytest.mark.parametrize(
    "variance",
    [
        lambda e, b: 3000.0,
        lambda e, b: 400.0 * b**0.6 * np.exp(-0.03 * e),
        lambda e, b: 9000.0 * np.exp(-20 * (1 - DECAY**e) / b),
        lambda e, b: 800 * (DECAY**e / b) ** 0.5,  # of theta alone
    ],
)
def test_shift_is_that_of_roots(evaluate, variance):
    batch, step = 32.0, 1e-4
    level = 0.05 * DECAY**12 * variance(12, batch) / (2 * batch)
    ends = [end(variance, batch * np.exp(sign * step), level) for sign in (-1, 1)]
    measured = (ends[1] - ends[0]) / (2 * step)
    log_variance = {key: np.log(variance(12 + de, batch * np.exp(db))) for key, de, db in
                    (("e", step, 0), ("-e", -step, 0), ("b", 0, step), ("-b", 0, -step))}  # fmt: skip
    law = evaluate(
        "end-shift-measured-noise", decay=DECAY,
        noise_batch_exponent=(log_variance["b"] - log_variance["-b"]) / (2 * step),
        noise_epoch_rate=(log_variance["e"] - log_variance["-e"]) / (2 * step),
    )  # fmt: skip
    assert measured == pytest.approx(law, rel=1e-5)


def test_a_variance_of_theta_alone_keeps_the_closed_form(evaluate):
    for power in (-0.5, 0.5, 2.0):
        law = evaluate(
            "end-shift-measured-noise", decay=DECAY, noise_batch_exponent=-power, noise_epoch_rate=power * np.log(DECAY)
        )
        assert law == pytest.approx(1 / np.log(DECAY))
    # Negative control: the same powers of B alone.
    alone = evaluate("end-shift-measured-noise", decay=DECAY, noise_batch_exponent=-0.5, noise_epoch_rate=0.0)
    assert alone == pytest.approx(1.5 / np.log(DECAY))


def test_memorised_residuals_by_simulation(evaluate):
    random = fresh_generator()
    size, batch, rate, memory, epochs = 4000, 4, 0.01, 4.0, 8
    residual = random.standard_normal(size)
    start = (residual**2).mean()
    for epoch in range(epochs):
        for chosen in random.integers(0, size, (size // batch, batch)):
            np.subtract.at(residual, chosen, rate * DECAY**epoch * memory / batch * residual[chosen])
    law = evaluate(
        "memorised-variance", memory_rate=memory, batch_size=batch, decay=DECAY, epoch=epochs,
        initial_learning_rate=rate, gradient_variance=1.0,
    )  # fmt: skip
    # Learning rates of whole epochs are above those of the continuous schedule by half an epoch's decay.
    assert (residual**2).mean() / start == pytest.approx(law, rel=0.02)
    assert abs((residual**2).mean() / start - 1) > 0.08  # control: it does fall


def test_drift_of_the_critical_temperature(evaluate):
    """Half mass of a two-state process whose variance is another constant: only the clock at a temperature differs."""

    def critical(variance: float, height: float = 1.0) -> float:
        batch, size = 32.0, 4e6

        def hazard(e):
            rate = 0.05 * DECAY**e
            return np.exp(-height * 2 * batch / (rate * variance)) * rate * size / batch

        def left(e):
            return integrate.quad(hazard, e, e + 300, limit=400)[0] - np.log(2)

        e = optimize.brentq(left, 0, 150)
        return 0.05 * DECAY**e * variance / (2 * batch)

    low, high = critical(3000.0), critical(3300.0)
    slope = np.log(high / low) / np.log(1.1)
    law = evaluate("temperature-drift-measured-noise", reduced_barrier=1.0 / np.sqrt(low * high))
    assert slope == pytest.approx(law, rel=0.15)
    assert 0.02 < law < 0.2


def test_escapes_to_come_by_adding_up(evaluate):
    """y = ΔL/T grows as the schedule and the variance fall, epochs get shorter; the control has one variance."""
    height, growth, attempts, duration = 3.0, -0.02, 0.5, 20.0
    fall = -np.log(DECAY) - growth
    made = integrate.quad(
        lambda x: attempts * duration * DECAY**x * np.exp(-height * np.exp(fall * x)), 0, np.inf, epsrel=1e-10
    )[0]
    given = {"attempt_rate": attempts, "epoch_time": duration, "reduced_barrier": height, "decay": DECAY}
    law = evaluate("escapes-left-measured-noise", **given, noise_epoch_rate=growth)
    assert made == pytest.approx(law, rel=1e-8)
    assert evaluate("escapes-left-measured-noise", **given, noise_epoch_rate=-1e-6) > 1.1 * law
