"""Uses of an equation are read off the sources: by look-up, by citation, and by nothing else."""

from __future__ import annotations

from theory import uses

LABEL = "made-label"  # in brackets it would be an equation that is not there


def test_the_law_of_the_critical_period_is_coded_and_drawn():
    assert "slt_toys/fits/rival_laws.py" in uses.used_by("critical-period-end-exponential")
    assert "figures/phase_diagram.py" in uses.drawn_in("critical-period-end-exponential")


def test_uses_are_those_of_a_tree_made_by_hand(tmp_path, monkeypatch):
    for name, text in {
        "slt_toys/a.py": 'law("made-label")',
        "slt_toys/b.py": '"""Source [eq:' + LABEL + ']."""',
        "slt_toys/c.py": 'law("made-label-too")',
        "cifar/d.py": "x = 1",
        "figures/e.py": 'draw("made-label")',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(uses, "ROOT", tmp_path)
    uses.labels_by_file.cache_clear()
    try:
        assert uses.used_by("made-label") == ("slt_toys/a.py", "slt_toys/b.py")
        assert uses.drawn_in("made-label") == ("figures/e.py",)
        assert uses.used_by("another") == ()
    finally:
        uses.labels_by_file.cache_clear()
