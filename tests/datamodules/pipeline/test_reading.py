import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.pipeline import locating
from datamodules.pipeline.formats.documents import ReadingOptions
from tests.datamodules.pipeline.sources import read, read_documents


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "in"
    (made / "deep").mkdir(parents=True)
    (made / "a.txt").write_text("Plain text.")
    (made / "b.md").write_text("# Title\n\nText.")
    (made / "deep" / "c.html").write_text("<html><body><p>Page.</p></body></html>")
    rows = [{"text": f"row {i}", "id": f"own-{i}"} for i in range(5)]
    (made / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with gzip.open(made / "e.jsonl.gz", "wt") as file:
        file.write(json.dumps({"text": "packed", "license": "CC0"}) + "\n")
    pq.write_table(pa.table({"text": ["p0", "p1"], "other": [1, 2]}), made / "f.parquet")
    (made / "g.txt.zst").write_bytes(pa.compress(b"zst", codec="zstd", asbytes=True))
    (made / "ignored.png").write_bytes(b"\x89PNG")
    (made / ".hidden.txt").write_text("hidden")
    return made


def test_every_format(folder, tmp_path):
    texts, faults = read(folder, tmp_path)
    assert faults == [] and set(texts) == {
        *(
            "a.txt",
            "b.md",
            "deep/c.html",
            "e.jsonl.gz:1",
            "f.parquet:1",
            "f.parquet:2",
            "g.txt.zst",
        ),
        *(f"own-{i}" for i in range(5)),
    }
    assert texts["a.txt"] == "Plain text." and texts["f.parquet:2"] == "p1"
    assert texts["g.txt.zst"] == "zst" and texts["own-3"] == "row 3"


@pytest.mark.parametrize("tasks", [2, 3, 16])
def test_each_document_is_read_by_one_task(folder, tmp_path, tasks):
    assert read(folder, tmp_path, tasks) == read(folder, tmp_path)


def test_many_files_are_dealt_out_whole(tmp_path):
    made = tmp_path / "in"
    made.mkdir()
    for i in range(9):
        (made / f"{i}.jsonl").write_text('{"text": "a"}\n{"text": "b"}\n')
    assert len(read(made, tmp_path, 2)[0]) == 18


def test_a_glob(folder, tmp_path):
    assert set(read(folder / "**" / "*.html", tmp_path)[0]) == {"deep/c.html"}


def test_a_file_without_an_extension_is_a_text(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "chapter_one").write_text("Plain text.")
    (tmp_path / "in" / "program").write_bytes(b"\x7fELF\x00\x00")
    texts, faults = read(tmp_path / "in", tmp_path)
    assert texts == {"chapter_one": "Plain text."} and faults == ["program: is not a text"]


def test_encodings(tmp_path):
    made = tmp_path / "in"
    made.mkdir()
    (made / "latin.txt").write_bytes("Le café est fermé à l'été, déjà.".encode("latin-1"))
    (made / "wide.txt").write_bytes("Grüße".encode("utf-16"))
    (made / "mark.txt").write_bytes(b"\xef\xbb\xbfmarked")
    (made / "broken.txt").write_bytes("é à ü ".encode() * 20 + b"\xff\xfe bad " + b"end")
    texts, _ = read(made, tmp_path)
    assert texts["latin.txt"] == "Le café est fermé à l'été, déjà."
    assert texts["wide.txt"] == "Grüße" and texts["mark.txt"] == "marked"
    assert texts["broken.txt"].startswith("é à ü") and texts["broken.txt"].count("\ufffd") == 2


def test_a_truncated_file_gives_what_it_has_and_is_named(tmp_path):
    import random

    lines = [json.dumps({"text": str(random.Random(i).random()) * 20}) for i in range(2000)]
    whole = gzip.compress("\n".join(lines).encode())
    file = tmp_path / "cut.jsonl.gz"
    file.write_bytes(whole[: len(whole) // 2])
    texts, faults = read(file, tmp_path, tasks=3)
    assert 500 < len(texts) < 1500
    assert faults == [f"cut.jsonl.gz: cannot be read after row {len(texts)} (ends in the middle)"]


def parquet(texts: list) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": texts, "n": range(len(texts))}), sink)
    return sink.getvalue()


BAD = {
    "a.jsonl": (b'{"text": "good"}\nnot json\n{"other": 1}\n[1]\n', ["row 2", "row 3", "row 4"]),
    "b.parquet": (b"not parquet", ["b.parquet: cannot be read"]),
    "c.txt": (b"\x00\x01\x02", ["is not a text"]),
    "d.jsonl.gz": (b"\x1f\x8bnot gzip", ["cannot be read"]),
    "e.warc": (b"nothing", ["cannot be read"]),
    "f.csv": (b"text\none\0\n", ["row 2: holds a zero byte"]),
    "g.jsonl": (b'{"text": "o\0ne"}\n', ["row 1: holds a zero byte"]),
    "h.txt": (b"One line.\nAnother \0line.\n", ["line 2 holds a zero byte"]),
    "i.html": (b"<p>One</p>\n<p>T\0wo</p>\n", ["line 2 holds a zero byte"]),
    "j.parquet": (parquet([["a"], ["b"]]), ["row 1: 'text' is not a text (['a'])", "row 2"]),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_named_and_counted(name, tmp_path):
    content, expected = BAD[name]
    (tmp_path / name).write_bytes(content)
    texts, faults = read(tmp_path / name, tmp_path, tasks=2)
    assert len(texts) == (name == "a.jsonl")
    assert len(faults) == len(expected)
    for fault, words in zip(sorted(faults), expected, strict=True):
        assert name in fault and words in fault


def test_or_it_ends_the_run(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(BAD["a.jsonl"][0])
    with pytest.raises(ValueError, match=r"^--source: a.jsonl, row 2: is not JSON .*: repair it"):
        read(tmp_path / "a.jsonl", tmp_path, stop=True)


def test_a_zero_byte_costs_one_document_of_several(tmp_path):
    line = "It has several sentences. They are about things. One can name them. " * 8
    lines = "".join(f"Article {n}. {line}\n" for n in range(20)).replace("le 7", "le\0 7")
    marked = "<|endoftext|>\n".join(f"Text {n}\n".replace("xt 1", "x\0t 1") for n in range(4))
    for name, content, row, left in (("a.txt", lines, 8, 19), ("b.txt", marked, 2, 3)):
        (tmp_path / name).write_bytes(content.encode())
        texts, faults = read(tmp_path / name, tmp_path)
        assert len(texts) == left and faults == [f"{name}, row {row}: holds a zero byte: remove it"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_a_column_by_its_number(name, tmp_path):
    content = {"a.jsonl": b'{"n": 5, "body": "x"}', "a.csv": b"n,body\n5,x\n"}
    table = pa.table({"n": [5], "body": ["x"], "licence": ["MIT"]})
    pq.write_table(table, tmp_path / name)
    if name in content:
        (tmp_path / name).write_bytes(content[name])
    found = read(tmp_path / name, tmp_path, options=ReadingOptions("2", "1"))
    assert found == ({"5": "x"}, [])
    _, faults = read(tmp_path / name, tmp_path, options=ReadingOptions("4"))
    assert "no column '4' (there: 'n', 'body'" in faults[0]
    assert "give --text_column one of them" in faults[0]


def test_texts_that_are_stored_as_bytes(tmp_path):
    (tmp_path / "a.parquet").write_bytes(parquet(["Grüße".encode()]))
    assert list(read(tmp_path / "a.parquet", tmp_path)[0].values()) == ["Grüße"]


def test_a_column_by_another_name(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"body": "x", "key": 7}\n')
    assert read(tmp_path / "a.jsonl", tmp_path, options=ReadingOptions("body", "key"))[0] == {
        "7": "x"
    }


@pytest.mark.parametrize("source", ["nowhere", "nowhere/*.txt", "only-images"])
def test_a_source_without_documents(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "only-images").mkdir()
    (tmp_path / "only-images" / "a.png").touch()
    with pytest.raises(ValueError, match=f"^--source {source}".replace("*", r"\*")):
        locating.prepare(locating.Source(source))


@pytest.mark.slow
def test_bundled_reviews_have_provenance(tmp_path):
    step = read_documents("imdb", tmp_path)
    documents = list(step.run(None, 3, 5000))
    assert len(documents) == 5 and documents[0].id == "imdb/3"
    assert documents[0].metadata["licence"] == "MIT"
