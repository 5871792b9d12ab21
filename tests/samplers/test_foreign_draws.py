"""Draws go to ArviZ of today without a conversion, and draws of others come from there and are judged as ours are."""

from __future__ import annotations

from typing import Any

import arviz_base
import arviz_stats
import matplotlib
import matplotlib.pyplot as plt
import matplotlib.style
import numpy as np
import pytest
import xarray as xr

import slt_toys
from slt_toys.samplers import MALA, sample
from slt_toys.samplers.diagnostics import diagnose
from slt_toys.samplers.draws_file import draws_to_tree, read_draws, write_draws
from slt_toys.samplers.foreign_draws import draws_from_tree, summarise_draws
from tests.seeds import fresh_generator, fresh_seed

arviz: Any = arviz_stats  # what it exports is not typed
POTENTIAL = slt_toys.find_potential("curve_against_point")


@pytest.fixture(scope="module")
def drawn() -> xr.Dataset:
    return sample(POTENTIAL, MALA(0.02), n_beta=1.0, chains=4, steps=2000, thin=5, seed=fresh_seed(), diagnose=False)


@pytest.fixture(scope="module")
def hierarchy() -> xr.DataTree:
    """Laid out as PyMC's and NumPyro's: a number, an array with named entries, and one without names."""
    normal = fresh_generator().standard_normal
    values = {"mu": normal((4, 300)), "theta": normal((4, 300, 3)), "z": normal((4, 300, 2, 2))}
    return arviz_base.from_dict(
        {"posterior": values, "sample_stats": {"diverging": np.zeros((4, 300), bool)}},
        coords={"school": ["north", "east", "south"]},
        dims={"theta": ["school"]},
    )


def drawing():
    """arviz-plots; what serves Python 3.11 knows neither this matplotlib's styles nor its colours."""
    matplotlib.use("Agg")
    if not hasattr(matplotlib.style, "core"):
        matplotlib.style.core = matplotlib.style  # pyright: ignore[reportAttributeAccessIssue]
    return pytest.importorskip("arviz_plots")


@pytest.mark.parametrize("kind", ["plot_trace", "plot_rank"])
def test_arviz_draws_ours_without_a_conversion(drawn, tmp_path, kind):
    plots = drawing()
    write_draws(drawn, tmp_path / "draws.nc")
    for tree in (draws_to_tree(drawn), xr.open_datatree(tmp_path / "draws.nc", engine="h5netcdf")):
        shown = getattr(plots, kind)(tree, backend="matplotlib", color=["C0", "C1", "C2", "C3"])
        axes = np.ravel(shown.viz["plot"]["w"].values)
        assert len(axes) == POTENTIAL.dimension
        lines = [line for axis in axes for line in axis.get_lines()]
        assert len(lines) >= drawn.sizes["chain"] * POTENTIAL.dimension
        if kind == "plot_trace":
            held = [line.get_ydata() for line in axes[0].get_lines()]
            assert any(np.array_equal(each, drawn["w"].values[0, :, 0]) for each in held)
        plt.close("all")


def test_arviz_says_of_ours_what_we_say(drawn):
    mine, posterior = summarise_draws(drawn), draws_to_tree(drawn)["posterior"].to_dataset()
    for method in ("bulk", "tail"):
        more = {"prob": (0.05, 0.95)} if method == "tail" else {}
        theirs = arviz.ess(posterior, method=method, **more)["w"]
        assert np.allclose(theirs, mine[f"{method}_effective_sample_size"], rtol=1e-9)
    assert np.allclose(arviz.rhat(posterior)["w"], mine["r_hat"], rtol=1e-9)
    assert np.allclose(arviz.mcse(posterior)["w"], mine["monte_carlo_standard_error"], rtol=1e-9)
    assert mine["coordinate"].values.tolist() == ["w1", "w2"]


def test_draws_of_others_are_flattened_as_arviz_names_them(hierarchy):
    found = draws_from_tree(hierarchy)
    names = [str(name) for name in arviz.summary(hierarchy).index]
    assert found["coordinate"].values.tolist() == names and len(names) == 8
    posterior = hierarchy["posterior"]
    for name, values in (
        ("mu", posterior["mu"]),
        ("theta[east]", posterior["theta"].sel(school="east")),
        ("z[1, 0]", posterior["z"][:, :, 1, 0]),
    ):
        assert np.array_equal(found["w"].sel(coordinate=name), values)
    table = arviz.summary(hierarchy, round_to="none")
    mine = summarise_draws(found)
    assert np.allclose(table["r_hat"].astype(float), mine["r_hat"], rtol=1e-6)
    assert np.allclose(table["ess_bulk"].astype(float), mine["bulk_effective_sample_size"], rtol=1e-6)


def test_variables_are_taken_in_the_order_that_is_asked_for(hierarchy, tmp_path):
    found = draws_from_tree(hierarchy["posterior"].to_dataset(), ["theta", "mu"])
    assert found["coordinate"].values.tolist() == ["theta[north]", "theta[east]", "theta[south]", "mu"]
    turned = hierarchy["posterior"].to_dataset().transpose("draw", ..., "chain")
    xr.testing.assert_identical(draws_from_tree(turned, ["theta", "mu"]), found)
    write_draws(found, tmp_path / "theirs.nc")
    xr.testing.assert_identical(read_draws(tmp_path / "theirs.nc"), found)


def test_draws_of_others_are_judged_by_our_verdict(drawn):
    potential = slt_toys.Potential.from_expression("x**2/2 + y**2/2")
    good = fresh_generator().standard_normal((4, 2000, 2))
    tree = arviz_base.from_dict({"posterior": {"x": good[..., 0], "y": good[..., 1]}})
    assert diagnose(draws_from_tree(tree), potential).attrs["verdict"].startswith("trust")
    apart = good + np.array([0.0, 0.0, 0.0, 3.0])[:, None, None]
    tree = arviz_base.from_dict({"posterior": {"x": apart[..., 0], "y": apart[..., 1]}})
    assert diagnose(draws_from_tree(tree), potential).attrs["verdict"].startswith("do not trust")
    assert summarise_draws(draws_from_tree(tree))["r_hat"].min() > 1.1
    xr.testing.assert_equal(draws_from_tree(draws_to_tree(drawn))["w"].drop_vars("coordinate"), _numbered(drawn))


def _numbered(drawn: xr.Dataset) -> xr.DataArray:
    numbers = {name: np.arange(drawn.sizes[name]) for name in ("chain", "draw")}
    return drawn["w"].drop_vars([name for name in drawn["w"].coords]).assign_coords(numbers)


@pytest.mark.parametrize(
    ("tree", "variables", "message"),
    [
        (3, None, r"^tree must be an xarray DataTree or its posterior, not int"),
        (
            xr.DataTree.from_dict({"prior": xr.Dataset()}),
            None,
            r"^tree must have a group 'posterior'; there are: prior",
        ),
        (xr.Dataset(), None, r"^variables: there is none"),
        (xr.Dataset({"x": (("chain", "draw"), np.ones((2, 3)))}), ["y"], r"^variables: there is no 'y' in .*are: x"),
        (xr.Dataset({"x": (("chain", "draw"), np.ones((2, 3)))}), ["x", "x"], r"^variables: 'x' is named twice"),
        (xr.Dataset({"x": (("draw",), np.ones(3))}), None, r"^tree: x must have dimensions chain and draw"),
        (xr.Dataset({"x": (("chain", "draw"), [["a"]])}), None, r"^tree: x must be real numbers, not <U1"),
        (
            xr.Dataset({"x": (("chain", "draw", "k"), np.ones((2, 3, 2)))}, {"k": ["a", "a"]}),
            None,
            r"^tree: two entries have one name",
        ),
    ],
)
def test_what_is_no_draws_is_refused_in_one_line(tree, variables, message):
    with pytest.raises(ValueError, match=message) as told:
        draws_from_tree(tree, variables)
    assert "\n" not in str(told.value)


def test_a_summary_needs_draws():
    for wrong in (3, xr.Dataset(), xr.Dataset({"w": (("chain", "draw", "coordinate"), np.ones((0, 3, 1)))})):
        with pytest.raises(ValueError, match=r"^draws must hold w"):
            summarise_draws(wrong)  # pyright: ignore[reportArgumentType]
    broken = xr.Dataset({"w": (("chain", "draw", "coordinate"), np.full((2, 30, 1), np.nan))})
    assert np.isnan(summarise_draws(broken)["r_hat"])
