"""A record of any known format as a conversation."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from datamodules.instructions.conversations import (
    Conversation,
    Message,
    check_roles,
    fields_of,
    with_fields,
)
from datamodules.instructions.keys import Keys, as_json, text
from datamodules.instructions.marked_texts import EXAMPLE, turns_of
from datamodules.instructions.tools import read_calls, read_tools
from datamodules.instructions.turns import REASONING_KEYS, SYSTEM_KEYS, is_turns, read_turns

FORMATS = (
    "messages or conversations, instruction (with input) and output, prompt and completion, "
    f"question and answer, or a text with marks of turns such as {EXAMPLE}"
)
_TURNS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "contents")
# The names of a question; of the texts before it and behind it; and of its answer, best first.
_QUESTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "instruction": ((), ("question", "query", "input", "context"), ("output", "response")),
    "prompt": ((), ("input", "context"), ("completion", "response", "output")),
    "question": (("context",), ("input",), ("answer", "response", "output")),
    "query": (("context",), ("input",), ("response", "answer", "output")),
    "problem": (("context",), (), ("solution", "answer", "response")),
    "inputs": (("definition", "context"), (), ("targets", "target", "outputs")),
    "input": (("definition", "context"), (), ("output", "target", "response")),
    "input_text": ((), (), ("output_text", "target_text")),
    "user": ((), (), ("assistant", "bot")),
    "human": ((), (), ("assistant", "bot", "gpt")),
}
_ANSWERS = """output response completion answer targets target outputs solution reply answers
    output_text target_text assistant bot gpt""".split()
_PREFERENCE = """chosen rejected chosen_response rejected_response response_chosen response_rejected
    rejected_messages preferred_output non_preferred_output kto_tag""".split()
_NOT_TEXT = "images image videos video audios audio".split()
_CHOICES = ("choices", "options")
_MARKED = "text"  # a whole conversation
KNOWN = {*_TURNS, *_QUESTIONS, *_ANSWERS, *_PREFERENCE, _MARKED}


def read_record(values: dict[str, Any], unread: Counter[str]) -> Conversation:
    """Read the conversation of a record; a file may mix the formats.

    Args:
        values: The record.
        unread: Counts the keys that have a value and that nothing reads.

    Raises:
        ValueError: For an unknown format, a record without a response, roles out of order, and a
            key that would change the meaning and is not supported.
    """
    counted: Counter[str] = Counter()  # a record that is left out does not count
    keys = Keys(values, counted)
    _refuse(keys)
    system = text(as_json(keys.take(*SYSTEM_KEYS)))
    tools = [tool for key in ("tools", "functions") for tool in read_tools(keys.take(key) or [])]
    past = keys.take("history")
    found = list(read_turns(past, "history", counted)) if past else []
    if name := keys.named(*(n for n in _TURNS if _is_list(keys.find(n)))):
        found += read_turns(keys.take(name), name, counted)
    elif (name := keys.named(*_QUESTIONS, *_ANSWERS)) is not None:
        found += _question_and_answer(keys, counted)
    elif name := keys.named(*_TURNS):
        found += read_turns(keys.take(name) or [], name, counted)  # says why it cannot be read
    elif turns := turns_of(text(keys.take(_MARKED))):
        found += read_turns(turns, _MARKED, counted)
    else:
        raise ValueError(f"unknown format: a record has {FORMATS}")
    first = 1
    if system.strip():
        own = found[0].content.strip() if found and found[0].role == "system" else None
        if own not in (None, "", system.strip()):
            raise ValueError("two system messages, of the record and of message 1: keep one")
        first = int(own is not None)
        found = [Message("system", system), *found[first:]]
    conversation = check_roles(found, first)
    keys.close()
    unread.update(counted)
    if tools:
        fields = fields_of(conversation[0]) | {"tools": tools}
        conversation = (with_fields(conversation[0], fields), *conversation[1:])
    return conversation


def _is_list(value: Any) -> bool:
    return isinstance(as_json(value), list | dict)


def _refuse(keys: Keys) -> None:
    if keys.has(*_PREFERENCE):
        name = next(name for name in _PREFERENCE if keys.has(name))
        raise ValueError(
            f"preference data: {name!r} says which response is better, and only one response is "
            "learned; keep that one, as output or in messages"
        )
    if keys.has(*_NOT_TEXT):
        name = next(name for name in _NOT_TEXT if keys.has(name))
        raise ValueError(f"{name!r} is not a text: only texts are read")
    if isinstance(keys.find("label"), bool):
        raise ValueError(
            "preference data: 'label' says whether the response is good; keep the good ones and "
            "remove the key"
        )
    if keys.find("weight") not in (None, 1):
        raise ValueError("'weight' of a record is not supported: remove it; a message may have one")
    if keys.has("chat_template_kwargs"):
        raise ValueError("'chat_template_kwargs' is not supported: write it into --data.template")
    if keys.find("unmask"):
        raise ValueError("'unmask' is not supported: remove it, and take --data.loss all instead")


def _question_and_answer(keys: Keys, unread: Counter[str]) -> Iterator[Message]:
    """Read a question with what belongs to it, and its answer."""
    if keys.has(*_CHOICES):
        raise ValueError(
            f"{keys.named(*_CHOICES)!r} would not be shown: write them into the question"
        )
    name, key = keys.named(*_QUESTIONS), keys.named(*_ANSWERS)
    if not name:
        raise ValueError(
            f"no instruction: there is {key!r}, but no question; a record has {FORMATS}"
        )
    name = next((n for n in _QUESTIONS if keys.has(n)), name)
    before, behind, answers = _QUESTIONS[name]
    asked = keys.take(name)
    if is_turns(asked):
        turns = asked if isinstance(asked, list) else [asked]
        yield from read_turns(turns, name, unread, learned=False)
    else:
        parts = [keys.take(n) for n in before], [asked], [keys.take(n) for n in behind]
        texts = [text(part) for some in parts for part in some]
        yield Message("user", "\n\n".join(part for part in texts if part.strip()))
    key = next((n for n in (*answers, *_ANSWERS) if keys.has(n)), "")
    answer = as_json(keys.take(key)) if key == "answers" else keys.take(key)
    if is_turns(answer):
        yield from read_turns(answer if isinstance(answer, list) else [answer], key, unread)
        return
    if key == "answers" and isinstance(answer, dict):  # SQuAD's, of several readers
        answer = (answer.get("text") or [None])[:1]
    if key == "answers" and isinstance(answer, list) and isinstance(answer[0], dict):
        yield with_fields(Message("assistant", ""), {"tool_calls": read_calls(answer, key)})
        return
    message = Message("assistant", text(answer))
    reasoning = keys.take(*REASONING_KEYS[:2])  # "reasoning" is the name of other things as well
    yield with_fields(message, {"reasoning_content": text(reasoning)} if reasoning else {})
