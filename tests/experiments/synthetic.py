"""W&B logs of made-up runs, written record by record as its own program writes them: in a
millisecond, where a run through the client takes seconds."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from wandb.proto.wandb_internal_pb2 import Record

from experiments.tracking.keys import STEP

_BLOCK, _PIECE = 2**15, struct.Struct("<IHB")


def frame(records: list[bytes]) -> bytes:
    """A log of these records: whole, or as first, middle and last pieces in their blocks."""
    made = bytearray(b":W&B\xe1\xbe\x00")
    for data in records:
        first, rest = True, data
        while first or rest:
            if (left := _BLOCK - len(made) % _BLOCK) < _PIECE.size:
                made += bytes(left)
                left = _BLOCK
            piece, rest = rest[: left - _PIECE.size], rest[left - _PIECE.size :]
            kind = (1 if not rest else 2) if first else (4 if not rest else 3)
            check = zlib.crc32(piece, zlib.crc32(bytes([kind])))
            made += _PIECE.pack(check, len(piece), kind) + piece
            first = False
    return bytes(made)


def log(
    run_id: str,
    config: dict[str, Any],
    rows: list[dict[str, float]],
    summary: dict[str, Any] | None = None,
    ended: bool = True,
    **facts: Any,
) -> bytes:
    """A run that logged ``rows``, each with its step; not ``ended``, it was killed."""
    opened = Record()
    opened.run.run_id, opened.run.project = run_id, "made-up"
    opened.run.start_time.FromSeconds(facts.pop("started", 1_800_000_000))
    opened.run.tags.extend(facts.pop("tags", []))
    for key, value in facts.items():
        setattr(opened.run, key, value)
    for key, value in config.items():
        opened.run.config.update.add(key=key, value_json=json.dumps(value))
    header = Record()
    header.header.version_info.producer = "0.31.0"
    made = [header, opened]
    for number, row in enumerate(rows):
        line = Record()
        line.history.step.num = number
        for key, value in {**row, "_step": number}.items():
            line.history.item.add(nested_key=[key], value_json=json.dumps(value))
        made.append(line)
    if ended:
        last, exit_ = Record(), Record()
        for key, value in (summary or {}).items():
            last.summary.update.add(key=key, value_json=json.dumps(value))
        exit_.exit.exit_code = 0
        made += [last, exit_]
    return frame([record.SerializeToString() for record in made])


def write(root: Path, number: int, steps: int = 20, **more: Any) -> Path:
    """A run of an experiment `made_up` under ``root``: its curve falls faster with a higher rank.

    Returns the folder of the run.
    """
    draw = np.random.default_rng(number)
    rank, model = [2, 4, 8][number % 3], ["LoRA", "Adapter"][number % 2]
    losses = np.exp(-rank * np.arange(steps) / steps / 4) + draw.normal(0, 0.01, steps)
    rows = [
        {STEP: step, "train/loss": float(loss), "train/accuracy": 1 - float(loss) / 2, "epoch": 0}
        | {"learning_rate/decay": 1e-3 * (1 - step / steps), "tokens_per_second": 5000.0}
        | ({"val/loss": float(loss), "val/accuracy": 1 - float(loss) / 2} if step % 10 == 9 else {})
        for step, loss in enumerate(losses)
    ]
    accuracy = round(1 - float(losses[-1]) / 2, 4)
    config = {
        "model": {"class": model, "rank": rank, "alpha": 16.0},
        "data": {"class": "SST2", "batch_tokens": 512},
        "seed_everything": number,
        "experiment": "made_up",
        "tracking": {"group": None},
    }
    summary = {
        "test/accuracy": accuracy,
        "val/accuracy": {"max": accuracy},
        "val/loss": {"min": float(losses.min())},
        "seconds": 60.0 + number,
        "state": "finished",
    }
    name = f"261101-{number:06d}-abcd"
    place = root / "made_up" / name
    folder = place / "wandb" / f"offline-run-20261101_{number:06d}-{name}"
    folder.mkdir(parents=True)
    facts = {"started": 1_800_000_000 + number, "run_group": f"group-{number % 2}", "tags": ["a"]}
    data = log(name, config, rows, summary, **(facts | more))
    (folder / f"run-{name}.wandb").write_bytes(data)
    return place
