from __future__ import annotations

import json

import pytest

from slt_toys.results.__main__ import main
from slt_toys.results.ledger import NAME, Kept, Ledger, key_of
from slt_toys.sweep.values import encode, labelled


@pytest.fixture
def folder(tmp_path):
    with Ledger(tmp_path, "create") as ledger:
        ledger.set_facts(experiment="made")
        kept = []
        for seed in range(4):
            key, text = key_of("made", {"seed": seed, "decay": 0.9})
            files = {"made.json": f'{{"seed": {seed}}}'.encode()}
            kept.append(Kept(key, text, encode(labelled({"value": seed / 3})), files, 0.5, "here:1"))
        failed = [(*key_of("made", {"seed": 9, "decay": 0.9}), "RuntimeError: no", "", 0)]
        ledger.keep({"sources": "abc", "python": "3"}, kept, failed)
        ledger.settle()
    return tmp_path


def test_a_ledger_without_a_record_is_verified(folder, capsys):
    assert main(["verify", str(folder)]) == 0
    assert capsys.readouterr().out == "0 records and 1 ledgers, 0 files of theirs: all as written\n"
    assert main(["verify", str(folder / NAME)]) == 0


def test_every_flipped_byte_of_what_is_kept_is_found(folder, capsys):
    """Each byte of every payload, text and file, wherever it lies in the database."""
    whole = (folder / NAME).read_bytes()
    with Ledger(folder, "read") as ledger:
        parts = [part for row in ledger.connection.execute("SELECT payload, arguments FROM results") for part in row]
        parts += [content for (content,) in ledger.connection.execute("SELECT content FROM files")]
    places = []
    for part in parts:
        raw = part if isinstance(part, bytes) else part.encode()
        start = whole.index(raw)
        places += range(start, start + len(raw), 7)
    assert len(places) > 40
    for place in places:
        (folder / NAME).write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert main(["verify", str(folder)]) == 1, place
    (folder / NAME).write_bytes(whole)
    assert main(["verify", str(folder)]) == 0
    (folder / NAME).write_bytes(whole[:3000])
    assert main(["verify", str(folder)]) == 1
    capsys.readouterr()


def test_a_ledger_is_shown(folder, capsys):
    assert main(["show", str(folder / NAME)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "sweep of made" and said[1].startswith("4 results, 2 s of 1 workers, from 20")
    assert said[2:4] == ["1 failures", '  {"decay":0.9,"seed":9}: RuntimeError: no'] and said[4].startswith(
        "code abc, Python 3"
    )


def test_files_of_chosen_points_are_written(folder, capsys, tmp_path):
    out = tmp_path / "out"
    assert main(["export", str(folder / NAME), "--points", "seed=2", "decay=0.9", "--out", str(out)]) == 0
    (own,) = out.iterdir()
    assert json.loads((own / "made.json").read_text()) == {"seed": 2}
    assert json.loads((own / "point.json").read_text()) == {"decay": 0.9, "seed": 2}
    assert main(["export", str(folder / NAME), "--out", str(out)]) == 0 and len(list(out.iterdir())) == 4
    capsys.readouterr()
    for arguments, said in (
        (
            ["export", str(folder / NAME), "--points", "seed=7", "--out", str(out)],
            "no result has seed=7; give NAME=VALUE with one of decay, seed",
        ),
        (["export", "x.json", "--points", "seed=7"], "--points chooses from the ledger of a sweep"),
        (["show", str(folder / "other.sqlite")], "is no ledger; it is called sweep.sqlite"),
    ):
        assert main(arguments) == 2
        told = capsys.readouterr().err
        assert said in told and told.count("\n") == 1
