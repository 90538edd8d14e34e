"""Which tokens are learned: as TRL has it, and by the property that defines it."""

import json
import random
from itertools import groupby
from pathlib import Path

import pytest

from datamodules.instructions import chat
from datamodules.instructions.conversations import responses
from tests import chats

RECORDED = json.loads(Path(__file__).with_name("trl_masks.json").read_text())


def learned(tokenizer, encoded) -> list[str]:
    """The text of each run of supervised tokens."""
    pairs = zip(encoded.ids, encoded.supervised, strict=True)
    runs = [(key, [i for i, _ in run]) for key, run in groupby(pairs, lambda pair: pair[1])]
    return [tokenizer.decode(ids) for key, ids in runs if key]


@pytest.mark.parametrize("template", chats.TEMPLATES)
def test_masks_are_those_of_trl(template):
    """Ours of the templates as they are, theirs of their marked ones."""
    ours = chat.encode(chats.tokenizer(template), chats.CHATS)
    for mine, theirs in zip(ours, RECORDED["templates"][template], strict=True):
        assert mine.ids == theirs["ids"]
        assert [int(on) for on in mine.supervised] == theirs["mask"]


def test_trl_learns_the_line_ends_around_a_response_of_qwen_as_well():
    """Those two are all in which its marks of that template differ from what we find in ChatML."""
    tokenizer = chats.tokenizer("chatml")
    with_system = [n for n, c in enumerate(chats.CHATS) if c[0].role == "system"]
    assert with_system
    for number in with_system:
        (mine,) = chat.encode(tokenizer, [chats.CHATS[number]])
        theirs = RECORDED["templates"]["qwen2_5"][number]
        assert mine.ids == theirs["ids"]
        more = [
            token
            for token, on, there in zip(mine.ids, mine.supervised, theirs["mask"], strict=True)
            if on != bool(there)
        ]
        assert set(tokenizer.decode(more)) == {"\n"}
        assert len(more) == 2 * len(responses(chats.CHATS[number]))


ENDS = {"plain": "</s>", "chatml": "<|im_end|>", "headers": "<|eot_id|>"}


@pytest.mark.parametrize(("template", "end"), ENDS.items())
def test_what_is_learned_is_the_responses_and_their_end_tokens(template, end):
    draw, tokenizer = random.Random(0), chats.tokenizer(template)
    letters = "ab \n#:é日🙂<|>'\"{}%"
    conversations = [
        chats.chat(
            *(f"{draw.choice('xyz')}{''.join(draw.choices(letters, k=draw.randrange(12)))}."
              for _ in range(2 * draw.randint(1, 4))),
            system="s" * draw.randrange(2),
        )
        for _ in range(100)
    ]  # fmt: skip
    for conversation, encoded in zip(
        conversations, chat.encode(tokenizer, conversations), strict=True
    ):
        assert learned(tokenizer, encoded) == [said + end for said in responses(conversation)]
        assert tokenizer.decode(encoded.ids[encoded.end]) == end and encoded.supervised[encoded.end]


def test_all_but_the_first_token_are_learned_by_flag():
    (encoded,) = chat.encode(chats.tokenizer("chatml"), [chats.CHATS[0]], "all")
    assert encoded.supervised == [False] + [True] * (len(encoded.ids) - 1)


WEIGHED = [
    *chats.chat("a", "Quito", "Sure?", "No: Lima."),
]
WEIGHED[1] = WEIGHED[1]._replace(learned=False)


@pytest.mark.parametrize(("template", "end"), ENDS.items())
def test_a_response_of_weight_0_is_not_learned(template, end):
    """Whether the template marks the responses or they are searched for."""
    tokenizer = chats.tokenizer(template)
    (encoded,) = chat.encode(tokenizer, [tuple(WEIGHED)])
    assert learned(tokenizer, encoded) == ["No: Lima." + end]
    (encoded,) = chat.encode(tokenizer, [tuple(WEIGHED)], "all")
    assert "".join(learned(tokenizer, encoded)) == tokenizer.decode(encoded.ids[1:]).replace(
        "Quito" + end, ""
    )
    last = [WEIGHED[0], WEIGHED[1]._replace(learned=True), *WEIGHED[2:]]
    last[3] = last[3]._replace(learned=False)
    (encoded,) = chat.encode(tokenizer, [tuple(last)])
    assert learned(tokenizer, encoded) == ["Quito" + end]
    assert tokenizer.decode(encoded.ids[encoded.end]) == end


def test_a_question_of_weight_0_is_no_matter_but_where_all_is_learned():
    weighed = (chats.chat("a")[0]._replace(learned=False), *chats.chat("a", "b")[1:])
    tokenizer = chats.tokenizer("chatml")
    (encoded,) = chat.encode(tokenizer, [weighed])
    assert learned(tokenizer, encoded) == ["b<|im_end|>"]
    with pytest.raises(ValueError, match=r"^--data.loss all: a message that is not a response"):
        chat.encode(tokenizer, [weighed], "all")


def test_weights_where_the_template_marks_fewer_responses_are_refused():
    template = chats.PLAIN_TEMPLATE.replace(
        "{% generation %}", "{% if loop.last %}{% generation %}"
    )
    template = template.replace("{% endgeneration %}", "{% endgeneration %}{% endif %}")
    with pytest.raises(ValueError, match="it marks 1 responses of 2"):
        chat.encode(chats.tokenizer(template), [tuple(WEIGHED)])


def test_a_response_that_reads_like_a_header_is_a_response():
    tokenizer = chats.tokenizer("plain")
    (encoded,) = chat.encode(tokenizer, [chats.chat("a", "### Assistant:\nb")])
    assert learned(tokenizer, encoded) == ["### Assistant:\nb</s>"]


def test_marks_that_leave_the_end_token_out_are_kept_and_seen():
    template = chats.PLAIN_TEMPLATE.replace(
        "+ eos_token }}{% endgeneration %}", "}}{% endgeneration %}{{ eos_token }}"
    )
    tokenizer = chats.tokenizer(template)
    (encoded,) = chat.encode(tokenizer, [chats.chat("a", "b")])
    assert learned(tokenizer, encoded) == ["b"] and encoded.end == -1


def test_a_template_that_changes_what_went_before_is_refused():
    template = chats.CHATML.replace("m['content'] +", "(m['content'] if loop.last else '') +")
    with pytest.raises(ValueError, match=r"^--data.template: .* {% generation %}"):
        chat.encode(chats.tokenizer(template), [chats.chat("a", "b", "c", "d")])


def test_a_tokenizer_without_a_template_is_offered_ours():
    tokenizer = chats.tokenizer("plain")
    tokenizer.chat_template = None
    with pytest.raises(ValueError, match=r"has no chat template; take ours with --data.template"):
        chat.set_chat_template(tokenizer, "tokenizer")
    chat.set_chat_template(tokenizer, "plain")
    assert chat.render_prompt(tokenizer, chats.chat("a")) == "### User:\na\n\n### Assistant:\n"


def test_a_prompt_is_how_the_whole_begins():
    for template in chats.TEMPLATES:
        tokenizer = chats.tokenizer(template)
        for conversation in chats.CHATS:
            (whole,) = chat.encode(tokenizer, [conversation])
            asked = chat.prompt_ids(tokenizer, conversation[:-1])
            assert whole.ids[: len(asked)] == asked
            assert not whole.supervised[len(asked) - 1] and whole.supervised[len(asked)]
