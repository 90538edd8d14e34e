"""Token shards on disk as rows for any pre-training objective."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules import corpus_checks
from datamodules.argument_names import in_arguments
from datamodules.base import RowDataModule, Workers
from datamodules.cooccurrence import count_pairs
from datamodules.corpus_rows import CorpusRows, RowKind
from datamodules.packaged import load_tokenizer
from datamodules.sampling import LengthBatchSampler, ResumableLoader
from datamodules.shards import open_stream, read_manifest
from datamodules.unknown import unknown_lines

if TYPE_CHECKING:
    from scipy import sparse


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
        workers: Number of processes that assemble batches; 0 uses the training process, auto takes
            a few on a GPU and else 0.
    """

    batches = EpochBatchSampler
    batch_size: int
    _rows: dict[str, CorpusRows]

    def __init__(
        self,
        path: str,
        row_tokens: PositiveInt = 128,
        batch_size: PositiveInt = 32,
        rows: RowKind = "auto",
        seed: NonNegativeInt = 0,
        workers: Workers = "auto",
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

    def cooccurrences(self) -> "sparse.csr_array":
        """How often tokens of the training text stand near one another: (V, V), symmetric."""
        return count_pairs(self._rows["train"].stream, self.vocab_size)

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

    @in_arguments
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

    def warnings(self) -> list[str]:
        name = self.manifest["tokenizer"].get("name", "the corpus")
        tokenizer = load_tokenizer(self.tokenizer)
        cure = "prepare the corpus with another --tokenizer, such as bpe, which is trained on it"
        samples = {"the corpus": corpus_checks.sample(self.folder)}
        lines = unknown_lines(tokenizer, name, samples, cure)
        return [*corpus_checks.warnings(self.manifest), *lines]

    def facts(self) -> dict[str, Any]:
        return {
            "source": "corpus",
            "origin": self.origin,
            "fingerprint": self.fingerprint,
            "split_fingerprints": dict.fromkeys(self._rows, self.fingerprint),
            "rows": {name: len(rows) for name, rows in self._rows.items()},
            "tokens": {name: len(rows.stream) for name, rows in self._rows.items()},
            "tokenizer": self.manifest["tokenizer"],
            "test_split": self.test_split,
        }
