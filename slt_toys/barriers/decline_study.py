"""What ``python -m slt_toys.smooth_decline`` runs, from its options: declines read, a map of recovery, and recordings.

The options are checked where they are declared; here they are only put to use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from sympy import Rational

from ..potentials.catalogue import regular_double_well
from ..potentials.potential import PotentialPair
from ..protocol.schedule import Ending
from ..protocol.training import ExponentialDecay, Training
from ..results.progress import progress
from . import published
from .measured import PUBLISHED, MeasuredDecline, find_decline, published_size
from .population import Population, log_normal
from .readings import DeclineReading
from .recording_intervals import ManyBarriers, transitions_by_interval
from .resolution import recovery_map
from .sampled_readings import ratios_within, read_populations

if TYPE_CHECKING:
    from ..smooth_decline import SmoothDecline

CELLS = 200  # of the Fokker-Planck grid
SPACING = 0.1  # of the kernel's nodes; with the cells the kernel is right to 5e-4 (tested)
LEVEL = 0.05

__all__ = ["CELLS", "SPACING", "decline_study", "populations", "protocol", "slanted_pair"]


def protocol(options: SmoothDecline) -> tuple[Training, Ending]:
    """The training, and when it ends."""
    if options.decline.startswith(PUBLISHED):
        return published.published_protocol(published_size(options.decline), options.gradient_variance)
    rates = ExponentialDecay(options.learning_rate, options.decay)
    training = Training(
        options.batch_size, options.dataset_size, rates, options.gradient_variance, options.momentum
    )  # fmt: skip
    return training, Ending(options.ending, options.epochs)


def slanted_pair(options: SmoothDecline) -> PotentialPair:
    """Shape of every subsystem."""
    slant = Rational(str(options.slant))
    return PotentialPair("double_well", regular_double_well(-slant), regular_double_well(slant), "left")


def populations(options: SmoothDecline) -> list[Population]:
    """What is sampled: separate barriers, and a smooth spectrum."""
    shares = np.array(options.weights) / sum(options.weights)
    separate = Population(f"{len(options.barriers)} separate barriers", np.array(options.barriers), shares)
    return [separate, log_normal("a smooth spectrum", options.median, options.spread)]


def decline_study(
    options: SmoothDecline,
) -> tuple[
    list[DeclineReading], MeasuredDecline | list[Population], xr.Dataset | None, xr.Dataset | None, xr.Dataset | None
]:
    """Read the declines, map where three barriers are recovered, and record SGD over many barriers.

    Returns
    -------
    tuple
        Readings, what was read, the maps of recovery and of recording intervals, and the published curves. None in
        place of the first map where the kernel does not explain a decline of one's own, and of the other two where
        they are not asked for beside it.

    Raises
    ------
    ValueError
        In one line, when the decline cannot be read or the populations have barriers that it cannot show.
    """
    training, ending = protocol(options)
    source = (
        find_decline(options.decline, best=options.best, worst=options.worst)
        if options.decline
        else populations(options)
    )
    pair, seed, spectra = slanted_pair(options), options.seed, None
    kernel_options = {"method": options.method, "cells": CELLS, "spacing": SPACING}
    with progress("barriers behind declines", 100) as advance:
        if isinstance(source, MeasuredDecline):
            readings = [published.read_measured(pair, training, ending, source, seed=[seed, 0], **kernel_options)]
            advance(45)
            centre = readings[0].median
        else:
            by_option: dict[str, Population] = {"--barriers": source[0], "--median and --spread": source[1]}
            readings = read_populations(
                pair, training, ending, by_option, options.switch_epochs, chains=options.chains, seed=seed,
                advance=advance, **kernel_options,
            )  # fmt: skip
            centre = float(np.exp(np.log(options.barriers).mean()))
        kernel, recovered, recorded = readings[0].kernel, None, None
        if not (options.decline and readings[0].windows.doubt):
            recovered = recovery_map(
                kernel, centre, ratios_within(kernel, centre, options.ratios), options.noises, runs=options.runs,
                repetitions=60, level=LEVEL, seed=seed, advance=lambda share: advance(30 * share),
            )  # fmt: skip
        if options.published or not options.decline:
            recorded = transitions_by_interval(
                ManyBarriers(), options.intervals, chains=options.recordings, seed=[seed, 2]
            )  # fmt: skip
            advance(15)
            spectra = published.published_spectra(
                pair, options.gradient_variance, seed=[seed, 3], advance=lambda share: advance(10 * share)
            )
    return readings, source, recovered, recorded, spectra
