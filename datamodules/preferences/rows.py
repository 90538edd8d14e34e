"""Tokenised answers, served as couples or alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from datamodules.batches import PreferenceBatch
from datamodules.instructions.rows import ConversationRows
from datamodules.preferences.records import Example


@dataclass
class PreferenceRows(Dataset):
    """N rows: a couple of answers to a prompt each, or one answer each.

    Attributes:
        answers: The tokenised conversations: of couples the N chosen ones and then the N rejected
            ones, else N.
        kept: The places of the R rows to serve, (R,) int64; the others teach nothing.
        good: Whether each single answer is a good one, (N,) int64; None of couples.
    """

    answers: ConversationRows
    kept: np.ndarray
    good: torch.Tensor | None

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def total(self) -> int:
        """The number of rows with those that are not served, N."""
        return len(self.answers.sizes) // (2 if self.good is None else 1)

    @property
    def lengths(self) -> np.ndarray:
        """The tokens of each row, (R,); of a couple twice those of the longer answer."""
        sizes = self.answers.sizes
        if self.good is not None:
            return sizes[self.kept]
        return 2 * sizes.reshape(2, -1).max(0)[self.kept]

    @property
    def answer_lengths(self) -> np.ndarray:
        """The tokens of the answers alone, (2, R) of couples or (1, R)."""
        return self.answers.supervised_counts.reshape(-1, self.total)[:, self.kept]

    def __getitems__(self, rows: list[int]) -> PreferenceBatch:
        """Pad these rows to the longest of them, or a little more."""
        places = self.kept[rows].tolist()
        index = torch.tensor(rows)
        if self.good is not None:
            found = self.answers.__getitems__(places)
            desirable = self.good[places]
        else:
            found = self.answers.__getitems__([*places, *(n + self.total for n in places)])
            desirable = torch.tensor([[1], [0]]).repeat(1, len(rows))
        return {
            "input_ids": found["input_ids"],
            "attention_mask": found["attention_mask"],
            "supervised": found["supervised"],
            "desirable": desirable,
            "index": index,
        }


def preference_rows(answers: ConversationRows, examples: Sequence[Example]) -> PreferenceRows:
    """Leave out rows whose answers were cut off, or cut to the same tokens.

    Args:
        answers: The conversations as in ``PreferenceRows``.
        examples: The N examples.
    """
    count, learned = len(examples), answers.supervised_counts
    if examples[0].rejected is None:
        good = torch.tensor([int(example.good) for example in examples])
        return PreferenceRows(answers, np.flatnonzero(learned), good)

    def differ(row: int) -> bool:
        one, two = (answers.tokens(n)[0] for n in (row, row + count))
        return bool(learned[row] and learned[row + count]) and not torch.equal(one, two)

    kept = [row for row in range(count) if differ(row)]
    return PreferenceRows(answers, np.array(kept, np.int64), None)
