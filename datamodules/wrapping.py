"""Hard-wrapped text, as in books, mail and text out of PDF files: its lines become paragraphs."""

import re
from collections import Counter
from itertools import pairwise

from datamodules.wrapped_lines import (
    ENDS,
    QUOTED,
    WIDE,
    Width,
    blocks,
    goes_on,
    is_table,
    pairs_of,
    wrapped_width,
)

_FILLED = 0.15  # lines that a person has filled are not all full
_SPACED = 12  # lines to a block of lines, on average
_HEADING = re.compile(r"#{1,6} ")
_BULLET = re.compile(r"\s*(?:[-*+•·–]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+\S")
_PAGE_NUMBER = re.compile(r"\W*(?:page )?(?:\d{1,4}|[ivxlc]{1,7})\W*$", re.I)
_HYPHENATED = re.compile(r"([^\W\d_]+)-$")
_JOINING = frozenset("and or to und oder et ou y o e".split())
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


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


class _Joined:
    """The paragraphs of a text that was wrapped at ``width``."""

    def __init__(self, lines: list[str], width: Width) -> None:
        self.width, self.lines = width, lines
        sizes = [len(block) for block, code in blocks(lines) if not code]
        # Where blank lines part the paragraphs, a full line that ends a sentence ends nothing else.
        self.spaced = len(sizes) > 2 and sum(sizes) <= _SPACED * len(sizes)
        self.words: Counter[str] | None = None

    def text(self) -> str:
        done: list[str] = []
        cut_off = False  # whether the last paragraph breaks off, as it does at the end of a page
        numbers: list[str] = []  # between the two halves of such a paragraph
        for block, code in blocks(self.lines):
            parts = block if code or is_table(block) else self._paragraphs(block)
            if cut_off and len(parts) == 1 and _PAGE_NUMBER.match(parts[0]):
                numbers.append(parts[0])
                continue
            if cut_off and not code and goes_on(parts[0]) and not _BULLET.match(parts[0]):
                before, line_break, last = done[-1].rpartition("\n")
                joined = self._join(last, parts[0])
                done[-1] = "\n".join([before + line_break + joined, *parts[1:]])
            else:
                done += [*numbers, "\n".join(parts)]
            numbers = []
            full = len(block[-1]) >= self.width.characters * 0.75 and not ENDS.search(block[-1])
            cut_off = full and not code and not is_table(block)
        return "\n\n".join([*done, *numbers])

    def _paragraphs(self, block: list[str]) -> list[str]:
        pairs = [pair for pair in pairs_of(block) if not _BULLET.match(pair.second)]
        full = sum(self.width.fits(pair, _FILLED) for pair in pairs)
        if full * 2 < len(pairs) or not full:
            return block
        if len(pairs) > 3 and not any(goes_on(line) for line in block[1:]):
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
        ended = ENDS.search(first) is not None
        pair = next(pairs_of([first, second]), None)
        exact = self.width.exact and not self.spaced
        full = pair is not None and self.width.fits(pair, 0 if exact else _FILLED)
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
        if full or goes_on(second):
            return ended and not full
        return ended or len(first) < self.width.characters * 0.7

    def _join(self, first: str, second: str) -> str:
        second = QUOTED.sub("", second.lstrip()) if _quotes(second) else second.lstrip()
        if first.endswith("\u00ad"):
            return first[:-1] + second
        if first.endswith(("--", "—")) or second.startswith(("--", "—")):
            return first + second
        if WIDE.search(first) and not (first[-1:].isascii() and second[:1].isalpha()
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
    found = QUOTED.match(line)
    return found[0].replace(" ", "") if found else ""
