"""Labelled files: what is read, how it is split, and which file and row an error names."""

import csv
import hashlib
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.tables import TextSplit, drop_duplicates, hash_split, read_path, split_by_hash

TRAIN = "sentence\tlabel\na fine film \t1\nit is dull\t0\n"
DEV = "sentence\tlabel\nsplendid\t1\n"


def folder(tmp_path: Path, **files: str | bytes) -> Path:
    """A folder of files; a keyword `train_tsv` becomes train.tsv."""
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / ".".join(name.rsplit("_", 1))).write_bytes(data)
    return tmp_path


# ---------------------------------------------------------------- what is read


def test_glue_folder_keeps_lone_quotes_and_leaves_out_the_unlabelled_test(tmp_path):
    train = TRAIN + 'the " of it\t0\n"quoted" twice\t1\n'
    path = folder(
        tmp_path, train_tsv=train, dev_tsv=DEV, test_tsv="index\tsentence\n0\tunknown worth\n"
    )
    found = read_path(path)
    assert set(found.splits) == {"train", "validation"}
    assert found.splits["train"].texts[2:] == ['the " of it', '"quoted" twice']
    assert found.splits["train"].texts[0] == "a fine film "  # GLUE's trailing space is kept
    assert found.splits["train"].labels == [1, 0, 0, 1]
    assert found.splits["validation"] == TextSplit(["splendid"], None, [1])
    assert found.label_names == ("0", "1")
    assert found.notes == ["test.tsv has no labels: it is not used"]


def test_a_test_file_whose_labels_are_all_minus_one_is_left_out_and_a_labelled_one_kept(tmp_path):
    path = folder(tmp_path, train_tsv=TRAIN, dev_tsv=DEV, test_tsv="sentence\tlabel\nso\t-1\n")
    found = read_path(path)
    assert "test" not in found.splits and found.notes
    folder(tmp_path, test_tsv="sentence\tlabel\nso\t1\n")
    found = read_path(path)
    assert found.splits["test"].labels == [1] and not found.notes


def rows_as(kind: str, path: Path, texts: list[str], labels: list) -> None:
    if kind == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *zip(texts, labels, strict=True)])
    elif kind == "parquet":
        pq.write_table(pa.table({"text": texts, "label": labels}), path)
    else:
        records = [{"text": t, "label": n} for t, n in zip(texts, labels, strict=True)]
        path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "parquet"])
@pytest.mark.parametrize("labels", [[1, 0, 1], [1.0, 0.0, 1.0], ["yes", "no", "yes"]])
def test_every_format_returns_what_was_written(tmp_path, kind, labels):
    texts = ['two\nlines, "quoted"', "a tab\tand \u2028 inside", "x" * 200_000]
    rows_as(kind, tmp_path / f"train.{kind}", texts, labels)
    rows_as(kind, tmp_path / f"validation.{kind}", texts[:1], labels[:1])
    found = read_path(tmp_path)
    assert found.splits["train"] == TextSplit(texts, None, [1, 0, 1])
    assert found.splits["validation"].labels == [1]
    assert found.label_names == (("no", "yes") if labels[0] == "yes" else ("0", "1"))


def test_windows_line_ends_byte_order_mark_and_blank_lines(tmp_path):
    train = ("\ufeff" + TRAIN + "\n\n").replace("\n", "\r\n")
    found = read_path(folder(tmp_path, train_tsv=train, dev_tsv=DEV))
    assert found.splits["train"] == TextSplit(["a fine film ", "it is dull"], None, [1, 0])


def test_pairs_and_columns_by_name(tmp_path):
    train = "question\tsentence\tgold\nwhy\tso\tentailment\nhow\tno\tnot_entailment\n"
    dev = "question\tsentence\tgold\nwho\tme\tentailment\n"
    found = read_path(
        folder(tmp_path, train_tsv=train, dev_tsv=dev), "question", "sentence", "gold"
    )
    assert found.splits["train"] == TextSplit(["why", "how"], ["so", "no"], [0, 1])
    assert found.label_names == ("entailment", "not_entailment")


def test_given_label_names_decide_the_ids_of_integers_and_of_names(tmp_path):
    path = folder(tmp_path, train_tsv=TRAIN, dev_tsv=DEV)
    assert read_path(path, label_names=("neg", "pos")).label_names == ("neg", "pos")
    named = TRAIN.replace("\t1", "\tbad").replace("\t0", "\tworse")
    folder(tmp_path, train_tsv=named, dev_tsv=DEV.replace("\t1", "\tbad"))
    found = read_path(path, label_names=("worse", "bad"))
    assert found.splits["train"].labels == [1, 0]


# ---------------------------------------------------------------- split by text hash


def test_split_of_is_the_published_hash_and_ignores_spacing_and_case():
    for i in range(200):
        text = f"Review {i}"
        digest = hashlib.sha256(f"review {i}".encode()).digest()
        h = int.from_bytes(digest[:8], "big") / 2**64
        expected = "test" if h < 0.1 else "validation" if h < 0.3 else "train"
        assert hash_split(text, validation=0.2) == expected == hash_split(f"  REVIEW\n{i} ", 0.2)


def test_one_file_is_split_without_duplicates_and_a_text_never_moves(tmp_path):
    texts = [f"text number {i}" for i in range(400)]
    rows_as("jsonl", tmp_path / "a.jsonl", texts + texts[:7], [i % 2 for i in range(407)])
    found = read_path(tmp_path / "a.jsonl")
    where = {t: name for name, part in found.splits.items() for t in part.texts}
    assert len(where) == sum(len(part.texts) for part in found.splits.values()) == 400
    assert {hash_split(t) for t in where} == {"train", "validation", "test"}
    assert all(hash_split(t) == name for t, name in where.items())
    assert 20 <= len(found.splits["validation"].texts) <= 60
    assert "7 duplicate texts" in found.notes[0] and "split by text hash" in found.notes[1]


def test_of_duplicates_the_first_label_counts_and_pairs_differ_by_either_text():
    kept = drop_duplicates(TextSplit(["a", "b", "a"], None, [1, 0, 0]))
    assert kept == TextSplit(["a", "b"], None, [1, 0])
    pairs = TextSplit(["a", "a", "a"], ["x", "y", "x"], [0, 1, 1])
    assert drop_duplicates(pairs) == TextSplit(["a", "a"], ["x", "y"], [0, 1])
    parts = split_by_hash(drop_duplicates(pairs))  # both have the text "a": in one part together
    assert sorted(len(part.texts) for part in parts.values()) == [0, 0, 2]


# ---------------------------------------------------------------- bad input

BAD = {
    "no train": ({"dev_tsv": DEV}, "source", r"no train\.\* .*there: dev\.tsv"),
    "no dev": ({"train_tsv": TRAIN}, "source", r"no dev\.\* or validation\.\* .*train\.tsv"),
    "empty folder": ({}, "source", "no files"),
    "two train files": ({"train_csv": "a", "train_tsv": "a"}, "source", r"csv and train\.tsv"),
    "dev and validation": (
        {"train_tsv": TRAIN, "dev_tsv": DEV, "validation_tsv": DEV},
        "source",
        "both the validation split",
    ),
    "unknown format": (
        {"train_xlsx": "x", "dev_tsv": DEV},
        "source",
        r"'\.xlsx'.*\.tsv, \.csv, \.jsonl, \.json, \.parquet",
    ),
    "empty file": ({"train_tsv": "", "dev_tsv": DEV}, "source", r"train\.tsv: is empty"),
    "blank file": ({"train_csv": "\n \n", "dev_tsv": DEV}, "source", r"train\.csv: is empty"),
    "header only": ({"train_tsv": "sentence\tlabel\n", "dev_tsv": DEV}, "source", "no rows"),
    "no text column": (
        {"train_tsv": TRAIN.replace("sentence", "phrase"), "dev_tsv": DEV},
        "text_column",
        r"train\.tsv: no column 'sentence' \(there: 'phrase', 'label'\)",
    ),
    "no label column": (
        {"train_tsv": TRAIN, "dev_tsv": DEV.replace("label", "class")},
        "label_column",
        r"dev\.tsv: no column 'label' \(there: 'sentence', 'class'\)",
    ),
    "same column twice": (
        {"train_csv": "text,text\na,b\n", "dev_tsv": DEV},
        "source",
        "row 1: two columns",
    ),
    "empty text": (
        {"train_tsv": TRAIN + " \t1\n", "dev_tsv": DEV},
        "text_column",
        "row 4: .*empty",
    ),
    "null text": (
        {"train_jsonl": '{"text": "a", "label": 1}\n{"label": 0}\n', "dev_tsv": DEV},
        "text_column",
        "row 2: 'text' is empty",
    ),
    "text is a number": (
        {"train_jsonl": '{"text": "a", "label": 1}\n{"text": 3, "label": 0}\n', "dev_tsv": DEV},
        "text_column",
        "row 2: 'text' is not a text",
    ),
    "one class": (
        {"train_tsv": "sentence\tlabel\na\t1\nb\t1\n", "dev_tsv": DEV},
        "label_column",
        r"train\.tsv: train holds one class only \(label 1\)",
    ),
    "not UTF-8": (
        {"train_tsv": TRAIN.encode() + b"caf\xe9\t1\n", "dev_tsv": DEV},
        "source",
        "row 4: byte 0xe9 is not UTF-8",
    ),
    "ragged row": (
        {"train_tsv": TRAIN + "a\tb\t1\n", "dev_tsv": DEV},
        "source",
        "row 4: .* 2 .* 3",
    ),
    "ragged row after a blank one": (
        {"train_tsv": TRAIN + "\n\nalone\n", "dev_tsv": DEV},
        "source",
        "row 6: .* 2 .* 1",
    ),
    "ragged CSV after a text of three lines": (
        {"train_csv": 'text,label\n"a\nb\nc",1\nd\n', "dev_tsv": DEV},
        "source",
        "row 5: .* 2 .* 1",
    ),
    "quote never closed": (
        {"train_csv": 'text,label\nx,1\n"a,0\nb,1\nc,0\n', "dev_tsv": DEV},
        "source",
        "row 3: is not valid CSV",
    ),
    "not JSON": ({"train_jsonl": '{"text": "a"}\n{"text": \n', "dev_tsv": DEV}, "source", "row 2"),
    "JSON array": ({"train_json": "[1,\n2]", "dev_tsv": DEV}, "source", "row 1: .*on a line"),
    "not an object": ({"train_json": "[1]\n", "dev_tsv": DEV}, "source", "row 1: .*object"),
    "not Parquet": ({"train_parquet": "PAR", "dev_tsv": DEV}, "source", "not readable as Parquet"),
    "fraction": ({"train_tsv": TRAIN + "a\t0.5\n", "dev_tsv": DEV}, "label_column", "row 4: .*0.5"),
    "no label": (
        {"train_tsv": TRAIN + "a\t\n", "dev_tsv": DEV},
        "label_column",
        "row 4: no usable label",
    ),
    "list as label": (
        {"train_tsv": TRAIN, "dev_jsonl": '{"sentence": "a", "label": [0]}'},
        "label_column",
        r"dev\.jsonl, row 1: no usable label",
    ),
    "minus one in train": (
        {"train_tsv": TRAIN + "a\t-1\n", "dev_tsv": DEV},
        "label_column",
        r"row 4: label -1 is outside the set \(.*0, 1\)",
    ),
    "gap in the integers": (
        {"train_tsv": TRAIN + "a\t7\n", "dev_tsv": DEV},
        "label_column",
        r"train\.tsv, row 4: label 7 is outside",
    ),
    "integers from one": (
        {"train_tsv": "sentence\tlabel\na\t1\nb\t2\n", "dev_tsv": DEV},
        "label_column",
        "row 2: .*run from 0",
    ),
    "a name among integers": (
        {"train_tsv": TRAIN + "a\tgood\n", "dev_tsv": DEV},
        "label_column",
        "row 4: label 'good' is outside",
    ),
    "unlabelled validation": (
        {"train_tsv": TRAIN, "dev_tsv": "sentence\tlabel\na\t-1\n"},
        "label_column",
        r"dev\.tsv, row 2: label -1",
    ),
    "label that train does not know": (
        {"train_tsv": TRAIN, "dev_tsv": DEV + "x\t2\n"},
        "label_column",
        r"dev\.tsv, row 3: label 2 is outside the set \(.*0, 1\)",
    ),
    "label outside the set in test": (
        {"train_tsv": TRAIN, "dev_tsv": DEV, "test_tsv": DEV + "x\tgood\n"},
        "label_column",
        r"test\.tsv, row 3: label 'good'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_with_flag_file_and_row(tmp_path, case):
    files, flag, pattern = BAD[case]
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        read_path(folder(tmp_path, **files))
    message = str(caught.value)
    assert message.startswith(f"--data.{flag}: {tmp_path}") and "\n" not in message, message
    assert re.search(pattern, message), message


def test_missing_path_unreadable_file_and_null_parquet_label(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"--data\.source: .*nowhere: there is no such"):
        read_path(tmp_path / "nowhere")
    (tmp_path / "train.tsv").mkdir()  # a folder where a file should be is not the train split
    with pytest.raises(FileNotFoundError, match=r"no train\.\*"):
        read_path(tmp_path)
    pq.write_table(pa.table({"text": ["a", "b"], "label": [0, None]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet, row 2: no usable label"):
        read_path(tmp_path / "a.parquet")


def test_a_file_too_small_to_be_split_and_one_whose_train_part_has_one_class(tmp_path):
    rows_as("csv", tmp_path / "a.csv", ["one", "two"], [0, 1])
    with pytest.raises(ValueError, match=r"--data\.source: .*2 different texts are too few"):
        read_path(tmp_path / "a.csv")
    texts = [f"text {i}" for i in range(60)]
    labels = [0 if hash_split(t) == "train" else 1 for t in texts]
    rows_as("csv", tmp_path / "a.csv", texts, labels)
    with pytest.raises(ValueError, match=r"--data\.label_column: .*one class only"):
        read_path(tmp_path / "a.csv")
