"""The turns of a chat, in the forms of ShareGPT, OpenAI, LLaMA-Factory and others."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from datamodules.instructions.conversations import Message, with_fields
from datamodules.instructions.keys import Keys, as_json, text
from datamodules.instructions.tools import read_calls

_CALL = "a call"  # the message of an assistant whose content is a call of a tool
_NAMES = {
    "system": "system developer 系统",
    "user": "user human prompter 用户 人类",
    "assistant": "assistant gpt chatgpt bing bard claude model bot chatbot ai 助手 助理 模型",
    "tool": "tool function observation ipython tool_response function_response",
    _CALL: "function_call tool_call",
}
ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
_ROLE_KEYS = ("role", "from", "speaker", "sender", "author")
_CONTENT_KEYS = ("content", "value", "text", "message", "parts", "utterance")
SYSTEM_KEYS = (
    "system",
    "system_prompt",
    "system_message",
    "system_instruction",
    "systeminstruction",
    "meta_instruction",
)
REASONING_KEYS = ("reasoning_content", "thinking", "reasoning")
_LEARNED_KEYS = ("weight", "train", "training", "trainable", "loss")  # OpenAI, axolotl, ms-swift
# The keys of a message that change its meaning, and that no template takes.
_REFUSED = """images image videos video audios audio refusal loss_scale train_detail
    training_detail""".split()
# The names of question and answer in a turn that holds both.
_PAIRS = (
    ("question", "instruction", "prompt", "query", "input", *_NAMES["user"].split()),
    ("answer", "output", "response", "completion", *_NAMES["assistant"].split()),
)


def read_turns(
    turns: Any, name: str, unread: Counter[str], learned: bool = True
) -> Iterator[Message]:
    """Read a list of turns: messages, pairs of question and answer, or texts of two in turn.

    Args:
        turns: The list, or its JSON.
        name: The key that holds it, for errors.
        unread: Counts the keys of messages that nothing reads.
        learned: Whether responses are learned where they do not say so.

    Raises:
        ValueError: For a turn of another form, and for what cannot be read as text.
    """
    if isinstance(turns := as_json(turns), dict):  # Arrow's form: a list for each key
        columns = [value if isinstance(value, list) else [value] for value in turns.values()]
        turns = [dict(zip(turns, turn, strict=True)) for turn in zip(*columns, strict=False)]
    if not isinstance(turns, list):
        raise ValueError(f"{name!r} is not a list of messages, but {turns!r:.40}")
    if not turns:
        raise ValueError(f"{name!r} is empty: give it turns or remove the record")
    for number, turn in enumerate(turns, 1):
        if isinstance(turn, str):
            yield Message(("user", "assistant")[1 - number % 2], turn)
            continue
        if isinstance(turn, list) and len(turn) == 2:
            turn = dict(zip(("user", "assistant"), turn, strict=True))
        if not isinstance(turn, dict):
            raise ValueError(f"unknown format: message {number} needs 'role' and 'content'")
        keys = Keys(turn, unread, f"{name}: ")
        try:
            yield from _messages(keys, learned)
        except LookupError:
            message = f"unknown format: message {number} needs 'role' and 'content'"
            raise ValueError(message) from None
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
        keys.close()


def is_turns(value: Any) -> bool:
    """Whether a value is one message or a list of them, not a text."""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and any(key in first for key in _ROLE_KEYS)


def _messages(keys: Keys, learned: bool) -> Iterator[Message]:
    if keys.has(*_REFUSED):
        name = next(name for name in _REFUSED if keys.has(name))
        raise ValueError(f"{name!r} is not supported: remove it, or the record")
    if (typed := keys.take(*_ROLE_KEYS)) is not None:
        yield _message(keys, str(typed), learned)
        return
    found = []
    if (system := keys.take(*SYSTEM_KEYS)) is not None:
        found.append(Message("system", text(system)))
    for role, names in zip(("user", "assistant"), _PAIRS, strict=True):
        if key := keys.named(*names):
            found.append(Message(role, text(keys.take(key)), learned or role == "user"))
    if not found:
        raise LookupError
    yield from found


def _message(keys: Keys, typed: str, learned: bool) -> Message:
    if (role := ROLES.get(typed.strip().lower())) is None:
        known = ", ".join(names.split()[0] for names in _NAMES.values())
        raise ValueError(
            f"unknown role {typed!r} (there are {known}, and other names of them: docs/formats.md)"
        )
    content = keys.take(*_CONTENT_KEYS)
    fields: dict[str, Any] = {}
    if role == _CALL:
        role, content, fields["tool_calls"] = "assistant", "", read_calls(content, typed)
    elif role == "assistant" and keys.has("tool_calls", "function_call"):
        key = "tool_calls" if keys.has("tool_calls") else "function_call"
        fields["tool_calls"] = read_calls(keys.take(key), key)
    elif content is None and not keys.there(*_CONTENT_KEYS, *REASONING_KEYS):
        raise LookupError
    if role == "assistant" and (reasoning := keys.take(*REASONING_KEYS)) is not None:
        fields["reasoning_content"] = text(reasoning)
    if role == "tool" and (call := keys.take("tool_call_id")) is not None:
        fields["tool_call_id"] = call
    if (name := keys.take("name")) is not None:
        fields["name"] = text(name)
    if role == "tool" and isinstance(content, dict):  # a result that is no text yet
        content = json.dumps(content, ensure_ascii=False)
    counts = _is_learned(keys, role, learned or role != "assistant")
    return with_fields(Message(role, text(content), counts), fields)


def _is_learned(keys: Keys, role: str, learned: bool) -> bool:
    """Read whether a message counts in the loss. Of the assistant's, all do by default."""
    if not keys.has(*_LEARNED_KEYS):
        return learned
    values = [(name, keys.take(name)) for name in _LEARNED_KEYS if keys.has(name)]
    for name, value in values:
        if value not in (0, 1):
            raise ValueError(f"{name!r} is {value!r:.40}: it must be 0 or 1, or true or false")
        if value and role != "assistant":
            raise ValueError(f"{name!r} of a message of {role}: only responses are learned")
    return all(value for _, value in values)
