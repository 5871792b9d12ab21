"""Render the theory as Markdown pages or one LaTeX document, every formula derived as it is rendered."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import sympy
from sympy import Basic, Expr
from sympy.core.function import AppliedUndef

from theory.derivation import Equation, demand
from theory.equations import BY_SUBJECT, EQUATIONS, SUBJECT_OF
from theory.files import write_in_one_go
from theory.learning_coefficient.engine import LearningCoefficient
from theory.pages.blocks import Block, markdown, parse
from theory.pages.formula import latex, readable
from theory.pages.latex import document
from theory.pages.page_figures import PAGE_FIGURES, PageFigure
from theory.pages.prose import INDEX, PAGES
from theory.pages.worked_examples import WORKED_EXAMPLES
from theory.symbols import DEFINITIONS, SYMBOL_LATEX

PAGES_FOLDER = Path(__file__).parent
FIGURES = "figures"


def render_pages() -> dict[str, str]:
    """Render every page.

    Returns
    -------
    dict
        File name to text.

    Raises
    ------
    DerivationError
        If a derivation does not close.
    """
    texts = {subject: _page(subject) for subject in PAGES} | {"README": _index()}
    return {f"{name}.md": markdown(parse(_linked(text, name))) for name, text in texts.items()}


def render_latex(folder: str = str(PAGES_FOLDER)) -> str:
    """Render all pages as one LaTeX document, whose figures are looked for in ``folder``."""
    blocks = [Block("heading", "Introduction", "#"), *parse(INDEX)]
    for subject in PAGES:
        blocks += parse(_page(subject))
    return document("Theory", blocks, folder)


def write_pages(folder: Path = PAGES_FOLDER) -> list[Path]:
    """Render and write every page; each file is replaced in one go."""
    pages = render_pages()
    folder.mkdir(parents=True, exist_ok=True)
    if folder.resolve() != PAGES_FOLDER.resolve() and (PAGES_FOLDER / FIGURES).is_dir():
        shutil.copytree(PAGES_FOLDER / FIGURES, folder / FIGURES, dirs_exist_ok=True)
    for name, text in pages.items():
        write_in_one_go(text.encode("utf-8"), folder / name)
    return [folder / name for name in pages]


def check_pages(folder: Path = PAGES_FOLDER) -> list[str]:
    """Derive everything again and compare with the pages on disk.

    Of a figure only its being there is checked: its bytes depend on who draws it.

    Returns
    -------
    list of str
        One line per problem, none if all is well.
    """
    problems = []
    for equation in chain.from_iterable(BY_SUBJECT.values()):
        try:
            _ = equation.derived
        except Exception as error:  # any failure of a derivation is a finding, not a crash
            problems.append(f"[eq:{equation.label}] derivation fails: {error}")
    if problems:
        return problems
    pages = render_pages()
    for name, text in pages.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing; run python -m theory")
        elif path.read_text(encoding="utf-8") != text:
            problems.append(f"{name} is out of date; run python -m theory")
    present = {path.name for path in folder.glob("*.md")}
    problems += [f"{name} belongs to no subject; delete it" for name in sorted(present - set(pages))]
    named, drawn = {f"{figure.name}.png" for figure in PAGE_FIGURES}, {p.name for p in (folder / FIGURES).glob("*")}
    problems += [f"{FIGURES}/{name} is missing; run python -m figures.theory_pages" for name in sorted(named - drawn)]
    problems += [f"{FIGURES}/{name} is on no page; delete it" for name in sorted(drawn - named)]
    return problems


def _page(subject: str) -> str:
    title, introduction = PAGES[subject]
    equations = BY_SUBJECT.get(subject, ())
    parts = [f"# {title}", introduction]
    if equations:
        parts.append(_symbol_table(equations))
    if subject == "learning_coefficient":
        parts += _worked_examples()
    told: dict[object, str] = {}
    for equation in equations:
        same = told.setdefault(equation.derived.steps, equation.label)
        parts.append(_section(equation, same if same != equation.label else ""))
    parts += [_figure(figure) for figure in PAGE_FIGURES if figure.subject == subject and not figure.label]
    return "\n\n".join(parts)


def _section(equation: Equation, same: str) -> str:
    """Render motivation, formula, derivation (or the equation with the same one), number, figure and users."""
    parts = [
        f'<a id="{equation.label}"></a>\n\n## {equation.title} `[eq:{equation.label}]`',
        equation.motivation,
        _display(_abbreviated(equation)),
    ]
    if equation.derived.abbreviations:
        names = " and ".join(f"${latex(symbol)}$" for symbol in equation.derived.abbreviations)
        parts.append(f"with {names} as in the derivation.")
    if same:
        parts.append(f"**Derivation.** The same as of [eq:{same}].")
    else:
        first, *rest = equation.derived.steps
        for text, formula in [(f"**Derivation.** {first.text}", first.formula), *((s.text, s.formula) for s in rest)]:
            parts.append(text)
            if formula is not None:
                parts.append(_display(formula))
    example = _example(equation)
    if example:
        parts.append(example)
    parts += [_figure(figure) for figure in PAGE_FIGURES if figure.label == equation.label]
    law = "" if equation.derived.result.atoms(AppliedUndef) else f'*In code* `law("{equation.label}")`. '
    places = {
        "Derived in": (equation.derived_in,),
        "Used by": equation.used_by,
        "Tested by": equation.tested_by,
        "Drawn in": equation.drawn_in,
    }
    told = [f"*{what}* {', '.join(_to_source(path) for path in paths)}. " for what, paths in places.items() if paths]
    parts.append(f"{law}{''.join(told)}*Source:* {equation.source}.")
    return "\n\n".join(parts)


def _to_source(path: str) -> str:
    """A link from a page to a source."""
    return f"[{path}](../../{path})"


def _abbreviated(equation: Equation) -> Basic:
    """The equation with its abbreviations; the learning coefficient of a crossing is a symbol where it is a part."""
    derived = equation.derived
    if derived.shown is not None:
        demand(derived.shown.xreplace(dict(derived.abbreviations)) == derived.result, f"{equation.label} as shown")
        return sympy.Eq(equation.left, derived.shown, evaluate=False)
    crossing = EQUATIONS["normal-crossing-learning-coefficient"]
    if equation.left == crossing.left:
        return equation.equation
    return equation.equation.xreplace({crossing.derived.result: crossing.left})


def _figure(figure: PageFigure) -> str:
    return f"![{figure.caption}]({FIGURES}/{figure.name}.png)"


def _example(equation: Equation) -> str:
    free = [symbol for symbol in equation.symbols.values() if symbol != equation.left]
    if not equation.example or not all(symbol in equation.example for symbol in free):
        return ""
    values = {symbol: sympy.sympify(equation.example[symbol]) for symbol in free}
    number = equation.derived.result.xreplace(values).doit()
    given = ", ".join(f"${_lone(symbol.name)} = {latex(_shown(value))}$" for symbol, value in values.items())
    return f"**Number.** For {given}: ${latex(equation.left)} = {latex(_shown(number))}$."


def _shown(value: Basic) -> Basic:
    if value.is_Integer:
        return value
    real, imaginary = sympy.N(value, 30).as_real_imag()
    # Conjugate roots cancel up to rounding.
    if abs(imaginary) > 1e-20 * max(1, abs(real)):
        raise ValueError(f"{value} is not real")
    return sympy.Float(real, 5)


def _display(formula: Basic) -> str:
    return f"$$\n{latex(readable(formula))}\n$$"


def _lone(name: str) -> str:
    return DEFINITIONS[name].latex.removeprefix("(").removesuffix(")") if name == "n_beta" else DEFINITIONS[name].latex


def _symbol_table(equations: Iterable[Equation]) -> str:
    names: dict[str, None] = {}
    for equation in equations:
        names |= dict.fromkeys(equation.symbols)
        for step in equation.derived.steps:
            if step.formula is not None:
                names |= dict.fromkeys(sorted(str(x) for x in step.formula.free_symbols if x in SYMBOL_LATEX))
    rows = [f"| ${_in_a_cell(_lone(name))}$ | `{name}` | {_quoted(DEFINITIONS[name].meaning)} |" for name in names]
    return "\n".join(["| symbol | name in code | meaning [unit] |", "|---|---|---|", *rows])


def _in_a_cell(tex: str) -> str:
    """A formula without the sign that ends a table's cell."""
    return tex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")


def _worked_examples() -> list[str]:
    parts = ["## Worked examples"]
    for example in WORKED_EXAMPLES:
        point = ", ".join(_place(p) for p in example.place)
        prior = "" if example.prior == 1 else f", prior ${latex(sympy.sympify(example.prior))}$"
        parts.append(f"### ${sympy.latex(example.loss)}$ at $({point})${prior}")
        answer = example.answer()
        if isinstance(answer, LearningCoefficient):
            numbers = f"Learning coefficient {answer.value}, multiplicity {answer.multiplicity}"
            parts.append(f"{example.remark} **{numbers}**, by {answer.method}:")
            parts.append("\n".join(f"- {_quoted(sentence)}" for sentence in answer.certificate))
        else:
            parts.append(f"{example.remark} **Refused:** {_quoted(str(answer))}")
    parts.append("*Tested by* `tests/theory/learning_coefficient/test_engine.py`.")
    return parts


def _place(number: Expr) -> str:
    return rf"\text{{root}} \approx {latex(_shown(number))}" if number.atoms(sympy.CRootOf) else latex(number)


def _quoted(sentence: str) -> str:
    return sentence.replace("**", "^").replace("*", r"\*").replace("_", r"\_").replace("|", r"\|")


def _index() -> str:
    lines = [f"- [{PAGES[subject][0]}]({subject}.md)" for subject in PAGES]
    table = ["| label | equation | page |", "|---|---|---|"]
    for subject, equations in BY_SUBJECT.items():
        for e in equations:
            table.append(f"| [eq:{e.label}] | {e.title} | {PAGES[subject][0]} |")
    lines.append("- `python -m theory --latex theory.tex` writes all pages as one LaTeX document")
    return "\n\n".join(["# Theory", INDEX, "\n".join(lines), "## Labels", "\n".join(table)])


def _linked(text: str, here: str) -> str:
    """Turn a cited label into a link; inside backticks it stays as it is."""

    def link(match: re.Match[str]) -> str:
        label = match.group(1)
        if label not in SUBJECT_OF:
            raise ValueError(f"page {here} cites the unknown label {label}")
        target = "" if SUBJECT_OF[label] == here else f"{SUBJECT_OF[label]}.md"
        return f"[eq:{label}]({target}#{label})"

    text = text.replace("\\,", " ")
    return re.sub(r"(?<!`)\[eq:([a-z0-9-]+)\](?!`)", link, text)


__all__ = ["FIGURES", "PAGES_FOLDER", "check_pages", "render_latex", "render_pages", "write_pages"]
