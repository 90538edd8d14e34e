"""A good file with something in it that does not belong there: the row is named, or left out."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.files import ReadOptions, read_splits, read_table, records
from datamodules.tables import read_path

TEXTS = [f"A warm room on a quiet street {i}" for i in range(12)]
LABELS = ["joy", "anger"] * 6


def lines(delimiter: str) -> list[str]:
    rows = zip(TEXTS, LABELS, strict=True)
    return ["text" + delimiter + "label", *(f"{text}{delimiter}{label}" for text, label in rows)]


JSON = [json.dumps({"text": t, "label": n}) for t, n in zip(TEXTS, LABELS, strict=True)]
FILES = {"a.csv": lines(","), "a.tsv": lines("\t"), "a.jsonl": JSON, "a.txt": TEXTS}
FILES["fasttext.txt"] = [f"__label__{n} {t}" for t, n in zip(TEXTS, LABELS, strict=True)]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("end", ["", "\nx" * 5000], ids=["early", "late"])
def test_a_zero_byte(tmp_path, name, end):
    path = tmp_path / name.replace("fasttext", "b")
    row = len(FILES[name])
    late = [FILES[name][-1]] * 400 * bool(end)  # behind the bytes that tell a text from others
    content = [*FILES[name][:-1], *late, FILES[name][-1].replace("street", "str\0eet")]
    path.write_text("\n".join(content) + "\n", encoding="utf-8")
    bad = row + len(late)
    with pytest.raises(ValueError, match=rf"row {bad}: holds a zero byte: remove it, or leave .*s"):
        read_table(path)
    table = read_table(path, ReadOptions(bad_rows="skip"))
    assert table.left_out == ((bad, "holds a zero byte: remove it"),)
    assert len(list(records(path))) == len(table.rows) + 1


def test_other_files_are_no_texts_with_a_zero_byte(tmp_path):
    for name, start in (("a.pkl", b"\x80\x04\x95\x0b\0\0\0\0\0\0\0]"), ("b.csv", b"\x7fELF\2\1\1")):
        (tmp_path / name).write_bytes(start + b"\0\0\1\2abc" * 20)
        with pytest.raises(ValueError, match="is not a text"):
            read_table(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_joined_files_have_a_mark_in_the_middle(tmp_path, name):
    content = "\n".join(FILES[name]) + "\n"
    (tmp_path / name).write_text(content + "\ufeff" + content, encoding="utf-8")
    table = read_table(tmp_path / name, ReadOptions(bad_rows="skip"))
    assert table.columns["text"] == (*TEXTS, *TEXTS) or table.columns["text"] == [*TEXTS, *TEXTS]
    assert set(table.columns["label"]) == {"joy", "anger"}
    repeated = ((14, "repeats the header: remove it"),)
    assert table.left_out == (repeated if name == "a.csv" else ())


@pytest.mark.parametrize("end", [",\n", ",\r\n", "\r\n", "\n"])
def test_records_between_commas(tmp_path, end):
    (tmp_path / "a.jsonl").write_bytes(end.join(JSON).encode() + end.encode())
    table = read_table(tmp_path / "a.jsonl")
    assert table.columns["text"] == TEXTS and table.rows == [*range(1, 13)]


def write_parquet(path, texts: list) -> None:
    pq.write_table(pa.table({"text": texts, "label": LABELS}), path)


def test_texts_that_are_stored_as_bytes(tmp_path):
    write_parquet(tmp_path / "a.parquet", [text.encode() for text in TEXTS])
    assert read_table(tmp_path / "a.parquet").columns["text"] == TEXTS
    assert [row["text"] for _, row in records(tmp_path / "a.parquet")] == TEXTS


@pytest.mark.parametrize("value", [{"a": "b"}, ["a", "b"], 5])
def test_a_column_of_other_values_is_no_text(tmp_path, value):
    write_parquet(tmp_path / "a.parquet", [value] * 12)
    shown = rf"{value!r}".replace("[", r"\[").replace("]", r"\]")
    for bad_rows in ("stop", "skip"):  # not the labels are to blame where no row is left
        with pytest.raises(ValueError, match=rf"--data\.text_column: .*row 1: .*\({shown}\): give"):
            read_path(tmp_path / "a.parquet", options=ReadOptions(bad_rows=bad_rows))


def test_a_file_of_bad_rows_only_says_why(tmp_path):
    (tmp_path / "a.jsonl").write_text("[1, 2]\n[3, 4]\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no row can be read; row 1: is not a JSON object"):
        read_table(tmp_path / "a.jsonl", ReadOptions(bad_rows="skip"))


def test_a_note_on_class_folders_comes_once(tmp_path):
    for split in ("train", "test"):
        for label in ("good", "bad"):
            for n in range(12):
                path = tmp_path / split / label / f"{n}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{split} {label} {n}", encoding="utf-8")
    found = read_path(tmp_path)
    assert sum("are the classes" in note for note in found.notes) == 1
    assert list(read_splits(tmp_path)) == ["train", "test"]
