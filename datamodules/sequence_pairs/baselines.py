"""What takes no model: copies of the source, its beginning, and the most similar training pair."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

from datamodules.words import split_words

Baseline = Literal["copy", "lead", "nearest"]
MOST = 20_000_000  # comparisons of a test source with a training source
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n|(?<=[。！？])")


def copy(sources: Sequence[str]) -> list[str]:
    """The sources themselves."""
    return list(sources)


def mean_words(targets: Sequence[str]) -> int:
    """The mean number of words of the targets, rounded; each Chinese character is a word."""
    counts = [sum(1 for _ in split_words(text)) for text in targets]
    return max(1, round(sum(counts) / len(counts)))


def lead(sources: Sequence[str], words: int) -> list[str]:
    """The first words of each source's first sentence, as many as targets have in the mean."""
    found = []
    for source in sources:
        first = next((part for part in _SENTENCE.split(source.strip()) if part.strip()), source)
        spans = list(split_words(first))[:words]
        found.append(first[: spans[-1][2]] if spans else first)
    return found


def nearest(
    sources: Sequence[str], known: Sequence[str], targets: Sequence[str]
) -> list[str] | None:
    """The target of the training source with the most similar words; None of very many pairs.

    Similar is the cosine of the words' weights, 1 + log(count) times the inverse document
    frequency (Salton & Buckley 1988); of none in common, the first training pair.
    """
    if len(sources) * len(known) > MOST:
        return None
    from scipy import sparse

    numbers: dict[str, int] = {}
    counted = [Counter(word.lower() for word, _, _ in split_words(text)) for text in known]
    for words in counted:
        for word in words:
            numbers.setdefault(word, len(numbers))
    asked = [Counter(word.lower() for word, _, _ in split_words(text)) for text in sources]
    seen = np.bincount([numbers[w] for words in counted for w in words], minlength=len(numbers))
    weights = np.log((1 + len(known)) / (1 + seen)) + 1

    def matrix(rows: Sequence[Counter]) -> sparse.csr_matrix:
        found = [
            (i, numbers[w], c) for i, row in enumerate(rows) for w, c in row.items() if w in numbers
        ]
        at, column, count = np.array(found or [(0, 0, 0)]).T
        values = np.where(count > 0, 1 + np.log(np.maximum(count, 1)), 0) * weights[column]
        made = sparse.csr_matrix((values, (at, column)), shape=(len(rows), len(numbers)))
        norms = np.sqrt(np.asarray(made.multiply(made).sum(1)).ravel())
        return sparse.diags(1 / np.maximum(norms, 1e-12)) @ made

    learned, best = matrix(counted).T.tocsc(), []
    rows = matrix(asked)
    for start in range(0, rows.shape[0], 256):
        best += np.asarray((rows[start : start + 256] @ learned).argmax(1)).ravel().tolist()
    return [targets[place] for place in best]
