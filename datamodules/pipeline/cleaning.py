"""Raw text to prose: HTML, hard-wrapped lines, encodings, white space, code between prose."""

import re
import unicodedata
from collections import Counter

import ftfy
from ftfy import TextFixerConfig
from resiliparse.extract.html2text import extract_plain_text

from datamodules.wrapping import join_wrapped

_PAGE = re.compile(r"<!doctype html|<html\b|<body\b|<head\b", re.IGNORECASE)
_PAGE_END = re.compile(r"</(?:html|body)\s*>", re.IGNORECASE)
# A tag has attributes with values, or the few that have none; `a <b and c> d` is a comparison.
_ATTRIBUTES = (
    r"""(?:\s+(?:[\w:@.-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+)|nowrap|checked|disabled|hidden|"""
    r"""controls|allowfullscreen|selected|required|compact|noshade|readonly|multiple))*\s*/?"""
)
_BLOCK_NAMES = (
    "br|p|div|ul|ol|li|h[1-6]|table|tr|hr|blockquote|pre|dl|dt|dd|thead|tbody|tfoot|section|article"
    "|header|footer|nav|figure|figcaption|center"
)
_INLINE_NAMES = (
    "span|b|i|u|s|em|strong|a|td|th|img|small|big|sup|sub|font|code|tt|kbd|del|ins|strike|cite|abbr"
    "|iframe|label|caption|mark|q|wbr"
)
_EMPTY = frozenset(["img", "td", "th", "wbr"])  # these need no end
_BLOCKS = re.compile(rf"</?(?:{_BLOCK_NAMES}){_ATTRIBUTES}>", re.IGNORECASE)
_INLINE = re.compile(rf"<(/?)({_INLINE_NAMES})({_ATTRIBUTES})>", re.IGNORECASE)
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
_FENCED = re.compile(r"^([ \t]*(`{3,}|~{3,})[^\n]*\n.*?^[ \t]*\2[ \t]*(?:\n|\Z))", re.M | re.S)
_INDENTED = re.compile(r"(?<=\n\n)((?:(?: {4,}|\t)[^\n]*\S[^\n]*\n|[ \t]*\n(?= {4}|\t))+)")
_SPAN = re.compile(r"(`[^`\n]+`)")


def clean(
    text: str,
    html: bool | None = None,
    markdown: bool = False,
    join: bool = True,
    edits: Counter[str] | None = None,
) -> str:
    """Extract the prose of a text.

    Args:
        text: The raw text.
        html: Whether it is a whole page, of which the main part is taken; found out if None. Tags
            in other text become the space or line break that they stand for.
        markdown: Whether the text is Markdown. Code between fences stays as it is in any text, in
            Markdown also indented code and code in a line.
        join: Whether the lines of a hard-wrapped text are joined into paragraphs.
        edits: Counts to which a text with joined lines is added.
    """
    page = html or (html is None and is_page(text))
    if page:
        text = extract_plain_text(text, main_content=True, alt_texts=False)
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    joined = join_wrapped(text) if join else None
    if joined is not None:
        text = joined
        if edits is not None:
            edits["texts with hard-wrapped lines joined"] += 1
    if not page and ("```" in text or "~~~" in text or markdown):
        return _around_code(text, markdown)
    return _prose(text if page else _without_tags(text)).strip()


def clean_code(text: str) -> str:
    """Source code as it is written: only line breaks, and blank lines around it, are changed."""
    return _BREAKS.sub("\n", text).replace("\x00", "").strip("\n\ufeff").rstrip()


def is_page(text: str) -> bool:
    """Whether a text is a whole HTML page, not one that speaks of the tags of a page."""
    if not _PAGE.search(text[:2000]):
        return False
    return text.lstrip("\ufeff \t\r\n").startswith("<") or _PAGE_END.search(text[-200:]) is not None


def _around_code(text: str, markdown: bool) -> str:
    parts: list[str] = []
    pieces = _FENCED.split(text)
    for prose, code in zip(pieces[::3], [*pieces[1::3], ""], strict=True):
        inner = _INDENTED.split(prose) if markdown else [prose]
        for place, piece in enumerate(inner):
            if place % 2:
                parts.append(piece.rstrip())
            else:
                spans = _SPAN.split(piece) if markdown else [piece]
                spans[::2] = [_without_tags(span) for span in spans[::2]]
                cleaned = _prose("".join(spans)).strip()
                parts += [cleaned] if cleaned else []
        parts += [code.rstrip()] if code else []
    return "\n\n".join(parts).strip("\n")


def _without_tags(text: str) -> str:
    if "<" not in text or not (_BLOCKS.search(text) or _INLINE.search(text)):
        return text
    text = _BLOCKS.sub("\n", _DROPPED.sub(" ", text))
    ended = {name.lower() for end, name, _ in _INLINE.findall(text) if end}

    def replacement(tag: re.Match[str]) -> str:
        end, name, attributes = tag.groups()
        # `a <b> c` compares where nothing ends what the tag would begin.
        is_tag = end or attributes.strip() or name.lower() in ended | _EMPTY
        return (" " if name.lower() in ("td", "th") else "") if is_tag else tag[0]

    return _INLINE.sub(replacement, text)


def _prose(text: str) -> str:
    if "&" in text:
        text = _unescaped(text)
    if not text.isascii():
        # A page of NFKC would lose what Chinese and mathematics mean by width and position.
        text = unicodedata.normalize("NFC", ftfy.fix_text(text, _FIX))
    text = _INVISIBLE.sub("", _BREAKS.sub("\n", text))
    text = _SPACES.sub(" ", text)
    return _BLANK.sub("\n\n", text.replace(" \n", "\n").replace("\n ", "\n"))


def _unescaped(text: str) -> str:
    return ftfy.fixes.unescape_html(text)


def broken_share(text: str) -> float:
    """The share of characters that were lost to a wrong encoding."""
    return text.count("\ufffd") / max(1, len(text))
