"""The log that W&B keeps of a run on disk, read directly: a millisecond where its program takes a
second.

The format is that of LevelDB's log: after a header of seven bytes, blocks of 32 KiB that hold
pieces of records, each behind checksum, length and kind. A record is W&B's protocol buffer.
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
class Part:
    """What one log says of a run; a run that was resumed has several.

    Attributes:
        facts: id, project, entity, name, group, job_type, tags, started.
        summary: nested, as W&B has it.
        curves: numbers by metric and step.
        exit: the code that it ended with; None of a run that goes on, or was killed.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, dict[int, float]] = field(default_factory=dict)
    exit: int | None = None


def read(file: Path) -> Part:
    """All that a log holds up to its end, or to where a kill tore it.

    Raises:
        ValueError: of a file that is no such log.
    """
    from google.protobuf.message import DecodeError
    from wandb.proto.wandb_internal_pb2 import Record

    part, record = Part(), Record()
    for data in records(file):
        try:
            record.ParseFromString(data)
        except DecodeError:
            break
        kind = record.WhichOneof("record_type")
        if kind == "history":
            _history(record.history, part.curves)
        elif kind == "run":
            _run(record.run, part)
        elif kind in ("summary", "config"):
            change = getattr(record, kind)
            _change(getattr(part, kind), change.update, change.remove)
        elif kind == "exit":
            part.exit = record.exit.exit_code
    return part


def records(file: Path) -> Iterator[bytes]:
    """The records of a log, each whole."""
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
    """A log of these records under the head of another one, its first seven bytes."""
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
    """Copy a log without its first ``count`` rows of history, and without what a kill tore."""
    from wandb.proto.wandb_internal_pb2 import Record

    def kept() -> Iterator[bytes]:
        left, record = count, Record()
        for data in records(log):
            record.ParseFromString(data)
            if record.WhichOneof("record_type") == "history" and left:
                left -= 1
            else:
                yield data

    with log.open("rb") as there:
        head = there.read(_HEADER)
    write(file, head, kept())


def _run(run: Any, part: Part) -> None:
    _change(part.config, run.config.update, run.config.remove)
    _change(part.summary, run.summary.update, run.summary.remove)
    found = {
        "id": run.run_id,
        "project": run.project,
        "entity": run.entity,
        "name": run.display_name,
        "group": run.run_group,
        "job_type": run.job_type,
    }
    if run.HasField("start_time"):
        began = datetime.fromtimestamp(run.start_time.ToSeconds())
        found["started"] = began.isoformat(sep=" ")
    part.facts.update({key: value for key, value in found.items() if value})
    part.facts["tags"] = list(run.tags)


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


def _history(history: Any, curves: dict[str, dict[int, float]]) -> None:
    """A row: its numbers by the step that it is of."""
    row: dict[str, float] = {}
    for item in history.item:
        text, names = item.value_json, item.nested_key
        try:
            value = float(text[1:-1] if text in _NUMBERS else text)
        except ValueError:  # a table, or words
            continue
        if len(names) < 2:
            row[names[0] if names else item.key] = value
    step = int(row.pop(STEP, row.get("_step", history.step.num)))
    for name, value in row.items():
        if name[0] != "_":
            curves.setdefault(name, {})[step] = value
