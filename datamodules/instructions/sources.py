"""The sources of conversations: the bundled set, a hub data set, or files."""

from pathlib import Path
from typing import NamedTuple

from datamodules import hub
from datamodules.files import Table, read_splits
from datamodules.instructions.bundled import instructlab
from datamodules.instructions.conversations import Conversation, conversations, question
from datamodules.splitting import hash_split


class ConversationSplits(NamedTuple):
    """The conversations of each split with their source and remarks for the user."""

    kind: str  # bundled | hub | files
    origin: str
    splits: dict[str, list[Conversation]]
    notes: list[str]


def read(source: str) -> ConversationSplits:
    """Read the conversations of ``--data.source``; train is split by hash if it stands alone."""
    if source in ("auto", "bundled"):  # nothing on the hub is their original
        found, dropped, name = instructlab()
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in dropped.most_common())
        return _complete("bundled", name, {"train": found}, [f"left out of {name}: {left_out}"])
    path = Path(source).expanduser()
    if path.exists() or path.suffix or source.count("/") != 1:
        splits = {split: conversations(table) for split, table in read_splits(path).items()}
        return _complete("files", str(path), splits, [])
    found = hub.load(source)
    splits = {name: conversations(table) for name, table in _tables(found).items()}
    return _complete("hub", hub.source(source, None, found), splits, [])


def _tables(found) -> dict[str, Table]:
    tables_of = {}
    for split, names in hub.SPLITS.items():
        for name in [n for n in (*names, f"{split}_sft") if n in found][:1]:
            rows = found[name]
            columns = {column: rows[column][:] for column in rows.column_names}
            tables_of[split] = Table(f"hub split {name}", columns, range(1, len(rows) + 1))
    if "train" not in tables_of:
        raise ValueError(f"--data.source: no train split on the hub (there: {', '.join(found)})")
    return tables_of


def _complete(
    kind: str, origin: str, splits: dict[str, list[Conversation]], notes: list[str]
) -> ConversationSplits:
    """Make missing validation and test splits by a hash of the first message of the user.

    So a question is in one split only, however often and with whatever answers it comes.
    """
    name = Path(origin).name if kind == "files" else origin
    unique = {split: list(dict.fromkeys(rows)) for split, rows in splits.items()}
    if dropped := sum(map(len, splits.values())) - sum(map(len, unique.values())):
        notes.append(f"{name}: {dropped:,} duplicate records were left out")
    if "validation" not in unique:
        share = {"validation": 0.1, "test": 0.0 if "test" in unique else 0.1}
        train, unique["train"] = unique["train"], []
        for conversation in train:
            split = hash_split(question(conversation), **share)
            unique.setdefault(split, []).append(conversation)
        for split in ("train", "validation"):
            if not unique.get(split):
                raise ValueError(
                    f"--data.source: {name}: {len(train)} records are too few to be split by their "
                    f"hash, no {split} record: add some, or give a folder"
                )
        sizes = ", ".join(f"{len(rows):,} {split}" for split, rows in unique.items())
        notes.append(f"{name} was split by a hash of the questions: {sizes}")
    return ConversationSplits(kind, origin, {s: rows for s, rows in unique.items() if rows}, notes)
