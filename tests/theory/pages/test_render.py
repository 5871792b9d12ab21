"""The rendered pages: up to date, deterministic, and their check really checks."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import sympy

from theory.__main__ import main
from theory.derivation import Derivation, DerivationError
from theory.equations import BY_SUBJECT, EQUATIONS
from theory.pages import render
from theory.pages.page_figures import PAGE_FIGURES
from theory.pages.render import check_pages, render_pages, write_pages


@pytest.fixture(scope="module")
def folder(pages, tmp_path_factory):
    place = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "render_pages", lambda: dict(pages))
        write_pages(place)
    return place


def test_pages_in_the_repository_are_up_to_date(rendered, capsys):
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_every_row_of_a_table_has_the_cells_of_its_heading(pages):
    cells = re.compile(r"(?<!\\)\|")
    for name, text in pages.items():
        for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
            counts = {len(cells.findall(row)) for row in table.strip().split("\n")}
            assert len(counts) == 1, f"{name}: {table[:200]}"


def test_rendering_is_deterministic(pages):
    assert render_pages() == pages


def test_check_detects_a_modified_missing_and_foreign_page(folder, rendered, capsys):
    assert check_pages(folder) == []
    page = folder / "sgd.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("Temperature", "Temparature", 1), encoding="utf-8")
    assert check_pages(folder) == ["sgd.md is out of date; run python -m theory"]
    assert main(["--check", "--folder", str(folder)]) == 1
    assert capsys.readouterr().out.strip() == "sgd.md is out of date; run python -m theory"
    page.unlink()
    (folder / "stray.md").write_text("?", encoding="utf-8")
    assert len(check_pages(folder)) == 2
    (folder / "stray.md").unlink()
    page.write_text(text, encoding="utf-8")


def _swap(monkeypatch, subject: str, label: str, derivation) -> None:
    changed = tuple(replace(e, derivation=derivation) if e.label == label else e for e in BY_SUBJECT[subject])
    monkeypatch.setitem(BY_SUBJECT, subject, changed)


def test_check_detects_a_changed_result(folder, monkeypatch):
    right = EQUATIONS["sgd-temperature"].derived
    _swap(monkeypatch, "sgd", "sgd-temperature", lambda: Derivation(2 * right.result, right.steps))
    assert check_pages(folder) == ["sgd.md is out of date; run python -m theory"]


def test_check_detects_a_missing_and_a_foreign_figure(folder, rendered):
    picture = folder / "figures" / "energy_law.png"
    content = picture.read_bytes()
    picture.rename(folder / "figures" / "stray.png")
    assert check_pages(folder) == [
        "figures/energy_law.png is missing; run python -m figures.theory_pages",
        "figures/stray.png is on no page; delete it",
    ]
    (folder / "figures" / "stray.png").unlink()
    picture.write_bytes(content)


def test_check_detects_a_derivation_that_does_not_close(folder, monkeypatch):
    import theory.laws.kinetics as kinetics

    kinetics.well_integral_of.cache_clear()
    monkeypatch.setattr(kinetics, "half_line_moment", lambda power, order: sympy.Integer(1))
    _swap(monkeypatch, "kinetics", "well-integral", kinetics.derive_well_integral)
    problems = check_pages(folder)
    kinetics.well_integral_of.cache_clear()
    assert problems and all("\n" not in line for line in problems)
    assert problems[0].startswith("[eq:well-integral] derivation fails")


def test_wrong_abbreviations_are_refused(monkeypatch):
    label = "reshuffling-temperature-factor-momentum"
    right = EQUATIONS[label].derived
    wrong = replace(right, abbreviations={symbol: 2 * value for symbol, value in right.abbreviations.items()})
    assert right.abbreviations
    _swap(monkeypatch, "sgd", label, lambda: wrong)
    with pytest.raises(DerivationError, match="as shown"):
        render_pages()


@pytest.mark.parametrize("option", [["--folder", "file"], ["--latex", "file/theory.tex"]])
def test_a_folder_that_cannot_be_written_gets_one_line(option, rendered, tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main([option[0], str(tmp_path / option[1])]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_latex_is_written_on_request(tmp_path, capsys):
    assert main(["--latex", str(tmp_path / "theory.tex")]) == 0
    text = (tmp_path / "theory.tex").read_text(encoding="utf-8")
    (pictures,) = re.findall(r"\\graphicspath\{\{(.*)\}\}", text)
    named = re.findall(r"\{(figures/\w+\.png)\}", text)
    assert len(named) == len(PAGE_FIGURES) and all((tmp_path / pictures / name).is_file() for name in named)


BARE = re.compile(r"\\[dt]?frac\s*(?:\\[A-Za-z]+|[0-9A-Za-z])[_^]")


def test_parts_of_a_fraction_that_have_an_index_stand_in_braces(pages):
    assert BARE.search(r"\frac\gamma_*2") and not BARE.search(r"\frac{\gamma_*}{2} + \frac\eta2 x^2")
    assert not {name: found.group() for name, text in pages.items() if (found := BARE.search(text))}
