"""Tables of text: Markdown with even columns, CSV, and sizes in bytes."""

import csv as csv_module
import io
from typing import Any


def aligned(cells: list[list[str]]) -> str:
    """A table of Markdown with columns of even width; the first row is the head."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    rows = [
        " | ".join(cell.ljust(width) for cell, width in zip(r, widths, strict=True)) for r in cells
    ]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {row} |" for row in [rows[0], rule, *rows[1:]])


def csv_of(lines: list[dict[str, Any]]) -> str:
    """Lines under all the columns that one of them has."""
    columns = list(dict.fromkeys(key for line in lines for key in line))
    text = io.StringIO()
    writer = csv_module.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
