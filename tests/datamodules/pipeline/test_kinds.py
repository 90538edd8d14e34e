"""Prose, dialogue and code: what cleaning leaves of each, and which rules each has."""

import pytest

from datamodules.pipeline.cleaning import clean, clean_code
from datamodules.pipeline.kinds import limits_for, measure
from datamodules.pipeline.pages import CODE, Page

COMPARISONS = [
    "a <b and c> d",
    "if (a <b && b> a) then",
    "x <i> y, and x <p and q> y",
    "List<String> and Vec<u8>",
    "write to <jane@example.org>",
    "use the <body> tag in <html>",
    "i <s or s> p",
    "1 <a and a> 0",
]


@pytest.mark.parametrize("text", COMPARISONS)
def test_a_comparison_is_no_tag(text):
    assert clean(text) == text


TAGS = {
    "<p align=center>One.<br/>Two <b>bold</b>.</p>": "One.\nTwo bold.",
    'See <a href="x">this</a> <img src=y.png> <FONT COLOR=red>there</FONT>': "See this there",
    "<table><tr><td nowrap>a<td>b</table>": "a b",
    "<blockquote>Said <code>so</code>.</blockquote><hr>": "Said so.",
}


@pytest.mark.parametrize("text", TAGS)
def test_tags_are_no_text(text):
    assert clean(text) == TAGS[text]


MARKDOWN = """# Queue

Call `queue<b> c` &amp; wait.

```python
if a <b and b> c:
    x = "&lt;"   # two  spaces

    go()
```

Or:

    go(1)
        deeper

The  end."""
CLEANED = MARKDOWN.replace("&amp;", "&").replace("The  end", "The end")


def test_the_code_in_markdown_stays_as_it_is():
    assert clean(MARKDOWN, markdown=True) == CLEANED
    fence = MARKDOWN[MARKDOWN.index("```") : MARKDOWN.rindex("```") + 3]
    assert fence in clean(MARKDOWN)
    lines = [line.text for line in Page.of(fence, "en").lines]
    assert "\n".join(lines) == fence


def test_source_code_stays_as_it_is():
    code = "\ufeffint f() {\r\n\tif (a <b && b> a)  x = '&amp;';\r\n\r\n    return 0;\r\n}\r\n"
    text = clean_code(code)
    assert text == "int f() {\n\tif (a <b && b> a)  x = '&amp;';\n\n    return 0;\n}"
    page = Page.of(text, CODE)
    assert "\n".join(line.text for line in page.lines) == text
    assert page.sentence_ends()[-1] == len(text)


def broken(text, kind, *groups, language="en", book=False):
    page = Page.of(text, language)
    page.book = book
    for group in groups:
        for rule, _, _, is_broken in measure(page, group, limits_for(page, kind, "paper"), kind):
            if is_broken:
                return rule
    return None


ALL = ("gopher_repetition", "gopher_quality", "c4", "fineweb")
SAID = """hi there|hi|you know that the ferry left|no...|it did, at noon|was he on it|yes|yes
and the dog|which dog|the one that he found in the harbour|ok|ok|so we have to wait|how long
until the 4th|of what|of may|be serious|i am|then mend the net with me|ok|bring soup|ok"""
TURNS = SAID.replace("\n", "|").split("|")
CHAT = "\n".join(f"{('ann', 'bo')[i % 2]}: {turn}" for i, turn in enumerate(TURNS))
DASHES = "\n".join(f"- {line.partition(': ')[2]}" for line in CHAT.split("\n"))


@pytest.mark.parametrize("text", [CHAT, DASHES])
def test_a_dialogue_has_short_lines_without_an_end(text):
    assert broken(text, "dialogue", *ALL) is None
    assert broken(text, "prose", *ALL) is not None


def test_a_dialogue_still_has_rules():
    assert broken("ann: hi\nbo: hi", "dialogue", *ALL) == "short_document"
    assert broken(CHAT + "\nann: lorem ipsum dolor", "dialogue", *ALL) == "lorem_ipsum"
    assert broken(CHAT + "\nann: buy now" * 60, "dialogue", *ALL).startswith("top_")


def test_the_rules_of_code():
    code = "\n".join(f"    total_{i} += table[{i}]  # the next one" for i in range(20))
    for text, rule in [
        (code, None),
        (code + "\n" + "x=1;" * 300, "longest_line"),
        ("x = 'abcdefgh' * 12 + 'abcdefghijklmnopqrstuvwxyz' + " * 3, "long_lines"),
        ("{[()]};,.:;" * 8, "few_letters_and_digits"),
    ]:
        assert broken(text, "code", "code", language=CODE) == rule


def test_a_book_may_be_long_and_hold_a_curly_bracket():
    text = ("The old man went to the harbour, and nobody had seen it {12} before. " * 9 + "\n") * 9
    assert broken(text, "prose", "c4") == "curly_bracket"
    assert broken(text, "prose", "c4", book=True) is None
    long = "the harbour and the sea " * 20_010
    assert broken(long, "prose", "gopher_quality") == "long_document"
    assert broken(long, "prose", "gopher_quality", book=True) is None
