"""Compressed files, archives, spreadsheets, and files whose names say nothing or lie."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from datamodules.files import ReadOptions, read_splits, read_table, records

CONTENT = "text,label\n" + "".join(f'"Room {i}, warm",{i % 2}\n' for i in range(30))


def packed(kind: str, data: bytes) -> bytes:
    if kind == "zst":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as out:
            out.write(data)
        return sink.getvalue().to_pybytes()
    if kind == "zip":
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("__MACOSX/._reviews.csv", "x")
            archive.writestr("inner/reviews.csv", data)
        return file.getvalue()
    return {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[kind](data)


@pytest.mark.parametrize("name", ["a.csv.{}", "a.{}", "a.csv", "a"])
@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst", "zip"])
def test_compression_is_seen_in_the_content(tmp_path, kind, name):
    path = tmp_path / name.format(kind)
    if name == "a" or (name == "a.{}" and kind != "zip"):  # no ending tells of the commas
        path.write_bytes(packed(kind, CONTENT.replace(", ", " ").replace(",", "\t").encode()))
    else:
        path.write_bytes(packed(kind, CONTENT.encode()))
    table = read_splits(path)["train"]
    assert len(table.rows) == 30 and list(table.columns) == ["text", "label"], table.columns
    assert len(list(records(path))) == 30


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.parquet.gz", "b.parquet", "b", "b.feather"])
def test_other_formats_in_a_compressed_or_nameless_file(tmp_path, name):
    table, sink = pa.table({"text": ["a", "b"], "label": [0, 1]}), io.BytesIO()
    if "jsonl" in name:
        sink.write(b'{"text": "a", "label": 0}\n{"text": "b", "label": 1}\n')
    elif "feather" in name:
        pyarrow.feather.write_feather(table, sink)
    else:
        pq.write_table(table, sink)
    data = gzip.compress(sink.getvalue()) if name.endswith("gz") else sink.getvalue()
    (tmp_path / name).write_bytes(data)
    found = read_table(tmp_path / name)
    assert {n: list(c) for n, c in found.columns.items()} == {"text": ["a", "b"], "label": [0, 1]}
    assert [row for _, row in records(tmp_path / name)] == table.to_pylist()


def test_an_archive_with_splits_or_classes(tmp_path):
    for name, mode in (("a.zip", "zip"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.tar", "w")):
        files = {"set/train.csv": CONTENT, "set/test.csv": CONTENT, "set/README": "x"}
        if mode == "zip":
            with zipfile.ZipFile(tmp_path / name, "w") as archive:
                for inner, content in files.items():
                    archive.writestr(inner, content)
        else:
            with tarfile.open(tmp_path / name, mode) as archive:
                for inner, content in files.items():
                    info = tarfile.TarInfo(inner)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content.encode()))
        found = read_splits(tmp_path / name)
        assert {split: len(table.rows) for split, table in found.items()} == {
            "train": 30,
            "test": 30,
        }
        assert found["train"].name == f"{tmp_path / name}/set/train.csv"
    with pytest.raises(ValueError, match="archive of 3 files: unpack it"):
        read_table(tmp_path / "a.zip")


def test_broken_archives_are_one_line(tmp_path):
    whole = gzip.compress(CONTENT.encode() * 50)
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a\.csv\.gz: cannot be read \(it ends in the middle\)"):
        read_table(tmp_path / "a.csv.gz")
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + b"x" * 50)
    with pytest.raises(ValueError, match=r"a\.parquet: is not readable as Parquet"):
        read_table(tmp_path / "a.parquet")
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04" + b"x" * 50)
    with pytest.raises(ValueError, match=r"a\.zip: cannot be read"):
        read_splits(tmp_path / "a.zip")


def test_a_spreadsheet_reads_as_its_csv_would(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [("text", "label", "seen"), ("null", 1, None), ("NA", 0, 2.5), (None, None, None)]:
        book.active.append(row)
    book.active.append(("a day", 1, True))
    book.create_sheet("notes").append(("nothing",))
    book.save(tmp_path / "a.xlsx")
    table = read_table(tmp_path / "a.xlsx")
    assert list(table.columns["text"]) == ["null", "NA", "a day"]
    assert list(table.columns["label"]) == ["1", "0", "1"] and list(table.rows) == [2, 3, 5]
    assert list(table.columns["seen"]) == ["", "2.5", "True"]
    assert table.notes == ("sheet 'Sheet' of 2 is read",)
    assert len(list(records(tmp_path / "a.xlsx"))) == 3


def test_a_spreadsheet_without_openpyxl_says_what_to_install(tmp_path, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "openpyxl" else find(n))
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr("xl/workbook.xml", "")
    with pytest.raises(ValueError, match=r"a\.xlsx: openpyxl, .*pip install .*\[tables\]"):
        read_table(tmp_path / "a.xlsx", ReadOptions())
