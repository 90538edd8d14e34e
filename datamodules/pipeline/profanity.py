"""A linear classifier of offensive English, with the weights of alt-profanity-check 1.9.1."""

import functools
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

WEIGHTS = Path(__file__).with_name("profanity.npz")
LICENCE = Path(__file__).with_name("profanity.LICENSE")
_WORD = re.compile(r"\w\w+")


def tokenize(text: str) -> list[str]:
    """Split into the classifier's words, of two letters or more, in the case of the text."""
    return _WORD.findall(text)


class ProfanityClassifier:
    """Five linear support vector machines over TF-IDF, each calibrated by Platt's sigmoid.

    It was trained on English comments (MIT licence, in ``profanity.LICENSE``). The probability is
    the mean of the five, as scikit-learn's calibrated classifiers have it.

    Attributes:
        suspect: Words that make a sentence of this one word more likely offensive than not.
    """

    def __init__(self) -> None:
        with np.load(WEIGHTS) as saved:
            words = saved["words"].tobytes().decode().split("\n")
            self.idf, self.weights = saved["idf"], saved["weights"]  # (words,), (5, words)
            self.intercept, self.slope, self.offset = (
                saved[name] for name in ("intercept", "slope", "offset")
            )
        self.columns = {word: column for column, word in enumerate(words)}
        # A word alone has a TF-IDF of 1.
        margins = self.weights + self.intercept[:, None]
        alone = 1 / (1 + np.exp(self.slope[:, None] * margins + self.offset[:, None]))
        self.suspect = frozenset(w for w, c in self.columns.items() if alone[:, c].mean() > 0.5)

    def probability(self, words: Iterable[str]) -> float:
        """The probability that a sentence of these lower-case words is offensive."""
        counts = Counter(self.columns[word] for word in words if word in self.columns)
        columns = np.fromiter(counts, dtype=np.int64, count=len(counts))
        values = np.fromiter(counts.values(), dtype=float, count=len(counts)) * self.idf[columns]
        length = np.sqrt((values**2).sum()) or 1.0
        margins = self.weights[:, columns] @ values / length + self.intercept
        return float((1 / (1 + np.exp(self.slope * margins + self.offset))).mean())


@functools.cache
def load() -> ProfanityClassifier:
    """The classifier, read at the first call."""
    return ProfanityClassifier()
