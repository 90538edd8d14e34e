"""The splits of a data set on disk: in a folder, an archive, or one file."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from datamodules.files import arrow
from datamodules.files.archives import is_archive, unpacked
from datamodules.files.class_folders import class_folders, read_class_folders
from datamodules.files.containers import format_of
from datamodules.files.joined import join_tables
from datamodules.files.json_records import read_values
from datamodules.files.reading import read_table, table_of_records
from datamodules.files.table import ReadOptions, Table, fault
from datamodules.spelling import listed

# Of MNLI's two validation splits, the matched one is the one that papers report first.
SPLITS = {
    "train": ("train", "training"),
    "validation": (
        *("validation", "valid", "val", "dev", "eval", "evaluation"),
        *("validation_matched", "dev_matched"),
    ),
    "test": ("test", "testing", "test_matched"),
}
DATA = {".tsv", ".csv", ".tab", ".psv", ".jsonl", ".json", ".ndjson", ".jsonlines", ".txt"}
DATA |= {".xlsx", *arrow.PARQUET, *arrow.ARROW}
_SHARD = re.compile(r"[-_.]?(\d+)(?:-of-(\d+))?")
_PART = re.compile(r"part[-_]\d+.*|\d+")  # of Spark and Dask, of the hub's converter


def read_splits(path: Path, options: ReadOptions | None = None) -> dict[str, Table]:
    """Read the table of each split: "train", and "validation" and "test" if they are there.

    The path is a folder with a file or more for each split, with a folder for each class, or of
    ``datasets.save_to_disk``; an archive of such a folder; a pattern such as ``data/*.parquet``; or
    one file, which is the table "train".

    Raises:
        FileNotFoundError: If there is no such path, or no training data in it.
        ValueError: For files that cannot be read, or that do not fit together.
    """
    options = options or ReadOptions()
    if not path.exists() and re.search(r"[*?\[]", path.name):
        found = sorted(p for p in path.parent.glob(path.name) if p.is_file())
        if found:
            files = _by_split(path.parent, found, options)
            return _read(files or {"train": found}, path, options)
    if path.is_file() and is_archive(path):
        return _read_archive(path, options)
    if not path.is_dir():
        table = read_table(path, options)
        return _inside(path, table, options) or {"train": table}
    if arrow.is_saved(path):
        try:
            saved = arrow.read_saved(path)
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            reason = str(error).partition("\n")[0]
            message = f"datasets cannot read it ({reason}): save it again"
            raise fault(path, message, of=options.prefix) from error
        return _as_splits(path, saved, options)
    alone = "train" not in _by_split(path, _entries(path), options)
    if alone and (classes := class_folders(path, SPLITS)):
        return read_class_folders(path, classes, options)
    return _read(split_files(path, options), path, options)


def split_files(folder: Path, options: ReadOptions | None = None) -> dict[str, list[Path]]:
    """Find the files of each split in a folder; several are the parts of one table.

    Raises:
        FileNotFoundError: If no file is that of the training data.
        ValueError: For two files of one split in different formats, or a part that is missing.
    """
    options = options or ReadOptions()
    entries = _entries(folder)
    if files := _by_split(folder, entries, options):
        if "train" in files:
            return files
    else:
        for inner in (folder / name for names in SPLITS.values() for name in names):
            parts = [p for p in _entries(inner) if _is_data(p)] if inner.is_dir() else []
            if parts and len({format_of(p) for p in parts}) == 1:
                split = next(s for s, names in SPLITS.items() if inner.name in names)
                files.setdefault(split, parts)
        if "train" in files:
            return files
        for name in ("data", "default", "plain_text"):
            if (folder / name).is_dir():
                return split_files(folder / name, options)
        data = _parts(entries) or [p for p in entries if _is_data(p)]
        if len(data) == 1 or (data and _parts(entries)):
            return {"train": data}
    there = listed(p.name for p in entries) or "no files"
    message = f"no train.* in this folder (there: {there}): add it, or give one file"
    raise FileNotFoundError(str(fault(folder, message, of=options.prefix)))


def _entries(folder: Path) -> list[Path]:
    found = sorted(p for p in folder.iterdir() if p.is_file())
    return [p for p in found if p.name[0] not in "._"]


def _is_data(path: Path) -> bool:
    return format_of(path) in DATA


def _stem(path: Path) -> str:
    """The name without the endings of format and compression, in small letters."""
    name, ending = path.name.lower(), format_of(path)
    return name.partition(ending)[0] if ending in DATA else name.partition(".")[0]


def _parts(entries: Sequence[Path]) -> list[Path]:
    """The parts of one table, as Spark and the hub number them."""
    return [p for p in entries if _PART.fullmatch(_stem(p))]


def _by_split(folder: Path, entries: Sequence[Path], options: ReadOptions) -> dict[str, list[Path]]:
    """The files of each split, by exact names, or else by a word in the names."""
    for exact in (True, False):
        files = {}
        for split, names in SPLITS.items():
            for words in (names, ()) if split == "train" or len(names) < 4 else _in_turn(names):
                found = [p for p in entries if words and _is_of(p, words, exact)]
                found = [p for p in found if _is_data(p)] or found
                if found:
                    files[split] = _one_table(folder, found, split, options)
                    break
        if "train" in files:
            return files
    return files


def _in_turn(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Names that may not meet in one folder, then those that only count if they are alone."""
    yield [name for name in names if not name.endswith("_matched")]
    yield [name for name in names if name.endswith("_matched")]


def _is_of(path: Path, words: Sequence[str], exact: bool) -> bool:
    stem = _stem(path)
    if exact:
        return any(
            stem.startswith(w) and (stem == w or _SHARD.fullmatch(stem, len(w))) for w in words
        )
    return bool(set(re.split(r"[^a-z]+", stem)) & set(words))


def _one_table(folder: Path, found: Sequence[Path], split: str, options: ReadOptions) -> list[Path]:
    """Check that files are one, or all the parts of one."""
    if len(found) == 1 and not re.search(r"-of-\d+", found[0].name):
        return list(found)
    shards = [_SHARD.search(_stem(p)) for p in found]
    bases = {_SHARD.sub("", _stem(p)) + format_of(p) for p in found}
    if None in shards or len(bases) > 1:
        names = " and ".join(p.name for p in found[:4])
        message = f"{names} are both the {split} split: keep one of them"
        raise fault(folder, message, of=options.prefix)
    total = {int(shard[2]) for shard in shards if shard and shard[2]}
    if total and max(total) != len(found):
        message = (
            f"{len(found)} of {max(total)} parts of the {split} split are here: add the others"
        )
        raise fault(folder, message, of=options.prefix)
    return list(found)


def _read(files: dict[str, list[Path]], path: Path, options: ReadOptions) -> dict[str, Table]:
    """Read the files of each split; those of train decide about the names of the columns."""
    tables: dict[str, Table] = {}
    first: Table | None = None
    for split, parts in files.items():
        found = []
        for part in parts:
            table = read_table(part, options)
            if first is None:
                first = table
                if table.header:
                    options = replace(options, columns=(*options.columns, *table.columns))
                else:
                    options = replace(options, header=False)
            elif not first.header and len(first.columns) == len(table.columns):
                columns = dict(zip(first.columns, table.columns.values(), strict=True))
                table = replace(table, columns=columns)
            found.append(table)
        tables[split] = join_tables(path, found)
    return tables


def _as_splits(path: Path, found: dict[str, Table], options: ReadOptions) -> dict[str, Table]:
    """The splits of a data set under their usual names."""
    tables = {}
    for split, names in SPLITS.items():
        for name in [name for name in names if name in found][:1]:
            tables[split] = found[name]
    if "train" not in tables:
        message = f"no train split (there: {', '.join(found)}): save one, or give another folder"
        raise fault(path, message, of=options.prefix)
    return tables


def _inside(path: Path, table: Table, options: ReadOptions) -> dict[str, Table] | None:
    """The splits of a JSON object with a list of records for each; None for other tables."""
    known = {name for names in SPLITS.values() for name in names}
    if len(table.rows) != 1 or not table.columns or not set(table.columns) <= known:
        return None
    found = {name: column[0] for name, column in table.columns.items()}
    if not all(isinstance(rows, list) and rows for rows in found.values()):
        return None
    tables = {}
    for name, rows in found.items():
        numbered = read_values(enumerate(rows, 1))
        part = table_of_records(path, numbered, options)
        tables[name] = replace(part, name=f"{path}/{name}")
    return _as_splits(path, tables, options)


def _read_archive(path: Path, options: ReadOptions) -> dict[str, Table]:
    """Read the files of an archive; the tables are called by its own name."""
    with unpacked(path) as folder:
        inner = [p for p in folder.iterdir() if p.name != "__MACOSX" and p.name[0] != "."]
        root = inner[0] if len(inner) == 1 else folder
        try:
            tables = read_splits(root, options)
        except (ValueError, FileNotFoundError) as error:
            raise type(error)(str(error).replace(str(folder), str(path))) from error
        return {
            split: replace(table, name=table.name.replace(str(folder), str(path)))
            for split, table in tables.items()
        }
