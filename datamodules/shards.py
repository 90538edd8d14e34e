"""Token shards on disk: written document by document, read as one long stream.

A shard is three files: ``00000.ds`` (token ids, little-endian uint16, or uint32 for vocabularies of
more than 65,536), ``00000.ds.index`` (ends of documents) and ``00000.ds.sentences`` (ends of
sentences), both uint64 and in tokens. The first two are what datatrove writes and reads.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from datamodules import digests
from datamodules.stored_ends import StoredEnds, last_end

FORMAT = 1
SPLITS = ("train", "validation")
ENDINGS = ("", ".index", ".sentences")


def token_bytes(vocabulary: int) -> int:
    """The number of bytes of a stored token."""
    return 2 if vocabulary <= 65_536 else 4


class ShardWriter:
    """Writes a shard under other names and renames it when it is whole.

    Args:
        path: The path of the ``.ds`` file.
        vocabulary: The number of entries of the tokenizer; it decides the width of a token.
    """

    def __init__(self, path: Path, vocabulary: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.type = path, np.dtype(f"<u{token_bytes(vocabulary)}")
        self.names = [f".{path.name}{ending}.{os.getpid()}" for ending in ENDINGS]
        # They stay open from document to document, and __exit__ closes them.
        self.files = [open(path.with_name(name), "wb") for name in self.names]  # noqa: SIM115
        self.tokens = 0

    def add(self, ids: ArrayLike, sentence_ends: ArrayLike) -> None:
        """Add a document: its ids, (N,), and the ascending ends of its sentences, up to N."""
        ends = np.asarray(sentence_ends, dtype="<u8")
        data = np.asarray(ids)
        assert len(data) and ends[-1] == len(data) and (np.diff(ends.astype(np.int64)) > 0).all()
        tokens, documents, sentences = self.files
        tokens.write(data.astype(self.type).tobytes())
        sentences.write((ends + np.uint64(self.tokens)).tobytes())
        self.tokens += len(data)
        documents.write(np.array([self.tokens], dtype="<u8").tobytes())

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, kind: type | None, *rest: Any) -> None:
        try:
            for file in self.files:
                file.close()
            if kind is None:
                for name, ending in zip(self.names, ENDINGS, strict=True):
                    os.replace(self.path.with_name(name), f"{self.path}{ending}")
        finally:
            for file, name in zip(self.files, self.names, strict=True):
                with contextlib.suppress(OSError):  # such as the full disk that ended it
                    file.close()
                self.path.with_name(name).unlink(missing_ok=True)


class TokenStream:
    """The shards of a folder, in the order of their names, as one stream of tokens.

    Attributes:
        document_ends: The ends of the documents in tokens of the stream, on disk.
        sentence_ends: The ends of the sentences likewise.
    """

    def __init__(self, folder: Path, width: int) -> None:
        self.folder = folder
        self.files = sorted(folder.glob("*.ds"))
        self.type = np.dtype(f"<u{width}")
        sizes = [self._size(file) for file in self.files]
        self.starts = np.cumsum([0, *sizes])
        self.document_ends = self._ends(".index", sizes)
        self.sentence_ends = self._ends(".sentences", sizes)
        self._maps: dict[int, np.memmap] = {}

    def __len__(self) -> int:
        return int(self.starts[-1])

    def _size(self, file: Path) -> int:
        size, rest = divmod(file.stat().st_size, self.type.itemsize)
        if rest:
            raise ValueError(_damaged(file, f"is cut in the middle of a token of {self.type}"))
        return size

    def _ends(self, ending: str, sizes: list[int]) -> StoredEnds:
        names = [Path(f"{file}{ending}") for file in self.files]
        for name, size in zip(names, sizes, strict=True):
            if not name.exists():
                raise ValueError(_damaged(name, "is missing"))
            if last_end(name) != size:
                raise ValueError(_damaged(name, f"does not end where the {size:,} tokens end"))
        return StoredEnds(names, self.starts)

    def read(self, start: int, stop: int) -> np.ndarray:
        """The tokens from ``start`` to ``stop`` of the stream, (stop - start,) int64."""
        return self.take(np.arange(start, stop))

    def take(self, places: np.ndarray) -> np.ndarray:
        """The tokens at these places of the stream, (…) int64, of any shape."""
        shards = np.searchsorted(self.starts, places, "right") - 1
        first, last = int(shards.min()), int(shards.max())
        if first == last:
            return self._map(first)[places - self.starts[first]].astype(np.int64)
        found = np.empty(places.shape, dtype=np.int64)
        for number in np.unique(shards):
            here = shards == number
            found[here] = self._map(number)[places[here] - self.starts[number]]
        return found

    def _map(self, number: int) -> np.memmap:
        if number not in self._maps:
            self._maps[number] = np.memmap(self.files[number], self.type, "r")
        return self._maps[number]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_maps": {}}  # a worker process maps the files itself


def fingerprint(folder: Path) -> str:
    """A digest of every token and boundary of the shards in their order, and of the tokenizer."""
    shards = [file for split in SPLITS for file in sorted((folder / split).glob("*.ds*"))]
    files = [*shards, folder / "tokenizer" / "tokenizer.json"]
    names = [file.relative_to(folder).as_posix() for file in files]
    return digests.combined(digests.of_files(folder, names))


def _damaged(file: Path, what: str) -> str:
    return f"--data.path: {file} {what}: make the corpus again with pretune prepare_corpus"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a corpus; a folder without a finished corpus is a one-line error."""
    file = folder / "manifest.json"
    hint = "make a corpus with: pretune prepare_corpus --source SOURCE --output FOLDER"
    if not folder.is_dir():
        raise FileNotFoundError(f"--data.path {folder}: there is no such folder: {hint}")
    if not file.exists():
        started = (folder / "settings.json").exists()
        what = "holds a corpus that is not finished" if started else "holds no manifest.json"
        raise FileNotFoundError(f"--data.path {folder}: {what}: {hint}")
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        found = manifest["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"--data.path {file}: is damaged ({error}): {hint}") from error
    if found != FORMAT:
        raise ValueError(f"--data.path {file}: format {found}, not {FORMAT}: {hint}")
    return manifest


def open_stream(folder: Path, name: str, manifest: dict[str, Any]) -> TokenStream:
    """Open a split, and check its counts by the manifest."""
    split, wanted = TokenStream(folder / name, manifest["token_bytes"]), manifest["splits"][name]
    found = {
        "documents": len(split.document_ends),
        "tokens": len(split),
        "sentences": len(split.sentence_ends),
        "shards": len(split.files),
    }
    for key, count in found.items():
        if count != wanted[key]:
            what = f"has {count:,} {key}, not {wanted[key]:,} as its manifest says"
            raise ValueError(_damaged(folder / name, what))
    return split
