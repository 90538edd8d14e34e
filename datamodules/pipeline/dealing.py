"""Large files dealt out to tasks in parts: a task reads its own part, and counts rows elsewhere.

Files that are compressed, and formats whose rows cannot be found without reading all before them,
are read by every task.
"""

import functools
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from datamodules.pipeline.formats import Reader, read_jsonl, read_parquet
from datamodules.pipeline.formats.documents import RawRow, ReadingOptions, has_text
from datamodules.pipeline.formats.opening import PACKED, SourceFile
from datamodules.pipeline.formats.tables import columns_of, made_row, parsed_row

LARGE = 64_000_000  # bytes; the rows of smaller files are dealt out one by one
_CHUNK = 1 << 24  # bytes in which line feeds are counted at once


def reader_of_task(
    file: SourceFile, reader: Reader, options: ReadingOptions, task: int, of: int
) -> Reader | None:
    """Make a reader of a task's part of a file, which yields None for every other row.

    Args:
        file: The file.
        reader: The reader of all of it.
        options: How it is read.
        task: The number of the task among those that share the file.
        of: The number of these tasks.

    Returns:
        None for a file that is read by all tasks.
    """
    plain = file.member is None and file.path.suffix.lower() not in PACKED
    if of < 2 or not plain or file.path.stat().st_size < LARGE:
        return None
    if reader is read_jsonl:
        return functools.partial(_lines, task=task, of=of)
    return _row_groups(file, options, task, of) if reader is read_parquet else None


def _lines(file: SourceFile, options: ReadingOptions, task: int, of: int) -> Iterator[RawRow]:
    """Yield the lines that begin in every ``of``-th of some blocks of bytes."""
    size, row = file.path.stat().st_size, 0
    block = -(-size // (4 * of))
    with open(file.path, "rb") as opened:
        for number, first in enumerate(range(0, size, block)):
            last = min(size, first + block)
            if number % of != task:
                count = _line_starts(opened, first, last)
                yield from repeat(None, count)
                row += count
                continue
            opened.seek(max(0, first - 1))
            if first:
                opened.readline()  # up to the first line that begins in the block
            while opened.tell() < last and (line := opened.readline()):
                row += 1
                yield functools.partial(parsed_row, line, row, options) if line.strip() else None


def _line_starts(opened: Any, first: int, last: int) -> int:
    """Count the lines that begin in a block: those after a line feed, and the first of the file."""
    count = int(first == 0)
    place, stop = max(0, first - 1), last - 1
    opened.seek(place)
    while place < stop and (data := opened.read(min(_CHUNK, stop - place))):
        count += data.count(b"\n")
        place += len(data)
    return count


def _row_groups(file: SourceFile, options: ReadingOptions, task: int, of: int) -> Reader | None:
    try:
        with pq.ParquetFile(file.path) as table:
            groups = table.num_row_groups
            names = table.schema_arrow.names
    except (OSError, pa.ArrowException):  # the reader of all of it says what is wrong
        return None
    if not has_text(names, options):
        return None
    # Of fewer row groups than tasks, each is shared by some of them, row by row.
    mine = dict.fromkeys(range(task, groups, of), (0, 1))
    if groups < of:
        mine = {task % groups: (task // groups, -(-(of - task % groups) // groups))}

    def read(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
        row = 0
        with pq.ParquetFile(file.path) as table:
            columns = columns_of(names, options)
            for number in range(groups):
                count = table.metadata.row_group(number).num_rows
                if number not in mine:
                    yield from repeat(None, count)
                    row += count
                    continue
                part, parts = mine[number]
                batches = table.iter_batches(256, row_groups=[number], columns=columns)
                places = ((batch, place) for batch in batches for place in range(len(batch)))
                for inside, (batch, place) in enumerate(places):
                    row += 1
                    own = inside % parts == part
                    yield functools.partial(made_row, batch, place, row, options) if own else None

    return read
