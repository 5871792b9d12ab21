"""The pages as one LaTeX document: the same blocks, with numbered equations and references to them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from theory.pages.blocks import Block

DOCUMENT = r"""% Rendered by "python -m theory"; do not edit.
\documentclass[11pt,a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath,amssymb}
\usepackage{graphicx}
\usepackage{longtable}
\usepackage[hidelinks,bookmarks=false]{hyperref}
\graphicspath{{FOLDER/}}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.5em plus 0.2em}
\setlength{\emergencystretch}{3em}
\raggedbottom
% A formula wider than the line is scaled down to it.
\newsavebox{\formula}
\newcommand{\fitted}[1]{\sbox{\formula}{$\displaystyle #1$}%
  \ifdim\wd\formula>0.9\linewidth\resizebox{0.9\linewidth}{!}{\usebox{\formula}}\else\usebox{\formula}\fi}
\title{TITLE}
\date{}
\begin{document}
\maketitle
\tableofcontents

BODY
\end{document}
"""
_TEXT = {"\\": "backslash", "^": "asciicircum", "~": "asciitilde", "<": "less", ">": "greater", "|": "bar"}
_MATH = {"→": "to", "≤": "le", "≥": "ge", "≠": "ne", "≈": "approx", "∞": "infty"}
for _letter in map(chr, (*range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x3B1, 0x3C2), *range(0x3C3, 0x3CA))):
    _, _size, _, _name = unicodedata.name(_letter).replace("LAMDA", "LAMBDA").split()
    _MATH[_letter] = _name.lower() if _size == "SMALL" else _name.capitalize()
_SPECIAL = {"–": "--", "—": "---", "’": "'", "“": "``", "”": "''", "…": r"\dots{}"}
_SPECIAL |= {character: f"\\{character}" for character in "{}$&#%_"}
_SPECIAL |= {character: rf"\text{word}{{}}" for character, word in _TEXT.items()}
_SPECIAL |= {character: rf"\ensuremath{{\{word}}}" for character, word in _MATH.items()}
_ATOM = re.compile(
    r"(?P<math>\$[^$]+\$)|`(?P<code>[^`]+)`|\[eq:(?P<label>[a-z0-9-]+)\]|\[(?P<text>[^\]]*)\]\((?P<url>[^)]+)\)"
    r"|\\(?P<escaped>[*_|\\`])|\*\*(?P<bold>(?:\$[^$]+\$|`[^`]+`|[^*])+)\*\*"
    r"|\*(?P<emphasis>(?:\$[^$]+\$|`[^`]+`|[^*])+)\*"
)
_LEVELS = {"#": "section", "##": "subsection", "###": "subsubsection"}
_WIDTHS = {3: (0.1, 0.36, 0.46), 2: (0.4, 0.5)}
_LABEL_IN_HEADING = re.compile(r" `(\[eq:[a-z0-9-]+\])`$")


def escape(text: str) -> str:
    """Plain text as LaTeX prints it.

    Raises
    ------
    ValueError
        For a character that the document's fonts do not have.
    """
    for character in sorted(set(text) - set(_SPECIAL)):
        if ord(character) >= 0x100 and character not in "őűłŁšŠžŽčČřŘ":
            raise ValueError(f"text: LaTeX has no {character!r}; write it as $...$ or add it to theory.pages.latex")
    return "".join(_SPECIAL.get(character, character) for character in text)


def inline(text: str) -> str:
    """Text with Markdown's mathematics, code, emphasis, links and cited labels as LaTeX."""
    parts, position = [], 0
    for match in _ATOM.finditer(text):
        parts += [escape(text[position : match.start()]), _atom(match)]
        position = match.end()
    return "".join([*parts, escape(text[position:])])


def _atom(match: re.Match[str]) -> str:
    if match["math"]:
        return match["math"]
    if match["code"]:  # a long name may break after a dot, an underscore or a slash
        breakable = re.sub(r"[./_]", r"\g<0>\\allowbreak{}", escape(match["code"]))
        return rf"\texttt{{{breakable.replace('--', '-{}-')}}}"
    if match["label"]:
        return rf"\eqref{{eq:{match['label']}}}"
    if match["url"]:
        return inline(match["text"])
    if match["escaped"]:
        return escape(match["escaped"])
    return rf"\textbf{{{inline(match['bold'])}}}" if match["bold"] else rf"\emph{{{inline(match['emphasis'])}}}"


def document(title: str, blocks: Iterable[Block], folder: str = ".") -> str:
    """Write blocks as a complete LaTeX document.

    The first display after an anchor carries its label; other displays have no number. Figures are in ``folder``.
    """
    parts: list[str] = []
    environment, label = "", ""
    for block in [*blocks, Block("end", "")]:
        wanted = ("itemize" if block.mark == "-" else "enumerate") if block.kind == "item" else ""
        if environment != wanted:
            parts += [rf"\end{{{environment}}}"] * bool(environment) + [rf"\begin{{{wanted}}}"] * bool(wanted)
        environment = wanted
        if block.kind == "anchor":
            label = block.text
        elif block.kind != "end":
            parts.append(_block(block, label))
            label = "" if block.kind == "display" else label
    text = DOCUMENT.replace("TITLE", inline(title)).replace("FOLDER", folder)
    return text.replace("BODY", "\n\n".join(parts))


def _block(block: Block, label: str) -> str:
    if block.kind == "item":  # a list that a display interrupts goes on counting
        number = block.mark.removesuffix(".")
        count = f"\\setcounter{{enumi}}{{{int(number) - 1}}}" if number != "-" else ""
        return f"{count}\\item{{}} {inline(block.text)}"
    if block.kind == "display":
        name, mark = ("equation", rf"\label{{eq:{label}}}") if label else ("equation*", "")
        return f"\\begin{{{name}}}{mark}\n\\fitted{{{block.text}}}\n\\end{{{name}}}"
    if block.kind == "heading":
        title, cited, _ = (*_LABEL_IN_HEADING.split(block.text), "", "")[:3]
        code = rf"{{\small\texttt{{{escape(cited)}}}}}" if cited else ""
        return f"\\{_LEVELS[block.mark]}{{{inline(title)}}}\n{code}".rstrip()
    if block.kind == "table":
        return _table(block.text)
    if block.kind == "figure":
        picture = rf"\includegraphics[width=0.8\linewidth]{{{block.mark}}}"
        return f"\\begin{{figure}}[htbp]\n\\centering\n{picture}\n\\caption{{{inline(block.text)}}}\n\\end{{figure}}"
    return inline(block.text)


def _table(text: str) -> str:
    # A bar inside mathematics, code or after a backslash is no border.
    cells = [[inline(cell.strip()) for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in text.splitlines()]
    head, body = cells[0], cells[2:]
    columns = "".join(rf"p{{{w}\linewidth}}" for w in _WIDTHS.get(len(head), (0.9 / len(head),) * len(head)))
    lines = [" & ".join(rf"\textbf{{{cell}}}" for cell in head) + r" \\ \hline \noalign{\vskip 2pt} \endhead"]
    inner = "\n".join(lines + [" & ".join(row) + r" \\" for row in body])
    return f"{{\\small\n\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n{inner}\n\\end{{longtable}}}}"
