"""Does what grows with the data stay small, and does twice as much take twice as long?

    python -m experiments.benchmarks.growth

The memory by token of a corpus with its sentence ends and its order of rows, from opening it to the
first batch; the time of a swap by word, of finding copies by document of a cluster, and of reading
by row that 64 tasks share.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from experiments.benchmarks.harness import Column, Measured, run_contest

SENTENCE, DOCUMENT = 20, 400  # tokens


def written_corpus(folder: Path, tokens: int) -> None:
    """A corpus of zeros (a sparse file) in four shards, with all its document and sentence ends."""
    counts = {}
    for split, shards, size in (("train", 4, tokens // 4), ("validation", 1, DOCUMENT)):
        (folder / split).mkdir(parents=True)
        for shard in range(shards):
            path = folder / split / f"{shard:05d}.ds"
            with open(path, "wb") as file:
                file.truncate(2 * size)
            for ending, step in ((".index", DOCUMENT), (".sentences", SENTENCE)):
                np.arange(step, size + 1, step, dtype="<u8").tofile(f"{path}{ending}")
        total = shards * size
        numbers = {"tokens": total, "shards": shards, "bytes": 4 * total}
        counts[split] = numbers | {
            "documents": total // DOCUMENT,
            "sentences": total // SENTENCE,
        }
    tokenizer = {"vocabulary": 10, "padding": 0, "name": "none"}
    manifest = {"format": 1, "fingerprint": "none", "token_bytes": 2, "splits": counts}
    (folder / "manifest.json").write_text(
        json.dumps(manifest | {"tokenizer": tokenizer}), encoding="utf-8"
    )


def memory(tokens: int, kind: str) -> Callable[[argparse.Namespace], Measured]:
    def measure(asked: argparse.Namespace) -> Measured:
        from datamodules import Corpus

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            written_corpus(folder, 4 * DOCUMENT)
            process = psutil.Process()
            for place, size in (("small", 40 * DOCUMENT), ("large", tokens)):
                written_corpus(folder / place, size)
                before, began = process.memory_full_info().uss, time.perf_counter()
                data = Corpus(str(folder / place), rows=kind, batch_size=32)
                data.setup("fit")
                batches = iter(data.train_dataloader())
                next(batches)
                seconds = time.perf_counter() - began
                used = process.memory_full_info().uss - before
            return {"items": tokens, "each": 1e6 * seconds / tokens, "held": used / tokens}

    return measure


def swaps(words: int) -> Callable[[argparse.Namespace], Measured]:
    def measure(asked: argparse.Namespace) -> Measured:
        from datamodules.augmentation.methods import Swap

        draw = random.Random(0)
        text = " ".join(f"w{draw.randrange(1000)}" for _ in range(words))
        return timed(words, lambda: Swap()(text, draw))

    return measure


def cluster(documents: int) -> Callable[[argparse.Namespace], Measured]:
    def measure(asked: argparse.Namespace) -> Measured:
        from datamodules.pipeline.clusters import DocumentRow, copies

        draw = random.Random(0)
        members = [
            ((0, number), DocumentRow(str(number), "", " ".join(draw.choices(WORDS, k=60))))
            for number in range(documents)
        ]
        return timed(documents, lambda: list(copies(members, 0.7)))

    return measure


def reading(ending: str, tasks: int) -> Callable[[argparse.Namespace], Measured]:
    """The time of all tasks together, by eight of them if there are more."""

    def measure(asked: argparse.Namespace) -> Measured:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from datamodules.pipeline.locating import Source
        from datamodules.pipeline.reading import DocumentReader

        rows = [f"document {number} " + "a few words " * 40 for number in range(200_000)]
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / f"rows{ending}"
            if ending == ".parquet":
                table = pa.table({"text": rows})
                options: dict = {"compression": "none", "use_dictionary": False}
                pq.write_table(table, path, row_group_size=2_000, **options)
            else:
                path.write_text(
                    "".join(json.dumps({"text": row}) + "\n" for row in rows), encoding="utf-8"
                )
            reader = DocumentReader([Source(str(path))], True, Path(name) / "progress")
            ranks = range(0, tasks, max(1, tasks // 8))

            def read() -> None:
                for rank in ranks:
                    for _ in reader.run(rank=rank, world_size=tasks):
                        pass

            return timed(len(rows) * len(ranks) // tasks, read) | {"items": len(rows)}

    return measure


WORDS = [f"w{number}" for number in range(2000)]


def timed(items: int, work: Callable[[], object]) -> Measured:
    began = time.perf_counter()
    work()
    return {"items": items, "each": 1e6 * (time.perf_counter() - began) / items}


CONTESTANTS = {
    **{
        f"rows of {kind} kind, {tokens // 10**6} M tokens": memory(tokens, kind)
        for kind in ("dense", "document")
        for tokens in (10**8, 4 * 10**8)
    },
    **{f"a swap of {words:,} words": swaps(words) for words in (2_000, 20_000)},
    **{f"copies among {count:,} documents": cluster(count) for count in (500, 4_000)},
    **{
        f"{ending[1:]} read by {tasks} tasks": reading(ending, tasks)
        for ending in (".jsonl", ".parquet")
        for tasks in (1, 64)
    },
}

if __name__ == "__main__":
    columns = [Column("items", "tokens, words, documents or rows", "{:,.0f}")]
    columns += [Column("each", "µs each", "{:.3g}"), Column("held", "bytes a token", "{:.2f}")]
    run_contest("growth", "Growth of single parts", __doc__, CONTESTANTS, columns, rounds=1)
