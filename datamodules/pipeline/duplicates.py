"""Exact and near duplicates; a removal records the document that stays and the similarity to it."""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import MinhashConfig
from datatrove.utils.hashing import HashConfig

from datamodules.pipeline.clusters import SHINGLE, DocumentRow, copies, with_texts
from datamodules.pipeline.filtering import kept_files
from datamodules.pipeline.normalization import count_words
from datamodules.pipeline.settings import Settings
from datamodules.pipeline.stage_files import REMOVED, Counts, ParquetRows, read_rows, write_json

BUCKETS = 14  # of 8 hashes: similarity 0.75 is found with probability 0.77, 0.8 with 0.92
# xxhash 4 has lost what datatrove imports of it.
MINHASH = MinhashConfig(
    n_grams=SHINGLE, num_buckets=BUCKETS, hash_config=HashConfig(precision=64, hash_fc="sha1")
)


class DroppedRows:
    """The row numbers of kept files that a stage dropped, one small file per stage."""

    @staticmethod
    def save(path: Path, drops: dict[int, list[int]]) -> None:
        write_json(path, {str(task): sorted(rows) for task, rows in drops.items()})

    @staticmethod
    def load(work: Path) -> dict[int, set[int]]:
        """Load the rows that all stages so far have dropped, by task."""
        found: dict[int, set[int]] = {}
        for path in sorted((work / "drops").glob("*.json")):
            for task, rows in json.loads(path.read_text(encoding="utf-8")).items():
                found.setdefault(int(task), set()).update(rows)
        return found


class ExactDuplicates(PipelineStep):
    """Drops documents whose text, white space aside, came before. One task."""

    name, type = "exact duplicates", "DEDUP"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.work, self.keep = settings.work, settings.exact_duplicates == "keep"

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:
        files = kept_files(self.work)
        digests = [_digests(path) for path in files]
        sizes = [len(found) for found in digests]
        if not sum(sizes):
            raise ValueError(_nothing_left(self.work))
        whole = np.concatenate(digests)
        order = np.lexsort((np.arange(len(whole)), whole["b"], whole["a"]))
        ordered = whole[order]
        again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
        again = again[:0] if self.keep else again
        # Of a run of equals each goes for the first of them.
        first = np.arange(len(order))
        first[again] = 0
        first = np.maximum.accumulate(first)
        starts = np.cumsum([0, *sizes])
        pairs = sorted((int(order[place]), int(order[first[place]])) for place in again)
        drops: dict[int, list[int]] = {}
        for gone, _ in pairs:
            task = int(np.searchsorted(starts, gone, "right")) - 1
            drops.setdefault(task, []).append(gone - int(starts[task]))
        ids = _ids(files, {row for pair in pairs for row in pair})
        counts = Counts("exact duplicates")
        with ParquetRows(self.work / "removed" / "exact.parquet", REMOVED) as removed:
            for (gone, stays), text in zip(pairs, _texts(files, drops), strict=True):
                row = DocumentRow(*ids[gone], text)
                _record(removed, counts, "exact duplicates", row, 1.0, 1.0, ids[stays][0])
        DroppedRows.save(self.work / "drops" / "exact.json", drops)
        counts.save(self.work / "counts" / "exact.json")


def _digests(path: Path) -> np.ndarray:
    import pyarrow.parquet as pq

    column = pq.read_table(path, columns=["digest"])["digest"].to_pylist()
    return np.frombuffer(b"".join(column), dtype=[("a", "<u8"), ("b", "<u8")])


def _ids(files: list[Path], wanted: set[int]) -> dict[int, tuple[str, str]]:
    found, number = {}, 0
    for path in files:
        for row in read_rows(path, ["id", "source"]):
            if number in wanted:
                found[number] = (row["id"], row["source"])
            number += 1
    return found


def _texts(files: list[Path], drops: Mapping[int, Iterable[int]]) -> Iterator[str]:
    for task, path in enumerate(files):
        if wanted := set(drops.get(task, ())):
            for number, row in enumerate(read_rows(path, ["text"])):
                if number in wanted:
                    yield row["text"]


def _record(
    removed: ParquetRows,
    counts: Counts,
    stage: str,
    row: DocumentRow,
    value: float,
    limit: float,
    stays: str,
) -> None:
    rule = stage.removesuffix("s").replace(" ", "_")
    counts.removed[f"{stage}/{rule}"] += 1
    counts.into(stage, (count_words(row.text), len(row.text.encode("utf-8", "surrogatepass"))))
    removed.add(
        id=row.id,
        source=row.source,
        stage=stage,
        rule=rule,
        value=value,
        threshold=limit,
        kept_id=stays,
        excerpt=row.text[:300],
    )


def _nothing_left(work: Path) -> str:
    counts = Counts.sum(sorted((work / "counts").glob("[0-9]*.json")))
    taken = sum(counts.removed.values())
    if not taken:
        unread = f" ({counts.unreadable[0]})" if counts.unreadable else ""
        return f"--source: no document was found in it{unread}"
    rule, count = counts.removed.most_common(1)[0]
    return (
        f"no document is left: {rule} took {count:,} of {taken:,}; removed documents and reasons "
        f"are in {work / 'removed'}"
    )


class KeptDocuments(PipelineStep):
    """Reads the task's kept documents without those that were dropped since."""

    name, type = "survivors", "READER"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.work = settings.work

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        dropped = DroppedRows.load(self.work).get(rank, set())
        for number, row in enumerate(read_rows(kept_files(self.work)[rank], ["id", "text"])):
            if number not in dropped:
                yield Document(row["text"], row["id"])


class NearDuplicates(PipelineStep):
    """Keeps the longest document of each MinHash cluster, and drops its near duplicates. One task.

    A cluster joins documents that share a bucket, or share one with a third: a chain whose ends may
    differ. So each is compared with those that stay, by the true Jaccard similarity of their
    shingles, and the removal carries that figure.
    """

    name, type = "near duplicates", "DEDUP"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.work, self.least = settings.work, settings.near_duplicates

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:
        counts = Counts("near duplicates")
        earlier = self.work / "drops" / "exact.json"
        (self.work / "drops" / "near.json").unlink(missing_ok=True)  # of a run that was stopped
        dropped = DroppedRows.load(self.work) if earlier.exists() else {}
        clusters = self._clusters(dropped)
        drops: dict[int, list[int]] = {}
        with ParquetRows(self.work / "removed" / "near.parquet", REMOVED) as removed:
            scratch = self.work / "minhash" / "members"
            for members in with_texts(kept_files(self.work), clusters, scratch):
                for copy in copies(members, self.least):
                    drops.setdefault(copy.place[0], []).append(copy.place[1])
                    figures = copy.similarity, self.least, copy.kept_id
                    _record(removed, counts, "near duplicates", copy.document, *figures)
        DroppedRows.save(self.work / "drops" / "near.json", drops)
        counts.save(self.work / "counts" / "near.json")

    def _clusters(self, dropped: dict[int, set[int]]) -> list[list[tuple[int, int]]]:
        """The clusters of MinHash as lists of (task, row of the kept file)."""
        found: dict[int, list[tuple[int, int]]] = {}
        for path in sorted((self.work / "minhash" / "clusters").glob("*.clusters")):
            task, data = int(path.name.split(".")[0]), path.read_bytes()
            pairs = dict(struct.iter_unpack("<2I", data))
            gone, seen = dropped.get(task, set()), 0
            for number in range(max(pairs, default=-1) + len(gone) + 1):
                if number in gone:
                    continue
                if seen in pairs:
                    found.setdefault(pairs[seen], []).append((task, number))
                seen += 1
        return [sorted(members) for _, members in sorted(found.items())]
