from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slt_toys.sweep.carrying_out import Unit, carry_out
from slt_toys.sweep.tasks import Failed, Pool, Returned, Task, carried_out


class Here(Pool):
    """Carries out in this process, some at a time, the last submitted first."""

    def __init__(self, room: int = 3) -> None:
        self._room, self.tasks, self.most = room, [], 0

    @property
    def in_flight(self) -> int:
        return len(self.tasks)

    @property
    def room(self) -> int:
        return self._room

    def submit(self, task: Task) -> None:
        self.tasks.append(task)
        self.most = max(self.most, len(self.tasks))

    def wait(self, seconds: float) -> list[Returned | Failed]:
        return [carried_out(self.tasks.pop())]

    def close(self, *, at_once: bool) -> None:
        pass


def run(units, done=(), room=3, bad=()):
    """What was called in which order, what was kept, and the tally."""
    called, kept, known = [], [], set(done)

    def call(name):
        called.append(name)
        if name in bad:
            raise RuntimeError("no")
        return name

    def keep(back):
        kept.extend(back)
        known.update(each.key for each in back if isinstance(each, Returned))

    pool = Here(room)
    return called, kept, carry_out(units, call, pool, keep, done=known), pool


@given(
    st.lists(st.integers(0, 30), max_size=40),
    st.integers(1, 6),
    st.sets(st.integers(0, 40)),
    st.sets(st.integers(0, 40)),
)
def test_parents_come_first_and_everything_is_done_once(parents, room, done, bad):
    """Unit k may need any of those before; what is done is not done again, what fails keeps back who needs it."""
    units = [Unit("0", ("0",))]
    for number, parent in enumerate(parents, 1):
        units.append(Unit(str(number), (str(number),), str(parent) if parent < number else None))
    before = {str(each) for each in done} & {unit.key for unit in units}
    called, kept, tally, pool = run(units, before, room, {str(each) for each in bad})
    assert len(called) == len(set(called)) and not set(called) & before and pool.most <= room
    good = before | {each.key for each in kept if isinstance(each, Returned)}
    for unit in units:
        if unit.key in called and unit.parent is not None:
            assert unit.parent in before or called.index(unit.parent) < called.index(unit.key)
        if unit.key not in good and unit.key not in called:
            assert unit.parent not in good and unit.key in tally.left_out
    assert {each.key for each in tally.failed} == {key for key in called if key in {str(each) for each in bad}}
    assert tally.done == len(good - before) and tally.before == len(before)
    assert len(good) + len(tally.failed) + len(tally.left_out) == len(units)


def test_units_are_taken_as_there_is_room():
    taken = []

    def units():
        for number in range(100):
            taken.append(number)
            yield Unit(str(number), (number,))

    ahead = []
    carry_out(units(), lambda number: number, Here(4), lambda back: ahead.append(len(taken)))
    assert ahead[0] <= 5 and taken == list(range(100))
    assert max(later - number for number, later in enumerate(ahead)) <= 5


def test_a_look_is_taken_while_work_goes_on():
    looks = []
    carry_out([Unit("a", (1,)), Unit("b", (2,))], abs, Here(), lambda back: None, look=lambda: looks.append(1))
    assert len(looks) == 2
