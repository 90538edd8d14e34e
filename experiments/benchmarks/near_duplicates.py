"""How fast are near duplicates found, and how many? The corpus pipeline against two libraries.

    pip install -e ".[bench]"
    python -m experiments.benchmarks.near_duplicates
    python -m experiments.benchmarks.near_duplicates --copies 4000

Film reviews and changed copies of some, as in deduplication_recall. All use shingles of five words
and 14 bands of 8 hashes, in one process. Only the pipeline compares the true similarity of what its
bands find, and only it works through files, so that a corpus need not fit in memory.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from datamodules.optional import require
from experiments.benchmarks.harness import Column, Measured, run_contest

BANDS, HASHES = 14, 8
THRESHOLD = 0.7
Cases = tuple[list[dict[str, str]], dict[str, str]]


def cases(copies: int) -> Cases:
    """Documents and the kind of each planted one, without exact copies, which need no MinHash."""
    from experiments.benchmarks import deduplication_recall

    rows, planted = deduplication_recall.cases(0, copies)
    exact = {name for name, kind in planted.items() if kind in ("exact", "other white space")}
    planted = {name: kind for name, kind in planted.items() if name not in exact}
    return [row for row in rows if row["id"] not in exact], planted


def shingles(text: str) -> list[str]:
    from datamodules.pipeline.clusters import SHINGLE
    from datamodules.pipeline.normalization import normalized_words

    words = normalized_words(text)
    return sorted({" ".join(words[n : n + SHINGLE]) for n in range(len(words) - SHINGLE + 1)})


def measured(pairs: Iterable[tuple[str, str]], found: Cases, began: float, wall: float) -> Measured:
    """Time, and how many of the copies were found.

    Args:
        pairs: Of each removed document its id and that of the one that stays.
        found: The documents and the planted ones.
        began: Processor time at the start, in seconds.
        wall: Time at the start, in seconds.
    """
    from experiments.benchmarks.deduplication_recall import COPIES

    took, passed = time.process_time() - began, time.perf_counter() - wall
    rows, planted = found
    taken: Counter[str] = Counter()
    for pair in pairs:
        copy = [name for name in pair if name in planted]
        same = len({name.partition("-")[2] for name in pair}) == 1 and len(copy) == 1
        taken[planted[copy[0]] if same else "other"] += 1
    right = sum(taken[kind] for kind in COPIES)
    return {
        "processor": took,
        "each": len(rows) / passed,
        "precision": right / max(1, taken.total()),
        "recall": right / sum(kind in COPIES for kind in planted.values()),
    }


def pipeline(asked: argparse.Namespace) -> Measured:
    from datamodules.pipeline import execution
    from datamodules.pipeline.stage_files import read_rows
    from experiments.benchmarks.deduplication_recall import settings_of

    found = cases(asked.copies)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in found[0]), encoding="utf-8")
        settings = settings_of(source, workers=1)
        execution.claim_folder(settings, "near duplicates")
        plan = execution.stages(settings, {})
        names = [stage.name for stage in plan]
        first, last = names.index("signatures"), names.index("near duplicates")
        execution.run(settings, plan[:first])
        began, wall = time.process_time(), time.perf_counter()
        execution.run(settings, plan[first : last + 1])
        removed = read_rows(settings.work / "removed" / "near.parquet")
        pairs = [(row["id"], row["kept_id"]) for row in removed]
        return measured(pairs, found, began, wall)


def _one_by_one(ids: list[str], hashes: Iterable[Any], index: Any) -> Iterator[tuple[str, str]]:
    """Removes a document that resembles one before it; the others enter the index."""
    for number, (name, own) in enumerate(zip(ids, hashes, strict=True)):
        if alike := index.query(own):
            yield name, ids[min(alike)]
        else:
            index.insert(number, own)


def datasketch(asked: argparse.Namespace) -> Measured:
    library = require("datasketch", "bench", "is a contestant")
    found = cases(asked.copies)
    began, wall = time.process_time(), time.perf_counter()
    texts = ([one.encode() for one in shingles(row["text"])] for row in found[0])
    size = BANDS * HASHES
    index = library.MinHashLSH(threshold=THRESHOLD, num_perm=size, params=(BANDS, HASHES))
    hashes = library.MinHash.generator(texts, num_perm=size)
    pairs = list(_one_by_one([row["id"] for row in found[0]], hashes, index))
    return measured(pairs, found, began, wall)


def rensa(asked: argparse.Namespace) -> Measured:
    library = require("rensa", "bench", "is a contestant")
    found = cases(asked.copies)
    began, wall = time.process_time(), time.perf_counter()
    texts = [shingles(row["text"]) for row in found[0]]
    hashes = library.RMinHash.from_token_sets(texts, BANDS * HASHES, 42)
    index = library.RMinHashLSH(THRESHOLD, BANDS * HASHES, BANDS)
    pairs = list(_one_by_one([row["id"] for row in found[0]], hashes, index))
    return measured(pairs, found, began, wall)


CONTESTANTS = {"corpus pipeline": pipeline, "datasketch": datasketch, "rensa": rensa}
COLUMNS = [
    Column("processor", "processor, s", better="less"),
    Column("each", "documents/s", "{:,.0f}", "more"),
    Column("precision", "precision", "{:.3f}"),
    Column("recall", "recall", "{:.3f}"),
    Column("memory", "peak memory, GiB", "{:.2f}"),
]


def flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--copies", type=int, default=2000, help="Planted documents (2000)")


if __name__ == "__main__":
    run_contest("near_duplicates", "Near duplicates", __doc__, CONTESTANTS, COLUMNS, flags)
