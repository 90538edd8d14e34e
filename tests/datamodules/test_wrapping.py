"""Hard-wrapped text becomes paragraphs; what is not wrapped keeps its lines."""

import random
import textwrap

import pytest

from datamodules.books import without_frame
from datamodules.wrapping import join_wrapped

PARAGRAPHS = [
    "The old man walked to the harbour that morning, as he had done for thirty years. He sat down "
    "with his nets and began to mend them; nobody spoke to him, and that was what he wanted.",
    "A boy came by with a dog, looked at him for a while, and asked what the knots were for. They "
    "hold the sea together, he said. The boy laughed and ran away, and the dog ran after him.",
    "In the evening the wind turned. The boats came back early and low in the water. He counted "
    "them, one by one, and when the last one was in he went home to his soup, which was cold.",
]
VERSE = """Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date:"""
CODE = (
    "```python\ndef mend(nets):\n    for net in nets:\n        net.mend()\n\n    return nets\n```"
)
LIST = "- nets and floats\n- soup\n- the key of the shed"


def filled(width, **options):
    return [textwrap.fill(paragraph, width, **options) for paragraph in PARAGRAPHS]


@pytest.mark.parametrize("width", [35, 60, 72, 100])
def test_paragraphs_are_whole_at_any_width(width):
    assert join_wrapped("\n\n".join(filled(width))) == "\n\n".join(PARAGRAPHS)


def test_paragraphs_that_are_told_by_their_first_line_or_by_their_last():
    indented = "\n".join(filled(66, initial_indent="    "))
    assert join_wrapped(indented) == "\n".join(f"    {one}" for one in PARAGRAPHS)
    assert join_wrapped("\n".join(filled(64))) == "\n".join(PARAGRAPHS)


def test_ragged_lines_of_proportional_type():
    draw, lines = random.Random(0), []
    for paragraph in PARAGRAPHS:
        line = ""
        for word in paragraph.split():
            if len(line) + len(word) > draw.randint(70, 80):
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}".strip()
        lines += [line, ""]
    assert join_wrapped("\n".join(lines)) == "\n\n".join(PARAGRAPHS)


def test_quoted_mail_keeps_one_mark():
    quoted = filled(70, initial_indent="> ", subsequent_indent="> ")
    reply = "On Monday, Ann wrote:\n" + "\n>\n".join(quoted) + "\n\n" + filled(72)[0]
    expected = "\n>\n".join(f"> {one}" for one in PARAGRAPHS) + "\n\n" + PARAGRAPHS[0]
    assert join_wrapped(reply) == "On Monday, Ann wrote:\n" + expected


def test_verse_lists_headings_tables_and_code_between_wrapped_prose_keep_their_lines():
    table = "name      age   place\nAnn       31    Ghent\nBo        8     Rome"
    alone = [VERSE, textwrap.indent(VERSE, "    "), CODE, LIST, "## The harbour", table]
    one, two, three = filled(72)
    wrapped = "\n\n".join([one, *alone, two, three])
    assert join_wrapped(wrapped) == "\n\n".join([PARAGRAPHS[0], *alone, *PARAGRAPHS[1:]])


def test_an_item_of_a_list_goes_on_in_the_next_line():
    item = (
        "- the key of the shed, which hangs behind the door, below the coat of the harbour master"
    )
    text = "\n".join(["- nets", *textwrap.wrap(item, 60, subsequent_indent="  "), "- soup"])
    joined = join_wrapped("\n\n".join([*filled(60), text]))
    assert joined is not None and joined.endswith(f"\n\n- nets\n{item}\n- soup")


def test_words_that_were_hyphenated_are_whole_and_compounds_keep_their_hyphen():
    text = (
        "The examination of the depart-\nment showed that the well-\nknown methods of the "
        "examina-\ntion were in keeping with ex\u00ad\namples of old; a well-known fact, as\nthe "
        "whole department knew from ear-\nlier and later examples. It was a\npost-\nwar matter, "
        "and the post had\nno share in the war of the staff."
    )
    joined = join_wrapped(text)
    assert joined == (
        "The examination of the department showed that the well-known methods of the examination "
        "were in keeping with examples of old; a well-known fact, as the whole department knew "
        "from earlier and later examples. It was a post-war matter, and the post had no share in "
        "the war of the staff."
    )


def test_a_page_break_does_not_end_a_sentence():
    lines = filled(60)[0].split("\n")
    for between in ("\n\n  12\n\f", "\n\f", "\n\n- 12 -\n\n"):
        text = lines[0] + between + "\n".join(lines[1:]) + "\n\n" + "\n\n".join(filled(60)[1:])
        assert join_wrapped(text) == "\n\n".join(PARAGRAPHS)


def test_chinese_is_joined_without_spaces():
    text = "老人每天早上都到港口去，这样已经三十年了。他坐在那里补他的渔网，没有人和他说话。" * 3
    lines = "\n".join(text[i : i + 30] for i in range(0, len(text), 30))
    assert join_wrapped(lines) == text


SENTENCES = " ".join(PARAGRAPHS).replace(". ", ".\n").split("\n")
NOT_WRAPPED = {
    "verse": "\n\n".join([VERSE] * 4),
    "sentences": "\n".join(SENTENCES),
    "lower-case sentences": "\n".join(SENTENCES).lower().replace(".", " ."),
    "paragraphs": "\n".join(PARAGRAPHS * 3),
    "dialogue": "\n".join(f'"And then?" asked {name}.' for name in ("Ann", "Bo", "she", "he") * 5),
    "code": "\n".join(["def mend(nets):", "    for net in nets:", "        net.mend()"] * 5),
    "table": "\n".join(f"row {i},some text here,{i * 7}" for i in range(50)),
    "names": "\n".join(["apples and pears", "plums of the south", "cherries and their kin"] * 9),
    "base64": "\n".join(["d2hhdCBpcyB0aGlzLCBhbmQgd2h5IGlzIGl0IGhlcmU"] * 9),
    "one line": PARAGRAPHS[0],
}


@pytest.mark.parametrize("name", NOT_WRAPPED)
def test_text_that_is_not_wrapped_is_none(name):
    assert join_wrapped(NOT_WRAPPED[name]) is None


FRAMES = {
    "marks": ("*** START OF THE PROJECT GUTENBERG EBOOK A\nTALE ***", "*** END OF THIS EBOOK ***"),
    "no spaces": ("***START OF THE PROJECT GUTENBERG EBOOK A***", "End of Project Gutenberg's A"),
    "small print": ("*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*", ""),
}


@pytest.mark.parametrize("name", FRAMES)
def test_the_frame_of_a_book_goes(name):
    start, end = FRAMES[name]
    body = "\n\n".join(PARAGRAPHS)
    book = (
        f"A licence comes first.\n\n{start}\n\n\nProduced by Ann and Bo\n\n\n{body}\n\n{end}\nThe"
    )
    expected = body if end else f"{body}\n\n\nThe"
    assert without_frame(book) == expected


def test_a_text_without_a_frame():
    assert without_frame("*** A star ***\n\n" + PARAGRAPHS[0]) is None
