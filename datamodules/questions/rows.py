"""Questions to windows of token ids, each with the place of its answer."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch

from datamodules.batches import QuestionBatch
from datamodules.packaged import pad_id
from datamodules.questions.records import Questions
from datamodules.token_cache import cached_tensors
from datamodules.tokens import TokenRows, fast_tokenizer
from datamodules.windows import NOWHERE, OUTSIDE, WINDOW, encode_windows, place_of

_FORMAT = 1  # raised when the tensors below change their meaning
_PART = 1000  # questions that are encoded together


@dataclass
class WindowRows(TokenRows):
    """The windows of N questions.

    Attributes:
        offsets: As in a ``QuestionBatch``, (tokens, 2) int32.
        answers: The texts of the right answers of each question, N.
        long_questions: The number of questions that were cut.
        unplaced: The number of questions whose answer is in no window as a whole.
    """

    offsets: torch.Tensor = field(default_factory=lambda: torch.empty(0, 2, dtype=torch.int32))
    answers: Sequence[list[str]] = ()
    long_questions: int = 0
    unplaced: int = 0

    def __getitems__(self, rows: list[int]) -> QuestionBatch:  # type: ignore[override]  # of windows
        batch: Any = super().__getitems__(rows)
        offsets_BT2 = torch.full((*batch["input_ids"].shape, 2), OUTSIDE)
        for place, row in enumerate(rows):
            part = self.offsets[self.starts[row] : self.starts[row + 1]]
            offsets_BT2[place, : len(part)] = part
        sources = self.sources[torch.tensor(rows)]
        batch["columns"]["answers"] = [self.answers[place] for place in sources.tolist()]
        return cast(QuestionBatch, {**batch, "offsets": offsets_BT2, "sources": sources})


def tokenize_questions(
    name: str, part: Questions, max_length: int | None, stride: int | None
) -> WindowRows:
    """Tokenise the questions of a split, or take them from the cache.

    Args:
        name: The backbone whose tokenizer is used.
        part: The questions.
        max_length: The most tokens of a window; 384, or the model's limit if that is less, if None.
        stride: The tokens that two windows of a context share, a quarter of a window at most; 128,
            or a quarter if that is less, if None.

    Raises:
        ValueError: If two windows would share more than a quarter.
    """
    tokenizer, limit = fast_tokenizer(name, max_length)
    limit = max_length or min(limit, WINDOW)
    spec = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()
    made = [spec, tokenizer.model_input_names, tokenizer.cls_token_id, tokenizer.eos_token_id]
    key = json.dumps(["windows", _FORMAT, part.fingerprint, *made, limit, stride])
    found = cached_tensors(key, lambda: _encode(tokenizer, part, limit, stride))
    sources = found["sources"].tolist()
    labels, several = found["labels"], torch.bincount(found["sources"], minlength=len(part)) > 1
    answered = torch.zeros(len(part), dtype=torch.bool)
    answered[found["sources"][labels[:, 0] != found["nowhere"]]] = True
    wanted = torch.tensor([bool(answers) for answers in part.answers])
    return WindowRows(
        ids=found["ids"],
        types=found["types"],
        starts=found["starts"],
        labels=labels,
        truncated=several[found["sources"]],
        pad=pad_id(tokenizer),
        columns={
            "text": [part.questions[place] for place in sources],
            "pair": [part.contexts[place] for place in sources],
        },
        sources=found["sources"],
        offsets=found["offsets"],
        answers=[[answer.text for answer in answers] for answers in part.answers],
        long_questions=int(found["cut"].sum()),
        unplaced=0 if part.in_words else int((wanted & ~answered).sum()),
    )


def _encode(
    tokenizer: Any, part: Questions, limit: int, stride: int | None
) -> dict[str, torch.Tensor]:
    ids: list[np.ndarray] = []
    types: list[np.ndarray] = []
    offsets: list[np.ndarray] = []
    labels, sources, nowhere, cut = [], [], [], []
    for start in range(0, len(part), _PART):
        some = slice(start, start + _PART)
        found = encode_windows(tokenizer, part.questions[some], part.contexts[some], limit, stride)
        cut += found.cut
        ids += [np.array(row, np.int32) for row in found.ids]
        types += [np.array(row, np.uint8) for row in found.types or []]
        offsets += found.offsets
        for place, offsets_T2 in zip(found.sources, found.offsets, strict=True):
            none = int(np.flatnonzero(offsets_T2[:, 0] == NOWHERE)[0])
            span = None
            if (answers := part.answers[start + place]) and not part.in_words:  # the first trains
                text, begin = answers[0]
                span = place_of(offsets_T2, begin, begin + len(text))
            labels.append(span or (none, none))
            nowhere.append(none)
            sources.append(start + place)
    empty = np.empty(0, np.uint8)
    return {
        "ids": torch.from_numpy(np.concatenate(ids)),
        "types": torch.from_numpy(np.concatenate(types) if types else empty),
        "starts": torch.from_numpy(np.cumsum([0, *map(len, ids)])),
        "offsets": torch.from_numpy(np.concatenate(offsets)),
        "labels": torch.tensor(labels),
        "nowhere": torch.tensor(nowhere),
        "sources": torch.tensor(sources),
        "cut": torch.tensor(cut),
    }
