"""Answers in words, and how well one agrees with the right ones: SQuAD's exact match and F1."""

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized(answer: str) -> str:
    """An answer in small letters, without punctuation, articles and further spaces."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_NO_PUNCTUATION)).split())


def agreement(said: str, right: Sequence[str], unanswerable: bool = False) -> tuple[float, float]:
    """Exact match and F1 of an answer, 0 to 1 each, against the best of the right ones.

    They are those of SQuAD 1.1 (Rajpurkar et al. 2016, arXiv:1606.05250), or of 2.0 (2018,
    arXiv:1806.03822), where "" says that there is no answer, and agrees with "" alone.

    Args:
        said: The answer.
        right: The right answers; none where there is no answer.
        unanswerable: Whether the scores are those of SQuAD 2.0.
    """
    if unanswerable:
        right = [answer for answer in right if normalized(answer)] or [""]
    pairs = [(normalized(said), normalized(answer)) for answer in right]
    exact = max((float(one == other) for one, other in pairs), default=0.0)
    return exact, max((_f1(*pair, unanswerable) for pair in pairs), default=0.0)


def _f1(said: str, right: str, unanswerable: bool) -> float:
    words, wanted = said.split(), right.split()
    if unanswerable and not (words and wanted):
        return float(words == wanted)
    shared = sum((Counter(words) & Counter(wanted)).values())
    return 2 * shared / (len(words) + len(wanted)) if shared else 0.0
