"""Reads tracked runs and their curves back from disk."""

import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.files import is_locked
from experiments.tracking import wandb_log
from experiments.tracking.keys import merge_summary, run_folders
from experiments.tracking.wandb_log import LogContents

Curves = dict[str, tuple[np.ndarray, np.ndarray]]  # steps and values, (N,) each, by metric
_SKIPPED = {"checkpoints", "export", "documents", "train", "validation", "work"}
_CACHE_VERSION = 1  # to be raised when the cached values change their meaning


@dataclass
class RunRecord:
    """A tracked run.

    Attributes:
        state: One of finished, failed, interrupted, running and crashed.
        started: The local time of its start, as 2026-11-25 10:15:00.
        config: The flat config under the names of flags; ``model`` is the class.
        metrics: The last value of each metric, and the best value of those under ``val/``.
        place: The folder of the run, or its URL.
        load: Reads all curves of the run.
    """

    id: str
    name: str = ""
    group: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list)
    state: str = "crashed"
    started: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    place: str = ""
    load: Callable[[], Curves] = field(default=dict, repr=False)

    @cached_property
    def curves(self) -> Curves:
        """All curves of the run, read at the first use."""
        return self.load()

    def curve(self, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of a metric, (N,) each; empty if it was not logged."""
        return self.curves.get(metric, (np.empty(0), np.empty(0)))


_FIELDS = ("id", "name", "group", "job_type", "tags", "state", "started", "config", "metrics")


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """A nested config by dotted names; a class is the value of its flag, as ``model``."""
    found: dict[str, Any] = {}

    def walk(value: Any, name: str) -> None:
        if not (isinstance(value, dict) and value):
            found[name] = value
            return
        for key, below in value.items():
            path = name if key == "class" and name else f"{name}.{key}" if name else str(key)
            walk(below, path)

    walk({key: value for key, value in config.items() if key != "_wandb"}, "")
    return found


def numbers(summary: dict[str, Any]) -> dict[str, float]:
    """The numbers of a summary; the best value of a metric that has one."""
    found = {}
    for name, value in summary.items():
        if isinstance(value, dict) and len(value) == 1:
            value = next(iter(value.values()))
        if isinstance(value, int | float) and not isinstance(value, bool) and name[0] != "_":
            found[name] = value
    return found


def read_run(folder: Path) -> LogContents:
    """Reads one run from its folder, with all contents of its logs.

    A run that was killed and resumed has several logs, which are merged: the later log replaces
    the earlier one at the steps that both have, and a metric's best is the best of both.

    Raises:
        ValueError: If the folder holds no run, or more than one.
    """
    return merged([next(part.glob("run-*.wandb")) for part in run_folders(folder)], folder)


def merged(logs: list[Path], folder: Path) -> LogContents:
    """Merges the contents of a run's logs, given in the order in which they were started.

    Raises:
        ValueError: If there is no log, or if the logs are of more than one run.
    """
    if not logs:
        raise ValueError(f"no W&B run in {folder}")
    whole = LogContents()
    for log in logs:
        part = wandb_log.read(log)
        if not part.id:
            continue  # killed in the second before W&B wrote its first record
        if whole.id and part.id != whole.id:
            raise ValueError(f"{folder} holds more than one run: {whole.id}, {part.id}")
        started = whole.facts.get("started") or part.facts.get("started", "")
        whole.facts |= part.facts | {"started": started}
        whole.config |= part.config
        merge_summary(whole.summary, part.summary)
        for name, values in part.curves.items():
            whole.curves.setdefault(name, {}).update(values)
        whole.logged |= part.logged
        whole.rows += part.rows
        whole.exit, whole.state = part.exit, part.state
    return whole


def local(root: Path) -> list[RunRecord]:
    """The runs below a folder, in the order in which they began.

    A run that was read once is taken from the cache folder while its files are the same.

    Raises:
        ValueError: If there is no run.
    """
    found = logs(root)
    if not found:
        raise ValueError(f"no W&B run in {root}")
    fresh = [files for files in found.values() if _read_cached(files) is None]
    for files in _with_progress(fresh):
        _fill_cache(files)
    runs = (_read_cached(files) for files in found.values())
    return sorted((run for run in runs if run is not None and run.id), key=lambda run: run.started)


def logs(root: Path) -> dict[str, list[Path]]:
    """The logs of each run by its id, in the order in which they were started."""
    found: dict[str, list[Path]] = {}
    for folder, below, _ in os.walk(root):
        below[:] = [name for name in below if name not in _SKIPPED and not name.startswith(".")]
        if os.path.basename(folder) == "wandb":
            files = [file for name in below for file in Path(folder, name).glob("run-*.wandb")]
            below.clear()
            for file in sorted(files, key=lambda file: file.parent.name.partition("run-")[2]):
                if not file.parent.is_symlink():  # latest-run
                    found.setdefault(file.stem.removeprefix("run-"), []).append(file)
    return found


def _with_progress(fresh: list[list[Path]]) -> Iterator[list[Path]]:
    """The runs to read, with a progress bar in a terminal if there are many."""
    if len(fresh) < 20 or not sys.stderr.isatty():
        return iter(fresh)
    from tqdm import tqdm

    return iter(tqdm(fresh, "reading runs", unit="run", leave=False))


def _cache_entry(files: list[Path]) -> tuple[Path, str]:
    """The cache file of a run, and the state of the run's files for which it is valid."""
    from datamodules.packaged import cache_folder

    place = hashlib.sha256(str(files[0].resolve()).encode()).hexdigest()[:16]
    states = [(file.name, (s := file.stat()).st_size, s.st_mtime_ns) for file in files]
    return cache_folder() / "runs" / f"{place}.npz", json.dumps([_CACHE_VERSION, states])


def _fill_cache(files: list[Path]) -> None:
    """Reads a run from its logs and writes it into the cache."""
    memory, mark = _cache_entry(files)
    log = merged(files, files[0].parent)
    kept = {key: log.facts[key] for key in _FIELDS if key in log.facts} | {
        "id": log.id,
        "state": log.state,
        "config": flat(log.config),
        "metrics": numbers(log.summary),
    }
    arrays: dict[str, Any] = {
        f"curve/{name}": np.array(sorted(v.items())).T for name, v in log.curves.items()
    }
    memory.parent.mkdir(parents=True, exist_ok=True)
    scratch = memory.with_suffix(f".{os.getpid()}.npz")
    np.savez(scratch, mark=_as_bytes(mark), run=_as_bytes(json.dumps(kept)), **arrays)
    os.replace(scratch, memory)


def _as_bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


def _read_cached(files: list[Path]) -> RunRecord | None:
    """A run from the cache; None if it is not there or if its files have changed."""
    memory, mark = _cache_entry(files)
    try:
        with np.load(memory) as held:
            if bytes(held["mark"]) != mark.encode():
                return None
            kept = json.loads(bytes(held["run"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    place = files[-1].parents[2] if files[-1].parents[1].name == "wandb" else files[-1].parent
    if not kept["state"]:
        kept["state"] = "running" if is_locked(place) else "crashed"
    return RunRecord(**kept, place=str(place), load=partial(_cached_curves, memory))


def _cached_curves(memory: Path) -> Curves:
    with np.load(memory) as held:
        names = [name for name in held.files if name.startswith("curve/")]
        return {name.removeprefix("curve/"): tuple(held[name]) for name in names}


def as_row(run: RunRecord) -> dict[str, Any]:
    """Facts, config and metrics of a run as one flat line of a table."""
    facts = {key: getattr(run, key) for key in (*_FIELDS[:7], "place")}
    return run.config | facts | run.metrics  # a run's name in W&B may be another than its own
