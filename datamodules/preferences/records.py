"""A record as two answers to a prompt, or as one answer that is good or bad."""

from collections import Counter
from typing import Any, NamedTuple

from datamodules.instructions.conversations import Conversation, fields_of
from datamodules.instructions.keys import Keys, as_json, normalize
from datamodules.instructions.marked_texts import turns_of
from datamodules.instructions.records import read_record
from datamodules.instructions.turns import SYSTEM_KEYS, is_turns

FORMATS = (
    "chosen and rejected answers, with their prompt or as whole conversations, or prompt, "
    "completion and label"
)
_CHOSEN = ("chosen", "chosen_response", "response_chosen", "preferred_output", "preferred")
_REJECTED = (
    *("rejected", "rejected_response", "response_rejected", "non_preferred_output"),
    *("rejected_messages", "dispreferred"),
)
_PROMPTS = ("prompt", "messages", "conversations", "question", "instruction", "input")
_LABELS = ("label", "kto_tag", "desirable")
KNOWN = {*_CHOSEN, *_REJECTED, *_LABELS}
_VALUES = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
_VALUES |= {"desirable": True, "undesirable": False, "good": True, "bad": False}


class Example(NamedTuple):
    """A prompt with its answers.

    Attributes:
        answer: A conversation; its last message is the chosen answer, or the only one.
        rejected: The same with the rejected answer; None where there is a label instead.
        good: Whether the answer is a good one.
    """

    answer: Conversation
    rejected: Conversation | None
    good: bool = True


def read_example(values: dict[str, Any], unread: Counter[str]) -> Example:
    """Read a record.

    Args:
        values: The record.
        unread: Counts the keys that have a value and that nothing reads.

    Raises:
        ValueError: For an unknown format, an empty answer, answers to different prompts, and
            answers that are equal.
    """
    names = {normalize(name): name for name in values}
    rest = {name: v for key, name in names.items() if key not in KNOWN for v in [values[name]]}
    chosen = next((names[key] for key in _CHOSEN if key in names), None)
    rejected = next((names[key] for key in _REJECTED if key in names), None)
    label = next((names[key] for key in _LABELS if key in names), None)
    if chosen is None and rejected is None and label is not None:
        return Example(_last_learned(read_record(rest, unread)), None, _label(values[label], label))
    if chosen is None or rejected is None:
        lone = chosen or rejected
        lack = f"there is {lone!r} and not the other answer; " if lone else ""
        raise ValueError(f"unknown format: {lack}a record has {FORMATS}")
    if label is not None:
        unread[label] += 1  # the two answers say which is better
    one = _answered(rest, chosen, values[chosen], unread)
    two = _answered(rest, rejected, values[rejected], Counter())  # of the same other keys
    if one[:-1] != two[:-1]:
        raise ValueError(
            f"{chosen!r} and {rejected!r} answer different prompts: they may differ in the last "
            f"message alone; repair or remove the record"
        )
    if (one[-1].content.strip(), one[-1].fields) == (two[-1].content.strip(), two[-1].fields):
        raise ValueError(f"{chosen!r} and {rejected!r} are equal: repair or remove the record")
    return Example(one, two)


def _answered(rest: dict[str, Any], name: str, value: Any, unread: Counter[str]) -> Conversation:
    """Read a conversation with one of the answers."""
    try:
        turns = _turns(value)
        if turns is None and not (isinstance(value, str) and value.strip()):
            what = "is empty" if not str(value).strip() else f"is no text ({value!r:.40})"
            raise ValueError(f"{what}: fill it in or remove the record")
        if turns is None or (len(turns) == 1 and not _is_user(turns[0])):
            found = _with_answer(rest, value if turns is None else turns[0], unread)
        else:
            counted: Counter[str] = Counter()  # a record that is left out does not count
            keys = Keys(rest, counted)
            system = {key: keys.take(key) for key in SYSTEM_KEYS if keys.has(key)}
            found = read_record({**system, "messages": turns}, Counter())
            _check_prompt(rest, found)
            for key in _PROMPTS:
                keys.take(key)
            keys.close()
            unread.update(counted)
        return _last_learned(found)
    except ValueError as error:
        raise ValueError(f"{name!r}: {error}") from None


def _with_answer(rest: dict[str, Any], answer: Any, unread: Counter[str]) -> Conversation:
    """Read a prompt in any form of a record, with an answer: a text, or one message."""
    said = answer if isinstance(answer, dict) else {"role": "assistant", "content": answer}
    for name, value in rest.items():
        if normalize(name) in _PROMPTS and (turns := _turns(value)) is not None:
            others = {key: v for key, v in rest.items() if key != name}
            return read_record({**others, "messages": [*turns, said]}, unread)
    if not {*map(normalize, rest)} - {*SYSTEM_KEYS}:
        raise ValueError(f"has no prompt; a record has {FORMATS}")
    text = said.get("content", said.get("value"))
    return read_record({**rest, "completion": text}, unread)


def _check_prompt(rest: dict[str, Any], found: Conversation) -> None:
    """Refuse a conversation whose prompt is another than the record's own.

    Raises:
        ValueError: If it is.
    """
    said = {message.content.strip() for message in found[:-1]}
    for name, value in rest.items():
        if normalize(name) not in _PROMPTS or not value:
            continue
        turns = _turns(value) or [{"content": value}]
        texts = [turn.get("content", turn.get("value")) for turn in turns]
        if not {text.strip() for text in texts if isinstance(text, str)} <= said:
            raise ValueError(f"answers a different prompt than {name!r}: remove one of the two")


def _turns(value: Any) -> list[dict[str, Any]] | None:
    """Return a value as messages; None of a text that is none."""
    value = as_json(value)
    if isinstance(value, str):
        return turns_of(value, strict=True)
    if isinstance(value, dict) and isinstance(value.get("messages"), list):  # OpenAI's
        value = value["messages"]
    if not is_turns(value):
        return None
    return value if isinstance(value, list) else [value]


def _is_user(turn: dict[str, Any]) -> bool:
    return str(turn.get("role", turn.get("from"))).lower() in ("user", "human", "system")


def _label(value: Any, name: str) -> bool:
    key = value.strip().lower() if isinstance(value, str) else value
    if isinstance(key, bool | int | float | str) and key in _VALUES:
        return _VALUES[key]
    raise ValueError(f"{name!r} is {value!r:.40}: it has to be true or false, or 1 or 0")


def _last_learned(conversation: Conversation) -> Conversation:
    """Mark the last message as the answer: what was said before is its prompt."""
    *before, last = conversation
    if "tool_calls" in fields_of(last) and not last.content.strip():
        raise ValueError("the answer is a call of a tool: only texts are compared")
    return (
        *(message._replace(learned=message.role != "assistant") for message in before),
        last._replace(learned=True),
    )
