"""A run as it lies on disk, for its upload: its folders, what they hold, what has been uploaded."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments.common import files
from experiments.common.shell import relative
from experiments.tracking.keys import inspect_log

_MARK = "uploaded.json"


@dataclass(frozen=True)
class Part:
    """One of W&B's folders: a run that was resumed has several."""

    log: Path

    @property
    def folder(self) -> Path:
        return self.log.parent

    def mark(self, host: str) -> None:
        """Remember that this server has all of the log."""
        files.write_json(self.folder / _MARK, self._state(host))

    def marked(self, host: str) -> bool:
        """Whether all of it has been uploaded to this server."""
        file = self.folder / _MARK
        return file.exists() and json.loads(file.read_text()) == self._state(host)

    def _state(self, host: str) -> dict[str, Any]:
        return {"host": host, "bytes": self.log.stat().st_size}


@dataclass
class Recorded:
    """What a run's logs hold.

    Attributes:
        rows: history rows of each part.
        summary: the last values.
        artifacts: (type, name, digest) of what it made.
        inputs: digests of the artifacts that it used.
        files: that an upload will read.
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
    """A run on disk; its parts in the order in which they were started."""

    id: str
    parts: list[Part]

    @property
    def folder(self) -> Path:
        return self.parts[0].folder.parents[1]

    def __str__(self) -> str:
        return relative(self.folder)

    def going_on(self) -> bool:
        return files.busy(self.folder)

    @cached_property
    def recorded(self) -> Recorded:
        """Parts without a record, of runs killed in their first second, are left out from here."""
        found, parts = Recorded(), []
        for part in self.parts:
            opened, records = inspect_log(part.folder)
            if not opened["run_id"]:
                continue
            parts.append(part)
            found.project, found.entity = opened["project"], opened["entity"]
            found.summary = opened["summary"] or {}
            found.rows.append(sum(record["type"] == "history" for record in records))
            for record in records:
                _add(found, part, record)
        self.parts = parts or self.parts
        return found


def _add(found: Recorded, part: Part, record: dict[str, Any]) -> None:
    if record["type"] == "artifact":
        artifact = record["artifact"]
        if artifact.get("use_after_commit"):
            found.inputs.append(artifact["digest"])
        else:
            found.artifacts.append((artifact["type"], artifact["name"], artifact["digest"]))
        entries = artifact.get("manifest", {}).get("contents", [])
        found.files += [Path(e["local_path"]) for e in entries if e.get("local_path")]
    elif record["type"] == "files":
        # W&B's own (type WANDB) may be missing: they are of the machine, not of the run.
        own = [file for file in record["files"]["files"] if file.get("type") != "WANDB"]
        found.files += [part.folder / "files" / file["path"] for file in own]


def find_runs(places: list[Path]) -> list[LocalRun]:
    """The runs under some folders, in the order in which they were started."""
    logs = {log.resolve() for place in places for log in place.rglob("run-*.wandb")}
    runs: dict[str, LocalRun] = {}
    # Whoever made an artifact was started before whoever used it.
    for log in sorted(logs, key=lambda log: log.parent.name.partition("run-")[2]):
        name = log.stem.removeprefix("run-")
        runs.setdefault(name, LocalRun(name, [])).parts.append(Part(log))
    return list(runs.values())
