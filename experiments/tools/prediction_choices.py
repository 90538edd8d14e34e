"""Questions with choices among the rows to predict."""

from typing import Any

from datamodules.questions.choice_files import cells_of
from datamodules.questions.choice_records import checked_choices
from experiments.tools.prediction_rows import Row


def as_question(row: Row) -> Row:
    """The row with its question and choices as its text, found as in training files."""
    fields = row.fields
    if row.text is None and not fields:  # the file's reader has refused it
        return row
    try:
        question, choices = cells_of(fields)
        return row._replace(text=(question, checked_choices(choices)), reason="")  # type: ignore[arg-type]  # of choices
    except ValueError as error:
        return row._replace(text=None, reason=str(error))


def columns_of(value: dict[str, Any]) -> dict[str, Any]:
    """The columns of a choice: its text, its probability, its place from 0, and those of all."""
    return {
        "prediction": value["answer"],
        "confidence": round(value["score"], 6),
        "index": value["index"],
        "scores": [round(score, 6) for score in value["scores"]],
    }
