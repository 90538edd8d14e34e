"""Records of instructions and answers, in any of three formats, as checked conversations."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from datamodules.files import Table

FORMATS = "messages, conversations, or instruction (with input) and output"
# The names of the roles in ShareGPT's dumps and similar files.
_ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}


class Message(NamedTuple):
    """The message of one role: system, user or assistant."""

    role: str
    content: str


# Perhaps a system message, then user and assistant in turn; the assistant has the last word.
Conversation = tuple[Message, ...]


def as_chat(conversation: Conversation) -> list[dict[str, str]]:
    """Convert a conversation to the form that chat templates take."""
    return [message._asdict() for message in conversation]


def responses(conversation: Conversation) -> list[str]:
    """The messages of the assistant."""
    return [message.content for message in conversation if message.role == "assistant"]


def question(conversation: Conversation) -> str:
    """The first message of the user, by which a conversation is known."""
    return next(message.content for message in conversation if message.role == "user")


def conversations(table: Table) -> list[Conversation]:
    """Read a conversation from each row of a table.

    Raises:
        ValueError: For an unknown format, a record without a response, or roles out of order, with
            the file and row.
    """
    columns = table.columns
    if not {"messages", "conversations", "instruction"} & columns.keys():
        there = ", ".join(repr(name) for name in columns)
        raise table.fault(f"unknown format (columns {there}): a record has {FORMATS}", "source")
    found = []
    for row in range(len(table.rows)):
        record = {name: column[row] for name, column in columns.items()}
        try:
            found.append(_check_roles(_messages(record)))
        except ValueError as error:
            raise table.fault(str(error), "source", row) from None
    return found


def _messages(record: dict[str, Any]) -> Iterator[Message]:
    """Read the messages of a record in any of the formats; a file may mix them."""
    there = {name for name, value in record.items() if value is not None}
    if "messages" in there:
        return _from_turns(record["messages"], "messages", "role", "content")
    if "conversations" in there:
        return _from_turns(record["conversations"], "conversations", "from", "value")
    if "instruction" in there:
        answer = record.get("output") if "output" in there else record.get("response")
        return _from_instruction(record["instruction"], record.get("input"), answer)
    raise ValueError(f"unknown format: a record has {FORMATS}")


def _from_instruction(instruction: Any, more: Any, output: Any) -> Iterator[Message]:
    parts = [_text(part) for part in (instruction, more)]
    yield Message("user", "\n\n".join(part for part in parts if part.strip()))
    yield Message("assistant", _text(output))


def _from_turns(turns: Any, name: str, role: str, content: str) -> Iterator[Message]:
    if not isinstance(turns, list) or not turns:
        raise ValueError(f"{name!r} is empty: give it turns or remove the record")
    for number, turn in enumerate(turns, 1):
        if not isinstance(turn, dict) or not {role, content} <= turn.keys():
            raise ValueError(f"unknown format: message {number} needs {role!r} and {content!r}")
        if (known_role := _ROLES.get(str(turn[role]).lower())) is None:
            known = ", ".join(_ROLES)
            raise ValueError(f"message {number}: unknown role {turn[role]!r} (there are {known})")
        yield Message(known_role, _text(turn[content]))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} is not a text: only texts are read")
    return value


def _check_roles(messages: Iterator[Message]) -> Conversation:
    found = tuple(messages)
    if found[0].role == "system" and not found[0].content.strip():
        found = found[1:]
    begins = int(bool(found) and found[0].role == "system")
    for number, message in enumerate(found[begins:]):
        wanted = ("user", "assistant")[number % 2]
        place = f"message {number + begins + 1}"
        if message.role != wanted:
            raise ValueError(
                f"roles out of order: {place} is of {message.role}, where {wanted} is due"
            )
        if not message.content.strip():
            lack = "no response" if wanted == "assistant" else "no instruction"
            raise ValueError(f"{lack}: {place} is empty; fill it in or remove the record")
    if len(found) == begins or found[-1].role == "user":
        raise ValueError("no response: the last word is not the assistant's")
    return found
