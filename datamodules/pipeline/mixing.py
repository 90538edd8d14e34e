"""Mixes the sources of a corpus by their weights."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from datatrove.pipeline.base import PipelineStep

from datamodules.pipeline.duplicates import DroppedRows
from datamodules.pipeline.filtering import kept_files, remaining_rows
from datamodules.pipeline.settings import Settings
from datamodules.pipeline.stage_files import REMOVED, Counts, ParquetRows, read_rows


class Weights(PipelineStep):
    """Drops documents until each source has its share of the words. One task.

    No document is repeated: the source that has the fewest words for its weight stays whole, and of
    each other one documents are drawn, in an order by the seed, up to its share.
    """

    name, type = "weights", "SAMPLER"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings, self.work = settings, settings.work

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:
        (self.work / "drops" / "weights.json").unlink(missing_ok=True)  # of a run that was stopped
        dropped = DroppedRows.load(self.work)
        files = kept_files(self.work)
        columns = [
            _columns(path, dropped.get(task, set()), self.settings.seed)
            for task, path in enumerate(files)
        ]
        sources, words, draws = map(np.concatenate, zip(*columns, strict=True))
        weights = np.array([source.weight for source in self.settings.sources])
        have = np.bincount(sources[sources >= 0], words[sources >= 0], len(weights))
        self._check(have)
        wanted = weights * (have / weights).min()
        gone = _beyond(sources, words, draws, wanted)
        drops: dict[int, list[int]] = {}
        place = 0
        for task, path in enumerate(files):
            count = pq.read_metadata(path).num_rows
            drops[task] = np.flatnonzero(gone[place : place + count]).tolist()
            place += count
        self._write(drops, dropped)

    def _check(self, have: np.ndarray) -> None:
        for source, words in zip(self.settings.sources, have, strict=True):
            if not words:
                raise ValueError(
                    f"--weights {self.settings.weights}: no document of {source.name} is left; "
                    f"the reasons are in {self.work / 'removed'}"
                )

    def _write(self, drops: dict[int, list[int]], dropped: dict[int, set[int]]) -> None:
        counts = Counts("weights")
        with ParquetRows(self.work / "removed" / "weights.parquet", REMOVED) as removed:
            for task, path in enumerate(kept_files(self.work)):
                leave = set(drops[task])
                rows = read_rows(path, ["id", "source", "source_number", "words", "text"])
                for number, row in remaining_rows(rows, dropped.get(task, set())):
                    size = row["words"], len(row["text"].encode("utf-8", "surrogatepass"))
                    counts.into("weights", size)
                    if number not in leave:
                        counts.out_of("weights", size)
                        continue
                    counts.removed["weights/not_drawn"] += 1
                    share = self.settings.sources[row["source_number"]].weight
                    removed.add(
                        id=row["id"],
                        source=row["source"],
                        stage="weights",
                        rule="not_drawn",
                        threshold=share,
                        excerpt=row["text"][:300],
                    )
        DroppedRows.save(self.work / "drops" / "weights.json", drops)
        counts.save(self.work / "counts" / "weights.json")


def _columns(path: Path, dropped: set[int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The source (-1 for a dropped row), the words and the draw of each row of a file."""
    table = pq.read_table(path, columns=["source_number", "words", "digest"])
    sources = table["source_number"].to_numpy().astype(np.int64)
    sources[sorted(dropped)] = -1
    key = str(seed).encode()
    drawn = (
        hashlib.blake2b(digest, digest_size=8, key=key).digest()
        for digest in table["digest"].to_pylist()
    )
    draws = np.frombuffer(b"".join(drawn), dtype="<u8")
    return sources, table["words"].to_numpy().astype(np.int64), draws


def _beyond(
    sources: np.ndarray, words: np.ndarray, draws: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """Which documents go: those that come after a source has the words that are wanted of it."""
    gone = np.zeros(len(sources), dtype=bool)
    for source, limit in enumerate(wanted):
        mine = np.flatnonzero(sources == source)
        mine = mine[np.argsort(draws[mine], kind="stable")]
        before = np.cumsum(words[mine]) - words[mine]
        # To the nearest document; one at least.
        gone[mine[(before > 0) & (before + words[mine] / 2 > limit)]] = True
    return gone
