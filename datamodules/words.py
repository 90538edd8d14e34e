"""The words of a text, and the tokens that begin them: data modules and modules agree on both."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

NO_TAG = -100  # of all tokens but the first of a word; torch's losses leave it out
# One character of a script without spaces, a run of letters and digits, or a sign.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u9fff]+|[^\w\s]")


def split_words(text: str) -> Iterator[tuple[str, int, int]]:
    """The words of a text, each with its start and its end in it."""
    for found in _WORD.finditer(text):
        yield found[0], found.start(), found.end()


def first_tokens(words: Sequence[str], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The number of the word whose first token each token is, or -1.

    Args:
        words: The words of a text, which are joined by spaces in it.
        offsets: The start and the end of each token in the text; both 0 for a special one.
    """
    text = " ".join(words)
    starts = np.cumsum([0, *(len(word) + 1 for word in words)])
    found, last = [], -1
    for start, end in offsets:
        while start < end and text[start].isspace():  # some tokens begin with the space before
            start += 1
        word = int(np.searchsorted(starts, start, "right")) - 1 if start < end else -1
        found.append(word if word > last else -1)
        last = max(last, word)
    return found


def entity_types(tags: Sequence[str]) -> list[str]:
    """The types of tags in BIO, in sorted order; none of tags that mark no entities."""
    return sorted({tag[2:] for tag in tags if tag[:2] in ("B-", "I-")})
