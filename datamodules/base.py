"""Labelled text: read, tokenised once, served in batches of like length."""

from dataclasses import replace

from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules import sources, tables
from datamodules.augmentation import extended
from datamodules.packaged import load_tokenizer
from datamodules.serving import Serving
from datamodules.tokens import TokenRows, label_tensor, lengths, tokenise


class LabelledText(Serving):
    """Texts, or pairs of texts, with a label each. A subclass says where they come from.

    Args:
        source: auto | hub | bundled, or a folder or file (tsv, csv, jsonl, parquet, txt).
        tokenizer: of the backbone: a bundled name, a hub id or a folder.
        batch_tokens: padded tokens per batch and device; rows of like length share a batch.
        batch_size: rows per batch and device instead of a token budget.
        max_length: tokens after which a text is cut; the tokenizer's own limit if not given.
        text_column: of files; "sentence" or "text" if not given.
        pair_column: of files, for the second text of a pair.
        label_column: of files: integers from 0, or names; numbers for a regression; names separated
            by commas, or a list, for several at once.
        labels: class | number | several | none; the task's on the command line.
        train_rows: as many of the training rows, drawn by the seed; all if not given.
        augment: ways to change copies of training texts, joined by commas: synonyms, deletion,
            swap, sentence_shuffle, recombination, back_translation; or none.
        copies: of each training text, where it is augmented.
        seed: of the order of the rows; the run's seed if not given.
        workers: processes that assemble batches; 0 does it in the training process.
    """

    hub_repo: str | None = None
    hub_config: str | None = None
    names: tuple[str, ...] | None = None  # of classes that files give as integers, where known

    def __init__(
        self,
        source: str = "auto",
        tokenizer: str = "minilm",
        batch_tokens: PositiveInt = 768,
        batch_size: PositiveInt | None = None,
        max_length: PositiveInt | None = None,
        text_column: str | None = None,
        pair_column: str | None = None,
        label_column: str = "label",
        labels: tables.LabelKind = "class",
        train_rows: PositiveInt | None = None,
        augment: str = "none",
        copies: PositiveInt = 1,
        seed: NonNegativeInt = 0,
        workers: NonNegativeInt = 0,
    ) -> None:
        super().__init__(seed, batch_tokens, batch_size, workers)
        self.source, self.tokenizer, self.max_length = source, tokenizer, max_length
        self.columns, self.labels = (text_column, pair_column, label_column), labels
        self.train_rows = train_rows
        self.augment, self.copies = augment, copies
        self.origin, self.kind = "", ""
        self._dataset: tables.Dataset | None = None

    def bundled(self) -> tuple[tables.Dataset, str]:
        """The data that the package index carries and its name. Overridden where there is some."""
        raise ValueError(f"--data.source bundled: no data for {type(self).__name__} is bundled")

    @property
    def dataset(self) -> tables.Dataset:
        """Texts and labels of all splits, read at the first use."""
        if self._dataset is None:
            asked = (self.source, self.columns, self.hub_repo, self.hub_config, self.names)
            self.kind, self.origin, self._dataset = sources.read(*asked, self.bundled, self.labels)
            if self.train_rows:
                self._dataset = tables.fewer(self._dataset, self.train_rows, self.seed)
            if self.augment != "none":
                self._dataset = extended(self._dataset, self.augment, self.copies, self.seed)
        return self._dataset

    @property
    def fingerprint(self) -> str:
        return self.dataset.fingerprint

    @property
    def test_split(self) -> str:
        return self.dataset.test_split

    @property
    def label_names(self) -> list[str]:
        return list(self.dataset.label_names)

    def texts_of(self, split: str) -> dict[str, list[str]]:
        """The texts of a split by name, as batches have them. Needs ``setup``."""
        return self._rows[split].columns

    def prepare_data(self) -> None:
        """Tokenise into the cache: one process does it, the others wait."""
        for split in self.dataset.splits:
            if split not in self._rows:
                self._rows[split] = self._load(split)

    def _load(self, split: str) -> TokenRows:
        rows = self.dataset.splits[split]
        labels = label_tensor(rows.labels, self.labels, len(self.label_names))
        asked = (rows.fingerprint, self.max_length)
        found = tokenise(self.tokenizer, rows.texts, rows.pairs, labels, *asked)
        if rows.pairs is not None:
            return replace(found, columns={"text": rows.texts, "pair": rows.pairs})
        cut = found.cut.any()
        texts = found.cut_texts(rows.texts, load_tokenizer(self.tokenizer)) if cut else rows.texts
        return replace(found, columns={"text": texts})

    def notes(self) -> list[str]:
        """What the user should know of the data, a line each. Needs ``setup``."""
        cut = [rows.note(name) for name, rows in self._rows.items() if rows.cut.any()]
        return [*self.dataset.notes, *cut]

    def facts(self) -> dict:
        """What the run's config and result say of the data. Needs ``setup``."""
        return {
            "source": self.kind,
            "origin": self.origin,
            "fingerprint": self.dataset.fingerprint,
            "rows": {name: len(split.texts) for name, split in self.dataset.splits.items()},
            **lengths(self._rows),
            "test_split": self.dataset.test_split,
            "labels": self.label_names,
            "pairs": self.dataset.splits["train"].pairs is not None,
        }
