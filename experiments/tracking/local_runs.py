"""Runs on disk, for their upload: logs, contents, and the mark of an uploaded log."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments.common import files
from experiments.common.shell import relative
from experiments.tracking import wandb_log

_MARK = "uploaded.json"


@dataclass(frozen=True)
class LogFile:
    """One log of a run, in a folder of W&B. A run that was resumed has several logs."""

    log: Path

    @property
    def folder(self) -> Path:
        return self.log.parent

    def mark(self, host: str) -> None:
        """Notes on disk that this server has all of the log."""
        files.write_json(self.folder / _MARK, self._state(host))

    def marked(self, host: str) -> bool:
        """Tells whether all of the log has been uploaded to this server."""
        file = self.folder / _MARK
        return file.exists() and json.loads(file.read_text(encoding="utf-8")) == self._state(host)

    def _state(self, host: str) -> dict[str, Any]:
        return {"host": host, "bytes": self.log.stat().st_size}


@dataclass
class Recorded:
    """The contents of a run's logs.

    Attributes:
        project: The W&B project.
        entity: The owner of the project.
        rows: The number of history rows of each log.
        summary: The last values.
        artifacts: Type, name and digest of each artifact that the run made.
        inputs: Digests of the artifacts that the run used.
        files: Files that an upload will read.
    """

    project: str = ""
    entity: str = ""
    rows: list[int] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: list[tuple[str, str, str]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


@dataclass
class LocalRun:
    """A run on disk; its logs in the order in which they were started."""

    id: str
    logs: list[LogFile]

    @property
    def folder(self) -> Path:
        return self.logs[0].folder.parents[1]

    def __str__(self) -> str:
        return relative(self.folder)

    def in_use(self) -> bool:
        return files.is_locked(self.folder)

    @cached_property
    def recorded(self) -> Recorded:
        """The contents of its logs; it drops logs without a record, from a run killed at once."""
        found, kept = Recorded(), []
        for log in self.logs:
            held = wandb_log.read(log.log)
            if not held.id:
                continue
            kept.append(log)
            found.project = held.facts.get("project", "")
            found.entity = held.facts.get("entity", "")
            found.summary = held.summary
            found.rows.append(held.rows)
            found.artifacts += held.artifacts
            found.inputs += held.inputs
            found.files += held.files
        self.logs = kept or self.logs
        return found


def find_local_runs(places: list[Path]) -> list[LocalRun]:
    """Finds the runs with a log below some folders, in the order in which they were started."""
    logs = {log.resolve() for place in places for log in place.rglob("run-*.wandb")}
    runs: dict[str, LocalRun] = {}
    # A run that made an artifact was started before the run that used it.
    for log in sorted(logs, key=lambda log: log.parent.name.partition("run-")[2]):
        name = log.stem.removeprefix("run-")
        runs.setdefault(name, LocalRun(name, [])).logs.append(LogFile(log))
    return list(runs.values())
