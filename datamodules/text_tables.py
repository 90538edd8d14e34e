"""Tables of plain text for the screen."""

import unicodedata
from collections.abc import Collection, Sequence


def columns(cells: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Plain columns, two spaces apart; those in ``right`` are aligned on the right."""
    return "\n".join("  ".join(row).rstrip() for row in padded(cells, right))


def padded(cells: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[list[str]]:
    """The cells with spaces, so that each column has one width on a terminal."""
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    rows = []
    for row in cells:
        spaces = [" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        pairs = enumerate(zip(row, spaces, strict=True))
        rows.append([space + cell if at in right else cell + space for at, (cell, space) in pairs])
    return rows


def _width(text: str) -> int:
    """The number of columns of a terminal; Chinese characters take two, accents none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
