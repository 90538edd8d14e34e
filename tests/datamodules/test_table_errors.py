"""Labelled files that cannot be used: one line that names the flag, the file and the row."""

import re

import pytest

from datamodules.tables import read_path
from tests.datamodules.table_files import DEV, TRAIN, folder, rows_as

BAD = {
    "no train": ({"dev_tsv": DEV}, "source", r"no train\.\* .*there: dev\.tsv"),
    "empty folder": ({}, "source", "no files"),
    "two train files": ({"train_csv": "a", "train_tsv": "a"}, "source", r"csv and train\.tsv"),
    "dev and validation": (
        {"train_tsv": TRAIN, "dev_tsv": DEV, "validation_tsv": DEV},
        "source",
        "both the validation split",
    ),
    "unknown format": (
        {"train_docx": "x", "dev_tsv": DEV},
        "source",
        r"'\.docx'.*csv, tsv, jsonl, json, parquet",
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
        {"train_tsv": (TRAIN + "très\t1\n" * 3).encode() + b"caf\xe9\t1\n", "dev_tsv": DEV},
        "source",
        "row 7: byte 0xe9 is not UTF-8: give its encoding with --data.encoding, or .* skip",
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
    "list as label": (
        {"train_tsv": TRAIN, "dev_jsonl": '{"sentence": "a", "label": [0]}'},
        "label_column",
        r"dev\.jsonl, row 1: no usable label",
    ),
    "a name among integers": (
        {"train_tsv": TRAIN + "a\tgood\n", "dev_tsv": DEV},
        "label_column",
        "row 4: label 'good' is outside",
    ),
    "unlabelled validation": (
        {"train_tsv": TRAIN, "dev_tsv": "sentence\tlabel\na\t-1\n"},
        "label_column",
        r"dev\.tsv: no validation row has a label",
    ),
    "several columns, one class": (
        {"train_csv": "text,a,b\nx,0,1\n", "dev_csv": "text,a,b\nx,0,1\n"},
        "label_column",
        r"no column 'label'.*--model\.task MultiLabel --data\.label_column a,b reads a label",
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


def test_missing_path_and_a_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"--data\.source: .*nowhere: there is no such"):
        read_path(tmp_path / "nowhere")
    (tmp_path / "train.tsv").mkdir()  # a folder where a file should be is not the train split
    with pytest.raises(FileNotFoundError, match=r"no train\.\*"):
        read_path(tmp_path)


def test_a_file_too_small_to_be_split(tmp_path):
    rows_as("csv", tmp_path / "a.csv", ["one", "two"], [0, 1])
    with pytest.raises(ValueError, match=r"--data\.source: .*2 different texts are too few"):
        read_path(tmp_path / "a.csv")
    ids = [f"u{n}" for n in range(60)]
    rows_as("csv", tmp_path / "a.csv", [f"text {n}" for n in range(60)], ids)
    with pytest.raises(
        ValueError, match=r"--data\.label_column: .*60 classes for 60 texts: ids or"
    ):
        read_path(tmp_path / "a.csv")
    rows_as("csv", tmp_path / "a.csv", [f"text {n // 2}" for n in range(60)], [0, 1] * 30)
    with pytest.raises(ValueError, match=r"--data\.label_column: .*one class only"):
        read_path(tmp_path / "a.csv")
