"""The rows of a corpus: parts of its stream of tokens, cut at documents and sentences or not."""

from typing import Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from datamodules.batches import CorpusBatch
from datamodules.shards import TokenStream

RowKind = Literal["auto", "dense", "document", "pairs"]


# Rows are padded to a multiple of so many tokens: on a CPU oneDNN compiles its kernels anew for
# each shape that it meets, which took a sixth of a small network's step.
_STEP = 16


class CorpusRows(Dataset):
    """The rows of a split, each a part of its stream of tokens.

    Args:
        stream: The tokens of the split.
        tokens: The number of tokens of the longest rows.
        kind: How the stream becomes rows; see ``Corpus``.
        pad: The id of the padding token.
        seed: The seed of the places of pairs.

    Attributes:
        starts: The place of each row in the stream, (N,) int64.
        lengths: The number of tokens of each row, (N,) int64.
    """

    def __init__(
        self, stream: TokenStream, tokens: int, kind: RowKind, pad: int, seed: int
    ) -> None:
        self.stream, self.kind, self.pad, self.seed = stream, kind, pad, seed
        self.tokens = tokens
        if kind == "dense":
            self.starts = np.arange(0, len(stream), tokens)
        else:
            self.starts = _row_starts(stream.document_ends, stream.sentence_ends, tokens)
        self.lengths = np.diff(self.starts, append=len(stream))

    def __len__(self) -> int:
        return len(self.starts)

    def sentences(self) -> np.ndarray:
        """The number of sentences that end in each row, (N,); a truncated last one counts, too."""
        inside = np.searchsorted(self.stream.sentence_ends, self.starts + self.lengths, "left")
        return inside - np.searchsorted(self.stream.sentence_ends, self.starts, "right") + 1

    def __getitems__(self, numbers: list[int]) -> CorpusBatch:
        """Pad the rows of these numbers, each epoch * N + row, to the longest or a little more."""
        epochs, rows = np.divmod(np.array(numbers), len(self))
        starts, lengths = self.starts[rows], self.lengths[rows]
        place = np.arange(min(-(-lengths.max() // _STEP) * _STEP, self.tokens))
        mask = place < lengths[:, None]
        places = np.minimum(starts[:, None] + place, len(self.stream) - 1)
        batch: CorpusBatch = {
            "input_ids": torch.from_numpy(np.where(mask, self.stream.take(places), self.pad)),
            "attention_mask": torch.from_numpy(mask.astype(np.int64)),
            "document_ids": torch.from_numpy(np.where(mask, self._documents(places), -1)),
            "index": torch.from_numpy(rows),
        }
        if self.kind == "pairs":
            pairs = zip(epochs.tolist(), rows.tolist(), strict=True)
            batch["boundary"] = torch.tensor([self._boundary(*pair) for pair in pairs])
        return batch

    def _documents(self, places: np.ndarray) -> np.ndarray:
        """The document of each place, (B, T). Places ascend in a row: one search for each row."""
        ends = self.stream.document_ends
        first, last = (np.searchsorted(ends, places[:, at], "right") for at in (0, -1))
        found = np.repeat(first[:, None], places.shape[1], 1)
        for more in range(int((last - first).max())):
            found += places >= ends[np.minimum(first + more, len(ends) - 1)][:, None]
        return found

    def _boundary(self, epoch: int, row: int) -> int:
        """Draw a sentence end inside the row, another one in each epoch; 0 if there is none."""
        start, ends = self.starts[row], self.stream.sentence_ends
        first = np.searchsorted(ends, start, "right")
        last = np.searchsorted(ends, start + self.lengths[row], "left")
        if first >= last:
            return 0
        draw = np.random.default_rng([self.seed, epoch, row]).integers(first, last)
        return int(ends[draw] - start)


def _row_starts(documents: np.ndarray, sentences: np.ndarray, tokens: int) -> np.ndarray:
    """The starts of rows: of each document, and in a long one after the last sentence that fits."""
    starts = np.concatenate([np.zeros(1, np.int64), documents])[:-1]
    more = []
    for number in np.flatnonzero(documents - starts > tokens):
        start, end = int(starts[number]), int(documents[number])
        while end - start > tokens:
            fits = int(sentences[np.searchsorted(sentences, start + tokens, "right") - 1])
            start = (
                fits if fits > start else start + tokens
            )  # a sentence longer than a row is split
            more.append(start)
    return np.sort(np.concatenate([starts, np.array(more, dtype=np.int64)]))
