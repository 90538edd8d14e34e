"""Pairs of a source and a target: read, counted once, served in batches of like length."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules import hub
from datamodules.argument_names import in_arguments
from datamodules.base import RowDataModule, Workers
from datamodules.classification import bundled_name
from datamodules.files import BadRows, ReadOptions
from datamodules.sequence_pairs import baselines, bundled
from datamodules.sequence_pairs.files import PairColumns, of_tables, read_pairs
from datamodules.sequence_pairs.rows import PairRows, count_tokens, limits_of
from datamodules.sources import NAMED, require_path
from datamodules.text_splits import Dataset, subsample
from datamodules.unread import BY_ROWS


class SequencePairs(RowDataModule):
    """Texts with a text to write for each. A subclass says where they come from.

    Args:
        source: The data to read: auto | hub | bundled, or a file or folder. docs/formats.md lists
            the formats. Two text files of a text a line: SOURCE,TARGET.
        tokenizer: The backbone whose tokenizer is used: a bundled name, a hub id or a folder.
        batch_tokens: Number of padded tokens of source and target per batch and device.
        batch_size: Number of pairs per batch and device, instead of a token budget.
        max_source_length: Number of tokens to which a source is cut; the model's limit by default.
        max_target_length: Number of tokens to which a target is cut; the model's limit by default.
        source_column: Column of a file that holds the sources, by name or by number from 1; source,
            document, article or text by default.
        target_column: Column of a file that holds the targets; target, summary or title by default.
        delimiter: Text between two fields of a table: auto, comma, semicolon, tab, pipe, space, or
            the text itself.
        header: Whether the first row of a table names its columns: true, false, or auto to find
            out.
        encoding: Encoding of text files, such as utf-8, cp1252 or gb18030; auto finds it.
        bad_rows: What happens to a pair that cannot be read: stop with an error, or skip it and
            list it.
        drop_shared: Whether training pairs that validation or test has as well are left out.
        train_rows: Number of training pairs to draw by the seed; all by default.
        eval_rows: Number of validation and of test pairs to draw, the same ones whatever the seed;
            all by default.
        seed: Seed of the order of the rows; the run's seed by default.
        workers: Number of processes that assemble batches; 0 uses the training process, auto takes
            a few on a GPU and else 0.
    """

    unread = (BY_ROWS,)
    labels: Literal["none"] = "none"
    hub_repo: str | None = None
    hub_config: str | None = None
    hub_columns = PairColumns()
    baseline_names: tuple[baselines.Baseline, ...] = ("copy", "nearest")
    _rows: dict[str, PairRows]

    def __init__(
        self,
        source: str = "auto",
        tokenizer: str = "minilm",
        batch_tokens: PositiveInt = 768,
        batch_size: PositiveInt | None = None,
        max_source_length: PositiveInt | None = None,
        max_target_length: PositiveInt | None = None,
        source_column: str | None = None,
        target_column: str | None = None,
        delimiter: str = "auto",
        header: bool | Literal["auto"] = "auto",
        encoding: str = "auto",
        bad_rows: BadRows = "stop",
        drop_shared: bool = False,
        train_rows: PositiveInt | None = None,
        eval_rows: PositiveInt | None = None,
        seed: NonNegativeInt = 0,
        workers: Workers = "auto",
    ) -> None:
        super().__init__(seed, batch_tokens, batch_size, workers)
        self.source, self.tokenizer = source, tokenizer
        self.max_lengths = max_source_length, max_target_length
        self.columns = PairColumns(source_column, target_column)
        self.read_options = ReadOptions(delimiter, header, encoding, bad_rows)
        self.drop_shared, self.train_rows, self.eval_rows = drop_shared, train_rows, eval_rows
        self._rows = {}

    @cached_property
    def dataset(self) -> Dataset:
        """The pairs of all splits, read at the first use."""
        dataset = self._read()
        if self.train_rows:
            dataset = subsample(dataset, self.train_rows, self.seed)
        for split, part in dataset.splits.items():
            if split != "train" and self.eval_rows and self.eval_rows < len(part):
                dataset = subsample(dataset, self.eval_rows, 0, split)
        return dataset

    def _read(self) -> Dataset:
        if self.source not in NAMED:
            self.source_kind, self._origin = "files", self.source
            return read_pairs(self.source, self.columns, self.read_options, self.drop_shared)
        options, given = self.read_options, self.columns.flags()
        options.refuse(*(given if self.source != "hub" else ()))
        if self.source == "hub":
            tables, self._origin = hub.read(self.hub_repo, self.hub_config)
            self.source_kind = "hub"
            columns = self.columns if given else self.hub_columns
            return of_tables(tables, columns, options, self.drop_shared)
        self.source_kind = "bundled"
        dataset, self._origin = self.bundled()
        return dataset

    def texts_of(self, split: str) -> dict[str, list[str]]:
        """The texts of a split, ``source``, ``target`` and ``reference``. Needs ``setup``."""
        return self._rows[split].columns

    @in_arguments
    def prepare_data(self) -> None:
        """Count tokens into the cache: one process counts while the others wait."""
        limits = limits_of(self.tokenizer, *self.max_lengths)
        for split, part in self.dataset.splits.items():
            if split not in self._rows:
                pairs = part.texts, part.pairs or []
                self._rows[split] = count_tokens(self.tokenizer, *pairs, limits)

    def baseline_outputs(self, split: str) -> dict[str, list[str]]:
        """The texts that take no model, by the name of the baseline. Needs ``setup``."""
        sources, train = self._rows[split].columns["source"], self._rows["train"].columns
        words = baselines.mean_words(train["target"])
        made: dict[str, Callable[[], list[str] | None]] = {
            "copy": partial(baselines.copy, sources),
            "lead": partial(baselines.lead, sources, words),
            "nearest": partial(baselines.nearest, sources, train["source"], train["target"]),
        }
        found = {name: made[name]() for name in self.baseline_names}
        return {name: texts for name, texts in found.items() if texts is not None}

    def notes(self) -> list[str]:
        limits = limits_of(self.tokenizer, *self.max_lengths)
        cut = [note for name, rows in self._rows.items() for note in rows.notes(name, limits)]
        return [*self.dataset.notes, *self.dataset.warnings, *cut]

    def facts(self) -> dict[str, Any]:
        tokens = {name: rows.counts for name, rows in self._rows.items()}
        return {
            **super().facts(),
            "tokens": {name: int(counts.sum()) for name, counts in tokens.items()},
            "longest": {name: int(counts.sum(1).max()) for name, counts in tokens.items()},
            "cut_to_max_length": {n: int(r.cut.any(1).sum()) for n, r in self._rows.items()},
            "pairs": True,
        }


class Seq2SeqFiles(SequencePairs):
    """Your own pairs: ``--data.source`` is a folder, a file, or two parallel text files."""

    def __init__(self, source: str = "", **kwargs: Any) -> None:
        require_path(self, source)
        super().__init__(source=source, **kwargs)


class Translations(SequencePairs):
    """Messages of a program's interface in English and in another language.

    The bundled ones are those of Indico, a program for conferences; a message goes into one split
    by its hash. On the hub (``--data.source hub``) it is OPUS-100 (Zhang et al. 2020).

    Args:
        language: Language of the targets: fr, de or zh.
    """

    hub_repo = "Helsinki-NLP/opus-100"

    def __init__(self, language: Literal["fr", "de", "zh"] = "fr", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.language = language
        self.hub_config = f"en-{language}"
        self.hub_columns = PairColumns("en", language)

    def bundled(self) -> tuple[Dataset, str]:
        name = f"en-{self.language} messages"
        return bundled.translations(self.language), bundled_name(name, "translations")


class Headlines(SequencePairs):
    """News with their headlines: 2,125 articles of the BBC (Greene & Cunningham 2006).

    On the hub (``--data.source hub``) it is XSum, one-sentence summaries (Narayan et al. 2018).
    """

    hub_repo = "EdinburghNLP/xsum"
    hub_columns = PairColumns("document", "summary")
    baseline_names = ("lead", "nearest")

    def bundled(self) -> tuple[Dataset, str]:
        return bundled.headlines(), bundled_name("news and headlines", "topics")
