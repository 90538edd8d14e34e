"""What the client can ask about: GraphQL's types, by their names there."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.wandb_server import records
from tests.wandb_server.artifacts import Artifact, ArtifactSequence
from tests.wandb_server.connections import connection, encoded
from tests.wandb_server.filters import matches

ENTITY = "someone"


class User:
    id, email, flags = encoded("User:1"), "someone@localhost", "{}"
    name = username = entity = ENTITY
    admin, deletedAt = False, None
    teams = apiKeys = connection([])


class Entity:
    isTeam, organization, user = False, None, User()

    def __init__(self, name: str) -> None:
        self.id, self.name = encoded(f"Entity:{name}"), name


class Project:
    isBenchmark = readOnly = False
    internalId, createdAt, user = encoded("ProjectInternalId:1"), "2026-01-01T00:00:00Z", User()

    def __init__(self, held: records.Records, name: str, entity: str, url: str) -> None:
        self.held, self.name, self.entityName, self.url = held, name, entity, url
        self.id, self.entity = encoded(f"Project:{entity}:{name}"), Entity(entity)

    def _runs(self, filters: str | None = None) -> list["Run"]:
        runs = [Run(self, run) for run in self.held.runs.values() if run.project == self.name]
        return [run for run in runs if matches(run, json.loads(filters or "{}"))]

    def run(self, name: str) -> "Run | None":
        return next((run for run in self._runs() if run.name == name), None)

    def bucket(self, name: str, missingOk: bool = False) -> "Run | None":
        return self.run(name)

    def runs(self, filters: str | None = None, order: str | None = None, **_: Any) -> dict:
        found = self._runs(filters)
        return connection(found[::-1] if (order or "").startswith("-") else found)

    def runCount(self, filters: str | None = None) -> int:
        return len(self._runs(filters))

    def sweep(self, sweepName: str) -> "Sweep | None":
        found = self.held.sweeps.get(sweepName)
        return found and Sweep(self, found)

    def sweeps(self, **_: Any) -> dict:
        return connection([Sweep(self, sweep) for sweep in self.held.sweeps.values()])

    def artifact(self, name: str) -> "Artifact | None":
        found = self.held.artifact(name)
        return found and Artifact(self, found)

    def artifactCollectionMembership(self, name: str) -> dict | None:
        found = self.artifact(name)
        return found and {
            "__typename": "ArtifactCollectionMembership",
            "id": encoded(f"Membership:{found.id}"),
            "artifact": found,
            "versionIndex": found.versionIndex,
            "createdAt": found.createdAt,
            "aliases": found.aliases,
            "artifactCollection": found.artifactSequence,
        }

    def artifactType(self, name: str) -> dict:
        made = {"id": encoded(f"ArtifactType:{name}"), "createdAt": self.createdAt}
        kind = {"__typename": "ArtifactType", **made, "name": name, "description": None}
        return {**kind, "artifactCollection": self.artifactCollection}

    def artifactCollection(self, name: str) -> "ArtifactSequence | None":
        return ArtifactSequence(self, name) if self.held.collection(self.name, name) else None


class Run:
    readOnly = shouldStop = stopped = failed = False
    user, projectId, systemMetrics, description = User(), 1, "{}", None

    def __init__(self, project: Project, run: records.Run) -> None:
        self.project, self.record, self.name = project, run, run.id
        self.id = encoded(f"Run:{run.id}")
        self.displayName = run.facts.get("displayName")
        self.group, self.jobType = run.facts.get("groupName"), run.facts.get("jobType")
        self.tags, self.notes = run.facts.get("tags") or [], run.facts.get("notes")
        self.commit, self.sweepName = run.facts.get("commit"), run.facts.get("sweep")
        self.state, self.exitcode = run.state, run.exit_code
        self.running = run.state == "running"
        self.createdAt = datetime.fromtimestamp(run.began, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.heartbeatAt = self.createdAt
        self.config, self.summaryMetrics = json.dumps(run.raw_config), json.dumps(run.summary)
        self.historyLineCount = len(run.lines(records.HISTORY))
        self.eventsLineCount = len(run.lines(records.EVENTS))
        self.logLineCount, self.fileCount = len(run.lines(records.CONSOLE)), len(run.files)
        self.historyTail = json.dumps(run.lines(records.HISTORY)[-1:])
        self.eventsTail = json.dumps(run.lines(records.EVENTS)[-1:])

    @property
    def historyKeys(self) -> dict[str, Any]:
        keys = {key for row in self.record.history for key in row}
        last = max((row["_step"] for row in self.record.history), default=-1)
        return {"lastStep": last, "keys": {key: {} for key in sorted(keys)}}

    def wandbConfig(self, keys: list[str]) -> str:
        held = self.record.raw_config.get("_wandb", {}).get("value", {})
        return json.dumps({key: held[key] for key in keys if key in held})

    def history(
        self, minStep: int = 0, maxStep: int = 2**62, samples: int | None = None
    ) -> list[str]:
        rows = [r for r in self.record.history if minStep <= r.get("_step", 0) < maxStep]
        return [json.dumps(row) for row in rows[:samples]]

    def events(self, **_: Any) -> list[str]:
        return self.record.lines(records.EVENTS)

    def sampledHistory(self, specs: list[str]) -> list[list[dict[str, Any]]]:
        def rows(keys: list[str]) -> list[dict[str, Any]]:
            full = [r for r in self.record.history if all(key in r for key in keys)]
            return [{key: row[key] for key in keys} for row in full]

        return [rows(json.loads(spec).get("keys", [])) for spec in specs]

    def parquetHistory(self, liveKeys: list[str]) -> dict[str, Any]:
        return {"parquetUrls": [], "liveData": self.record.history}

    def files(self, names: list[str] | None = None, **_: Any) -> dict:
        return connection([self._file(n) for n in self.record.files if not names or n in names])

    def _file(self, name: str) -> dict[str, Any]:
        size = len(self.record.files[name])
        url = f"{self.project.url}/storage/runs/{self.name}/{name}"
        facts = {"id": encoded(name), "name": name, "url": url, "directUrl": url}
        return {**facts, "sizeBytes": size, "updatedAt": self.createdAt, "mimetype": "", "md5": ""}

    def outputArtifacts(self, **_: Any) -> dict:
        made = [a for a in self.project.held.artifacts if a.made_by == self.name and a.committed]
        return connection([Artifact(self.project, artifact) for artifact in made])

    def inputArtifacts(self, **_: Any) -> dict:
        used = [name for run, name in self.project.held.uses if run == self.name]
        return connection([self.project.artifact(name) for name in used])


class Sweep:
    method, bestLoss, description, displayName, scheduler = "grid", None, None, None, None
    controller, earlyStopJobRunning = None, False
    createdAt = updatedAt = heartbeatAt = "2026-01-01T00:00:00Z"

    def __init__(self, project: Project, sweep: records.Sweep) -> None:
        self.project, self.id, self.name = project, encoded(f"Sweep:{sweep.id}"), sweep.id
        self.config, self.state = sweep.config, sweep.state
        self.runCount, self.runCountExpected = len(sweep.runs), len(sweep.points())

    def runs(self, **_: Any) -> dict:
        return connection([r for r in self.project._runs() if r.sweepName == self.name])
