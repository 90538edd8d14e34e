"""Clusters of near duplicates: their documents, and which of them are copies of others."""

import contextlib
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from datamodules.pipeline.normalization import ngram_hashes, normalized_words
from datamodules.pipeline.stage_files import ParquetRows, read_rows

SHINGLE = 5
Place = tuple[int, int]  # a task, and the row of its kept file
_PART = 2000  # clusters that are in memory at a time
_PARTS = 100  # open files at most
_MEMBER = pa.schema(
    {
        "cluster": pa.int64(),
        "task": pa.int64(),
        "row": pa.int64(),
        "id": pa.string(),
        "source": pa.string(),
        "text": pa.large_string(),
    }
)


@dataclass(frozen=True)
class DocumentRow:
    """A document as the comparison and the record of removals need it."""

    id: str
    source: str
    text: str


@dataclass(frozen=True)
class Copy:
    """A near duplicate: its place, the document, its similarity to the one that stays, whose id."""

    place: Place
    document: DocumentRow
    similarity: float
    kept_id: str


def with_texts(
    files: Sequence[Path], clusters: list[list[Place]], scratch: Path
) -> Iterator[list[tuple[Place, DocumentRow]]]:
    """Read the documents of clusters in their order. Each file is read once.

    Of many clusters, the documents are sorted into parts that fit in memory.

    Args:
        files: The kept files by task.
        clusters: The places of the documents of each cluster.
        scratch: A folder for the parts, which is removed in the end.
    """
    parts = min(_PARTS, -(-len(clusters) // _PART))
    cluster_of = {place: number for number, places in enumerate(clusters) for place in places}
    if parts < 2:
        yield from _grouped(_members(files, cluster_of), clusters)
        return
    starts = [len(clusters) * part // parts for part in range(parts + 1)]
    part_of = np.repeat(np.arange(parts), np.diff(starts))
    shutil.rmtree(scratch, ignore_errors=True)  # of a run that was stopped
    try:
        paths = [scratch / f"{part:05d}.parquet" for part in range(parts)]
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(ParquetRows(path, _MEMBER)) for path in paths]
            for member in _members(files, cluster_of):
                writers[part_of[member["cluster"]]].add(**member)
        for path, start, stop in zip(paths, starts, starts[1:], strict=False):
            yield from _grouped(read_rows(path), clusters[start:stop])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _members(files: Sequence[Path], cluster_of: dict[Place, int]) -> Iterator[dict]:
    for task in sorted({task for task, _ in cluster_of}):
        for number, row in enumerate(read_rows(files[task], ["id", "source", "text"])):
            if (cluster := cluster_of.get((task, number))) is not None:
                yield {"cluster": cluster, "task": task, "row": number, **row}


def _grouped(
    members: Iterator[dict], clusters: list[list[Place]]
) -> Iterator[list[tuple[Place, DocumentRow]]]:
    rows = {
        (member["task"], member["row"]): DocumentRow(member["id"], member["source"], member["text"])
        for member in members
    }
    yield from ([(place, rows[place]) for place in places] for places in clusters)


def copies(members: list[tuple[Place, DocumentRow]], least: float) -> Iterator[Copy]:
    """Find the near duplicates of a cluster, in descending length of the text.

    The longest document stays. Each of the others is a copy of the most similar one that stays, if
    their Jaccard similarity is ``least`` or more; otherwise it stays, too.

    Sets that are so similar share one of the rarest of their shingles (Bayardo et al. 2007): only
    documents that do are compared, so that a cluster of many different ones takes no time by pair.
    """
    members = sorted(members, key=lambda member: (-len(member[1].text), member[0]))
    sets = [np.unique(ngram_hashes(normalized_words(row.text), SHINGLE)) for _, row in members]
    counts = Counter(hash for found in sets for hash in found.tolist()) if len(sets) > 2 else {}
    stay: dict[int, list[int]] = {}  # members that stay, by each of their rarest shingles
    others: list[int] = []
    for number, (place, row) in enumerate(members):
        ranked = sorted(sets[number].tolist(), key=lambda hash: (counts.get(hash, 0), hash))
        # A hair more than the theorem asks for, since products of floats are rounded.
        rarest = ranked[: len(ranked) - math.ceil(least * len(ranked) - 1e-6) + 1]
        near = {other for hash in rarest for other in stay.get(hash, ())}
        near = near if least > 0 and len(sets) > 2 else set(others)
        alike = [(jaccard(sets[number], sets[other]), members[other][1].id) for other in near]
        value, nearest = max(alike, default=(0.0, ""))
        if others and value >= least:
            yield Copy(place, row, value, nearest)
            continue
        others.append(number)
        for hash in rarest:
            stay.setdefault(hash, []).append(number)


def jaccard(one: np.ndarray, two: np.ndarray) -> float:
    """The Jaccard similarity of two sorted sets of hashes."""
    common = len(np.intersect1d(one, two, assume_unique=True))
    return common / max(1, len(one) + len(two) - common)
