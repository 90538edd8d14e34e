"""Raw text to prose: HTML, encodings, white space, notices of rights."""

import re
import unicodedata

import ftfy
from ftfy import TextFixerConfig
from resiliparse.extract.html2text import extract_plain_text

_PAGE = re.compile(r"<!doctype html|<html\b|<body\b|<head\b", re.IGNORECASE)
_TAGS = re.compile(
    r"</?(?:br|p|div|span|b|i|em|strong|a|ul|ol|li|h[1-6]|table|tr|td|img)\b[^<>]*>", re.I
)
_BLOCKS = re.compile(r"</?(?:br|p|div|ul|ol|li|h[1-6]|table|tr)\b[^<>]*>", re.IGNORECASE)
_DROPPED = re.compile(r"<(script|style|noscript)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_SPACES = re.compile(r"[^\S\n]+")
_BLANK = re.compile(r"\n\s*\n\s*")
# Controls and marks of direction that no reader sees; tabs and line breaks stay.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff\ufdd0]"
)
_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_FIX = TextFixerConfig(
    unescape_html=False, uncurl_quotes=False, fix_line_breaks=False, fix_character_width=False
)
# A line that is nothing but a notice; prose that mentions one stays.
_NOTICE = re.compile(
    r"^\W*(?:(?:copyright\b|©|\(c\)\s*\d{4}|all rights reserved|licen[sc]ed under\b"
    r"|版权所有|著作权所有|保留所有权利)[^\n]{0,160})$\n?",
    re.IGNORECASE | re.MULTILINE,
)


def clean(text: str, html: bool | None = None) -> str:
    """Extract the prose of a text.

    Args:
        text: The raw text.
        html: Whether it is a whole page, of which the main part is taken; found out if None. Tags
            in other text become the space or line break that they stand for.
    """
    if html or (html is None and _PAGE.search(text[:2000])):
        text = extract_plain_text(text, main_content=True, alt_texts=False)
    elif "<" in text and _TAGS.search(text):
        text = _TAGS.sub("", _BLOCKS.sub("\n", _DROPPED.sub(" ", text)))
    if "&" in text:
        text = _unescaped(text)
    if not text.isascii():
        # A page of NFKC would lose what Chinese and mathematics mean by width and position.
        text = unicodedata.normalize("NFC", ftfy.fix_text(text, _FIX))
    text = _INVISIBLE.sub("", _BREAKS.sub("\n", text))
    text = _SPACES.sub(" ", text)
    text = _BLANK.sub("\n\n", text.replace(" \n", "\n").replace("\n ", "\n"))
    return text.strip()


def _unescaped(text: str) -> str:
    return ftfy.fixes.unescape_html(text)


def without_notices(text: str) -> tuple[str, int]:
    """Remove the lines that only state rights or a licence, and count them."""
    if not re.search(r"copyright|©|\(c\)|rights|licen|版权|著作|权利", text, re.IGNORECASE):
        return text, 0
    text, count = _NOTICE.subn("", text)
    return text.strip(), count


def broken_share(text: str) -> float:
    """The share of characters that were lost to a wrong encoding."""
    return text.count("\ufffd") / max(1, len(text))
