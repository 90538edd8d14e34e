"""Questions whose answers stand in a context: read, tokenised once, served in batches."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules import hub, packaged, sources
from datamodules.argument_names import in_arguments
from datamodules.base import RowDataModule, Workers, tested
from datamodules.classification import bundled_name
from datamodules.files import BadRows, ReadOptions
from datamodules.questions.files import Columns, of_squad, of_table, read_questions
from datamodules.questions.records import Questions
from datamodules.questions.rows import WindowRows, tokenize_questions
from datamodules.questions.splits import QuestionDataset, question_dataset
from datamodules.text_splits import subsample
from datamodules.tokens import lengths
from datamodules.unread import BY_ROWS


class QuestionText(RowDataModule):
    """Questions with contexts and answers. A subclass says where they come from.

    Args:
        source: The data to read: auto | hub | bundled, or a file or folder. docs/formats.md lists
            the formats.
        answers: spans stand in their contexts; words are free, and there need be no context.
        tokenizer: The backbone whose tokenizer is used: a bundled name, a hub id or a folder.
        batch_tokens: Number of padded tokens per batch and device.
        batch_size: Number of windows per batch and device, instead of a token budget.
        max_length: Number of tokens of a window; 384, or the model's limit if that is less.
        stride: Number of tokens that two windows of a long context share, a quarter of a window at
            most; 128, or a quarter if that is less.
        question_column: Column of a file that holds the questions, by name or by number from 1.
        context_column: Column of the contexts, by name or by number from 1.
        answer_column: Column of the answers, by name or by number from 1.
        start_column: Column of the place in the context at which the answer begins, from 0.
        delimiter: As in TextFiles.
        header: As in TextFiles.
        encoding: Encoding of text files, such as utf-8 or gb18030; auto finds it.
        bad_rows: What happens to a question that cannot be read: stop with an error, or skip it
            and list it.
        train_rows: Number of training questions to draw by the seed; all by default.
        test_rows: Number of test questions to draw by the seed; all by default.
        seed: Seed of the order of the rows; the run's seed by default.
        workers: Number of processes that assemble batches; 0 uses the training process, auto takes
            a few on a GPU and else 0.
    """

    unread = (BY_ROWS,)
    task_links = (("unanswerable", "unanswerable"),)
    hub_repo: str | None = None
    elsewhere = "--data.source PATH"  # where the data are while the hub does not answer
    _rows: dict[str, WindowRows]

    def __init__(
        self,
        source: str = "auto",
        answers: Literal["spans", "words"] = "spans",
        tokenizer: str = "minilm",
        batch_tokens: PositiveInt = 3072,
        batch_size: PositiveInt | None = None,
        max_length: PositiveInt | None = None,
        stride: NonNegativeInt | None = None,
        question_column: str | None = None,
        context_column: str | None = None,
        answer_column: str | None = None,
        start_column: str | None = None,
        delimiter: str = "auto",
        header: bool | Literal["auto"] = "auto",
        encoding: str = "auto",
        bad_rows: BadRows = "stop",
        train_rows: PositiveInt | None = None,
        test_rows: PositiveInt | None = None,
        seed: NonNegativeInt = 0,
        workers: Workers = "auto",
    ) -> None:
        super().__init__(seed, batch_tokens, batch_size, workers)
        self.source, self.answers, self.tokenizer = source, answers, tokenizer
        self.max_length, self.stride = max_length, stride
        self.columns = Columns(question_column, context_column, answer_column, start_column)
        self.read_options = ReadOptions(delimiter, header, encoding, bad_rows)
        self.train_rows, self.test_rows = train_rows, test_rows
        self._rows = {}

    @property
    def labels(self) -> Literal["span", "words"]:
        """The kind of the labels: a span of a context, or an answer in words."""
        return "words" if self.answers == "words" else "span"

    @cached_property
    def dataset(self) -> QuestionDataset:
        """The questions of all splits, read at the first use."""
        found = self._read()
        dataset = question_dataset(found, self._origin)
        if self.train_rows:
            dataset = subsample(dataset, self.train_rows, self.seed)
        if self.test_rows:
            dataset = subsample(dataset, self.test_rows, self.seed, tested(dataset.splits))
        return dataset

    def _read(self) -> dict[str, Questions]:
        if self.source not in sources.NAMED:
            path = Path(self.source).expanduser()
            self.source_kind, self._origin = "files", str(path)
            in_words = self.answers == "words"
            return read_questions(path, self.columns, self.read_options, in_words)
        self.read_options.refuse(*(self.columns.flags() if self.source == "bundled" else ()))
        if self.source == "bundled":
            self.source_kind = "bundled"
            found, self._origin = self.bundled()
            return found
        if self.hub_repo is None:
            raise ValueError(
                f"--data.source {self.source}: has no hub data set: give bundled or PATH"
            )
        try:
            tables, self._origin = hub.read(self.hub_repo)
        except ValueError as error:
            if self.source == "hub":
                raise
            reason = str(error).removeprefix("--data.source hub: ").partition(": check")[0]
            raise ValueError(f"--data.source auto: {reason}: give {self.elsewhere}") from error
        self.source_kind = "hub"
        how = (self.columns, self.read_options, self.answers == "words")
        return {split: of_table(table, *how) for split, table in tables.items()}

    @property
    def unanswerable(self) -> bool:
        """Whether there are questions without an answer."""
        return self.dataset.unanswerable

    def texts_of(self, split: str) -> dict[str, list]:
        """The questions (text), contexts (pair) and answers of each window. Needs ``setup``."""
        rows = self._rows[split]
        return {**rows.columns, "answers": [rows.answers[i] for i in rows.sources.tolist()]}

    @in_arguments
    def prepare_data(self) -> None:
        """Tokenise into the cache: one process tokenises while the others wait."""
        for split, part in self.dataset.splits.items():
            if split not in self._rows:
                args = (self.tokenizer, part, self.max_length, self.stride)
                self._rows[split] = tokenize_questions(*args)

    def preflight(self, colour: bool) -> str:
        """A table of the questions, and what a simple answer would score."""
        return self.dataset.preflight()

    def notes(self) -> list[str]:
        said = [rows.note(name) for name, rows in self._rows.items() if rows.truncated.any()]
        for name, rows in self._rows.items():
            if rows.long_questions:
                said.append(
                    f"{rows.long_questions:,} questions of {name} were cut to half a window"
                )
            if rows.unplaced:
                said.append(
                    f"{rows.unplaced:,} answers of {name} are in no window as a whole: "
                    f"longer windows (--data.max_length) or overlaps (--data.stride) hold more"
                )
        return [*self.dataset.notes, *said]

    def facts(self) -> dict[str, Any]:
        return {
            **super().facts(),
            **lengths(dict(self._rows)),
            **self.dataset.facts(),
        }


class QuestionFiles(QuestionText):
    """Your own questions: ``--data.source`` is a folder or a file."""

    def __init__(self, source: str = "", **kwargs: Any) -> None:
        sources.require_path(self, source)
        super().__init__(source=source, **kwargs)


class SQuAD(QuestionText):
    """Stanford Question Answering Dataset 1.1 (Rajpurkar et al. 2016, arXiv:1606.05250).

    ``--data.source bundled`` trains on the 7,936 questions that Miller et al. (2020,
    arXiv:2004.14444) wrote to other articles of the encyclopaedia in SQuAD's way, and tests on
    SQuAD's own 10,565 of its development set. Their archive of 358 MB, BIG-bench, is fetched for
    that name alone. Version 2.0 is read from its files by ``--data.source PATH``.
    """

    hub_repo = "rajpurkar/squad"
    elsewhere = "--data.source bundled (an archive of 358 MB, once) or --data.source PATH"

    def bundled(self) -> tuple[dict[str, Questions], str]:
        folder, options = packaged.fetch("bigbench"), ReadOptions(bad_rows="skip")
        found = {}
        for split, name in (("train", "new_wiki_v1.0"), ("test", "squaddev_v1.1")):
            file = folder / f"squad_shifts-{name}.json"
            articles = json.loads(file.read_text(encoding="utf-8"))["data"]
            found[split] = of_squad(file, articles, options, self.answers == "words")
        return found, bundled_name("SQuAD's form", "bigbench")
