"""The places of the responses in the text of a conversation."""

import re
from typing import Any, NamedTuple, cast

from datamodules.instructions.conversations import Conversation, as_chat, fields_of, tools_of
from datamodules.instructions.rendering import render

_GENERATION_MARK = re.compile(r"\{%-?\s*generation\s*-?%\}")
_FEW = 3  # responses, of each of which the prompt is rendered


class Span(NamedTuple):
    """The characters of a response, from start to stop; perhaps one token more belongs to it."""

    start: int
    stop: int
    closed: bool  # whether the token that ends it lies inside
    learned: bool = True


def find_spans(tokenizer, conversation: Conversation) -> tuple[str, list[Span]]:
    """Render a conversation and find its responses.

    Raises:
        ValueError: If the template refuses the conversation, or if its responses are not found.
    """
    if _GENERATION_MARK.search(tokenizer.chat_template):
        return _by_marks(tokenizer, conversation)
    return _by_search(tokenizer, conversation)


def _by_marks(tokenizer, conversation: Conversation) -> tuple[str, list[Span]]:
    """Find the responses by the template's own marks."""
    import jinja2
    from transformers.utils.chat_template_utils import render_jinja_template

    try:
        rendered: Any = render_jinja_template(
            [as_chat(conversation)],
            tools=cast(Any, tools_of(conversation)),
            chat_template=tokenizer.chat_template,
            return_assistant_tokens_mask=True,
            **tokenizer.special_tokens_map,
        )
    except (jinja2.TemplateError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())) from None
    (text,), (spans,) = rendered
    said = [message for message in conversation if message.role == "assistant"]
    if all(message.learned for message in said):
        return text, [Span(start, stop, True) for start, stop in spans]
    if len(said) != len(spans):
        raise ValueError(
            f"it marks {len(spans)} responses of {len(said)}, so that the one that is not to be "
            "learned is not known"
        )
    pairs = zip(spans, said, strict=True)
    return text, [Span(start, stop, True, message.learned) for (start, stop), message in pairs]


def _by_search(tokenizer, conversation: Conversation) -> tuple[str, list[Span]]:
    """Find each response in the text, behind the prompt before it."""
    whole, spans = render(tokenizer, conversation), []
    beginnings = _Beginnings(tokenizer, conversation, whole)
    for turn, message in enumerate(conversation):
        if message.role != "assistant":
            continue
        start = beginnings.prompt(turn)
        if {"tool_calls", "reasoning_content"} & fields_of(message).keys():
            # All that the template writes of the turn, with the token that ends it.
            spans.append(Span(start, beginnings.turn(turn), True, message.learned))
            continue
        said = message.content
        if said not in whole[start : start + len(said) + 2]:
            said = said.strip()
        place = whole.find(said, start)
        if place < 0 or whole[start:place].strip():
            raise _not_behind()
        spans.append(Span(start, place + len(said), False, message.learned))
    return whole, spans


def _not_behind() -> ValueError:
    return ValueError(
        "it does not write a response behind what it asks with; mark responses in it with "
        "{% generation %}, or take ours with --data.template plain"
    )


class _Beginnings:
    """The lengths of what a template writes of the beginnings of a conversation.

    A rendering for each turn would take time by the square of their number. So all messages
    between the responses are found in the text at once, and the text between a message and the
    next response is that of a turn before it. Where that is not so, and at the responses 1, 2, 4,
    8, ... and the last, the beginning is rendered.
    """

    def __init__(self, tokenizer, conversation: Conversation, whole: str) -> None:
        self._tokenizer, self._conversation, self._whole = tokenizer, conversation, whole
        self._tails: dict[str, str] = {}  # by the role of the message before a response
        self._heads: dict[str, str] = {}  # by the role of the message behind a response
        turns = [n for n, message in enumerate(conversation) if message.role == "assistant"]
        self._places = _places(tokenizer, conversation, whole) if len(turns) > _FEW else {}
        self._rendered = {turns[-1], *(turns[2**n - 1] for n in range(len(turns).bit_length()))}

    def prompt(self, turn: int) -> int:
        """The number of characters before a response, with the beginning of the turn."""
        role, (_, stop) = self._conversation[turn - 1].role, self._places.get(turn - 1, (0, -1))
        tail = self._tails.get(role)
        known = stop >= 0 and turn not in self._rendered
        if tail is not None and known and self._whole.startswith(tail, stop):
            return stop + len(tail)
        before = render(self._tokenizer, self._conversation[:turn], ask=True)
        if not self._whole.startswith(before):
            raise _not_behind()
        if 0 <= stop <= len(before):
            self._tails[role] = before[stop:]
        return len(before)

    def turn(self, turn: int) -> int:
        """The number of characters up to the end of a response, without spaces behind it."""
        behind = turn + 1
        start, _ = self._places.get(behind, (-1, 0))
        role = self._conversation[behind].role if start >= 0 else ""
        head = self._heads.get(role)
        known = start >= 0 and turn not in self._rendered
        if head is not None and known and self._whole.endswith(head, 0, start):
            return start - len(head)
        written = render(self._tokenizer, self._conversation[:behind]).rstrip()
        if not self._whole.startswith(written):
            raise _not_behind()
        if start >= len(written):
            self._heads[role] = self._whole[len(written) : start]
        return len(written)


def _places(tokenizer, conversation: Conversation, whole: str) -> dict[int, tuple[int, int]]:
    """Find the messages between the responses in the text: start and stop by their numbers.

    Each is replaced with a mark. The text between two marks is then the template's and the
    responses', and must be found in the whole; nothing is returned if it is not.
    """
    edge = "\ue000"
    if edge in whole:
        return {}
    numbers = [n for n, message in enumerate(conversation) if message.role in ("user", "tool")]
    marked = list(conversation)
    for number in numbers:
        marked[number] = marked[number]._replace(content=f"{edge}{number}{edge}")
    first, *rest = render(tokenizer, tuple(marked)).split(edge)
    if [*map(str, numbers)] != rest[::2] or not whole.startswith(first):
        return {}
    found, at = {}, len(first)
    for number, behind in zip(numbers, rest[1::2], strict=True):
        content = conversation[number].content
        written = (content, content.strip(), content.lstrip(), content.rstrip())
        for text in written:
            if whole.startswith(text, at) and whole.startswith(behind, at + len(text)):
                break
        else:
            return {}
        found[number] = (at, at + len(text))
        at += len(text) + len(behind)
    return found
