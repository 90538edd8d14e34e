"""Tables as Markdown or CSV, and sizes in bytes with their units."""

from collections.abc import Sequence
from typing import Any

from datamodules.text_tables import one_line, padded


def aligned(cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table with columns of even width; the first row is the header."""
    first, *rest = padded([[one_line(cell).replace("|", r"\|") for cell in row] for row in cells])
    rule = ["-" * len(cell) for cell in first]
    return "\n".join(f"| {' | '.join(row)} |" for row in [first, rule, *rest])


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
