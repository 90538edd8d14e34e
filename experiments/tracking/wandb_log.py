"""Reads the log that W&B keeps of a run on disk, in a millisecond; W&B's program takes a second.

The format is that of LevelDB's log: after a header of seven bytes, blocks of 32 KiB hold pieces of
records, each with checksum, length and kind. A record is a protocol buffer of W&B.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from experiments.tracking.keys import STEP

_MAGIC, _HEADER, _BLOCK = b":W&B\xe1\xbe", 7, 2**15
_PIECE = struct.Struct("<IHB")  # checksum, length, kind
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4  # kinds of pieces
_NUMBERS = {'"NaN"', '"Infinity"', '"-Infinity"'}


@dataclass
class LogContents:
    """The contents of one log. A run that was resumed has several logs.

    Attributes:
        facts: The id, project, entity, name, group, job_type, tags and started of the run.
        summary: The last values, nested as in W&B.
        curves: Numbers by metric and step.
        logged: The names of everything in the history, with tables and images.
        rows: The number of history rows.
        artifacts: Type, name and digest of each artifact that the run made.
        inputs: Digests of the artifacts that the run used.
        files: Files that an upload will read.
        exit: The exit code; None if the run is going on or was killed.
        state: The state in which the run ended: finished, failed or interrupted; else empty.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, dict[int, float]] = field(default_factory=dict)
    logged: set[str] = field(default_factory=set)
    rows: int = 0
    artifacts: list[tuple[str, str, str]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    exit: int | None = None
    state: str = ""

    @property
    def id(self) -> str:
        return self.facts.get("id", "")

    @property
    def history(self) -> list[dict[str, float]]:
        """The curves as rows in the order of their steps, each with its step."""
        rows: dict[int, dict[str, float]] = {}
        for name, values in self.curves.items():
            for step, value in values.items():
                rows.setdefault(step, {STEP: step})[name] = value
        return [rows[step] for step in sorted(rows)]


def read(file: Path) -> LogContents:
    """Reads a log up to its end, or up to the place where a kill cut it off.

    Raises:
        ValueError: If the file is not a log of W&B.
    """
    from google.protobuf.message import DecodeError

    messages = _messages()
    found, record = LogContents(), messages.Record()
    for data in records(file):
        try:
            record.ParseFromString(data)
        except DecodeError:
            break
        kind = record.WhichOneof("record_type")
        if kind == "history":
            _history(record.history, found)
        elif kind == "run":
            _run(record.run, found)
        elif kind in ("summary", "config"):
            change = getattr(record, kind)
            _change(getattr(found, kind), change.update, change.remove)
        elif kind == "artifact":
            _artifact(record.artifact, found)
        elif kind == "files":
            # W&B's own files may be missing: they belong to the machine, not to the run.
            own = [
                one for one in record.files.files if one.type != messages.FilesItem.FileType.WANDB
            ]
            found.files += [file.parent / "files" / one.path for one in own]
        elif kind == "exit":
            found.exit = record.exit.exit_code
    found.config.pop("_wandb", None)  # about W&B's client, not about the run
    # The state is in the summary, which W&B writes before the exit.
    found.state = found.summary.get("state", "")
    if found.exit is not None:
        found.state = found.state or ("failed" if found.exit else "finished")
    return found


def _messages() -> Any:
    """W&B's protocol buffer classes; they are made at run time, so no type checker knows them."""
    from wandb.proto import wandb_internal_pb2

    return wandb_internal_pb2


def records(file: Path) -> Iterator[bytes]:
    """Yields the complete records of a log."""
    data, place, pieces = file.read_bytes(), _HEADER, b""
    if data[: len(_MAGIC)] != _MAGIC:
        if not data:
            return  # killed in the second before the first write
        raise ValueError(f"{file}: not a log of W&B")
    while place + _PIECE.size <= len(data):
        if (left := _BLOCK - place % _BLOCK) < _PIECE.size:
            place += left  # no header fits at the end of a block
            continue
        check, length, kind = _PIECE.unpack_from(data, place)
        start = place + _PIECE.size
        place = start + length
        piece = data[start:place]
        if _check(kind, piece) != check:
            return  # torn, and so nothing behind it counts
        pieces += piece
        if kind in (_WHOLE, _LAST):
            yield pieces
            pieces = b""


def _check(kind: int, piece: bytes) -> int:
    return zlib.crc32(piece, zlib.crc32(bytes([kind])))


def write(file: Path, head: bytes, kept: Iterable[bytes]) -> None:
    """Writes a log with these records; ``head`` is the header of another log, seven bytes."""
    data = bytearray(head)
    for record in kept:
        begun = False
        while record or not begun:
            if (left := _BLOCK - len(data) % _BLOCK) < _PIECE.size:
                data += bytes(left)
                continue
            piece, record = record[: left - _PIECE.size], record[left - _PIECE.size :]
            kind = (_MIDDLE if record else _LAST) if begun else (_FIRST if record else _WHOLE)
            data += _PIECE.pack(_check(kind, piece), len(piece), kind) + piece
            begun = True
    file.write_bytes(data)


def without_rows(log: Path, count: int, file: Path) -> None:
    """Copies a log without its first ``count`` history rows and without incomplete records."""

    def kept() -> Iterator[bytes]:
        left, record = count, _messages().Record()
        for data in records(log):
            record.ParseFromString(data)
            if record.WhichOneof("record_type") == "history" and left:
                left -= 1
            else:
                yield data

    with log.open("rb") as there:
        head = there.read(_HEADER)
    write(file, head, kept())


def _artifact(artifact: Any, found: LogContents) -> None:
    if artifact.use_after_commit:
        found.inputs.append(artifact.digest)
    else:
        found.artifacts.append((artifact.type, artifact.name, artifact.digest))
    entries = artifact.manifest.contents
    found.files += [Path(entry.local_path) for entry in entries if entry.local_path]


def _run(run: Any, found: LogContents) -> None:
    _change(found.config, run.config.update, run.config.remove)
    _change(found.summary, run.summary.update, run.summary.remove)
    facts = {
        "id": run.run_id,
        "project": run.project,
        "entity": run.entity,
        "name": run.display_name,
        "group": run.run_group,
        "job_type": run.job_type,
    }
    if run.HasField("start_time"):
        began = datetime.fromtimestamp(run.start_time.ToSeconds())
        facts["started"] = began.isoformat(sep=" ")
    found.facts.update({key: value for key, value in facts.items() if value})
    found.facts["tags"] = list(run.tags)


def _change(kept: dict[str, Any], update: Any, remove: Any) -> None:
    for item in update:
        *above, last = item.nested_key or [item.key]
        place = kept
        for key in above:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                break
        else:
            place[last] = json.loads(item.value_json)
    for item in remove:
        kept.pop((item.nested_key or [item.key])[0], None)


def _history(history: Any, found: LogContents) -> None:
    """Adds the numbers of one row to the curves, at the row's step."""
    row: dict[str, float] = {}
    found.rows += 1
    for item in history.item:
        text, names = item.value_json, item.nested_key
        found.logged.add(names[0] if names else item.key)
        try:
            value = float(text[1:-1] if text in _NUMBERS else text)
        except ValueError:  # a table, or words
            continue
        if len(names) < 2:
            row[names[0] if names else item.key] = value
    step = int(row.pop(STEP, row.get("_step", history.step.num)))
    for name, value in row.items():
        if name[0] != "_":
            found.curves.setdefault(name, {})[step] = value
