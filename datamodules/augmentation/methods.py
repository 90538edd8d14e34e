"""Methods that change a text: its words, the order of its sentences, a half of it, or all of it.

Synonyms, deletion and swaps follow EDA (Wei & Zou 2019, arXiv:1901.11196), recombination instance
crossover (Luque 2019, arXiv:1909.11241), back-translation Sennrich et al. (2016, arXiv:1511.06709).
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from datamodules.augmentation.synonyms import wordnet
from datamodules.augmentation.translation import translate
from datamodules.optional import require

_WORD = re.compile(r"(?<![\w'’-])[A-Za-z]+(?![\w'’-])")
_SENTENCE = re.compile(
    r"\S.*?(?:[.!?…]+[\"'”’)\]]*(?=\s|\Z)|[。！？]+[”’」』）]*|(?=\s*\Z))", re.DOTALL
)


def _count(share: float, words: int) -> int:
    return max(1, int(share * words))


@dataclass(frozen=True)
class Synonyms:
    """Replaces a share of the words, at least one, by WordNet synonyms; stop words stay.

    Only words in their dictionary form are changed, so that grammar mostly survives.
    """

    share: float = 0.1

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

    def __call__(self, text: str, random: Random) -> str:
        words = re.findall(r"\s*\S+", text)
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

    def __call__(self, text: str, random: Random) -> str:
        parts = re.split(r"(\s+)", text)
        places = [n for n, part in enumerate(parts) if part.strip()]
        if len({parts[n] for n in places}) < 2:
            return text
        for _ in range(_count(self.share, len(places))):
            _swap(parts, places, random)
        if "".join(parts) == text:  # one swap undid another
            _swap(parts, places, random)
        return "".join(parts)


def _swap(parts: list[str], places: list[int], random: Random) -> None:
    one = random.choice(places)
    other = random.choice([n for n in places if parts[n] != parts[one]])
    parts[one], parts[other] = parts[other], parts[one]


@dataclass(frozen=True)
class SentenceShuffle:
    """Puts the sentences into another order; the white space between them stays in its place."""

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

    def __call__(self, text: str, random: Random, other: str = "") -> str:
        first, second = _halves(text)[0], _halves(other)[1]
        return f"{first} {second}" if first and second else text


def _halves(text: str) -> tuple[str, str]:
    parts = _SENTENCE.findall(text)
    parts = text.split() if len(parts) < 2 else parts
    middle = (len(parts) + 1) // 2
    return " ".join(parts[:middle]), " ".join(parts[middle:])


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

    def __call__(self, text: str, random: Random) -> str:
        return self.translate_all([text])[0]

    def translate_all(self, texts: Sequence[str]) -> list[str]:
        """Translate many texts there and back, each sentence once."""
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
