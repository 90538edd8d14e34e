"""Tables in Parquet, Arrow and Feather files, and in folders of ``datasets.save_to_disk``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from datamodules.files.encodings import as_text
from datamodules.files.table import Table

PARQUET, ARROW = (".parquet", ".pq"), (".arrow", ".feather")


def read_parquet(file: IO[bytes]) -> tuple[dict[str, list], Mapping[str, tuple[str, ...]]]:
    """Read all columns, and the names of the classes where `datasets` wrote them."""
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    return _columns(table), _names_in(table.schema)


def parquet_records(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Read the rows batch by batch."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(batch_size=1024):
            columns = _columns(batch)
            for values in zip(*columns.values(), strict=True):
                yield dict(zip(columns, values, strict=True))


def read_arrow(file: IO[bytes]) -> tuple[dict[str, list], Mapping[str, tuple[str, ...]]]:
    """Read all columns of an Arrow file, or of the Arrow stream that `datasets` caches."""
    import pyarrow as pa

    start = file.read(6)
    file.seek(0)
    reader = pa.ipc.open_file(file) if start == b"ARROW1" else pa.ipc.open_stream(file)
    table = reader.read_all()
    return _columns(table), _names_in(table.schema)


def _columns(table: Any) -> dict[str, list]:
    """The values of each column; some writers store texts as bytes."""
    return {
        name: [as_text(v) if isinstance(v, bytes) else v for v in values]
        if any(isinstance(v, bytes) for v in values[:100])
        else values
        for name, values in table.to_pydict().items()
    }


def _names_in(schema: Any) -> Mapping[str, tuple[str, ...]]:
    if b"huggingface" not in (schema.metadata or {}):
        return {}
    from datasets import Features

    return class_names(Features.from_arrow_schema(schema))


def class_names(features: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The names of the classes of each column that holds a class, or a list of them."""
    found = {}
    for column, feature in features.items():
        inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", feature)
        if names := getattr(inner, "names", None):
            found[column] = tuple(names)
    return found


def is_saved(folder: Path) -> bool:
    """Whether ``datasets.save_to_disk`` made a folder."""
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def read_saved(folder: Path) -> dict[str, Table]:
    """Read the splits of a folder of ``datasets.save_to_disk``; a lone data set is "train"."""
    from datasets import DatasetDict, load_from_disk

    found = load_from_disk(str(folder))
    splits = found if isinstance(found, DatasetDict) else {"train": found}
    tables = {}
    for split, rows in splits.items():
        plain = rows.with_format(None)
        columns = {name: plain[name][:] for name in rows.column_names}
        name = f"{folder}/{split}" if isinstance(found, DatasetDict) else str(folder)
        numbers = range(1, len(rows) + 1)
        names = class_names(rows.features)
        tables[str(split)] = Table(name, columns, numbers, label_names=names, adds_nulls=True)
    return tables
