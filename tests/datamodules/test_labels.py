"""Kinds of labels: classes, numbers, several, none; and what is wrong with them, in one line."""

import json
import re

import pytest
import torch

from datamodules import tables
from datamodules.labels import LabelOptions
from datamodules.text_splits import Dataset
from tests import tiny


def write(folder, **splits) -> object:
    for name, rows in splits.items():
        lines = [
            json.dumps({"text": f"{name} {n}", "label": label}) for n, label in enumerate(rows)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    return folder


def read(folder, kind, bad_rows="stop", **options):
    return tables.build_dataset(
        tables.read_splits(folder),
        kind=kind,
        bad_rows=bad_rows,
        label_options=LabelOptions(**options),
    )


def train(folder, labels, kind="class", **options):
    """The names of the classes, and the labels, of a train split."""
    dev = [label for label in labels if label not in ("", None)][:1]
    found = read(write(folder, train=labels, dev=dev), kind, **options)
    return found.label_names, found.splits["train"].labels


def test_numbers(tmp_path, bert):
    folder = write(tmp_path, train=[0.5, "2", -1], dev=[4, 3.25])
    data = read(folder, "number")
    assert data.splits["train"].labels == [0.5, 2.0, -1.0] and data.label_names == ()
    batch = tiny.read(folder, bert, labels="number")._rows["validation"].__getitems__([1, 0])
    assert batch["labels"].dtype == torch.float32 and batch["labels"].tolist() == [3.25, 4.0]


@pytest.mark.parametrize(
    ("labels", "names", "ids"),
    [
        (["1", "2", "4", "5", "4"], ("1", "2", "4", "5"), [0, 1, 2, 3, 2]),
        ([1, -1, 0], ("-1", "0", "1"), [2, 0, 1]),
        ([4, 0, 4], ("0", "4"), [1, 0, 1]),
        (["+1", "-1", "+1"], ("-1", "+1"), [1, 0, 1]),
        ([10, 9, 2], ("2", "9", "10"), [2, 1, 0]),  # not as texts
        (["01", "02"], ("01", "02"), [0, 1]),
        ([2.0, "1.0"], ("1", "2"), [1, 0]),
        ([True, False], ("False", "True"), [1, 0]),
        (["+", "-", "+"], ("+", "-"), [0, 1, 0]),
        (["NONE", "FAVOR"], ("FAVOR", "NONE"), [1, 0]),
        (["NA", "DE", "FR"], ("DE", "FR", "NA"), [2, 0, 1]),  # Namibia
        (["1E2", "1E1", "2A0"], ("1E1", "1E2", "2A0"), [1, 0, 2]),
    ],
)
def test_classes_are_integers_in_their_order_or_names_as_typed(tmp_path, labels, names, ids):
    assert train(tmp_path, labels) == (names, ids)


@pytest.mark.parametrize("nothing", ["-", "?", "", "NA", "n/a", "NaN", "null", None, float("nan")])
def test_rows_without_a_label_are_left_out_and_counted(tmp_path, nothing):
    labels = ["yes", "no", nothing, "no", nothing]
    found = read(write(tmp_path, train=labels, dev=["no", nothing]), "class")
    assert found.label_names == ("no", "yes") and found.splits["train"].labels == [1, 0, 0]
    assert found.splits["train"].texts == ["train 0", "train 1", "train 3"]
    assert found.counts["unlabelled"] == {"train": 2, "validation": 1}
    spelled = repr(nothing) if nothing and isinstance(nothing, str) else "empty"
    assert found.notes[:2] == [
        f"train.jsonl: 2 rows have no label and were left out ({spelled}; rows 3, 5)",
        f"dev.jsonl: 1 row has no label and was left out ({spelled}; row 2)",
    ]
    numbers = read(write(tmp_path, train=[1, nothing, 2.5], dev=[1]), "number")
    assert numbers.splits["train"].labels == [1, 2.5]


def test_minus_one_is_a_gap_where_the_file_names_its_classes_or_the_user_says_so(tmp_path):
    labels = [0, 1, 2, -1, 1]
    assert train(tmp_path, labels) == (("-1", "0", "1", "2"), [1, 2, 3, 0, 2])
    assert train(tmp_path, labels, unlabelled="-1") == (("0", "1", "2"), [0, 1, 2, 1])
    found = tables.read_splits(write(tmp_path, train=labels, dev=[0]))
    named = {
        split: tables.replace(table, label_names={"label": ("a", "b", "c", "d")})
        for split, table in found.items()
    }
    data = tables.build_dataset(named)
    assert data.label_names == ("a", "b", "c", "d") and data.splits["train"].labels == [0, 1, 2, 1]
    named["validation"] = found["validation"].__class__(
        "dev.csv", {"text": ["x"], "label": ["c"]}, [2]
    )
    assert tables.build_dataset(named).splits["validation"].labels == [2]
    other = {"label": ("b", "a", "c", "d")}
    named["validation"] = tables.replace(found["validation"], label_names=other)
    with pytest.raises(ValueError, match=r"dev.jsonl: its classes \(b, a, c, d\) are not those of"):
        tables.build_dataset(named)
    assert train(tmp_path, ["-", "b", "a"], unlabelled="") == (("-", "a", "b"), [0, 2, 1])


@pytest.mark.parametrize(
    ("labels", "names", "ids"),
    [
        (["b, a", ["c"], ""], ("a", "b", "c"), [[0, 1], [2], []]),
        (["a|b, c", "b, c"], ("a", "b, c"), [[0, 1], [1]]),
        (["a; b", "b;a", "c"], ("a", "b", "c"), [[0, 1], [0, 1], [2]]),
        (["['a', 'b']", '["b"]', "[]"], ("a", "b"), [[0, 1], [1], []]),
        (["['a' 'b']", "[a, b]", "{'b'}"], ("a", "b"), [[0, 1], [0, 1], [1]]),
        (["0,11", "2,9", "11"], ("0", "2", "9", "11"), [[0, 3], [1, 2], [3]]),
        (["3 10", "10 2"], ("2", "3", "10"), [[1, 2], [0, 2]]),
        ([[1, 0, 1], [0, 0, 0]], ("0", "1", "2"), [[0, 2], []]),
        ([{"a": 1, "b": 0}, {"a": 1, "b": 1}], ("a", "b"), [[0], [0, 1]]),
        (["80s", "rock,1984"], ("1984", "80s", "rock"), [[1], [0, 2]]),
    ],
)
def test_several_labels_in_every_spelling(tmp_path, labels, names, ids):
    assert train(tmp_path, labels, "several") == (names, ids)


def test_several_labels_are_rows_of_zeros_and_ones(tmp_path, bert):
    folder = write(tmp_path, train=["b, a", ["c"], ""], dev=[["a", "c"], "b"])
    batch = tiny.read(folder, bert, labels="several")._rows["validation"].__getitems__([0, 1])
    assert batch["labels"].tolist() == [[1, 0, 1], [0, 1, 0]]


def test_a_column_of_zeros_and_ones_for_each_label(tmp_path):
    lines = "text,rude,odd\na,1,0\nb,0,0\nc,1.0,True\nd,-1,-1\ne,,\n"
    (tmp_path / "train.csv").write_text(lines)
    (tmp_path / "dev.csv").write_text("text,odd,rude\na,1,0\n")
    found = tables.read_path(tmp_path, label_column="rude,odd", kind="several")
    assert found.label_names == ("rude", "odd")
    assert found.splits["train"].labels == [[0], [], [0, 1]]
    assert found.splits["validation"].labels == [[1]] and found.counts["unlabelled"] == {"train": 2}
    (tmp_path / "dev.csv").write_text("text,odd,rude\na,1,0.3\n")
    with pytest.raises(
        ValueError, match=r"dev.csv, row 2: '0.3' in column 'rude' is neither 0 nor"
    ):
        tables.read_path(tmp_path, label_column="rude,odd", kind="several")


def test_no_labels_from_lines_of_text(tmp_path, bert):
    (tmp_path / "train.txt").write_text("one line\n\nanother line\r\na third\n")
    (tmp_path / "dev.txt").write_text("a fourth\n")
    data = tiny.read(tmp_path, bert, labels="none")
    assert data.dataset.splits["train"].texts == ["one line", "another line", "a third"]
    assert "labels" not in data._rows["train"].__getitems__([0, 1])
    assert data.facts()["labels"] == [] and len(data._rows["train"]) == 3
    assert data.preflight(colour=False) == ""


@pytest.mark.parametrize(
    ("kind", "labels", "said"),
    [
        ("number", [1, "good", 2], "train.jsonl, row 2: label 'good' is not a number"),
        ("number", [1, "3,5", 2], "train.jsonl, row 2: label '3,5' has a comma: write 3.5"),
        ("number", ["good", "bad", 1], "most are names, --model.task Classification reads them"),
        ("several", ["a", "a", "a"], "train.jsonl: train holds 1 different labels"),
        ("class", [0.37, 1, 0], "train.jsonl, row 1: label 0.37 is not an integer"),
        ("class", [0, 1, "yes", 1], "row 3: label 'yes' is outside the set (0, 1): correct it"),
        ("class", ["a", "b", 7, "a"], "row 3: label 7 is outside the set (a, b): correct it"),
        ("class", [["a"], ["b"]], "row 1: label ['a'] looks like several"),
        ("class", ["['a']", "['a', 'b']"], "--model.task MultiLabel"),
        ("class", ["a|b", "b|c", "a"], "row 1: label 'a|b' looks like several, and so do most"),
        ("class", ["a, b", "b, a", "c"], "row 1: label 'a, b' looks like several"),
        ("class", [None, "", None], "no train row has a label that can be used"),
    ],
)
def test_bad_labels_are_one_line(tmp_path, kind, labels, said):
    folder = write(tmp_path, train=labels, dev=labels)
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        read(folder, kind)
    assert "\n" not in str(error.value)


def test_names_with_a_delimiter_are_classes_where_no_part_comes_twice_or_on_demand(tmp_path):
    assert train(tmp_path, ["Ho, Ann", "Li, Bo", "Ho, Li"])[0][1] == "Ho, Li"
    assert train(tmp_path, ["a|b", "b|c"], delimiter="none")[0] == ("a|b", "b|c")


def test_rows_with_a_label_that_cannot_be_used_are_left_out_on_demand(tmp_path):
    folder = write(tmp_path, train=[0, 1, "yes", 1], dev=[0, "no", 9])
    found = read(folder, "class", bad_rows="skip")
    assert found.splits["train"].labels == [0, 1, 1] and found.splits["validation"].labels == [0]
    assert found.notes[0].startswith(
        "train.jsonl: 1 row was left out: row 3: label 'yes' is outside"
    )
    assert "row 2: label 'no'" in found.notes[1] and "row 3: label 9" in found.notes[1]


def test_a_name_that_only_validation_has(tmp_path):
    folder = write(tmp_path, train=["a", "b", "a,b"], dev=["a", "b,z"])
    with pytest.raises(ValueError, match=r"dev.jsonl, row 2: label 'z' is outside the set .a, b.$"):
        read(folder, "several")


def test_bundled_classes_are_no_numbers(bert):
    from datamodules import RottenTomatoes

    data = RottenTomatoes(source="bundled", labels="number")
    data.bundled = lambda: (Dataset({}, ("no", "yes"), []), "reviews")
    with pytest.raises(ValueError, match="has one class a row, which that task cannot use"):
        _ = data.dataset
