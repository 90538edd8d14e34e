"""Plain text for language modelling: rows of whole paragraphs, and splits of whole passages."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from datamodules.books import without_frame
from datamodules.files import Table
from datamodules.files.containers import format_of
from datamodules.units import split_units
from datamodules.wrapping import join_wrapped

ROW_WORDS = 100  # from which a row is long enough; shorter paragraphs are joined to the next
_BLOCKS = 50  # passages into which a file is cut for its splits
_ENDINGS = (".txt", ".text", ".md")
_TENTHS = {4: "validation", 9: "test"}


def passages(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Make rows of paragraphs of the tables that are plain texts with a line a row.

    Lines that belong together are joined: those of a hard-wrapped paragraph, and paragraphs of one
    document up to ``ROW_WORDS``. Where train has to be split, whole passages go to validation and
    test, so that neighbours do not share what is tested.

    Args:
        tables: The table of each split. Those of other formats stay as they are.

    Raises:
        ValueError: If a text is too short to be split.
    """
    if not all(map(_is_plain, tables.values())):
        return dict(tables)
    rows = {split: _with_rows(table) for split, table in tables.items()}
    if "validation" in rows:
        return rows
    parts = _split(rows["train"], "test" not in rows)
    return rows | parts


def _is_plain(table: Table) -> bool:
    return format_of(Path(table.name)) in _ENDINGS and list(table.columns) == ["text"]


def _with_rows(table: Table) -> Table:
    text = _whole(table)
    rows: list[str] = []
    wrapped, documents = False, 0
    for part in split_units(text, "auto"):
        body = without_frame(part.text) or part.text
        joined = join_wrapped(body)
        wrapped = wrapped or joined is not None
        rows += _rows(joined or body)
        documents += 1
    found = [f"{documents:,} documents"] * (documents > 1) + ["hard-wrapped lines joined"] * wrapped
    note = (
        f"{', '.join([*found, f'{len(rows):,} rows'])} of paragraphs, about {ROW_WORDS} words each"
    )
    return replace(
        table, columns={"text": rows}, rows=range(1, len(rows) + 1), notes=(*table.notes, note)
    )


def _whole(table: Table) -> str:
    """The text of a table of lines; a number that is missing was a blank line."""
    lines = list(table.columns["text"])
    gaps = [int(row) - int(before) for before, row in pairwise(table.rows)]
    return "".join(line + "\n" * min(2, gap) for line, gap in zip(lines, [*gaps, 1], strict=True))


def _rows(text: str) -> Iterator[str]:
    """Paragraphs, or lines where there are no blank lines, joined up to the words of a row."""
    parts = re.split(r"\n\s*\n", text) if re.search(r"\n\s*\n", text) else text.split("\n")
    row: list[str] = []
    words = 0
    for part in filter(str.strip, parts):
        row.append(part.strip("\n"))
        words += max(len(part.split()), len(part) // 8)  # Chinese has no spaces
        if words >= ROW_WORDS:
            yield "\n".join(row)
            row, words = [], 0
    if row:
        yield "\n".join(row)


def _split(table: Table, with_test: bool) -> dict[str, Table]:
    """Cut into passages, of which every tenth is for validation and every tenth for the test."""
    count = len(table.rows)
    if count < 3:
        raise table.fault(
            f"{count} rows of about {ROW_WORDS} words are too few to be split: add text, or give a "
            f"folder with train.txt and validation.txt",
            "source",
        )
    size = -(-count // _BLOCKS)
    names = ["train"] * count
    for place in range(count):
        name = _TENTHS.get(place // size % 10, "train")
        names[place] = name if with_test or name == "validation" else "train"
    for name, place in (("test", count - 1), ("validation", count - 2)):
        if name not in names and (with_test or name == "validation"):
            names[place] = name
    parts = {}
    for name in dict.fromkeys(["train", "validation", *["test"] * with_test]):
        parts[name] = table.take([i for i in range(count) if names[i] == name])
    sizes = ", ".join(f"{len(part.rows):,} {name}" for name, part in parts.items())
    passage = f"passages of {size} rows" if size > 1 else "rows"
    note = f"was split by {passage}, neighbours together: {sizes}"
    return {
        name: replace(part, notes=(*table.notes, note) if name == "train" else ())
        for name, part in parts.items()
    }
