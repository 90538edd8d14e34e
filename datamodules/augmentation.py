"""More training texts from those there are: words and sentences changed, halves joined, translated.

Synonyms, deletion and swaps follow EDA (Wei & Zou 2019, arXiv:1901.11196), recombination instance
crossover (Luque 2019, arXiv:1909.11241), back-translation Sennrich et al. (2016, arXiv:1511.06709).
"""

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from datamodules.synonyms import wordnet
from datamodules.tables import Dataset, Split
from datamodules.translation import translated

_WORD = re.compile(r"(?<![\w'’-])[A-Za-z]+(?![\w'’-])")
_SENTENCE = re.compile(
    r"\S.*?(?:[.!?…]+[\"'”’)\]]*(?=\s|\Z)|[。！？]+[”’」』）]*|(?=\s*\Z))", re.DOTALL
)


def _count(share: float, words: int) -> int:
    return max(1, int(share * words))


@dataclass(frozen=True)
class Synonyms:
    """Changes a share of the words, at least one, for WordNet synonyms; stop words stay.

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
    return () if word.lower() in _stop_words() else wordnet().synonyms(word.lower())


@functools.cache
def _stop_words() -> frozenset[str]:
    from spacy.lang.en.stop_words import STOP_WORDS

    return frozenset(STOP_WORDS)


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
    """Lets two words change places, for a share of the words, at least once."""

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
    """Puts the sentences into another order; what is between them stays."""

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
    """The first half of a text and the second half of another of the same label.

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
    """Into another language and back, sentence by sentence. All copies of a text are the same.

    Args:
        there: a hub id or folder of a translation model, or ``apertium eng-spa``.
        back: the same, for the way back.
        batch_size: sentences that a model translates at once.
    """

    there: str = "Helsinki-NLP/opus-mt-en-de"
    back: str = "Helsinki-NLP/opus-mt-de-en"
    batch_size: int = 16

    def __call__(self, text: str, random: Random) -> str:
        return self.many([text])[0]

    def many(self, texts: Sequence[str]) -> list[str]:
        pieces = [re.split(f"({_SENTENCE.pattern})", text, flags=re.DOTALL) for text in texts]
        sentences = list(dict.fromkeys(piece for part in pieces for piece in part[1::2]))
        abroad = translated(self.there, sentences, self.batch_size)
        back = dict(zip(sentences, translated(self.back, abroad, self.batch_size), strict=True))
        return ["".join(back.get(piece, piece) for piece in part) for part in pieces]


METHODS: dict[str, type] = {
    "synonyms": Synonyms,
    "deletion": Deletion,
    "swap": Swap,
    "sentence_shuffle": SentenceShuffle,
    "recombination": Recombination,
    "back_translation": BackTranslation,
}
Method = Callable[[str, Random], str]


def augmented(
    texts: Sequence[str],
    labels: Sequence | None,
    methods: Sequence[str | Method],
    copies: int,
    seed: int,
) -> tuple[list[str], list]:
    """New rows only: of each text its copies, each changed by all methods one after the other.

    A copy depends on the text, its number and the seed, not on the other rows (of recombination's
    on those of its label). What no method changes is left out.

    Args:
        labels: of the texts, which their copies keep; None gives no labels.
        methods: names of ``METHODS`` or methods with settings of their own.
        copies: of each text.
    """
    made = copies_of(texts, labels, methods, copies, seed)
    return [text for text, _ in made], [] if labels is None else [labels[row] for _, row in made]


def copies_of(
    texts: Sequence[str],
    labels: Sequence | None,
    methods: Sequence[str | Method],
    copies: int,
    seed: int,
) -> list[tuple[str, int]]:
    """What ``augmented`` makes, each with the place of the text that it was made of."""
    rows = [row for row in range(len(texts)) for _ in range(copies)]
    made = [texts[row] for row in rows]
    for n, method in enumerate(_methods(methods)):
        seeds = [f"{seed}/{n}/{place % copies}/{texts[row]}" for place, row in enumerate(rows)]
        randoms = [Random(text) for text in seeds]
        if isinstance(method, BackTranslation):
            made = method.many(made)
        elif isinstance(method, Recombination):
            others = _others(randoms, rows, labels or [None] * len(texts))
            parts = zip(made, randoms, others, strict=True)
            made = [
                text if other is None else method(text, random, texts[other])
                for text, random, other in parts
            ]
        else:
            made = [method(text, random) for text, random in zip(made, randoms, strict=True)]
    return [(text, row) for text, row in zip(made, rows, strict=True) if text != texts[row]]


def extended(dataset: Dataset, methods: str, copies: int, seed: int) -> Dataset:
    """A labelled data set whose training texts have changed copies.

    Args:
        methods: names joined by commas.
    """
    train = dataset.splits["train"]
    if train.pairs is not None:
        raise ValueError("--data.augment: texts in pairs are not augmented; leave it out")
    labels = train.labels and [str(label) for label in train.labels]
    try:
        made = copies_of(train.texts, labels, methods.split(","), copies, seed)
    except (ValueError, OSError) as error:
        raise ValueError(f"--data.augment: {error}") from error
    texts = [*train.texts, *(text for text, _ in made)]
    if train.labels is not None:
        labels = [*train.labels, *(train.labels[row] for _, row in made)]
    note = f"{len(made):,} training texts were added by {methods.replace(',', ', ')}"
    splits = dataset.splits | {"train": Split(texts, None, labels)}
    return replace(dataset, splits=splits, notes=[*dataset.notes, note])


def _methods(methods: Iterable[str | Method]) -> list[Method]:
    for name in methods:
        if isinstance(name, str) and name not in METHODS:
            near = difflib.get_close_matches(name, METHODS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"augmentation {name}: there are {', '.join(METHODS)}{hint}")
    return [METHODS[name]() if isinstance(name, str) else name for name in methods]


def _others(
    randoms: Sequence[Random], rows: Sequence[int], labels: Sequence
) -> Iterator[int | None]:
    """For each row another one of its label, if there is one."""
    groups: dict[Any, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(label, []).append(row)
    for random, row in zip(randoms, rows, strict=True):
        group = groups[labels[row]]
        other = group[random.randrange(len(group) - 1)] if len(group) > 1 else None
        yield group[-1] if other == row else other
