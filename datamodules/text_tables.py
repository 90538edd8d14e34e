"""Tables of plain text for the screen."""

import unicodedata
from collections.abc import Collection, Sequence


def columns(cells: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """Columns two spaces apart, aligned on the right, those in ``left`` on the left."""
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _width(cell))
            padded.append(cell + space if place in left else space + cell)
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _width(text: str) -> int:
    """The number of columns of a terminal; Chinese characters take two, accents none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
