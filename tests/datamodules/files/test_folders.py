"""Folders: files for each split, parts of a table, a folder for each class, save_to_disk."""

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.files import ReadOptions, read_splits

CSV = "text,label\na,1\nb,0\n"


def sizes(path, **options):
    found = read_splits(path, ReadOptions(**options))
    return {split: len(table.rows) for split, table in found.items()}


def fill(folder, *names, content=CSV):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize("train", ["train", "training", "Train"])
@pytest.mark.parametrize("validation", ["val", "valid", "dev", "validation", "eval", "dev_matched"])
def test_names_of_splits(tmp_path, train, validation):
    fill(tmp_path, f"{train}.csv", f"{validation}.csv", "test.csv", "README.md", "train.log")
    assert sizes(tmp_path) == {"train": 2, "validation": 2, "test": 2}


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["train.csv"], {"train"}),
        (["train.csv", "test.csv"], {"train", "test"}),
        (["mood-train.csv", "mood-val.csv", "mood-test-gold.csv"], {"train", "validation", "test"}),
        (["train.csv", "dev_matched.csv", "dev_mismatched.csv"], {"train", "validation"}),
        (["train.csv", "dev.csv", "strain.csv", "sample_submission.csv"], {"train", "validation"}),
        (["reviews.csv", "LICENSE"], {"train"}),
        (["data/train.csv", "data/test.csv", "README.md"], {"train", "test"}),
        (["train/a_0.csv", "train/a_1.csv", "val/0.csv"], {"train", "validation"}),
    ],
)
def test_which_files_are_read(tmp_path, names, splits):
    assert set(sizes(fill(tmp_path, *names))) == splits


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train.csv", "train.tsv", "dev.csv"], "both the train split: keep one"),
        (["train.csv", "val.csv", "dev.csv"], "both the validation split"),
        (["test.csv", "dev.csv"], r"no train\.\* in this folder \(there: dev\.csv, test\.csv\)"),
        (["a.csv", "b.csv"], r"no train\.\*"),
        (
            ["train-00000-of-00003.csv", "train-00002-of-00003.csv"],
            "2 of 3 parts .* add the others",
        ),
        (["train-00000-of-00002.csv"], "1 of 2 parts"),
    ],
)
def test_folders_that_cannot_be_read(tmp_path, names, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_splits(fill(tmp_path, *names))


def shards(folder, split, of=3, **columns):
    folder.mkdir(exist_ok=True)
    for n in range(of):
        table = pa.table({"text": [f"{split} {n} {i}" for i in range(4)], "label": [0, 1, 0, 1]})
        pq.write_table(table, folder / f"{split}-{n:05d}-of-{of:05d}.parquet")


@pytest.mark.parametrize("inner", ["", "data"])
def test_sharded_parquet(tmp_path, inner):
    shards(tmp_path / inner, "train", 3)
    shards(tmp_path / inner, "test", 1)
    found = read_splits(tmp_path)
    assert {split: len(table.rows) for split, table in found.items()} == {"train": 12, "test": 4}
    table = found["train"]
    assert table.columns["text"][4:6] == ["train 1 0", "train 1 1"]
    fault = table.fault("is odd", "text_column", 5)
    assert str(fault).endswith("/train-00001-of-00003.parquet, row 2: is odd")
    assert sizes(tmp_path / inner / "train-*.parquet") == {"train": 12}


def test_a_bad_row_in_a_part_names_its_file(tmp_path):
    fill(tmp_path, "train_0.csv", "train_1.csv")
    (tmp_path / "train_1.csv").write_text(CSV + "Hello, world, 1\n")
    with pytest.raises(ValueError, match=r"train_1\.csv, row 4: "):
        read_splits(tmp_path)
    table = read_splits(tmp_path, ReadOptions(bad_rows="skip"))["train"]
    assert len(table.rows) == 4 and table.left_out[0][0] == "train_1.csv, row 4"


@pytest.mark.parametrize("above", ["", "train"])
def test_a_folder_for_each_class(tmp_path, above):
    fill(
        tmp_path / above, "ham/1.txt", "ham/2.txt", "spam/0001.2003-12-18.x", content="Hi,\r\nso\n"
    )
    fill(tmp_path / above, "spam/49960", content="café")
    fill(tmp_path, "README", "labels.csv")
    if above:
        fill(tmp_path, "test/ham/1.txt", "test/spam/1.txt", content="x")
    found = read_splits(tmp_path)
    assert set(found) == ({"train", "test"} if above else {"train"})
    table = found["train"]
    assert (
        list(table.columns["label"])[:2] == ["ham", "ham"] and table.columns["text"][0] == "Hi,\nso"
    )
    assert "2 folders are the classes" in table.notes[0]
    assert str(table.fault("is odd", "text_column", 0)).endswith("/ham/1.txt: is odd")


@pytest.mark.parametrize("splits", [("train",), ("train", "test"), ("train", "val", "test")])
def test_save_to_disk(tmp_path, splits):
    features = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    rows = datasets.Dataset.from_dict(
        {"text": ["a", "b", "c"], "label": [1, 0, 1]}, datasets.Features(features)
    )
    rows = rows.select([2, 1, 0])  # what is saved keeps the order by indices
    whole = rows if len(splits) == 1 else datasets.DatasetDict(dict.fromkeys(splits, rows))
    whole.save_to_disk(tmp_path / "saved")
    found = read_splits(tmp_path / "saved")
    assert set(found) == {split.replace("val", "validation") for split in splits}
    assert found["train"].columns == {"text": ["c", "b", "a"], "label": [1, 0, 1]}
    assert found["train"].label_names == {"label": ("no", "yes")}
    rows.to_parquet(tmp_path / "a.parquet")
    assert read_splits(tmp_path / "a.parquet")["train"].label_names == {"label": ("no", "yes")}
    several = datasets.Features({"tags": datasets.List(datasets.ClassLabel(names=["x", "y"]))})
    datasets.Dataset.from_dict({"tags": [[0], [1]]}, several).to_parquet(tmp_path / "b.parquet")
    assert read_splits(tmp_path / "b.parquet")["train"].label_names == {"tags": ("x", "y")}


def test_the_first_file_decides_about_the_header_of_the_others(tmp_path):
    train = "".join(f"{'ab'[i % 2]}\ttext number {i}\n" for i in range(9))
    fill(tmp_path, "train.tsv", content=train)
    fill(tmp_path, "test.tsv", content="a\ta text\n")  # alone, its row could be a header
    found = read_splits(tmp_path)
    assert len(found["test"].rows) == 1 and list(found["test"].columns) == ["label", "text"]
    fill(tmp_path, "train.tsv", content="mood\twords\na\tone\nb\ttwo\n")
    fill(tmp_path, "test.tsv", content="mood\twords\nmood\tone\nmood\ttwo\n")
    assert len(read_splits(tmp_path)["test"].rows) == 2


@pytest.mark.parametrize("name", ["train.jsonl", "train.parquet", "train.csv"])
def test_a_flag_is_used_or_named(tmp_path, name):
    if name == "train.parquet":
        pq.write_table(pa.table({"text": ["a"], "label": [0]}), tmp_path / name)
    else:
        fill(tmp_path, name, content='{"text": "a"}\n' if "json" in name else "text|label\na|1\n")
    found = read_splits(tmp_path, ReadOptions(delimiter="|", header=True))["train"]
    named = "--data.delimiter and --data.header decide nothing in this format" in found.notes
    assert named == (name != "train.csv")


def test_a_folder_that_datasets_cannot_read_is_one_line(tmp_path):
    fill(tmp_path, "state.json", "dataset_info.json", content="{}")
    with pytest.raises(
        ValueError, match=r"--data\.source: .*datasets cannot read it .*save it again"
    ):
        read_splits(tmp_path)
