"""Questions with choices to rows of token ids, one for each choice."""

import hashlib
import json
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import Dataset

from datamodules.batches import ChoiceBatch
from datamodules.choices import encode_choices
from datamodules.packaged import pad_id
from datamodules.questions.choice_records import Choices
from datamodules.token_cache import cached_tensors
from datamodules.tokens import TokenRows, fast_tokenizer

_FORMAT = 1  # raised when the tensors below change their meaning
_PART = 1000  # questions that are encoded together


@dataclass
class ChoiceRows(Dataset):
    """N questions, each with a row of tokens for each choice.

    Attributes:
        inner: The rows of all choices, R.
        masks: Whether each token is of the choice, (tokens,) bool.
        firsts: The first row of each question, and the end of the last, (N + 1,) int64.
        answers: The place of the right choice of each question, (N,) int64.
        columns: The whole texts before the choices (text), questions, contexts, choices, and the
            places of the right ones (right), N each.
    """

    inner: TokenRows
    masks: torch.Tensor
    firsts: torch.Tensor
    answers: torch.Tensor
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def lengths(self) -> np.ndarray:
        """The padded tokens of each question: those of its longest row times its choices, (N,)."""
        longest = np.maximum.reduceat(self.inner.lengths, self.firsts[:-1].numpy())
        return longest * self.firsts.diff().numpy()

    def __getitems__(self, rows: list[int]) -> ChoiceBatch:
        """Pad the rows of these questions to the longest of them."""
        spans = [range(int(self.firsts[row]), int(self.firsts[row + 1])) for row in rows]
        flat = list(chain.from_iterable(spans))
        batch: Any = self.inner.__getitems__(flat)
        mask_RT = torch.zeros(batch["input_ids"].shape, dtype=torch.bool)
        for place, row in enumerate(flat):
            part = self.masks[self.inner.starts[row] : self.inner.starts[row + 1]]
            mask_RT[place, : len(part)] = part
        index = torch.tensor(rows)
        batch |= {"index": index, "labels": self.answers[index], "choice_mask": mask_RT}
        batch["choices"] = torch.tensor([len(span) for span in spans])
        batch["columns"] = {n: [column[row] for row in rows] for n, column in self.columns.items()}
        return cast(ChoiceBatch, batch)


def tokenize_choices(name: str, part: Choices, max_length: int | None) -> ChoiceRows:
    """Tokenise the questions of a split, or take them from the cache.

    Args:
        name: The backbone whose tokenizer is used.
        part: The questions.
        max_length: The most tokens of a row; the model's limit, or 512 if that is less, if None.
    """
    tokenizer, limit = fast_tokenizer(name, max_length)
    limit = max_length or min(limit, 512)
    spec = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()
    key = ["choices", _FORMAT, part.fingerprint, spec, tokenizer.model_input_names, limit]
    found = cached_tensors(json.dumps(key), lambda: _encode(tokenizer, part, limit))
    inner = TokenRows(
        ids=found["ids"],
        types=found["types"],
        starts=found["starts"],
        labels=torch.empty(0),
        truncated=found["cut"],
        pad=pad_id(tokenizer),
    )
    firsts = np.cumsum([0, *map(len, part.choices)])
    columns: dict[str, list[Any]] = {
        "text": part.questions,
        "question": [question for question, _ in part.asked],
        "context": [context for _, context in part.asked],
        "choices": part.choices,
        "right": part.answers,
    }
    answers = torch.tensor(part.answers)
    return ChoiceRows(inner, found["masks"], torch.from_numpy(firsts), answers, columns)


def _encode(tokenizer: Any, part: Choices, limit: int) -> dict[str, torch.Tensor]:
    ids: list[list[int]] = []
    types: list[list[int]] = []
    masks: list[list[bool]] = []
    cut: list[bool] = []
    for start in range(0, len(part), _PART):
        some = slice(start, start + _PART)
        found = encode_choices(tokenizer, part.questions[some], part.choices[some], limit)
        ids, types = ids + found.ids, types + (found.types or [])
        masks, cut = masks + found.masks, cut + found.cut

    def flat(rows: list[Any], kind: Any) -> torch.Tensor:
        return torch.from_numpy(np.fromiter(chain.from_iterable(rows), kind))

    return {
        "ids": flat(ids, np.int32),
        "types": flat(types, np.uint8),
        "masks": flat(masks, bool),
        "starts": torch.from_numpy(np.cumsum([0, *map(len, ids)])),
        "cut": torch.tensor(cut),
    }
