"""Hard-wrapped text, as in books, mail and text out of PDF files: its lines become paragraphs."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

_EXACT = 0.7  # of the lines are full to the character in type of one width
_SLACK = 0.08  # proportional type fills its lines to a different number of characters
_WIDTHS = (28, 160)  # of Latin text, in characters
_CHINESE_WIDTHS = (12, 80)
_FENCE = re.compile(r"\s*(?:```|~~~)")
_QUOTED = re.compile(r"(?:> ?)+")
_TABLE = re.compile(r"^\s*[|+]|\S(?: {3,}|\t)\S.*\S(?: {3,}|\t)\S")
_HEADING = re.compile(r"#{1,6} ")
_BULLET = re.compile(r"\s*(?:[-*+•·–]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+\S")
_ENDS = re.compile(r"""[.!?:;。！？：；…][\])"'”’»」』*_]*$""")
_PROSE = re.compile(r"[,.;:!?]\s|[，。；：！？、]|[^\W\d_]-$")
_OPENING = "\"'“‘«([{*_„「『"
_PAGE_NUMBER = re.compile(r"\W*(?:page )?(?:\d{1,4}|[ivxlc]{1,7})\W*$", re.I)
_HYPHENATED = re.compile(r"([^\W\d_]+)-$")
_JOINING = frozenset("and or to und oder et ou y o e".split())
_WIDE = re.compile(r"[\u2e80-\u9fff\uff00-\uffef]")  # Chinese and Japanese, without spaces
_FIRST_WORD = re.compile(r"[^\s\u2e80-\u9fff\uff00-\uffef]+")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


class _Pair(NamedTuple):
    """Two lines that follow each other: the length of the first, without and with more words."""

    first: str
    second: str
    least: int
    most: int


def join_wrapped(text: str) -> str | None:
    """Join the lines of each paragraph of a hard-wrapped text.

    A line break counts as one of wrapping if the next word would not have fitted into the line.
    Verse, lists, tables, headings and code keep their lines. A word that was hyphenated at the end
    of a line is whole again; a hyphen that the text has elsewhere stays.

    Returns:
        The text with paragraphs of one line each, or None if it is not hard-wrapped.
    """
    if text.count("\n") < 3:
        return None
    lines = [line.rstrip() for line in text.replace("\f", "\n\n").split("\n")]
    width = wrapped_width(lines)
    return None if width is None else _Joined(lines, width).text()


class _Width(NamedTuple):
    """The number of characters at which lines were wrapped, give or take a share of it."""

    characters: int
    slack: float

    def fits(self, pair: _Pair) -> bool:
        """Whether the first line is full: it fits into the width, and with the next word not."""
        low, high = self.characters * (1 - self.slack), self.characters * (1 + self.slack)
        return pair.least <= high and pair.most >= low


def wrapped_width(lines: list[str]) -> _Width | None:
    """Find the width at which lines were wrapped; None if they were not."""
    pairs = [pair for block, code in _blocks(lines) if not code for pair in _pairs(block)]
    if len(pairs) < 3 or sum(pair.least for pair in pairs) > 2 * _WIDTHS[1] * len(pairs):
        return None
    width = _common_width(pairs, 0)
    full = [pair for pair in pairs if width.fits(pair)]
    if len(full) < _EXACT * len(pairs):
        width = _common_width(pairs, _SLACK / 2)._replace(slack=_SLACK)
        full = [pair for pair in pairs if width.fits(pair)]
    chinese = sum(_WIDE.search(pair.first) is not None for pair in full) * 2 > len(full)
    low, high = _CHINESE_WIDTHS if chinese else _WIDTHS
    if len(full) * 3 < len(pairs) or len(full) < 3 or not low <= width.characters <= high:
        return None
    going_on = sum(_goes_on(pair.second) for pair in full)
    unfinished = sum(not _ENDS.search(pair.first) for pair in full)
    prose = sum(_PROSE.search(pair.first) is not None for pair in full)
    is_prose = going_on >= 0.4 * len(full) and prose >= 0.25 * len(full)
    return width if is_prose and unfinished * 2 >= len(full) else None


def _common_width(pairs: list[_Pair], slack: float) -> _Width:
    """The width at which most of the first lines are full."""
    steps: Counter[int] = Counter()
    for pair in pairs:
        steps[int(pair.least * (1 - slack))] += 1
        steps[int(pair.most * (1 + slack)) + 1] -= 1
    width = covered = best = 0
    for place in sorted(steps):
        covered += steps[place]
        if covered > best:
            best, width = covered, place
    return _Width(width, slack)


def _blocks(lines: list[str]) -> Iterator[tuple[list[str], bool]]:
    """Groups of lines without a blank line, and whether each is code between fences."""
    block: list[str] = []
    code = False
    for line in lines:
        fence = _FENCE.match(line) is not None
        if (fence and not code) or not (line.strip() or code):
            if block:
                yield block, code
            block, code = [], fence
            if not fence:
                continue
        elif fence:
            yield [*block, line], True
            block, code = [], False
            continue
        block.append(line)
    if block:
        yield block, code


def _pairs(block: list[str]) -> Iterator[_Pair]:
    if len(block) < 2 or _is_table(block):
        return
    for first, second in pairwise(block):
        chinese = _WIDE.search(first) is not None
        if chinese or " " in first.strip():
            word = _FIRST_WORD.match(_QUOTED.sub("", second.strip()))
            more = len(word[0]) + (not chinese) if word else 1
            yield _Pair(first, second, len(first), len(first) + more)


def _is_table(block: list[str]) -> bool:
    return sum(_TABLE.search(line) is not None for line in block) * 2 >= len(block)


def _goes_on(line: str) -> bool:
    """Whether a line begins as the middle of a sentence does."""
    start = _QUOTED.sub("", line.strip()).lstrip(_OPENING)[:1]
    return start.islower() or _WIDE.match(start) is not None


class _Joined:
    """The paragraphs of a text that was wrapped at ``width``."""

    def __init__(self, lines: list[str], width: _Width) -> None:
        self.width, self.lines = width, lines
        self.words: Counter[str] | None = None

    def text(self) -> str:
        done: list[str] = []
        cut_off = False  # whether the last paragraph breaks off, as it does at the end of a page
        numbers: list[str] = []  # between the two halves of such a paragraph
        for block, code in _blocks(self.lines):
            parts = block if code or _is_table(block) else self._paragraphs(block)
            if cut_off and len(parts) == 1 and _PAGE_NUMBER.match(parts[0]):
                numbers.append(parts[0])
                continue
            if cut_off and not code and _goes_on(parts[0]) and not _BULLET.match(parts[0]):
                before, line_break, last = done[-1].rpartition("\n")
                joined = self._join(last, parts[0])
                done[-1] = "\n".join([before + line_break + joined, *parts[1:]])
            else:
                done += [*numbers, "\n".join(parts)]
            numbers = []
            full = len(block[-1]) >= self.width.characters * 0.75 and not _ENDS.search(block[-1])
            cut_off = full and not code and not _is_table(block)
        return "\n\n".join([*done, *numbers])

    def _paragraphs(self, block: list[str]) -> list[str]:
        pairs = [pair for pair in _pairs(block) if not _BULLET.match(pair.second)]
        full = sum(self.width.fits(pair) for pair in pairs)
        if full * 2 < len(pairs) or not full:
            return block
        if len(pairs) > 3 and not any(_goes_on(line) for line in block[1:]):
            return block  # verse, of which each line has a capital
        parts, margin = [block[0]], min(len(line) - len(line.lstrip()) for line in block)
        items = _BULLET.match(block[0]) is not None
        for first, second in pairwise(block):
            if self._starts_anew(first, second, margin, items):
                parts.append(second)
                items = _BULLET.match(second) is not None
            else:
                parts[-1] = self._join(parts[-1], second)
        return parts

    def _starts_anew(self, first: str, second: str, margin: int, items: bool) -> bool:
        """Whether a line begins a paragraph, a list item or a heading of its own."""
        ended = _ENDS.search(first) is not None
        pair = next(_pairs([first, second]), None)
        full = pair is not None and self.width.fits(pair)
        if _HEADING.match(second) or _HEADING.match(first):
            return True
        if not any(map(str.isalnum, second)) or not any(map(str.isalnum, first)):
            return True
        if _quotes(first) != _quotes(second):
            return True
        if _BULLET.match(second) and (items or ended or not full):
            return True
        indent = len(second) - len(second.lstrip())
        if indent >= margin + 2 and indent > len(first) - len(first.lstrip()) and ended:
            return True
        if full:
            return False
        return ended or not _goes_on(second)

    def _join(self, first: str, second: str) -> str:
        second = _QUOTED.sub("", second.lstrip()) if _quotes(second) else second.lstrip()
        if first.endswith("\u00ad"):
            return first[:-1] + second
        if first.endswith(("--", "—")) or second.startswith(("--", "—")):
            return first + second
        if _WIDE.search(first) and not (first[-1:].isascii() and second[:1].isalpha()
                                        and second[:1].isascii()):  # fmt: skip
            return first + second
        hyphen, rest = _HYPHENATED.search(first), _WORD.match(second)
        if hyphen is None or rest is None or rest[0] in _JOINING:
            return f"{first} {second}"
        if not second[0].islower() or self._is_compound(hyphen[1], rest[0]):
            return first + second
        return first[:-1] + second

    def _is_compound(self, start: str, rest: str) -> bool:
        """Whether a hyphen at the end of a line belongs to the word, by the rest of the text."""
        if self.words is None:
            # Not the halves of words at the ends of lines themselves.
            inner = (line.rstrip("-").rpartition(" ")[0] if line.endswith("-") else line
                     for line in self.lines)  # fmt: skip
            self.words = Counter(word.lower() for line in inner for word in _WORD.findall(line))
        start, rest = start.lower(), rest.lower()
        if start + rest in self.words:
            return False
        if f"{start}-{rest}" in self.words:
            return True
        return start in self.words and rest in self.words and len(start) > 2


def _quotes(line: str) -> str:
    """The marks of quotation, as in mail, at the start of a line."""
    found = _QUOTED.match(line)
    return found[0].replace(" ", "") if found else ""
