"""Lines of hard-wrapped text: which are full, and the width at which they were wrapped."""

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
QUOTED = re.compile(r"(?:> ?)+")  # marks of quotation, as in mail
_TABLE = re.compile(r"^\s*[|+]|\S(?: {3,}|\t)\S.*\S(?: {3,}|\t)\S")
ENDS = re.compile(r"""[.!?:;。！？：；…][\])"'”’»」』*_]*$""")
_PROSE = re.compile(r"[,.;:!?]\s|[，。；：！？、]|[^\W\d_]-$")
_OPENING = "\"'“‘«([{*_„「『"
WIDE = re.compile(r"[\u2e80-\u9fff\uff00-\uffef]")  # Chinese and Japanese, without spaces
_FIRST_WORD = re.compile(r"[^\s\u2e80-\u9fff\uff00-\uffef]+")


class Pair(NamedTuple):
    """Two lines that follow each other: the length of the first, without and with more words."""

    first: str
    second: str
    least: int
    most: int


class Width(NamedTuple):
    """The number of characters at which lines were wrapped, and whether all were by a program."""

    characters: int
    exact: bool

    def fits(self, pair: Pair, slack: float = 0) -> bool:
        """Whether the first line is full: it fits into the width, and with the next word not."""
        low, high = self.characters * (1 - slack), self.characters * (1 + slack)
        return pair.least <= high and pair.most >= low


def wrapped_width(lines: list[str]) -> Width | None:
    """Find the width at which lines were wrapped; None if they were not."""
    pairs = [pair for block, code in blocks(lines) if not code for pair in pairs_of(block)]
    if len(pairs) < 3 or sum(pair.least for pair in pairs) > 2 * _WIDTHS[1] * len(pairs):
        return None
    chinese = sum(WIDE.search(pair.first) is not None for pair in pairs) * 2 > len(pairs)
    bounds = _CHINESE_WIDTHS if chinese else _WIDTHS
    width = Width(_common_width(pairs, 0, bounds), True)
    full = [pair for pair in pairs if width.fits(pair)]
    if len(full) < _EXACT * len(pairs):
        width = Width(_common_width(pairs, _SLACK / 2, bounds), False)
        full = [pair for pair in pairs if width.fits(pair, _SLACK)]
    # Short lines are those of lists, verse and headers between the paragraphs.
    long = sum(pair.least >= 0.6 * width.characters for pair in pairs)
    if len(full) < 3 or len(full) * 2 < long:
        return None
    starts = Counter(QUOTED.sub("", pair.second.strip()).split(" ")[0] for pair in full)
    if len(full) > 4 and starts.most_common(1)[0][1] * 3 > len(full):
        return None  # rows that all begin alike
    going_on = sum(goes_on(pair.second) for pair in full)
    unfinished = sum(not ENDS.search(pair.first) for pair in full)
    prose = sum(_PROSE.search(pair.first) is not None for pair in full)
    is_prose = going_on >= 0.4 * len(full) and prose >= 0.25 * len(full)
    return width if is_prose and unfinished * 2 >= len(full) else None


def _common_width(pairs: list[Pair], slack: float, bounds: tuple[int, int]) -> int:
    """The width within the bounds at which most of the first lines are full."""
    steps: Counter[int] = Counter()
    for pair in pairs:
        steps[int(pair.least * (1 - slack))] += 1
        steps[int(pair.most * (1 + slack)) + 1] -= 1
    covered = best = 0
    width = low = bounds[0]
    for place in sorted(steps):
        covered += steps[place]
        if covered >= best and low <= place <= bounds[1]:
            best, width = covered, place
    return width


def blocks(lines: list[str]) -> Iterator[tuple[list[str], bool]]:
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


def pairs_of(block: list[str]) -> Iterator[Pair]:
    """The pairs of lines of a block, but for those without spaces and those of a table."""
    if len(block) < 2 or is_table(block):
        return
    for first, second in pairwise(block):
        chinese = WIDE.search(first) is not None
        if chinese or " " in first.strip():
            word = _FIRST_WORD.match(QUOTED.sub("", second.strip()))
            more = len(word[0]) + (not chinese) if word else 1
            yield Pair(first, second, len(first), len(first) + more)


def is_table(block: list[str]) -> bool:
    """Whether most lines of a block have columns."""
    return sum(_TABLE.search(line) is not None for line in block) * 2 >= len(block)


def goes_on(line: str) -> bool:
    """Whether a line begins as the middle of a sentence does."""
    start = QUOTED.sub("", line.strip()).lstrip(_OPENING)[:1]
    return start.islower() or WIDE.match(start) is not None
