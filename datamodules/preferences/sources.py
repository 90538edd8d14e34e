"""The sources of preferences: the bundled pairs, a hub data set, or files."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from datamodules.files import ReadOptions, Table, fault
from datamodules.instructions.conversations import Conversation, question
from datamodules.instructions.keys import without_nulls
from datamodules.instructions.reading import check_columns, not_read, read_rows
from datamodules.instructions.sources import complete, read_tables, short_name
from datamodules.preferences.bundled import SETS
from datamodules.preferences.records import FORMATS, KNOWN, Example, read_example


@dataclass(frozen=True)
class PreferenceSplits:
    """The examples of each split, with their source and remarks for the user.

    Attributes:
        kind: bundled, hub or files.
        origin: The source, in words.
        splits: The examples of each split.
        notes: Remarks for the user, a line each.
        places: The file and row of each conversation that was read from one.
    """

    kind: str
    origin: str
    splits: dict[str, list[Example]]
    notes: list[str]
    places: dict[Conversation, str] = field(default_factory=dict)

    @property
    def couples(self) -> bool:
        """Whether an example is a chosen and a rejected answer, rather than one with a label."""
        return self.splits["train"][0].rejected is not None

    def place(self, conversation: Conversation) -> str:
        """The file and row of a conversation, for errors; where none is known, its question."""
        known = self.places.get(conversation)
        return known or f"the record that asks {question(conversation)!r:.60}"


def read(source: str, options: ReadOptions) -> PreferenceSplits:
    """Read the examples of ``--data.source``; train is split by hash if it stands alone.

    Raises:
        ValueError: For a record that cannot be read, with its file and row.
    """
    options = replace(options, columns=("prompt", *sorted(KNOWN)))
    if source == "auto" or source in SETS:
        options.refuse()
        made, name, notes = SETS["bundled" if source == "auto" else source]()
        splits = complete(name, made, notes, _question)
        return PreferenceSplits("bundled", name, splits, notes)
    kind, origin, tables = read_tables(source, options, "prefs")
    notes = []
    places: dict[Conversation, str] = {}
    read = {split: _examples(table, options, notes, places) for split, table in tables.items()}
    _check_one_kind(tables, read)
    splits = complete(short_name(kind, origin), read, notes, _question)
    for split, rows in splits.items():
        if rows[0].rejected is None and len({row.good for row in rows}) < 2:
            said = "good" if rows[0].good else "bad"
            raise fault(origin, f"all answers of {split} are {said}: add some of the other kind")
    return PreferenceSplits(kind, origin, splits, notes, places)


def _question(example: Example) -> str:
    return question(example.answer)


def _examples(
    table: Table, options: ReadOptions, notes: list[str], places: dict[Conversation, str]
) -> list[Example]:
    check_columns(table, KNOWN, "no preferences", FORMATS)
    unread: Counter[str] = Counter()
    first: list[Example] = []

    def read(record: dict[str, Any]) -> Example:
        example = read_example(without_nulls(record), unread)
        first.extend([] if first else [example])
        if (first[0].rejected is None) != (example.rejected is None):
            kinds = ("a couple of answers", "one answer with a label")
            one, other = kinds if example.rejected is not None else kinds[::-1]
            raise ValueError(f"has {one}, and the rows before {other}: give them a file each")
        return example

    found, reasons = read_rows(table, read, options.bad_rows)
    for row, example in found.items():
        for answered in filter(None, (example.answer, example.rejected)):
            places.setdefault(answered, f"{table.name}, row {table.rows[row]}")
    notes += [*table.without(reasons).remarks(), *not_read(table, unread)]
    return list(found.values())


def _check_one_kind(tables: Mapping[str, Table], found: dict[str, list[Example]]) -> None:
    """Refuse splits of which one has couples and the other single answers.

    Raises:
        ValueError: If there are such, with the file.
    """
    couples = {split: rows[0].rejected is not None for split, rows in found.items()}
    other = [split for split in found if couples[split] != couples["train"]]
    if other:
        names = ("single answers with a label", "couples of answers")
        one, two = names[couples[other[0]]], names[couples["train"]]
        raise tables[other[0]].fault(f"has {one}, and train has {two}: give one kind", "source")
