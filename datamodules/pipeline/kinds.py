"""The rules of each kind of text: prose, dialogue, source code, and books among the prose."""

from dataclasses import replace

from datamodules.pipeline.pages import Page
from datamodules.pipeline.rules import GROUPS, Limits, Measurements, limits_of

CODE_RULES = "code"  # the group of rules for source code, in place of those for prose
# A dialogue has short lines, lines without an end, and lines that return; its turns may begin with
# a dash. Shares of lines and of letters say nothing about it.
_NOT_OF_DIALOGUE = frozenset(
    "duplicate_paragraphs duplicate_paragraph_characters duplicate_lines duplicate_line_characters "
    "ellipses bullets ellipsis_lines no_letters unpunctuated_lines short_lines "
    "duplicate_characters list".split()
)
# Rules for pages of the web: a book may be longer than any page, and one sign in it says nothing.
_NOT_OF_BOOKS = frozenset(["long_document", "curly_bracket"])
BOOK_WORDS = 20_000


def limits_for(page: Page, kind: str, rules_of: str) -> Limits:
    """The thresholds for a document of a kind.

    The lines of a dialogue may be short and need not end, and its words are shorter than in print.

    Args:
        rules_of: paper | datatrove, the units of the rules.
    """
    limits = limits_of(page.language, rules_of)  # type: ignore[arg-type]  # checked by the settings
    if kind == "dialogue":
        least = min(2.0, limits.min_word_length)
        return replace(
            limits, min_line_words=1, line_ends=("",), must_end=False, min_word_length=least
        )
    return limits


def measure(page: Page, group: str, limits: Limits, kind: str) -> Measurements:
    """The measurements of a group of rules that apply to the kind of a document."""
    if group == CODE_RULES:
        yield from source_code(page)
        return
    unfit = _NOT_OF_DIALOGUE if kind == "dialogue" else _NOT_OF_BOOKS if page.book else ()
    for measurement in GROUPS[group](page, limits):
        if measurement[0] not in unfit:
            yield measurement


def source_code(page: Page) -> Measurements:
    """Chen et al. 2021, section 3.1: files that a machine wrote, or that hold data."""
    lengths = [len(line.text) for line in page.lines] or [0]
    mean = sum(lengths) / len(lengths)
    yield "long_lines", mean, 100, mean > 100
    yield "longest_line", max(lengths), 1000, max(lengths) > 1000
    share = sum(map(str.isalnum, page.text)) / max(1, len(page.text))
    yield "few_letters_and_digits", share, 0.25, share < 0.25
