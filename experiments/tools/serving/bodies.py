"""What clients send: checked key by key, and refused in one sentence."""

import json
import math
import re
from typing import Any, NamedTuple

from datamodules.spelling import did_you_mean

_SURROGATE = re.compile("[\ud800-\udfff]")
_ROLES = ("system", "user", "assistant")
_SHOWN = 40  # characters of what a client sent, in a sentence about it


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        message: The sentence that tells why.
        status: The status of HTTP.
    """

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.message, self.status = message, status


class Asked(NamedTuple):
    """What a client asks to predict.

    Attributes:
        texts: The texts, or pairs of texts.
        single: Whether one text was sent alone, so that one answer goes back alone.
        top: The number of likeliest labels wanted; None for all.
        max_new_tokens: The most tokens of an answer; None for the default.
    """

    texts: list[Any]
    single: bool
    top: int | None
    max_new_tokens: int | None


class AskedChat(NamedTuple):
    """What a client asks of a chat model; the settings are as in ``pretune chat``."""

    messages: list[dict[str, str]]
    max_new_tokens: int
    temperature: float
    top_p: float | None
    seed: int
    stream: bool


def parsed(raw: bytes) -> dict[str, Any]:
    """The object of a body in JSON.

    Raises:
        Refused: If it is not one, or a key stands in it twice.
    """
    try:
        found = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once)
    except RecursionError:
        raise Refused("the body nests too deeply", 400) from None
    except UnicodeDecodeError:
        raise Refused("the body is not UTF-8", 400) from None
    except json.JSONDecodeError as error:
        raise Refused(f"the body is not JSON: {error}", 400) from None
    except ValueError:
        raise Refused("the body has a number of too many digits", 400) from None
    if not isinstance(found, dict):
        raise Refused(f"the body is {_kind(found)}, and an object with keys is expected")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Refused(f"the key {_quoted(key)} stands twice in an object", 400)
        found[key] = value
    return found


def to_predict(
    body: dict[str, Any],
    pairs: bool,
    alone: bool,
    labels: int,
    most_texts: int,
    most_tokens: int | None,
) -> Asked:
    """Reads what is to be predicted.

    Args:
        body: The object that was sent.
        pairs: Whether the model reads pairs of texts.
        alone: Whether the second text of a pair may be left out.
        labels: The number of its labels; 0 if it has none.
        most_texts: The most texts of a request.
        most_tokens: The most tokens of an answer; None if the model writes none.

    Raises:
        Refused: If a key is unknown or missing, or a value cannot be used.
    """
    known = ["text", "texts"] + ["pair"] * pairs
    known += ["top"] * bool(labels) + ["max_new_tokens"] * bool(most_tokens)
    if not pairs and "pair" in body:
        raise Refused('this model reads one text at a time, and no "pair"')
    _check_keys(body, known)
    if "text" in body and "texts" in body:
        raise Refused('the body has both "text" and "texts": send one of them')
    if "text" not in body and "texts" not in body:
        raise Refused('the body has neither "text" nor "texts"')
    if "text" in body:
        row = {key: body[key] for key in ("text", "pair") if key in body}
        texts = [_row(row, pairs, alone, "")]
    else:
        if "pair" in body:
            raise Refused('"pair" belongs to "text"; in "texts", send [text, pair] for each')
        rows = body["texts"]
        if not isinstance(rows, list):
            raise Refused(f'"texts" is {_kind(rows)}, and a list is expected')
        if not 0 < len(rows) <= most_texts:
            raise Refused(f'"texts" has {len(rows):,} items; 1 to {most_texts:,} are read')
        texts = [_row(row, pairs, alone, f'"texts", item {n}') for n, row in enumerate(rows, 1)]
    return Asked(
        texts,
        "text" in body,
        _whole(body, "top", None, 1, labels),
        _whole(body, "max_new_tokens", None, 1, most_tokens or 1),
    )


def to_chat(body: dict[str, Any], most_tokens: int) -> AskedChat:
    """Reads a chat.

    Args:
        body: The object that was sent.
        most_tokens: The most tokens of an answer.

    Raises:
        Refused: If a key is unknown or missing, or a value cannot be used.
    """
    _check_keys(body, ["messages", "max_new_tokens", "temperature", "top_p", "seed", "stream"])
    rows = body.get("messages")
    if not isinstance(rows, list) or not rows:
        what = "is an empty list" if rows == [] else f"is {_kind(rows)}"
        what = what if "messages" in body else "is missing"
        raise Refused(f'"messages" {what}; send a list such as [{{"role": "user", "content": ""}}]')
    messages = [_message(row, number) for number, row in enumerate(rows, 1)]
    if messages[-1]["role"] != "user":
        raise Refused("the last message is not by the user: there is nothing to answer")
    stream = body.get("stream", False)
    if not isinstance(stream, bool):
        raise Refused(f'"stream" is {_kind(stream)}, and true or false is expected')
    return AskedChat(
        messages,
        _whole(body, "max_new_tokens", most_tokens, 1, most_tokens) or most_tokens,
        _number(body, "temperature", 0.7, 0, 100),
        _number(body, "top_p", 0.95, 1e-6, 1),
        _whole(body, "seed", 0, 0, 2**63 - 1) or 0,
        stream,
    )


def _message(row: Any, number: int) -> dict[str, str]:
    where = f'"messages", item {number}'
    if not isinstance(row, dict):
        raise Refused(f"{where}: is {_kind(row)}, and an object is expected")
    _check_keys(row, ["role", "content"], f"{where}: ")
    role = row.get("role")
    if role not in _ROLES or (role == "system" and number > 1):
        first = " (system only in the first)" if role == "system" else ""
        raise Refused(f'{where}: its "role" is none of {", ".join(_ROLES)}{first}')
    return {"role": role, "content": _text(row, "content", f"{where}: ")}


def _row(row: Any, pairs: bool, alone: bool, where: str) -> Any:
    lead = f"{where}: " if where else ""
    if alone and (isinstance(row, str) or (isinstance(row, dict) and row.get("pair", "") == "")):
        pairs = False
        row = row if isinstance(row, str) else {n: v for n, v in row.items() if n != "pair"}
    if pairs and isinstance(row, list):
        if len(row) != 2:
            raise Refused(f"{lead}is a list of {len(row)}, and [text, pair] is expected")
        row = dict(zip(("text", "pair"), row, strict=True))
    if not pairs and isinstance(row, str):
        return _text({where: row}, where, "")
    if not isinstance(row, dict):
        wanted = "[text, pair]" if pairs else "a text"
        raise Refused(f"{lead}is {_kind(row)}, and {wanted} is expected")
    columns = ["text", "pair"] if pairs else ["text"]
    _check_keys(row, columns, lead)
    texts = tuple(_text(row, name, lead) for name in columns)
    return texts if pairs else texts[0]


def _text(row: dict[str, Any], key: str, lead: str) -> str:
    name = key if key.startswith('"') else f'"{key}"'
    if key not in row:
        raise Refused(f"{lead}{name} is missing")
    value = row[key]
    if not isinstance(value, str):
        raise Refused(f"{lead}{name} is {_kind(value)}, and a text is expected")
    if not value.strip():
        raise Refused(f"{lead}{name} is empty")
    if "\0" in value:
        raise Refused(f"{lead}{name} has a NUL at character {value.index(chr(0)) + 1:,}")
    if found := _SURROGATE.search(value):
        half = f"\\u{ord(found[0]):04x} at character {found.start() + 1:,}"
        raise Refused(f"{lead}{name} has half of a surrogate pair, {half}")
    return value


def _check_keys(row: dict[str, Any], known: list[str], lead: str = "") -> None:
    for key in row:
        if key not in known:
            hint = did_you_mean(key, known) or f"; known are {', '.join(known)}"
            raise Refused(f"{lead}unknown key {_quoted(key)}{hint}")


def _whole(body: dict[str, Any], key: str, default: int | None, low: int, high: int) -> int | None:
    value = body.get(key, default)
    if key in body and (isinstance(value, bool) or not isinstance(value, int)):
        raise Refused(f'"{key}" is {_kind(value)}, and a whole number is expected')
    if value is not None and not low <= value <= high:
        raise Refused(f'"{key}" lies outside of {low} to {high}')
    return value


def _number(body: dict[str, Any], key: str, default: float, low: float, high: float) -> float:
    value = body.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f'"{key}" is {_kind(value)}, and a number is expected')
    if not (math.isfinite(value) and low <= value <= high):
        raise Refused(f'"{key}" lies outside of {low:g} to {high:g}')
    return float(value)


def _kind(value: Any) -> str:
    """What JSON calls a value."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    kinds = {str: "a text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")


def _quoted(key: str) -> str:
    return json.dumps(key if len(key) <= _SHOWN else f"{key[:_SHOWN]}...")
