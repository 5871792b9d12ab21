"""Data as people have it: a pair of tensors, a Dataset, a DataLoader, or batches that can be read again and again.

What fits in memory is held there; the rest is read anew, batch by batch, whenever a loss is asked for. The order of the
examples is the dataset's own: a loader that shuffles shuffles nothing here.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, TensorDataset, WeightedRandomSampler

from slt_toys.learning_coefficient import batches

SHARE_OF_MEMORY = 0.25  # of the machine's, up to which data are held
AT_ONCE = 1024  # examples of a dataset that are read together
Block = tuple[Any, Any]
KINDS = "a pair of inputs and targets (targets may be None), a Dataset, a DataLoader or a list of batches, pairs too"


@dataclass(frozen=True)
class Data:
    """Blocks of examples, each a pair of inputs and targets whose first axis is the example.

    Attributes
    ----------
    read
        All blocks, from the first on, whenever it is called.
    counts
        Examples of each block.
    chosen
        Blocks that hold the examples of these numbers; None where there is no way to them but through all.
    held
        Whether they are in memory.
    """

    read: Callable[[], Iterable[Block]]
    counts: tuple[int, ...]
    chosen: Callable[[Tensor], Iterator[Block]] | None
    held: bool = True

    @property
    def examples(self) -> int:
        """How many there are."""
        return sum(self.counts)

    def pieces(self, size: int, rows: Tensor | None = None) -> Iterator[tuple[float, Any, Any]]:
        """Share of the examples, inputs and targets of pieces of at most this size: of all, or of these numbers.

        Raises
        ------
        ValueError
            For numbers, where examples cannot be picked.
        """
        if rows is None:
            yield from _cut(self.read(), self.examples, size)
            return
        if self.chosen is None:
            raise ValueError(
                "batch_size: batches read one after another give no examples at random; leave it out, or give a "
                "Dataset with __getitem__"
            )
        yield from _cut(self.chosen(rows), len(rows), size)

    def head(self, count: int) -> Block:
        """At most so many examples, of the largest block."""
        largest = max(range(len(self.counts)), key=self.counts.__getitem__)
        inputs, targets = next(block for number, block in enumerate(self.read()) if number == largest)
        rows = slice(min(count, self.counts[largest]))
        return batches.taken(inputs, rows), batches.taken(targets, rows)

    def some(self, count: int) -> Data:
        """So many examples drawn without replacement, always the same; all where they are no more or not picked."""
        if self.chosen is None or count >= self.examples:
            return self
        drawn = torch.randperm(self.examples, generator=torch.Generator().manual_seed(0))[:count]
        return in_memory(list(self.chosen(drawn.sort().values)))

    def every(self, step: int) -> Data:
        """Every so many-th example; all where they cannot be picked."""
        if self.chosen is None or step == 1:
            return self
        return in_memory(list(self.chosen(torch.arange(0, self.examples, step))))

    def mapped(self, leaf: Callable[[Any], Any]) -> Data:
        """The same data with the function of each tensor: at once where they are held, else whenever they are read."""

        def of(block: Block) -> Block:
            return batches.mapped(leaf, block[0]), batches.mapped(leaf, block[1])

        if self.held:
            return in_memory([of(block) for block in self.read()])
        read, chosen = self.read, self.chosen
        pick = None if chosen is None else lambda rows: map(of, chosen(rows))
        return replace(self, read=lambda: map(of, read()), chosen=pick)


def in_memory(blocks: Sequence[Block]) -> Data:
    """Data that are held; blocks of the same shape are joined."""
    blocks = _joined(blocks)
    counts = tuple(batches.examples(*block) for block in blocks)
    ends = torch.tensor(counts).cumsum(0)

    def chosen(rows: Tensor) -> Iterator[Block]:
        if len(blocks) == 1:
            yield batches.taken(blocks[0][0], rows), batches.taken(blocks[0][1], rows)
            return
        of = torch.bucketize(rows.cpu(), ends, right=True)
        for number in of.unique().tolist():
            own = rows[of.to(rows.device) == number] - (int(ends[number]) - counts[number])
            yield batches.taken(blocks[number][0], own), batches.taken(blocks[number][1], own)

    return Data(lambda: blocks, counts, chosen)


def as_data(given: Any, device: torch.device | None = None) -> Data:
    """Data of any of the kinds that `local_learning_coefficient` takes.

    Parameters
    ----------
    given
        A tuple of two is inputs and targets. A list of pairs or mappings is a list of batches.
    device
        Where examples of datasets and batches are put.

    Raises
    ------
    ValueError
        For another kind; an iterator, which can be read but once; a sampler that draws with replacement or other
        examples each time; a dataset whose examples are not the same twice; batches that are no pairs.
    """
    if isinstance(given, Data):
        return given
    if isinstance(given, tuple | list) and len(given) == 2 and not (isinstance(given, list) and _are_batches(given)):
        return in_memory([(batches.tensors("inputs", given[0]), batches.tensors("targets", given[1]))])
    if isinstance(given, TensorDataset):
        return in_memory([_pair(given.tensors, device)])
    if isinstance(given, Dataset):
        return _of_loader(DataLoader(given, batch_size=AT_ONCE), device)
    if isinstance(given, DataLoader):
        return _of_loader(given, device)
    name, listed = type(given).__name__, isinstance(given, list)
    if isinstance(given, tuple | Tensor | Mapping | str | bytes) or (listed and not _are_batches(given)):
        raise ValueError(f"data: {name} must be {KINDS}")
    if not listed and hasattr(given, "__getitem__") and hasattr(given, "__len__"):
        raise ValueError(
            f"data: {name} may hold examples or batches; give torch.utils.data.DataLoader(data, batch_size=100) if it "
            "holds examples, list(data) if it holds batches"
        )
    if not hasattr(given, "__iter__"):
        raise ValueError(f"data: {name} must be {KINDS}")
    if iter(given) is given:
        raise ValueError(f"data: a {name} can be read only once; give the list of its batches, list(data)")
    return _collected(lambda: (_pair(batch, device) for batch in given), None)


def _are_batches(given: list[Any]) -> bool:
    return all(isinstance(batch, Mapping) or (isinstance(batch, tuple | list) and len(batch) == 2) for batch in given)


def _pair(batch: Any, device: torch.device | None) -> Block:
    """Inputs and targets of a batch, on the device."""
    if isinstance(batch, tuple | list) and not hasattr(batch, "_fields"):
        if len(batch) > 2:
            raise ValueError(
                f"data: a batch has {len(batch)} parts; it must be inputs and targets, several inputs a tuple of "
                "their own (a DataLoader's collate_fn can make it so)"
            )
        inputs, targets = (*batch, None, None)[:2]
    else:
        inputs, targets = batch, None
    found = batches.tensors("inputs", inputs), batches.tensors("targets", targets)
    batches.examples(*found)
    inputs, targets = (batches.mapped(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, part)
                       for part in found)  # fmt: skip
    return inputs, targets


def _of_loader(loader: DataLoader[Any], device: torch.device | None) -> Data:
    """The loader's dataset, put together as the loader does it."""
    dataset: Any = loader.dataset
    given: dict[str, Any] = {
        "collate_fn": loader.collate_fn, "num_workers": loader.num_workers, "worker_init_fn": loader.worker_init_fn,
        "multiprocessing_context": loader.multiprocessing_context, "timeout": loader.timeout,
    }  # fmt: skip

    def read_by(**order: Any) -> Iterator[Block]:
        # A generator of its own: reading draws nothing from the caller's random numbers.
        made = DataLoader(dataset, generator=torch.Generator().manual_seed(0), **given, **order)
        try:
            for batch in made:
                yield _pair(batch, device)
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"data: the loader cannot read it: {batches.said(error)}") from error

    if isinstance(dataset, IterableDataset):
        return _collected(lambda: read_by(batch_size=loader.batch_size), None)
    numbers = _numbers(loader, len(dataset))
    if loader.batch_sampler is None:
        return _collected(lambda: read_by(batch_size=None, sampler=numbers), None)
    if type(loader.batch_sampler) is BatchSampler:
        size = loader.batch_sampler.batch_size
        groups = [numbers[first : first + size] for first in range(0, len(numbers), size)]
    else:
        with torch.random.fork_rng(devices=[]):
            groups = [list(group) for group in loader.batch_sampler]
    _demand_the_same_twice(lambda: next(read_by(batch_sampler=groups[:1])))
    order = [number for group in groups for number in group]

    def chosen(rows: Tensor) -> Iterator[Block]:
        yield from read_by(batch_sampler=[[order[row] for row in rows.tolist()]])

    return _collected(lambda: read_by(batch_sampler=groups), chosen)


def _numbers(loader: DataLoader[Any], whole: int) -> list[int]:
    """Which examples a loader's sampler takes, rising.

    Raises
    ------
    ValueError
        Where they are drawn with replacement, or others each time.
    """
    batched = loader.batch_sampler is not None and type(loader.batch_sampler) is not BatchSampler
    sampler: Any = loader.batch_sampler if batched else loader.sampler

    def drawn() -> list[int]:
        found = list(sampler)
        return sorted(number for group in found for number in group) if batched else sorted(found)

    with torch.random.fork_rng(devices=[]):
        first, second = drawn(), drawn()
    name = type(sampler).__name__
    replaced = isinstance(sampler, WeightedRandomSampler) or bool(getattr(sampler, "replacement", False))
    if replaced or len(set(first)) < len(first) or second != first:
        raise ValueError(
            f"data: the loader's {name} draws examples with replacement, or others each time, which is another loss; "
            "give its dataset, or a Subset of it"
        )
    if not first:
        raise ValueError(f"data: the loader's {name} takes none of {whole} examples; it must take at least 1")
    if len(first) < whole:
        warnings.warn(f"data: the loader's {name} takes {len(first)} of {whole} examples; n counts these", stacklevel=5)
    elif loader.drop_last and loader.batch_size and whole % loader.batch_size:
        left = whole % loader.batch_size
        warnings.warn(f"data: drop_last would leave out {left} of {whole} examples; all are used", stacklevel=5)
    return first


def _demand_the_same_twice(first: Callable[[], Block]) -> None:
    pairs = zip(*(batches.leaves(list(first())) for _ in range(2)), strict=True)
    if not all(one.shape == other.shape and bool(((one == other) | (one != one)).all()) for one, other in pairs):
        raise ValueError(
            "data: the dataset gives other examples when it is read again, as by random augmentation; give it without"
        )


def _collected(read: Callable[[], Iterator[Block]], chosen: Callable[[Tensor], Iterator[Block]] | None) -> Data:
    """Data in memory if they fit, and read anew each time if not."""
    blocks, counts, size, bound = [], [], 0, SHARE_OF_MEMORY * memory()
    for block in read():
        counts.append(batches.examples(*block))
        size += sum(leaf.nbytes for leaf in batches.leaves(list(block)))
        blocks.append(block)
        if size > bound:
            blocks.clear()
    if not counts:
        raise ValueError("data: there is no batch; it must hold at least 1")
    return in_memory(blocks) if size <= bound else Data(read, tuple(counts), chosen, held=False)


def memory() -> float:
    """Bytes of the machine's memory; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # as on Windows
        return math.inf


def _cut(blocks: Iterable[Block], count: int, size: int) -> Iterator[tuple[float, Any, Any]]:
    seen = 0
    for inputs, targets in blocks:
        own = batches.examples(inputs, targets)
        seen += own
        for first in range(0, own, size):
            part = slice(first, min(first + size, own))
            whole = size >= own
            x, y = (inputs, targets) if whole else (batches.taken(inputs, part), batches.taken(targets, part))
            yield (part.stop - first) / count, x, y
    if seen != count:
        raise ValueError(f"data: it gave {count} examples at first and {seen} now; it must be the same at each reading")


def _joined(blocks: Sequence[Block]) -> Sequence[Block]:
    """One block, where all have the same parts of the same shapes; else as they are."""
    if len({_form(block) for block in blocks}) != 1 or len(blocks) == 1:
        return blocks
    parts = zip(*(batches.leaves(list(block)) for block in blocks), strict=True)
    whole = iter([torch.cat(part) for part in parts])
    inputs, targets = (
        batches.mapped(lambda leaf: next(whole) if _has_rows(leaf) else leaf, part) for part in blocks[0]
    )
    return [(inputs, targets)]


def _has_rows(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.ndim > 0


def _form(tree: Any) -> Any:
    """What two trees must share to be joined: names, shapes of an example, types, and all that is no such tensor."""
    if isinstance(tree, Mapping):
        return ("mapping", *((key, _form(value)) for key, value in tree.items()))
    if isinstance(tree, list | tuple):
        return ("tuple", *map(_form, tree))
    if _has_rows(tree):
        return tuple(tree.shape[1:]), tree.dtype
    return repr(tree.tolist() if isinstance(tree, Tensor) else tree)
