"""Draws on disk: to the last bit, complete or absent, refused when damaged, and read by ArviZ as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import arviz_stats
import numpy as np
import pytest
import xarray as xr

from slt_toys.potentials.catalogue import find_potential
from slt_toys.results import records
from slt_toys.samplers import MALA, draws_file, sample
from slt_toys.samplers.diagnostics import attach
from slt_toys.samplers.draws_file import draws_to_tree, read_draws, write_draws
from slt_toys.samplers.statistics import split_r_hat, summarise
from tests.seeds import fresh_generator, fresh_seed

arviz: Any = arviz_stats  # what it exports is not typed
ENDINGS = (".nc", ".zarr")
POTENTIAL = find_potential("curve_against_point")


@pytest.fixture(scope="module")
def drawn() -> xr.Dataset:
    seed = fresh_seed()
    run = sample(POTENTIAL, MALA(0.02), n_beta=1.0, chains=6, steps=2505, thin=5, seed=seed, diagnose=False)
    return attach(run, POTENTIAL)


def opened(path: Path) -> xr.DataTree:
    """As ArviZ of today opens it: by xarray."""
    return xr.open_datatree(path, engine="h5netcdf" if path.suffix == ".nc" else "zarr")


def rich(drawn: xr.Dataset) -> xr.Dataset:
    """With what other samplers may tell: levels of a ladder, numbers of each draw, flags, and a missing one."""
    more = drawn.assign(
        swap_acceptance=(("chain", "pair"), np.linspace(0, 1, 18).reshape(6, 3)),
        lp=(("chain", "draw"), -np.ones((6, 501))),
        level=(("chain", "draw"), np.arange(6 * 501).reshape(6, 501)),
        diverging=(("chain", "draw"), np.eye(6, 501) > 0),
        missing=((), np.nan),
    )
    return more.assign_attrs(chains_tried=12, wall=0.25, empty="", note="two\nlines, β = 1/T")


def same(one: xr.Dataset, other: xr.Dataset) -> None:
    xr.testing.assert_identical(one, other)
    assert set(one.coords) == set(other.coords)
    for name, variable in one.variables.items():
        assert variable.dtype == other[name].dtype, name
        assert variable.values.tobytes() == other[name].values.tobytes(), name
    assert {name: type(value) for name, value in one.attrs.items()} == {
        name: type(value) for name, value in other.attrs.items()
    }


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_read_is_what_was_written(drawn, tmp_path, ending):
    path = tmp_path / f"draws{ending}"
    for dataset in (drawn, rich(drawn), drawn[["w"]], drawn.isel(draw=[0]), drawn.drop_attrs()):
        before = dataset.copy(deep=True)
        checksum = write_draws(dataset, path)
        same(read_draws(path), before)
        same(dataset, before)
        assert checksum == records.sha256(path)


def test_numbered_chains_and_draws_keep_their_numbers(drawn, tmp_path):
    path = tmp_path / "draws.nc"
    for kept in (
        drawn.assign_coords(chain=np.arange(6), draw=np.arange(501)).isel(chain=[1, 4], draw=slice(100, None)),
        drawn.assign_coords(draw=np.arange(501) * 10),
    ):
        write_draws(kept, path)
        same(read_draws(path), kept)
        assert np.array_equal(opened(path)["posterior"]["draw"], kept["draw"])


@pytest.mark.parametrize("ending", ENDINGS)
def test_arviz_reads_the_file_as_it_is(drawn, tmp_path, ending):
    path = tmp_path / f"draws{ending}"
    write_draws(rich(drawn), path)
    found = opened(path)
    posterior, statistics = found["posterior"], found["sample_stats"]
    assert posterior["w"].dims == ("chain", "draw", "coordinate")
    assert np.array_equal(posterior["w"], drawn["w"])
    assert np.asarray(posterior["coordinate"]).tolist() == ["w1", "w2"]
    assert np.array_equal(posterior["time"], drawn["time"]) and np.array_equal(posterior["chain"], np.arange(6))
    assert np.array_equal(statistics["acceptance"], drawn["acceptance"])
    assert statistics["lp"].dims == ("chain", "draw") and posterior.attrs["verdict"] == drawn.attrs["verdict"]
    assert found.attrs["inference_library"] == "slt-toys"
    mine = summarise(drawn["w"].values)
    theirs: Any = arviz.rhat(posterior.to_dataset())
    assert np.allclose(theirs["w"], split_r_hat(drawn["w"].values), rtol=1e-9)
    table = arviz.summary(found, var_names=["w"], round_to="none")
    assert list(table.index) == ["w[w1]", "w[w2]"]
    assert np.allclose(table["mean"], mine.mean) and np.allclose(table["ess_bulk"], mine.bulk_effective_sample_size)
    assert np.allclose(table["mcse_mean"], mine.monte_carlo_standard_error)


def test_the_record_says_what_made_the_file(drawn, tmp_path):
    path = tmp_path / "draws.nc"
    checksum = write_draws(drawn, path, wall_time=2.5)
    record = json.loads((tmp_path / "draws.json").read_text())["manifest"]
    assert record["files"] == {"draws.nc": checksum} and record["wall_time_seconds"] == 2.5
    assert record["seed"] == int(drawn.attrs["seed"]) and record["config"] == drawn.attrs
    write_draws(drawn.assign_attrs(seed="(1, 2)"), path)
    record = json.loads((tmp_path / "draws.json").read_text())["manifest"]
    assert record["seed"] is None and record["wall_time_seconds"] is None and record["config"]["seed"] == "(1, 2)"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["draws.json", "draws.nc"]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.999])
@pytest.mark.parametrize("recorded", [True, False])
def test_a_truncated_file_is_refused_in_one_line(drawn, tmp_path, share, recorded):
    path = tmp_path / "draws.nc"
    write_draws(drawn, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    if not recorded:
        (tmp_path / "draws.json").unlink()
    with pytest.raises(
        ValueError, match=r"^path: .*(not the file that draws\.json records|no readable NetCDF)"
    ) as told:
        read_draws(path)
    assert "\n" not in str(told.value)


def test_a_changed_bit_is_refused(drawn, tmp_path):
    path = tmp_path / "draws.nc"
    write_draws(drawn, path)
    content = bytearray(path.read_bytes())
    place = int(fresh_generator().integers(len(content)))
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"not the file that draws\.json records"):
        read_draws(path)


def test_files_of_something_else_are_refused(drawn, tmp_path):
    path = tmp_path / "other.nc"
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_draws(path)
    records.write_dataset(drawn, path)
    with pytest.raises(
        ValueError, match="holds no draws in the layout 'slt-toys draws 1'; write_draws makes such files"
    ):
        read_draws(path)
    records.write_groups({"/": xr.Dataset(attrs={"layout": draws_file.LAYOUT})}, path)
    with pytest.raises(ValueError, match="no readable NetCDF file") as told:
        read_draws(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_an_interrupted_write_leaves_the_old_file(drawn, tmp_path, monkeypatch, moment):
    path = tmp_path / "draws.nc"
    write_draws(drawn, path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def fail(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(records.os, moment, fail)
        with pytest.raises(KeyboardInterrupt):
            write_draws(rich(drawn), path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    same(read_draws(path), drawn)


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        (lambda d: d, "draws.h5", "path must end in .nc or .zarr, not '.h5'"),
        (lambda d: d, "draws", "path must end in .nc or .zarr, not ''"),
        (lambda d: d.drop_vars("w"), "draws.nc", r"dataset must hold w \(chain, draw, coordinate\).*not no w"),
        (lambda d: d.transpose("draw", ...), "draws.nc", r"dataset must hold w \(chain, draw, coordinate\)"),
        (lambda d: d.assign_attrs(extra=None), "draws.nc", "attribute 'extra' must be text or a number, not None"),
        (lambda d: d.assign_attrs(extra=[1]), "draws.nc", "attribute 'extra' must be text or a number"),
        (lambda d: d.assign_attrs(extra=True), "draws.nc", "attribute 'extra' must be text or a number, not True"),
        (lambda d: d.assign(extra=((), {"a": 1})), "draws.nc", r"dataset cannot be written to draws\.nc"),
        (lambda d: d.assign(extra=((), {"a": 1})), "draws.zarr", "dataset cannot be written as zarr"),
    ],
)
def test_bad_input_is_refused_and_nothing_written(drawn, tmp_path, change, name, message):
    with pytest.raises(ValueError, match=message) as told:
        write_draws(change(drawn), tmp_path / name)
    assert "\n" not in str(told.value) and list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="wall_time must be a finite number of seconds"):
        write_draws(drawn, tmp_path / "draws.nc", wall_time=-1.0)
    assert list(tmp_path.iterdir()) == []


def test_the_tree_in_memory_is_the_one_in_the_file(drawn, tmp_path):
    write_draws(rich(drawn), tmp_path / "draws.nc")
    kept, there = opened(tmp_path / "draws.nc").load(), draws_to_tree(rich(drawn))
    assert {*kept.children} == {*there.children} == {"posterior", "sample_stats"}
    for name in kept.children:
        xr.testing.assert_identical(kept[name].to_dataset(), there[name].to_dataset())
    with pytest.raises(ValueError, match="dataset must hold w"):
        draws_to_tree(drawn[["time"]])
