"""Tables and lines of plain text for the screen, by the columns that a terminal gives them."""

import re
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


def one_line(text: str) -> str:
    """The text without line breaks, tabs and control characters, which would break a table."""
    return "".join(
        c for c in re.sub(r"[^\S \u3000]+", " ", text) if c.isprintable() or c == "\u3000"
    )


def fitted(text: str, columns: int) -> str:
    """The beginning of a text on one line, in at most so many columns of a terminal."""
    line = one_line(" ".join(text[: 4 * columns].split()))
    if width(line) <= columns:
        return line
    return f"{_lead(line, columns - 2).rstrip()} …"


def cut(text: str, columns: int) -> str:
    """A name on one line in at most so many columns: the middle of a longer one is an ellipsis."""
    line = one_line(text)
    if width(line) <= columns:
        return line
    lead = _lead(line, columns // 2)
    return f"{lead}…{_lead(line[::-1], columns - 1 - width(lead))[::-1]}"


def _lead(line: str, columns: int) -> str:
    """The longest beginning that is at most so wide."""
    taken = 0
    for place, character in enumerate(line):
        taken += width(character)
        if taken > columns:
            return line[:place]
    return line


def wrapped(text: str, columns: int, indent: str = "", first: str | None = None) -> list[str]:
    """The text in lines of at most so many columns, broken at spaces and between wide characters.

    Args:
        text: The text, whose own line breaks count as spaces.
        columns: The columns of a line with its indent.
        indent: The beginning of every line.
        first: The beginning of the first line, if it is another one.
    """
    lead = indent if first is None else first
    lines, line = [], ""
    for word in text.split():
        for number, piece in enumerate(_pieces(word)):
            gap = " " if line and not number else ""
            if line and width(lead + line + gap + piece) > columns:
                lines.append(lead + line)
                lead, line, gap = indent, "", ""
            line += gap + piece
    return [*lines, lead + line] if line else lines


def _pieces(word: str) -> list[str]:
    """The parts of a word between which a line may end: before a wide character that is no sign."""
    found = [""]
    for before, character in zip(" " + word, word, strict=False):
        both = (width(before) == 2 or width(character) == 2) and before not in "（《“"
        if found[-1] and both and unicodedata.category(character)[0] != "P":
            found.append("")
        found[-1] += character
    return found


def width(text: str) -> int:
    """The number of columns of a terminal; Chinese characters take two, accents none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)
