"""Large files dealt out to tasks in parts: a task reads its own part, and counts rows elsewhere.

Files that are compressed, and formats whose rows cannot be found without reading all before them,
are read from their start by each task that shares them; of several such files, a task shares as few
as its part of all bytes allows.
"""

import functools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datamodules.files.compression import PACKED
from datamodules.pipeline.formats import Reader, read_jsonl, read_parquet
from datamodules.pipeline.formats.documents import RawRow, ReadingOptions, has_text, with_names
from datamodules.pipeline.formats.opening import SourceFile
from datamodules.pipeline.formats.tables import columns_of, made_row, parsed_row

LARGE = 64_000_000  # bytes; the rows of less are dealt out one by one
_GOLDEN = (5**0.5 - 1) / 2  # its multiples, without their integers, are spread evenly
_CHUNK = 1 << 18  # bytes in which line feeds are counted at once
_LINE_FEED = 10


NumberedRows = Iterator[tuple[int, RawRow]]  # from 0; None is a blank line


def spans(files: Sequence[tuple[SourceFile, Reader]], of: int) -> dict[int, tuple[float, float]]:
    """The tasks that share each file that cannot be read in parts, by its place in the list.

    Returns:
        A span of 0 to ``of``: 1.5 to 3 are half of task 1 and all of task 2. Empty for files that
        are small all together.
    """
    whole = [n for n, (file, reader) in enumerate(files) if not _has_parts(file, reader)]
    members = Counter(files[n][0].path for n in whole)  # of zip archives
    sizes = [path.stat().st_size / members[path] for path in (files[n][0].path for n in whole)]
    if sum(sizes) < max(LARGE, 1):
        return {}
    ends = [of * size / sum(sizes) for size in accumulate(sizes)]
    return dict(zip(whole, pairwise([0.0, *ends[:-1], float(of)]), strict=True))


def shares(span: tuple[float, float], task: int) -> bool:
    """Whether a task shares a file of this span."""
    return math.floor(span[0]) <= task < max(math.ceil(span[1]), math.floor(span[0]) + 1)


def task_of(row: int, span: tuple[float, float]) -> int:
    """The task that a row belongs to, of those that share the file; neighbours are far apart."""
    first, last = span
    found = int(first + row * _GOLDEN % 1 * (last - first))
    return max(int(first), min(found, math.ceil(last) - 1))


def _has_parts(file: SourceFile, reader: Reader) -> bool:
    plain = file.member is None and file.path.suffix.lower() not in PACKED
    large = plain and file.path.stat().st_size >= LARGE
    return large and reader in (read_jsonl, read_parquet)


def rows_of_task(
    file: SourceFile, reader: Reader, options: ReadingOptions, task: int, of: int
) -> NumberedRows | None:
    """Read a task's part of a file, each row with its number in the file.

    Args:
        file: The file.
        reader: The reader of all of it.
        options: How it is read.
        task: The number of the task among those that share the file.
        of: The number of these tasks.

    Returns:
        None for a file that is read from its start.
    """
    if of < 2 or not _has_parts(file, reader):
        return None
    if reader is read_jsonl:
        return _lines(file, options, task, of)
    return _row_groups(file, options, task, of)


def _lines(file: SourceFile, options: ReadingOptions, task: int, of: int) -> NumberedRows:
    """Yield the lines that begin in every ``of``-th of some blocks of bytes."""
    size, row = file.path.stat().st_size, 0
    block = -(-size // (4 * of))
    with open(file.path, "rb") as opened:
        for number, first in enumerate(range(0, size, block)):
            last = min(size, first + block)
            if number % of != task:
                row += _line_starts(opened, first, last)
                continue
            opened.seek(max(0, first - 1))
            if first:
                opened.readline()  # up to the first line that begins in the block
            while opened.tell() < last and (line := opened.readline()):
                row += 1
                parse = functools.partial(parsed_row, line, row, options)
                yield row - 1, parse if line.strip() else None


def _line_starts(opened: Any, first: int, last: int) -> int:
    """Count the lines that begin in a block: those after a line feed, and the first of the file."""
    count = int(first == 0)
    place, stop = max(0, first - 1), last - 1
    opened.seek(place)
    while place < stop and (data := opened.read(min(_CHUNK, stop - place))):
        count += int(np.count_nonzero(np.frombuffer(data, np.uint8) == _LINE_FEED))
        place += len(data)
    return count


def _row_groups(
    file: SourceFile, options: ReadingOptions, task: int, of: int
) -> NumberedRows | None:
    try:
        with pq.ParquetFile(file.path) as table:
            counts = [table.metadata.row_group(n).num_rows for n in range(table.num_row_groups)]
            names = table.schema_arrow.names
    except (OSError, pa.ArrowException):  # the reader of all of it says what is wrong
        return None
    if not has_text(names, options):
        return None
    return _rows_of_groups(file, with_names(names, options), counts, task, of)


def _rows_of_groups(
    file: SourceFile, options: ReadingOptions, counts: list[int], task: int, of: int
) -> NumberedRows:
    """Yield the rows of every ``of``-th row group.

    Of fewer row groups than tasks, each is shared by some of them, row by row.
    """
    groups, part, parts = range(task, len(counts), of), 0, 1
    if 0 < len(counts) < of:
        number, part = task % len(counts), task // len(counts)
        groups, parts = range(number, number + 1), -(-(of - number) // len(counts))
    with pq.ParquetFile(file.path) as table:
        columns = columns_of(table.schema_arrow.names, options)
        for number in groups:
            row = sum(counts[:number])
            for batch in table.iter_batches(256, row_groups=[number], columns=columns):
                start = row - sum(counts[:number])
                for place in range((part - start) % parts, len(batch), parts):
                    at = row + place
                    yield at, functools.partial(made_row, batch, place, at + 1, options)
                row += len(batch)
