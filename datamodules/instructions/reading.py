"""Tables of records as conversations, with what was left out and what nothing reads."""

from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from typing import Any, TypeVar

from datamodules.files import BadRows, Table
from datamodules.instructions.conversations import Conversation
from datamodules.instructions.keys import normalize, without_nulls
from datamodules.instructions.records import FORMATS, KNOWN, read_record

T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """The N conversations of a table.

    Attributes:
        conversations: The conversations, N.
        rows: The row of each, N.
        table: The table without its columns: its name, and the rows that were left out.
        unread: The keys that nothing reads, with the number of records (or of messages) that have
            a value for it.
    """

    conversations: list[Conversation]
    rows: list[int | str]
    table: Table
    unread: Counter[str] = field(default_factory=Counter)

    def place(self, conversation: Conversation) -> str | None:
        """The file and row of a conversation, for errors."""
        if conversation not in self.conversations:
            return None
        return f"{self.table.name}, row {self.rows[self.conversations.index(conversation)]}"

    def notes(self) -> list[str]:
        """The remarks for the user, a line each."""
        return [*self.table.remarks(), *not_read(self.table, self.unread)]


def read_conversations(table: Table, bad_rows: BadRows = "stop") -> Reading:
    """Read a conversation from each row of a table.

    Args:
        table: The table.
        bad_rows: Whether a record that cannot be read is an error, or is left out.

    Raises:
        ValueError: For a table of another format; for a record that cannot be read, with the file
            and row; and if all are left out.
    """
    check_columns(table, KNOWN, "unknown format", FORMATS)
    unread: Counter[str] = Counter()
    found, reasons = read_rows(table, lambda record: read_record(record, unread), bad_rows)
    rows = [table.rows[index] for index in found]
    bare = Table(table.name, {}, table.rows, table.left_out, notes=table.notes)
    return Reading(list(found.values()), rows, bare.without(reasons), unread)


def check_columns(table: Table, known: Set[str], lack: str, formats: str) -> None:
    """Refuse a table without any known column.

    Args:
        table: The table.
        known: The keys of records.
        lack: The fault of a table without them.
        formats: The formats of records, in words.

    Raises:
        ValueError: If it has none, with those that it has.
    """
    if not known & {normalize(name) for name in table.columns}:
        there = ", ".join(repr(name)[:40] for name in table.columns)
        message = f"{lack} (columns {there}): a record has {formats}"
        raise table.fault(message + table.hint, "source")


def read_rows(
    table: Table, read: Callable[[dict[str, Any]], T], bad_rows: BadRows
) -> tuple[dict[int, T], dict[int, str]]:
    """Read a record from each row of a table.

    Args:
        table: The table.
        read: Reads the values of a row.
        bad_rows: Whether a record that cannot be read is an error, or is left out.

    Returns:
        The records by their place in the table, and by place why the others were left out.

    Raises:
        ValueError: For a record that cannot be read, with the file and row; and if all are left
            out.
    """
    found: dict[int, T] = {}
    reasons: dict[int, str] = {}
    for row in range(len(table.rows)):
        record = {name: column[row] for name, column in table.columns.items()}
        try:
            found[row] = read(without_nulls(record) if table.adds_nulls else record)
        except ValueError as error:
            if bad_rows == "stop":
                more = "; or leave such records out with --data.bad_rows skip"
                raise table.fault(f"{error}{more}", "source", row) from None
            reasons[row] = str(error)
    if not found:
        raise table.fault(f"all records were left out; row {table.rows[0]}: {reasons[0]}", "source")
    return found, reasons


def not_read(table: Table, unread: Counter[str]) -> list[str]:
    """A remark on the keys that nothing reads; none if all are read."""
    if not unread:
        return []
    counts = ", ".join(f"`{key}` ({count:,})" for key, count in unread.most_common())
    return [f"{table.name.rsplit('/', 1)[-1]}: not read: {counts}"]


def conversations(table: Table) -> list[Conversation]:
    """Read a conversation from each row of a table. One that cannot be read is an error."""
    return read_conversations(table).conversations
