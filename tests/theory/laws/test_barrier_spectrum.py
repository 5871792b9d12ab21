"""The barrier spectrum against the integrated hazard, and an inversion of a simulated decline."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize

DECAY, ATTEMPT = 0.97, 0.3
RATE = -np.log(DECAY)


def escapes(height, epoch, power=0.0, scale=1.0):
    """Escapes after this epoch over a barrier, T = .6 decay^e, t_1 = 20 decay^e times the scale, by quadrature."""

    def hazard(e):
        temperature = 0.6 * DECAY**e
        return ATTEMPT * temperature**power * np.exp(-height / temperature) * 20 * scale * DECAY**e

    return integrate.quad(hazard, epoch, epoch + 400, epsrel=1e-11, limit=400)[0]


def sliding(evaluate, epoch, power=0.0, scale=1.0):
    temperature = 0.6 * DECAY**epoch
    law = evaluate(
        "sliding-barrier", temperature=temperature, rate_temperature_power=power, attempt_rate=ATTEMPT,
        epoch_time=20 * scale * DECAY**epoch, decay=DECAY,
    )  # fmt: skip
    return law, temperature


@pytest.mark.parametrize("power", [0.0, 0.25])
def test_sliding_barrier(evaluate, power):
    defects = []
    orders = []
    for scale in (1.0, 1e6, 1e12):
        law, temperature = sliding(evaluate, 30, power, scale)
        exact = optimize.brentq(lambda height, scale=scale: np.log(escapes(height, 30, power, scale)), 0.01, 20)
        defects.append((law - exact) / temperature * law / temperature)
        orders.append(temperature / law)
    # Off by the next order, (2 + s) T / barrier in the log of the escapes.
    assert abs(defects[2] - (2 + power)) < abs(defects[0] - (2 + power))
    limit = (defects[2] * orders[1] - defects[1] * orders[2]) / (orders[1] - orders[2])
    assert limit == pytest.approx(2 + power, rel=0.03)


def test_kernel(evaluate):
    law, temperature = sliding(evaluate, 30, scale=1e4)
    width = evaluate("barrier-spectrum-kernel-width", temperature=temperature, sliding_barrier=law)
    centre = optimize.brentq(lambda height: np.log(escapes(height, 30, scale=1e4)), 0.01, 20)
    step = 1e-4
    exact = 2 * step / np.log(escapes(centre - step, 30, scale=1e4) / escapes(centre + step, 30, scale=1e4))
    assert width == pytest.approx(exact, rel=0.03)
    for shift in (-1.0, 0.0, 1.0, 3.0):
        height = centre + shift * exact
        stuck = evaluate("barrier-spectrum-kernel", barrier_height=height, sliding_barrier=centre, kernel_width=exact)
        assert stuck == pytest.approx(np.exp(-escapes(height, 30, scale=1e4)), abs=0.01)
        # Negative control: the mirror image of the kernel is another law.
        mirrored = 1 - evaluate(
            "barrier-spectrum-kernel", barrier_height=2 * centre - height, sliding_barrier=centre, kernel_width=exact
        )
        assert abs(mirrored - stuck) > 0.02 or shift >= 3.0


def test_width_and_damping_of_the_kernel():
    def density(z):
        return np.exp(-z - np.exp(-z))

    mean, second = (integrate.quad(lambda z, n=n: z**n * density(z), -6, 60)[0] for n in (1, 2))
    assert np.sqrt(second - mean**2) == pytest.approx(np.pi / np.sqrt(6), rel=1e-8)
    for q in (0.5, 1.5):
        real, imaginary = (
            integrate.quad(lambda z, f=f, q=q: f(q * z) * density(z), -6, 60, limit=400)[0] for f in (np.cos, np.sin)
        )
        assert real**2 + imaginary**2 == pytest.approx(np.pi * q / np.sinh(np.pi * q), rel=1e-6)


@pytest.mark.parametrize("power", [0.0, 0.25])
def test_resolution(evaluate, power):
    """Exactly the kernel's deviation over the speed of the sliding barrier; off the true spread by order T/barrier."""
    defects = []
    for scale in (1e4, 1e8, 1e16):
        law, temperature = sliding(evaluate, 30, power, scale)
        step = 1e-3
        ends = [sliding(evaluate, 30 + side * step, power, scale)[0] for side in (1, -1)]
        speed = (ends[1] - ends[0]) / (2 * step)
        width = evaluate("barrier-spectrum-kernel-width", temperature=temperature, sliding_barrier=law)
        found = evaluate(
            "barrier-spectrum-resolution", decay=DECAY, rate_temperature_power=power, reduced_barrier=law / temperature
        )
        assert found == pytest.approx(np.pi / np.sqrt(6) * width / speed, rel=1e-8)
        epochs = np.linspace(30 - 25 * found, 30 + 12 * found, 801)
        stuck = np.exp([-escapes(law, e, power, scale) for e in epochs])
        assert stuck[0] < 1e-12 and stuck[-1] > 1 - 1e-7
        density = np.gradient(stuck, epochs)
        mean = np.trapezoid(epochs * density, epochs)
        spread = np.sqrt(np.trapezoid((epochs - mean) ** 2 * density, epochs))
        defects.append((found / spread - 1, law / temperature))
    assert all(0 < off < 1.25 / reduced for off, reduced in defects)
    assert defects[0][0] > defects[1][0] > defects[2][0]


def test_inversion(evaluate):
    """A wide spectrum of barriers comes back from the slope of its decline."""
    scale = 1e8
    heights = np.linspace(0.5, 9.0, 400)
    spectrum = np.exp(-((heights - 4.0) ** 2) / (2 * 0.9**2))
    spectrum /= np.trapezoid(spectrum, heights)
    for epoch in (35.0, 40.0, 45.0):
        around = [
            np.trapezoid(spectrum * np.exp([-escapes(h, e, scale=scale) for h in heights]), heights)
            for e in (epoch - 0.25, epoch + 0.25)
        ]
        law, temperature = sliding(evaluate, epoch, scale=scale)
        density = evaluate(
            "barrier-spectrum",
            decline_slope=(around[1] - around[0]) / 0.5,
            sliding_barrier=law,
            temperature=temperature,
            rate_temperature_power=0,
            decay=DECAY,
        )
        width = evaluate("barrier-spectrum-kernel-width", temperature=temperature, sliding_barrier=law)
        centre = law + np.euler_gamma * width  # the mean of the kernel
        # Left over: curvature of the spectrum over the kernel, and the next order in T / barrier.
        assert density == pytest.approx(np.interp(centre, heights, spectrum), rel=0.06)


@pytest.mark.parametrize("noise", [1e-4, 1e-3, 1e-2])
def test_separation(evaluate, noise):
    """Two Gumbel steps against the best single one, on a dense record: they differ by z² at the law's distance."""
    width, per_width, size = 0.16, 20, 3.0
    distance = evaluate(
        "barrier-spectrum-separation", kernel_width=width, relative_noise=noise, points_per_width=per_width,
        detection_size=size,
    )  # fmt: skip
    level = 200  # widths of it, which fix the weight but for 1/(2 level) of what is seen
    sliding = np.arange(-level, 12, 1 / per_width) * width

    def step(centre):
        return np.exp(-np.exp(-(centre - sliding) / width))

    pair = (step(-distance / 2) + step(distance / 2)) / 2

    def miss(single):
        return np.sum((pair - single[1] * step(single[0])) ** 2) / noise**2

    best = optimize.minimize(miss, [0.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-11, "fatol": 1e-11})
    # The next order goes as the squared distance, that is as the noise: 1.26 of it.
    assert abs(best.fun / size**2 - (1 - 1 / (2 * level))) < 2 * noise
    assert miss([0.0, 1.0]) > best.fun and miss([0.3 * width, 1.0]) > 144 * size**2
