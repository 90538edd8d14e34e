"""The sources of conversations: the bundled set, a hub data set, or files."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from datamodules import hub
from datamodules.copies import normalized
from datamodules.files import ReadOptions, Table, read_splits
from datamodules.files.table import SHOWN
from datamodules.instructions.bundled import instructlab
from datamodules.instructions.conversations import Conversation, question
from datamodules.instructions.reading import Reading, read_conversations
from datamodules.instructions.records import KNOWN
from datamodules.splitting import hash_of, hash_split

T = TypeVar("T")


@dataclass(frozen=True)
class ConversationSplits:
    """The conversations of each split, with their source and remarks for the user.

    Attributes:
        kind: bundled, hub or files.
        origin: The source, in words.
        splits: The conversations of each split.
        notes: Remarks for the user, a line each.
        readings: What was read from each table, by the split it is for.
    """

    kind: str
    origin: str
    splits: dict[str, list[Conversation]]
    notes: list[str]
    readings: dict[str, Reading] = field(default_factory=dict)

    def place(self, conversation: Conversation) -> str:
        """The file and row of a conversation, for errors; where none is known, its question."""
        places = (reading.place(conversation) for reading in self.readings.values())
        found = next((place for place in places if place), None)
        return found or f"the record that asks {question(conversation)!r:.60}"

    def facts(self) -> dict[str, Any]:
        """The rows that were left out, by the split they are for, and the keys that are not read.

        Of the rows, the first few are told one by one.
        """
        left_out = {name: reading.table.left_out for name, reading in self.readings.items()}
        unread = sum((reading.unread for reading in self.readings.values()), Counter())
        return {
            "left_out": {
                split: {"rows": len(rows), "first": [f"row {r}: {why}" for r, why in rows[:SHOWN]]}
                for split, rows in left_out.items()
                if rows
            },
            "not_read": dict(unread.most_common()),
        }


def read(source: str, options: ReadOptions | None = None) -> ConversationSplits:
    """Read the conversations of ``--data.source``; train is split by hash if it stands alone."""
    options = replace(options or ReadOptions(), columns=tuple(sorted(KNOWN)))
    if source in ("auto", "bundled"):  # nothing on the hub is their original
        options.refuse()
        found, dropped, name = instructlab()
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in dropped.most_common())
        return _complete("bundled", name, {"train": found}, [f"left out of {name}: {left_out}"])
    kind, origin, tables_of = read_tables(source, options, "sft")
    readings = {s: read_conversations(table, options.bad_rows) for s, table in tables_of.items()}
    notes = [note for reading in readings.values() for note in reading.notes()]
    splits = {split: reading.conversations for split, reading in readings.items()}
    return replace(_complete(kind, origin, splits, notes), readings=readings)


def read_tables(source: str, options: ReadOptions, usual: str) -> tuple[str, str, dict[str, Table]]:
    """The kind of a source (files | hub), its name, and the table of each split.

    Args:
        source: A path, or owner/name on the hub.
        options: How files are read.
        usual: The word that may stand behind the name of a split on the hub, as in train_sft.

    Raises:
        ValueError: If there is no training split.
    """
    if not hub.names_repo(source):
        path = Path(source).expanduser()
        return "files", str(path), read_splits(path, options)
    options.refuse()
    found = hub.load(source)
    tables = hub.split_tables(found, kind=usual)
    if "train" not in tables:
        raise ValueError(f"--data.source: no train split on the hub (there: {', '.join(found)})")
    return "hub", hub.source(source, None, found), tables


def _complete(
    kind: str, origin: str, splits: dict[str, list[Conversation]], notes: list[str]
) -> ConversationSplits:
    whole = complete(short_name(kind, origin), splits, notes, question)
    return ConversationSplits(kind, origin, whole, notes)


def short_name(kind: str, origin: str) -> str:
    """The name of a source in remarks: of files without their folder."""
    return Path(origin).name if kind == "files" else origin


def complete(
    name: str, splits: dict[str, list[T]], notes: list[str], asked: Callable[[T], str]
) -> dict[str, list[T]]:
    """Leave out duplicates, and make missing splits by a hash of the first message of the user.

    So a question is in one split only, however often and with whatever answers it comes.

    Args:
        name: The name of the data, for remarks and errors.
        splits: The records of each split that there is.
        notes: A list to which remarks are added.
        asked: Returns the question of a record.
    """
    unique = {split: list(dict.fromkeys(rows)) for split, rows in splits.items()}
    if dropped := sum(map(len, splits.values())) - sum(map(len, unique.values())):
        notes.append(f"{name}: {dropped:,} duplicate records were left out")
    given = set(unique)
    if "validation" not in unique:
        unique |= _split(unique["train"], 0.0 if "test" in unique else 0.1, name, asked)
        sizes = ", ".join(f"{len(rows):,} {split}" for split, rows in unique.items())
        notes.append(f"{name} was split by a hash of the questions: {sizes}")
    questions = {normalized(asked(one)) for one in unique["train"]}
    for split in sorted(given - {"train"}):
        shared = sum(normalized(asked(one)) in questions for one in unique[split])
        notes += [f"{name}: {shared:,} {split} records ask a question of train"] * bool(shared)
    return {split: rows for split, rows in unique.items() if rows}


def _split(
    records: list[T], test: float, name: str, asked: Callable[[T], str]
) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {"train": [], "validation": []}
    for one in records:
        found.setdefault(hash_split(asked(one), 0.1, test), []).append(one)
    if found["train"] and found["validation"]:
        return found
    # A few records, for a first try: one question is for validation.
    last = min((normalized(asked(one)) for one in records), key=hash_of)
    found = {"train": [one for one in records if normalized(asked(one)) != last]}
    if not found["train"]:
        raise ValueError(
            f"--data.source: {name}: its records ({len(records):,} without duplicates) all ask one "
            "question, so that there is none for validation: add some, or give a folder of "
            "train and validation"
        )
    return found | {"validation": [one for one in records if normalized(asked(one)) == last]}
