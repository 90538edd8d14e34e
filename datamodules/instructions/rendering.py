"""Conversations as the text of a chat template, and a check that it writes all of them."""

from typing import Any

from datamodules.instructions.conversations import (
    Conversation,
    Message,
    as_chat,
    fields_of,
    tools_of,
    with_fields,
)

_STRANGE_ROLE = "strange_role"


def render(tokenizer, conversation: Conversation, ask: bool = False) -> str:
    """Render a conversation; with ``ask`` the beginning of the assistant's next turn follows.

    Raises:
        ValueError: With the reason, if the template refuses the conversation.
    """
    import jinja2

    try:
        return tokenizer.apply_chat_template(
            as_chat(conversation),
            tools=tools_of(conversation),
            tokenize=False,
            add_generation_prompt=ask,
        )
    except (jinja2.TemplateError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())) from None


def check_written(tokenizer, conversation: Conversation, text: str) -> None:
    """Check that a template writes the system message, and tools with their calls and results.

    Args:
        text: The conversation as the template writes it.

    Raises:
        ValueError: If it leaves one of them out, naming the message and the key.
    """
    first = conversation[0]
    if first.role == "system" and first.content.strip() not in text:
        raise ValueError(f"it does not write the system message: {_cure('the message')}")
    if missing := [(n, key) for n, key in unwritten(tokenizer, conversation) if key != "name"]:
        number, key = missing[0]
        place = "" if key == "tools" else f" of message {number}"
        named = "the text" if key == "content" else repr(key)
        raise ValueError(f"it does not write {named}{place}: {_cure('the key')}")
    # A template that knows three roles may write any other as if the assistant had said it.
    results = [n for n, message in enumerate(conversation) if message.role == "tool"]
    if results and _is_strange(tokenizer, conversation, results[0], text):
        message = f"it has no place for the role 'tool' of message {results[0] + 1}"
        raise ValueError(f"{message}: {_cure('the message')}")


def unwritten(tokenizer, conversation: Conversation) -> list[tuple[int, str]]:
    """The number of the message, from 1, and the key of all that a template leaves out.

    Each value is replaced with a mark of its own, and the marks are looked for in the text.
    """
    if not any(message.fields or message.role == "tool" for message in conversation):
        return []
    marks: dict[str, tuple[int, str]] = {}
    marked = tuple(_mark(message, n, marks) for n, message in enumerate(conversation, 1))
    text = render(tokenizer, marked)
    return [place for mark, place in marks.items() if mark not in text]


def _mark(message: Message, number: int, marks: dict[str, tuple[int, str]]) -> Message:
    def mark(key: str) -> str:
        made = f"markno{len(marks)}x"
        marks[made] = (number, key)
        return made

    fields = fields_of(message)
    for tool in fields.get("tools", []):
        tool["function"]["name"] = mark("tools")
    for call in fields.get("tool_calls", []):
        function: dict[str, Any] = call["function"]
        function["name"] = mark("tool_calls")
        function["arguments"] = {**function["arguments"], "mark": mark("tool_calls")}
    for key in ("reasoning_content", "name"):
        if key in fields:
            fields[key] = mark(key)
    if message.role == "tool":
        message = message._replace(content=mark("content"))
    return with_fields(message, fields)


def _is_strange(tokenizer, conversation: Conversation, number: int, text: str) -> bool:
    """Whether a message would read the same if its role were one that no template knows."""
    strange = list(conversation)
    strange[number] = strange[number]._replace(role=_STRANGE_ROLE)
    try:
        return render(tokenizer, tuple(strange)) == text
    except ValueError:
        return False


def _cure(what: str) -> str:
    return f"name a template that does, or remove {what}"
