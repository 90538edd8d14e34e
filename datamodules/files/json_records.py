"""Records out of JSON: one a line, an array, an object around an array, or one after another."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from datamodules.files.containers import Content
from datamodules.files.encodings import text_chunks, text_lines, undecodable
from datamodules.files.table import BadRow

Records = Iterator[tuple[int, dict[str, Any] | BadRow]]

CHUNK = 2**20  # characters that are read at a time
INDENT = 200  # characters before a record that are kept, to find the next one after a fault
HEAD = 2**16  # characters that tell how the records are arranged
_NO_OBJECT = "is not a JSON object: put one object on a line"
_WRAPPERS = {"data", "rows", "records", "examples", "instances", "items", "samples", "documents"}
_CHATS = {"messages", "conversations"}
_BETWEEN = re.compile(r"[\s,\ufeff]*")


def looks_like_json(start: str, named_otherwise: bool) -> bool:
    """Whether a text begins as JSON records do.

    Args:
        named_otherwise: Whether the file has the name of another format: its first line must be an
            object then.
    """
    if named_otherwise:
        return start.lstrip()[:1] == "{" and _is_object(start.strip().partition("\n")[0])
    return bool(re.match(r'\s*(\{\s*["}]|\[\s*[{\[])', start))


def read_json(inside: Content, encoding: str) -> Records:
    """Read the records of a file, each with its row: its line, or its place in an array.

    Raises:
        ValueError: If no line begins as JSON does.
    """
    head = next(text_chunks(inside, encoding, HEAD), "")
    lines = [line for line in re.split(r"\r\n?|\n", head) if line.strip()]
    if len(head) == HEAD and len(lines) < 50:
        del lines[-1:]  # it may go on
    lines = lines[:50]
    first = head.lstrip()[:1]
    if first not in ("{", "[") and not any(line.lstrip()[:1] in "{[" for line in lines):
        raise ValueError("is not JSON: its name should end in .csv, .txt or the like")
    alone = sum(_is_object(line) for line in lines)
    if first != "[" and lines and alone * 2 >= len(lines):
        yield from _unwrapped(_of_lines(text_lines(inside, encoding), encoding))
    else:
        yield from _unwrapped(_of_text(text_chunks(inside, encoding, CHUNK), encoding))


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _of_lines(lines: Iterator[str], encoding: str) -> Iterator[tuple[int, Any]]:
    for row, line in enumerate(lines, 1):
        if bad := undecodable(line, encoding):
            yield row, BadRow(bad)
        elif line.strip():
            try:
                yield row, _whole(json.loads(line), line)
            except json.JSONDecodeError as error:
                reason = f"is not JSON ({error.msg}, column {error.colno})"
                yield row, BadRow(f"{reason}: put one object on a line")
            except (ValueError, RecursionError) as error:
                yield row, BadRow(f"is not JSON ({str(error).splitlines()[0]}): repair it")


def _whole(value: Any, source: str) -> Any:
    r"""The value, or why it cannot be used: half of a pair such as \ud83d\ude00 is no character."""
    if "\\ud" not in source and "\\uD" not in source:
        return value
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        return BadRow(f"holds half a character ({half}): repair it")
    return value


def _of_text(chunks: Iterator[str], encoding: str) -> Iterator[tuple[int, Any]]:
    """Read values that may span lines, and the elements of arrays between them."""
    decoder = json.JSONDecoder()
    text, at, line, size, ended, array, number = "", 0, 1, CHUNK, False, False, 0

    def more() -> str:
        parts, length = [], 0
        while length < size and (part := next(chunks, "")):
            parts.append(part)
            length += len(part)
        return "".join(parts)

    while True:
        matched = _BETWEEN.match(text, at)
        assert matched is not None
        line += text.count("\n", at, matched.end())
        at = matched.end()
        if at == len(text):
            text, at = more(), 0
            if not text:
                if array:
                    yield number + 1, BadRow("is not JSON (ends in the middle): close the array")
                return
            continue
        if text[at] in "[]" and (text[at] == "]") == array:
            array, at = not array, at + 1
            continue
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            place = getattr(error, "pos", len(text))
            cut = place > len(text) - 32 or "Unterminated" in str(error)
            if cut and not ended:
                size = max(CHUNK, len(text) - at)
                added, begin = more(), text.rfind("\n", max(0, at - INDENT), at) + 1 or at
                text, at, ended = text[begin:] + added, at - begin, not added
                continue
            row = number + 1 if array else line
            where = f"line {line + text.count(chr(10), at, place)}"
            reason = f"{getattr(error, 'msg', error)}, {where}"
            yield row, BadRow(f"is not JSON ({reason}): repair it, or close the array")
            # The next record begins as this one does, not as an object inside of it.
            indent = text[text.rfind("\n", 0, at) : at]
            end = len(text) if indent.strip() else text.find(f"{indent or chr(10)}{{", at)
            end = end if end >= 0 else len(text)
            array = array and end < len(text)
            number += array
            line, at = line + text.count("\n", at, end), end
            continue
        number += array
        bad = undecodable(text[at:end], encoding)
        yield number if array else line, BadRow(bad) if bad else _whole(value, text[at:end])
        line, at = line + text.count("\n", at, end), end


def _unwrapped(rows: Iterator[tuple[int, Any]]) -> Records:
    """Look into a single object for the records: {"data": [...]}, or one list for each column."""
    values = list(islice(rows, 2))
    if len(values) == 1 and isinstance(values[0][1], dict):
        found = _inside(values[0][1])
        values = values if found is None else list(enumerate(found, 1))
    yield from read_values(chain(values, rows))


def read_values(rows: Iterable[tuple[int, Any]]) -> Records:
    """Check that the values of rows are records."""
    for row, value in rows:
        yield row, value if isinstance(value, dict | BadRow) else BadRow(_NO_OBJECT)


def _inside(value: dict[str, Any]) -> list | None:
    """The records inside of an object; None if it is a record itself."""
    names, rows = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(rows, list):  # of pandas, orient="split"
        return [dict(zip(names, row, strict=False)) for row in rows]
    for name, records in value.items():
        around = name in _WRAPPERS or (len(value) == 1 and name not in _CHATS)
        if around and isinstance(records, list) and records and isinstance(records[0], dict):
            return records
    columns = list(value.values())
    if len(columns) < 2 or any(type(c) is not type(columns[0]) or not c for c in columns):
        return None
    if isinstance(columns[0], dict):  # of pandas, orient="columns" or orient="index"
        if all(map(str.isdecimal, value)):
            return columns
        same = all(c.keys() == columns[0].keys() for c in columns)
        if not same or not all(map(str.isdecimal, columns[0])):
            return None
        return [{name: c[key] for name, c in value.items()} for key in columns[0]]
    if isinstance(columns[0], list) and len(columns[0]) > 1 and len(set(map(len, columns))) == 1:
        return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    return None
