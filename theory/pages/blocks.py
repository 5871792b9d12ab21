"""The little Markdown that the pages are written in: split into blocks, and written out refilled."""

from __future__ import annotations

import re
from dataclasses import dataclass

WIDTH = 100
_WORD = re.compile(r"(?:\$[^$]+\$|`[^`]+`|!?\[[^\]]*\]\([^)]*\)|\S)+")
# What Markdown would read as a list, heading, quote, table, fence or rule at the start of a line.
_RISKY = re.compile(r"[-+*]$|\d+[.)]$|#+$|>|\||```|~~~|=+$|-{2,}$|\$\$|<a ")
_ITEM = re.compile(r"(-|\d+\.) +(?=\S)")


@dataclass(frozen=True)
class Block:
    """One block of a page.

    Attributes
    ----------
    kind : str
        "heading", "anchor", "paragraph", "item", "display", "table" or "figure".
    text : str
        Its text on one line; the lines of a display or a table.
    mark : str
        Hashes of a heading, bullet or number of an item, file of a figure.
    """

    kind: str
    text: str
    mark: str = ""


def parse(page: str) -> list[Block]:
    """Split a page into blocks; line breaks inside paragraphs and items do not matter."""
    blocks: list[Block] = []
    lines = iter(page.splitlines())
    gathered: list[str] = []
    mark = ""

    def flush() -> None:
        nonlocal mark
        if gathered:
            blocks.append(Block("item" if mark else "paragraph", " ".join(gathered), mark))
            gathered.clear()
        mark = ""

    for line in lines:
        stripped = line.strip()
        bullet = _ITEM.match(line)
        if not stripped:
            flush()
        elif stripped == "$$":
            flush()
            body = []
            for inner in lines:
                if inner.strip() == "$$":
                    break
                body.append(inner.strip())
            blocks.append(Block("display", "\n".join(body)))
        elif stripped.startswith("|") and not gathered:
            if blocks and blocks[-1].kind == "table":
                blocks[-1] = Block("table", f"{blocks[-1].text}\n{stripped}")
            else:
                blocks.append(Block("table", stripped))
        elif heading := re.match(r"(#{1,4}) +(.*)", line):
            flush()
            blocks.append(Block("heading", heading[2], heading[1]))
        elif anchor := re.match(r'<a id="([^"]+)"></a>$', line):
            flush()
            blocks.append(Block("anchor", anchor[1]))
        elif figure := re.match(r"!\[(.*)\]\(([^)]+)\)$", line):
            flush()
            blocks.append(Block("figure", figure[1], figure[2]))
        elif bullet:
            flush()
            mark = bullet[1]
            gathered.append(line[bullet.end() :].strip())
        else:
            gathered.append(stripped)
    flush()
    return blocks


def fill(text: str, indent: str = "", width: int = WIDTH) -> str:
    """Refill a paragraph.

    Mathematics, code and links stay whole, and no line starts with anything Markdown would take for the
    start of another block.
    """
    words: list[str] = []
    for word in _WORD.findall(text):
        if words and _RISKY.match(word):
            words[-1] += f" {word}"
        else:
            words.append(word)
    lines = [""]
    for word in words:
        if not lines[-1]:
            lines[-1] = word
        elif len(indent) + len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return f"\n{indent}".join(lines)


def markdown(blocks: list[Block]) -> str:
    """Write blocks as Markdown."""
    parts: list[str] = []
    previous = ""
    for block in blocks:
        if block.kind == "item":
            text = f"{block.mark} {fill(block.text, ' ' * (len(block.mark) + 1))}"
            if previous == "item":
                parts[-1] += f"\n{text}"
            else:
                parts.append(text)
        elif block.kind == "display":
            parts.append(f"$$\n{block.text}\n$$")
        elif block.kind == "heading":
            parts.append(f"{block.mark} {block.text}")
        elif block.kind == "anchor":
            parts.append(f'<a id="{block.text}"></a>')
        elif block.kind == "figure":
            name = block.mark.rsplit("/", 1)[-1].removesuffix(".png").replace("_", " ")
            parts.append(f"![Figure: {name}]({block.mark})")
            parts.append(fill(f"*Figure.* {block.text}"))
        else:
            parts.append(block.text if block.kind == "table" else fill(block.text))
        previous = block.kind
    return "\n\n".join(parts) + "\n"
