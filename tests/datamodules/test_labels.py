"""Kinds of labels: numbers, several names, none; and what is wrong with them, in one line."""

import json
import re

import pytest
import torch

from datamodules import tables
from tests import tiny


def write(folder, **splits) -> object:
    for name, rows in splits.items():
        lines = [json.dumps({"text": f"text {n}", "label": label}) for n, label in enumerate(rows)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    return folder


def read(folder, kind):
    return tables.read_path(folder, kind=kind)


def test_numbers(tmp_path, bert):
    folder = write(tmp_path, train=[0.5, "2", -1], dev=[4, 3.25])
    data = read(folder, "number")
    assert data.splits["train"].labels == [0.5, 2.0, -1.0] and data.label_names == ()
    batch = tiny.read(folder, bert, labels="number")._rows["validation"].__getitems__([1, 0])
    assert batch["labels"].dtype == torch.float32 and batch["labels"].tolist() == [3.25, 4.0]


def test_several_names_from_text_or_list(tmp_path, bert):
    folder = write(tmp_path, train=["b, a", ["c"], ""], dev=[["a", "c"], "b"])
    data = read(folder, "several")
    assert data.label_names == ("a", "b", "c")
    assert data.splits["train"].labels == [[0, 1], [2], []]
    batch = tiny.read(folder, bert, labels="several")._rows["validation"].__getitems__([0, 1])
    assert batch["labels"].tolist() == [[1, 0, 1], [0, 1, 0]]


def test_no_labels_from_lines_of_text(tmp_path, bert):
    (tmp_path / "train.txt").write_text("one line\n\nanother line\r\na third\n")
    (tmp_path / "dev.txt").write_text("a fourth\n")
    data = tiny.read(tmp_path, bert, labels="none")
    assert data.dataset.splits["train"].texts == ["one line", "another line", "a third"]
    assert "labels" not in data._rows["train"].__getitems__([0, 1])
    assert data.facts()["labels"] == [] and len(data._rows["train"]) == 3


@pytest.mark.parametrize(
    ("kind", "labels", "said"),
    [
        ("number", [1, "good", 2], "train.jsonl, row 2: label 'good' is not a number"),
        ("number", [1, None, 2], "train.jsonl, row 2: no label"),
        ("number", [1, float("nan"), 2], "train.jsonl, row 2: no label"),
        ("several", ["a", None, "b"], "train.jsonl, row 2: no usable labels"),
        ("several", ["a", "a", "a"], "train.jsonl: train holds 1 different labels"),
        ("class", [0.37, 1, 0], "train.jsonl, row 1: label 0.37 is not an integer"),
    ],
)
def test_bad_labels_are_one_line(tmp_path, kind, labels, said):
    folder = write(tmp_path, train=labels, dev=labels)
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        read(folder, kind)
    assert "\n" not in str(error.value)


def test_a_name_that_only_validation_has(tmp_path):
    folder = write(tmp_path, train=["a", "b", "a,b"], dev=["a", "b,z"])
    with pytest.raises(ValueError, match=r"dev.jsonl, row 2: label 'z' is outside the set .a, b.$"):
        read(folder, "several")


def test_bundled_classes_are_no_numbers(bert):
    from datamodules import RottenTomatoes

    data = RottenTomatoes(source="bundled", labels="number")
    data.bundled = lambda: (tables.Dataset({}, ("no", "yes"), []), "reviews")
    with pytest.raises(ValueError, match="has one class a row, which that task cannot use"):
        _ = data.dataset
