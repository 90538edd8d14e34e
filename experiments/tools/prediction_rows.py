"""The rows of a file to predict: read one by one, and served in windows of bounded size."""

import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from datamodules.files import BadRow, ReadOptions, records
from datamodules.files.columns import find_value, no_column, paths, value_at

_USUAL = ("sentence", "text")
_ASKED = ("question", "context")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CHARACTERS = 8_000_000  # of a window's texts


class Row(NamedTuple):
    """A row of the input.

    Attributes:
        number: Its number in the file, or its name.
        fields: Its columns.
        text: The text, the pair of texts, or the question with its context; None where it cannot be
            used.
        reason: The reason for which it cannot be used, or for which a second text is "".
    """

    number: int | str
    fields: dict[str, Any]
    text: str | tuple[str, str] | None
    reason: str = ""


def named(file: Path | Literal["-"]) -> str:
    """The name of the input in messages."""
    return "standard input" if file == "-" else str(file)


def read(
    file: Path | Literal["-"], column: str | None, pair: str | None, notes: list[str]
) -> Iterator[Row]:
    """Reads the rows of a file, or lines of standard input.

    A line of standard input is a text, or JSON with ``question`` and perhaps ``context`` or
    ``choices``. A file with such columns has questions, too, unless others are given.

    Args:
        file: The file.
        column: The column of the text, by name or number; None finds it.
        pair: The column of the second text; None reads single texts, or questions with contexts.
        notes: A list to which remarks about the reading are added.

    Raises:
        ValueError: If the file or a column is not there.
    """
    if file == "-":
        if isinstance(sys.stdin, io.TextIOWrapper):  # a byte that is not UTF-8 is a bad row
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        for number, line in enumerate(sys.stdin, 1):
            if line := line.rstrip("\r\n"):
                fields = _asked(line)
                names = [name for name in _ASKED if name in fields] if fields else ["text"]
                yield _row(number, fields or {"text": line}, names)
        return
    if file.is_dir():
        raise ValueError(f"{file}: is a folder; give one of its files")
    wanted = tuple(filter(None, (column, pair)))
    names: list[str] = []
    for number, fields in records(file, ReadOptions(columns=wanted, prefix="--"), notes):
        if isinstance(fields, BadRow):
            yield Row(number, {}, None, fields.reason)
            continue
        if not names and not wanted:
            names = _usual_names(fields)
        if not names:
            names.append(_column(fields, column, "column", file))
            if pair:
                names.append(_column(fields, pair, "pair_column", file))
        yield _row(number, fields, names)


def _usual_names(fields: dict[str, Any]) -> list[str]:
    """The columns of questions, with contexts or choices or alone; none where there is a text."""
    if set(_ASKED) <= fields.keys():
        return list(_ASKED)
    return ["question"] if "question" in fields and not set(_USUAL) & fields.keys() else []


def _asked(line: str) -> dict[str, Any] | None:
    """The fields of a line of JSON with a question; None of another line."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "question" in found else None


def _column(fields: dict[str, Any], wanted: str | None, flag: str, file: Path) -> str:
    there = list(fields)
    if wanted is None:
        usual = [name for name in _USUAL if name in fields] or there[: len(there) == 1]
        if usual:
            return usual[0]
    elif found := find_value(fields, wanted):
        return found
    lead = f"--{flag} {wanted}" if wanted else f"--{flag}"
    message = no_column(paths(fields), [wanted] if wanted else ["text", "sentence"], f"--{flag}")
    raise ValueError(f"{lead}: {file}: {message}")


def _row(number: int | str, fields: dict[str, Any], names: list[str]) -> Row:
    for name in names:
        value = value_at(fields, name)
        if not isinstance(value, str | None):
            return Row(number, fields, None, f"{name!r} is not a text ({value!r:.40})")
        if not (value or "").strip():
            if name == names[0]:
                return Row(number, fields, None, f"{name!r} is empty")
            return Row(number, fields, (value_at(fields, names[0]), ""), f"{name!r} is empty")
        if _SURROGATE.search(value):
            return Row(number, fields, None, f"{name!r} is not UTF-8 ({value!r:.40})")
    texts = tuple(value_at(fields, name) for name in names)
    return Row(number, fields, texts[0] if len(texts) == 1 else texts)


def windows(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Serves rows in lists of at most so many, and of no more than some megabytes of text."""
    part: list[Row] = []
    size = 0
    for row in rows:
        part.append(row)
        size += sum(len(v) for v in row.fields.values() if isinstance(v, str))
        if len(part) == most or size > _CHARACTERS:
            yield part
            part, size = [], 0
    if part:
        yield part


def check_rows(
    file: Path | Literal["-"], rows: Iterable[Row], marks: bool, alone: bool, task: str
) -> None:
    """Refuses questions with contexts for a model of texts, and texts for one that marks answers.

    Args:
        file: The input.
        rows: Its rows.
        marks: Whether the model answers questions about contexts.
        alone: Whether it also answers questions without one.
        task: The name of its task.

    Raises:
        ValueError: For the first such row.
    """
    for row in rows:
        if isinstance(row.text, tuple) == marks or alone:
            continue
        wanted, cure = "one text", "name its column with --column"
        if marks:
            wanted = "a question and its context"
            cure = "name the columns with --column and --pair_column"
        if file == "-":
            cure = "write a line of JSON with question and context" if marks else "write texts"
        raise ValueError(f"{named(file)}, row {row.number}: {task} reads {wanted}: {cure}")


def answer_columns(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The best of the answers to a question, and the columns of all; a list if several are wanted.

    Args:
        value: An answer, score, start and end, or a list of such mappings.
    """
    found = value if isinstance(value, list) else [value]
    rounded = [{**one, "score": round(one["score"], 6)} for one in found]
    best = rounded[0]
    added = {"prediction": best["answer"], "confidence": best["score"]}
    added |= {"start": best["start"], "end": best["end"]}
    return found[0], added | ({"answers": rounded} if isinstance(value, list) else {})
