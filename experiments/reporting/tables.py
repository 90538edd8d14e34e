"""Tables as Markdown, plain columns or CSV, and sizes in bytes with their units."""

from collections.abc import Collection, Sequence
from typing import Any


def aligned(cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table with columns of even width; the first row is the header."""
    padded = _padded(cells, ())
    rule = ["-" * len(cell) for cell in padded[0]]
    return "\n".join(f"| {' | '.join(row)} |" for row in [padded[0], rule, *padded[1:]])


def columns(cells: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Plain columns, two spaces apart; those in ``right`` are aligned on the right."""
    return "\n".join("  ".join(row).rstrip() for row in _padded(cells, right))


def _padded(cells: Sequence[Sequence[str]], right: Collection[int]) -> list[list[str]]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in cells
    ]


def csv_of(lines: Sequence[dict[str, Any]]) -> str:
    """Lines as CSV, with every column that one of them has."""
    import pandas as pd  # half a second that a table on the screen does without

    return pd.DataFrame(lines, dtype=object).to_csv(index=False)


def size(count: float) -> str:
    """A number of bytes with its unit."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
