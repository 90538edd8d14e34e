"""Files of tagged sentences: columns of CoNLL, tables with lists, and texts with spans."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from datamodules.files import ReadOptions, Table, fault, read_table
from datamodules.files.containers import content
from datamodules.files.encodings import find_encoding, text_chunks
from datamodules.files.folders import SPLITS
from datamodules.files.skipped import Skipped
from datamodules.tagging.sentences import Sentences, as_list, of_spans

COLUMNS = (".conll", ".conll2003", ".conllu", ".bio", ".iob", ".iob2", ".bioes", ".txt", ".tsv")
_TOKENS = ("tokens", "words", "word", "token", "Word")
_TAGS = ("tags", "ner_tags", "ner", "labels", "pos_tags", "upos", "tag", "Tag", "label")
_SPANS = ("spans", "entities", "label", "labels", "annotations")
_SENTENCES = ("Sentence #", "sentence_id", "sent_id", "sentence")


Found = Iterator[tuple[int, list[str] | ValueError, list[str]]]


@dataclass(frozen=True)
class TagColumns:
    """The columns that the user gave, by name or by number from 1; None for the usual ones."""

    tokens: str | None = None
    tags: str | None = None
    names: tuple[str, ...] = ()

    def flags(self) -> list[str]:
        """The names of the flags that were given."""
        given = {"tokens_column": self.tokens, "tags_column": self.tags, "tag_names": self.names}
        return [flag for flag, value in given.items() if value]


def read_tagged(path: Path, columns: TagColumns, options: ReadOptions) -> dict[str, Sentences]:
    """Read the sentences of each split of a folder, or of a file, which is "train".

    Raises:
        FileNotFoundError: If there is no such path, or no training file in it.
        ValueError: For a sentence that cannot be read, unless such rows are skipped.
    """
    if not path.is_dir():
        return {"train": read_file(path, columns, options)}
    found = {}
    for split, names in SPLITS.items():
        entries = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] not in "._")
        files = [p for p in entries if p.name.lower().split(".")[0] in names]
        if len(files) > 1:
            there = ", ".join(p.name for p in files)
            raise fault(path, f"several files for {split} ({there}): keep one")
        if files:
            found[split] = read_file(files[0], columns, options)
    if "train" not in found:
        there = ", ".join(p.name for p in sorted(path.iterdir())[:8]) or "no files"
        message = f"no train.* in this folder (there: {there}): add it, or give one file"
        raise FileNotFoundError(str(fault(path, message)))
    return found


def read_file(path: Path, columns: TagColumns, options: ReadOptions) -> Sentences:
    """Read the sentences of one file."""
    if not path.exists():
        raise FileNotFoundError(str(fault(path, "there is no such file or folder: check the path")))
    if content(path).suffix not in ("", *COLUMNS):
        return of_table(read_table(path, options), columns, options)
    notes: list[str] = []
    rows = _in_columns(path, columns, options, notes)
    return _collected(path, rows, options, notes)


def of_table(table: Table, columns: TagColumns, options: ReadOptions) -> Sentences:
    """The sentences of a table: a row each, or a word a row with the number of its sentence."""
    return _collected(Path(table.name), _in_table(table, columns), options, table.remarks())


def _collected(path: Path, rows: Found, options: ReadOptions, notes: list[str]) -> Sentences:
    sentences, skipped = Sentences(notes=notes), Skipped(path, options.bad_rows)
    for row, words, tags in rows:
        try:
            if isinstance(words, ValueError):
                raise words
            sentences.add(words, tags, row)
        except ValueError as error:
            skipped.add(row, error)
    sentences.notes += skipped.notes("sentences")
    if not sentences.words:
        raise fault(path, "has no sentences: write a word and its tag a line, or give another file")
    return sentences


def _in_columns(path: Path, columns: TagColumns, options: ReadOptions, notes: list[str]) -> Found:
    """A word a line, its tag in the last column, and an empty line between two sentences."""
    inside = content(path)
    chunks = text_chunks(inside, find_encoding(path, inside, options, notes), 1 << 20)
    numbered = enumerate(_lines(chunks), 1)
    for empty, group in groupby(numbered, key=lambda line: not line[1].strip()):
        lines = [
            (number, line.split("\t") if "\t" in line else line.split())
            for number, line in group
            if not line.startswith(("# ", "#\t", "-DOCSTART-"))
        ]
        if empty or not lines:
            continue
        first, error = lines[0][0], None
        if len(lines[0][1]) == 10 and lines[0][1][0].isdecimal():  # CoNLL-U
            lines = [(number, fields) for number, fields in lines if fields[0].isdecimal()]
            places = int(columns.tokens or 2), int(columns.tags or 4)
        else:
            places = int(columns.tokens or 1), int(columns.tags or len(lines[0][1]))
        for number, fields in lines:
            if len(fields) < max(2, *places):
                shown = " ".join(fields)
                error = ValueError(f"{shown!r:.40} has no tag: write a word and its tag a line")
                first = number
                break
        if error:
            yield first, error, []
        else:
            words, tags = ([fields[place - 1] for _, fields in lines] for place in places)
            yield first, words, tags


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split("\n")
        yield from (line.rstrip("\r") for line in lines)
    if rest:
        yield rest


def _in_table(table: Table, columns: TagColumns) -> Found:
    spans = next((name for name in _SPANS if _holds_lists(table.columns.get(name))), None)
    tokens = columns.tokens or _there(table, _TOKENS)
    if tokens is None and spans and "text" in table.columns:
        for row, text, found in zip(
            table.rows, table.columns["text"], table.columns[spans], strict=True
        ):
            try:
                yield int(row), *of_spans(str(text), found or [])
            except (ValueError, TypeError) as error:
                yield int(row), ValueError(str(error)), []
        return
    words = table.column(tokens or "tokens", "tokens_column")
    name = columns.tags or _there(table, _TAGS) or "tags"
    tags = table.column(name, "tags_column")
    sentence = _there(table, _SENTENCES)
    if sentence and len(words) and isinstance(words[0], str) and " " not in words[0]:
        yield from _grouped(table, sentence, list(words), list(tags))
        return
    names = columns.names or table.label_names.get(table.find(name) or name, ())
    for row, some, other in zip(table.rows, words, tags, strict=True):
        try:
            yield int(row), as_list(some), _named(as_list(other), names)
        except ValueError as error:
            yield int(row), error, []


def _grouped(table: Table, sentence: str, words: list, tags: list) -> Found:
    """A word a row; the sentence's number stands in its first row, or in all of its rows."""
    number: object = None
    places: list[list[int]] = []
    for place, given in enumerate(table.columns[sentence]):
        if given not in ("", None, number) or not places:
            places.append([])
            number = given
        places[-1].append(place)
    for group in places:
        yield (
            int(table.rows[group[0]]),
            [str(words[i]) for i in group],
            [str(tags[i]) for i in group],
        )


def _named(tags: list[str], names: tuple[str, ...]) -> list[str]:
    """Tags by name, where they are numbers and the file or the user names these."""
    if not names or not all(tag.isdecimal() for tag in tags):
        return tags
    if beyond := [tag for tag in tags if int(tag) >= len(names)]:
        raise ValueError(f"the tag {beyond[0]} has no name: there are {len(names)}")
    return [names[int(tag)] for tag in tags]


def _there(table: Table, usual: tuple[str, ...]) -> str | None:
    return next((name for name in usual if name in table.columns), None)


def _holds_lists(column: Sequence | None) -> bool:
    return any(isinstance(value, list) for value in column or ())
