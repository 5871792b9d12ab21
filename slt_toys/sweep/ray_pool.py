"""Workers on a Ray cluster, or on a small one that is started on this machine: what is done where is Ray's affair."""

from __future__ import annotations

import importlib
import inspect
import logging
import math
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..inputs.names import Argument
from ..inputs.processors import usable_processors
from .code import OWN, code_identity, difference
from .local_pool import AHEAD, environment_of, share_of_processors, worker_variables
from .tasks import Failed, Pool, Returned, Task, carried_out, one_line, worker_name

LOCAL, AUTO = "local", "auto"
RAY = Argument("ray", "--ray")
NUM_CPUS, NUM_GPUS = Argument("num_cpus", "--num-cpus"), Argument("num_gpus", "--num-gpus")
LEAST = 1e-4  # of a processor or GPU: Ray counts in these
REACHED_WITHIN = 5.0  # seconds in which the head of a cluster must answer
LOOK = 2.0  # seconds between two looks at which nodes there are
TOGETHER = 0.005  # seconds in which what comes back is kept together
PATIENCE = 600.0  # seconds that a sweep waits for a node after it has lost all that would do
LONGEST_FOLDER = 28  # letters: the path of a socket has at most 107, and Ray's own part of it is almost 80
# Ray's processes talk by HTTP/2, in which each side begins with its settings: an empty frame of kind 4.
_SETTINGS = b"\0\0\0\4\0\0\0\0\0"
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS


@dataclass(frozen=True)
class OtherCode:
    """What a worker gives in place of a result whose numbers would come from other code.

    Attributes
    ----------
    worker
        Host and process.
    differs
        What is not as in the driver, in words.
    """

    worker: str
    differs: str


def carried_out_by_same_code(
    task: Task, expected: Mapping[str, Any], packages: tuple[str, ...]
) -> Returned | Failed | OtherCode:
    """Make the call in the worker, if its code is the driver's."""
    found = identity_of(task, packages)
    if found != expected:
        return OtherCode(worker_name(), difference(expected, found))
    return carried_out(task)


def identity_of(task: Task, packages: tuple[str, ...]) -> Mapping[str, Any]:
    """What computes a task here: packages, interpreter, libraries, and the module of a function of the user's own.

    A function of the driver's script travels as a whole, so that nothing of it can differ.
    """
    functions = (each for each in (task.function, *task.arguments) if inspect.isfunction(each))
    own = (each for each in functions if each.__module__.partition(".")[0] not in (*packages, "__main__"))
    return _identity(packages, next(own, None))


@cache
def _identity(packages: tuple[str, ...], function: Callable[..., Any] | None) -> Mapping[str, Any]:
    return code_identity(packages, function)


class RayPool(Pool):
    """Tasks of Ray Core.

    Ray begins a task again that was lost with its worker or node, up to ``retries`` times. A call that raises is not
    begun again. A worker whose sources, interpreter or libraries are not the driver's computes nothing.

    Parameters
    ----------
    address
        "local" starts Ray on this machine, and stops it in the end; "auto" finds the one that runs here; otherwise the
        cluster's HOST:PORT.
    workers
        Of "local": processors of this machine, by default as many as this process may use. Of a cluster: how many
        tasks may run at a time, by default as many as there is place for.
    threads
        Of each; 0 shares the processors out. No result depends on it.
    num_cpus, num_gpus
        That Ray sets aside for each task; a part of a GPU can be asked for.
    retries
        How often a task is begun again after its worker was lost.
    packages
        Whose sources must be the same in every worker.

    Raises
    ------
    ValueError
        If Ray is not installed, there is no such cluster, or no node of it has what a task asks for.
    """

    def __init__(
        self,
        address: str,
        workers: int | None = None,
        *,
        threads: int = 0,
        num_cpus: float = 1,
        num_gpus: float = 0,
        retries: int = 2,
        packages: tuple[str, ...] = OWN,
    ) -> None:
        _check(workers, threads, num_cpus, num_gpus, retries)
        self.retries = retries
        self._packages = packages
        self._share = (num_cpus, num_gpus)
        self._most = None if address == LOCAL else workers
        self._tasks: dict[Any, Task] = {}  # by Ray's reference to what will come back
        self._not_sent: list[Returned | Failed] = []
        self._connection = Connection(address, workers or usable_processors(), retries)
        self._ray = self._connection.ray
        try:
            self._slots, self._looked = self._count_slots(), time.monotonic()
            self._seen = self._looked  # when a node was last there that a task fits on
            if not self._slots:
                raise ValueError(self._no_place())
        except BaseException:
            self._connection.close()
            raise
        if not threads:
            threads = share_of_processors(self._slots) if address == LOCAL else max(1, int(num_cpus))
        self._remote = self._ray.remote(carried_out_by_same_code).options(
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            max_retries=retries,
            retry_exceptions=False,
            runtime_env={"env_vars": worker_variables(threads)},
        )

    def _count_slots(self) -> int:
        """How many tasks there is place for."""
        return sum(fitting(node["Resources"], *self._share) for node in self._ray.nodes() if node["Alive"])

    def _no_place(self) -> str:
        """Why no task can run, in a line."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        for asked, name, kind in zip(self._share, (NUM_CPUS, NUM_GPUS), ("CPU", "GPU"), strict=True):
            most = max((each.get(kind, 0) for each in nodes), default=0)
            if asked > most:
                return f"{name}: {asked:g} asked for, and no node of the cluster has more than {most:g}; ask for less"
        return f"{NUM_CPUS}, {NUM_GPUS}: no node has {self._share[0]:g} processors and {self._share[1]:g} GPUs at once"

    def _look_at_nodes(self) -> None:
        now = time.monotonic()
        if now < self._looked + LOOK:
            return
        self._slots, self._looked = self._count_slots(), now
        if self._slots:
            self._seen = now
        elif now > self._seen + PATIENCE:
            raise ValueError(f"{self._no_place()}, or start a node that has it; what is done is kept")

    @property
    def in_flight(self) -> int:
        """Tasks that were submitted and are not back."""
        return len(self._tasks) + len(self._not_sent)

    @property
    def room(self) -> int:
        """How many may be in flight: as many times what the cluster can do at present as keeps it busy."""
        self._look_at_nodes()
        room = AHEAD * max(1, self._slots)
        return room if self._most is None else min(room, self._most)

    def submit(self, task: Task) -> None:
        """Begin a task soon."""
        try:
            reference = self._remote.remote(task, identity_of(task, self._packages), self._packages)
        except TypeError as error:  # it cannot travel
            self._not_sent.append(Failed(task.key, one_line(error.__cause__ or error.__context__ or error)))
        else:
            self._tasks[reference] = task

    def wait(self, seconds: float) -> list[Returned | Failed]:
        """What has come back; waits for the first, no longer than so many seconds.

        Raises
        ------
        ValueError
            If a worker has other code, or all nodes that would do have been gone for long.
        """
        back, self._not_sent = self._not_sent, []
        self._look_at_nodes()
        if not self._tasks:
            return back
        # The first, then whatever comes with it: to keep many at once costs hardly more than to keep one.
        here, rest = self._ray.wait(list(self._tasks), num_returns=1, timeout=0 if back else seconds)
        if here and rest:
            here += self._ray.wait(rest, num_returns=len(rest), timeout=TOGETHER)[0]
        return back + self._results(here)

    def _results(self, references: list[Any]) -> list[Returned | Failed]:
        tasks = [self._tasks.pop(each) for each in references]
        try:
            return [self._checked(each) for each in self._ray.get(references)]
        except self._ray.exceptions.RayError:  # one of them
            return [self._result(*each) for each in zip(references, tasks, strict=True)]

    def _result(self, reference: Any, task: Task) -> Returned | Failed:
        kinds = self._ray.exceptions
        try:
            return self._checked(self._ray.get(reference))
        except kinds.RayTaskError as error:  # before the call or after it: within, everything is told in text
            cause = getattr(error, "cause", None) or error
            if isinstance(cause, (kinds.RaySystemError, ImportError, AttributeError)):
                said = str(cause).partition("traceback:")[0].removeprefix("System error: ").strip()
                raise ValueError(
                    f"{RAY}: a worker cannot load what is to be called ({said}); install the same code on every node"
                ) from None
            return Failed(task.key, one_line(cause))  # its result cannot travel
        except (kinds.WorkerCrashedError, kinds.NodeDiedError):
            return Failed(task.key, f"its worker died {self.retries + 1} times", lost=True)
        except kinds.OutOfMemoryError:
            reason = "memory ran out on its node and its worker was ended; fewer at a time need less (num_cpus)"
            return Failed(task.key, reason, lost=True)
        except kinds.RayError as error:
            return Failed(task.key, one_line(error), lost=not isinstance(error, kinds.RaySystemError))

    def _checked(self, came: Returned | Failed | OtherCode) -> Returned | Failed:
        if isinstance(came, OtherCode):
            raise ValueError(
                f"{RAY}: {came.worker} has not this process's code ({came.differs} differ); "
                "install the same on every node"
            )
        return came

    def close(self, *, at_once: bool) -> None:
        """Let the workers go; ``at_once``: whatever they are doing."""
        try:
            if at_once:
                for reference in self._tasks:
                    with suppress(Exception):  # why it is closed at once is the error to tell
                        self._ray.cancel(reference, force=True)
        finally:
            self._tasks.clear()
            self._connection.close()


def fitting(resources: Mapping[str, float], num_cpus: float, num_gpus: float) -> int:
    """How many tasks fit on a node; parts of a GPU are parts of one."""
    places = []
    if num_cpus:
        places.append(_times(resources.get("CPU", 0), num_cpus))
    if num_gpus:
        gpus = resources.get("GPU", 0)
        places.append(int(gpus) * _times(1, num_gpus) if num_gpus < 1 else _times(gpus, num_gpus))
    return min(places)


def _times(whole: float, part: float) -> int:
    """How often a part goes into a whole, in Ray's units."""
    return round(whole / LEAST) // max(1, round(part / LEAST))


def _check(workers: int | None, threads: int, num_cpus: float, num_gpus: float, retries: int) -> None:
    """Refuse what no cluster could do."""
    for name, value, least in (("workers", workers, 1), ("threads", threads, 0), ("retries", retries, 0)):
        if value is not None and value < least:
            raise ValueError(f"{name} must be at least {least}, not {value}")
    for name, value in ((NUM_CPUS, num_cpus), (NUM_GPUS, num_gpus)):
        if not math.isfinite(value) or (value != 0 and value < LEAST):
            raise ValueError(f"{name} must be 0 or at least {LEAST}, not {value}")
    if num_cpus == num_gpus == 0:
        raise ValueError(f"{NUM_CPUS} and {NUM_GPUS} are both 0: Ray would begin everything at once; give one of them")
    if num_gpus > 1 and num_gpus % 1:
        raise ValueError(f"{NUM_GPUS} must be a part of one, or a whole number, not {num_gpus}")


class Connection:
    """Between this process and a cluster; at most one at a time, as Ray has it.

    Parameters
    ----------
    address
        As in `RayPool`.
    processors
        Of a cluster that is started here.
    retries
        After a worker was ended because memory ran out.
    """

    def __init__(self, address: str, processors: int, retries: int) -> None:
        self.ray = _library()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._own = not self.ray.is_initialized()
        if not self._own:
            there = self.ray.get_runtime_context().gcs_address
            if address not in (AUTO, there):
                raise ValueError(f"{RAY}: this process is connected to {there} already; give {AUTO!r} to use that")
            return
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address == LOCAL:
            given = tempfile.gettempdir()
            short = given if len(given) <= LONGEST_FOLDER else os.sep + "tmp"
            self._folder = tempfile.TemporaryDirectory(prefix="ray", dir=short, ignore_cleanup_errors=True)
            options |= {"num_cpus": processors, "include_dashboard": False, "_temp_dir": self._folder.name}
        elif address != AUTO:
            _check_address(address)
        try:
            with _ray_environment(retries, local=address == LOCAL):
                self.ray.init(address=address, **options)
        except (Exception, SystemExit) as error:
            self.close()
            raise ValueError(f"{RAY}: Ray at {address!r} cannot be used: {one_line(error)}") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Part; a cluster that was started here ends."""
        if self._own:
            self.ray.shutdown()
        if self._folder is not None:
            self._folder.cleanup()


def _library() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise ValueError(f"{RAY} needs the extra cluster: pip install 'slt-toys[cluster]'") from None


def _check_address(address: str) -> None:
    """Refuse an address where nobody answers, for which Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(
            f"{RAY} must be 'local', 'auto' or the HOST:PORT of a cluster's head that this machine is part of, "
            f"not {address!r}"
        )
    try:
        with socket.create_connection((host, int(port)), timeout=REACHED_WITHIN) as there:
            there.sendall(_GREETING)
            answer = there.recv(len(_SETTINGS))
    except OSError as error:
        said = error.strerror or str(error)
        raise ValueError(f"{RAY}: no cluster answers at {address} ({said}); start one with ray start --head") from None
    encrypted = os.environ.get("RAY_USE_TLS", "0") not in ("", "0")
    if not encrypted and answer[3:4] != _SETTINGS[3:4]:
        raise ValueError(f"{RAY}: what answers at {address} is not Ray; give the address that ray start --head tells")


@cache
def _token() -> str:
    """By which processes of a local cluster know each other; one for all, for Ray keeps the first."""
    return secrets.token_hex(32)


@contextmanager
def _ray_environment(retries: int, *, local: bool) -> Iterator[None]:
    """What Ray reads when it starts: it tells nobody of its use, and writes no token to the home folder."""
    wanted = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_task_oom_retries": str(retries)}
    if local and not any(name in os.environ for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")):
        wanted["RAY_AUTH_TOKEN"] = _token()
    had_mode = "RAY_AUTH_MODE" in os.environ
    with environment_of(wanted):
        try:
            yield
        finally:
            if not had_mode:
                os.environ.pop("RAY_AUTH_MODE", None)
