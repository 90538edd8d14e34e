"""Dumps of whole sites in XML: the articles of Wikipedia, the posts of Stack Exchange."""

import contextlib
import functools
import html
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from datamodules.optional import require
from datamodules.pipeline.formats.documents import (
    LeftOut,
    Raw,
    RawDocument,
    RawRow,
    ReadingOptions,
    Unreadable,
)
from datamodules.pipeline.formats.opening import SourceFile

_CODE = re.compile(r"<pre\b[^>]*>\s*<code\b[^>]*>(.*?)</code>\s*</pre>", re.DOTALL | re.IGNORECASE)
_REDIRECT = re.compile(r"\s*#\s*(?:redirect|weiterleitung|redirection|重定向)\b", re.IGNORECASE)
_HIDDEN = re.compile(r"<!--.*?-->|__[A-Z]+__|<(ref|gallery|math|timeline)\b[^>/]*>.*?</\1\s*>"
                     r"|<ref\b[^>]*/>", re.DOTALL)  # fmt: skip
_LINE_MARKS = re.compile(r"^[*#:;]+\s*|^\s*\|.*$|^[{|!].*$", re.MULTILINE)


def read_dump(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Read an XML dump of a wiki, or the Posts.xml of a site of Stack Exchange."""
    with file.open() as opened:
        events = ElementTree.iterparse(opened, events=("start", "end"))
        try:
            _, root = next(events)
        except (ElementTree.ParseError, StopIteration) as error:
            yield Unreadable(None, f"is not XML ({error})")
            return
        kind = _name(root)
        if kind not in ("mediawiki", "posts"):
            yield Unreadable(
                None, f"is XML of <{kind}>; read are dumps of Wikipedia and of Stack Exchange"
            )
            return
        if kind == "mediawiki":
            require("mwparserfromhell", "dumps", "takes the markup off the articles of a wiki")
        try:
            for event, element in events:
                if event == "end" and _name(element) in ("page", "row"):
                    yield _page(element) if kind == "mediawiki" else _post(element)
                    root.clear()
        except ElementTree.ParseError as error:
            raise OSError(f"is not XML from here on: {error}") from error


def _name(element: Any) -> str:
    return element.tag.rpartition("}")[2]


def _page(page: Any) -> RawRow:
    fields = {_name(element): element.text or "" for element in page.iter()}
    texts = {_name(child): child.text or "" for child in page}  # not those of the revision
    if "redirect" in texts or _REDIRECT.match(fields.get("text", "")):
        return LeftOut("redirects of a wiki")
    if texts.get("ns", "0") != "0":
        return LeftOut("pages of a wiki that are no articles")
    return functools.partial(_article, fields.get("text", ""), texts["title"], texts.get("id"))


def _article(markup: str, title: str, number: str | None) -> Raw:
    return RawDocument(f"{title}\n\n{without_markup(markup)}", number, html=False)


def without_markup(markup: str) -> str:
    """The prose of an article of a wiki: no templates, tables, references, images or categories."""
    import mwparserfromhell

    code = mwparserfromhell.parse(_HIDDEN.sub("", markup))
    for link in code.filter_wikilinks():
        # Images with their captions, categories, and links to other languages.
        if ":" in str(link.title).strip() and not str(link.title).startswith(":"):
            _remove(code, link)
    for tag in code.filter_tags(matches=lambda node: str(node.tag) == "table"):
        _remove(code, tag)
    text = code.strip_code(normalize=True, collapse=True)
    lines = [_LINE_MARKS.sub("", line).strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _remove(code: Any, node: Any) -> None:
    with contextlib.suppress(ValueError):  # it stood inside of another that is gone
        code.remove(node)


def _post(row: Any) -> RawRow:
    if row.get("PostTypeId") not in ("1", "2"):
        return LeftOut("posts that are neither question nor answer")
    return functools.partial(_question, row.get("Title"), row.get("Body") or "", row.get("Id"))


def _question(title: str | None, body: str, number: str | None) -> Raw:
    text = _CODE.sub(lambda found: f"\n```\n{html.unescape(found[1]).strip()}\n```\n", body)
    return RawDocument(f"{title}\n\n{text}" if title else text, number, html=False, markdown=True)
