"""The rendered pages: up to date, deterministic, and their check really checks."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import sympy

import theory.pages
from theory.__main__ import main
from theory.derivation import Derivation, DerivationError, Equation, demand, demand_zero
from theory.equations import BY_SUBJECT, EQUATIONS, equation
from theory.pages.page_figures import PAGE_FIGURES
from theory.pages.prose import PAGES
from theory.pages.render import PAGES_FOLDER, check_pages, render_pages, write_pages
from theory.symbols import DEFINITIONS, SYMBOL_LATEX

ROOT = Path(str(theory.pages.__file__)).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pages")
    write_pages(place)
    return place


def test_pages_in_the_repository_are_up_to_date(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_rendering_is_deterministic():
    assert render_pages() == render_pages()


def test_check_detects_a_modified_missing_and_foreign_page(folder, capsys):
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


def test_check_detects_a_missing_and_a_foreign_figure(folder):
    picture = folder / "figures" / "energy_law.png"
    content = picture.read_bytes()
    picture.rename(folder / "figures" / "stray.png")
    assert check_pages(folder) == [
        "figures/energy_law.png is missing; run python -m figures.theory_pages",
        "figures/stray.png is on no page; delete it",
    ]
    (folder / "figures" / "stray.png").unlink()
    picture.write_bytes(content)


def test_figures_stand_in_a_section_of_their_page():
    for figure in PAGE_FIGURES:
        assert figure.subject in PAGES
        assert not figure.label or figure.label in [e.label for e in BY_SUBJECT[figure.subject]]


@pytest.mark.parametrize("subject", list(BY_SUBJECT))
def test_every_symbol_is_in_the_table_of_its_page_or_in_the_text_before_its_formula(subject):
    unsaid, said = [], PAGES[subject][1]
    for found in BY_SUBJECT[subject]:
        said += found.motivation
        for step in found.derived.steps:
            said += step.text
            symbols = step.formula.free_symbols if step.formula is not None else set()
            for symbol in sorted(symbols - set(SYMBOL_LATEX), key=str):
                name = sympy.latex(symbol).replace("{", "").replace("}", "")
                words = name.startswith(r"\text")  # plain words in a formula
                if not words and name not in said.replace("{", "").replace("}", ""):
                    unsaid.append(f"[eq:{found.label}] does not say what {name} is before {step.formula}")
    assert unsaid == []


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


def test_a_wrong_noise_covariance_does_not_close(monkeypatch):
    import theory.laws.sgd as sgd

    right = sgd.heavy_ball_covariance()
    monkeypatch.setattr(sgd, "heavy_ball_covariance", lambda: 2 * right)
    sgd.derive_sgd_time_and_temperature.cache_clear()
    with pytest.raises(DerivationError):
        sgd.derive_sgd_time_and_temperature()
    with pytest.raises(DerivationError):
        sgd.derive_sgd_temperature_quadratic()


def test_demands():
    x = sympy.Symbol("x", positive=True)
    demand_zero(sympy.sin(x) ** 2 + sympy.cos(x) ** 2 - 1, "identity")
    with pytest.raises(DerivationError, match="identity"):
        demand_zero(x - 1, "identity")
    with pytest.raises(DerivationError):
        demand(sympy.Eq(x, 1), "undecided")


@pytest.mark.parametrize("label", list(EQUATIONS))
def test_every_equation_is_complete(label):
    found = equation(label)
    assert isinstance(found, Equation)
    assert found.equation.rhs == found.derived.result
    for name, symbol in found.symbols.items():
        assert DEFINITIONS[name].symbol == symbol
        assert found.meanings[name]
    assert found.motivation and found.source
    for path in found.tested_by:
        assert label in (ROOT / path).read_text(encoding="utf-8"), f"{path} does not test {label}"


def test_symbols_are_defined_once():
    latex = [definition.latex for definition in DEFINITIONS.values()]
    assert len({definition.symbol for definition in DEFINITIONS.values()}) == len(latex)
    assert len(set(latex)) == len(latex), sorted(t for t in latex if latex.count(t) > 1)


def test_no_page_or_module_cites_an_unknown_label():
    cited = re.compile(r"\[eq:([a-z0-9-]+)\]")
    for path in [*(ROOT / "theory").rglob("*.py"), *PAGES_FOLDER.glob("*.md")]:
        for label in cited.findall(path.read_text(encoding="utf-8")):
            assert label in EQUATIONS or label == "label", f"{path.name} cites {label}"


def test_an_unknown_label_gets_one_clear_line():
    with pytest.raises(ValueError, match="no equation is called 'nonsense'"):
        equation("nonsense")


@pytest.mark.parametrize("option", [["--folder", "file"], ["--latex", "file/theory.tex"]])
def test_a_folder_that_cannot_be_written_gets_one_line(option, tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main([option[0], str(tmp_path / option[1])]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_latex_is_written_on_request(tmp_path, capsys):
    assert main(["--latex", str(tmp_path / "theory.tex")]) == 0
    text = (tmp_path / "theory.tex").read_text(encoding="utf-8")
    (pictures,) = re.findall(r"\\graphicspath\{\{(.*)\}\}", text)
    named = re.findall(r"\{(figures/\w+\.png)\}", text)
    assert len(named) == len(PAGE_FIGURES) and all((tmp_path / pictures / name).is_file() for name in named)
