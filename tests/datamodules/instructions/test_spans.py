"""The places of responses are those that a rendering for each turn finds, in linear time."""

import random
from itertools import pairwise

import pytest

from datamodules.instructions import spans
from datamodules.instructions.conversations import fields_of
from datamodules.instructions.rendering import render
from tests import chats
from tests.datamodules.instructions import tool_chats

# The first asks with nothing, the second with a line end less than it writes.
INSTRUCT = """{% for m in messages %}{% if m['role'] == 'user' %}\
{{ '[INST] ' + m['content'] + ' [/INST]' }}{% else %}{{ ' ' + m['content'] + '</s>' }}{% endif %}\
{% endfor %}"""
GAP = """{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + '</s>\\n' }}\
{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"""


def naive(tokenizer, conversation) -> list[tuple[int, int]]:
    """Start and stop of each response, by two renderings for each."""
    whole, found = render(tokenizer, conversation), []
    for turn, message in enumerate(conversation):
        if message.role == "assistant":
            start = len(render(tokenizer, conversation[:turn], ask=True))
            if "tool_calls" in fields_of(message):
                stop = len(render(tokenizer, conversation[: turn + 1]).rstrip())
            else:
                said = message.content if message.content in whole[start:] else ""
                said = said or message.content.strip()
                stop = whole.index(said, start) + len(said)
            found.append((start, stop))
    return found


def long_chat(draw: random.Random, responses: int, system: bool):
    letters = "ab \n#:é日<|>'{}%"
    texts = (
        f"{draw.choice(['', ' '])}x{''.join(draw.choices(letters, k=draw.randrange(9)))}"
        for _ in range(2 * responses)
    )
    return chats.chat(*texts, system="s" * system)


@pytest.mark.parametrize("template", [chats.CHATML, chats.HEADERS, INSTRUCT, GAP])
def test_places_in_long_chats_are_those_of_a_rendering_for_each(template):
    draw, tokenizer = random.Random(0), chats.tokenizer(template)
    for responses in (1, 3, 4, 5, 9, 17):
        conversation = long_chat(draw, responses, system=template == chats.CHATML)
        whole, found = spans.find_spans(tokenizer, conversation)
        assert [(span.start, span.stop) for span in found] == naive(tokenizer, conversation)
        assert whole == render(tokenizer, conversation)


def test_places_of_calls_are_those_of_a_rendering_for_each():
    conversation = tool_chats.conversation(6)
    _, found = spans.find_spans(tool_chats.tokenizer(), conversation)
    assert [(s.start, s.stop) for s in found] == naive(tool_chats.tokenizer(), conversation)
    assert [s.closed for s in found] == [True, False] * 6


@pytest.mark.parametrize("made", [lambda n: chats.chat(*"ab" * n), tool_chats.conversation])
def test_twice_the_turns_take_two_more_renderings(made, monkeypatch):
    """They double with the square of the turns, if one is made for each."""
    counts = []
    for size in (16, 32, 64):
        written: list[int] = []

        def counting(tokenizer, conversation, ask=False, written=written):
            written.append(len(conversation))
            return render(tokenizer, conversation, ask)

        monkeypatch.setattr(spans, "render", counting)
        spans.find_spans(tool_chats.tokenizer(), made(size))
        counts.append(sum(written))
    assert all(more < 2.2 * few for few, more in pairwise(counts))


FAULTS = {
    "(m['content'] if loop.last else '') +": "changes what went before",
    "(m['content'] | upper if loop.index == 10 else m['content']) +": "changes one in the middle",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_template_that_does_not_write_what_was_said_is_refused(fault):
    tokenizer = chats.tokenizer(chats.CHATML.replace("m['content'] +", fault))
    with pytest.raises(ValueError, match="does not write a response behind what it asks with"):
        spans.find_spans(tokenizer, chats.chat(*"abcdefghijklmnop"))


def test_a_template_that_asks_in_another_way_after_some_turns_is_rendered_for_them():
    template = chats.CHATML.replace(
        "'<|im_start|>' + m['role']", "'<|im_start|>' * (1 + loop.index // 9) + m['role']"
    ).replace(
        "'<|im_start|>assistant", "'<|im_start|>' * (1 + (messages | length + 1) // 9) + 'assistant"
    )
    tokenizer = chats.tokenizer(template)
    conversation = chats.chat(*"abcdefghijklmnopqrstuvwx")
    _, found = spans.find_spans(tokenizer, conversation)
    assert [(span.start, span.stop) for span in found] == naive(tokenizer, conversation)
