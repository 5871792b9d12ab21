"""``python -m slt_toys.zoo``: list, show, run, all; refusals in one line."""

from __future__ import annotations

import pytest

from slt_toys.results.progress import command_line
from slt_toys.zoo.command import Zoo, carry_out


def said(capsys, *words: str) -> tuple[int, str, str]:
    status = command_line(Zoo, carry_out, words)
    out, err = capsys.readouterr()
    return status, out, err


def test_list_and_show(capsys):
    status, out, _ = said(capsys, "list")
    assert status == 0 and "coopetition" in out
    status, out, _ = said(capsys, "show", "coopetition")
    assert status == 0 and "[eq:overlap-step]" in out and "arXiv:2503.05631" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show",), "NAME must be given with show"),
        (("list", "coopetition"), "NAME must be left out with list"),
        (("run", "lion"), "NAME must be one of coopetition"),
        (("run", "bottleneck"), "NAME must be a model with an experiment of its own"),
        (("run", "coopetition", "--seed", "-1"), "--seed must be at least 0, not -1"),
        (("feed",), "feed"),
    ],
)
def test_refusals(capsys, words, told):
    status, out, err = said(capsys, *words)
    assert status == 2 and not out and told in err and err.count("\n") == 1
