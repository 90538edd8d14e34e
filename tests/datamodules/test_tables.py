"""Labelled files: what is read, and how it is split."""

import hashlib
import random
from collections import Counter

import pytest

from datamodules.labels import LabelOptions
from datamodules.splitting import hash_of, hash_split, key_of, stratified_split
from datamodules.tables import read_path
from datamodules.text_splits import TextSplit, drop_duplicates, split_by_hash
from tests.datamodules.table_files import DEV, TRAIN, folder, rows_as


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


def test_split_of_is_the_published_hash_and_ignores_spacing_and_case():
    for i in range(200):
        text = f"Review {i}"
        digest = hashlib.sha256(f"review {i}".encode()).digest()
        h = int.from_bytes(digest[:8], "big") / 2**64
        expected = "test" if h < 0.1 else "validation" if h < 0.3 else "train"
        assert hash_split(text, validation=0.2) == expected == hash_split(f"  REVIEW\n{i} ", 0.2)


def test_one_file_is_split_by_class_without_duplicates_whatever_its_order(tmp_path):
    labels = [0] * 280 + [1] * 100 + [2] * 20
    texts = [f"text number {i}" for i in range(400)]
    rows_as("jsonl", tmp_path / "a.jsonl", texts + texts[:7], labels + labels[:7])
    found = read_path(tmp_path / "a.jsonl")
    where = {t: name for name, part in found.splits.items() for t in part.texts}
    assert len(where) == sum(len(part.texts) for part in found.splits.values()) == 400
    counts = {name: Counter(part.labels) for name, part in found.splits.items()}
    assert counts["test"] == counts["validation"] == {0: 28, 1: 10, 2: 2}
    assert "7 duplicate texts" in found.notes[0] and "split by text hash" in found.notes[1]
    order = list(range(400))
    random.Random(3).shuffle(order)
    rows_as("jsonl", tmp_path / "b.jsonl", [texts[i] for i in order], [labels[i] for i in order])
    again = read_path(tmp_path / "b.jsonl").splits
    assert {t: name for name, part in again.items() for t in part.texts} == where


def test_the_lowest_hashes_of_a_class_are_its_test_and_copies_stay_together():
    texts = [f"{name} {i}" for name in "ab" for i in range(50)]
    found = stratified_split(
        [*map(key_of, [*texts, "A  0", "B 7"])], [*([0] * 50), *([1] * 50), 0, 1]
    )
    for first in (0, 50):
        lowest = sorted(range(first, first + 50), key=lambda i: hash_of(texts[i]))
        for name, own in (("test", lowest[:5]), ("validation", lowest[5:10])):
            assert {i for i in found[name] if i < 100} >= set(own)
    for one, copy in ((0, 100), (57, 101)):
        assert any({one, copy} <= set(part) for part in found.values())


def test_classes_of_few_rows_keep_one_in_train_and_share_the_rest():
    labels = [n // 5 for n in range(200)]  # 40 classes of five
    parts = stratified_split([key_of(f"t{n}") for n in range(200)], labels)
    assert {labels[i] for i in parts["train"]} == set(range(40))
    assert len(parts["test"]) == len(parts["validation"]) == 20
    small = stratified_split([*map(key_of, "abcde")], [0, 0, 1, 1, 1])
    assert {name: len(part) for name, part in small.items()} == {
        "train": 3,
        "validation": 1,
        "test": 1,
    }


def test_texts_that_splits_share_are_named_and_left_out_of_train_if_asked(tmp_path):
    train = TRAIN + "Splendid\t0\n"
    path = folder(tmp_path, train_tsv=train, dev_tsv=DEV, test_tsv=DEV)
    found = read_path(path)
    assert found.counts == {
        "shared_texts": {"train, validation": 1, "train, test": 1, "validation, test": 1}
    }
    assert found.warnings[0] == (
        "shared: 1 validation text is in train as well, 1 of them with another label: "
        '"Splendid" (row 4 of train, row 2 of validation); --data.drop_shared true drops them '
        "from train"
    )
    clean = read_path(path, label_options=LabelOptions(drop_shared=True))
    assert clean.splits["train"].texts == ["a fine film ", "it is dull"]
    assert "train leaves them out" in clean.warnings[0]


def test_of_duplicates_the_first_label_counts_and_pairs_differ_by_either_text():
    kept = drop_duplicates(TextSplit(["a", "b", "a"], None, [1, 0, 0]))
    assert kept == TextSplit(["a", "b"], None, [1, 0])
    pairs = TextSplit(["a", "a", "a"], ["x", "y", "x"], [0, 1, 1])
    assert drop_duplicates(pairs) == TextSplit(["a", "a"], ["x", "y"], [0, 1])
    parts = split_by_hash(drop_duplicates(pairs))  # both have the text "a": in one part together
    assert sorted(len(part.texts) for part in parts.values()) == [0, 0, 2]
