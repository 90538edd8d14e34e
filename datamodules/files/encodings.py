"""Bytes to lines of text: the encoding is found, and a byte that does not fit keeps its row."""

import codecs
import importlib.util
import io
import re
from collections.abc import Iterator
from pathlib import Path

from datamodules.files.containers import Content
from datamodules.files.table import ReadOptions, fault

ZERO_BYTE = "holds a zero byte: remove it"
CHECKED = 64 * 2**20  # bytes that are looked at before the first row is read
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What Windows writes under the name of the standard on which it is built.
_SUPERSETS = {"shift_jis": "cp932", "euc_kr": "cp949", "gb2312": "gb18030", "gbk": "gb18030"}
# The code page of Windows has letters and dashes where the standard has control characters.
_WINDOWS = {"iso8859-2": "cp1250", "iso8859-5": "cp1251", "iso8859-7": "cp1253"}
_WINDOWS |= {"iso8859-9": "cp1254", "iso8859-8": "cp1255", "iso8859-6": "cp1256"}
# Short texts look like these more often than they are.
_RARE = {f"iso8859-{number}" for number in (3, 4, 10, 13, 14, 15, 16)}
_CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b\x01\x1f"})  # the last two delimit fields
_UNDECODED = re.compile("[\udc80-\udcff]")
# The most frequent characters of Chinese, simplified and traditional.
_FREQUENT = re.compile(
    "[的一是不了在人有我他这這个個们們中来來上大为為和国國地到说說时時要就会會可也你对對好很]"
)


def text_lines(inside: Content, encoding: str) -> Iterator[str]:
    """Read the lines of a text with their ends; undecodable bytes become lone surrogates.

    Lines end at a line feed, a carriage return, or both. U+2028, form feeds and the like are
    characters of a text.
    """
    with (
        inside.open() as file,
        io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="") as text,  # type: ignore[arg-type]
    ):
        for line in text:
            # A mark in the middle stands where files were joined, and would be part of a name.
            yield line[1:] if line[0] == "\ufeff" else line


def text_chunks(inside: Content, encoding: str, size: int) -> Iterator[str]:
    """Read a text in pieces of ``size`` characters, however long its lines are."""
    with (
        inside.open() as file,
        io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="") as text,  # type: ignore[arg-type]
    ):
        while chunk := text.read(size):
            yield chunk


def looks_binary(start: bytes) -> bool:
    """Whether these bytes are no text with a stray zero byte in it, but a file of another kind."""
    if len(start) < 8:
        return True
    controls = len(start) - len(start.translate(None, _CONTROLS))
    return controls > max(1, 0.05 * len(start))


def undecodable(line: str, encoding: str) -> str | None:
    """Say which byte of a line is not of the encoding, or is zero; None if all are of a text."""
    if "\0" in line:
        return ZERO_BYTE
    if line.isascii() or not (found := _UNDECODED.search(line)):
        return None
    name = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8"}.get(encoding, encoding)
    return f"byte 0x{ord(found[0]) - 0xDC00:02x} is not {name}"


def find_encoding(path: Path, inside: Content, options: ReadOptions, notes: list[str]) -> str:
    """The encoding of a text file; another than UTF-8 is noted if it was found and not given.

    Raises:
        ValueError: For a name that Python does not know, and for bytes that are no text.
    """
    with inside.open() as file:
        start = file.read(4096)
    mark = next((name for bytes_, name in _MARKS if start.startswith(bytes_)), None)
    if options.encoding != "auto":
        return _given(path, options, mark)
    if mark is not None:
        if mark != "utf-8-sig":
            notes.append(f"is read as {mark.upper()}, by its byte-order mark")
        return mark
    flag = f"{options.prefix}encoding"
    if b"\0" in start:
        found = _utf16(start)
        if found is None and looks_binary(start):
            message = f"is not a text: give a text file, or {flag} if it is one"
            raise fault(path, message, of=options.prefix)
        found = found or _scan(inside)
    else:
        found = _scan(inside)
    if found != "utf-8":
        notes.append(f"is read as {found} ({flag} utf-8, cp1252, ... decides)")
    return found


def _given(path: Path, options: ReadOptions, mark: str | None) -> str:
    try:
        name = codecs.lookup(options.encoding).name
        "".encode(name)  # refuses base64 and other codecs that are not encodings of text
    except LookupError as error:
        message = f"{options.encoding!r} is no encoding that Python knows: give utf-8, cp1252, ..."
        raise fault(path, message, "encoding", of=options.prefix) from error
    if name == "utf-8":
        return mark or name if mark == "utf-8-sig" else name
    # A byte-order mark would become part of the first column's name.
    return mark if mark and mark[:6] == name[:6] else name


def _utf16(start: bytes) -> str | None:
    """UTF-16 without a byte-order mark: every other byte of Western text is zero."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) < max(2, len(start) * 0.1) or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _scan(inside: Content) -> str:
    """UTF-8 if the bytes are, or mostly are; otherwise the encoding that fits them best."""
    decoder, seen = codecs.getincrementaldecoder("utf-8")(), 0
    with inside.open() as file:
        while seen < CHECKED and (chunk := file.read(2**20)):
            seen += len(chunk)
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                more = file.read(2**20)
                return _other_than_utf8(chunk + more)
    return "utf-8"


def _other_than_utf8(data: bytes) -> str:
    text = data.decode("utf-8", errors="surrogateescape")
    broken = len(_UNDECODED.findall(text))
    if sum(not c.isascii() for c in text) > 2 * broken:  # valid UTF-8 with broken places
        return "utf-8"
    # The lines without accents say nothing, and would only make the search slow.
    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())
    telling = telling[: telling.find(b"\n", 32768)] if len(telling) > 32768 else telling
    name = _detect(telling)
    controls = re.search("[\x80-\x9f]", telling.decode(name, "replace"))
    found = _WINDOWS.get(name, "cp1252") if name[:7] == "iso8859" and controls else name
    found = _SUPERSETS.get(found, "cp1252" if found in _RARE else found)
    if found in ("gb18030", "big5"):  # nearly all bytes of the one are valid in the other
        found = max(("gb18030", "cp950"), key=lambda name: _frequent(telling, name))
    same = telling.decode(found, "replace") == telling.decode("cp1252", "replace")
    return "cp1252" if same else found


def _frequent(data: bytes, encoding: str) -> int:
    """The number of frequent Chinese characters in a text of this encoding."""
    return len(_FREQUENT.findall(data.decode(encoding, "replace")))


def _detect(data: bytes) -> str:
    """The encoding by frequent pairs of letters, as far as the installed libraries know them."""
    if importlib.util.find_spec("resiliparse"):
        from resiliparse.parse.encoding import detect_encoding

        name = codecs.lookup(detect_encoding(data) or "utf-8").name
        if name not in ("utf-8", "ascii"):  # its answers for everything that it does not know
            return name
    import charset_normalizer

    best = charset_normalizer.from_bytes(data).best()
    if best is None or any(name.startswith("Latin") for name in best.alphabets):
        return "cp1252"  # it takes one Latin alphabet for another: é became a letter of Hungarian
    return best.encoding


def as_text(data: bytes) -> str | bytes:
    """The text of a binary column; the bytes themselves if they are not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
