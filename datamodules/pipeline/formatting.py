"""Writes documents as token shards with document and sentence ends, and the corpus's manifest."""

import importlib.metadata
import json
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.batching import batched

from datamodules.augmentation import augmented_copies
from datamodules.packaged import pad_id
from datamodules.pipeline.duplicates import DroppedRows
from datamodules.pipeline.filtering import kept_files, remaining_rows
from datamodules.pipeline.pages import CODE, Page
from datamodules.pipeline.settings import Settings
from datamodules.pipeline.stage_files import (
    DOCUMENT,
    REMOVED,
    Counts,
    ParquetRows,
    read_rows,
    stage_seconds,
    write_json,
)
from datamodules.pipeline.tokenizing import end_of_document
from datamodules.shards import FORMAT, SPLITS, ShardWriter, fingerprint, token_bytes

COUNTS = ("documents", "tokens", "sentences", "bytes")  # of each split
_PACKAGES = ("datatrove", "tokenizers", "transformers", "spacy", "ftfy", "resiliparse")


def digest_split(digest: bytes, share: float) -> str:
    """The split of a document by the hash of its text, so that copies share a split."""
    return SPLITS[int.from_bytes(digest[:8], "little") < share * 2**64]


class Formatting(PipelineStep):
    """Writes the task's part of ``documents/``, ``train/`` and ``validation/``."""

    name, type = "format", "TOKENIZER"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:
        from transformers import AutoTokenizer

        settings, folder = self.settings, self.settings.folder
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
        self._encode = tokenizer.backend_tokenizer
        self._encode.no_truncation()
        self._encode.no_padding()
        self._end = end_of_document(tokenizer)
        name, size = f"{rank:05d}", vocabulary_size(tokenizer)
        counts = {split: dict.fromkeys(COUNTS, 0) for split in SPLITS}
        shards = {split: ShardWriter(folder / split / f"{name}.ds", size) for split in SPLITS}
        dropped = DroppedRows.load(settings.work).get(rank, set())
        rows = (
            row for _, row in remaining_rows(read_rows(kept_files(settings.work)[rank]), dropped)
        )
        with (
            ParquetRows(folder / "documents" / f"{name}.parquet", DOCUMENT) as documents,
            shards["train"],
            shards["validation"],
        ):
            for part in batched(self._augmented(rows), 256):
                for row, (ids, ends) in zip(part, self._tokenised(part), strict=True):
                    shards[row["split"]].add(ids, ends)
                    documents.add(**row)
                    count = counts[row["split"]]
                    size = len(row["text"].encode("utf-8", "surrogatepass"))
                    for key, n in zip(COUNTS, (1, len(ids), len(ends), size), strict=True):
                        count[key] += n
        write_json(settings.work / "formatted" / f"{name}.json", counts)

    def _augmented(self, rows: Iterable[dict]) -> Iterator[dict]:
        """Add the split to each row, and changed copies of training rows by augmentation."""
        methods = self.settings.listed("augment")
        for part in batched(rows, 256):
            for row in part:
                row["split"] = digest_split(row["digest"], self.settings.validation)
            yield from part
            trained = [
                row
                for row in part
                if methods and row["split"] == "train" and row["language"] != CODE
            ]
            texts = [row["text"] for row in trained]
            for text, place in augmented_copies(texts, None, methods, 1, self.settings.seed):
                row = trained[place]
                page = Page.of(text, row["language"])
                changed = {
                    "id": f"{row['id']}#{'+'.join(methods)}",
                    "text": "\n".join(line.text for line in page.lines),
                    "sentence_ends": page.sentence_ends(),
                }
                yield row | changed

    def _tokenised(self, rows: Iterable[dict]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Tokenise rows: ids with the end-of-document token, and sentence ends in tokens."""
        encodings = self._encode.encode_batch([row["text"] for row in rows], False)
        for row, encoding in zip(rows, encodings, strict=True):
            ids = np.array([*encoding.ids, self._end])
            starts = np.array([start for start, _ in encoding.offsets], dtype=np.int64)
            ends = np.searchsorted(starts, row["sentence_ends"][:-1], "left")
            ends = np.unique(np.append(ends[(ends > 0) & (ends < len(starts))], len(ids)))
            yield ids, ends


def vocabulary_size(tokenizer: Any) -> int:
    """The number of entries of a tokenizer: one more than its largest id."""
    return max(tokenizer.get_vocab().values()) + 1


class Manifest(PipelineStep):
    """Puts the parts together: ``removed.parquet`` and, last of all, ``manifest.json``. One task.

    Args:
        settings: The settings of the corpus.
        facts: More entries for the manifest, such as the commit.
    """

    name, type = "manifest", "WRITER"

    def __init__(self, settings: Settings, facts: dict[str, Any]) -> None:
        super().__init__()
        self.settings, self.facts = settings, facts

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:
        from transformers import AutoTokenizer

        folder, work = self.settings.folder, self.settings.work
        parts = [
            json.loads(p.read_text(encoding="utf-8"))
            for p in sorted((work / "formatted").glob("*.json"))
        ]
        splits = {
            split: {key: sum(part[split][key] for part in parts) for key in parts[0][split]}
            | {"shards": len(parts)}
            for split in SPLITS
        }
        if not splits["train"]["tokens"]:
            raise ValueError(
                f"--validation {self.settings.validation}: no document is left for training"
            )
        counts = Counts.sum(sorted((work / "counts").glob("*.json")))
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
        size = vocabulary_size(tokenizer)
        with ParquetRows(folder / "removed.parquet", REMOVED) as removed:
            for path in sorted((work / "removed").glob("*.parquet")):
                with pq.ParquetFile(path) as file:
                    for batch in file.iter_batches():
                        removed.writer.write_batch(batch)
        write_json(
            folder / "manifest.json",
            {
                "format": FORMAT,
                "fingerprint": fingerprint(folder),
                "inputs": f"{counts.inputs:032x}",
                **self.facts,
                "splits": splits,
                "token_bytes": token_bytes(size),
                "tokenizer": {
                    "name": self.settings.tokenizer,
                    "vocabulary": size,
                    "end_of_document": end_of_document(tokenizer),
                    "padding": pad_id(tokenizer),
                },
                "funnel": funnel(counts),
                "removed": dict(counts.removed.most_common()),
                "edits": dict(counts.edits.most_common()),
                "shortened": counts.shortened,
                "sources": sources(self.settings),
                "notes": counts.notes,
                "left_out": dict(counts.left_out.most_common()),
                "unreadable": {"count": counts.unreadable_count, "first": counts.unreadable[:20]},
                "seconds": {
                    "stages": stage_seconds(work),
                    "screen": {part: round(n, 1) for part, n in counts.seconds.items()},
                },
                "settings": self.settings.content_settings(),
                "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
            },
        )


def sources(settings: Settings) -> list[dict[str, Any]]:
    """The documents and the words of each source in the corpus, and its share of the words."""
    found: list[dict[str, Any]] = [
        {"source": source.name, "kind": source.options.kind, "weight": source.weight}
        | {"documents": 0, "words": 0}
        for source in settings.sources
    ]
    for path in sorted((settings.folder / "documents").glob("*.parquet")):
        for row in read_rows(path, ["source_number", "words"]):
            found[row["source_number"]]["documents"] += 1
            found[row["source_number"]]["words"] += row["words"]
    total = sum(one["words"] for one in found)
    return [one | {"share": one["words"] / max(1, total)} for one in found]


def funnel(counts: Counts) -> list[dict[str, Any]]:
    """The numbers of documents, words and bytes into and out of each stage, in order."""
    rows: list[dict[str, Any]] = []
    for stage, counter in counts.stages.items():
        row: dict[str, Any] = {"stage": stage}
        for unit in ("documents", "words", "bytes"):
            into, out = counter[f"{unit}_in"], counter[f"{unit}_out"]
            if stage in ("exact duplicates", "near duplicates"):  # these count what they remove
                before = rows[-1][f"{unit}_out"]
                into, out = before, before - into
            row |= {f"{unit}_in": into, f"{unit}_out": out}
        rows.append(row)
    return rows


def clear(settings: Settings) -> None:
    """Remove the files between stages, which are no longer needed."""
    shutil.rmtree(settings.work, ignore_errors=True)
