"""Encoded texts, and batches of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

MOST_TOKENS = 8192  # of a text, for models without a limit of their own
CHARACTERS = 64  # for each token that is read: tokenising 2 MB to keep 512 tokens takes seconds


@dataclass(frozen=True)
class Rows:
    """N encoded texts.

    Attributes:
        ids: Token ids of each text.
        types: 0 for the first text of a pair and 1 for the second; None where none are read.
        truncated: Whether the text was longer than the model reads.
        columns: The texts by name, N each, which a task that writes prompts reads.
        pad: The id of the padding token.
    """

    ids: list[list[int]]
    types: list[list[int]] | None
    truncated: list[bool]
    columns: dict[str, list[str]]
    pad: int

    @property
    def lengths(self) -> np.ndarray:
        """The number of tokens of each text, (N,)."""
        return np.fromiter(map(len, self.ids), np.int64, len(self.ids))

    def batch(self, chosen: list[int]) -> dict[str, Any]:
        """Return these rows as a ``LabelledBatch`` without labels."""
        ids = [self.ids[row] for row in chosen]
        found: dict[str, Any] = {
            "input_ids": pad(ids, self.pad),
            "attention_mask": pad([[1] * len(row) for row in ids], 0),
            "index": torch.tensor(chosen),
            "columns": {
                name: [column[row] for row in chosen] for name, column in self.columns.items()
            },
        }
        if self.types is not None:
            found["token_type_ids"] = pad([self.types[row] for row in chosen], 0)
        return found


def pad(
    rows: Sequence[Sequence[int] | torch.Tensor], value: int, left: bool = False, more: int = 0
) -> torch.Tensor:
    """Stack B rows of different lengths to (B, longest + more) int64, padded with a value."""
    wide = max(map(len, rows)) + more
    found = torch.full((len(rows), wide), value)
    for row, own in zip(found, rows, strict=True):
        start = (wide - len(own)) * left
        row[start : start + len(own)] = torch.as_tensor(own)
    return found


def batch_of(module: Any, rows: Rows, chosen: list[int]) -> dict[str, Any]:
    """Return a batch of rows on the module's device."""
    found = rows.batch(chosen).items()
    return {k: v.to(module.device) if isinstance(v, torch.Tensor) else v for k, v in found}


def token_batches(costs: np.ndarray, batch_tokens: int) -> list[list[int]]:
    """Return rows by batches, the longest first; ``costs`` are the tokens of each row, (N,)."""
    batches: list[list[int]] = []
    most = 0
    for row in np.argsort(-costs, kind="stable").tolist():
        if not batches or (len(batches[-1]) + 1) * most > batch_tokens:
            batches.append([])
            most = int(costs[row])
        batches[-1].append(row)
    return batches


def check_finite(logits: torch.Tensor) -> None:
    """Refuse the outputs of a model that diverged.

    Raises:
        ValueError: If a logit is not a number.
    """
    if not logits.isfinite().all():
        raise ValueError("the model's outputs are not finite numbers: its training went wrong")


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Put the module into eval mode, without gradients, for the time of the block."""
    training = module.training
    module.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        module.train(training)
