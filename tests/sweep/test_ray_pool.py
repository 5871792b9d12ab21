"""Sweeps on Ray: the same bits as on processes, and nothing lost or done twice whatever ends."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from slt_toys.results.ledger import Ledger
from slt_toys.sweep import ray_pool, sweep
from slt_toys.sweep.ray_pool import RayPool, fitting
from slt_toys.sweep.tasks import Failed, Returned, Task
from tests import seeds
from tests.sweep import units_on_ray as units

ROOT = Path(__file__).resolve().parents[2]
cluster = pytest.mark.cluster
SOON = 90.0  # seconds after which a test gives up


# ---- without Ray ----


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"^ray needs the extra cluster: pip install 'slt-toys\[cluster\]'$"):
        sweep(units.raises, {"place": [0]}, constants={"folder": "", "culprit": 1}, ray="local")


@pytest.mark.parametrize(
    ("resources", "num_cpus", "num_gpus", "count"),
    [
        ({"CPU": 8}, 1, 0, 8),
        ({"CPU": 8}, 3, 0, 2),
        ({"CPU": 1}, 0.1, 0, 10),
        ({"CPU": 8}, 9, 0, 0),
        ({"CPU": 8}, 1, 0.5, 0),
        ({"CPU": 8, "GPU": 2}, 1, 0.5, 4),
        ({"CPU": 8, "GPU": 2}, 1, 0.3, 6),
        ({"CPU": 8, "GPU": 2}, 1, 0.6, 2),  # two parts never make one place
        ({"CPU": 8, "GPU": 5}, 1, 2, 2),
        ({"CPU": 1, "GPU": 4}, 0, 1, 4),
        ({}, 1, 0, 0),
    ],
)
def test_how_many_tasks_fit_on_a_node(resources, num_cpus, num_gpus, count):
    assert fitting(resources, num_cpus, num_gpus) == count


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_cpus": 0}, "num_cpus and num_gpus are both 0"),
        ({"num_cpus": float("nan")}, "num_cpus must be 0 or at least 0.0001, not nan"),
        ({"num_cpus": -1}, "num_cpus must be 0 or at least 0.0001, not -1"),
        ({"num_gpus": 1e-5}, "num_gpus must be 0 or at least 0.0001, not 1e-05"),
        ({"num_gpus": 1.5}, "num_gpus must be a part of one, or a whole number, not 1.5"),
        ({"workers": 0}, "workers must be at least 1, not 0"),
        ({"threads": -1}, "threads must be at least 0, not -1"),
        ({"retries": -1}, "retries must be at least 0, not -1"),
    ],
)
def test_what_no_cluster_could_do_is_refused_before_one_is_started(options, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        RayPool("local", **options)


def test_a_functions_own_module_counts_but_that_of_the_script_travels_with_it(monkeypatch):
    plain = ray_pool.identity_of(Task("", fitting, ()), ray_pool.OWN)
    assert "function" not in plain
    own = ray_pool.identity_of(Task("", fitting, (units.device, {})), ray_pool.OWN)
    assert own["function"] and {**own, "function": None} == {**plain, "function": None}
    monkeypatch.setattr(units.device, "__module__", "__main__")
    assert ray_pool.identity_of(Task("", fitting, (units.device, {})), ray_pool.OWN) == plain


# ---- on a cluster ----


@pytest.fixture(scope="module")
def ray():
    """The library, where it is."""
    return pytest.importorskip("ray", reason="Ray is not installed: pip install 'slt-toys[cluster]'")


@pytest.fixture(scope="module")
def new_cluster(ray):
    """Makes clusters of several nodes on this machine, where they can be started; their heads end with the tests."""
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        Cluster = importlib.import_module("ray.cluster_utils").Cluster

        def make(*nodes):
            try:
                made.append(Cluster())
                return made[-1], [made[-1].add_node(include_dashboard=False, **each) for each in nodes]
            except Exception as error:
                pytest.skip(f"Ray cannot start here: {error}")

        yield make
    ray.shutdown()
    for each in made:
        each.shutdown()


@pytest.fixture(scope="module")
def two_nodes(new_cluster):
    """The address of two nodes of one processor, the second with a GPU as far as Ray knows."""
    return new_cluster({"num_cpus": 1}, {"num_cpus": 1, "num_gpus": 1})[0].address


def all_of(pool, tasks):
    """What all tasks give, by key."""
    for task in tasks:
        pool.submit(task)
    back = {}
    while pool.in_flight:
        back |= {each.key: each for each in pool.wait(1.0)}
    return back


def until(happened, what):
    began = time.monotonic()
    while not happened():
        assert time.monotonic() < began + SOON, f"{what} did not happen"
        time.sleep(0.02)


def nodes_of(folder) -> set[int]:
    """The processes above those that have begun a unit of `counted`: one of each node."""
    return {int(line) for path in Path(folder).iterdir() for line in path.read_text().splitlines()}


def recorded(folder) -> set[int]:
    """Places whose results are in a sweep's ledger; none before it is there."""
    try:
        with Ledger(Path(folder), "read") as ledger:
            return {arguments["place"] for _, arguments in ledger.arguments()}
    except (OSError, ValueError):
        return set()


@cluster
def test_two_nodes_give_the_bits_of_processes(two_nodes):
    grid = {"seed": seeds.fresh_seeds() + [seeds.fresh_seed() for _ in range(6)], "size": [2, 33, 150]}
    local = sweep(units.numbers, grid, workers=2)
    there = sweep(units.numbers, grid, ray=two_nodes)
    assert there.drop_vars("unit_seconds").identical(local.drop_vars("unit_seconds"))
    assert set(there["threads"].values.ravel()) == {"1,1"}
    assert len(np.unique(there["smallest"])) == there["smallest"].size  # they are no constants


@cluster
@pytest.mark.usefixtures("two_nodes")
def test_ray_of_this_machine_gives_the_bits_of_processes_and_is_gone_after(ray):
    grid = {"seed": [seeds.fresh_seed() for _ in range(4)], "size": [50]}
    local, there = (sweep(units.numbers, grid, workers=2, ray=where) for where in (None, "local"))
    assert there.drop_vars("unit_seconds").identical(local.drop_vars("unit_seconds"))
    assert not ray.is_initialized()


@cluster
def test_both_nodes_work_and_workers_bounds_how_many(two_nodes, tmp_path):
    grid = {"place": range(12)}
    found = sweep(units.counted, grid, constants={"folder": str(tmp_path), "seconds": 0.2}, ray=two_nodes)
    assert len(np.unique(found["node"])) == 2
    pool = RayPool(two_nodes, workers=1)
    try:
        assert pool.room == 1
    finally:
        pool.close(at_once=False)


@cluster
@pytest.mark.parametrize("retries", [1, 0])
def test_a_unit_whose_worker_is_killed_is_done_again_as_often_as_is_said(two_nodes, tmp_path, retries):
    constants = {"folder": str(tmp_path), "killer": 5, "times": 1}
    found = sweep(units.kills_its_worker, {"place": range(12)}, constants=constants, ray=two_nodes, retries=retries)
    rest = [place for place in range(12) if retries or place != 5]
    assert found["value"].values[rest].tolist() == [place**2 for place in rest]
    assert bool(found["unit_done"][5]) == bool(retries)
    assert units.begun(tmp_path) == {place: 1 + retries * (place == 5) for place in range(12)}
    if not retries:
        assert found.attrs["failures"] == ["{'place': 5}: its worker died 1 times"]


@cluster
def test_units_that_always_fail_are_reported_and_the_rest_is_done(two_nodes, tmp_path):
    folders = [tmp_path / "kills", tmp_path / "raises"]
    for folder in folders:
        folder.mkdir()
    constants = {"folder": str(folders[0]), "killer": 3, "times": 99}
    killed = sweep(units.kills_its_worker, {"place": range(8)}, constants=constants, ray=two_nodes, retries=1)
    assert killed.attrs["failures"] == ["{'place': 3}: its worker died 2 times"]
    constants = {"folder": str(folders[1]), "culprit": 4}
    raised = sweep(units.raises, {"place": range(8)}, constants=constants, ray=two_nodes)
    assert raised.attrs["failures"] == ["{'place': 4}: ArithmeticError: no result at 4"]
    assert int(killed["unit_done"].sum()) == int(raised["unit_done"].sum()) == 7
    assert units.begun(folders[0])[3] == 2 and set(units.begun(folders[1]).values()) == {1}


@cluster
def test_what_cannot_travel_fails_alone(two_nodes):
    pool = RayPool(two_nodes)
    try:
        tasks = [Task("a", len, ((1, 2),)), Task("b", threading.Lock, ()), Task("c", len, (threading.Lock(),))]
        back = all_of(pool, tasks)
    finally:
        pool.close(at_once=False)
    assert isinstance(back["a"], Returned) and back["a"].value == 2
    for key in "bc":
        assert isinstance(back[key], Failed) and "pickle" in back[key].reason and "\n" not in back[key].reason
        assert not back[key].lost


@cluster
def test_a_node_removed_in_mid_sweep_loses_nothing(new_cluster, tmp_path):
    nodes, (_, second) = new_cluster({"num_cpus": 1}, {"num_cpus": 2})
    out, folder = tmp_path / "out", tmp_path / "begun"
    folder.mkdir()
    kept = []

    def remove():
        until(lambda: len(recorded(out)) >= 6 and len(nodes_of(folder)) == 2, "work on both nodes")
        kept.append(recorded(out))
        nodes.remove_node(second, allow_graceful=False)

    ending = threading.Thread(target=remove)
    ending.start()
    constants = {"folder": str(folder), "seconds": 0.3}
    found = sweep(units.counted, {"place": range(40)}, constants=constants, ray=nodes.address, out=out)
    ending.join()
    assert found["square"].values.tolist() == [place**2 for place in range(40)]
    begun = units.begun(folder)
    assert len(kept[0]) < 40, "the node went when all was done"
    assert {begun[place] for place in kept[0]} == {1}
    assert 40 <= sum(begun.values()) <= 40 + 2  # again only what ran on two processors


@cluster
def test_room_follows_the_cluster_and_a_sweep_does_not_wait_for_ever(new_cluster, monkeypatch):
    nodes, (_, second) = new_cluster({"num_cpus": 1}, {"num_cpus": 1, "num_gpus": 1})
    monkeypatch.setattr(ray_pool, "LOOK", 0.0)
    pool = RayPool(nodes.address, num_cpus=0.5, num_gpus=0.5)
    try:
        assert pool.room == 2 * ray_pool.AHEAD
        third = nodes.add_node(num_cpus=1, num_gpus=2)
        until(lambda: pool.room == 4 * ray_pool.AHEAD, "more room")
        monkeypatch.setattr(ray_pool, "PATIENCE", 0.5)
        for node in (second, third):
            nodes.remove_node(node, allow_graceful=False)
        pool.submit(Task("a", len, ((),)))
        with pytest.raises(ValueError, match=r"^num_gpus: 0.5 asked for, and no node .* more than 0; .*; what is done"):
            until(lambda: pool.wait(0.1), "a result")
    finally:
        pool.close(at_once=True)


@cluster
def test_a_part_of_a_gpu_is_set_aside_where_there_is_one(two_nodes):
    found = sweep(units.device, {"place": range(4)}, ray=two_nodes, num_cpus=0.25, num_gpus=0.5)
    assert set(found["value"].values.tolist()) == {"0"}
    with pytest.raises(ValueError, match=r"^num_gpus: 2 asked for, and no node of the cluster has more than 1; ask"):
        sweep(units.device, {"place": range(4)}, ray=two_nodes, num_gpus=2)
    with pytest.raises(ValueError, match=r"^num_cpus: 2 asked for, and no node of the cluster has more than 1; ask"):
        sweep(units.device, {"place": range(4)}, ray=two_nodes, num_cpus=2)


@cluster
def test_a_worker_with_other_code_computes_nothing(two_nodes, tmp_path, monkeypatch):
    real = ray_pool.identity_of
    monkeypatch.setattr(ray_pool, "identity_of", lambda *given: {**real(*given), "sources": "others"})
    constants = {"folder": str(tmp_path), "seconds": 0}
    with pytest.raises(ValueError, match=r"^ray: \S+:\d+ has not this process's code \(the sources differ\); install"):
        sweep(units.counted, {"place": range(3)}, constants=constants, ray=two_nodes)
    assert units.begun(tmp_path) == {}


@cluster
def test_a_function_that_is_another_elsewhere_or_nowhere_is_refused(two_nodes, tmp_path, monkeypatch):
    name = f"a_function_{os.getpid()}"
    source = tmp_path / f"{name}.py"
    source.write_text("def function(x):\n    return x\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module(name).function
    with pytest.raises(
        ValueError, match=rf"^ray: a worker cannot load what is to be called \(No module named '{name}'\); inst"
    ):
        sweep(function, {"x": [1, 2]}, ray=two_nodes)
    monkeypatch.chdir(tmp_path)  # where workers look as well
    assert sweep(function, {"x": [1, 2]}, ray=two_nodes)["value"].values.tolist() == [1, 2]
    source.write_text("def function(x):\n    return -x\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^ray: \S+ has not this process's code \(the function's module differ\)"):
        sweep(function, {"x": [1, 2]}, ray=two_nodes)


@cluster
@pytest.mark.usefixtures("ray")
def test_an_address_where_no_cluster_is_gets_one_line():
    for address, said in (
        ("127.0.0.1:1", r"^ray: no cluster answers at 127.0.0.1:1 \(.+\); start one with ray start --head$"),
        ("ray://127.0.0.1:10001", "^ray must be 'local', 'auto' or the HOST:PORT of a cluster's head"),
        ("nonsense", "^ray must be 'local', 'auto' or the HOST:PORT of a cluster's head .*, not 'nonsense'$"),
    ):
        with pytest.raises(ValueError, match=said):
            RayPool(address)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever).start()
        address = f"127.0.0.1:{other.server_port}"
        try:
            with pytest.raises(ValueError, match=f"^ray: what answers at {address} is not Ray; give the address"):
                RayPool(address)
        finally:
            other.shutdown()


@cluster
def test_a_process_that_is_connected_keeps_its_connection(ray, two_nodes):
    ray.init(address=two_nodes, log_to_driver=False)
    try:
        with pytest.raises(ValueError, match=rf"^ray: this process is connected to {two_nodes} already; give 'auto'"):
            RayPool("local")
        for address in ("auto", two_nodes):
            pool = RayPool(address)
            assert isinstance(all_of(pool, [Task("a", len, ((),))])["a"], Returned)
            pool.close(at_once=False)
            assert ray.is_initialized()
    finally:
        ray.shutdown()


DRIVER = """
import signal
import sys
from slt_toys.sweep import sweep
from tests.sweep import units_on_ray as units

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    out, folder, address, seconds = sys.argv[1:]
    sweep(
        units.counted, {"place": range(30)}, constants={"folder": folder, "seconds": float(seconds)}, out=out,
        ray=address, workers=2,
    )
"""


def driver(out, folder, address, short):
    """A process of its own that sweeps, and leads a group as one in a terminal does."""
    program = [sys.executable, "-c", DRIVER, str(out), str(folder), address, "0.2"]
    environment = {**os.environ, "TMPDIR": str(short)}
    return subprocess.Popen(
        program, cwd=ROOT, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def short_folder():
    """Temporary files of drivers, of which one that is killed leaves some; a socket's path has no room for pytest's."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield folder


@cluster
@pytest.mark.parametrize(("where", "ends"), [("two nodes", signal.SIGKILL), ("local", signal.SIGKILL),
                                            ("local", signal.SIGINT)])  # fmt: skip
def test_a_driver_that_ends_is_gone_on_with(two_nodes, tmp_path, short_folder, where, ends):
    out, folder = tmp_path / "out", tmp_path / "begun"
    folder.mkdir()
    address = "local" if where == "local" else two_nodes
    process = driver(out, folder, address, short_folder)
    try:
        until(lambda: len(recorded(out)) >= 4 or process.poll() is not None, "a record of four units")
        kept = recorded(out)
        if ends == signal.SIGINT:
            os.killpg(process.pid, ends)
        else:
            process.send_signal(ends)
        _, said = process.communicate(timeout=SOON)
    finally:
        process.kill()
    assert 4 <= len(kept) < 30, said
    nodes = nodes_of(folder)
    if where == "local":  # what it started ends with it
        until(lambda: not any(Path(f"/proc/{node}").exists() for node in nodes), "the end of Ray's processes")
    if ends == signal.SIGINT:
        assert said.rstrip().endswith("KeyboardInterrupt"), said
    found = sweep(units.counted, {"place": range(30)}, constants={"folder": str(folder), "seconds": 0.2}, out=out,
                  ray=two_nodes)  # fmt: skip
    assert found["square"].values.tolist() == [place**2 for place in range(30)]
    assert found.attrs["failures"] == []
    begun = units.begun(folder)
    assert {begun[place] for place in kept} == {1}
    assert set(begun) == set(range(30))
