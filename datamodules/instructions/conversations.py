"""Checked conversations: what was said by whom, which responses are learned, and the tools."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple


class Message(NamedTuple):
    """The message of one role: system, user, assistant or tool.

    Attributes:
        role: The role.
        content: The text.
        learned: Whether a response is learned; one that is not is context for those after it.
        fields: The further keys that a chat template takes, as a JSON object, or nothing: name,
            tool_calls, tool_call_id and reasoning_content. The first message has ``tools``, those
            that the conversation may call.
    """

    role: str
    content: str
    learned: bool = True
    fields: str = ""


# Perhaps a system message, then user and assistant in turn; the assistant has the last word.
# Between two messages of the assistant there may be messages of tools instead of the user's.
Conversation = tuple[Message, ...]


def fields_of(message: Message) -> dict[str, Any]:
    """The further keys of a message."""
    return json.loads(message.fields) if message.fields else {}


def with_fields(message: Message, fields: dict[str, Any]) -> Message:
    """Set the further keys of a message."""
    if not fields and not message.fields:
        return message
    return message._replace(fields=json.dumps(fields, ensure_ascii=False) if fields else "")


def tools_of(conversation: Conversation) -> list[dict[str, Any]] | None:
    """The tools that a conversation may call, as chat templates take them."""
    return fields_of(conversation[0]).get("tools") if conversation else None


def as_chat(conversation: Conversation) -> list[dict[str, Any]]:
    """Convert a conversation to the form that chat templates take."""
    return [
        {"role": message.role, "content": message.content}
        | {name: value for name, value in fields_of(message).items() if name != "tools"}
        for message in conversation
    ]


def to_plain(conversation: Conversation) -> list[tuple]:
    """Convert a conversation to JSON's types, for digests: mostly pairs of role and content."""
    return [m if m.fields or not m.learned else (m.role, m.content) for m in conversation]


def responses(conversation: Conversation) -> list[str]:
    """The messages of the assistant."""
    return [message.content for message in conversation if message.role == "assistant"]


def question(conversation: Conversation) -> str:
    """The first message of the user, by which a conversation is known."""
    return next(message.content for message in conversation if message.role == "user")


def check_roles(messages: Sequence[Message], first: int = 1) -> Conversation:
    """Check the order of the roles, and that each message says something.

    Args:
        messages: The messages of a record. An empty system message is left out.
        first: The number of the first one, for errors.

    Raises:
        ValueError: If the conversation has no response, or if it is out of order.
    """
    found: list[Message] = []
    for number, message in enumerate(messages, first):
        if message.role == "system" and not found:
            if message.content.strip():
                found.append(message)
            continue
        last = found[-1].role if found else "system"
        due = {"assistant": ("user", "tool"), "tool": ("assistant", "tool"), "user": ("assistant",)}
        place, wanted = f"message {number}", due.get(last, ("user",))
        if message.role not in wanted:
            raise ValueError(
                f"roles out of order: {place} is of {message.role}, where {wanted[0]} is due"
            )
        empty = not message.content.strip() and message.role != "tool"
        if empty and "tool_calls" not in fields_of(message):
            lack = "no response" if message.role == "assistant" else "no instruction"
            raise ValueError(f"{lack}: {place} is empty; fill it in or remove the record")
        found.append(message)
    if not found or found[-1].role != "assistant":
        raise ValueError("no response: the last word is not the assistant's")
    return tuple(found)


def digest(splits: list[list[Conversation]]) -> str:
    """The beginning of the SHA-256 over the conversations of some splits."""
    whole = json.dumps([[to_plain(one) for one in split] for split in splits])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]
