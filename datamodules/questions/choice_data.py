"""Questions with choices: read, tokenised once, served in batches."""

import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from jsonargparse.typing import NonNegativeInt, PositiveInt

from datamodules import packaged, sources, text_tables
from datamodules.answers import normalized
from datamodules.argument_names import in_arguments
from datamodules.base import RowDataModule, Workers
from datamodules.classification import bundled_name
from datamodules.files import BadRows, ReadOptions, Table
from datamodules.questions.choice_files import Columns, of_table, read_choices
from datamodules.questions.choice_records import Choices
from datamodules.questions.choice_rows import ChoiceRows, tokenize_choices
from datamodules.questions.splits import complete, shared_contexts
from datamodules.text_splits import joint_fingerprint, subsample
from datamodules.tokens import lengths
from datamodules.unread import BY_ROWS

_ASKED = re.compile(r"(.*[.!?]) +([^.!?]*[?]?)", re.S)  # a situation, and what is asked about it


@dataclass(frozen=True)
class ChoiceDataset:
    """The splits of a data set of questions with choices, and remarks, a line each."""

    splits: dict[str, Choices]
    notes: list[str]

    @property
    def fingerprint(self) -> str:
        """A digest of every text of every split."""
        return joint_fingerprint(self.splits)

    @cached_property
    def baselines(self) -> dict[str, dict[str, float]]:
        """The accuracies of simple answers by split: a draw, the first, the longest choice, …"""
        return {name: _simple(part) for name, part in self.splits.items() if name != "train"}

    def preflight(self) -> str:
        """A table of the questions, and what simple answers would score."""
        names = list(next(iter(self.baselines.values())))
        cells = [["split", "questions", *names]]
        for split, part in self.splits.items():
            found = self.baselines.get(split, {})
            scores = [f"{found[name]:.4f}" if found else "" for name in names]
            cells.append([split, f"{len(part):,}", *scores])
        return text_tables.columns(cells, range(1, len(cells[0])))


def _simple(part: Choices) -> dict[str, float]:
    hits = dict.fromkeys(("random", "first", "longest", "most shared words"), 0.0)
    for question, choices, answer in zip(part.questions, part.choices, part.answers, strict=True):
        asked = set(normalized(question).split())
        shared = [len(asked & set(normalized(one).split())) for one in choices]
        lengths_ = [len(one) for one in choices]
        hits["random"] += 1 / len(choices)
        hits["first"] += answer == 0
        hits["longest"] += lengths_.index(max(lengths_)) == answer
        hits["most shared words"] += shared.index(max(shared)) == answer
    return {name: count / len(part) for name, count in hits.items()}


class ChoiceText(RowDataModule):
    """Questions with choices. A subclass says where they come from.

    Args:
        source: The data to read: bundled, or a file or folder. docs/formats.md lists the formats.
        tokenizer: The backbone whose tokenizer is used: a bundled name, a hub id or a folder.
        batch_tokens: Number of padded tokens per batch and device.
        batch_size: Number of questions per batch and device, instead of a token budget.
        max_length: Number of tokens to which a question with a choice is cut.
        question_column: Column of a file that holds the questions, by name or by number from 1.
        context_column: Column of a text that stands before the question.
        choice_columns: Column of lists of choices, or the columns of the choices, joined by commas.
        answer_column: Column of the right choice: its number, its letter or its text.
        first_choice: Number of the first choice, 0 or 1, where answers are numbers.
        delimiter: As in TextFiles.
        header: As in TextFiles.
        encoding: Encoding of text files, such as utf-8 or gb18030; auto finds it.
        bad_rows: What happens to a question that cannot be read: stop with an error, or skip it
            and list it.
        train_rows: Number of training questions to draw by the seed; all by default.
        seed: Seed of the order of the rows; the run's seed by default.
        workers: Number of processes that assemble batches; 0 uses the training process, auto takes
            a few on a GPU and else 0.
    """

    unread = (BY_ROWS,)
    labels: Literal["choice"] = "choice"
    _rows: dict[str, ChoiceRows]

    def __init__(
        self,
        source: str = "bundled",
        tokenizer: str = "minilm",
        batch_tokens: PositiveInt = 1536,
        batch_size: PositiveInt | None = None,
        max_length: PositiveInt | None = None,
        question_column: str | None = None,
        context_column: str | None = None,
        choice_columns: str | None = None,
        answer_column: str | None = None,
        first_choice: Literal[0, 1] = 0,
        delimiter: str = "auto",
        header: bool | Literal["auto"] = "auto",
        encoding: str = "auto",
        bad_rows: BadRows = "stop",
        train_rows: PositiveInt | None = None,
        seed: NonNegativeInt = 0,
        workers: Workers = "auto",
    ) -> None:
        super().__init__(seed, batch_tokens, batch_size, workers)
        self.source, self.tokenizer, self.max_length = source, tokenizer, max_length
        named = (question_column, context_column, choice_columns, answer_column, first_choice)
        self.columns = Columns(*named)
        self.read_options = ReadOptions(delimiter, header, encoding, bad_rows)
        self.train_rows = train_rows
        self._rows = {}

    @cached_property
    def dataset(self) -> ChoiceDataset:
        """The questions of all splits, read at the first use."""
        found = self._read()
        notes = [note for part in found.values() for note in part.notes]
        splits = complete(found, self._origin, notes)
        dataset = ChoiceDataset(splits, notes + shared_contexts(splits))
        return subsample(dataset, self.train_rows, self.seed) if self.train_rows else dataset

    def _read(self) -> dict[str, Choices]:
        if self.source in ("auto", "hub"):
            cure = "give --data.source PATH or, of SocialIQA, bundled"
            raise ValueError(f"--data.source {self.source}: has no hub data set: {cure}")
        if self.source == "bundled":
            self.read_options.refuse(*self.columns.flags())
            self.source_kind = "bundled"
            found, self._origin = self.bundled()
            return found
        path = Path(self.source).expanduser()
        self.source_kind, self._origin = "files", str(path)
        return read_choices(path, self.columns, self.read_options)

    def texts_of(self, split: str) -> dict[str, list]:
        """The questions (text) and choices of a split. Needs ``setup``."""
        return self._rows[split].columns

    def max_row_length(self) -> int:
        return max(rows.inner.max_row_length for rows in self._rows.values())

    @in_arguments
    def prepare_data(self) -> None:
        """Tokenise into the cache: one process tokenises while the others wait."""
        for split, part in self.dataset.splits.items():
            if split not in self._rows:
                self._rows[split] = tokenize_choices(self.tokenizer, part, self.max_length)

    def preflight(self, colour: bool) -> str:
        """A table of the questions, and what simple answers would score."""
        return self.dataset.preflight()

    def notes(self) -> list[str]:
        rows = {name: rows.inner for name, rows in self._rows.items()}
        cut = [one.note(f"{name} choice") for name, one in rows.items() if one.truncated.any()]
        return [*self.dataset.notes, *cut]

    def facts(self) -> dict[str, Any]:
        baselines = self.dataset.baselines.items()
        return {
            **super().facts(),
            **lengths({name: rows.inner for name, rows in self._rows.items()}),
            "baseline": {f"{n}_{s}": v for s, found in baselines for n, v in found.items()},
        }


class ChoiceFiles(ChoiceText):
    """Your own questions with choices: ``--data.source`` is a folder or a file."""

    def __init__(self, source: str = "", **kwargs: Any) -> None:
        sources.require_path(self, source)
        super().__init__(source=source, **kwargs)


class SocialIQA(ChoiceText):
    """What people feel, want and do in a situation (Sap et al. 2019, arXiv:1904.09728).

    ``--data.source bundled`` are the 1,954 questions of its development set, of three choices each,
    from BIG-bench, an archive of 358 MB that is fetched for that name alone.
    """

    def __init__(self, source: str = "auto", **kwargs: Any) -> None:
        super().__init__(source=source, **kwargs)

    def bundled(self) -> tuple[dict[str, Choices], str]:
        file = packaged.fetch("bigbench") / "social_iqa-task.json"
        examples = json.loads(file.read_text(encoding="utf-8"))["examples"]
        parts = [_ASKED.fullmatch(row["input"].strip()) for row in examples]
        columns = {
            "context": [part[1] if part else None for part in parts],
            "question": [
                part[2] if part else row["input"] for part, row in zip(parts, examples, strict=True)
            ],
            "target_scores": [row["target_scores"] for row in examples],
        }
        table = Table(str(file), columns, range(1, len(examples) + 1))
        options = replace(self.read_options, bad_rows="skip")
        return {"train": of_table(table, Columns(), options)}, bundled_name("SocialIQA", "bigbench")
