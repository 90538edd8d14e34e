"""The check of labelled text before training: a table, a baseline, and what looks wrong."""

import json

import numpy as np
import pytest

from datamodules import TextFiles, tables
from datamodules.labels import preflight, suspicious
from datamodules.text_splits import Dataset, TextSplit


def split(labels, start=0):
    return TextSplit([f"text {start + n}" for n in range(len(labels))], None, labels)


def test_classes_with_counts_an_example_of_each_and_the_baseline():
    data = Dataset(
        {"train": split([0] * 12 + [1] * 30), "validation": split([0, 0, 0, 1], 100)},
        ("dull", "warm"),
        [],
        warnings=["conflict: 1 text has different labels"],
    )
    assert preflight.preflight(data, colour=False).splitlines() == [
        "class  train  validation  example",
        "dull      12           3  text 0",
        "warm      30           1  text 12",
        "baseline: always 'warm' has an accuracy of 25.0 % (validation)",
        "conflict: 1 text has different labels",
    ]
    assert "\033[33mconflict: 1 text has different labels\033[0m" in preflight.preflight(data, True)
    assert preflight.facts(data) == {
        "label_counts": {"train": [12, 30], "validation": [3, 1]},
        "baseline": {"majority_accuracy": {"validation": 0.25}},
    }


def test_numbers_and_the_baseline_of_their_mean():
    data = Dataset({"train": split([1.0, 3.0]), "test": split([2.0, 4.0], 9)}, (), [], "number")
    lines = preflight.preflight(data, colour=False).splitlines()
    assert [line.split() for line in lines[1:3]] == [
        ["train", "2", "1", "2", "3", "1"],
        ["test", "2", "2", "3", "4", "1"],
    ]
    assert lines[3:] == ["baseline: always the mean, 2, has a mean squared error of 2 (test)"]


def test_several_labels_a_row():
    rows = [[0, 1], [0], []] * 10
    data = Dataset({"train": split(rows), "test": split([[0]], 90)}, ("a", "b"), [], "several")
    lines = preflight.preflight(data, colour=False).splitlines()
    assert lines[1].split() == ["a", "20", "1", "text", "0"]
    assert (
        lines[3] == "labels a row: 1.00 (train), 1.00 (test); rows with none: 10 (train), 0 (test)"
    )
    assert lines[4] == "rare: 1 without rows in test: 'b'; nothing is measured of them"
    assert preflight.facts(data)["label_counts"] == {"train": [20, 10], "test": [1, 0]}


def test_many_classes_are_shortened_and_rare_ones_named():
    labels = [n for n in range(40) for _ in range(n + 1)]
    names = tuple(f"intent {n}" for n in range(40))
    data = Dataset({"train": split(labels), "validation": split([39], 9999)}, names, [])
    lines = preflight.preflight(data, colour=False).splitlines()
    assert len(lines) <= 13 and lines[1].split()[:3] == ["intent", "39", "40"]
    assert lines[9].startswith("32 more")
    assert lines[9].endswith("each with 1 to 32 training rows")
    assert "rare: 9 with less than 10 training rows: 'intent 0' (1)" in lines[-2]
    assert lines[-2].endswith("; merge them with others, or add rows")
    assert "rare: 39 without rows in validation" in lines[-1]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"Yes": 40, "YES": 2, "no": 9}, "'Yes' (40) and 'YES' (2) differ in case"),
        ({"ham.": 40, "ham": 20}, "'ham.' (40) and 'ham' (20) differ"),
        ({"off topic": 9, "off_topic": 20, "on": 9}, "differ in case, spacing or punctuation"),
        ({"no\u200b": 9, "no": 20}, "differ in case, spacing or punctuation"),
        ({"ｙｅｓ": 9, "yes": 20}, "differ in case, spacing or punctuation"),
        ({"positive": 90, "positve": 1, "negative": 80}, "'positve' (1) and 'positive' may be one"),
        ({"joy": 20, "fear": 20, "joy|fear": 3}, "'joy|fear' may be several labels"),
        ({"joy/fear": 20, "fear": 20, "joy": 9}, "'joy/fear' may be several labels"),
        ({"['joy']": 20, "fear": 20}, "may be several labels: --model.task MultiLabel"),
        ({"-1": 9, "0": 20, "1": 20, "2": 20}, "'-1' may stand for no label: --data.unlabelled -1"),
        ({"a": 20, "unlabeled": 20}, "--data.unlabelled unlabeled leaves such rows out"),
        ({f"row {n}": 1 for n in range(30)}, "30 classes for 30 training rows: perhaps"),
    ],
)
def test_suspicious_names(counts, said):
    found = suspicious.name_warnings(list(counts), list(counts.values()), sum(counts.values()))
    assert len(found) == 1 and said in found[0]


@pytest.mark.parametrize(
    "names",
    [
        ("-1", "0", "1"),
        ("-2", "-1", "0", "1", "2"),
        ("C", "C++", "C#"),
        ("class 1", "class 2"),
        ("a/b", "c"),
    ],
)
def test_names_that_are_not_suspicious(names):
    assert suspicious.name_warnings(names, [100, *([5] * (len(names) - 1))], 200) == []


def test_what_reading_found_is_on_the_screen_and_in_the_record(tmp_path, bert):
    rows = [{"text": f"a tale {n}", "label": "yes" if n % 3 else "no"} for n in range(60)]
    rows += [{"text": "a tale 0", "label": "yes"}, {"text": "a film", "label": "-"}]
    rows[1]["label"] = " yes"
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = TextFiles(source=str(tmp_path / "a.jsonl"), tokenizer=bert)
    data.prepare_data()
    shown = data.preflight(colour=False)
    assert (
        "conflict: 1 text has different labels, the first one counts: "
        '"a tale 0" (row 1: no, row 61: yes)'
    ) in shown
    assert "merged into one class: 'yes' (40) and ' yes' (1)" in shown
    facts = data.facts()
    assert facts["conflicts"] == {"train": 1} and facts["unlabelled"] == {"train": 1}
    assert facts["label_counts"]["validation"] == [2, 4]
    assert facts["baseline"]["majority_accuracy"]["test"] == pytest.approx(4 / 6)
    assert any("1 row has no label and was left out ('-'; row 62)" in n for n in data.notes())


def test_copies_with_different_labels_in_given_splits_are_named_and_kept(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\nso,1\nno,0\nso,0\nso,1\n")
    (tmp_path / "dev.csv").write_text("text,label\nyes,1\n")
    found = tables.read_path(tmp_path)
    assert found.splits["train"].labels == [1, 0, 0, 1]
    assert found.warnings == [
        'conflict: 1 text has different labels, all are kept: "so" (row 2: 1, row 4: 0)'
    ]


def test_texts_that_differ_in_case_or_spacing_and_in_their_labels_are_named(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\nSo  what,1\nno,0\nso what,0\n")
    (tmp_path / "dev.csv").write_text("text,label\nNO,1\n")
    found = tables.read_path(tmp_path)
    assert found.warnings == [
        "conflict: 1 text has different labels in copies that differ in case or "
        "spacing, all are kept: "
        '"So what" (row 2: 1, row 4: 0)',
        "shared: 1 validation text is in train as well, 1 of them with another label: "
        '"no" (row 3 of train, row 2 of validation); --data.drop_shared true drops them from train',
    ]
    assert found.counts["conflicts"] == {"train": 1}


def test_numbers_that_stand_for_nothing():
    ordinary = np.tile([1.0, 2.0, 3.0], 20)
    assert suspicious.number_warnings(ordinary) == []
    (line,) = suspicious.number_warnings(np.append(ordinary, [999, 999]))
    assert "999 are far from all others" in line and "--data.unlabelled 999" in line
    assert "all training rows have the number 2" in suspicious.number_warnings(np.full(9, 2.0))[0]
