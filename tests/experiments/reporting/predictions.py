"""Made-up predictions of each kind, with known logits."""

import numpy as np
import torch
from torch import Tensor

from callbacks.predictions import columns_of
from datamodules.text_splits import TextSplit
from experiments.reporting.predicted import table
from experiments.reporting.predicted.table import Predicted


def of_logits(kind: str, names: list[str], labels: Tensor, logits: Tensor, texts=None) -> Predicted:
    """What a run keeps of rows with these labels and logits."""
    count = len(labels)
    texts = texts or [f"text {n}" for n in range(count)]
    split = TextSplit(texts, None, None, range(1, count + 1))
    columns = {"index": torch.arange(count), **columns_of(kind, labels, logits)}
    return table.of_columns(columns, kind, names, split)


def classes(count: int = 300, many: int = 4, seed: int = 0) -> tuple[Predicted, Tensor, Tensor]:
    """Predictions of classes that are right more often than not, with labels and logits."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(many, (count,), generator=draw)
    logits = torch.randn(count, many, generator=draw)
    logits[torch.arange(count), labels] += 1.0
    return of_logits("class", [f"c{n}" for n in range(many)], labels, logits), labels, logits


def several(count: int = 200, many: int = 5) -> tuple[Predicted, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    labels = (torch.rand(count, many, generator=draw) < 0.3).long()
    logits = torch.randn(count, many, generator=draw) + 2.0 * labels - 1.0
    return of_logits("several", [f"l{n}" for n in range(many)], labels, logits), labels, logits


def numbers(count: int = 100) -> tuple[Predicted, Tensor, Tensor]:
    draw = np.random.default_rng(0)
    labels = torch.tensor(draw.normal(size=count), dtype=torch.float32)
    said = labels + torch.tensor(draw.normal(size=count) / 4, dtype=torch.float32)
    return of_logits("number", [], labels, said), labels, said
