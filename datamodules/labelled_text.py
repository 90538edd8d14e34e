"""Labelled text: read, tokenised once, served in batches of like length."""

from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, PositiveInt

from datamodules import sources, unknown
from datamodules.argument_names import in_arguments
from datamodules.augmentation import augment_dataset
from datamodules.base import RowDataModule, Workers
from datamodules.files import BadRows, ReadOptions
from datamodules.labels import LabelKind, LabelOptions
from datamodules.labels import preflight as label_preflight
from datamodules.packaged import load_tokenizer
from datamodules.text_splits import Dataset, subsample, take_per_class, take_share
from datamodules.tokens import TokenRows, label_tensor, lengths, tokenize_texts
from datamodules.unread import BY_ROWS, Unread, off


class LabelledText(RowDataModule):
    """Texts, or pairs of texts, with a label each. A subclass says where they come from.

    Args:
        source: The data to read: auto | hub | bundled, or a file or folder. docs/formats.md lists
            the formats.
        tokenizer: The backbone whose tokenizer is used: a bundled name, a hub id or a folder.
        batch_tokens: Number of padded tokens per batch and device; rows of like length share a
            batch.
        batch_size: Number of rows per batch and device, instead of a token budget.
        max_length: Number of tokens to which a text is truncated; the tokenizer's limit by default.
            Language modelling splits a longer text into several rows.
        text_column: Column of a file that holds the text, by name, by number from 1, or by a path
            such as data.text; "sentence" or "text" by default.
        pair_column: Column of a file that holds the second text of a pair.
        label_column: Column of a file that holds the label: integers or names; numbers for a
            regression; for several labels a list or joined names, or columns of 0 and 1, one for
            each label, joined by commas.
        label_delimiter: Text between several labels in one field: auto to find it, none, or the
            text itself.
        unlabelled: Labels that mark a row without a label, joined by commas, instead of those that
            are known as such (-, ?, NA, nan, null); such rows are left out.
        drop_shared: Whether training texts that validation or test has as well are left out.
        labels: Kind of the labels: class | number | several | none. The task sets it on the command
            line.
        delimiter: Text between two fields of a table: auto, comma, semicolon, tab, pipe, space, or
            the text itself.
        header: Whether the first row of a table names its columns: true, false, or auto to find
            out.
        encoding: Encoding of text files, such as utf-8, cp1252 or gb18030; auto finds it.
        bad_rows: What happens to a row that cannot be read or used: stop with an error, or skip it
            and list it.
        train_rows: Number of training rows to draw by the seed; all by default.
        train_share: Share of the training rows to draw by the seed, the same of each class.
        rows_per_class: Number of training rows of each class to draw by the seed, instead of
            train_rows or a share.
        augment: Methods that change copies of training texts, joined by commas: synonyms, deletion,
            swap, sentence_shuffle, recombination, back_translation; or none.
        copies: Number of copies of each training text that augmentation adds.
        seed: Seed of the order of the rows; the run's seed by default.
        workers: Number of processes that assemble batches; 0 uses the training process, auto takes
            a few on a GPU and else 0.
    """

    reads_labels = True
    task_links = (("label_names", "labels"),)
    unread = (BY_ROWS, Unread(("copies",), "augment", off))
    hub_repo: str | None = None
    hub_config: str | None = None
    names: tuple[str, ...] | None = None  # of the classes that files give as integers
    _rows: dict[str, TokenRows]

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
        label_delimiter: str = "auto",
        unlabelled: str | None = None,
        drop_shared: bool = False,
        labels: LabelKind = "class",
        delimiter: str = "auto",
        header: bool | Literal["auto"] = "auto",
        encoding: str = "auto",
        bad_rows: BadRows = "stop",
        train_rows: PositiveInt | None = None,
        train_share: ClosedUnitInterval = 1.0,
        rows_per_class: PositiveInt | None = None,
        augment: str = "none",
        copies: PositiveInt = 1,
        seed: NonNegativeInt = 0,
        workers: Workers = "auto",
    ) -> None:
        super().__init__(seed, batch_tokens, batch_size, workers)
        self.source, self.tokenizer, self.max_length = source, tokenizer, max_length
        self.columns, self.labels = (text_column, pair_column, label_column), labels
        self.read_options = ReadOptions(delimiter, header, encoding, bad_rows)
        self.label_options = LabelOptions(label_delimiter, unlabelled, drop_shared)
        self.label_options.check(labels)
        self.train_rows, self.train_share = train_rows, train_share
        self.rows_per_class = rows_per_class
        if rows_per_class and (train_rows or train_share < 1):
            other = f"train_rows {train_rows}" if train_rows else f"train_share {train_share:g}"
            raise ValueError(f"--data.rows_per_class {rows_per_class}: not with --data.{other}")
        self.augment, self.copies = augment, copies
        self._rows = {}

    @cached_property
    def dataset(self) -> Dataset:
        """Texts and labels of all splits, read at the first use."""
        args = (self.source, self.columns, self.hub_repo, self.hub_config, self.names)
        options = (self.read_options, self.label_options)
        found = sources.read(*args, self.bundled, self.labels, *options)
        self.source_kind, self._origin, dataset = found
        if self.train_rows:
            dataset = subsample(dataset, self.train_rows, self.seed)
        if self.train_share < 1:
            dataset = take_share(dataset, self.train_share, self.seed)
        if self.rows_per_class:
            dataset = take_per_class(dataset, self.rows_per_class, self.seed)
        if self.augment != "none":
            dataset = augment_dataset(dataset, self.augment, self.copies, self.seed)
        return dataset

    @property
    def label_names(self) -> list[str]:
        """The names of the classes in the order of their ids."""
        return list(self.dataset.label_names)

    @property
    def class_counts(self) -> list[int] | None:
        """The training rows of each class, (classes,); None if the labels are no classes."""
        if self.dataset.kind != "class":
            return None
        return label_preflight.class_counts(self.dataset)["train"]

    @property
    def unknown_share(self) -> float | None:
        """The share of the training tokens that stand for unknown text. Needs ``setup``.

        None if the tokenizer knows every text.
        """
        number = unknown.unknown_id(load_tokenizer(self.tokenizer))
        if number is None:
            return None
        return float((self._rows["train"].ids == number).double().mean())

    def texts_of(self, split: str) -> dict[str, list[str]]:
        """The texts of a split by name, as in its batches. Needs ``setup``."""
        return self._rows[split].columns

    @in_arguments
    def prepare_data(self) -> None:
        """Tokenise into the cache: one process tokenises while the others wait."""
        for split in self.dataset.splits:
            if split not in self._rows:
                self._rows[split] = self._load(split)

    def _load(self, split: str) -> TokenRows:
        rows = self.dataset.splits[split]
        labels = label_tensor(rows.labels, self.labels, len(self.label_names))
        args = (self.tokenizer, rows.texts, rows.pairs, labels, rows.fingerprint, self.max_length)
        found = tokenize_texts(*args, split_long=self.labels == "none" and rows.pairs is None)
        if rows.pairs is not None:
            return replace(found, columns={"text": rows.texts, "pair": rows.pairs})
        texts = rows.texts
        if found.truncated.any():
            texts = found.truncate_texts(texts, load_tokenizer(self.tokenizer))
        return replace(found, columns={"text": texts})

    def preflight(self, colour: bool) -> str:
        """A table of the labels, and what looks wrong with them; empty without labels."""
        return label_preflight.preflight(self.dataset, colour)

    def warnings(self) -> list[str]:
        texts = {split: rows.texts for split, rows in self.dataset.splits.items()}
        return unknown.lines_of(load_tokenizer(self.tokenizer), self.tokenizer, texts)

    def notes(self) -> list[str]:
        truncated = [r.note(name) for name, r in self._rows.items() if r.truncated.any()]
        return [*self.dataset.notes, *truncated]

    def facts(self) -> dict[str, Any]:
        return {
            **super().facts(),
            **lengths(self._rows),
            "labels": self.label_names,
            "pairs": self.dataset.splits["train"].pairs is not None,
            **label_preflight.facts(self.dataset),
        }
