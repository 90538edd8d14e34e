"""Files of questions with choices: a list of choices in a column, or a column for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datamodules.files import ReadOptions, Table, fault, read_splits
from datamodules.files.skipped import Skipped
from datamodules.questions.answer_cells import parsed
from datamodules.questions.choice_records import Choices, choice_columns, listed_choices

_QUESTION = ("question", "query", "input", "prompt", "goal", "sent2", "stem", "ask-for")
_CONTEXT = ("context", "passage", "article", "premise", "sent1", "ctx", "sentence")
_ANSWER = ("answer", "label", "answerKey", "answer_key", "target", "correct", "gold", "answer_idx")
_SCORES = "target_scores"  # of BIG-bench: a mapping from each choice to 1 or 0


@dataclass(frozen=True)
class Columns:
    """The columns that the user gave, by name or by number from 1; None for the usual ones.

    Attributes:
        question: The question.
        context: The context.
        choices: The columns of the choices, joined by commas.
        answer: The right choice.
        first: The number of the first choice, 0 or 1.
    """

    question: str | None = None
    context: str | None = None
    choices: str | None = None
    answer: str | None = None
    first: int = 0

    def given(self) -> tuple[str, ...]:
        """The names of all of them."""
        named = [self.question, self.context, self.answer, *(self.choices or "").split(",")]
        return tuple(name for name in named if name)

    def flags(self) -> list[str]:
        """The names of the flags that were given."""
        found = [f"{n}_column" for n in ("question", "context", "answer") if getattr(self, n)]
        return found + ["choice_columns"] * bool(self.choices) + ["first_choice"] * self.first


def read_choices(path: Path, columns: Columns, options: ReadOptions) -> dict[str, Choices]:
    """Read the questions of each split of a folder, or of a file, which is "train".

    Raises:
        FileNotFoundError: If there is no such path, or no training file in it.
        ValueError: For a question that cannot be read, unless such rows are skipped.
    """
    tables = read_splits(path, replace(options, columns=columns.given()))
    return {split: of_table(table, columns, options) for split, table in tables.items()}


def of_table(table: Table, columns: Columns, options: ReadOptions) -> Choices:
    """The questions of a table, a row each."""
    there = list(table.columns)
    question = columns.question or next((n for n in _QUESTION if n in there), None)
    context = columns.context or next((n for n in _CONTEXT if n in there), None)
    if question is None and context is None:
        table.column("question", "question_column")  # which says what there is
    empty: Sequence[Any] = [None] * len(table.rows)
    asked = table.column(question, "question_column") if question else empty
    read = table.column(context, "context_column") if context else empty
    names = [one.strip() for one in (columns.choices or "").split(",") if one.strip()]
    scored = not names and _SCORES in there
    names = names or ([_SCORES] if scored else choice_columns(there))
    if not names:
        table.column("choices", "choice_columns")
    cells = [table.column(name, "choice_columns") for name in names]
    answer = columns.answer or next((n for n in _ANSWER if n in there and n not in names), "answer")
    answers = empty if scored else table.column(answer, "answer_column")
    found, skipped = Choices(file=table.name), Skipped(table.name, options.bad_rows)
    for row, before, text, right, *held in zip(
        table.rows, read, asked, answers, *cells, strict=True
    ):
        try:
            choices, right = _choices(held, right, columns.first)
            choices, text = _endings(question, context, text, choices)
            found.add(before, text, choices, right, row, columns.first)
        except ValueError as error:
            skipped.add(row, error, ": mend it")
    found.notes += [*table.remarks(), *skipped.notes("questions")]
    if not len(found):
        raise fault(table.name, "has no questions: give another file")
    return found


def _endings(
    question: str | None, context: str | None, text: Any, choices: list[Any]
) -> tuple[list[Any], Any]:
    """Put SWAG's second sentence before each of its endings; all else stays."""
    if (question, context) != ("sent2", "sent1") or text in (None, ""):
        return choices, text
    # An empty cell is no ending.
    return [f"{text} {one}" if one == one and one not in (None, "") else one for one in choices], ""


def _choices(held: list[Any], right: Any, first: int = 0) -> tuple[list[Any], Any]:
    """The choices in the cells of a row, and the right one; counted from ``first`` if they tell it.

    Args:
        held: The cells.
        right: The right choice by its own column.
        first: The number of the first choice.
    """
    if len(held) > 1:
        return held, right
    value = parsed(held[0])
    if isinstance(value, Mapping) and "text" not in value:  # what BIG-bench's files score with 1
        scores = {text: score for text, score in value.items() if score is not None}
        best = [text for text, score in scores.items() if score == max(scores.values())]
        if len(best) != 1:
            raise ValueError(f"{len(best)} of its choices have the highest score: one is needed")
        return list(scores), list(scores).index(best[0]) + first
    choices, letters = listed_choices(value)
    if letters and str(right).strip() in letters:
        return choices, letters.index(str(right).strip()) + first
    return choices, right


def cells_of(fields: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The question, with its context before it, and the choices in a row of a file to predict.

    Raises:
        ValueError: If the row has no question, or no choices.
    """
    question = next((n for n in _QUESTION if fields.get(n)), None)
    context = next((n for n in _CONTEXT if fields.get(n)), None)
    names = choice_columns(fields)
    if not names:
        raise ValueError("has no column of choices, such as choices, or choice0 and choice1")
    held = [fields[name] for name in names]
    choices, _ = _choices(held, None)
    asked = fields[question] if question else ""
    choices, asked = _endings(question, context, asked, choices)
    before = fields[context] if context else ""
    texts = [str(text).strip() for text in (before, asked) if text]
    if not any(texts):
        raise ValueError("has no question: name its column question")
    return " ".join(texts), choices
