"""The documents of a text file: the whole file, or its lines, paragraphs or marked parts."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

from datamodules.wrapping import join_wrapped

Unit = Literal["auto", "document", "paragraph", "line", "file"]
UNITS = get_args(Unit)
SAMPLE = 400_000  # characters at the start of a file, from which its unit is found
_DOC = re.compile(r"^[ \t]*<doc\b([^<>]*)>[ \t]*$", re.MULTILINE)
_DOC_END = re.compile(r"^[ \t]*</doc>[ \t]*$", re.MULTILINE)
_ATTRIBUTE = re.compile(r'\b(id|title)="([^"]*)"')
_SEPARATOR = re.compile(r"^[ \t]*(?:<\|endoftext\|>|<\|end_of_text\|>|</s>|<eod>)[ \t]*\n?", re.M)
_TITLE = re.compile(r"^ ?= ([^=\n]+) = ?$", re.MULTILINE)  # of WikiText; sections have more signs
_SENTENCE_END = re.compile(r"[.!?。！？]+[\"'”’»」』)\]]*(?:\s|$)|[。！？]")
_LEAST_ARTICLES = 8  # lines of a file from which each can be an article
_ARTICLE_WORDS = 70
_WORD = re.compile(r"[^\s\u2e80-\u9fff]+")
_CHINESE = re.compile(r"[\u2e80-\u9fff]")


class Part(NamedTuple):
    """A document of a text file: its text, and its own id, if the file has one."""

    text: str
    id: str | None = None


def find_unit(head: str) -> Unit:
    """Find the unit of a text file by its first ``SAMPLE`` characters.

    Returns:
        "document" where marks stand between documents; "line" where each line is an article: no
        blank lines, and lines of many words in several sentences; "paragraph" where each line is
        one sentence and blank lines stand between documents, as the tools of BERT and ALBERT take
        it; "file" otherwise.
    """
    if _DOC.match(head.lstrip("\ufeff \n\t")) or len(_SEPARATOR.findall(head)) > 1:
        return "document"
    if len(_TITLE.findall(head)) > 1 and re.search(r"^ ?= = ", head, re.M):
        return "document"
    lines = head.rstrip("\n").split("\n")
    lines = lines[:-1] if len(head) >= SAMPLE else lines  # the last may be cut off
    full = [line for line in lines if line.strip()]
    if len(full) < _LEAST_ARTICLES:
        return "file"
    if len(full) * 10 < len(lines) * 9:
        return "paragraph" if _are_sentences(lines, full) else "file"
    sizes, sentences = [_size(line) for line in full], [_sentences(line) for line in full]
    if sizes[0] < _ARTICLE_WORDS / 3:
        return "file"  # below a title
    tenth, half = len(full) // 10, len(full) // 2
    sizes, sentences = sorted(sizes), sorted(sentences)
    long = sizes[half] >= _ARTICLE_WORDS and sizes[tenth] >= _ARTICLE_WORDS / 3
    return "line" if long and sentences[half] >= 3 and sentences[tenth] >= 2 else "file"


def _size(line: str) -> float:
    """The number of words; a paragraph has three Chinese characters where it has one of ours."""
    return len(_WORD.findall(line)) + len(_CHINESE.findall(line)) * 0.3


def _sentences(line: str) -> int:
    return len(_SENTENCE_END.findall(line))


def _are_sentences(lines: list[str], full: list[str]) -> bool:
    blocks = [block for block in re.split(r"\n\s*\n", "\n".join(lines)) if block.strip()]
    sizes = sorted(block.strip().count("\n") + 1 for block in blocks)
    alone = sum(_sentences(line) == 1 and _SENTENCE_END.search(line[-4:]) is not None
                for line in full)  # fmt: skip
    return len(sizes) > 2 and sizes[len(sizes) // 2] >= 4 and alone >= 0.9 * len(full)


def split_units(text: str, unit: Unit) -> Iterator[Part]:
    """Split a text into its documents; parts without text are left out, an empty file is not.

    Args:
        unit: "document": the parts between marks, which are the ``<doc>`` of WikiExtractor, lines
            of ``<|endoftext|>`` or ``</s>``, and the titles of WikiText; without marks the whole
            text. "paragraph": what stands between blank lines, hard-wrapped lines joined. "line":
            each line. "file": the whole text. "auto": by ``find_unit``.
    """
    if unit == "auto":
        unit = find_unit(text[:SAMPLE])
    if unit == "document":
        parts = _marked(text)
    elif unit == "paragraph":
        parts = map(Part, re.split(r"\n[^\S\n]*\n\s*", join_wrapped(text) or text))
    elif unit == "line":
        parts = map(Part, text.split("\n"))
    else:
        return iter([Part(text)])
    return (part for part in parts if part.text.strip())


def _marked(text: str) -> Iterator[Part]:
    if starts := list(_DOC.finditer(text)):
        for start, following in zip(starts, [*starts[1:], None], strict=True):
            stop = following.start() if following else len(text)
            found = dict(_ATTRIBUTE.findall(start[1]))
            body = _DOC_END.split(text[start.end() : stop])[0]
            yield Part(body.strip("\n"), found.get("id"))
    elif _SEPARATOR.search(text):
        yield from map(Part, _SEPARATOR.split(text))
    elif re.search(r"^ ?= = ", text, re.M) and (titles := list(_TITLE.finditer(text))):
        places = [title.start() for title in titles]
        for begin, end in zip([0, *places], [*places, len(text)], strict=True):
            yield Part(text[begin:end])
    else:
        yield Part(text)
