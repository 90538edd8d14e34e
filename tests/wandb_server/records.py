"""What the server was told: runs, artifacts and sweeps, as plain Python."""

import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

import yaml

HISTORY, EVENTS, CONSOLE = "wandb-history.jsonl", "wandb-events.jsonl", "output.log"
SUMMARY = "wandb-summary.json"


@dataclass
class Run:
    """A run as the client has described it.

    Attributes:
        facts: name on the screen, group, job type, tags, notes and so on, by the client's names.
        streams: lines of each streamed file, where the client put them.
        files: of the run's own storage, by name.
        began: seconds since the epoch, at the server.
    """

    id: str
    entity: str
    project: str
    facts: dict[str, Any] = field(default_factory=dict)
    raw_config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    streams: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    exit_code: int | None = None
    began: float = field(default_factory=time.time)

    @property
    def config(self) -> dict[str, Any]:
        return {k: item["value"] for k, item in self.raw_config.items() if k != "_wandb"}

    @property
    def history(self) -> list[dict[str, Any]]:
        """All rows, in the order of their lines."""
        return [json.loads(line) for line in self.lines(HISTORY)]

    @property
    def output(self) -> list[str]:
        return self.lines(CONSOLE)

    @property
    def state(self) -> str:
        if self.exit_code is None:
            return "running" if self.raw_config else "pending"
        return "failed" if self.exit_code else "finished"

    def lines(self, file: str) -> list[str]:
        return self.streams.get(file, [])

    def stream(self, message: dict[str, Any]) -> None:
        """One request of the file stream; lines beyond the end of a file are an error."""
        if message.get("files"):
            self.exit_code = None  # a run that had ended goes on
        for file, chunk in (message.get("files") or {}).items():
            content, offset = chunk["content"], chunk["offset"]
            if file == SUMMARY:
                self.summary = json.loads(content[-1])
                continue
            held = self.streams.setdefault(file, [])
            if offset > len(held):
                raise ValueError(f"{file}: line {offset} after {len(held)} lines")
            held[offset : offset + len(content)] = content
        if message.get("complete"):
            self.exit_code = message.get("exitcode") or 0


@dataclass
class Artifact:
    """A version of an artifact; ``made_by`` is the run that brought it first."""

    id: str
    entity: str
    project: str
    collection: str
    type: str
    digest: str
    version: int
    made_by: str | None
    metadata: dict[str, Any]
    description: str | None = None
    aliases: list[str] = field(default_factory=list)
    committed: bool = False
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.collection}:v{self.version}"

    @property
    def contents(self) -> dict[str, dict[str, Any]]:
        """Digest, size and reference of each file."""
        return self.manifest.get("contents", {})


@dataclass
class Sweep:
    """A grid over the values of the parameters; an agent is given one run after another."""

    id: str
    entity: str
    project: str
    config: str
    state: str = "RUNNING"
    runs: list[str] = field(default_factory=list)

    @property
    def asked(self) -> dict[str, Any]:
        return yaml.safe_load(self.config)

    def points(self) -> list[dict[str, Any]]:
        named = self.asked["parameters"]
        values = [p["values"] if "values" in p else [p["value"]] for p in named.values()]
        return [dict(zip(named, point, strict=True)) for point in itertools.product(*values)]

    def next(self) -> dict[str, Any] | None:
        """The agent's next command, or None when nothing is left."""
        if len(self.runs) == len(self.points()):
            self.state = "FINISHED"
            return None
        point = self.points()[len(self.runs)]
        self.runs.append(f"{self.id}run{len(self.runs)}")
        return {
            "type": "run",
            "program": self.asked["program"],
            "run_id": self.runs[-1],
            "sweep_id": self.id,
            "args": {name: {"value": value} for name, value in point.items()},
        }


class Records:
    """All of it.

    Attributes:
        runs: by id.
        artifacts: in the order in which they came.
        uses: (id of the run, name of the artifact's version).
        blobs: stored content by key.
        clients: the server's id of an artifact by the one that the client chose.
        agents: sweep of each agent.
        views: saved workspaces and reports, as the client sent them.
    """

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.artifacts: list[Artifact] = []
        self.uses: list[tuple[str, str]] = []
        self.sweeps: dict[str, Sweep] = {}
        self.blobs: dict[str, bytes] = {}
        self.clients: dict[str, str] = {}
        self.agents: dict[str, str] = {}
        self.views: list[dict[str, Any]] = []

    @property
    def edges(self) -> set[tuple[str, str, str]]:
        """The lineage: (run, "made" or "used", version of an artifact)."""
        made = {(a.made_by, "made", a.name) for a in self.artifacts if a.committed and a.made_by}
        return made | {(run, "used", name) for run, name in self.uses}

    def artifact(self, name: str) -> Artifact | None:
        """By name:alias, name:version, name (the latest) or id."""
        collection, _, wanted = name.rpartition("/")[2].partition(":")
        for artifact in reversed(self.artifacts):
            if artifact.id == self.clients.get(name, name):
                return artifact
            known = (*artifact.aliases, f"v{artifact.version}", artifact.digest)
            if artifact.collection == collection and (wanted or "latest") in known:
                return artifact
        return None

    def collection(self, project: str, name: str) -> list[Artifact]:
        return [a for a in self.artifacts if (a.project, a.collection) == (project, name)]

    def store(self, key: str, content: bytes) -> None:
        """A file of a run, the manifest of an artifact, or the content of one of its files."""
        self.blobs[key] = content
        kind, of, *path = key.split("/")
        if kind == "runs":
            self.runs[of].files["/".join(path)] = content
        elif kind == "manifests":
            self.artifact(of).manifest = json.loads(content)
