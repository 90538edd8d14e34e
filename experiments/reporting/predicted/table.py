"""The predictions of a run on its validation and test rows, and the file that keeps them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import files

FILE = "predictions.parquet"
TEXT = 500  # characters of a text that are kept
_KEY = b"pretune"  # of the file's metadata


@dataclass(frozen=True)
class Predicted:
    """The predictions for the N rows of a split, in the order of the split.

    Attributes:
        kind: class, number or several.
        names: The names of the labels in the order of their ids; empty for numbers.
        rows: The numbers of the rows in the source, or the names of their files, N.
        texts: The beginning of each text, N.
        pairs: The beginning of each second text, N; None where rows have one text.
        lengths: The characters of each whole text, with its pair's, (N,).
        label: (N,) ids or numbers, or (N, labels) bool.
        prediction: As ``label``.
        loss: The loss of each row without weights or smoothing, (N,).
        confidence: The probability of the prediction, (N,), of several labels that of the least
            sure; None for numbers.
        margin: The probability of the prediction less that of the next class, (N,); else None.
        probabilities: (N, labels); None for numbers and for many labels.
    """

    kind: str
    names: list[str]
    rows: Sequence[int | str]
    texts: list[str]
    pairs: list[str] | None
    lengths: np.ndarray
    label: np.ndarray
    prediction: np.ndarray
    loss: np.ndarray
    confidence: np.ndarray | None = None
    margin: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.loss)

    def named(self, values: np.ndarray, at: int) -> str:
        """A label or prediction of a row in words."""
        if self.kind == "number":
            return f"{float(values[at]):.4g}"
        if self.kind == "several":
            return ", ".join(self.names[n] for n in values[at].nonzero()[0]) or "none"
        return self.names[values[at]]


def of_columns(columns: Mapping[str, Any], kind: str, names: list[str], split: Any) -> Predicted:
    """Joins the columns of ``callbacks.Predictions`` with the texts of a ``TextSplit``."""
    arrays = {name: column.numpy() for name, column in columns.items()}
    index = arrays.pop("index").tolist()
    rows = [i + 1 for i in index] if split.rows is None else [split.rows[i] for i in index]
    texts = [_beginning(split.texts[i]) for i in index]
    pairs = None if split.pairs is None else [_beginning(split.pairs[i]) for i in index]
    whole = (split.texts,) if split.pairs is None else (split.texts, split.pairs)
    lengths = np.array([sum(len(column[i]) for column in whole) for i in index], np.int64)
    return Predicted(kind, names if kind != "number" else [], rows, texts, pairs, lengths, **arrays)


def _beginning(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"


def write(file: Path, splits: Mapping[str, Predicted]) -> None:
    """Writes the splits of a run as one Parquet file, in one step.

    Its columns are split, row, text, pair (of pairs), characters, label, prediction and loss; of
    labels also confidence, margin (of classes) and probabilities, in the order of the names that
    the metadata hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = next(iter(splits.values()))
    known = {"kind": first.kind, "names": first.names, "characters_of_text": TEXT}
    table = pa.concat_tables([_arrow(name, one) for name, one in splits.items()])
    table = table.replace_schema_metadata({_KEY: json.dumps(known).encode()})
    with files.atomic_write(file) as scratch:
        pq.write_table(table, scratch, compression="zstd")


def _arrow(split: str, one: Predicted) -> Any:
    import pyarrow as pa

    count = len(one)
    found: dict[str, Any] = {
        "split": pa.array([split] * count, pa.string()),
        "row": pa.array([str(row) for row in one.rows], pa.string()),
        "text": pa.array(one.texts, pa.string()),
    }
    if one.pairs is not None:
        found["pair"] = pa.array(one.pairs, pa.string())
    found["characters"] = pa.array(one.lengths, pa.int64())
    for name in ("label", "prediction"):
        values = getattr(one, name)
        if one.kind == "number":
            found[name] = pa.array(values, pa.float64())
        elif one.kind == "several":
            named = [[one.names[n] for n in row.nonzero()[0]] for row in values]
            found[name] = pa.array(named, pa.list_(pa.string()))
        else:
            found[name] = pa.array([one.names[n] for n in values.tolist()], pa.string())
    for name in ("loss", "confidence", "margin"):
        if (values := getattr(one, name)) is not None:
            found[name] = pa.array(values, pa.float32())
    if one.probabilities is not None:
        flat = pa.array(one.probabilities.reshape(-1), pa.float32())
        found["probabilities"] = pa.FixedSizeListArray.from_arrays(flat, len(one.names))
    return pa.table(found)


def read(file: Path) -> dict[str, Predicted]:
    """Reads the predictions of a run by split.

    Raises:
        ValueError: If the file cannot be read as such.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import compute

    try:
        table = pq.read_table(file)
        known = json.loads((table.schema.metadata or {})[_KEY])
        splits = table["split"].unique().to_pylist()
        parts = {name: table.filter(compute.equal(table["split"], name)) for name in splits}
        return {name: _predicted(part, known) for name, part in parts.items()}
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{file}: cannot be read as predictions ({reason})") from error


def _predicted(table: Any, known: dict[str, Any]) -> Predicted:
    kind, names = known["kind"], known["names"]
    column = {name: table[name] for name in table.column_names}
    ids = {name: number for number, name in enumerate(names)}

    def labels(name: str) -> np.ndarray:
        if kind == "number":
            return column[name].to_numpy()
        values = column[name].to_pylist()
        if kind != "several":
            return np.array([ids[value] for value in values], np.int64)
        found = np.zeros((len(values), len(names)), bool)
        for row, value in zip(found, values, strict=True):
            row[[ids[one] for one in value]] = True
        return found

    def floats(name: str) -> np.ndarray | None:
        return column[name].to_numpy() if name in column else None

    chances = None
    if "probabilities" in column:
        flat = column["probabilities"].combine_chunks().flatten().to_numpy()
        chances = flat.reshape(len(table), len(names))
    rows = [int(row) if row.isdecimal() else row for row in column["row"].to_pylist()]
    return Predicted(
        kind,
        names,
        rows,
        column["text"].to_pylist(),
        column["pair"].to_pylist() if "pair" in column else None,
        column["characters"].to_numpy(),
        labels("label"),
        labels("prediction"),
        column["loss"].to_numpy(),
        floats("confidence"),
        floats("margin"),
        chances,
    )
