"""Tokenised conversations as rows of one conversation each, or packed with several."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import torch
from torch.utils.data import Dataset

from datamodules.batches import InstructionBatch
from datamodules.instructions import chat
from datamodules.instructions.conversations import Conversation, to_plain
from datamodules.packaged import pad_id
from datamodules.sampling import padded_width
from datamodules.token_cache import cached_tensors

_FORMAT = 2  # raised when the cached tensors change their meaning


@dataclass
class ConversationRows(Dataset):
    """N tokenised conversations in flat arrays, served in R rows.

    Attributes:
        ids: The token ids of all conversations, (sum of lengths,) int32.
        supervised: A mask of the tokens to learn, (sum of lengths,) bool.
        starts: The start of each in ``ids``, and the end of the last, (N + 1,) int64.
        truncated: A mask of those that were longer than the limit, (N,) bool.
        ended: A mask of those whose last response learns its end token, (N,) bool.
        pad: The id of the padding token.
        packs: The numbers of the conversations of each row; one each if None.
        packed: Whether a row may hold several.
    """

    ids: torch.Tensor
    supervised: torch.Tensor
    starts: torch.Tensor
    truncated: torch.Tensor
    ended: torch.Tensor
    pad: int
    packs: list[list[int]] | None = None
    packed: bool = False

    def __len__(self) -> int:
        return len(self.starts) - 1 if self.packs is None else len(self.packs)

    @cached_property  # each batch reads it
    def sizes(self) -> np.ndarray:
        """The number of tokens of each conversation, (N,)."""
        return self.starts.diff().numpy()

    @property
    def lengths(self) -> np.ndarray:
        """The number of tokens of each row, (R,)."""
        if self.packs is None:
            return self.sizes
        counts = np.array([len(pack) for pack in self.packs])
        members = self.sizes[np.fromiter(chain.from_iterable(self.packs), np.int64)]
        return np.add.reduceat(members, np.cumsum(counts) - counts)

    @cached_property
    def max_row_length(self) -> int:
        """The number of tokens of the longest row."""
        return int(self.lengths.max())

    @property
    def supervised_counts(self) -> np.ndarray:
        """The number of supervised tokens of each conversation, (N,)."""
        total = np.concatenate([[0], np.cumsum(self.supervised.numpy())])
        return np.diff(total[self.starts.numpy()])

    def tokens(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The ids of one conversation and the mask of those that are supervised."""
        part = slice(int(self.starts[number]), int(self.starts[number + 1]))
        return self.ids[part], self.supervised[part]

    def __getitems__(self, rows: list[int]) -> InstructionBatch:
        """Pad these rows to the longest of them, or a little more."""
        members = [[row] for row in rows] if self.packs is None else [self.packs[r] for r in rows]
        sizes = self.sizes
        shape = (
            len(rows),
            padded_width([int(sizes[pack].sum()) for pack in members], self.max_row_length),
        )
        ids_BT, mask_BT = torch.full(shape, self.pad), torch.zeros(shape, dtype=torch.int64)
        supervised_BT = torch.zeros(shape, dtype=torch.bool)
        # Padding goes on counting: a start of its own would be one more conversation.
        positions_BT = torch.zeros(shape, dtype=torch.int64)
        for row, pack in enumerate(members):
            begin = 0
            for number in pack:
                end = begin + int(sizes[number])
                ids_BT[row, begin:end], supervised_BT[row, begin:end] = self.tokens(number)
                positions_BT[row, begin:] = torch.arange(shape[1] - begin)
                begin = end
            mask_BT[row, :begin] = 1
        batch: InstructionBatch = {
            "input_ids": ids_BT,
            "attention_mask": mask_BT,
            "supervised": supervised_BT,
            "index": torch.tensor(rows),
        }
        return {**batch, "position_ids": positions_BT} if self.packed else batch


def conversation_rows(
    tokenizer,
    conversations: Sequence[Conversation],
    loss_on: chat.LossTokens,
    limit: int,
    place: Callable[[Conversation], str],
) -> ConversationRows:
    """Tokenise conversations, or take them from the cache; each is cut to ``limit`` tokens.

    Args:
        tokenizer: The tokenizer, with its chat template.
        conversations: The conversations.
        loss_on: The tokens that count in the loss.
        limit: The number of tokens.
        place: Returns the file and row of a conversation, for errors.
    """
    made = [tokenizer.backend_tokenizer.to_str(), tokenizer.special_tokens_map]
    made += [tokenizer.chat_template, [to_plain(one) for one in conversations]]
    whole = hashlib.sha256(json.dumps(made).encode()).hexdigest()
    rows = cached_tensors(
        json.dumps(["chat", _FORMAT, whole, loss_on, limit]),
        lambda: _tokenized(tokenizer, conversations, loss_on, limit, place),
    )
    return ConversationRows(
        ids=rows["ids"],
        supervised=rows["supervised"],
        starts=rows["starts"],
        truncated=rows["truncated"],
        ended=rows["ended"],
        pad=pad_id(tokenizer),
    )


def _tokenized(
    tokenizer,
    conversations: Sequence[Conversation],
    loss_on: chat.LossTokens,
    limit: int,
    place: Callable[[Conversation], str],
) -> dict[str, torch.Tensor]:
    ids, supervised, sizes, truncated, ended = [], [], [], [], []
    for start in range(0, len(conversations), 1000):  # bounds what Python's lists of ids take
        for one in chat.encode(tokenizer, conversations[start : start + 1000], loss_on, place):
            ids.append(np.array(one.ids[:limit], np.int32))
            supervised.append(np.array(one.supervised[:limit], bool))
            sizes.append(len(ids[-1]))
            truncated.append(len(one.ids) > limit)
            ended.append(0 <= one.end < limit)
    return {
        "ids": torch.from_numpy(np.concatenate(ids)),
        "supervised": torch.from_numpy(np.concatenate(supervised)),
        "starts": torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)])),
        "truncated": torch.tensor(truncated),
        "ended": torch.tensor(ended),
    }
