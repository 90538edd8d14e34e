"""A document as its file has it, and what stands in the place of one that is not there."""

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from datamodules.files.columns import find_column, find_value, no_column, paths, value_at
from datamodules.files.encodings import as_text
from datamodules.units import Unit

Kind = Literal["prose", "code", "dialogue"]


class ReadingOptions(NamedTuple):
    """How files are read.

    Attributes:
        text: The column of the text by its name, its number from 1 or a path inside of it, such as
            ``data.text``, in files that have columns.
        id: The column of the document's id.
        kind: The kind of the text; it decides which files are read.
        unit: The part of a text that is a document.
    """

    text: str = "text"
    id: str = "id"
    kind: Kind = "prose"
    unit: Unit = "auto"


class RawDocument(NamedTuple):
    """A document as its file has it.

    Attributes:
        text: The text, with all markup.
        id: The document's own id, if it has one.
        html: Whether the text is HTML; None if that has to be found out.
        licence: The licence that the file states for the document.
        markdown: Whether the text is known to be Markdown.
        note: A remark on how the document was found in its file, for the user.
        record: Whether it is a row of a table, whose text may hold several documents.
    """

    text: str
    id: str | None = None
    html: bool | None = None
    licence: str | None = None
    markdown: bool = False
    note: str = ""
    record: bool = False


class Unreadable(Exception):
    """A file, or a row of it, that holds no document."""

    def __init__(self, row: int | None, reason: str) -> None:
        super().__init__(reason)
        self.row = row


class LeftOut(NamedTuple):
    """A row, or a file, that is no document by intention, such as a deleted post."""

    reason: str


Raw = RawDocument | Unreadable | LeftOut
RawRow = Raw | Callable[[], Raw] | None  # None is a blank line
# What a record without a column "text" has instead, the first of these that is there.
_TEXTS = (
    "body",
    "content",
    "contents",
    "raw_content",
    "article",
    "document",
    "passage",
    "story",
    "sentence",
)
_TURNS = ("messages", "conversations", "conversation", "dialog", "dialogue", "turns", "utterances")
_DELETED = ("[deleted]", "[removed]", "[deleted by user]", "[ removed by reddit ]")


def to_document(record: Any, row: int, options: ReadingOptions) -> Raw:
    """Make a document of a record.

    The text is in the column of the options. If that is "text" and the record has none, it is in
    the body of a comment, the title and selftext of a submission (Reddit), or in the first column
    of a usual name; a dialogue may be a list of turns.
    """
    if not isinstance(record, dict):
        return Unreadable(row, f"has no columns, it is a {type(record).__name__}")
    column, note = find_value(record, options.text), ""
    text = None if column is None else value_at(record, column)
    if text is None and options.text == "text":
        column, text = _usual_text(record, options.kind)
        note = f"the text is in {column!r}; --text_column names another"
    if isinstance(text, bytes):
        text = as_text(text)
    if isinstance(text, list) and options.kind == "dialogue":
        text = _joined_turns(text)
    if not isinstance(text, str):
        if column is None:
            return Unreadable(row, no_column(paths(record), [options.text], "--text_column"))
        why = "is empty" if text is None else f"is not a text ({text!r:.40})"
        return Unreadable(row, f"{column!r} {why}: --text_column names another")
    if column in ("body", "title and selftext") and text.strip().lower() in _DELETED:
        return LeftOut("deleted posts")
    licence = record.get("license", record.get("licence"))
    name = find_value(record, options.id)
    own = None if name is None else value_at(record, name)
    found = None if own is None else str(own)
    for value in (text, found, licence):
        if isinstance(value, str) and (half := lone_surrogate(value)):
            return Unreadable(row, f"holds half a character ({half})")
    right = str(licence) if licence else None
    return RawDocument(text, found, licence=right, note=note, record=True)


def has_text(columns: list[str], options: ReadingOptions) -> bool:
    """Whether rows with these columns can have a text."""
    if options.text != "text":
        found = find_column(columns, options.text)
        return found is not None or options.text.partition(".")[0] in columns
    return not {"text", "selftext", *_TEXTS, *_TURNS, "code"}.isdisjoint(columns)


def with_names(columns: list[str], options: ReadingOptions) -> ReadingOptions:
    """The options with the names of columns that were given by number."""
    text, own = find_column(columns, options.text), find_column(columns, options.id)
    return options._replace(text=text or options.text, id=own or options.id)


def _usual_text(record: dict, kind: Kind) -> tuple[str | None, Any]:
    if isinstance(record.get("selftext"), str):
        text, title = record["selftext"], record.get("title")
        if not text.strip() or text.strip().lower() in _DELETED:
            text = "[deleted]"
        elif isinstance(title, str):
            text = f"{title}\n\n{text}"
        return "title and selftext", text
    for name in (*_TEXTS, *(("code",) if kind == "code" else ())):
        if isinstance(record.get(name), str):
            return name, record[name]
    for name in _TURNS if kind == "dialogue" else ():
        if isinstance(record.get(name), list):
            return name, record[name]
    return ("text" if "text" in record else None), None


def _joined_turns(turns: list) -> str | None:
    """The lines of a dialogue of which each turn is a text, or a record with its speaker."""
    lines = []
    for turn in turns:
        if isinstance(turn, dict):
            said = next((turn[k] for k in ("content", "value", "text") if k in turn), None)
            speaker = next(
                (turn[k] for k in ("role", "from", "speaker", "name") if turn.get(k)), ""
            )
            turn = f"{speaker}: {said}" if speaker and isinstance(said, str) else said
        if not isinstance(turn, str):
            return None
        lines.append(turn)
    return "\n".join(lines)


def lone_surrogate(text: str) -> str:
    """The first half of a pair that stands alone, as JSON writes it; "" if there is none."""
    if text.isascii():
        return ""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"\\u{ord(text[error.start]):04x}"
    return ""


def parts_of(raw: Raw, options: ReadingOptions) -> Iterator[Raw]:
    """The documents of a row where the user has said which part of a text is one."""
    from datamodules.units import split_units

    asked = options.unit not in ("auto", "file")
    if not asked or not isinstance(raw, RawDocument) or not raw.record:
        yield raw
        return
    for number, part in enumerate(split_units(raw.text, options.unit), 1):
        own = part.id or (f"{raw.id}:{number}" if raw.id else None)
        yield raw._replace(text=part.text, id=own)
