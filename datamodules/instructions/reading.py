"""Tables of records as conversations, with what was left out and what nothing reads."""

from collections import Counter
from dataclasses import dataclass, field

from datamodules.files import BadRows, Table
from datamodules.instructions.conversations import Conversation
from datamodules.instructions.keys import normalize, without_nulls
from datamodules.instructions.records import FORMATS, KNOWN, read_record


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
        notes = self.table.remarks()
        if self.unread:
            counts = ", ".join(f"`{key}` ({count:,})" for key, count in self.unread.most_common())
            notes.append(f"{self.table.name.rsplit('/', 1)[-1]}: not read: {counts}")
        return notes


def read_conversations(table: Table, bad_rows: BadRows = "stop") -> Reading:
    """Read a conversation from each row of a table.

    Args:
        table: The table.
        bad_rows: Whether a record that cannot be read is an error, or is left out.

    Raises:
        ValueError: For a table of another format; for a record that cannot be read, with the file
            and row; and if all are left out.
    """
    columns = table.columns
    if not KNOWN & {normalize(name) for name in columns}:
        there = ", ".join(repr(name)[:40] for name in columns)
        message = f"unknown format (columns {there}): a record has {FORMATS}"
        raise table.fault(message + table.hint, "source")
    found: list[Conversation] = []
    reasons: dict[int, str] = {}
    unread: Counter[str] = Counter()
    for row in range(len(table.rows)):
        record = {name: column[row] for name, column in columns.items()}
        try:
            found.append(read_record(without_nulls(record) if table.adds_nulls else record, unread))
        except ValueError as error:
            if bad_rows == "stop":
                more = "; or leave such records out with --data.bad_rows skip"
                raise table.fault(f"{error}{more}", "source", row) from None
            reasons[row] = str(error)
    if not found:
        raise table.fault(f"all records were left out; row {table.rows[0]}: {reasons[0]}", "source")
    rows = [row for index, row in enumerate(table.rows) if index not in reasons]
    bare = Table(table.name, {}, table.rows, table.left_out, notes=table.notes)
    return Reading(found, rows, bare.without(reasons), unread)


def conversations(table: Table) -> list[Conversation]:
    """Read a conversation from each row of a table. One that cannot be read is an error."""
    return read_conversations(table).conversations
