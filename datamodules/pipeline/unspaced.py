"""Words and sentence ends of Chinese, Japanese and Korean text, for the rules of the pipeline."""

import re
from collections.abc import Callable

from datamodules.segmentation import HAN, KANA, split_words

_CLOSING = "[\"'”’」』）)】》〉]*"
_ENDS = re.compile(
    # A full stop of half the width ends a sentence before white space or a new character, but not
    # inside of a number or behind the number of an item.
    f"(?:[。！？｡!?]+|．(?!\\d)|(?<![\\d.])\\.(?=$|\\s|[{HAN}{KANA}])){_CLOSING}"
)
_KOREAN_ENDS = re.compile(f"[.。!?！？]+{_CLOSING}(?=\\s|$)")
_KOREAN_WORDS = re.compile(r"\w+(?:[-'.]\w+)*|[^\w\s]")
# Digits and letters of full width: a segmenter takes each of them for a word.
_HALF_WIDTH = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF5B))}
_POINT = re.compile(r"(?<=\d)．(?=\d)")

NOTES = {
    "ja": "--languages ja: no Japanese segmenter is used: a word ends where the script changes",
    "ko": "--languages ko: no Korean segmenter is used: a word is what stands between spaces",
}


def parser_of(language: str) -> Callable[[str], tuple[list[str], list[int]]] | None:
    """Return what parses a text of zh, ja or ko into words and sentence ends, or None."""
    return {"zh": _parse, "ja": _parse, "ko": _parse_korean}.get(language)


def _parse(text: str) -> tuple[list[str], list[int]]:
    plain = _POINT.sub(".", text.translate(_HALF_WIDTH))
    words = [word for word in split_words(plain) if not word.isspace()]
    return words, _sentence_ends(_ENDS, text)


def _parse_korean(text: str) -> tuple[list[str], list[int]]:
    return _KOREAN_WORDS.findall(text), _sentence_ends(_KOREAN_ENDS, text)


def _sentence_ends(pattern: re.Pattern[str], text: str) -> list[int]:
    """Return the ends of sentences in characters; the last one is the end of the text."""
    length = len(text.rstrip())
    return [*(end for match in pattern.finditer(text) if (end := match.end()) < length), len(text)]
