"""Sentences of words with a tag each, from columns, lists or spans of characters."""

import ast
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from datamodules.words import split_words


@dataclass
class Sentences:
    """N sentences of one split.

    Attributes:
        words: The words of each sentence.
        tags: A tag for each word.
        rows: The place of each in its file, which errors name.
        notes: Remarks for the user, a line each.
    """

    words: list[list[str]] = field(default_factory=list)
    tags: list[list[str]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.words)

    def add(self, words: Sequence[str], tags: Sequence[str], row: int) -> None:
        """Add a sentence; an empty one is left out.

        Raises:
            ValueError: If there are not as many tags as words, or one of them is empty.
        """
        if len(words) != len(tags):
            raise ValueError(f"{len(words)} words and {len(tags)} tags: give each word one tag")
        for place, (word, tag) in enumerate(zip(words, tags, strict=True), 1):
            if not word.strip() or not tag.strip():
                raise ValueError(f"the {'tag' if word.strip() else 'word'} {place} is empty")
        if words:
            self.words.append(list(words))
            self.tags.append(list(tags))
            self.rows.append(row)

    @property
    def fingerprint(self) -> str:
        """A digest of every word and tag."""
        parts = repr([self.words, self.tags])
        return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()

    def take(self, places: Iterable[int]) -> "Sentences":
        """The sentences at these places."""
        chosen = list(places)
        return Sentences(
            [self.words[i] for i in chosen],
            [self.tags[i] for i in chosen],
            [self.rows[i] for i in chosen],
            self.notes,
        )


def as_list(value: Any) -> list[str]:
    """A list of words or tags from a cell: a list, its text, or words with spaces between them."""
    if isinstance(value, str):
        stripped = value.strip()
        if stripped[:1] == "[" and stripped[-1:] == "]":
            for read in (json.loads, ast.literal_eval):
                try:
                    return as_list(read(stripped))
                except (ValueError, SyntaxError):
                    continue
        return stripped.split()
    if value is None or isinstance(value, int | float | dict):
        raise ValueError(f"{value!r:.60} is not a list")
    return [str(part) for part in value]


def of_spans(text: str, spans: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Words and BIO tags of a text whose entities are spans of characters.

    Args:
        text: The text.
        spans: A mapping with start, end and label each, or a list of these three; the end is that
            of Python, one past the last character.

    Raises:
        ValueError: For a span outside of the text, an empty one, or two that overlap.
    """
    found = sorted(map(_span, spans))
    for (start, end, label), after in zip(found, [*found[1:], None], strict=True):
        if not 0 <= start < end <= len(text) or not text[start:end].strip():
            raise ValueError(
                f"the span {start}-{end} ({label}) is not in the text, which has "
                f"{len(text)} characters: count from 0, with the end one past the last character"
            )
        if after and after[0] < end:
            raise ValueError(
                f"the spans {start}-{end} ({label}) and {after[0]}-{after[1]} ({after[2]}) "
                f"overlap: keep one of them"
            )
    words, tags = [], []
    # A span that ends within a word cuts it, so that nothing of the span is lost.
    borders = sorted({border for start, end, _ in found for border in (start, end)})
    for word, start, end in split_words(text):
        cuts = [start, *(border for border in borders if start < border < end), end]
        for left, right in pairwise(cuts):
            words.append(word[left - start : right - start])
            tags.append(_tag_at(left, found, text))
    return words, tags


def _span(span: Any) -> tuple[int, int, str]:
    values: list[Any] = list(span) if isinstance(span, list | tuple) else []
    if isinstance(span, dict):
        names = (
            ("start", "start_offset", "begin"),
            ("end", "end_offset"),
            (*("label", "type", "tag", "entity", "entity_group"),),
        )
        values = [next((span[n] for n in group if n in span), None) for group in names]
    if len(values) != 3 or not all(isinstance(v, int) for v in values[:2]) or values[2] is None:
        raise ValueError(f"{span!r:.80} is not a span: give start, end and label")
    labels = values[2] if isinstance(values[2], list) else [values[2]]
    if len(labels) != 1:
        raise ValueError(f"{span!r:.80} has {len(labels)} labels: give each span one")
    return values[0], values[1], str(labels[0])


def _tag_at(place: int, spans: list[tuple[int, int, str]], text: str) -> str:
    for start, end, label in spans:
        if start <= place < end:
            first = start + len(text[start:end]) - len(text[start:end].lstrip())
            return f"{'B' if place == first else 'I'}-{label}"
    return "O"
