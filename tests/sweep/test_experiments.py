from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pytest

from slt_toys.results.__main__ import main as results_main
from slt_toys.results.recipe import Experiment
from slt_toys.smooth_decline import SmoothDecline
from slt_toys.sweep import experiments
from slt_toys.sweep.experiments import (
    carried_out_experiment,
    check_points,
    experiment_names,
    find_experiment,
    find_study,
    grid_of,
    option_names,
    values_of,
    work_of,
)

PHASE = find_experiment("phase_diagram")


def own_study(name):
    study = find_study(name)
    assert study is not None
    return study


def test_every_command_and_every_studied_model_can_be_swept():
    """Read off the sources: a command whose options are an experiment's is not forgotten."""
    folder = Path(experiments.__file__).parents[1]
    files = {path.stem for path in folder.glob("*.py") if "Experiment" in path.read_text() and path.stem != "__init__"}
    named = {path.stem for path in folder.glob("*.py") if re.search(r"NAME: ClassVar\[str\] = ", path.read_text())}
    assert named <= set(experiment_names()) and files <= set(experiment_names()) | {"__init__"}
    for name in experiment_names():
        kind = find_experiment(name) if find_study(name) is None else own_study(name).options
        assert option_names(kind) and not {"out", "docs"} & set(option_names(kind))
    assert find_experiment("zoo_insight") is find_experiment("insight") and issubclass(PHASE, Experiment)


def test_an_unknown_experiment_is_refused_with_all_names():
    with pytest.raises(ValueError, match=r"EXPERIMENT must be one of phase_diagram, .*insight.*, not 'phase'"):
        find_experiment("phase")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seed=0:4", (0, 1, 2, 3)),
        ("seed=10:0:-4", (10, 6, 2)),
        ("seed=5", (5,)),
        ("seed=7,1:3,9", (7, 1, 2, 9)),
        ("decay=.96,0.97", (0.96, 0.97)),
        ("learning-rate=1e-2", (0.01,)),
        ("--batch-sizes=24 36,48 72 96", ((24, 36), (48, 72, 96))),
        ("published=yes,no", (True, False)),
        ("potential=w**2*(w - 1)**2,Max(w, 1)", ("w**2*(w - 1)**2", "Max(w, 1)")),
        ("potential=-w**2+w**4", ("-w**2+w**4",)),
        ("potential=0:3", ("0:3",)),  # a text, whatever it says
    ],
)
def test_values_are_read_as_the_experiments_own_command_reads_them(text, values):
    name, found = values_of(PHASE, text)
    assert found == values and [type(each) for each in found] == [type(each) for each in values]
    assert name == text.partition("=")[0].removeprefix("--").replace("-", "_")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds=1", "must be NAME=VALUES with one of .*seed"),
        ("seed", "must be NAME=VALUES"),
        ("out=here", "must be NAME=VALUES"),
        ("seed=x", "--over seed: 'x' cannot be used"),
        ("seed=1.5", "--over seed: '1.5' cannot be used"),
        ("seed=", "--over seed: '' cannot be used"),
        ("seed=3:3", "3:3 has no numbers"),
        ("seed=0:9:0", "has a step of 0"),
        ("published=perhaps", "must be yes or no"),
        ("decay=0", "--over: at decay=0.0: decay must lie"),
        ("seed=-1:1", "--over: at seed=-1: --seed must be at least 0, not -1"),
        ("batch_sizes=24 x", "--over batch_sizes: '24 x' cannot be used"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(text, said):
    with pytest.raises(ValueError, match=said) as refused:
        values_of(PHASE, text)
        grid = grid_of("phase_diagram", PHASE, [text])
        check_points(PHASE, work_of("phase_diagram", [], True)[1], grid)
    assert "\n" not in str(refused.value)


def test_options_are_checked_together_at_every_point():
    """A boundary needs a box: neither is refused for the other's absence where both are given."""
    over = ["boundary=periodic,reflecting"]
    kind, work = work_of("phase_diagram", ["potential=cos(w)", "box=0 6.283"], True)
    check_points(kind, work, grid_of("phase_diagram", kind, over))
    kind, work = work_of("phase_diagram", [], True)
    with pytest.raises(ValueError, match=r"--over: at boundary=periodic: --boundary periodic needs --box LOW HIGH"):
        check_points(kind, work, grid_of("phase_diagram", kind, over))


def test_settings_hold_everywhere_and_have_one_value():
    _, work = work_of("phase_diagram", ["chains=500", "decay=.9"], True)
    assert work.constants["chains"] == 500 and work.constants["decay"] == 0.9 and work.constants["seed"] == 0
    with pytest.raises(ValueError, match=r"--set 'seed=1,2' has 2 values; sweep over them with --over"):
        work_of("phase_diagram", ["seed=1,2"], True)
    with pytest.raises(ValueError, match="--set 'nothing=1' must be NAME=VALUES"):
        work_of("phase_diagram", ["nothing=1"], True)


def test_a_point_is_known_by_every_option():
    grid = grid_of("phase_diagram", PHASE, ["seed=0:2"])
    keys = [[work_of("phase_diagram", each, True)[1].unit(point).key for point in grid] for each in ([], ["decay=.9"])]
    assert len({key for part in keys for key in part}) == 4
    again = [work_of("phase_diagram", ["seed=1"], True)[1].unit(point).key for point in grid]
    assert again == keys[0]  # what is swept takes the place of what is set


def test_an_option_is_swept_once_and_something_is_swept():
    with pytest.raises(ValueError, match="an option is swept twice"):
        grid_of("phase_diagram", PHASE, ["seed=0", "seed=1"])
    with pytest.raises(ValueError, match="--over must be given at least once"):
        grid_of("phase_diagram", PHASE, [])


def test_a_study_has_points_of_its_own_and_takes_others():
    study = own_study("verdict_power")
    own = grid_of("verdict_power", study.options, [])
    assert 0 < len(own) < len(list(Grid_product(own)))
    named = grid_of("verdict_power", study.options, ["first=0", "form=known", "world=temperature alone"])
    assert len(named) == 1
    kind, work = work_of("verdict_power", ["draws=30"], True)
    check_points(kind, work, named)
    with pytest.raises(ValueError, match=r"--over: at .*world must be one of temperature alone; "):
        check_points(kind, work, grid_of("verdict_power", kind, ["world=nowhere"]))


def Grid_product(grid):
    """All combinations, whether wanted or not."""
    import itertools

    return itertools.product(*grid.axes.values())


@pytest.mark.slow
def test_an_experiment_in_a_worker_gives_what_its_command_writes(tmp_path, monkeypatch):
    from slt_toys.barriers import published
    from slt_toys.results import recipe

    few = partial(published.published_spectra, factors=(1.0, 4.0), redraws=4, repetitions=20)
    monkeypatch.setattr(published, "published_spectra", few)
    small: dict = {"method": "eyring_kramers", "chains": 500, "ratios": (1.1, 2.5), "noises": (0.003, 0.03), "runs": 2,
                   "intervals": (64, 16384), "recordings": 4, "switch_epochs": 30}  # fmt: skip
    made = SmoothDecline(seed=3, out=tmp_path, **small)
    record = recipe.carry_out(made)
    result = carried_out_experiment(
        "smooth_decline", True, **{name: getattr(made, name) for name in option_names(SmoothDecline)}
    )
    assert result.variables["verdict"][1].tolist() == [claim["verdict"] for claim in record["claims"]]
    assert result.coordinates["claim"][1].tolist() == [claim["name"] for claim in record["claims"]]
    kept = json.loads(result.files["smooth_decline.json"])
    written = json.loads((tmp_path / "smooth_decline.json").read_text())
    assert kept["claims"] == written["claims"] and kept["numbers"] == written["numbers"]
    assert set(result.files) == {"smooth_decline.json", "smooth_decline.md", "smooth_decline.nc"}
    out = tmp_path / "exported"
    out.mkdir()
    for name, content in result.files.items():
        (out / name).write_bytes(content)
    assert results_main(["verify", str(out)]) == 0
    assert results_main(["compare", str(tmp_path / "smooth_decline.json"), str(out / "smooth_decline.json")]) == 0
