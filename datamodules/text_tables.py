"""Tables of plain text for the screen."""

import unicodedata
from collections.abc import Collection, Sequence


def columns(cells: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Plain columns, two spaces apart; those in ``right`` are aligned on the right."""
    return "\n".join("  ".join(row).rstrip() for row in padded(cells, right))


def padded(cells: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[list[str]]:
    """The cells with spaces, so that each column has one width on a terminal."""
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    rows = []
    for row in cells:
        spaces = [" " * (most - width(cell)) for cell, most in zip(row, widths, strict=True)]
        pairs = enumerate(zip(row, spaces, strict=True))
        rows.append([space + cell if at in right else cell + space for at, (cell, space) in pairs])
    return rows


def fitted(text: str, columns: int) -> str:
    """The beginning of a text on one line, in at most so many columns of a terminal."""
    line = "".join(c for c in " ".join(text[: 4 * columns].split()) if c.isprintable())
    if width(line) <= columns:
        return line
    while width(line) > columns - 2:
        line = line[:-1]
    return f"{line.rstrip()} …"


def width(text: str) -> int:
    """The number of columns of a terminal; Chinese characters take two, accents none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
