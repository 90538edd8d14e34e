"""Decontamination: texts of evaluation sets must not be in the training data."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from datamodules.pipeline.normalization import ngram_hashes, normalized_words

LENGTHS = (8, 9, 10, 11, 12, 13)


class ContaminationIndex:
    """Finds texts of evaluation sets in documents, whatever their case and punctuation.

    A document is contaminated if it holds 13 words in a row of such a text (Brown et al. 2020), or
    the whole of one of 8 to 12 words; fewer are a common phrase as often as they are the test's.
    Chinese and Japanese count by characters. What is kept of the sets is sorted hashes in one file
    that all processes map.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        with np.load(file) as saved:
            self.names = saved["names"].tolist()
            self.tables = {n: (saved[f"grams{n}"], saved[f"sets{n}"]) for n in LENGTHS}

    @staticmethod
    def save(sets: dict[str, Iterable[str]], file: Path) -> None:
        found: dict[int, list[np.ndarray]] = {n: [] for n in LENGTHS}
        owners: dict[int, list[np.ndarray]] = {n: [] for n in LENGTHS}
        for number, texts in enumerate(sets.values()):
            for text in texts:
                words = normalized_words(text)
                length = min(len(words), LENGTHS[-1])
                if length in found:
                    grams = ngram_hashes(words, length)
                    found[length].append(grams)
                    owners[length].append(np.full(len(grams), number, dtype=np.uint8))
        arrays = {"names": np.array(list(sets))}
        for n in LENGTHS:
            grams = np.concatenate([*found[n], np.empty(0, np.uint64)])
            arrays[f"grams{n}"], first = np.unique(grams, return_index=True)
            arrays[f"sets{n}"] = np.concatenate([*owners[n], np.empty(0, np.uint8)])[first]
        with open(file, "wb") as target:
            np.savez(target, allow_pickle=False, **arrays)

    def find(self, text: str) -> tuple[str, str] | None:
        """Find the first overlap as normalised words, and the name of its set."""
        words = normalized_words(text)
        for length, (known, owners) in self.tables.items():
            grams = ngram_hashes(words, length)
            if not len(grams) or not len(known):
                continue
            places = np.searchsorted(known, grams)
            places[places == len(known)] = 0
            hits = np.flatnonzero(known[places] == grams)
            if len(hits):
                start = int(hits[0])
                overlap = " ".join(words[start : start + length])
                return overlap, self.names[owners[places[start]]]
        return None
