"""How fast does an objective corrupt clean rows, compared with transformers' collators?

    python -m experiments.benchmarks.corruption --corpus data/imdb
    python -m experiments.benchmarks.corruption --corpus data/imdb --objective plm

Measures the way from the rows of a data set to the inputs of the network, on one thread of a CPU
or, for ours, on the GPU.
"""

import argparse
from collections.abc import Callable
from typing import Any

import torch

from experiments.benchmarks.harness import Column, Measured, run_contest
from experiments.benchmarks.pretraining import OBJECTIVES, collator_of, data_of, module_of, rows_of
from experiments.benchmarks.timing import device, now


def timed(asked: argparse.Namespace, step: Callable[[int], Any]) -> Measured:
    """The tokens per second of so many batches, after two that are not timed."""
    for number in range(2):
        step(number)
    began = now()
    for number in range(asked.steps):
        step(number)
    return {"rate": asked.steps * asked.batch * asked.tokens / (now() - began)}


def ours(asked: argparse.Namespace) -> Measured:
    torch.set_num_threads(1)
    data, place = data_of(asked), device()
    rows, generator = data._rows["train"], torch.Generator(place).manual_seed(0)
    with module_of(asked, data) as module:
        module.to(place)

        def step(number: int) -> Any:
            visits = range(number * asked.batch, (number + 1) * asked.batch)
            batch = rows.__getitems__(list(visits))
            return module.corrupt({k: v.to(place) for k, v in batch.items()}, generator)

        return timed(asked, step)


def theirs(asked: argparse.Namespace) -> Measured:
    torch.set_num_threads(1)
    data = data_of(asked)
    with module_of(asked, data) as module:
        collator = collator_of(asked, module.tokenizer)
        rows = rows_of(asked, data, module.tokenizer, (asked.steps + 2) * asked.batch)
    return timed(asked, lambda n: collator(rows[n * asked.batch : (n + 1) * asked.batch]))


def flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--corpus", required=True, help="Folder of prepare_corpus.py")
    parser.add_argument(
        "--objective", choices=list(OBJECTIVES), default="mlm", help="Objective (mlm)"
    )
    parser.add_argument("--tokens", type=int, default=128, help="Tokens of a row (128)")
    parser.add_argument("--batch", type=int, default=32, help="Rows of a step (32)")
    parser.add_argument("--steps", type=int, default=200, help="Timed batches of a run (200)")
    parser.set_defaults(size="tiny", vocabulary=None, workers=0)


if __name__ == "__main__":
    columns = [Column("rate", "tokens/s", "{:,.0f}", "more")]
    title = "Corruption: {objective}, rows of {tokens}"
    run_contest(
        "corruption", title, __doc__, {"Pretune": ours, "collator": theirs}, columns, flags, 5
    )
