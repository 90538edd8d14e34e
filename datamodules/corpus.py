"""Token shards on disk as rows for any pre-training objective."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jsonargparse.typing import NonNegativeInt, PositiveInt
from torch.utils.data import Dataset

from datamodules.batches import CorpusBatch
from datamodules.sampling import LengthBatches, ResumableLoader
from datamodules.serving import Serving
from datamodules.shards import Split, open_split, read_manifest

RowKind = Literal["auto", "dense", "document", "pairs"]


# Rows are padded to a multiple of so many tokens: on a CPU oneDNN compiles its kernels anew for
# each shape that it meets, which took a sixth of a small network's step.
_STEP = 16


class Visits(LengthBatches):
    """Row numbers that also tell the epoch, so that workers know it: epoch * rows + row."""

    def __iter__(self) -> Iterator[list[int]]:
        shift = self.epoch * len(self.widths)
        for rows in super().__iter__():
            yield [shift + row for row in rows]


class Corpus(Serving):
    """What ``prepare_corpus.py`` made, in rows; each token once an epoch, on one device.

    Args:
        path: folder of the corpus.
        row_tokens: tokens of a row; an objective that adds some of its own needs room for them.
        batch_size: rows per batch and device.
        rows: dense cuts the stream of all documents and pads only the last row; document ends a
            row with its document, and cuts longer documents between sentences; pairs does so too
            and says where each row's second segment begins; auto is what the objective needs.
        seed: of the order of the rows and of the places of pairs; the run's seed if not given.
        workers: processes that assemble batches; 0 does it in the training process.
    """

    batches, test_split = Visits, "validation"

    def __init__(
        self,
        path: str,
        row_tokens: PositiveInt = 128,
        batch_size: PositiveInt = 32,
        rows: RowKind = "auto",
        seed: NonNegativeInt = 0,
        workers: NonNegativeInt = 0,
    ) -> None:
        # Plain numbers, for checkpoints.
        super().__init__(seed, None, int(batch_size), workers)
        if row_tokens < 2:
            raise ValueError(f"--data.row_tokens {row_tokens}: a row needs at least 2 tokens")
        self.path, self.folder, self.row_tokens = path, Path(path).expanduser(), int(row_tokens)
        self.kind: RowKind = "dense" if rows == "auto" else rows
        self.free = rows == "auto"  # to be what an objective needs
        self.manifest = read_manifest(self.folder)

    @property
    def tokenizer(self) -> str:
        """The folder of the corpus's tokenizer."""
        return str(self.folder / "tokenizer")

    @property
    def vocab_size(self) -> int:
        return self.manifest["tokenizer"]["vocabulary"]

    @property
    def bytes_per_token(self) -> float | None:
        """Of the validation text in UTF-8."""
        counts = self.manifest["splits"]["validation"]
        return counts["bytes"] / counts["tokens"] if counts["tokens"] else None

    def suit(self, rows: RowKind | None) -> None:
        """Serve the rows that an objective needs, or say that they are other ones."""
        if self.free and rows is not None:
            self.kind = rows
        if rows not in (None, self.kind):
            raise ValueError(f"--data.rows {self.kind}: the objective needs --data.rows {rows}")

    @property
    def fingerprint(self) -> str:
        return self.manifest["fingerprint"]

    def setup(self, stage: str) -> None:
        for name in self.manifest["splits"]:
            if name not in self._rows:
                split = open_split(self.folder, name, self.manifest)
                pad = self.manifest["tokenizer"]["padding"]
                self._rows[name] = CorpusRows(split, self.row_tokens, self.kind, pad, self.seed)
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
        """The validation rows in ascending length; none if the corpus was made without."""
        return self._loader("validation", shuffle=False) if len(self._rows["validation"]) else []

    def _shape(self) -> dict:
        """What must be the same for a place in an epoch to mean the same."""
        return {
            "fingerprint": self.fingerprint,
            "row_tokens": self.row_tokens,
            "batch_size": self.batch_size,
            "rows": self.kind,
        }

    def state_dict(self) -> dict:
        """The place in the epoch, for the checkpoint; see ``Serving.state_dict``."""
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
        """What the user should know of the data, a line each. Needs ``setup``."""
        rows = self._rows["train"]
        alone = int((rows.sentences() < 2).sum()) if self.kind == "pairs" else 0
        note = f"{alone:,} of {len(rows):,} rows have one sentence: no pair is made of them"
        return [note] if alone else []

    def facts(self) -> dict:
        """What the run's config and result say of the data. Needs ``setup``."""
        return {
            "source": "corpus",
            "origin": f"{self.path} ({self.manifest.get('origin', 'unknown')})",
            "fingerprint": self.fingerprint,
            "rows": {name: len(rows) for name, rows in self._rows.items()},
            "tokens": {name: len(rows.split) for name, rows in self._rows.items()},
            "tokenizer": self.manifest["tokenizer"],
            "test_split": self.test_split,
        }


class CorpusRows(Dataset):
    """Rows of a split, (start, stop) in its stream of tokens.

    Attributes:
        starts: (N,) int64.
        lengths: (N,) int64.
    """

    def __init__(self, split: Split, tokens: int, kind: RowKind, pad: int, seed: int) -> None:
        self.split, self.kind, self.pad, self.seed = split, kind, pad, seed
        self.tokens = tokens
        if kind == "dense":
            self.starts = np.arange(0, len(split), tokens)
        else:
            self.starts = _cuts(split.document_ends, split.sentence_ends, tokens)
        self.lengths = np.diff(self.starts, append=len(split))

    def __len__(self) -> int:
        return len(self.starts)

    def sentences(self) -> np.ndarray:
        """How many sentences end in each row, (N,); its last one counts though it is cut."""
        inside = np.searchsorted(self.split.sentence_ends, self.starts + self.lengths, "left")
        return inside - np.searchsorted(self.split.sentence_ends, self.starts, "right") + 1

    def __getitems__(self, visits: list[int]) -> CorpusBatch:
        """Rows padded to the longest, or a little more: called by the loader with a batch."""
        epochs, rows = np.divmod(np.array(visits), len(self))
        starts, lengths = self.starts[rows], self.lengths[rows]
        place = np.arange(min(-(-lengths.max() // _STEP) * _STEP, self.tokens))
        mask = place < lengths[:, None]
        places = np.minimum(starts[:, None] + place, len(self.split) - 1)
        batch: CorpusBatch = {
            "input_ids": torch.from_numpy(np.where(mask, self.split.take(places), self.pad)),
            "attention_mask": torch.from_numpy(mask.astype(np.int64)),
            "document_ids": torch.from_numpy(np.where(mask, self._documents(places), -1)),
            "index": torch.from_numpy(rows),
        }
        if self.kind == "pairs":
            pairs = zip(epochs.tolist(), rows.tolist(), strict=True)
            batch["boundary"] = torch.tensor([self._boundary(*pair) for pair in pairs])
        return batch

    def _documents(self, places: np.ndarray) -> np.ndarray:
        """The documents of places that ascend in each row, (B, T): a search for each row only."""
        ends = self.split.document_ends
        first, last = (np.searchsorted(ends, places[:, at], "right") for at in (0, -1))
        found = np.repeat(first[:, None], places.shape[1], 1)
        for more in range(int((last - first).max())):
            found += places >= ends[np.minimum(first + more, len(ends) - 1)][:, None]
        return found

    def _boundary(self, epoch: int, row: int) -> int:
        """A sentence end inside the row, another one in each epoch; 0 if there is none."""
        start, ends = self.starts[row], self.split.sentence_ends
        first = np.searchsorted(ends, start, "right")
        last = np.searchsorted(ends, start + self.lengths[row], "left")
        if first >= last:
            return 0
        draw = np.random.default_rng([self.seed, epoch, row]).integers(first, last)
        return int(ends[draw] - start)


def _cuts(documents: np.ndarray, sentences: np.ndarray, tokens: int) -> np.ndarray:
    """Where rows start: with each document, and in a long one after the last sentence that fits."""
    starts = np.concatenate([np.zeros(1, np.int64), documents])[:-1]
    more = []
    for number in np.flatnonzero(documents - starts > tokens):
        start, end = int(starts[number]), int(documents[number])
        while end - start > tokens:
            fits = int(sentences[np.searchsorted(sentences, start + tokens, "right") - 1])
            start = fits if fits > start else start + tokens  # a sentence longer than a row is cut
            more.append(start)
    return np.sort(np.concatenate([starts, np.array(more, dtype=np.int64)]))
