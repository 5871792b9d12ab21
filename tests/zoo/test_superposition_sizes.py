"""Other dictionaries: which are refused and why, their counts, phases and λ, and the command's option."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.results.progress import command_line
from slt_toys.zoo.command import Zoo, carry_out
from slt_toys.zoo.experiment import experiment_named, experiment_of
from slt_toys.zoo.superposition_loss import hessian, losses, polygon, polygon_loss
from slt_toys.zoo.superposition_sizes import check_features, learning_coefficient, phases_of, shares_of, study
from slt_toys.zoo.superposition_training import Data, Sgd, train
from tests.seeds import fresh_generator, fresh_seed


@pytest.mark.parametrize("features", [4, 10, 0, -1])
def test_other_sizes_are_refused(features):
    with pytest.raises(ValueError, match=rf"^--features must be from 5 to 9, not {features}:"):
        check_features(features)
    with pytest.raises(ValueError, match=r"^--features must be"):
        study(features)


def test_a_polygon_of_ten_is_no_minimum_and_four_lose_nothing():
    lowest = {n: np.linalg.eigvalsh(hessian(polygon(n, 0, n)))[0] for n in (9, 10)}
    assert abs(lowest[9]) < 1e-7 and lowest[10] < -1e-4
    assert not polygon_loss(4, 0, 4)


@pytest.mark.parametrize("features", [5, 7, 8])
def test_polygons_are_minima_of_their_dictionary(features):
    """Gradient descent from beside a polygon ends at its exact loss, not at that of another dictionary."""
    for columns, pluses in phases_of(features)[:2]:
        near = polygon(columns, pluses, features) + 0.01 * fresh_generator().standard_normal(3 * features)
        end = losses(train(near[None], Data.drawn(fresh_seed(), features), Sgd(0.2, 0), 3000.0, 0))[0]
        assert end == pytest.approx(polygon_loss(columns, pluses, features), abs=1e-6)
        assert abs(end - polygon_loss(5, 1)) > 1e-4


@pytest.mark.parametrize("features", [6, 7, 8, 9])
def test_columns_count_three_weights_less_the_turn(features):
    """λ of c sides is (3c - 1)/2; a dead feature without slope takes three weights with it, one with a + none."""
    assert learning_coefficient(features, 0, features) == (3 * features - 1) / 2
    assert learning_coefficient(5, 0, features) == 7.0


def test_counts_hold_every_run_that_is_finite():
    weights = np.array([polygon(k, 0, 8) for k in (8, 7, 5, 3, 3)])
    weights[-1, 0] = np.nan
    assert shares_of(weights, 8).tolist() == [1, 0, 1, 0, 1, 1]


def test_an_option_is_another_experiment_with_files_of_its_own():
    chosen = experiment_of("superposition", ("features", 8))
    assert chosen.NAME == "zoo_superposition_features_8"
    assert chosen.COMMAND == "python -m slt_toys.zoo run superposition --features 8"
    for stem in ("zoo_superposition", "zoo_superposition_features_8", "zoo_in_context_transience_torch"):
        assert stem == experiment_named(stem).NAME
    for stem in ("zoo_lion", "zoo_superposition_torch", "zoo_superposition_features", "zoo_bottleneck"):
        with pytest.raises(ValueError, match="stem must be that of an experiment of the zoo"):
            experiment_named(stem)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "superposition", "--features", "10"), "--features must be from 5 to 9, not 10"),
        (("run", "insight", "--features", "8"), "--features belongs to superposition, not to insight"),
        (("run", "superposition", "--torch"), "--torch belongs to in_context_transience, not to superposition"),
        (("all", "--features", "8"), "--features belongs to run NAME, not to all"),
        (("run", "superposition", "--features", "8", "--torch"), "must not be given together"),
    ],
)
def test_refusals(capsys, words, told):
    status = command_line(Zoo, carry_out, words)
    out, err = capsys.readouterr()
    assert status == 2 and not out and told in err and err.count("\n") == 1
