"""The files between stages: documents and removals in Parquet, counts in JSON."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from datamodules.whole_files import write_text

DOCUMENT = pa.schema(
    {
        "id": pa.string(),
        "source": pa.string(),
        "source_number": pa.int16(),  # of the sources of the corpus, from 0
        "licence": pa.string(),
        "language": pa.string(),
        "quality": pa.float32(),
        "words": pa.int64(),
        "digest": pa.binary(16),
        "sentence_ends": pa.list_(pa.int64()),  # in characters of the text
        "split": pa.string(),
        "text": pa.large_string(),
    }
)
REMOVED = pa.schema(
    {
        "id": pa.string(),
        "source": pa.string(),
        "stage": pa.string(),
        "rule": pa.string(),
        "value": pa.float64(),
        "threshold": pa.float64(),
        "detail": pa.string(),
        "kept_id": pa.string(),  # of a duplicate: the one that stayed
        "excerpt": pa.string(),
    }
)
_CHARACTERS = 4_000_000  # of text held back before it is written


class ParquetRows:
    """Writes a Parquet file row by row; it has its name only when it is whole."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.schema = path, schema
        self.scratch = path.with_name(f".{path.name}.{os.getpid()}")
        self.writer = pq.ParquetWriter(self.scratch, schema, compression="zstd")
        self.rows: list[dict[str, Any]] = []
        self.size = 0

    def add(self, **row: Any) -> None:
        """Add a row; columns that are not given are null."""
        self.rows.append(row)
        self.size += 200 + len(row.get("text") or "")
        if self.size > _CHARACTERS:
            self._write()

    def _write(self) -> None:
        columns = {name: [row.get(name) for row in self.rows] for name in self.schema.names}
        self.writer.write_table(pa.table(columns, schema=self.schema))
        self.rows, self.size = [], 0

    def __enter__(self) -> "ParquetRows":
        return self

    def __exit__(self, kind: type | None, *rest: Any) -> None:
        try:
            if kind is None:
                self._write()
            self.writer.close()
            if kind is None:
                os.replace(self.scratch, self.path)
        finally:
            self.scratch.unlink(missing_ok=True)


def read_rows(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Read the rows of a Parquet file, with a few megabytes of it in memory."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=256, columns=columns):
            yield from batch.to_pylist()


def write_json(path: Path, content: Any) -> None:
    """Write a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_text(path, text + "\n", shared=True)


def stage_seconds(work: Path) -> dict[str, float]:
    """Read the seconds of each stage that has ended, by its name; none on Slurm."""
    path = work / "seconds.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def add_seconds(work: Path, stage: str, seconds: float) -> None:
    """Add to the seconds of a stage; one that is continued has those of all calls."""
    found = stage_seconds(work)
    write_json(work / "seconds.json", found | {stage: round(found.get(stage, 0) + seconds, 1)})


class Counts:
    """Counts of documents, words and bytes into and out of each stage, of removals and of edits."""

    def __init__(self, *stages: str) -> None:
        self.stages: dict[str, Counter[str]] = {stage: Counter() for stage in stages}
        self.removed: Counter[str] = Counter()
        self.edits: Counter[str] = Counter()
        self.unreadable: list[str] = []
        self.unreadable_count = 0
        self.left_out: Counter[str] = Counter()  # rows that are no documents, by the reason
        self.notes: dict[str, list[str]] = {}  # the first files by what was found in them
        self.shortened: dict[str, dict[str, Any]] = {}  # by stage
        self.inputs = 0  # sum of the digests of all that was read, whatever its order
        self.seconds: defaultdict[str, float] = defaultdict(float)  # of the processor, by part

    def into(self, stage: str, size: tuple[int, int]) -> None:
        """Count a document of so many words and bytes that enters a stage."""
        self._add(stage, "in", size)

    def out_of(self, stage: str, size: tuple[int, int]) -> None:
        """Count a document of so many words and bytes that leaves a stage."""
        self._add(stage, "out", size)

    def shortened_by(self, stage: str, document: str, before: int, after: int) -> None:
        """Count a document that a stage kept with less than half of its words."""
        found = self.shortened.setdefault(stage, {"documents": 0, "words": 0, "first": []})
        found["documents"] += 1
        found["words"] += before - after
        if len(found["first"]) < 20:
            found["first"].append({"id": document, "words_in": before, "words_out": after})

    def _add(self, stage: str, side: str, size: tuple[int, int]) -> None:
        counter = self.stages.setdefault(stage, Counter())
        for name, amount in zip(("documents", "words", "bytes"), (1, *size), strict=True):
            counter[f"{name}_{side}"] += amount

    def save(self, path: Path) -> None:
        """Write all counts as JSON."""
        write_json(path, {**vars(self), "inputs": f"{self.inputs % 2**128:032x}"})

    @classmethod
    def sum(cls, paths: list[Path]) -> "Counts":
        """Sum the counts of all tasks, the stages in the order in which documents met them."""
        total = cls()
        for path in paths:
            part = json.loads(path.read_text(encoding="utf-8"))
            for stage, counter in part["stages"].items():
                total.stages.setdefault(stage, Counter()).update(counter)
            total.removed.update(part["removed"])
            total.edits.update(part["edits"])
            total.unreadable += part["unreadable"]
            total.unreadable_count += part["unreadable_count"]
            total.left_out.update(part["left_out"])
            for name, spent in part.get("seconds", {}).items():
                total.seconds[name] += spent
            for note, files in part["notes"].items():
                total.notes[note] = list(dict.fromkeys([*total.notes.get(note, ()), *files]))
            for stage, found in part["shortened"].items():
                there = total.shortened.setdefault(stage, {"documents": 0, "words": 0, "first": []})
                there["documents"] += found["documents"]
                there["words"] += found["words"]
                there["first"] = [*there["first"], *found["first"]][:20]
            total.inputs = (total.inputs + int(part["inputs"], 16)) % 2**128
        return total
