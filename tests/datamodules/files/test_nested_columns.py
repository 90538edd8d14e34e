"""Columns inside of others, as the exports of annotation tools have them, by their paths."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.files import ReadOptions, columns
from datamodules.pipeline.formats import tables
from datamodules.pipeline.formats.documents import ReadingOptions, Unreadable, to_document
from datamodules.pipeline.formats.opening import SourceFile
from datamodules.tables import read_path
from experiments.tools import prediction_rows

KINDS = ["praise", "complaint"]


def nested(i: int) -> dict:
    results = [{"value": {"choices": [KINDS[i % 2]]}}]
    return {"id": i, "data": {"text": f"Parcel {i} came."}, "annotations": [{"result": results}]}


def written(folder: Path, rows: list[dict], ending: str = "jsonl") -> Path:
    file = folder / f"export.{ending}"
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif ending == "json":
        file.write_text(json.dumps(rows))
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


LABEL = "annotations.0.result.0.value.choices.0"


@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet"])
def test_texts_and_labels_inside_of_columns(ending, tmp_path):
    file = written(tmp_path, [nested(i) for i in range(60)], ending)
    found = read_path(file, "data.text", label_column=LABEL)
    assert found.label_names == tuple(sorted(KINDS))
    pairs = [
        (text, found.label_names[label])
        for split in found.splits.values()
        for text, label in zip(split.texts, split.labels, strict=True)
    ]
    assert sorted(pairs) == sorted((f"Parcel {i} came.", KINDS[i % 2]) for i in range(60))


def test_an_error_names_the_paths_that_are_there(tmp_path):
    file = written(tmp_path, [nested(i) for i in range(60)])
    with pytest.raises(ValueError, match=r"no column 'label' \(there: 'id', 'data.text', 'annot"):
        read_path(file, "data.text")
    with pytest.raises(ValueError, match=r"text_column: .*no column 'data.txt' \(there: 'id', "):
        read_path(file, "data.txt", label_column=LABEL)


def test_a_row_without_the_value_is_named_or_left_out(tmp_path):
    rows = [nested(i) for i in range(60)]
    rows[31]["annotations"] = []
    rows[32]["data"] = None
    file = written(tmp_path, rows)
    with pytest.raises(ValueError, match=r"row 3[23]"):
        read_path(file, "data.text", label_column=LABEL)
    found = read_path(file, "data.text", label_column=LABEL, options=ReadOptions(bad_rows="skip"))
    assert sum(len(split.texts) for split in found.splits.values()) == 58


def test_a_column_with_a_dot_in_its_name_is_that_column():
    record = {"data.text": "own", "data": {"text": "inner"}, "list": [[1, 2]]}
    assert columns.value_at(record, "data.text") == "own"
    assert columns.value_at(record, "list.0.1") == 2
    for missing in ("data.text.more", "list.x", "list.-1", "nothing.at.all", "data."):
        assert columns.find_value(record, missing) is None
    assert columns.find_value(record, "3") == "list"


@pytest.mark.parametrize(
    "first", [{"data": {"text": None}}, {"data": None}, {"data": {"text": ""}}]
)
def test_a_path_that_ends_in_the_first_row_is_a_column_of_the_others(first, tmp_path):
    file = written(tmp_path, [first, nested(1)])
    rows = list(prediction_rows.read(file, "data.text", None, []))
    assert [row.text for row in rows] == [None, "Parcel 1 came."]
    assert rows[0].reason == "'data.text' is empty"
    empty = to_document(first, 1, ReadingOptions(text="data.text", id="id"))
    assert not isinstance(empty, Unreadable) or str(empty).startswith("'data.text' is empty")
    assert columns.find_value({"list": []}, "list.0.text") == "list.0.text"


def test_predict_reads_a_path_and_names_those_there(tmp_path):
    file = written(tmp_path, [nested(i) for i in range(3)])
    rows = list(prediction_rows.read(file, "data.text", None, []))
    assert [row.text for row in rows] == [f"Parcel {i} came." for i in range(3)]
    with pytest.raises(ValueError, match=r"--column text: .*there: 'id', 'data.text'"):
        list(prediction_rows.read(file, "text", None, []))


def test_the_corpus_reads_a_path():
    options = ReadingOptions(text="data.text", id="id")
    document = to_document(nested(7), 1, options)
    assert (document.text, document.id) == ("Parcel 7 came.", "7")
    wrong = to_document(nested(7), 1, options._replace(text="data.tex"))
    assert isinstance(wrong, Unreadable) and "'data.text'" in str(wrong)


def test_a_parquet_file_has_ids_inside_of_a_column(tmp_path):
    rows = [{"text": f"Parcel {i} came.", "meta": {"id": f"p{i}"}, "other": i} for i in range(3)]
    written(tmp_path, rows, "parquet")
    options = ReadingOptions(text="text", id="meta.id")
    assert tables.columns_of(["text", "meta", "other"], options) == ["text", "meta"]
    opened = SourceFile(tmp_path / "export.parquet", "export.parquet")
    made = [make() for make in tables.read_parquet(opened, options)]
    assert [document.id for document in made] == ["p0", "p1", "p2"]
