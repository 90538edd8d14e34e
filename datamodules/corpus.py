"""Token shards on disk as rows for any pre-training objective."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jsonargparse.typing import NonNegativeInt, PositiveInt
from torch.utils.data import Dataset

from datamodules.base import RowDataModule
from datamodules.batches import CorpusBatch
from datamodules.sampling import LengthBatchSampler, ResumableLoader
from datamodules.shards import TokenStream, open_stream, read_manifest

RowKind = Literal["auto", "dense", "document", "pairs"]


# Rows are padded to a multiple of so many tokens: on a CPU oneDNN compiles its kernels anew for
# each shape that it meets, which took a sixth of a small network's step.
_STEP = 16


class EpochBatchSampler(LengthBatchSampler):
    """Yields row numbers that also tell the epoch, epoch * rows + row, so that workers know it."""

    def __iter__(self) -> Iterator[list[int]]:
        shift = self.epoch * len(self.widths)
        for rows in super().__iter__():
            yield [shift + row for row in rows]


class Corpus(RowDataModule):
    """A corpus of ``prepare_corpus.py`` in rows; each token comes once an epoch, on one device.

    Args:
        path: Folder of the corpus.
        row_tokens: Number of tokens in each row. An objective that adds tokens of its own needs
            room for them.
        batch_size: Number of rows per batch and device.
        rows: Kind of the rows: auto | dense | document | pairs. dense takes the stream of all
            documents and pads only the last row; document ends a row with its document and splits
            longer documents between sentences; pairs does so too and says where the second segment
            of each row begins; auto takes what the objective needs.
        seed: Seed of the order of the rows and of the places of pairs; the run's seed by default.
        workers: Number of processes that assemble batches; 0 uses the training process.
    """

    batches = EpochBatchSampler
    batch_size: int
    _rows: dict[str, "CorpusRows"]

    def __init__(
        self,
        path: str,
        row_tokens: PositiveInt = 128,
        batch_size: PositiveInt = 32,
        rows: RowKind = "auto",
        seed: NonNegativeInt = 0,
        workers: NonNegativeInt = 0,
    ) -> None:
        super().__init__(seed, None, int(batch_size), workers)  # plain numbers, for checkpoints
        if row_tokens < 2:
            raise ValueError(f"--data.row_tokens {row_tokens}: a row needs at least 2 tokens")
        self.path, self.folder, self.row_tokens = path, Path(path).expanduser(), int(row_tokens)
        self.kind: RowKind = "dense" if rows == "auto" else rows
        self.follows_objective = rows == "auto"
        self.manifest = read_manifest(self.folder)
        self._rows = {}

    @property
    def tokenizer(self) -> str:
        """The folder of the corpus's tokenizer."""
        return str(self.folder / "tokenizer")

    @property
    def vocab_size(self) -> int:
        """The number of entries of the tokenizer."""
        return self.manifest["tokenizer"]["vocabulary"]

    @property
    def bytes_per_token(self) -> float | None:
        """The mean length of a token of the validation text in UTF-8, or None without such text."""
        counts = self.manifest["splits"]["validation"]
        return counts["bytes"] / counts["tokens"] if counts["tokens"] else None

    def match_objective(self, rows: RowKind | None) -> None:
        """Serve the kind of rows that an objective needs (None: any).

        Raises:
            ValueError: If the user asked for another kind.
        """
        if self.follows_objective and rows is not None:
            self.kind = rows
        if rows not in (None, self.kind):
            raise ValueError(f"--data.rows {self.kind}: the objective needs --data.rows {rows}")

    @property
    def fingerprint(self) -> str:
        return self.manifest["fingerprint"]

    @property
    def origin(self) -> str:
        return f"{self.path} ({self.manifest.get('origin', 'unknown')})"

    @property
    def test_split(self) -> str:
        return "validation"

    def setup(self, stage: str) -> None:
        pad = self.manifest["tokenizer"]["padding"]
        for name in self.manifest["splits"]:
            if name not in self._rows:
                stream = open_stream(self.folder, name, self.manifest)
                self._rows[name] = CorpusRows(stream, self.row_tokens, self.kind, pad, self.seed)
        rows = self._rows["train"]
        if self.kind == "pairs" and not (rows.sentences() > 1).any():
            raise ValueError(
                f"--data.path {self.path}: no row has two sentences of which to make a pair; more "
                f"--data.row_tokens, or an objective without pairs"
            )
        if len(rows) < self.batch_size:
            raise ValueError(
                f"--data.batch_size {self.batch_size}: the corpus has {len(rows):,} rows only"
            )

    def val_dataloader(self) -> ResumableLoader | list:
        """A loader of the validation rows in ascending length, or none if the corpus has none."""
        return self._loader("validation", shuffle=False) if len(self._rows["validation"]) else []

    def _shape(self) -> dict[str, Any]:
        """The settings on which the meaning of a place in an epoch depends."""
        return {
            "fingerprint": self.fingerprint,
            "row_tokens": self.row_tokens,
            "batch_size": self.batch_size,
            "rows": self.kind,
        }

    def state_dict(self) -> dict:
        """The place in the epoch, for the checkpoint; see ``RowDataModule.state_dict``."""
        return self._shape() | self._place()

    def load_state_dict(self, state_dict: dict) -> None:
        for key, value in self._shape().items():
            if state_dict[key] != value:
                flag = "path" if key == "fingerprint" else key
                raise ValueError(
                    f"--data.{flag}: the run was trained with {key} {state_dict[key]}, not {value};"
                    f" give it what it had, or begin a new run"
                )
        self._resume(state_dict)

    def notes(self) -> list[str]:
        rows = self._rows["train"]
        alone = int((rows.sentences() < 2).sum()) if self.kind == "pairs" else 0
        note = f"{alone:,} of {len(rows):,} rows have one sentence: no pair is made of them"
        return [note] if alone else []

    def facts(self) -> dict[str, Any]:
        return {
            "source": "corpus",
            "origin": self.origin,
            "fingerprint": self.fingerprint,
            "rows": {name: len(rows) for name, rows in self._rows.items()},
            "tokens": {name: len(rows.stream) for name, rows in self._rows.items()},
            "tokenizer": self.manifest["tokenizer"],
            "test_split": self.test_split,
        }


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
