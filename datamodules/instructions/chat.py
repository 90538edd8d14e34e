"""Conversations to token ids by a chat template, with a mask of the responses."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from datamodules.instructions.conversations import Conversation, as_chat

LossTokens = Literal["responses", "all"]

# Ours, for tokenizers without one: plain words, so that no token is new, and the end of a text,
# which every decoder knows, at the end of a response.
PLAIN_TEMPLATE = """\
{% for message in messages %}\
{% if message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}\
{% elif message['role'] == 'user' %}{{ '### User:\\n' + message['content'] + '\\n\\n' }}\
{% else %}{{ '### Assistant:\\n' }}\
{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}{{ '\\n\\n' }}{% endif %}\
{% endfor %}\
{% if add_generation_prompt %}{{ '### Assistant:\\n' }}{% endif %}"""

_GENERATION_MARK = re.compile(r"\{%-?\s*generation\s*-?%\}")


class Encoded(NamedTuple):
    """The tokens of one conversation."""

    ids: list[int]
    supervised: list[bool]  # of each token: whether it is to be learned
    end: int  # place of the token that ends the last response, where it is learned; else -1


def set_chat_template(tokenizer, template: str, flag: str = "--data.template") -> None:
    """Give the tokenizer the template: tokenizer (its own), plain (ours), or a file of Jinja."""
    if template == "plain":
        if tokenizer.eos_token is None:
            raise ValueError(f"{flag} plain: the tokenizer has no end-of-text token")
        tokenizer.chat_template = PLAIN_TEMPLATE
    elif template != "tokenizer":
        if not (file := Path(template).expanduser()).is_file():
            raise ValueError(f"{flag} {template}: neither tokenizer, plain nor a file")
        tokenizer.chat_template = file.read_text()
    elif not tokenizer.chat_template:
        raise ValueError(
            f"{flag} tokenizer: this tokenizer has no chat template; take ours with "
            f"{flag} plain, or name a file of Jinja"
        )


def render_prompt(tokenizer, conversation: Conversation) -> str:
    """Render the text that the model answers, with the beginning of its own turn."""
    return _render(tokenizer, conversation, ask=True)


def prompt_ids(tokenizer, conversation: Conversation) -> list[int]:
    """Encode the text of ``render_prompt``."""
    return tokenizer(render_prompt(tokenizer, conversation), add_special_tokens=False)["input_ids"]


def encode(
    tokenizer, conversations: Sequence[Conversation], loss_on: LossTokens = "responses"
) -> list[Encoded]:
    """Encode conversations, with a mask of the tokens that count in the loss.

    A template says with ``{% generation %}`` which of its text the assistant makes. Where it does
    not, that is each response and the special token that follows it. With ``all`` every token is
    learned but the first, before which there is nothing.
    """
    spans = (
        _spans_by_marks if _GENERATION_MARK.search(tokenizer.chat_template) else _spans_by_search
    )
    texts, places = zip(*(spans(tokenizer, c) for c in conversations), strict=True)
    batch = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True)
    special, encoded = set(tokenizer.all_special_ids), []
    pairs = zip(batch["input_ids"], batch["offset_mapping"], strict=True)
    for (ids, offsets), place in zip(pairs, places, strict=True):
        supervised, end = _supervised(ids, offsets, place, special)
        if loss_on == "all":
            supervised = [True] * len(ids)
        encoded.append(Encoded(ids, [False, *supervised[1:]], end))
    return encoded


class _Span(NamedTuple):
    """The characters of a response, from start to stop; perhaps one token more belongs to it."""

    start: int
    stop: int
    closed: bool  # whether the token that ends it lies inside


def _render(tokenizer, conversation: Conversation, ask: bool = False) -> str:
    return _apply_template(tokenizer, conversation, tokenize=False, add_generation_prompt=ask)


def _apply_template(tokenizer, conversation: Conversation, **options):
    import jinja2

    try:
        return tokenizer.apply_chat_template(as_chat(conversation), **options)
    except jinja2.TemplateError as error:
        raise ValueError(f"--data.template: {' '.join(str(error).split())}") from None


def _spans_by_marks(tokenizer, conversation: Conversation) -> tuple[str, list[_Span]]:
    """Find the responses by the template's own marks."""
    from transformers.utils.chat_template_utils import render_jinja_template

    rendered: Any = render_jinja_template(
        [as_chat(conversation)],
        chat_template=tokenizer.chat_template,
        return_assistant_tokens_mask=True,
        **tokenizer.special_tokens_map,
    )
    (text,), (spans,) = rendered
    return text, [_Span(start, stop, True) for start, stop in spans]


def _spans_by_search(tokenizer, conversation: Conversation) -> tuple[str, list[_Span]]:
    """Find each response in the text, behind the prompt before it."""
    whole, spans = _render(tokenizer, conversation), []
    for turn, message in enumerate(conversation):
        if message.role != "assistant":
            continue
        before = _render(tokenizer, conversation[:turn], ask=True)
        rest = whole[len(before) :]
        said = message.content if message.content in rest[: len(message.content) + 2] else None
        said = said or message.content.strip()
        place = rest.find(said)
        if not whole.startswith(before) or place < 0 or rest[:place].strip():
            raise ValueError(
                "--data.template: it does not write a response behind what it asks with; mark "
                "responses in it with {% generation %}, or take ours with --data.template plain"
            )
        spans.append(_Span(len(before), len(before) + place + len(said), False))
    return whole, spans


def _supervised(ids: list, offsets: list, spans: list[_Span], special: set) -> tuple[list, int]:
    supervised, end, place = [False] * len(ids), -1, 0
    for span in spans:
        end = -1
        while place < len(ids) and not _inside(offsets[place], span):
            place += 1
        while place < len(ids) and _inside(offsets[place], span):
            supervised[place] = True
            end = place if ids[place] in special else end
            place += 1
        if not span.closed and place < len(ids) and ids[place] in special:
            supervised[place], end = True, place
            place += 1
    return supervised, end


def _inside(offset: tuple[int, int], span: _Span) -> bool:
    """Whether a token is in a span. Some tokenizers omit its leading space: it may be empty."""
    start, stop = offset
    return start < span.stop and (stop > span.start or start >= span.start)
