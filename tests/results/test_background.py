"""Work beside other work: the same results in the same order, failures that are told, and an end when nobody waits."""

from __future__ import annotations

import sys
import threading

import pytest

from slt_toys.results.background import at_once, background


def test_results_are_those_of_work_done_at_once_and_progress_is_passed_on():
    told: list[float] = []
    usual = sys.getswitchinterval()
    order: list[int] = []

    def work(number: int, advance) -> int:
        order.append(number)
        advance(number / 10)
        return number**2

    with background() as beside:
        results = [beside(lambda advance, k=k: work(k, advance), told.append) for k in range(5)]
        assert [result() for result in results] == [k**2 for k in range(5)]
        assert beside(lambda advance: threading.get_ident())() != threading.get_ident()
        assert sys.getswitchinterval() < usual
    assert sys.getswitchinterval() == usual
    assert order == list(range(5))
    assert told == [k / 10 for k in range(5)]
    assert at_once(lambda advance: work(7, advance))() == 49
    assert at_once(lambda advance: threading.get_ident())() == threading.get_ident()


def test_work_that_fails_is_told_at_the_next_start_and_by_its_result():
    def fails(advance) -> None:
        raise ValueError("n_beta must be positive")

    with background() as beside:
        result = beside(fails)
        with pytest.raises(ValueError, match="n_beta"):
            result()
        with pytest.raises(ValueError, match="n_beta"):
            beside(lambda advance: None)


@pytest.mark.parametrize("reason", [KeyboardInterrupt, ValueError])
def test_work_ends_when_the_block_is_left_by_an_exception(reason):
    """Work without end would hold up this test for ever if it did not."""
    running, later = threading.Event(), []

    def endless(advance) -> None:
        while True:
            running.set()
            advance(0.0)

    with pytest.raises(reason), background() as beside:
        beside(endless)
        beside(later.append)
        assert running.wait(60)
        raise reason
    assert not later
