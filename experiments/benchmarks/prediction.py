"""How fast are predictions of a file, against bare loops of transformers?

    python -m experiments.benchmarks.prediction
    python -m experiments.benchmarks.prediction --rows 2000 --rounds 1
    python -m experiments.benchmarks.prediction --rows 1000000 --layers 0 --rounds 1 --only Pretune

The default backbone with a new head labels sentences of the bundled reviews, given again where
there are too few. The bare loops tokenise and run batches of 32: in the order of the file, or all
sorted by length first. The last line measures memory alone: without layers, a million rows take
minutes.
"""

import argparse
import csv
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from datamodules import SST2
from datamodules.packaged import load_tokenizer
from experiments.benchmarks.harness import Column, Measured, run_contest
from experiments.tools.predict import parse
from experiments.tools.prediction_loop import Prediction
from experiments.tools.prediction_rows import read
from modules import Classification, FullFineTuning

_BATCH = 32


def flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=10_000, help="Rows to predict (10000)")
    parser.add_argument("--layers", type=int, help="Layers of the backbone to keep (all)")


def _prepared(asked: argparse.Namespace, folder: str) -> tuple[Any, Path]:
    """The module, and a CSV file of sentences."""
    torch.manual_seed(0)
    module = FullFineTuning(task=Classification(labels=["negative", "positive"])).eval()
    if asked.layers is not None:
        del module.model.base_model.encoder.layer[asked.layers :]
    data = SST2(source="bundled")
    texts = [text for split in data.dataset.splits.values() for text in split.texts]
    file = Path(folder) / "in.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["text"])
        table.writerows([text] for text in itertools.islice(itertools.cycle(texts), asked.rows))
    return module, file


def _measured(asked: argparse.Namespace, work: Callable[[Any, Path], int]) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        module, file = _prepared(asked, folder)
        started = time.perf_counter()
        rows = work(module, file)
        seconds = time.perf_counter() - started
    if rows != asked.rows:
        raise RuntimeError(f"{rows} rows of {asked.rows} were predicted")
    return {"seconds": seconds, "rate": rows / seconds}


def pretune(asked: argparse.Namespace) -> Measured:
    """The loop of `pretune predict`, file to file."""

    def work(module: Any, file: Path) -> int:
        output, rows = file.with_name("out.csv"), read(file, None, None, [])
        Prediction(module, parse(["export", str(file)]), output, []).run(rows)
        with output.open() as stream:
            return sum(1 for _ in csv.reader(stream)) - 1

    return _measured(asked, work)


def bare(asked: argparse.Namespace, by_length: bool = False) -> Measured:
    """A loop over batches of 32 with the tokenizer and the model of transformers, file to file."""

    def work(module: Any, file: Path) -> int:
        tokenizer, model = load_tokenizer("minilm"), module.model
        with file.open() as stream:
            texts = [row["text"] for row in csv.DictReader(stream)]
        order = sorted(range(len(texts)), key=lambda n: len(texts[n])) if by_length else None
        order = order or list(range(len(texts)))
        found: list[Any] = [None] * len(texts)
        with torch.inference_mode():
            for start in range(0, len(order), _BATCH):
                part = order[start : start + _BATCH]
                batch = [texts[number] for number in part]
                inputs = tokenizer(batch, padding=True, truncation=True, return_tensors="pt")
                chances = model(**inputs).logits.softmax(1)
                for number, row in zip(part, chances.tolist(), strict=True):
                    found[number] = row
        with file.with_name("out.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(zip(texts, found, strict=True))
        return len(found)

    return _measured(asked, work)


def main() -> None:
    """Runs the benchmark from the command line."""
    run_contest(
        "prediction",
        "Prediction: {rows} sentences, minilm",
        __doc__ or "",
        {
            "Pretune": pretune,
            "bare loop": bare,
            "bare loop, sorted": lambda asked: bare(asked, by_length=True),
        },
        [
            Column("seconds", "seconds", better="less"),
            Column("rate", "rows/s", "{:,.0f}"),
            Column("memory", "peak memory, GiB", "{:.2f}"),
        ],
        flags,
    )


if __name__ == "__main__":
    main()
