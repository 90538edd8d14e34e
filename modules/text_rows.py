"""Encoded texts, and batches of them."""

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
        width = max(len(self.ids[row]) for row in chosen)
        found: dict[str, Any] = {
            "input_ids": _padded([self.ids[row] for row in chosen], width, self.pad),
            "attention_mask": _padded([[1] * len(self.ids[row]) for row in chosen], width, 0),
            "index": torch.tensor(chosen),
            "columns": {
                name: [column[row] for row in chosen] for name, column in self.columns.items()
            },
        }
        if self.types is not None:
            found["token_type_ids"] = _padded([self.types[row] for row in chosen], width, 0)
        return found


def _padded(rows: list[list[int]], width: int, value: int) -> torch.Tensor:
    found = np.full((len(rows), width), value, np.int64)
    for row, ids in zip(found, rows, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(found)
