"""The keys of a record: read by any of their names, and counted where nothing reads them."""

import json
from collections import Counter
from functools import lru_cache
from typing import Any

# Column names of Chinese data sets.
_NAMES = {
    "指令": "instruction",
    "输入": "input",
    "输出": "output",
    "问题": "question",
    "答案": "answer",
    "回答": "answer",
    "系统": "system",
    "历史": "history",
}


class Keys:
    """The keys of one record or message, whatever their case.

    Args:
        values: The record.
        unread: Counts the keys that have a value and that nothing has taken; see ``close``.
        place: The name of the list of which the record is an element, for these counts.
    """

    def __init__(self, values: dict[str, Any], unread: Counter[str], place: str = "") -> None:
        self._names = {normalize(name): name for name in values}
        given = {key: values[name] for key, name in self._names.items()}
        self._values = {key: value for key, value in given.items() if value is not None}
        self._filled = {
            key: value
            for key, value in self._values.items()
            if value or not isinstance(value, str | list | tuple | dict)
        }
        self._unread, self._place = unread, place
        self._taken: set[str] = set()

    def has(self, *names: str) -> bool:
        """Whether one of these keys has a value that is not empty."""
        return not self._filled.keys().isdisjoint(names)

    def named(self, *names: str) -> str | None:
        """The first of these keys that has a value, if an empty one."""
        return next((name for name in names if name in self._values), None)

    def there(self, *names: str) -> bool:
        """Whether one of these keys is there, with a value or not."""
        return not self._names.keys().isdisjoint(names)

    def find(self, name: str) -> Any:
        """The value of a key, or None if it is missing or empty."""
        return self._filled.get(name)

    def take(self, *names: str) -> Any:
        """The value of the first of these keys that has one."""
        for name in names:
            if name in self._filled:
                self._taken.add(name)
                return self._filled[name]
        return None

    def close(self) -> None:
        """Count the keys that were not taken."""
        for key in self._filled.keys() - self._taken:
            self._unread[f"{self._place}{self._names[key]}"] += 1


@lru_cache(4096)  # the same few in each record
def normalize(name: str) -> str:
    """The form of a key by which it is looked up."""
    plain = str(name).strip().lower()
    return _NAMES.get(plain, plain)


def text(value: Any) -> str:
    """Read a text, or a list of parts of one message of which each is text.

    Raises:
        ValueError: If the value is of another type, a part of another kind, or several texts.
    """
    if value is None:
        return ""
    if isinstance(value, dict):
        value = value.get("parts") or value.get("content") or [value]
    if isinstance(value, list | tuple):
        if len(value) > 1 and all(isinstance(part, str) for part in value):
            raise ValueError(f"{value!r:.40} is a list of {len(value)} texts: give one of them")
        return "".join(_part(part) for part in value)
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} is not a text: only texts are read")
    return value


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    # Arrow gives each part the keys of all parts.
    given = {k: v for k, v in part.items() if v is not None} if isinstance(part, dict) else {}
    kind = given.get("type", "text")
    if kind not in ("text", "input_text", "output_text") or not isinstance(given.get("text"), str):
        shown = f"of type {kind!r}" if given else f"{part!r:.40}"
        raise ValueError(f"a part {shown} is not a text: only texts are read")
    return given["text"]


def as_json(value: Any) -> Any:
    """Decode a list or object that a column of texts, as CSV has them, holds as JSON."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def without_nulls(value: Any) -> Any:
    """Leave out the keys without a value, which Arrow adds where other records have one."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list | tuple) else value
