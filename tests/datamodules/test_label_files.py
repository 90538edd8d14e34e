"""Labels as files of other programs hold them."""

import datasets
import pytest

from datamodules import tables


def test_names_of_classes_that_parquet_states_are_used(tmp_path):
    kinds = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["ham", "spam"])}
    rows = {"text": ["a", "b", "c"], "label": [1, 0, -1]}
    rows = datasets.Dataset.from_dict(rows, datasets.Features(kinds))
    rows.to_parquet(str(tmp_path / "train.parquet"))
    (tmp_path / "dev.csv").write_text("text,label\nx,spam\ny,0\n")
    found = tables.read_path(tmp_path, label_names=("negative", "positive"))
    assert found.label_names == ("ham", "spam")
    assert found.splits["train"].labels == [1, 0]
    assert found.splits["validation"].labels == [1, 0]
    assert found.counts["unlabelled"] == {"train": 1}


def test_names_of_several_labels_that_parquet_states_are_used(tmp_path):
    names = [f"mood {n}" for n in range(12)]
    kinds = {"text": datasets.Value("string"), "labels": [datasets.ClassLabel(names=names)]}
    rows = {"text": ["a", "b"], "labels": [[11, 2], []]}
    rows = datasets.Dataset.from_dict(rows, datasets.Features(kinds))
    for split in ("train", "dev"):
        rows.to_parquet(str(tmp_path / f"{split}.parquet"))
    found = tables.read_path(tmp_path, label_column="labels", kind="several")
    assert found.label_names == tuple(names) and found.splits["train"].labels == [[2, 11], []]


def test_labels_of_a_module_are_used_only_where_they_fit(tmp_path):
    sentiments = ("negative", "positive")
    for labels, names in (("01", sentiments), ("12", ("1", "2")), ("04", ("0", "4"))):
        for split in ("train", "dev"):
            rows = "".join(f"{split} {n},{label}\n" for n, label in enumerate(labels))
            (tmp_path / f"{split}.csv").write_text(f"text,label\n{rows}")
        found = tables.read_path(tmp_path, label_names=sentiments)
        assert found.label_names == names and found.splits["train"].labels == [0, 1]


def test_without_validation_it_is_cut_from_train_by_class_and_test_is_untouched(tmp_path):
    labels = ["rare"] * 20 + ["common"] * 180
    rows = "".join(f"train {n},{label}\n" for n, label in enumerate(labels))
    (tmp_path / "train.csv").write_text(f"text,label\n{rows}")
    (tmp_path / "test.csv").write_text("text,label\none,common\ntwo,rare\none,common\n")
    found = tables.read_path(tmp_path)
    assert found.splits["test"].texts == ["one", "two", "one"]
    assert list(found.splits) == ["train", "validation", "test"]
    assert sorted(found.splits["validation"].labels) == [0] * 18 + [1] * 2
    assert found.notes[-1] == (
        "train.csv was split by text hash: 180 train, 20 validation (of each class its share)"
    )


def test_a_regression_of_classes_is_refused(tmp_path):
    kinds = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["ham", "spam"])}
    rows = datasets.Dataset.from_dict({"text": ["a"], "label": [1]}, datasets.Features(kinds))
    rows.to_parquet(str(tmp_path / "train.parquet"))
    rows.to_parquet(str(tmp_path / "dev.parquet"))
    with pytest.raises(ValueError, match=r"--data.label_column: .*the file names the classes"):
        tables.read_path(tmp_path, kind="number")
