"""Scores of one written answer: exact match and ROUGE-L over words, of all scripts."""

import unicodedata

from datamodules.words import split_words


def same_words(answer: str, reference: str) -> bool:
    """Whether two texts have the same words; case and punctuation do not count.

    Texts without words, as of signs alone, have to be the same.
    """
    one, other = _words(answer), _words(reference)
    return one == other if one or other else answer.strip() == reference.strip()


def rouge_l(answer: str, reference: str) -> float:
    """Compute ROUGE-L: F1 of the longest common subsequence of words (Lin 2004), from 0 to 1.

    Case and punctuation do not count. Each Chinese or Japanese character is a word.
    """
    one, other = _words(answer), _words(reference)
    row = [0] * (len(other) + 1)
    for word in one:
        above = 0  # of the row before, one column to the left
        for column, second in enumerate(other, 1):
            here = row[column]
            row[column] = above + 1 if word == second else max(here, row[column - 1])
            above = here
    if not one or not other:
        return float(same_words(answer, reference))
    return 2 * row[-1] / (len(one) + len(other))


def _words(text: str) -> list[str]:
    """The words; the marks of letters, as of Thai and Hindi, stand for themselves."""
    found = (word for word, _, _ in split_words(text.lower()))
    return [word for word in found if _counts(word[0])]


def _counts(first: str) -> bool:
    return first.isalnum() or first == "_" or unicodedata.category(first)[0] == "M"
