"""Digests of files and folders by their names and bytes, computed once per change of a file."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from datamodules.packaged import cache_folder
from datamodules.whole_files import write_text

LARGE = 2**24  # bytes, from which a file's digests are remembered: smaller ones are read faster


class Digest(NamedTuple):
    """The size of a file, its SHA-256 in hex, and its MD5 in base64 as in W&B's manifests."""

    size: int
    sha256: str
    md5: str


def contents(folder: Path, without: Iterable[str] = ()) -> list[str]:
    """The sorted relative names of the plain files below a folder, without hidden ones."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    seen = (path.as_posix() for path in found if not any(p.startswith(".") for p in path.parts))
    return sorted(set(seen).difference(without))


def of_files(root: Path, names: Iterable[str]) -> dict[str, Digest]:
    """The digests of files below ``root`` by name, in the given order."""
    place = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    memory = cache_folder() / "digests" / f"{place}.json"
    known, found, fresh = _read(memory), {}, False
    for name in names:
        state = (root / name).stat()
        seen = [state.st_size, state.st_mtime_ns]
        if known.get(name, [])[:2] != seen:
            known[name] = [*seen, *_hashed(root / name)]
            fresh = fresh or state.st_size >= LARGE
        found[name] = Digest(state.st_size, *known[name][2:])
    if fresh:
        _write(memory, {name: entry for name, entry in known.items() if entry[0] >= LARGE})
    return found


def combined(files: Mapping[str, Digest]) -> str:
    """One digest of several files and their names, in their order."""
    whole = hashlib.sha256()
    for name, digest in files.items():
        whole.update(f"{name} {digest.sha256}\n".encode())
    return whole.hexdigest()


def _hashed(file: Path) -> tuple[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with open(file, "rb", buffering=0) as data:
        while part := data.read(2**20):
            sha256.update(part)
            md5.update(part)
    return sha256.hexdigest(), base64.b64encode(md5.digest()).decode()


def _read(memory: Path) -> dict[str, list]:
    try:
        return json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _write(memory: Path, known: dict[str, list]) -> None:
    memory.parent.mkdir(parents=True, exist_ok=True)
    write_text(memory, json.dumps(known), shared=True)
