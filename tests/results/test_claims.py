"""Claims, tables and the page that shows them: what they hold, and what they refuse."""

from __future__ import annotations

import re

import pytest

from slt_toys.results.claims import Claim, Outcome, Table, interval_text, number_text, page

CLAIM = Claim("end-at-128", "The period ends at epoch 57 [55, 59].", 57.0, (55.0, None), 58.5, "yes")
TABLE = Table("ends_by_batch", "Ends in epochs.", ("batch", "end"), (("64", "80"), ("128", "57")))


def test_a_page_holds_every_claim_table_and_figure():
    own = Outcome("Ends", "What was asked.", (CLAIM,), (TABLE,), {}, "Rejected.")
    assert page(own.to_dict(), "python -m x").startswith("# Ends\n\n**Rejected.**\n\nWhat was asked.")
    text = page(Outcome("Ends", "What was asked.", (CLAIM,), (TABLE,), {"ends": None}).to_dict(), "python -m x", "../")
    assert text.startswith("# Ends\n\nWhat was asked.\n\nWritten by `python -m x`.")
    assert f"| {CLAIM.sentence} | 57 | [55, open] | 58.5 | yes |" in text
    assert "![Ends](../figures/ends.png)" in text and "## Ends by batch\n\nEnds in epochs." in text
    assert text.endswith("| 64 | 80 |\n| 128 | 57 |\n")


def test_numbers_that_are_not_there_are_said():
    assert [number_text(x) for x in (None, float("nan"), 0.012345)] == ["-", "-", "0.0123"]
    assert interval_text(None, float("inf")) == "[open, open]"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Claim("a", "word " * 26, None, None, None, "yes"), "sentence must have 1 to 25 words, not 26"),
        (lambda: Claim("A b", "So.", None, None, None, "yes"), "name must be lower case with hyphens"),
        (lambda: Claim("a", "So.", float("nan"), None, None, "yes"), "numbers of claim 'a' must be finite or None"),
        (lambda: Claim("a", "So.", None, None, None, "perhaps"), "verdict must be one of"),  # type: ignore[arg-type]
        (lambda: Table("t", "So.", ("a", "b"), (("1",),)), "rows of table 't' must have 2 cells, not 1"),
        (lambda: Outcome("x", "y", (CLAIM, CLAIM), (), {}), "claims must have names of their own"),
        (lambda: Outcome("x", "y", (CLAIM,) * 9, (), {}), "claims must be 8 at most, not 9"),
    ],
)
def test_what_says_too_much_or_nothing_is_refused(make, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        make()
