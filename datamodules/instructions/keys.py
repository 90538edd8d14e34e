"""The keys of a record: read by any of their names, and counted where nothing reads them."""

import json
from collections import Counter
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
        self._values = {normalize(name): (name, value) for name, value in values.items()}
        self._unread, self._place = unread, place
        self._taken: set[str] = set()

    def has(self, *names: str) -> bool:
        """Whether one of these keys has a value."""
        return any(self.find(name) is not None for name in names)

    def named(self, *names: str) -> str | None:
        """The first of these keys that is there, if with an empty value."""
        there = (n for n in names if self._values.get(n, (n, None))[1] is not None)
        return next(there, None)

    def there(self, *names: str) -> bool:
        """Whether one of these keys is there, with a value or not."""
        return any(name in self._values for name in names)

    def find(self, name: str) -> Any:
        """The value of a key, or None if it is missing or empty."""
        value = self._values.get(name, (name, None))[1]
        return None if isinstance(value, str | list | tuple | dict) and not value else value

    def take(self, *names: str) -> Any:
        """The value of the first of these keys that has one."""
        for name in names:
            if (value := self.find(name)) is not None:
                self._taken.add(name)
                return value
        return None

    def close(self) -> None:
        """Count the keys that were not taken."""
        for key, (name, _) in self._values.items():
            if key not in self._taken and self.find(key) is not None:
                self._unread[f"{self._place}{name}"] += 1


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
