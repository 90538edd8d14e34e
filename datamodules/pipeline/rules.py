"""The published filter rules; each yields its value and its limit.

A rule group yields (rule, value, limit, broken) one after another and is read up to the first that
is broken, so that dear measurements come last. Names, order and limits are those of datatrove's
filters. The units are those of the papers: a word is no punctuation mark, and a repetition occurs
at least twice. datatrove's own units are there for comparison.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from datatrove.utils.text import TERMINAL_PUNCTUATION

from datamodules.pipeline.stop_words import STOP_WORDS

if TYPE_CHECKING:  # the names of the rules need no spaCy
    from datamodules.pipeline.pages import Line, Page

Measurements = Iterator[tuple[str, float, float, bool]]


@dataclass(frozen=True)
class Limits:
    """The thresholds of a language; by default those of the papers, which are for English."""

    min_words: int = 50
    max_words: int = 100_000
    min_word_length: float = 3
    max_word_length: float = 10
    stop_words: frozenset[str] = STOP_WORDS["en"]
    min_stop_words: int = 2
    min_sentences: int = 5
    min_line_words: int = 3
    line_ends: tuple[str, ...] = (".", "?", "!", '"', "'")
    must_end: bool = True  # a line that trails off has no end
    short_line: int = 30
    min_lettered: float = 0.8
    word_gap: int = 1  # characters between two words
    closing: tuple[str, ...] = ()  # marks after a full stop that FineWeb's rule looks through
    units: Literal["paper", "datatrove"] = "paper"


_CLOSING = ("”", "’", "」", "』")
_ENDS = tuple(sorted({*TERMINAL_PUNCTUATION, '"', "'", "”", "’", "」", "』", "»"}))
# A language that nobody has set limits for: no stop words are known, words may be of any length.
_OTHER = Limits(min_word_length=1, max_word_length=40, min_stop_words=0, line_ends=_ENDS)
# A line of 15 characters says what one of 30 Latin letters does. The segmenter makes each number a
# word: statistics have letters in 2 of 3 words.
_UNSPACED = replace(
    _OTHER, min_stop_words=2, short_line=15, min_lettered=0.5, word_gap=0, closing=_CLOSING
)
# A manual translated from English has in Chinese 0.89 as many words and 0.80 as many sentences, in
# Japanese 0.97 and 0.83, and in Korean 0.72 and 1.11.
LIMITS = {
    "en": Limits(),
    "zh": replace(
        _UNSPACED,
        min_words=45,
        max_word_length=5,
        stop_words=STOP_WORDS["zh"],
        min_sentences=3,  # one of news is a third longer than one of a manual
    ),
    "ja": replace(_UNSPACED, max_word_length=8, stop_words=STOP_WORDS["ja"], min_sentences=4),
    "ko": replace(
        _OTHER,
        min_words=36,
        max_word_length=10,
        stop_words=STOP_WORDS["ko"],
        min_stop_words=1,
        short_line=20,
        min_lettered=0.7,
        closing=_CLOSING,
    ),
}


def limits_of(language: str, units: Literal["paper", "datatrove"] = "paper") -> Limits:
    """The thresholds of a language, which are wide for a language without limits of its own.

    Args:
        units: What shares are taken of. "paper": words are not punctuation marks, and an n-gram
            that occurs once is no repetition. "datatrove": punctuation marks are words, the most
            frequent n-gram is a repetition wherever it is, and all languages need as many words
            with a letter as English.
    """
    limits = LIMITS.get(language, _OTHER)
    if units == "paper":
        return limits
    lettered = Limits.min_lettered
    return replace(limits, units=units, min_lettered=lettered, word_gap=1, closing=())


def gopher_repetition(page: "Page", limits: Limits) -> Measurements:
    """Rae et al. 2021, table A1: lines, paragraphs and word n-grams that occur again."""
    size = len(page.text)
    for name, parts in (
        ("paragraph", re.split(r"\n{2,}", page.text.strip())),
        ("line", re.split(r"\n+", page.text)),
    ):
        count, characters = _repeated(parts)
        yield f"duplicate_{name}s", count / len(parts), 0.3, count / len(parts) > 0.3
        share = characters / size
        yield f"duplicate_{name}_characters", share, 0.2, share > 0.2
    paper = limits.units == "paper"
    words = page.real_words if paper else page.words
    for n, limit in ((2, 0.2), (3, 0.18), (4, 0.16)):
        share = _top(words, n, 2 if paper else 1, limits.word_gap) / size
        yield f"top_{n}_gram", share, limit, share > limit
    for n, limit in zip(range(5, 11), (0.15, 0.14, 0.13, 0.12, 0.11, 0.1), strict=True):
        share = _covered(words, n) / size
        yield f"duplicate_{n}_grams", share, limit, share > limit


def _repeated(parts: list[str]) -> tuple[int, int]:
    """Count the parts that occurred before, and their characters."""
    again = Counter(parts)
    twice = [(part, count - 1) for part, count in again.items() if count > 1]
    return sum(c for _, c in twice), sum(len(part) * c for part, c in twice)


def _top(words: list[str], n: int, least: int, gap: int) -> int:
    """The characters of the most frequent n-gram with its gaps, if it occurs ``least`` times."""
    if len(words) < n:
        return 0
    counts = Counter(zip(*(words[shift:] for shift in range(n)), strict=False))
    gram, count = counts.most_common(1)[0]
    return (sum(map(len, gram)) + gap * (n - 1)) * count if count >= least else 0


def _covered(words: list[str], n: int) -> int:
    """The characters inside n-grams that occurred before, each counted once."""
    grams = list(zip(*(words[shift:] for shift in range(n)), strict=False))
    if len(set(grams)) == len(grams):
        return 0
    seen: set[tuple[str, ...]] = set()
    place = characters = 0
    while place < len(grams):
        if grams[place] in seen:
            characters += sum(map(len, grams[place]))
            place += n
        else:
            seen.add(grams[place])
            place += 1
    return characters


def gopher_quality(page: "Page", limits: Limits) -> Measurements:
    """Rae et al. 2021, A.1.1: length, word length, symbols, bullets, ellipses, stop words."""
    real, text = page.real_words, page.text
    words = real if limits.units == "paper" else page.words
    count = len(real)
    yield "short_document", count, limits.min_words, count < limits.min_words
    yield "long_document", count, limits.max_words, count > limits.max_words
    mean = sum(map(len, real)) / max(1, count)
    yield "short_words", mean, limits.min_word_length, mean < limits.min_word_length
    yield "long_words", mean, limits.max_word_length, mean > limits.max_word_length
    total = max(1, len(words))
    share = text.count("#") / total
    yield "hashes", share, 0.1, share > 0.1
    share = (text.count("...") + text.count("…")) / total
    yield "ellipses", share, 0.1, share > 0.1
    lines = text.splitlines() or [""]
    share = sum(line.lstrip().startswith(("•", "-")) for line in lines) / len(lines)
    yield "bullets", share, 0.9, share > 0.9
    share = sum(line.rstrip().endswith(("...", "…")) for line in lines) / len(lines)
    yield "ellipsis_lines", share, 0.3, share > 0.3
    share = sum(word.isalpha() or any(c.isalpha() for c in word) for word in words) / total
    yield "no_letters", share, limits.min_lettered, share < limits.min_lettered
    found = len(limits.stop_words.intersection(words))
    yield "stop_words", found, limits.min_stop_words, found < limits.min_stop_words


_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
_POLICY = re.compile("terms of use|privacy policy|cookie policy|uses? (of )?cookies")


def c4(page: "Page", limits: Limits) -> Measurements:
    """Raffel et al. 2020: remove lines that are not prose, and pages with little prose."""
    kept = []
    for line in page.lines:
        text = line.text.strip()
        words = text.split() if " " in text else line.words
        if any(len(word) > 1000 for word in words):
            continue
        text = _CITATION.sub("", text)
        if not text.endswith(limits.line_ends) or (limits.must_end and text.endswith("...")):
            continue
        if len(words) < limits.min_line_words:
            continue
        lower = text.lower()
        yield "lorem_ipsum", 1, 0, "lorem ipsum" in lower
        if "javascript" in lower:
            continue
        yield "curly_bracket", 1, 0, "{" in text
        if _POLICY.search(lower):
            continue
        kept.append(_without(line, text))
    count = sum(len(line.ends) for line in kept)
    yield "few_sentences", count, limits.min_sentences, count < limits.min_sentences
    page.lines, page.text = kept, "\n".join(line.text for line in kept)
    for name in ("words", "real_words"):
        page.__dict__.pop(name, None)


def _without(line: "Line", text: str) -> "Line":
    """The line with its remaining text, and its sentence ends where they were."""
    if text == line.text:
        return line
    if text == line.text.strip():
        start = len(line.text) - len(line.text.lstrip())
        ends = [min(len(text), end - start) for end in line.ends]
        return replace(line, text=text, ends=sorted({*ends[:-1], len(text)}))
    from datamodules.pipeline.pages import line_splitter

    return next(line_splitter("en")(text), line)  # citations are English


def fineweb(page: "Page", limits: Limits) -> Measurements:
    """Penedo et al. 2024: lists, menus and repeated lines that the others let through."""
    lines = [line.text for line in page.lines]
    terminal = (*TERMINAL_PUNCTUATION, *limits.closing)
    share = sum(line.endswith(terminal) for line in lines) / max(1, len(lines))
    yield "unpunctuated_lines", share, 0.12, share < 0.12
    share = sum(len(line) <= limits.short_line for line in lines) / max(1, len(lines))
    yield "short_lines", share, 0.67, share > 0.67
    share = _repeated(lines)[1] / max(1, len(page.text.replace("\n", "")))
    yield "duplicate_characters", share, 0.01, share > 0.01
    share = page.text.count("\n") / max(1, len(page.words))
    yield "list", share, 0.3, share > 0.3


GROUPS = {
    "gopher_repetition": gopher_repetition,
    "gopher_quality": gopher_quality,
    "c4": c4,
    "fineweb": fineweb,
}
