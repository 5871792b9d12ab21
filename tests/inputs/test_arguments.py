"""Every public function either works with an odd value or says in one line which argument is wrong."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from slt_toys import samplers
from slt_toys.barriers import transition_law
from slt_toys.exact import draws as exact_draws
from slt_toys.exact import equilibrium, kinetics, phase_boundaries, propagator, sweeps, temperature_ladder
from slt_toys.exact import fokker_planck as fp
from slt_toys.fits import agreement as slope_agreement
from slt_toys.fits import batch_size as end_fits
from slt_toys.fits import collapse, resampling, rival_laws
from slt_toys.fits import ends as critical_period_end
from slt_toys.learning_coefficient import sampled_energy
from slt_toys.potentials.catalogue import find_pair, find_potential
from slt_toys.protocol import exact, shifts, training
from slt_toys.protocol.schedule import Ending
from slt_toys.samplers import statistics as chain_statistics
from slt_toys.thermometers import dynamic, readings
from slt_toys.thermometers import equilibrium as equilibrium_thermometers
from slt_toys.thermometers import sgd_temperature as temperature_map

WELL = find_potential("regular_double_well")
PAIR = find_pair("regular_double_well")
GRID = fp.grid_for(WELL, [0.3], 40)
PROCESS = fp.fokker_planck(WELL, GRID)
EPOCHS = np.arange(0.0, 80.0, 10.0)
CURVE = 1 / (1 + np.exp((EPOCHS - 35) / 6))
CURVES = [collapse.BatchCurve(b, EPOCHS + s, CURVE, 0.1 * 0.97**EPOCHS) for b, s in ((32, 20.0), (64, 0.0))]
POSITIONS = np.random.default_rng(0).normal(size=(24, 12, 1)) * 0.2 + np.where(np.arange(12) % 2, 1.0, -1.0)[:, None]
MODELS = rival_laws.rival_models([32, 64, 128], decay=0.97, learning_rate=0.05, dataset_size=50_000)
DEFINITION = critical_period_end.Definition("half_depth")
SIZES, ENDS = [32, 64, 128, 256], [80.0, 57.0, 35.0, 12.0]

# Function, and arguments that work.
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "inverse_temperature": (temperature_map.inverse_temperature, {
        "learning_rate": 0.01, "batch_size": 8, "momentum": 0.1, "gradient_variance": 3.0, "curvature": (0.5, 8.0),
        "barrier": (1.0, 2.0), "order": "reshuffled", "dataset_size": 80}),
    "annealing_schedule": (samplers.annealing_schedule, {
        "first": 1.0, "last": 9.0, "steps": 8, "shape": "linear", "plateaus": 4}),
    "temperature_ladder": (temperature_ladder.temperature_ladder, {
        "potential": WELL, "coldest": 0.2, "hottest": 0.4, "acceptance": 0.5}),
    "ladder_from_energies": (temperature_ladder.ladder_from_energies, {
        "temperatures": [0.1, 0.2], "energies": [[0.1, 0.2], [0.3, 0.1]], "acceptance": 0.5}),
    "swap_acceptance": (temperature_ladder.swap_acceptance, {"potential": WELL, "cold": 0.2, "hot": 0.3}),
    "best_exponent": (collapse.best_exponent, {
        "curves": CURVES, "levels": (0.3, 0.5), "absolute": False, "confidence": 0.9, "flat_within": 0.05}),
    "collapse": (collapse.collapse, {
        "curves": CURVES, "dataset_size": 5000, "exponents": (1.0,), "levels": (0.3, 0.5), "absolute": False}),
    "percentile_interval": (resampling.percentile_interval, {"replicates": [1.0, 2.0, 3.0], "confidence": 0.9}),
    "resample_counts": (resampling.resample_counts, {
        "stuck_counts": [1, 2, 3], "chains": 8, "repetitions": 10, "seed": 1}),
    "resample_chains": (resampling.resample_chains, {"stuck": [[0, 1], [1, 1]], "repetitions": 10, "seed": 1}),
    "resample_curve": (resampling.resample_curve, {
        "switch_epochs": EPOCHS, "values": CURVE, "definition": DEFINITION, "confidence": 0.9, "repetitions": 10,
        "seed": 1}),
    "end_with_interval": (resampling.end_with_interval, {
        "switch_epochs": EPOCHS, "values": CURVE, "curves": CURVE + np.zeros((5, 1)), "definition": DEFINITION,
        "confidence": 0.9}),
    "find_end": (critical_period_end.find_end, {"switch_epochs": EPOCHS, "values": CURVE, "definition": DEFINITION}),
    "half_stuck_mass": (critical_period_end.half_stuck_mass, {
        "switch_epochs": EPOCHS, "values": CURVE, "level": 0.5, "interpolation": "linear", "direction": "falling"}),
    "hinge": (critical_period_end.hinge, {"switch_epochs": EPOCHS, "values": CURVE}),
    "half_depth": (critical_period_end.half_depth, {"switch_epochs": EPOCHS, "values": CURVE, "tail_rows": 3}),
    "fit_model": (end_fits.fit_model, {
        "model": next(iter(MODELS.values())), "batch_sizes": SIZES, "epochs": ENDS, "standard_errors": np.ones(4),
        "confidence": 0.9}),
    "compare": (end_fits.compare, {
        "models": MODELS, "batch_sizes": SIZES, "epochs": ENDS, "standard_errors": np.ones(4), "confidence": 0.9}),
    "epochs_per_halving": (end_fits.epochs_per_halving, {
        "batch_sizes": SIZES, "epochs": ENDS, "confidence": 0.9}),
    "agreement": (slope_agreement.agreement, {
        "slopes": [1.0, 1.1], "standard_errors": [0.1, 0.1], "theory": 1.0, "confidence": 0.9}),
    "halvings_of_rate": (slope_agreement.halvings_of_rate, {"rates": [0.1, 0.05], "initial_rate": 0.1}),
    "slopes_per_halving": (slope_agreement.slopes_per_halving, {"batch_sizes": SIZES, "ends": ENDS}),
    "rival_models": (rival_laws.rival_models, {
        "batch_sizes": SIZES, "decay": 0.97, "learning_rate": 0.05, "dataset_size": 5e4, "momentum": 0.1}),
    "power_schedule_models": (rival_laws.power_schedule_models, {
        "batch_sizes": SIZES, "power": 1.0, "learning_rate": 0.05, "dataset_size": 5e4, "gradient_variance": 3.0}),
    "free_energy": (equilibrium.free_energy, {"potential": WELL, "phase": "left", "n_beta": [3.0]}),
    "occupancy": (equilibrium.occupancy, {"potential": WELL, "n_beta": [3.0]}),
    "phase_table": (equilibrium.phase_table, {"potential": WELL, "n_beta": [3.0], "tolerance": 1e-6}),
    "marginal_density": (equilibrium.marginal_density, {
        "potential": WELL, "coordinate": 0, "n_beta": 3.0, "grid": [0.0, 0.5]}),
    "phase_asymptotics": (phase_boundaries.phase_asymptotics, {"potential": WELL, "phase": 0}),
    "crossover": (phase_boundaries.crossover, {
        "potential": WELL, "phase_a": 0, "phase_b": 1, "n_beta_range": (0.1, 100.0)}),
    "loss_gap_boundary": (phase_boundaries.loss_gap_boundary, {
        "potential": WELL, "phase_a": 0, "phase_b": 1, "n_beta": [3.0]}),
    "learning_coefficient_by_quadrature": (phase_boundaries.learning_coefficient_by_quadrature, {
        "potential": WELL, "phase": 0, "n_beta": [1e5, 1e6, 1e7, 1e8]}),
    "draw_exact": (exact_draws.draw_exact, {"potential": WELL, "n_beta": 3.0, "size": 5, "seed": 1}),
    "grid_for": (fp.grid_for, {"potentials": WELL, "temperatures": [0.3], "cells": 40}),
    "relaxation_time": (fp.relaxation_time, {
        "process": PROCESS, "temperature": 0.3, "tolerance": 1e-8, "iterations": 100}),
    "spectrum": (fp.spectrum, {"process": PROCESS, "temperature": 0.3, "count": 3}),
    "propagator": (propagator.propagator, {
        "process": PROCESS, "temperature": 0.3, "duration": 1.0, "substeps": 2}),
    "propagator_error": (propagator.propagator_error, {"substeps": 4}),
    "forward_sweep": (sweeps.forward_sweep, {
        "process": PROCESS, "temperatures": [0.3, 0.2], "durations": [1.0, 1.0], "start": GRID.volumes, "substeps": 2}),
    "stuck_by_switch": (exact.stuck_by_switch, {
        "pair": PAIR, "temperatures": np.array([0.3, 0.2]), "durations": np.ones(2), "switch_epochs": [0, 1],
        "ending": Ending("further", 1), "start": "deficit phase", "cells": 40, "grid": GRID}),
    "barrier_form": (kinetics.barrier_form, {"potential": WELL, "index": 0}),
    "well_form": (kinetics.well_form, {"potential": WELL, "phase": 0}),
    "cells_near": (kinetics.cells_near, {"grid": GRID, "point": [1.0], "radius": 0.1}),
    "committor_quadrature": (kinetics.committor_quadrature, {
        "potential": WELL, "temperature": 0.3, "points": [0.0], "first": -1.0, "second": 1.0}),
    "log_mean_first_passage_time": (kinetics.log_mean_first_passage_time, {
        "potential": WELL, "temperature": 0.3, "start": -1.0, "target": 1.0}),
    "kramers_rate": (kinetics.kramers_rate, {
        "well": kinetics.well_form(WELL, 0), "barrier": kinetics.barrier_form(WELL), "temperature": 0.3}),
    "reading": (readings.reading, {
        "thermometer": "x", "n_beta": 3.0, "influence": POSITIONS[..., 0] / 10, "confidence": 0.9}),
    "energy_thermometer": (equilibrium_thermometers.energy_thermometer, {
        "potential": WELL, "positions": POSITIONS, "phase": 0, "between": (0.1, 1e4), "confidence": 0.9}),
    "occupancy_thermometer": (equilibrium_thermometers.occupancy_thermometer, {
        "potential": WELL, "positions": POSITIONS, "between": (0.1, 1e4), "confidence": 0.9}),
    "escape_thermometer": (dynamic.escape_thermometer, {
        "potential": WELL, "positions": POSITIONS, "time_per_draw": 0.1, "phase": 0, "target": 1,
        "between": (0.1, 1e4), "confidence": 0.9}),
    "anisotropy": (equilibrium_thermometers.anisotropy, {
        "potential": WELL, "positions": POSITIONS, "phase": 0, "confidence": 0.9}),
    "fluctuation_dissipation_thermometer": (dynamic.fluctuation_dissipation_thermometer, {
        "potential": WELL, "before": POSITIONS, "after": POSITIONS + 0.01, "learning_rate": 0.1, "momentum": 0.1,
        "confidence": 0.9}),
    "stationarity": (dynamic.stationarity, {
        "potential": WELL, "before": POSITIONS, "after": POSITIONS + 0.01, "learning_rate": 0.1, "momentum": 0.1}),
    "monte_carlo_standard_error": (chain_statistics.monte_carlo_standard_error, {"values": POSITIONS}),
    "split_r_hat": (chain_statistics.split_r_hat, {"values": POSITIONS}),
    "drift": (chain_statistics.drift, {"values": POSITIONS}),
    "relaxation_time_within": (sampled_energy.relaxation_time_within, {
        "potential": WELL, "phase": 0, "temperature": 0.3}),
    "largest_stable_step": (samplers.largest_stable_step, {"potential": WELL, "temperature": 0.3}),
    "sample": (samplers.sample, {
        "potential": WELL, "sampler": samplers.OverdampedLangevin(0.01), "n_beta": 3.0, "chains": 2, "steps": 4,
        "thin": 2, "seed": 1, "initial": "left", "threads": 1, "diagnose": False}),
    "transition_table": (transition_law.transition_table, {
        "potential": WELL, "temperature": 0.3, "start": 0, "target": 1}),
    "mixture": (shifts.mixture, {"pair": PAIR, "deficit_weight": 0.5}),
    "shift_catalogue": (shifts.shift_catalogue, {"length": 8}),
    "Late": (shifts.Late, {"onset_epoch": 1, "length": 2}),
    "Partial": (shifts.Partial, {"switch_epoch": 1, "deficit_weight": 0.5}),
    "Repeated": (shifts.Repeated, {"deficit_length": 1, "clean_length": 1, "repetitions": 2}),
    "Training": (training.Training, {
        "batch_size": 8, "dataset_size": 80, "learning_rate_at": training.ConstantRate(0.1), "gradient_variance": 1.0,
        "momentum": 0.1}),
    "ExponentialDecay": (training.ExponentialDecay, {"learning_rate": 0.1, "decay": 0.9}),
    "PowerDecay": (training.PowerDecay, {"learning_rate": 0.1, "power": 1.0}),
    "OverdampedLangevin": (samplers.OverdampedLangevin, {"step_size": 0.1, "scheme": "heun"}),
    "UnderdampedLangevin": (samplers.UnderdampedLangevin, {"step_size": 0.1, "friction": 1.0, "splitting": "BAOAB"}),
    "MALA": (samplers.MALA, {"step_size": 0.1}),
    "Gibbs": (samplers.Gibbs, {"slice_width": 0.1}),
    "SGD": (samplers.SGD, {
        "learning_rate": 0.1, "batch_size": 4, "momentum": 0.1, "nesterov": True, "order": "reshuffled",
        "added_noise": 0.1}),
    "SGLD": (samplers.SGLD, {"learning_rate": 0.1, "batch_size": 4, "order": "reshuffled"}),
    "ReplicaExchange": (samplers.ReplicaExchange, {
        "sampler": samplers.MALA(0.1), "temperatures": (0.1, 0.2), "swap_every": 5, "step_sizes": (0.1, 0.2)}),
}  # fmt: skip
BAD = {
    "text": "x", "empty text": "", "digits": "3", "an array": np.array([1.0, 2.0]), "no numbers": np.array([]),
    "a matrix": np.ones((2, 2, 2, 2)), "a list of text": ["x"], "None": None, "nan": np.nan, "inf": np.inf,
    "-inf": -np.inf, "an array with nan": np.array([np.nan, 1.0]), "True": True, "negative": -1, "zero": 0,
    "complex": 1j, "complex array": np.array([1j, 2j]), "a dict": {}, "an object": object(), "huge": 1e308,
    "a fraction": 2.5, "bytes": b"3", "a list": [1.0, 2.0, 3.0], "numpy bool": np.True_, "beyond doubles": 10**400,
}  # fmt: skip


# What is wrong may be told of what an argument is to another one, or by the word for what it names.
ALSO = {
    "tolerance": ("did not settle", "tolerance"),
    "stuck_phase": ("phase",), "initial": ("phase",), "slopes": ("standard_errors",), "standard_errors": ("slopes",),
    "batch_sizes": ("epochs",), "iterations": ("did not settle",), "potentials": ("potential",),
    "phase_a": ("phase",), "phase_b": ("phase",), "start": ("phase", "switch"),
    "target": ("phase",), "temperatures": ("energies", "temperature"), "hot": ("temperature",), "absolute": ("curves",),
    "cold": ("hot",),
    "batch_size": ("batch size",), "n_beta_range": ("n_beta",), "grid": ("start",), "deficit": ("clean", "potential"),
    "clean": ("deficit", "potential"), "chains": ("stuck_counts",), "durations": ("temperatures",),
}  # fmt: skip


def outcome(function: Callable[..., Any], arguments: dict[str, Any], name: str) -> str:
    """Empty where the call works or is refused in the way that it should; else what is wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            function(**arguments)
    except Exception as error:
        if not isinstance(error, ValueError | TypeError) and type(error).__module__.split(".")[0] != "slt_toys":
            return f"{type(error).__name__}: {str(error)[:100]}"
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = str(error)
        own = any(f"/{folder}/" in where.filename for folder in ("slt_toys", "theory", "figures"))
        if not own or "site-packages" in where.filename:
            return f"raised in {where.filename}:{where.lineno}: {message[:80]}"
        named = any(word in message for word in (name, *ALSO.get(name, ())))
        if "\n" in message or len(message) > 400 or not named:
            return f"does not name {name} in one line: {message[:160]!r} ({where.name})"
        return ""
    return ""


def cases() -> Iterator[Any]:
    for name, (_, arguments) in CALLS.items():
        for argument in arguments:
            yield pytest.param(name, argument, id=f"{name}-{argument}")


@pytest.mark.parametrize(("name", "argument"), list(cases()))
def test_odd_values_work_or_are_refused_by_name(name, argument):
    function, arguments = CALLS[name]
    wrong = {
        what: told
        for what, value in BAD.items()
        if not _slow(argument, what) and (told := outcome(function, arguments | {argument: value}, argument))
    }
    assert not wrong, "\n".join(f"{what}: {told}" for what, told in wrong.items())


def _slow(argument: str, what: str) -> bool:
    """Right, and as long or as far beyond doubles as asked for."""
    return what == "huge" and argument in ("hottest", "temperature", "radius", "n_beta")


@pytest.mark.parametrize("name", CALLS)
def test_the_calls_work_as_they_are(name):
    function, arguments = CALLS[name]
    function(**arguments)
