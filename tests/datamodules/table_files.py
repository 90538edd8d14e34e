"""Small labelled files in each of the formats."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TRAIN = "sentence\tlabel\na fine film \t1\nit is dull\t0\n"
DEV = "sentence\tlabel\nsplendid\t1\n"


def folder(tmp_path: Path, **files: str | bytes) -> Path:
    """A folder of files; a keyword `train_tsv` becomes train.tsv."""
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / ".".join(name.rsplit("_", 1))).write_bytes(data)
    return tmp_path


def rows_as(kind: str, path: Path, texts: list[str], labels: list) -> None:
    if kind == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *zip(texts, labels, strict=True)])
    elif kind == "parquet":
        pq.write_table(pa.table({"text": texts, "label": labels}), path)
    else:
        records = [{"text": t, "label": n} for t, n in zip(texts, labels, strict=True)]
        path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))
