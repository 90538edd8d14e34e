"""Methods that change a text: its words, the order of its sentences, a half of it, or all of it.

Synonyms, deletion and swaps follow EDA (Wei & Zou 2019, arXiv:1901.11196), recombination instance
crossover (Luque 2019, arXiv:1909.11241), back-translation Sennrich et al. (2016, arXiv:1511.06709).
Words of Chinese, Japanese and Thai text are those of ``datamodules.segmentation``. A method's
``unchanged`` says which texts it has to leave as they are.
"""

import functools
import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from datamodules.augmentation.synonyms import wordnet
from datamodules.augmentation.translation import translate
from datamodules.optional import require
from datamodules.segmentation import is_unspaced, is_written_in_latin, with_words

_WORD = re.compile(r"(?<![\w'’-])[A-Za-z]+(?![\w'’-])")
_SENTENCE = re.compile(
    r"\S.*?(?:[.!?…]+[\"'”’)\]]*(?=\s|\Z)|(?:[。！？｡]|．(?!\d))+[”’」』）]*|(?=\s*\Z))", re.DOTALL
)


def _count(share: float, words: int) -> int:
    return max(1, int(share * words))


@dataclass(frozen=True)
class Synonyms:
    """Replaces a share of the words, at least one, by WordNet synonyms; stop words stay.

    Only words in their dictionary form are changed, so that grammar mostly survives.
    """

    share: float = 0.1
    unchanged: ClassVar[str] = "it knows English words only"

    def __call__(self, text: str, random: Random) -> str:
        words = list(_WORD.finditer(text))
        known = [word for word in words if _synonyms(word[0])]
        chosen = random.sample(known, min(len(known), _count(self.share, len(words))))
        for word in sorted(chosen, key=re.Match.start, reverse=True):
            other = _cased(random.choice(_synonyms(word[0])), word[0])
            text = text[: word.start()] + other + text[word.end() :]
        return text


def _synonyms(word: str) -> tuple[str, ...]:
    return () if word.lower() in _stop_words() else tuple(wordnet().synonyms(word.lower()))


@functools.cache
def _stop_words() -> frozenset[str]:
    words = require("spacy.lang.en.stop_words", "corpus", "lists the stop words of English")
    return frozenset(words.STOP_WORDS)


def _cased(word: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word.capitalize() if like[0].isupper() else word


@dataclass(frozen=True)
class Deletion:
    """Leaves out each word with a probability, at least one in all; one word always stays."""

    share: float = 0.1
    unchanged: ClassVar[str] = "a text needs two words"

    def __call__(self, text: str, random: Random) -> str:
        words = with_words(text)
        if len(words) < 2:
            return text
        kept = [n for n in range(len(words)) if random.random() >= self.share]
        if len(kept) == len(words):
            kept.remove(random.choice(kept))
        kept = kept or [random.randrange(len(words))]
        return "".join(words[n] for n in kept).lstrip()


@dataclass(frozen=True)
class Swap:
    """Swaps two words, once for each word of a share, at least once."""

    share: float = 0.1
    unchanged: ClassVar[str] = "a text needs two different words"

    def __call__(self, text: str, random: Random) -> str:
        parts = [
            word
            for part in re.split(r"(\s+)", text)
            for word in (with_words(part) if part.strip() else [part])
        ]
        places = [n for n, part in enumerate(parts) if part.strip()]
        words = [parts[n] for n in places]
        if len(set(words)) < 2:
            return text
        homes: dict[str, list[int]] = {}  # the places of each word, in ascending order
        for place, word in enumerate(words):
            homes.setdefault(word, []).append(place)
        for _ in range(_count(self.share, len(words))):
            _swap(words, homes, random)
        if words == [parts[n] for n in places]:  # one swap undid another
            _swap(words, homes, random)
        for n, word in zip(places, words, strict=True):
            parts[n] = word
        return "".join(parts)


def _swap(words: list[str], homes: dict[str, list[int]], random: Random) -> None:
    """Swap a word and another one that differs, all such pairs equally likely."""
    one = random.choice(range(len(words)))
    same = homes[words[one]]
    # The n-th place among those that hold another word, without listing them all.
    n = random.choice(range(len(words) - len(same)))
    other = n + bisect_right(range(len(same)), n, key=lambda k: same[k] - k)
    for place, to in ((one, other), (other, one)):
        home = homes[words[place]]
        del home[bisect_left(home, place)]
        insort(home, to)
    words[one], words[other] = words[other], words[one]


@dataclass(frozen=True)
class SentenceShuffle:
    """Puts the sentences into another order; the white space between them stays in its place."""

    unchanged: ClassVar[str] = "a text needs two different sentences"

    def __call__(self, text: str, random: Random) -> str:
        spans = [match.span() for match in _SENTENCE.finditer(text)]
        sentences = [text[start:end] for start, end in spans]
        if len(set(sentences)) < 2:
            return text
        order = random.sample(sentences, len(sentences))
        while order == sentences:
            order = random.sample(sentences, len(sentences))
        last, parts = 0, []
        for (start, end), sentence in zip(spans, order, strict=True):
            parts += [text[last:start], sentence]
            last = end
        return "".join([*parts, text[last:]])


@dataclass(frozen=True)
class Recombination:
    """Joins the first half of a text and the second half of another of the same label.

    Halves are of sentences, or of words where a text is one sentence. What comes out depends on
    the other rows, unlike with the other methods.
    """

    unchanged: ClassVar[str] = "a text needs two words, and another text of its label"

    def __call__(self, text: str, random: Random, other: str = "") -> str:
        first, second = _halves(text)[0], _halves(other)[1]
        return _joined([first, second]) if first and second else text


def _halves(text: str) -> tuple[str, str]:
    parts = _SENTENCE.findall(text)
    if len(parts) < 2:
        parts = text.split()
        if is_unspaced(text):  # each word with the spaces before it
            words = with_words(text)
            middle = (len(words) + 1) // 2
            return "".join(words[:middle]).strip(), "".join(words[middle:]).strip()
    middle = (len(parts) + 1) // 2
    return _joined(parts[:middle]), _joined(parts[middle:])


def _joined(parts: Sequence[str]) -> str:
    """Join parts by a space, or by none after a character of a script without spaces."""
    text = ""
    for part in parts:
        last = text[-2:]
        tight = not text or is_unspaced(last) or any(mark in "。！？｡．」』" for mark in last)
        text += part if tight else f" {part}"
    return text


@dataclass(frozen=True)
class BackTranslation:
    """Translates into another language and back, by sentences. All copies of a text are the same.

    Args:
        forward: A hub id or folder of a translation model, or ``apertium eng-spa``.
        backward: The same for the way back.
        batch_size: The number of sentences that a model translates at once.
    """

    forward: str = "Helsinki-NLP/opus-mt-en-de"
    backward: str = "Helsinki-NLP/opus-mt-de-en"
    batch_size: int = 16
    unchanged: ClassVar[str] = "its models gave back the same words"

    def __call__(self, text: str, random: Random) -> str:
        return self.translate_all([text])[0]

    def translate_all(self, texts: Sequence[str]) -> list[str]:
        """Translate many texts there and back, each sentence once."""
        others = sum(not is_written_in_latin(text) for text in texts)
        if others > len(texts) / 2 and self.forward == BackTranslation.forward:
            raise ValueError(
                f"back_translation: its models translate English, and {others:,} of {len(texts):,} "
                f"texts are not written in Latin letters; in Python, give BackTranslation others, "
                f"such as Helsinki-NLP/opus-mt-zh-en and Helsinki-NLP/opus-mt-en-zh"
            )
        pieces = [re.split(f"({_SENTENCE.pattern})", text, flags=re.DOTALL) for text in texts]
        sentences = list(dict.fromkeys(piece for part in pieces for piece in part[1::2]))
        abroad = translate(self.forward, sentences, self.batch_size)
        back = dict(zip(sentences, translate(self.backward, abroad, self.batch_size), strict=True))
        return ["".join(back.get(piece, piece) for piece in part) for part in pieces]


METHODS: dict[str, type] = {
    "synonyms": Synonyms,
    "deletion": Deletion,
    "swap": Swap,
    "sentence_shuffle": SentenceShuffle,
    "recombination": Recombination,
    "back_translation": BackTranslation,
}
