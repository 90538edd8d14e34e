"""Words of text whose script writes no spaces between them: Chinese, Japanese, Thai and others."""

import functools
import logging
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from datamodules.optional import require

HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA = "\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f"
HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
# Thai, Lao, Myanmar, Khmer: written without spaces too, and no segmenter of them is at hand.
_CLUSTERED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_UNSPACED = re.compile(f"[{HAN}{KANA}{_CLUSTERED}]")
_KANA = re.compile(f"[{KANA}]")
_CLUSTERS = re.compile(f"[{_CLUSTERED}]")
_CLAUSE = re.compile(r"[^。！？；，、：\n]*[。！？；，、：\n]?")
# In Japanese a new word mostly begins where the script changes.
_SCRIPTS = re.compile(
    f"[{HAN}]+|[\u3041-\u309f]+|[\u30a0-\u30ff\u31f0-\u31ff]+|[\uff66-\uff9f]+|[^\\W{HAN}{KANA}]+|."
)
# A letter with the marks above, below and after it.
_LETTERS = re.compile(".[\u0e31-\u0e3a\u0e47-\u0e4e\u102b-\u103e\u17b6-\u17d3]*")


def is_unspaced(text: str) -> bool:
    """Whether a text has characters of a script that writes no spaces between words."""
    return not text.isascii() and _UNSPACED.search(text) is not None


def is_written_in_latin(text: str) -> bool:
    """Whether at least half of the letters of a text are Latin; a text without letters is."""
    letters = [character for character in text if character.isalpha()]
    latin = sum(character < "\u0250" for character in letters)
    return 2 * latin >= len(letters)


def split_words(text: str) -> list[str]:
    """Split a text into words, punctuation marks and white space, which join to the text.

    Chinese words are jieba's. Japanese words end where the script changes (kanji, hiragana,
    katakana), and Thai, Lao, Khmer and Burmese are split into letters with their marks.
    """
    return [word for clause in _CLAUSE.findall(text) if clause for word in _split_clause(clause)]


def with_words(text: str, pattern: re.Pattern[str] = re.compile(r"\s*\S+")) -> list[str]:
    """Split a text at its white space, and what has no spaces into words.

    Args:
        pattern: Matches a word with the white space that belongs to it.
    """
    found = pattern.findall(text)
    if not is_unspaced(text):
        return found
    return [part for word in found for part in _with_marks(word)]


def _with_marks(word: str) -> Iterator[str]:
    """Split what stands between spaces into words, each with the marks around it."""
    if not is_unspaced(word):
        yield word
        return
    held = ""
    for part in split_words(word):
        opening = unicodedata.category(part[0]) in ("Ps", "Pi")
        if (opening or _has_letter(part)) and _has_letter(held):
            yield held
            held = ""
        held += part
    yield held


def _has_letter(text: str) -> bool:
    return any(character.isalnum() for character in text)


@functools.lru_cache(1 << 16)
def _split_clause(clause: str) -> tuple[str, ...]:
    if _KANA.search(clause):
        return tuple(_SCRIPTS.findall(clause))
    if _CLUSTERS.search(clause):
        return tuple(_LETTERS.findall(clause))
    return tuple(_jieba()(clause))


@functools.cache
def _jieba() -> Callable[[str], list[str]]:
    module: Any = require("jieba", "corpus", "finds the words of Chinese text")
    logging.getLogger("jieba").setLevel(logging.WARNING)  # it tells of its dictionary
    return module.lcut
