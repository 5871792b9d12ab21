"""Tables of numbers are read strictly: a cell that could be misread is refused with its line."""

from __future__ import annotations

import pytest

from slt_toys.reference import published
from slt_toys.reference.published import COLUMNS, published_curves, read_curves

HEADER = ",".join(COLUMNS)


def test_line_endings_do_not_matter(monkeypatch, tmp_path):
    (tmp_path / "reference").mkdir()
    source = published.resources.files("slt_toys") / "reference" / published.TABLE
    crlf = source.read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "reference" / published.TABLE).write_bytes(crlf)
    monkeypatch.setattr(published.resources, "files", lambda package: tmp_path)
    assert len(published_curves()) == 3


ROW = "64,480,0,88.81,2.113,0.0099,0.508"
BAD = {
    "has no column 'final_accuracy'": HEADER.replace("final_accuracy", "accuracy") + "\n" + ROW,
    "line 2, column 'final_accuracy': 'nan' is not finite": HEADER + "\n64,480,0,nan,2.1,0.01,0.5",
    "line 3, column 'deficit_train_loss': '' is not a number": f"{HEADER}\n{ROW}\n64,480,40,87,,0.01,0.5",
    "line 2, column 'final_train_loss': 'low' is not a number": HEADER + "\n64,480,0,88,2.1,low,0.5",
    "line 2, column 'final_validation_loss': '' is not a number": HEADER + "\n64,480,0,88,2.1,0.01",
    "line 2, column 'batch_size': 0 is not positive": HEADER + "\n0,480,0,88,2.1,0.01,0.5",
    "line 2, column 'batch_size': 64.5 is not a whole number": HEADER + "\n64.5,480,0,88,2.1,0.01,0.5",
    "888 is not between 0 and 100 percent": HEADER + "\n64,480,0,888,2.1,0.01,0.5",
    "leave out runs that never switched": HEADER + "\n64,480,480,56,2.1,0.01,0.5",
    "switch epoch 0 does not follow 0": f"{HEADER}\n{ROW}\n{ROW}",
    "no rows": HEADER,
    "is empty": "",
    "line 2: 8 cells where the first line names 7 columns": HEADER + "\n64,480,0,88,81,2.1,0.01,0.5",
    "column 'batch_size' named twice": f"{HEADER},batch_size\n{ROW},64",
    "line 3, column 'total_epochs': 240 is not the 480": f"{HEADER}\n{ROW}\n64,240,40,87,2.1,0.01,0.5",
    "'1_0' is not a number": HEADER + "\n64,480,0,88,1_0,0.01,0.5",
    "separated by bars": HEADER.replace(",", "|") + "\n" + ROW.replace(",", "|"),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_tables_are_refused_in_one_line(message):
    with pytest.raises(ValueError) as refusal:
        read_curves(BAD[message], "my.csv")
    assert message in str(refusal.value)
    assert str(refusal.value).startswith("my.csv: ") and "\n" not in str(refusal.value)
