"""Conversations to token ids by a chat template, with a mask of the responses."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from datamodules.instructions.conversations import Conversation
from datamodules.instructions.rendering import check_written, render
from datamodules.instructions.spans import Span, find_spans
from datamodules.packaged import load_tokenizer

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
        tokenizer.chat_template = file.read_text(encoding="utf-8")
    elif not tokenizer.chat_template:
        raise ValueError(
            f"{flag} tokenizer: this tokenizer has no chat template; take ours with "
            f"{flag} plain, or name a file of Jinja"
        )


def load_chat_tokenizer(name: str, template: str) -> Any:
    """Load the tokenizer of a bundled name, a hub id or a folder, with a chat template.

    Raises:
        ValueError: If it is not a fast one, or has no such template.
    """
    tokenizer = load_tokenizer(name)
    if not tokenizer.is_fast:
        raise ValueError(f"--model.backbone {name}: has no fast tokenizer")
    set_chat_template(tokenizer, template)
    return tokenizer


def render_prompt(tokenizer, conversation: Conversation) -> str:
    """Render the text that the model answers, with the beginning of its own turn."""
    try:
        return render(tokenizer, conversation, ask=True)
    except ValueError as error:
        raise ValueError(f"--data.template: {error}") from None


def prompt_ids(tokenizer, conversation: Conversation) -> list[int]:
    """Encode the text of ``render_prompt``."""
    return tokenizer(render_prompt(tokenizer, conversation), add_special_tokens=False)["input_ids"]


def encode(
    tokenizer,
    conversations: Sequence[Conversation],
    loss_on: LossTokens = "responses",
    place: Callable[[Conversation], str] | None = None,
) -> list[Encoded]:
    """Encode conversations, with a mask of the tokens that count in the loss.

    A template says with ``{% generation %}`` which of its text the assistant makes. Where it does
    not, that is each response and the special token that follows it. With ``all`` every token is
    learned but the first, before which there is nothing. A response with a weight of 0 is never
    learned.

    Args:
        tokenizer: The tokenizer, with its chat template.
        conversations: The conversations.
        loss_on: The tokens that count.
        place: The file and row of a conversation, for errors.

    Raises:
        ValueError: If the template refuses a conversation, or leaves out some of it.
    """
    texts, places = [], []
    for conversation in conversations:
        try:
            text, spans = find_spans(tokenizer, conversation)
            check_written(tokenizer, conversation, text)
        except ValueError as error:
            where = f"{place(conversation)}: " if place else ""
            raise ValueError(f"--data.template: {where}{error}") from None
        if loss_on == "all" and not all(m.learned or m.role == "assistant" for m in conversation):
            where = f"{place(conversation)}: " if place else ""
            raise ValueError(
                f"--data.loss all: {where}a message that is not a response has a weight of 0: "
                "remove the weight, or take --data.loss responses"
            )
        texts.append(text)
        places.append(spans)
    # Not verbose: a text that is longer than the model takes is cut later.
    batch = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    special, encoded = set(tokenizer.all_special_ids), []
    pairs = zip(batch["input_ids"], batch["offset_mapping"], strict=True)
    for (ids, offsets), spans in zip(pairs, places, strict=True):
        supervised, end = _mask(ids, offsets, spans, special, loss_on)
        encoded.append(Encoded(ids, [False, *supervised[1:]], end))
    return encoded


def _mask(
    ids: list, offsets: list, spans: list[Span], special: set, loss_on: LossTokens
) -> tuple[list[bool], int]:
    """Find the supervised tokens, and the place of the one that ends the last of the responses."""
    learned, context, end, place = [False] * len(ids), [False] * len(ids), -1, 0
    for span in spans:
        while place < len(ids) and not _inside(offsets[place], span):
            place += 1
        start, last = place, -1
        while place < len(ids) and _inside(offsets[place], span):
            last = place if ids[place] in special else last
            place += 1
        if not span.closed and place < len(ids) and ids[place] in special:
            last, place = place, place + 1
        (learned if span.learned else context)[start:place] = [True] * (place - start)
        end = last if span.learned else end
    return [not there for there in context] if loss_on == "all" else learned, end


def _inside(offset: tuple[int, int], span: Span) -> bool:
    """Whether a token is in a span. Some tokenizers omit its leading space: it may be empty."""
    start, stop = offset
    return start < span.stop and (stop > span.start or start >= span.start)
