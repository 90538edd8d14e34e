"""Normalised words, by which duplicates are found: without case, punctuation and white space."""

import functools
import hashlib

import numpy as np
from datatrove.utils.text import PUNCTUATION_TRANS
from datatrove.utils.word_tokenizers import WordTokenizer

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no power of it is lost modulo 2**64


def normalized_words(text: str) -> list[str]:
    """Split into lower-case words without punctuation, and Chinese and Japanese into characters."""
    words = text.lower().translate(PUNCTUATION_TRANS).replace("’", " ").split()
    if text.isascii():
        return words
    return [part for word in words for part in (word if _is_cjk(word) else [word])]


def _is_cjk(word: str) -> bool:
    return not word.isascii() and any("\u3040" <= c <= "\u9fff" for c in word)


def count_words(text: str) -> int:
    """Count words between white space, or characters of Chinese and Japanese."""
    if text.isascii():
        return len(text.split())
    return len([part for word in text.split() for part in (word if _is_cjk(word) else [word])])


def text_digest(text: str) -> bytes:
    """A digest of 16 bytes that is the same for texts that differ in white space only."""
    return hashlib.blake2b(" ".join(text.split()).encode(), digest_size=16).digest()


@functools.lru_cache(1 << 18)
def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def ngram_hashes(words: list[str], length: int) -> np.ndarray:
    """Hash each n-gram of ``length`` of the N words, (max(0, N - length + 1),) uint64."""
    count = len(words) - length + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint64)
    hashes = np.fromiter(map(_hash, words), dtype=np.uint64, count=len(words))
    grams = np.zeros(count, dtype=np.uint64)
    for shift in range(length):
        grams = grams * _BASE + hashes[shift : shift + count]
    return grams


class NormalizedWords(WordTokenizer):
    """The tokenizer for MinHash, which has simplified the text before: nothing is parsed twice."""

    def word_tokenize(self, text: str) -> list[str]:
        return normalized_words(text)

    def sent_tokenize(self, text: str) -> list[str]:
        raise NotImplementedError

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        raise NotImplementedError
