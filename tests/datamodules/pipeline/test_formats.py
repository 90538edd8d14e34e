"""Records, dumps of forums, archives of files, and what stands in the place of a document."""

import bz2
import gzip
import io
import json
import lzma
import shutil
import subprocess
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.files import compression
from datamodules.pipeline.formats import opening
from datamodules.pipeline.formats.documents import ReadingOptions
from datamodules.pipeline.locating import Source, find_files, is_hub_id
from tests.datamodules.pipeline.sources import read, read_documents


def written(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_half_a_character_costs_one_row(tmp_path):
    rows = [{"text": "a"}, {"text": "hi \ud83d there"}, {"text": "b", "id": "\udc00"}]
    texts, faults = read(written(tmp_path / "a.jsonl", [*rows, {"text": "\U0001f600"}]), tmp_path)
    assert texts == {"a.jsonl:1": "a", "a.jsonl:4": "\U0001f600"}
    assert faults == [
        "a.jsonl, row 2: holds half a character (\\ud83d)",
        "a.jsonl, row 3: holds half a character (\\udc00)",
    ]
    with pytest.raises(ValueError, match=r"^--source: a.jsonl, row 2: holds half a character"):
        read(tmp_path / "a.jsonl", tmp_path, stop=True)


def test_rows_that_break_a_parser_cost_one_row(tmp_path):
    deep = '{"text": ' + "[" * 100_000 + "]" * 100_000 + "}"
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n' + deep + '\n{"text": "b"}\n')
    texts, faults = read(tmp_path / "a.jsonl", tmp_path)
    assert list(texts.values()) == ["a", "b"] and len(faults) == 1
    broken = pa.array([b"good", b"\xff\xfe", b"fine"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": broken}), tmp_path / "b.parquet")
    texts, faults = read(tmp_path / "b.parquet", tmp_path)
    assert list(texts.values()) == ["good", "fine"] and "row 2: cannot be decoded" in faults[0]


def test_a_file_name_that_is_not_utf8(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "caf\udce9.txt").write_text("A text.")
    assert read(tmp_path / "in", tmp_path)[0] == {"caf\ufffd.txt": "A text."}


def test_comments_and_submissions_of_reddit(tmp_path):
    posts = [
        {"id": "c0", "body": "A comment."},
        {"id": "c1", "body": "[deleted]"},
        {"id": "c2", "body": "[removed]"},
        {"id": "s0", "title": "Ferries", "selftext": "They float."},
        {"id": "s1", "title": "A link", "selftext": ""},
        {"id": "s2", "title": "Gone", "selftext": "[removed]"},
    ]
    file = written(tmp_path / "RC_2012-01", posts)
    step = read_documents(file, tmp_path)
    texts = {document.id: document.text for document in step.run()}
    assert texts == {"c0": "A comment.", "s0": "Ferries\n\nThey float."}
    assert step.left_out == {"deleted posts": 4} and not step.unreadable
    assert step.notes["the text is in 'body'; --text_column names another"] == ["RC_2012-01"]
    named = read(file, tmp_path, options=ReadingOptions("title"))[0]
    assert named == {"s0": "Ferries", "s1": "A link", "s2": "Gone"}


@pytest.mark.parametrize("column", ["content", "article", "raw_content"])
def test_a_text_in_a_column_of_a_usual_name(column, tmp_path):
    assert list(read(written(tmp_path / "a.jsonl", [{column: "x"}]), tmp_path)[0].values()) == ["x"]
    pq.write_table(pa.table({column: ["x"], "n": [1]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", tmp_path)[0] == {"a.parquet:1": "x"}


def test_turns_of_a_dialogue(tmp_path):
    turns = [{"role": "user", "content": "Why?"}, {"from": "gpt", "value": "So."}]
    file = written(tmp_path / "a.jsonl", [{"messages": turns}, {"dialog": ["Why?", "So."]}])
    texts = read(file, tmp_path, options=ReadingOptions(kind="dialogue"))[0]
    assert list(texts.values()) == ["user: Why?\ngpt: So.", "Why?\nSo."]
    assert len(read(file, tmp_path)[1]) == 2


def test_json_that_is_no_lines(tmp_path):
    rows = [{"text": "a"}, {"text": "b"}]
    for name, whole in (("array", rows), ("data", {"data": rows}), ("one", {"text": "ab"})):
        (tmp_path / f"{name}.json").write_text(json.dumps(whole, indent=2))
        assert "".join(read(tmp_path / f"{name}.json", tmp_path)[0].values()) == "ab"


def test_a_file_is_told_by_its_first_bytes(tmp_path):
    made = tmp_path / "in"
    made.mkdir()
    written(made / "wiki_00", [{"id": "7", "text": "An article."}])
    written(made / "dump.txt", [{"id": "8", "text": "A record."}])
    pq.write_table(pa.table({"text": ["A row."]}), made / "rows")
    (made / "note").write_text('{"a remark": in braces}\nand a line')
    texts = read(made, tmp_path)[0]
    assert texts == {
        "7": "An article.",
        "8": "A record.",
        "rows:1": "A row.",
        "note": '{"a remark": in braces}\nand a line',
    }


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
PACK[".zst"] = lambda data: pa.compress(data, codec="zstd", asbytes=True)


@pytest.mark.parametrize("suffix", PACK)
def test_compressed_files(suffix, tmp_path):
    (tmp_path / f"wiki_00{suffix}").write_bytes(PACK[suffix](b'{"id": 1, "text": "packed"}\n'))
    assert read(tmp_path / f"wiki_00{suffix}", tmp_path)[0] == {"1": "packed"}


def test_an_archive_is_a_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b/one.txt", "One.")
        archive.writestr("two.jsonl.gz", gzip.compress(b'{"text": "Two."}'))
        archive.writestr("__MACOSX/._one.txt", "No.")
        archive.writestr("three.png", "No.")
    texts, faults = read(tmp_path / "a.zip", tmp_path, tasks=2)
    assert texts == {"a.zip/b/one.txt": "One.", "a.zip/two.jsonl.gz:1": "Two."} and not faults
    assert find_files(str(tmp_path / "a.zip"), ReadingOptions())[1] == {".png": 1}


def test_a_dump_with_a_window_of_two_gibibytes(tmp_path, monkeypatch):
    if not shutil.which("zstd"):
        pytest.skip("needs the program zstd to make it")
    data = b"".join(b'{"body": "row %d"}\n' % row for row in range(500))
    packed = subprocess.run(
        ["zstd", "--long=31", "-qc"], input=data, capture_output=True, check=True
    ).stdout
    assert compression.window(packed) == 2**31
    (tmp_path / "RC_2012-01.zst").write_bytes(packed)
    assert len(read(tmp_path / "RC_2012-01.zst", tmp_path)[0]) == 500
    monkeypatch.setattr(compression.importlib.util, "find_spec", lambda name: None)
    assert len(read(tmp_path / "RC_2012-01.zst", tmp_path)[0]) == 500  # by the program
    monkeypatch.setattr(compression.shutil, "which", lambda name: None)
    _, faults = read(tmp_path / "RC_2012-01.zst", tmp_path)
    assert "its zstd window is too large" in faults[0] and "[dumps]" in faults[0]


def test_a_table(tmp_path):
    (tmp_path / "a.csv").write_text('id,text\n7,"A text, with a comma"\n8,Another\n')
    (tmp_path / "b.tsv").write_text("body\tn\nA body\t1\nTwo\t2\n")
    assert read(tmp_path / "a.csv", tmp_path)[0] == {"7": "A text, with a comma", "8": "Another"}
    assert list(read(tmp_path / "b.tsv", tmp_path)[0].values()) == ["A body", "Two"]


def test_only_the_first_documents_are_read(tmp_path):
    lines = [b'{"text": "%d"}\n' % i for i in range(30)]
    lines[1] = b"not json\n"
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines) + b"\xff" * 100)
    texts, faults = read(tmp_path / "a.jsonl", tmp_path, tasks=4, limit=5)
    assert sorted(texts.values()) == ["0", "2", "3", "4", "5"] and len(faults) == 1
    with pytest.MonkeyPatch.context() as patch:
        opened = io.BytesIO(b"".join(lines))
        patch.setattr(opening.SourceFile, "open", lambda file: opened)
        step = read_documents(tmp_path / "a.jsonl", tmp_path, limit=2)
        assert len(list(step.run())) == 2


def test_a_unit_for_records(tmp_path):
    file = written(tmp_path / "a.jsonl", [{"text": "One.\n\nTwo.", "id": "x"}, {"text": "Three."}])
    texts = read(file, tmp_path, options=ReadingOptions(unit="paragraph"))[0]
    assert texts == {"x:1": "One.", "x:2": "Two.", "a.jsonl:2": "Three."}


def test_ids_of_the_hub():
    assert is_hub_id("owner/name") and is_hub_id("owner/name:config-1.0")
    assert not is_hub_id("name") and not is_hub_id("a/b/c") and not is_hub_id("a/b:c/d")
    assert Source("owner/name:config").split == "train"
