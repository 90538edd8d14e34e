"""Files of questions: SQuAD's JSON, and tables with a question, a context and an answer a row."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datamodules.files import ReadOptions, Table, fault, read_splits
from datamodules.files.containers import content
from datamodules.files.folders import SPLITS
from datamodules.files.skipped import Skipped
from datamodules.questions.answer_cells import answers_of
from datamodules.questions.records import Questions

_QUESTION = ("question", "query")
_CONTEXT = ("context", "passage", "paragraph", "text")
_ANSWER = ("answers", "answer", "answer_text", "label")
_START = ("answer_start", "start", "answer_offset")


@dataclass(frozen=True)
class Columns:
    """The columns that the user gave, by name or by number from 1; None for the usual ones."""

    question: str | None = None
    context: str | None = None
    answer: str | None = None
    start: str | None = None

    def given(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.question, self.context, self.answer, self.start)))

    def flags(self) -> list[str]:
        """The names of the flags that were given."""
        return [f"{name}_column" for name, value in vars(self).items() if value]


Row = tuple[int | str, Any, Any, Sequence[Any] | ValueError]


def read_questions(
    path: Path, columns: Columns, options: ReadOptions, in_words: bool = False
) -> dict[str, Questions]:
    """Read the questions of each split of a folder, or of a file, which is "train".

    Args:
        path: The folder or file.
        columns: The columns that the user gave.
        options: How files are read.
        in_words: Whether answers need not stand in a context, nor have one.

    Raises:
        FileNotFoundError: If there is no such path, or no training file in it.
        ValueError: For a question that cannot be read, unless such rows are skipped.
    """
    options = replace(options, columns=columns.given())
    if files := _squad_files(path):
        read = options.given("delimiter", "header", "encoding")
        if flags := [*columns.flags(), *(flag.removeprefix(options.prefix) for flag in read)]:
            raise fault(path, "SQuAD's JSON is read without it: leave the flag out", flags[0])
        return {
            split: of_squad(file, _paragraphs(file) or [], options, in_words)
            for split, file in files.items()
        }
    tables = read_splits(path, options)
    return {split: of_table(table, columns, options, in_words) for split, table in tables.items()}


def _squad_files(path: Path) -> dict[str, Path]:
    """The files of a path that hold SQuAD's JSON, by split; none if another format is there."""
    if path.is_file():
        return {"train": path} if _paragraphs(path) is not None else {}
    found: dict[str, Path] = {}
    for split, names in SPLITS.items() if path.is_dir() else ():
        for file in sorted(path.glob("*.json*")):
            name = file.name.lower().split(".json")[0]
            if name.startswith(names) and _paragraphs(file) is not None:
                if split in found:
                    message = (
                        f"several files for {split} ({found[split].name}, {file.name}): keep one"
                    )
                    raise fault(path, message)
                found[split] = file
    return found if "train" in found else {}


def _paragraphs(file: Path) -> list[Any] | None:
    """The articles in a file of SQuAD's JSON; None if it is something else."""
    try:
        inside = content(file)
        if inside.suffix != ".json":
            return None
        with inside.open() as data:
            held = json.loads(data.read().decode("utf-8-sig"))
    except ValueError:  # the reader of tables says what is wrong
        return None
    articles = held.get("data") if isinstance(held, dict) else None
    known = isinstance(articles, list) and all(
        isinstance(one, dict) and isinstance(one.get("paragraphs"), list) for one in articles
    )
    return articles if known else None


def of_squad(
    file: Any, articles: Sequence[Mapping[str, Any]], options: ReadOptions, in_words: bool = False
) -> Questions:
    """The questions of SQuAD's JSON, 1.1 or 2.0; a row is the number of a question in the file."""

    def rows() -> Iterator[Row]:
        number = 0
        for article in articles:
            for paragraph, asked in _asked(article["paragraphs"]):
                number += 1
                if not (isinstance(paragraph, Mapping) and isinstance(asked, Mapping)):
                    shown = asked if isinstance(paragraph, Mapping) else paragraph
                    form = "a mapping, as SQuAD's files have it"
                    yield number, "", "", ValueError(f"{shown!r:.40} is not {form}")
                else:
                    none = bool(asked.get("is_impossible"))
                    answers = [] if none else answers_of(asked.get("answers"), None)
                    if not none and not answers and "is_impossible" in asked:
                        answers = ValueError("has no answers, and is_impossible is false")
                    yield number, asked.get("question"), paragraph.get("context"), answers

    return _collected(file, rows(), options, in_words)


def _asked(paragraphs: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Each question with its paragraph; a paragraph that holds no list of them once, by itself."""
    for paragraph in paragraphs:
        asked = paragraph.get("qas") or [] if isinstance(paragraph, Mapping) else [None]
        for one in asked if isinstance(asked, list) else [asked]:
            yield paragraph, one


def of_table(
    table: Table, columns: Columns, options: ReadOptions, in_words: bool = False
) -> Questions:
    """The questions of a table, a row each."""
    question = table.column(columns.question or _there(table, _QUESTION), "question_column")
    held = columns.context or _there(table, _CONTEXT)
    context: Sequence[Any] = [""] * len(table.rows)
    if columns.context or held in table.columns or not in_words:
        context = table.column(held, "context_column")
    name = columns.answer or _there(table, _ANSWER)
    answers = table.column(name, "answer_column")
    place = columns.start or next((n for n in _START if n in table.columns), None)
    starts = table.column(place, "start_column") if place else [None] * len(table.rows)
    none = table.columns.get("is_impossible", [None] * len(table.rows))

    def rows() -> Iterator[Row]:
        for row, *fields, answer, start, impossible in zip(
            table.rows, question, context, answers, starts, none, strict=True
        ):
            said = str(impossible).strip().lower() in ("true", "1", "1.0", "yes")
            yield row, *fields, [] if said else answers_of(answer, start)

    found = _collected(table.name, rows(), options, in_words)
    found.notes[:0] = table.remarks()
    return found


def _collected(file: Any, rows: Iterator[Row], options: ReadOptions, in_words: bool) -> Questions:
    found = Questions(file=str(file), in_words=in_words)
    skipped = Skipped(file, options.bad_rows)
    for row, question, context, answers in rows:
        try:
            if isinstance(answers, ValueError):
                raise answers
            found.add(question, context, answers, row)
        except ValueError as error:
            skipped.add(row, error, ": mend it")
    found.notes += skipped.notes("questions")
    if found.repeated:
        found.notes.append(
            f"{Path(str(file)).name}: {found.repeated:,} answers without a start stand several "
            f"times in their context: the first place is taken"
        )
    if not len(found):
        raise fault(file, "has no questions: give another file")
    return found


def _there(table: Table, usual: tuple[str, ...]) -> str:
    return next((name for name in usual if name in table.columns), usual[0])
