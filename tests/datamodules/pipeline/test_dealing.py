"""Parts of a large file: together they are all rows, each once, under the number of its row."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.pipeline import dealing
from datamodules.pipeline.formats import read_jsonl
from datamodules.pipeline.formats.documents import ReadingOptions
from datamodules.pipeline.formats.opening import SourceFile
from datamodules.pipeline.locating import Source
from datamodules.pipeline.reading import DocumentReader

ROWS = [f"text {n} " + "x" * (n * 37 % 90) for n in range(200)]


@pytest.fixture(autouse=True)
def large(monkeypatch):
    monkeypatch.setattr(dealing, "LARGE", 0)


def write_lines(path, end: str = "\n") -> None:
    lines = [json.dumps({"text": text, "id": None}) for text in ROWS]
    lines[20] = lines[21] = ""  # blank lines have numbers too
    path.write_text("\n".join(lines) + end)


def documents(path, tasks: int) -> list[list[tuple[str, str]]]:
    return [
        [
            (found.id, found.text)
            for found in DocumentReader([Source(str(path))], True, path.parent / "p").run(
                rank=rank, world_size=tasks
            )
        ]
        for rank in range(tasks)
    ]


@pytest.mark.parametrize("tasks", [1, 2, 3, 16, 64])
@pytest.mark.parametrize("end", ["\n", "", "\n\n"])
def test_lines(tmp_path, tasks, end):
    path = tmp_path / "rows.jsonl"
    write_lines(path, end)
    parts = documents(path, tasks)
    whole = documents(path, 1)[0]
    assert len(whole) == 198 and whole[20] == ("rows.jsonl:23", ROWS[22])
    assert sorted(row for part in parts for row in part) == sorted(whole)
    if tasks < 16:
        assert max(map(len, parts)) < 1.4 * len(whole) / tasks


@pytest.mark.parametrize("tasks", [1, 2, 3, 16, 64])
@pytest.mark.parametrize("group", [7, 64, 1000])
def test_row_groups(tmp_path, tasks, group):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": ROWS}), path, row_group_size=group)
    parts = documents(path, tasks)
    assert sorted(row for part in parts for row in part) == sorted(
        (f"rows.parquet:{n + 1}", text) for n, text in enumerate(ROWS)
    )
    assert tasks > 16 or all(parts)


def test_a_task_reads_its_row_groups_only(tmp_path, monkeypatch):
    path, read = tmp_path / "rows.parquet", []
    pq.write_table(pa.table({"text": ROWS}), path, row_group_size=10)
    original = pq.ParquetFile.iter_batches

    def counted(self, *args, **options):
        read.append(options["row_groups"])
        return original(self, *args, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    documents(path, 4)
    assert sorted(number for (number,) in read) == list(range(20))


def test_a_broken_file_and_one_without_a_text_are_reported_once(tmp_path):
    for name, content in (("broken.parquet", b"PAR1 no more"), ("other.parquet", None)):
        path = tmp_path / name
        if content is None:
            pq.write_table(pa.table({"number": [1, 2]}), path)
        else:
            path.write_bytes(content)
        readers = [DocumentReader([Source(str(path))], False, tmp_path / "p") for _ in range(4)]
        for rank, reader in enumerate(readers):
            assert not list(reader.run(rank=rank, world_size=4))
        assert sum(reader.unreadable_count for reader in readers) == 1


def test_small_and_compressed_files_are_dealt_row_by_row(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    write_lines(path)
    settings = ReadingOptions(), 0, 4
    assert dealing.rows_of_task(SourceFile(path, "rows.jsonl"), read_jsonl, *settings)
    packed = SourceFile(tmp_path / "rows.jsonl.gz", "rows.jsonl.gz")
    assert dealing.rows_of_task(packed, read_jsonl, *settings) is None
    monkeypatch.setattr(dealing, "LARGE", 64_000_000)
    assert dealing.rows_of_task(SourceFile(path, "rows.jsonl"), read_jsonl, *settings) is None


@pytest.mark.parametrize("tasks", [2, 3, 7, 64])
def test_a_task_opens_few_of_several_compressed_files(tmp_path, monkeypatch, tasks):
    folder = tmp_path / "rows"
    folder.mkdir()
    for name, rows in (("a", ROWS), ("b", ROWS[:20]), ("c", ROWS[:90]), ("d", ROWS)):
        lines = "".join(json.dumps({"text": f"{name} {text}"}) + "\n" for text in rows)
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    opened, original = [], SourceFile.open

    def noted(file):
        opened.append(file.path.name)
        return original(file)

    whole = documents(folder, 1)[0]
    monkeypatch.setattr(SourceFile, "open", noted)
    parts = documents(folder, tasks)
    assert sorted(row for part in parts for row in part) == sorted(whole) and len(whole) == 510
    assert len(opened) <= tasks + 3  # each of the three borders may lie inside of a task's part
    if tasks < 8:
        assert max(map(len, parts)) < 1.5 * len(whole) / tasks
