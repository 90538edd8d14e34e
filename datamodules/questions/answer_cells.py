"""The answers in a cell of a table, with the places at which they begin."""

import ast
import json
from collections.abc import Mapping
from typing import Any


def answers_of(value: Any, start: Any) -> list[Any] | ValueError:
    """Pairs of text and start of a cell: a text, texts, SQuAD's mappings, or the hub's lists."""
    value, start = parsed(value), _starts(start)
    # An empty cell of a column of numbers is not equal to itself.
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, str):
        return [(value, _whole(start))]
    if isinstance(value, Mapping):
        if "text" not in value:
            return ValueError(f"an answer has no text ({value!r:.60})")
        texts, starts = value["text"], value.get("answer_start", value.get("start"))
        if isinstance(texts, str):
            return [(texts, _whole(starts))]
        texts = texts.tolist() if hasattr(texts, "tolist") else texts
        if not isinstance(texts, list | tuple):
            return ValueError(f"{texts!r:.60} is not an answer: give a text, or a list of texts")
        starts = starts.tolist() if hasattr(starts, "tolist") else starts
        starts = [None] * len(texts) if starts is None else starts
        starts = [_whole(one) for one in (starts if isinstance(starts, list | tuple) else [starts])]
        if len(starts) != len(texts):
            return ValueError(f"{len(texts)} answers and {len(starts)} starts: give each one start")
        return list(zip(texts, starts, strict=True))
    if isinstance(value, list | tuple):
        found: list[Any] = []
        starts = [None] * len(value) if _whole(start) is None else [start]
        starts = start if isinstance(start, list) else starts
        if value and len(starts) != len(value):
            return ValueError(f"{len(value)} answers and {len(starts)} starts: give each one start")
        for one, place in zip(value, starts, strict=False):
            more = answers_of(one, place)
            if isinstance(more, ValueError):
                return more
            found += more
        return found
    return (
        [(str(value), _whole(start))]
        if isinstance(value, int | float)
        else ValueError(f"{value!r:.60} is not an answer: give a text, or a list of texts")
    )


def parsed(value: Any) -> Any:
    """A cell of delimited text that holds a list or a mapping, as such; else the cell."""
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        for read in (json.loads, ast.literal_eval):
            try:
                made = read(value.strip())
            except (ValueError, SyntaxError):
                continue
            # "[1]" is an answer; a list of answers holds texts, or mappings with a text.
            parts = made if isinstance(made, list) else [made]
            if parts and all(
                isinstance(p, str) or (isinstance(p, dict) and "text" in p) for p in parts
            ):
                return made
    return value if not hasattr(value, "tolist") else value.tolist()


def _starts(start: Any) -> Any:
    """A start, or the starts that a cell holds as a list; one alone as such."""
    start = start.tolist() if hasattr(start, "tolist") else start
    if isinstance(start, str) and start.strip()[:1] == "[":
        try:
            start = json.loads(start)
        except ValueError:
            return start
    return start[0] if isinstance(start, list) and len(start) == 1 else start


def _whole(start: Any) -> Any:
    """A start as a number where it is one in whatever spelling; None where there is none."""
    if start is None or (isinstance(start, str) and not start.strip()):
        return None
    if isinstance(start, float) and start != start:  # an empty cell of a column of numbers
        return None
    try:
        number = float(start)
    except (TypeError, ValueError):
        return start
    return int(number) if number == int(number) else start
