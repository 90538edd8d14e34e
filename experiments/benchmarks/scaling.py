"""Does ten times the data take ten times as long, in the same memory?

    python -m experiments.benchmarks.scaling

Fine-tunes on 680 and on 6,800 sentences, pre-trains on 2,000 and on 20,000 reviews, and makes
corpora of the 24,904 bundled reviews and of ten times as many, all by the commands that users run.
The memory of the pipeline is that of all its processes together; shared pages count once.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from experiments.benchmarks.harness import Column, Measured, run_contest
from experiments.benchmarks.timing import EXPERIMENTS, SCRIPT, result_of

PRETRAIN, PREPARE = EXPERIMENTS / "pretrain.py", EXPERIMENTS / "tools" / "prepare_corpus.py"


def measured(said: dict) -> Measured:
    return {
        "tokens": said["tokens"],
        "training": said["training_seconds"],
        "each": 1e6 * said["training_seconds"] / said["tokens"],
        "memory": said["peak_memory_bytes"] / 2**30,
    }


def finetuned(rows: int) -> Measured:
    flags = f"--data.source bundled --data.train_rows {rows} --trainer.max_epochs 1".split()
    return measured(result_of(SCRIPT, *flags))


def written(file: Path, texts: Iterable[str]) -> Path:
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return file


def texts_of_reviews() -> list[str]:
    from datamodules.classification import bundled_reviews

    return [text for split in bundled_reviews("imdb").splits.values() for text in split.texts]


def prepare(source: Path, out: Path, *flags: str) -> psutil.Popen:
    words = ["--source", source, "--output", out, "--tracking.mode", "disabled", *flags]
    command = [sys.executable, str(PREPARE), *map(str, words)]
    return psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def pretrained(documents: int) -> Measured:
    with tempfile.TemporaryDirectory() as name:
        source = written(Path(name) / "reviews.jsonl", texts_of_reviews()[:documents])
        flags = "--rules none --decontaminate none --vocabulary 8000".split()
        assert prepare(source, Path(name) / "corpus", *flags).wait() == 0
        flags = f"--data.path {name}/corpus --model.size tiny --trainer.max_epochs 1".split()
        return measured(result_of(PRETRAIN, *flags))


def held(process: psutil.Process) -> int:
    """The bytes that a process and its children hold; shared pages count once."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.Error):  # it has just ended
            total += one.memory_full_info().pss
    return total


def prepared(times: int) -> Measured:
    texts, peak = texts_of_reviews(), 0
    with tempfile.TemporaryDirectory() as name:
        many = (text for turn in range(times) for text in texts)
        source = written(Path(name) / "reviews.jsonl", many)
        began, process = time.perf_counter(), prepare(source, Path(name) / "corpus")
        while process.poll() is None:
            peak = max(peak, held(process))
            time.sleep(0.5)
        assert process.returncode == 0
    took, count = time.perf_counter() - began, times * len(texts)
    return {"training": took, "each": 1e6 * took / count, "memory": peak / 2**30}


CONTESTANTS = {
    "LoRA, 680 sentences": lambda asked: finetuned(680),
    "LoRA, 6,800 sentences": lambda asked: finetuned(6800),
    "masked, 2,000 reviews": lambda asked: pretrained(2000),
    "masked, 20,000 reviews": lambda asked: pretrained(20_000),
    "corpus, 24,904 reviews": lambda asked: prepared(1),
    "corpus, ten times these": lambda asked: prepared(10),
}
COLUMNS = [
    Column("tokens", "tokens", "{:,.0f}"),
    Column("training", "s"),
    Column("each", "µs a token or document", "{:,.0f}"),
    Column("memory", "peak memory, GiB", "{:.2f}"),
]

if __name__ == "__main__":
    run_contest("scaling", "Growth", __doc__, CONTESTANTS, COLUMNS, rounds=1)
