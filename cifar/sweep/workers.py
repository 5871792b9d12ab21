"""Where the units of a sweep are done: processes that have a device each, or a Ray cluster."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from slt_toys.sweep.local_pool import LocalPool, share_of_processors
from slt_toys.sweep.tasks import Failed, Pool, Returned, Task

DEVICE = "SLT_TOYS_DEVICE"  # in a worker's environment
PACKAGES = ("cifar", "slt_toys", "theory")  # whose sources are to be the same on every machine
RETRIES = 2  # of a unit that has killed its worker
POLICIES = ("OMP_WAIT_POLICY", "KMP_BLOCKTIME")  # how OpenMP waits, as GNU's and as Intel's call it
# GNU's allocator gives large arrays back at once, and every step of training asks for the same ones again, page by
# page: kept, a step of the study's network at B = 128 takes .82 of its time.
MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_TOP_PAD_": str(2**26)}


class Options(Protocol):
    """What a command says of its workers."""

    @property
    def workers(self) -> int | None:
        """Processes, or on Ray tasks, at a time."""
        ...

    @property
    def threads(self) -> int:
        """Of each."""
        ...

    @property
    def devices(self) -> tuple[str, ...] | None:
        """Names."""
        ...

    @property
    def ray(self) -> str | None:
        """Address, or "local"."""
        ...

    @property
    def num_cpus(self) -> float:
        """For each unit."""
        ...

    @property
    def num_gpus(self) -> float:
        """For each unit."""
        ...

    @property
    def deterministic(self) -> bool:
        """Of GPUs."""
        ...

    @property
    def keep_states(self) -> bool:
        """Those that nothing begins from any more."""
        ...

    @property
    def replicas(self) -> int:
        """Units of each process."""
        ...

    @property
    def compiled(self) -> bool:
        """Steps."""
        ...


@dataclass(frozen=True)
class Workers:
    """Where and how a sweep runs; none of it changes what is computed, but for rounding.

    Attributes
    ----------
    devices
        For example ``("cpu",)`` or ``("cuda:0", "cuda:1")``; processes are dealt out to them in turn. Not with Ray.
    workers
        Processes, by default one; with Ray units at a time, by default as many as the cluster has room for.
    threads
        Of each; 0 shares the processors out.
    ray
        "local" or the address of a cluster.
    num_cpus, num_gpus
        That Ray sets aside for each unit.
    deterministic
        Whether GPUs use only convolutions that give the same bits each time.
    keep_states
        Whether states are kept that no unit begins from any more, trained networks among them.
    replicas
        Units that each process trains at once, on streams of their own.
    compiled
        Whether training steps are compiled.
    """

    devices: tuple[str, ...] = ("cpu",)
    workers: int | None = None
    threads: int = 0
    ray: str | None = None
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    deterministic: bool = False
    keep_states: bool = False
    replicas: int = 1
    compiled: bool = False

    def __post_init__(self) -> None:
        for name, least in (("workers", 1), ("threads", 0), ("num_cpus", 0), ("num_gpus", 0), ("replicas", 1)):
            value = getattr(self, name)
            if value is not None and not least <= value < float("inf"):
                raise ValueError(f"{name}: {value} must be at least {least} and finite")
        if self.num_gpus and self.ray is None:
            raise ValueError(f"num_gpus: {self.num_gpus} is for Ray to set aside; give ray as well, or name devices")
        if not self.devices:
            raise ValueError("devices: none is named; give at least one, such as cpu")

    @classmethod
    def of(cls, options: Options) -> Workers:
        """What a command asks for; `ValueError` in one line where it cannot be."""
        if options.ray is not None and options.devices:
            raise ValueError("devices: with ray, give num_gpus in place of devices; Ray deals them out")
        rest = (options.workers, options.threads, options.ray, options.num_cpus, options.num_gpus,
                options.deterministic, options.keep_states, options.replicas, options.compiled)  # fmt: skip
        asked = cls(options.devices or ("cpu",), *rest)  # numbers are looked at before torch is loaded
        return asked if asked.ray is not None else cls(usable_devices(options.devices), *rest)

    @property
    def threads_each(self) -> int:
        """Threads of one process: those given, or its share of the processors that this process may use."""
        return self.threads or share_of_processors(self.workers or 1)

    @property
    def device(self) -> str | None:
        """Of every unit; None where each process has its own."""
        if self.ray is None:
            return None
        return "cuda:0" if self.num_gpus else "cpu"  # Ray shows a task its own GPUs alone

    def pool(self) -> Pool:
        """Begin the workers; `OSError` in one line where this machine cannot."""
        if self.ray is None:
            each = itertools.islice(itertools.cycle(self.devices), self.workers or 1)
            try:
                return OneEach([{DEVICE: device} for device in each], self.threads_each)
            except OSError as error:  # processes wait for each other by what lies in shared memory
                reason = " ".join(str(error).split())
                raise OSError(
                    f"workers: this machine has no shared memory left for {self.workers or 1} of them ({reason}); give "
                    "fewer, or make room in /dev/shm"
                ) from None
        from slt_toys.sweep.driver import pool_of

        return pool_of(
            self.workers, threads=self.threads, ray=self.ray, num_cpus=self.num_cpus, num_gpus=self.num_gpus,
            retries=RETRIES, packages=PACKAGES,
        )  # fmt: skip


class OneEach(Pool):
    """Processes with an environment each.

    Each is a pool of one, so that one that dies takes no other with it: what others do takes hours.

    Parameters
    ----------
    environments
        Variables of each process. How OpenMP is to wait, and memory to be kept, is left where somebody has said so.
    threads
        Of each.
    retries
        How often a task is begun again after it alone has killed its worker.
    """

    def __init__(self, environments: Sequence[Mapping[str, str]], threads: int, retries: int = RETRIES) -> None:
        # Threads that spin while they wait mostly spin for each other: a tenth of an epoch of the laptop network took
        # 29.5 s on two busy processors where sleeping threads take 1.2 and one thread 1.0.
        said = MEMORY | {name: os.environ[name] for name in (*POLICIES, *MEMORY) if name in os.environ}
        self._back = threading.Event()
        self.pools = [
            LocalPool(1, threads=threads, retries=retries, environment={**said, **own}, ahead=1, bell=self._back.set)
            for own in environments
        ]

    @property
    def in_flight(self) -> int:
        """Tasks that were submitted and are not back."""
        return sum(pool.in_flight for pool in self.pools)

    @property
    def room(self) -> int:
        """How many may be in flight: those that are, and one for each free worker."""
        return self.in_flight + len(self._free())

    def _free(self) -> list[LocalPool]:
        return [pool for pool in self.pools if pool.in_flight < pool.room]

    def submit(self, task: Task) -> None:
        """Begin a task on the first free worker."""
        self._free()[0].submit(task)

    def wait(self, seconds: float) -> list[Returned | Failed]:
        """What has come back; waits for the first, no longer than so many seconds."""
        self._back.wait(seconds)
        self._back.clear()
        return [each for pool in self.pools for each in pool.wait(0)]

    def close(self, *, at_once: bool) -> None:
        """Let the workers go; ``at_once``: whatever they are doing."""
        with ExitStack() as stack:
            for pool in self.pools:
                stack.callback(pool.close, at_once=at_once)


def available_devices() -> tuple[str, ...]:
    """Every GPU, or the processor where there is none."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return tuple(f"cuda:{number}" for number in range(count)) or ("cpu",)


def usable_devices(asked: tuple[str, ...] | None) -> tuple[str, ...]:
    """The devices asked for, or all there are.

    Raises
    ------
    ValueError
        In one line, where there is no such device.
    """
    import torch

    for name in asked or ():
        try:
            device = torch.device(name)
        except RuntimeError:
            raise ValueError(f"devices: {name!r} is no device; name one such as cpu or cuda:0") from None
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise ValueError(f"devices: {name} is not there; this machine has {', '.join(available_devices())}")
    return asked or available_devices()
