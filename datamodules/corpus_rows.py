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
_CHUNK = 1 << 20  # rows whose sentences are counted at once


class CorpusRows(Dataset):
    """The rows of a split, each a part of its stream of tokens.

    Args:
        stream: The tokens of the split.
        tokens: The number of tokens of the longest rows.
        kind: How the stream becomes rows; see ``Corpus``.
        pad: The id of the padding token.
        seed: The seed of the places of pairs.
    """

    def __init__(
        self, stream: TokenStream, tokens: int, kind: RowKind, pad: int, seed: int
    ) -> None:
        self.stream, self.kind, self.pad, self.seed = stream, kind, pad, seed
        self.tokens = tokens
        # The start of each row and the end of the last; dense rows need no list of them.
        self._edges = None if kind == "dense" else _row_edges(stream, tokens)

    def __len__(self) -> int:
        if self._edges is None:
            return -(-len(self.stream) // self.tokens)
        return len(self._edges) - 1

    def places_of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The places of these rows in the stream and their numbers of tokens, int64 each."""
        if self._edges is None:
            starts = rows * self.tokens
            return starts, np.minimum(self.tokens, len(self.stream) - starts)
        starts = self._edges[rows]
        return starts, self._edges[rows + 1] - starts

    @property
    def lengths(self) -> np.ndarray:
        """The number of tokens of each row, (N,) int32."""
        if self._edges is not None:
            return np.diff(self._edges).astype(np.int32)
        found = np.full(len(self), self.tokens, dtype=np.int32)
        if len(found):
            found[-1] = len(self.stream) - (len(found) - 1) * self.tokens
        return found

    def sentences(self) -> np.ndarray:
        """The number of sentences that end in each row, (N,); a truncated last one counts, too."""
        found = np.empty(len(self), dtype=np.int32)
        for first in range(0, len(found), _CHUNK):
            part = slice(first, first + _CHUNK)
            starts, lengths = self.places_of(np.arange(first, min(part.stop, len(found))))
            inside = self.stream.sentence_ends.searchsorted(starts + lengths, "left")
            found[part] = inside - self.stream.sentence_ends.searchsorted(starts, "right") + 1
        return found

    def __getitems__(self, numbers: list[int]) -> CorpusBatch:
        """Pad the rows of these numbers, each epoch * N + row, to the longest or a little more."""
        epochs, rows = np.divmod(np.array(numbers), len(self))
        starts, lengths = self.places_of(rows)
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
        first, last = (ends.searchsorted(places[:, at], "right") for at in (0, -1))
        found = np.repeat(first[:, None], places.shape[1], 1)
        for more in range(int((last - first).max())):
            found += places >= ends[np.minimum(first + more, len(ends) - 1)][:, None]
        return found

    def _boundary(self, epoch: int, row: int) -> int:
        """Draw a sentence end inside the row, another one in each epoch; 0 if there is none."""
        (start,), (length,) = self.places_of(np.array([row]))
        ends = self.stream.sentence_ends
        first, last = ends.searchsorted(start, "right"), ends.searchsorted(start + length, "left")
        if first >= last:
            return 0
        draw = np.random.default_rng([self.seed, epoch, row]).integers(first, last)
        return int(ends[draw] - start)


def _row_edges(stream: TokenStream, tokens: int) -> np.ndarray:
    """The start of each row and the end of the last; no document goes from shard to shard."""
    found = [
        _row_starts(
            stream.document_ends.of_shard(number), stream.sentence_ends.of_shard(number), tokens
        )
        + stream.starts[number]
        for number in range(len(stream.files))
    ]
    return np.concatenate([*found, [len(stream)]])


def _row_starts(documents: np.ndarray, sentences: np.ndarray, tokens: int) -> np.ndarray:
    """The starts of rows: of each document, and in a long one after the last sentence that fits."""
    starts = np.concatenate([np.zeros(1, np.int64), documents])[:-1]
    more = []
    for number in np.flatnonzero(documents - starts > tokens):
        start, end = int(starts[number]), int(documents[number])
        while end - start > tokens:
            before = np.searchsorted(sentences, start + tokens, "right")
            fits = int(sentences[before - 1]) if before else 0
            # A sentence longer than a row is split.
            start = fits if fits > start else start + tokens
            more.append(start)
    return np.sort(np.concatenate([starts, np.array(more, dtype=np.int64)]))
