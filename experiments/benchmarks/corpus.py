"""How fast is the corpus pipeline beside datatrove's own filters, and does its memory grow?

    python -m experiments.benchmarks.corpus --times 1 10

First one process filters the same reviews by our rules and by datatrove's filters, in turn. Then
the whole pipeline runs over the 25,000 reviews, repeated so often; memory is that of all its
processes together, what they share counted once.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

from datamodules.classification import reviews
from datamodules.pipeline.cleaning import clean
from datamodules.pipeline.pages import Page
from datamodules.pipeline.rules import GROUPS, limits_of

SCRIPT = Path(__file__).parents[1] / "prepare_corpus.py"


def ours(text: str) -> bool:
    page, limits = Page.of(text, "en"), limits_of("en")
    return not any(broken for group in GROUPS.values() for *_, broken in group(page, limits))


def theirs(text: str, filters: list) -> bool:
    document = Document(text, "0")
    results = (step.filter(document) for step in filters)
    return all(result[0] if isinstance(result, tuple) else result for result in results)


def compare(count: int) -> None:
    """Documents a second of both, and on how many they agree."""
    texts = [clean(text) for text in reviews("imdb").splits["train"].texts[:count]]
    filters = [GopherRepetitionFilter(), GopherQualityFilter()]
    filters += [C4QualityFilter(filter_no_terminal_punct=True), FineWebQualityFilter()]
    ours(texts[0]), theirs(texts[0], filters)  # what is loaded at the first call
    kept, seconds = [], []
    for keeps in (ours, lambda text: theirs(text, filters)):
        started = time.perf_counter()
        kept.append([bool(keeps(text)) for text in texts])
        seconds.append(time.perf_counter() - started)
    agree = sum(one == two for one, two in zip(*kept, strict=True)) / count
    speeds = [count / s for s in seconds]
    print(f"filter rules, one process: ours {speeds[0]:.0f} documents/s, datatrove {speeds[1]:.0f}")
    print(f"ratio {speeds[0] / speeds[1]:.1f}, the same decision on {agree:.2%} of {count:,}")


def memory(process: psutil.Process) -> int:
    """Bytes that a process and its children hold, shared pages counted once."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_full_info().pss
        except psutil.Error:  # it has just ended
            pass
    return total


def run(times: int, folder: Path) -> None:
    source = folder / f"{times}.jsonl"
    texts = [text for split in reviews("imdb").splits.values() for text in split.texts]
    with open(source, "w") as file:
        for turn in range(times):
            for number, text in enumerate(texts):
                file.write(json.dumps({"id": f"{turn}-{number}", "text": text}) + "\n")
    words = ["--source", source, "--out", folder / f"out-{times}", "--tracking.mode", "disabled"]
    started, peak = time.perf_counter(), 0
    process = psutil.Popen(
        [sys.executable, str(SCRIPT), *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        peak = max(peak, memory(process))
        time.sleep(0.5)
    assert process.returncode == 0
    took, count = time.perf_counter() - started, times * len(texts)
    print(f"{count:>9,} documents: {took:.0f} s, {peak / 2**30:.2f} GiB at the peak", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, nargs="*", default=[1, 10])
    parser.add_argument("--count", type=int, default=2000, help="documents of the comparison")
    asked = parser.parse_args()
    compare(asked.count)
    with tempfile.TemporaryDirectory() as folder:
        for times in asked.times:
            run(times, Path(folder))


if __name__ == "__main__":
    main()
