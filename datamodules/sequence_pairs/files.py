"""Files of pairs: tables with a column each, and parallel text files with a line each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from datamodules.files import ReadOptions, Table, fault, read_splits
from datamodules.files.containers import content
from datamodules.files.encodings import find_encoding, text_chunks
from datamodules.files.folders import SPLITS
from datamodules.labels import LabelOptions
from datamodules.tables import build_dataset
from datamodules.text_splits import Dataset

SOURCES = ("source", "src", "document", "article", "input", "text")
TARGETS = ("target", "tgt", "summary", "highlights", "headline", "title", "output")
_NESTED = "translation"  # the hub's way: a column of texts by language


class PairColumns(NamedTuple):
    """The columns that the user gave, by name or by number from 1; None for the usual ones."""

    source: str | None = None
    target: str | None = None

    def flags(self) -> list[str]:
        """The names of the flags that were given."""
        return [f"{name}_column" for name, value in self._asdict().items() if value]


def read_pairs(
    place: str, columns: PairColumns, options: ReadOptions, drop_shared: bool = False
) -> Dataset:
    """Read the pairs of each split.

    Args:
        place: A file or a folder of tables; a folder with train.COLUMN for both columns, a text a
            line; or two such files, joined by a comma.
        columns: The columns of source and target.
        options: How files are read.
        drop_shared: Whether training pairs that validation or test has are left out.

    Raises:
        FileNotFoundError: If there is no such path, or no training file in it.
        ValueError: For a pair that cannot be read, with its file and row.
    """
    given = tuple(name for name in columns if name)
    files = _parallel_files(place, columns)
    if files:
        flags = options.given("delimiter", "header")
        unread = [flag.removeprefix(options.prefix) for flag in flags]
        if not Path(place).expanduser().is_dir():  # where columns are the ends of the files' names
            unread += columns.flags()
        if unread:
            message = "two files of a text a line are read without it: leave it out"
            raise fault(place, message, unread[0])
        tables = {split: _parallel_table(pair, options) for split, pair in files.items()}
        columns = PairColumns("source", "target")
    else:
        tables = read_splits(Path(place).expanduser(), replace(options, columns=given))
    return of_tables(tables, columns, options, drop_shared)


def of_tables(
    tables: Mapping[str, Table], columns: PairColumns, options: ReadOptions, drop_shared: bool
) -> Dataset:
    """Make checked splits of tables; without validation, train is split by the hash of sources."""
    checked = {split: _checked(table, columns, options) for split, table in tables.items()}
    labels = LabelOptions(drop_shared=drop_shared)
    return build_dataset(checked, "source", "target", kind="none", label_options=labels)


def _checked(table: Table, columns: PairColumns, options: ReadOptions) -> Table:
    """A table of two columns, source and target, both with a text in every row."""
    found: dict[str, Sequence] = {}
    reasons: dict[int, str] = {}
    for name, given, usual in (
        ("source", columns.source, SOURCES),
        ("target", columns.target, TARGETS),
    ):
        flag = f"{name}_column"
        shown, found[name] = _column(table, given, usual, flag)
        for at, text in enumerate(found[name]):
            if isinstance(text, str) and text.strip():
                continue
            what = "is empty" if isinstance(text, str | None) else f"is not a text ({text!r:.40})"
            reason = f"the {name} ({shown!r}) {what}"
            if options.bad_rows == "stop":
                cure = "fill it in, or leave such rows out with --data.bad_rows skip"
                raise table.fault(f"{reason}: {cure}", flag, at)
            reasons.setdefault(at, reason)
    if len(reasons) == len(table.rows):
        message = (
            f"no row has both texts; row {table.rows[0]}: {reasons[0]}" if reasons else "empty"
        )
        raise table.fault(f"{message}: give a column of texts", "source_column")
    return replace(table, columns=found).without(reasons)


def _column(
    table: Table, given: str | None, usual: Sequence[str], flag: str
) -> tuple[str, Sequence]:
    """A column with its name; a language names one inside of a column "translation"."""
    inner = f"{_NESTED}.{given}"
    if given and table.find(given) is None and table.find(inner) is not None:
        return given, table.column(inner, flag)
    name = given or next((name for name in usual if name in table.columns), usual[0])
    return name, table.column(name, flag)


def _parallel_files(place: str, columns: PairColumns) -> dict[str, tuple[Path, Path]]:
    """The two text files of each split; none where the place holds tables."""
    both = [Path(part.strip()).expanduser() for part in place.split(",")]
    if len(both) == 2 and not Path(place).expanduser().exists():
        for path in both:
            if not path.is_file():
                message = "there is no such file: give SOURCE,TARGET, two files of one line a text"
                raise FileNotFoundError(str(fault(path, message)))
        return {"train": (both[0], both[1])}
    folder, found = both[0], {}
    if len(both) > 1 or not (columns.source and columns.target and folder.is_dir()):
        return {}
    for split, names in SPLITS.items():
        for name in names:
            pair = folder / f"{name}.{columns.source}", folder / f"{name}.{columns.target}"
            if any(path.is_file() for path in pair):
                if missing := [path for path in pair if not path.is_file()]:
                    raise FileNotFoundError(str(fault(missing[0], "its partner lacks this file")))
                found[split] = pair
                break
    return found if "train" in found else {}


def _parallel_table(files: tuple[Path, Path], options: ReadOptions) -> Table:
    """A table of two files with a text a line."""
    notes: list[str] = []
    source, target = (_lines(path, options, notes) for path in files)
    if len(source) != len(target):
        message = (
            f"has {len(target):,} lines, and {files[0].name} has {len(source):,}: each line needs "
            f"its partner"
        )
        raise fault(files[1], message)
    name = f"{files[0]},{files[1].name}"
    columns: dict[str, Any] = {"source": source, "target": target}
    return Table(name, columns, range(1, len(source) + 1), notes=tuple(notes), header=False)


def _lines(path: Path, options: ReadOptions, notes: list[str]) -> list[str]:
    inside = content(path)
    text = "".join(text_chunks(inside, find_encoding(path, inside, options, notes), 1 << 20))
    lines = text.split("\n")
    lines = lines[:-1] if lines[-1] == "" else lines
    return [line.rstrip("\r") for line in lines]
