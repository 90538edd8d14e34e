"""Writes predicted rows as CSV, JSON lines, Parquet or NumPy; never a part of a row."""

import csv
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from experiments.common.shell import relative

Rows = list[dict[str, Any]]


class Writer(Protocol):
    """A file that is open for rows."""

    def write(self, rows: Rows) -> None:
        """Adds rows."""

    def close(self) -> None:
        """Finishes the file."""


class Csv:
    """CSV; lists of names are joined by commas, other nested values are JSON."""

    def __init__(self, path: Path | None, source: Any) -> None:
        if path is None:
            self.stream: Any = sys.stdout
        else:
            self.stream = path.open("w", encoding="utf-8", newline="")
        self.ours = path is not None
        self.writer = csv.writer(self.stream, lineterminator="\n")
        self.columns: list[str] = []

    def write(self, rows: Rows) -> None:
        if not self.columns:
            self.columns = _columns(rows)
            self.writer.writerow(self.columns)
        _check_columns(rows, self.columns, "CSV")
        self.writer.writerows([_cell(row.get(name)) for name in self.columns] for row in rows)
        self.stream.flush()

    def close(self) -> None:
        if self.ours:
            self.stream.close()


class JsonLines:
    """JSON lines; a value that JSON does not know becomes text."""

    def __init__(self, path: Path, source: Any) -> None:
        self.stream = path.open("w", encoding="utf-8", newline="\n")

    def write(self, rows: Rows) -> None:
        lines = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
        self.stream.write("".join(lines))
        self.stream.flush()

    def close(self) -> None:
        self.stream.close()


class Parquet:
    """Parquet; its types are those of a Parquet input, and otherwise those of the first rows."""

    def __init__(self, path: Path, source: Any) -> None:
        self.path, self.source = path, source
        self.writer: Any = None
        self.schema: Any = None

    def write(self, rows: Rows) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.schema is None:
            names = _columns(rows)
            whole = [{name: row.get(name) for name in names} for row in rows]
            try:
                self.schema = self._typed(pa.Table.from_pylist(whole).schema)
            except pa.ArrowException as error:
                raise _misfit(str(error)) from error
            self.writer = pq.ParquetWriter(self.path, self.schema)
        _check_columns(rows, self.schema.names, "Parquet")
        try:
            self.writer.write_table(pa.Table.from_pylist(rows, schema=self.schema))
        except pa.ArrowException as error:
            raise _misfit(str(error)) from error

    def _typed(self, found: Any) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        known: Any = {}
        if isinstance(self.source, Path) and self.source.suffix == ".parquet":
            known = {field.name: field for field in pq.read_schema(self.source)}
        fields = [known.get(field.name, field) for field in found]
        # A column without a value so far is of text.
        return pa.schema(
            [pa.field(f.name, pa.string()) if pa.types.is_null(f.type) else f for f in fields]
        )

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class Npy:
    """A NumPy file of the predicted vectors alone, (rows, columns) float32."""

    def __init__(self, path: Path, source: Any) -> None:
        self.path, self.parts = path, []

    def write(self, rows: Rows) -> None:
        import numpy as np

        found = [next(v for k, v in reversed(row.items()) if "prediction" in k) for row in rows]
        if not isinstance(found[0], list) or not isinstance(found[0][0], float):
            raise ValueError(
                f"--output {self.path.with_suffix('')}: .npy holds vectors, and the "
                f"model predicts none; write a .parquet file"
            )
        self.parts.append(np.array(found, np.float32))

    def close(self) -> None:
        import numpy as np

        if self.parts:
            with self.path.open("wb") as file:
                np.save(file, np.concatenate(self.parts))


FORMATS: dict[str, Any] = {".csv": Csv, ".jsonl": JsonLines, ".parquet": Parquet, ".npy": Npy}


def check(output: str | None, file: Path | Literal["-"]) -> Path | None:
    """Checks the file to write before anything is computed; None is standard output.

    Raises:
        ValueError: If its extension is unknown, it is the input, or its folder is not there.
    """
    if output is None:
        return None
    path = Path(output).expanduser()
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"--output {output}: the name ends in none of {', '.join(FORMATS)}")
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise ValueError(f"--output {output}: {what}; give another name")
    if file != "-" and path.exists() and path.samefile(file):
        raise ValueError(f"--output {output}: is the file to predict; give another name")
    return path


class Output:
    """A file that gets its name when it is complete; until then it is ``NAME.part``.

    Args:
        path: The file; None is standard output.
        source: The file that is predicted.
    """

    def __init__(self, path: Path | None, source: Any) -> None:
        self.path, self.rows = path, 0
        self.part = None if path is None else path.with_name(f"{path.name}.part")
        kind = Csv if path is None else FORMATS[path.suffix.lower()]
        self.writer: Writer = kind(self.part, source)

    def write(self, rows: Rows) -> None:
        """Adds rows."""
        if rows:
            self.writer.write(rows)
            self.rows += len(rows)

    def finish(self) -> None:
        """Gives the file its name."""
        self.writer.close()
        if self.part and self.path and self.part.exists():
            os.replace(self.part, self.path)

    def abandon(self) -> str:
        """Keeps the whole rows that were written, and returns a line that says where."""
        self.writer.close()
        if self.part is None:
            return ""
        if not self.rows:
            self.part.unlink(missing_ok=True)
            return "nothing was written"
        return f"the first {self.rows:,} predicted rows are in {relative(self.part)}"


def _columns(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _check_columns(rows: Rows, columns: Sequence[str], kind: str) -> None:
    known = set(columns)
    for row in rows:
        if new := row.keys() - known:
            raise ValueError(
                f"--output: a later row has a column {min(new)!r} that the first rows lack, which "
                f"{kind} cannot hold; write a .jsonl file"
            )


def _misfit(reason: str) -> ValueError:
    return ValueError(
        f"--output: the values of a column are of several types ({reason.splitlines()[0]}), which "
        f"Parquet cannot hold; write a .jsonl file"
    )


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
