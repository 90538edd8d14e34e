"""Several tables as one, whose errors still name the file and its row."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, chain
from pathlib import Path

from datamodules.files.table import Table


class _PartRows(Sequence):
    """The rows of several files, each as the file's name and its number there."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self.tables = tables
        self.ends = list(accumulate(len(table.rows) for table in tables))

    def __len__(self) -> int:
        return self.ends[-1]

    def __getitem__(self, index):
        part = bisect_right(self.ends, index)
        begin = self.ends[part - 1] if part else 0
        return _row(self.tables[part], self.tables[part].rows[index - begin])


def _row(table: Table, row: int | str) -> str:
    return f"{Path(table.name).name}, row {row}"


def join_tables(path: Path, tables: Sequence[Table]) -> Table:
    """Join the parts of one table in their order. A column that a part lacks is empty there.

    Raises:
        ValueError: For parts that name the classes of a column in different orders.
    """
    if len(tables) == 1:
        return tables[0]
    names = list(dict.fromkeys(chain.from_iterable(table.columns for table in tables)))
    for table in tables[1:]:
        if table.label_names != tables[0].label_names:
            message = f"its classes are not those of {Path(tables[0].name).name}: write both again"
            raise table.fault(message, "source")
    columns: dict[str, Sequence] = {
        name: list(chain.from_iterable(t.columns.get(name, [None] * len(t.rows)) for t in tables))
        for name in names
    }
    left = [(_row(table, row), reason) for table in tables for row, reason in table.left_out]
    notes = [f"{Path(t.name).name} {note}" for t in tables for note in t.notes]
    folder = str(Path(tables[0].name).parent if path.is_file() or not path.exists() else path)
    first = replace(tables[0], name=folder, columns=columns, left_out=tuple(left))
    return replace(first, rows=_PartRows(tables), notes=tuple(dict.fromkeys(notes)))
