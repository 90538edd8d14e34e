"""Folders with a folder for each class and a file for each text."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from datamodules.files.containers import BROKEN, content
from datamodules.files.encodings import find_encoding, text_lines, undecodable
from datamodules.files.table import BadRow, ReadOptions, Table, fault

UNLABELLED = {"unsup", "unlabeled", "unlabelled"}  # of IMDb, and others
TEXTS = {"", ".txt", ".text", ".md", ".eml", ".story", ".review"}


def class_folders(folder: Path, splits: Mapping[str, Sequence[str]]) -> dict[str, list[Path]]:
    """The folders of the classes for each split; empty if the folder is not made like that.

    Args:
        folder: A folder with the classes, or with a folder of classes for each split.
        splits: The names that a folder of a split can have.
    """
    found = {}
    for split, names in splits.items():
        for inner in [folder / name for name in names if (folder / name).is_dir()][:1]:
            if len(classes := _classes(inner)) > 1:
                found[split] = classes
    if found:
        return found if "train" in found else {}
    classes = _classes(folder)
    return {"train": classes} if len(classes) > 1 else {}


def _classes(folder: Path) -> list[Path]:
    inner = sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] not in "._")
    inner = [p for p in inner if p.name.lower() not in UNLABELLED]
    return [p for p in inner if any(_is_text(file) for file in p.iterdir())]


def _is_text(path: Path) -> bool:
    """Whether a file holds one text; some corpora number files in place of an ending."""
    plain = path.suffix.lower() in TEXTS or path.suffix[1:].isdecimal()
    return plain and path.is_file() and path.name[0] not in "._"


def read_class_folders(
    folder: Path, classes: Mapping[str, Sequence[Path]], options: ReadOptions
) -> dict[str, Table]:
    """Read each file as a "text", with the name of its folder as its "label"."""
    return {split: _read(folder, inner, options) for split, inner in classes.items()}


def _read(root: Path, classes: Sequence[Path], options: ReadOptions) -> Table:
    texts, labels, rows, left_out = [], [], [], []
    encodings: dict[str, int] = {}
    for inner in classes:
        for path in sorted(p for p in inner.iterdir() if _is_text(p)):
            name = path.relative_to(root).as_posix()
            text, note = _text(path, options)
            if note:
                encodings[note] = encodings.get(note, 0) + 1
            if isinstance(text, BadRow):
                if options.bad_rows == "stop":
                    cure = f", or leave such files out with {options.prefix}bad_rows skip"
                    raise fault(path, text.reason + cure, of=options.prefix)
                left_out.append((name, text.reason))
                continue
            texts.append(text)
            labels.append(inner.name)
            rows.append(name)
    notes = [f"the {len(classes)} folders are the classes: a file is a text"]
    others = [p for p in classes[0].parent.iterdir() if p.name.lower() in UNLABELLED]
    notes += [f"{path.name} has no labels: it is not read" for path in others if path.is_dir()]
    notes += [f"{count:,} files: {note}" for note, count in encodings.items()]
    columns = {"text": texts, "label": labels}
    return Table(str(root), columns, rows, tuple(left_out), notes=tuple(notes))


def _text(path: Path, options: ReadOptions) -> tuple[str | BadRow, str]:
    """The text of a file, or why it has none, and a remark about its encoding."""
    notes: list[str] = []
    try:
        inside = content(path)
        with inside.open() as file:
            data = file.read()
        inside = inside._replace(open=lambda: io.BytesIO(data))  # which is looked at three times
        encoding = find_encoding(path, inside, options, notes)
        lines = list(text_lines(inside, encoding))
    except BROKEN as error:
        return BadRow(f"cannot be read ({error})"), ""
    for number, line in enumerate(lines, 1):
        if bad := undecodable(line, encoding):
            return BadRow(f"line {number}: {bad}: give {options.prefix}encoding"), ""
    return "".join(lines).replace("\r\n", "\n").rstrip("\n"), "".join(notes)
