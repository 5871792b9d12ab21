"""Rival laws: their formulas, those derived in theory, and worlds that prefer their own."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import sympy
from scipy.stats import chi2

from slt_toys.fits.batch_size import compare, fit_model
from slt_toys.fits.rival_laws import rival_models
from tests.fits.known_worlds import DATASET_SIZE, DECAY, LEARNING_RATE, MODELS, SIZES, THEOREM, TRUTH, world
from tests.seeds import fresh_generator
from theory.equations import EQUATIONS


@pytest.mark.parametrize("name", MODELS)
def test_every_law_finds_its_own_parameters(name):
    fit = fit_model(MODELS[name], SIZES, world(name))
    assert [parameter.value for parameter in fit.parameters] == pytest.approx(TRUTH[name], rel=1e-7)
    for parameter in fit.parameters:
        assert parameter.low == pytest.approx(parameter.value, rel=1e-5)
        assert parameter.high == pytest.approx(parameter.value, rel=1e-5)
    json.dumps(fit.to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", MODELS)
def test_every_world_prefers_its_own_law(name):
    errors = np.full(len(SIZES), 0.5)
    values = world(name) + fresh_generator().normal(0, 0.5, len(SIZES))
    comparison = compare(MODELS, SIZES, values, errors)
    weights = {law: fit.weight for law, fit in comparison.fits.items()}
    assert None not in weights.values()
    assert math.fsum(weight for weight in weights.values() if weight is not None) == pytest.approx(1)
    # laws that contain this one fit as well, whatever the noise; every other law must lose beyond doubt
    containing = {"scaling_law": {"log_law"}, "constant": {"log_law", "power_law"}}.get(name, set())
    for law, fit in comparison.fits.items():
        assert fit.p_value is not None and fit.weight is not None
        if law == name:
            assert fit.p_value > 2 * chi2.sf(25, 1), "five standard errors"
        elif law not in containing:
            assert fit.p_value < 1e-6 and fit.weight < 1e-6
    json.dumps(comparison.to_dict(), allow_nan=False)


def test_known_worlds_have_known_formulas():
    assert np.diff(world("scaling_law")) == pytest.approx(-THEOREM)
    assert math.isclose(THEOREM, 22.76, abs_tol=0.005)
    epochs = world("flow_time")
    spent = LEARNING_RATE * DATASET_SIZE / SIZES * (1 - DECAY**epochs) / (1 - DECAY)
    assert spent == pytest.approx(150.0), "flow time spent by the end is the same for every batch size"
    constant_rate = rival_models(SIZES, decay=1.0, learning_rate=LEARNING_RATE, dataset_size=DATASET_SIZE)
    assert "scaling_law" not in constant_rate
    epochs = constant_rate["flow_time"].predict(np.array([40.0]), SIZES)
    assert epochs == pytest.approx(40 * SIZES / (LEARNING_RATE * DATASET_SIZE))
    assert fit_model(constant_rate["flow_time"], SIZES, epochs).parameters[0].value == pytest.approx(40)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_laws_are_those_derived_in_theory(momentum):
    models = rival_models(SIZES, decay=DECAY, learning_rate=LEARNING_RATE, dataset_size=DATASET_SIZE, momentum=momentum)
    reference = math.sqrt(SIZES[0] * SIZES[-1])

    def derived(label: str, **values: float) -> list[float]:
        equation = EQUATIONS[label]
        values = {"decay": DECAY, "momentum": momentum, "dataset_size": DATASET_SIZE} | values
        values |= {"initial_learning_rate": LEARNING_RATE, "learning_rate": LEARNING_RATE}
        names = [name for name in equation.symbols if name in {*values, "batch_size"}]
        right: Any = sympy.lambdify([equation.symbols[name] for name in names], equation.equation.rhs)
        return [float(right(*((values | {"batch_size": size})[name] for name in names))) for size in SIZES]

    offset = 90 - math.log(reference) / math.log(DECAY)
    scaling = models["scaling_law"].predict(np.array([90.0]), SIZES)
    assert scaling == pytest.approx(derived("critical-period-end-exponential", epoch_offset=offset))
    assert pytest.approx(derived("epochs-per-halving")[0]) == THEOREM
    flow = models["flow_time"].predict(np.array([130.0]), SIZES)
    assert flow == pytest.approx(derived("critical-period-end-flow-time", flow_time=130.0))
    constant_rate = rival_models(
        SIZES, decay=1.0, learning_rate=LEARNING_RATE, dataset_size=DATASET_SIZE, momentum=momentum
    )
    flow = constant_rate["flow_time"].predict(np.array([130.0]), SIZES)
    assert flow == pytest.approx(derived("critical-period-end-flow-time-constant", flow_time=130.0))
    # under a learning rate ~ (1 + e)^-p, 1 + e* is a power law with q = 1/p: the epoch is counted from 1
    power = derived(
        "critical-period-end-power-law",
        gradient_variance=3072.0,
        critical_temperature=0.001,
        schedule_power=2.0,
    )
    fit = fit_model(models["power_law"], SIZES, 1 + np.array(power))
    assert fit.parameters[1].value == pytest.approx(1 / 2, rel=1e-6)
    assert np.max(np.abs(fit.residuals)) < 1e-6 * max(power)
    # flow time left is the scaling law again
    left = derived("critical-period-end-flow-time-left", flow_time=130.0)
    assert fit_model(models["scaling_law"], SIZES, left).loss < 1e-16 * np.sum(np.square(left))
