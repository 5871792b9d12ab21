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

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "—": "---",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\dots{}",
    "→": r"\ensuremath{\to}",
    "≤": r"\ensuremath{\le}",
    "≥": r"\ensuremath{\ge}",
    "≠": r"\ensuremath{\ne}",
    "≈": r"\ensuremath{\approx}",
    "∞": r"\ensuremath{\infty}",
}
_ATOM = re.compile(
    r"(?P<math>\$[^$]+\$)|`(?P<code>[^`]+)`|\[eq:(?P<label>[a-z0-9-]+)\]|\[(?P<text>[^\]]*)\]\((?P<url>[^)]+)\)"
    r"|\\(?P<escaped>[*_|\\`])|\*\*(?P<bold>(?:\$[^$]+\$|`[^`]+`|[^*])+)\*\*"
    r"|\*(?P<emphasis>(?:\$[^$]+\$|`[^`]+`|[^*])+)\*"
)
_LEVELS = {"#": "section", "##": "subsection", "###": "subsubsection"}
_LABEL_IN_HEADING = re.compile(r" `\[eq:[a-z0-9-]+\]`$")


def escape(text: str) -> str:
    """Plain text as LaTeX prints it.

    Raises
    ------
    ValueError
        For a character that the document's fonts do not have.
    """
    return "".join(_character(character) for character in text)


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if ord(character) < 0x100 or character in "őűłŁšŠžŽčČřŘ":
        return character
    name = unicodedata.name(character, "")
    letter = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", name)
    if letter:
        word = letter[2].lower().replace("lamda", "lambda")
        return rf"\ensuremath{{\{word if letter[1] == 'SMALL' else word.capitalize()}}}"
    raise ValueError(f"text: LaTeX has no {character!r} ({name}); write it as $...$ or add it to theory.pages.latex")


def inline(text: str) -> str:
    """Text with Markdown's mathematics, code, emphasis, links and cited labels as LaTeX."""
    parts, position = [], 0
    for found in _ATOM.finditer(text):
        parts.append(escape(text[position : found.start()]))
        position = found.end()
        if found["math"]:
            parts.append(found["math"])
        elif found["code"]:
            # A long name may break after a dot, an underscore or a slash.
            breakable = re.sub(r"[./_]", r"\g<0>\\allowbreak{}", escape(found["code"]))
            breakable = breakable.replace("--", "-{}-")
            parts.append(rf"\texttt{{{breakable}}}")
        elif found["label"]:
            parts.append(rf"\eqref{{eq:{found['label']}}}")
        elif found["url"]:
            parts.append(inline(found["text"]))
        elif found["escaped"]:
            parts.append(escape(found["escaped"]))
        elif found["bold"]:
            parts.append(rf"\textbf{{{inline(found['bold'])}}}")
        else:
            parts.append(rf"\emph{{{inline(found['emphasis'])}}}")
    parts.append(escape(text[position:]))
    return "".join(parts)


def document(title: str, blocks: Iterable[Block]) -> str:
    """Write blocks as a complete LaTeX document.

    The first display after an anchor carries its label; other displays have no number.
    """
    parts: list[str] = []
    environment, label = "", ""
    for block in blocks:
        wanted = ("itemize" if block.mark == "-" else "enumerate") if block.kind == "item" else ""
        if environment and environment != wanted:
            parts.append(rf"\end{{{environment}}}")
        if wanted and wanted != environment:
            parts.append(rf"\begin{{{wanted}}}")
        environment = wanted
        if block.kind == "item":
            # A list that a display interrupts goes on counting.
            number = block.mark.removesuffix(".")
            count = f"\\setcounter{{enumi}}{{{int(number) - 1}}}" if wanted == "enumerate" else ""
            parts.append(f"{count}\\item{{}} {inline(block.text)}")
        elif block.kind == "anchor":
            label = block.text
        elif block.kind == "display":
            name = "equation" if label else "equation*"
            mark = rf"\label{{eq:{label}}}" if label else ""
            parts.append(f"\\begin{{{name}}}{mark}\n\\fitted{{{block.text}}}\n\\end{{{name}}}")
            label = ""
        elif block.kind == "heading":
            parts.append(_heading(block))
        elif block.kind == "table":
            parts.append(_table(block.text))
        elif block.kind == "figure":
            picture = rf"\includegraphics[width=0.8\linewidth]{{{block.mark}}}"
            parts.append(
                f"\\begin{{figure}}[htbp]\n\\centering\n{picture}\n\\caption{{{inline(block.text)}}}\n\\end{{figure}}"
            )
        else:
            parts.append(inline(block.text))
    if environment:
        parts.append(rf"\end{{{environment}}}")
    return DOCUMENT.replace("TITLE", inline(title)).replace("BODY", "\n\n".join(parts))


def _heading(block: Block) -> str:
    cited = _LABEL_IN_HEADING.search(block.text)
    title = inline(block.text[: cited.start()] if cited else block.text)
    code = rf"{{\small\texttt{{{escape(cited[0].strip(' `'))}}}}}" if cited else ""
    return f"\\{_LEVELS[block.mark]}{{{title}}}\n{code}".rstrip()


def _table(text: str) -> str:
    # A bar inside mathematics, code or after a backslash is no border.
    rows = [re.split(r"(?<!\\)\|", line.strip("|")) for line in text.splitlines()]
    head, body = rows[0], rows[2:]
    widths = {3: (0.1, 0.36, 0.46), 2: (0.4, 0.5)}.get(len(head), (0.9 / len(head),) * len(head))
    columns = "".join(rf"p{{{width}\linewidth}}" for width in widths)
    lines = [
        " & ".join(rf"\textbf{{{inline(cell.strip())}}}" for cell in head) + r" \\ \hline \noalign{\vskip 2pt} \endhead"
    ]
    lines += [" & ".join(inline(cell.strip()) for cell in row) + r" \\" for row in body]
    inner = "\n".join(lines)
    return f"{{\\small\n\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n{inner}\n\\end{{longtable}}}}"


__all__ = ["document", "escape", "inline"]
