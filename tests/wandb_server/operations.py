"""What the client can do: GraphQL's queries and mutations, by their names there."""

import base64
import json
import uuid
from typing import Any
from urllib.parse import quote

from tests.wandb_server import records
from tests.wandb_server.artifacts import Artifact
from tests.wandb_server.connections import blob, connection, encoded
from tests.wandb_server.schema import ENTITY, Entity, Project, Run, User


class Root:
    """The operations: each takes what the client's query passes, and says what it asks back."""

    viewer = User()
    serverInfo = {
        "features": [],
        "cliVersionInfo": {"max_cli_version": "9.0.0", "min_cli_version": "0.1.0"},
        "latestLocalVersionInfo": None,
    }

    def __init__(self, held: records.Records, url: str) -> None:
        self.held, self.url = held, url

    def project(self, name: str | None, entityName: str | None = None) -> Project:
        return Project(self.held, name or "uncategorized", entityName or ENTITY, self.url)

    model = project

    def models(self, entityName: str | None = None, **_: Any) -> dict:
        names = dict.fromkeys(run.project for run in self.held.runs.values())
        return connection([self.project(name, entityName) for name in names])

    def entity(self, name: str) -> Entity:
        return Entity(name)

    def artifact(self, id: str) -> Artifact | None:
        found = self.held.artifact(id)
        return found and Artifact(self.project(found.project, found.entity), found)

    def clientIDMapping(self, clientID: str) -> dict | None:
        found = self.held.clients.get(clientID)
        return found and {"serverID": found}

    def upsertBucket(self, input: dict[str, Any]) -> dict[str, Any]:
        by_id = {encoded(f"Run:{name}"): name for name in self.held.runs}
        name = input.get("name") or by_id[input["id"]]
        new = name not in self.held.runs
        project = self.project(input.get("modelName"), input.get("entityName"))
        if new:
            self.held.runs[name] = records.Run(name, project.entityName, project.name)
        run = self.held.runs[name]
        kept = ("displayName", "groupName", "jobType", "tags", "notes", "commit", "host", "sweep")
        given = {k: input[k] for k in (*kept, "jobProgram", "jobRepo") if input.get(k) is not None}
        run.facts.update(given)
        run.facts.setdefault("displayName", f"run-{len(self.held.runs)}")
        if input.get("config"):
            run.raw_config = json.loads(input["config"])
        if input.get("summaryMetrics"):
            run.summary = json.loads(input["summaryMetrics"])
        bucket = Run(self.project(run.project, run.entity), run)
        return {"bucket": bucket, "inserted": new}

    def createRunFiles(self, input: dict[str, Any]) -> dict[str, Any]:
        run = input["runName"]
        files = [{"name": n, "uploadUrl": self._put(f"runs/{run}/{n}")} for n in input["files"]]
        return {"runID": encoded(f"Run:{run}"), "uploadHeaders": [], "files": files}

    def markRunFilesUploaded(self, input: dict[str, Any]) -> dict[str, Any]:
        return {"success": True}

    def createArtifact(self, input: dict[str, Any]) -> dict[str, Any]:
        """A new version, unless the collection has one of this digest."""
        name = input.get("artifactCollectionName") or input["artifactCollectionNames"][0]
        project, digest = input["projectName"], input["digest"]
        versions = self.held.collection(project, name)
        artifact = next((a for a in versions if a.digest == digest), None)
        if artifact is None:
            number = len(self.held.artifacts) + 1
            artifact = records.Artifact(
                id=encoded(f"Artifact:{number}"),
                entity=input["entityName"],
                project=project,
                collection=name,
                type=input["artifactTypeName"],
                digest=digest,
                version=len(versions),
                made_by=input.get("runName"),
                metadata=json.loads(input.get("metadata") or "{}"),
                description=input.get("description"),
            )
            self.held.artifacts.append(artifact)
        for alias in [a["alias"] for a in input.get("aliases") or []]:
            for other in versions:
                other.aliases = [a for a in other.aliases if a != alias]
            artifact.aliases = list(dict.fromkeys([*artifact.aliases, alias]))
        for key in ("clientID", "sequenceClientID"):
            if input.get(key):
                self.held.clients[input[key]] = artifact.id
        return {"artifact": self.artifact(artifact.id)}

    def createArtifactManifest(self, input: dict[str, Any]) -> dict[str, Any]:
        return self._manifest(input["artifactID"])

    def updateArtifactManifest(self, input: dict[str, Any]) -> dict[str, Any]:
        return self._manifest(_decoded(input["artifactManifestID"]).partition(":")[2])

    def _manifest(self, artifact: str) -> dict[str, Any]:
        key = f"manifests/{artifact}/wandb_manifest.json"
        file = {"id": encoded(key), "uploadUrl": self._put(key), "uploadHeaders": []}
        return {"artifactManifest": {"id": encoded(f"Manifest:{artifact}"), "file": file}}

    def createArtifactFiles(self, input: dict[str, Any]) -> dict[str, Any]:
        return {"files": connection([self._upload(f) for f in input["artifactFiles"]])}

    def _upload(self, file: dict[str, Any]) -> dict[str, Any]:
        key = blob(file["md5"])
        where = {"storagePath": key, "uploadUrl": self._put(key), "uploadHeaders": []}
        return {**where, "uploadMultipartUrls": None, "artifact": {"id": file["artifactID"]}}

    def commitArtifact(self, input: dict[str, Any]) -> dict[str, Any]:
        self.held.artifact(input["artifactID"]).committed = True
        return {"artifact": self.artifact(input["artifactID"])}

    def updateArtifact(self, input: dict[str, Any]) -> dict[str, Any]:
        if input.get("metadata"):
            self.held.artifact(input["artifactID"]).metadata = json.loads(input["metadata"])
        return {"artifact": self.artifact(input["artifactID"])}

    def useArtifact(self, input: dict[str, Any]) -> dict[str, Any]:
        use = input["runName"], self.held.artifact(input["artifactID"]).name
        if use not in self.held.uses:
            self.held.uses.append(use)
        return {"artifact": self.artifact(input["artifactID"])}

    def upsertSweep(self, input: dict[str, Any]) -> dict[str, Any]:
        known = {encoded(f"Sweep:{name}"): sweep for name, sweep in self.held.sweeps.items()}
        project = self.project(input.get("projectName"), input.get("entityName"))
        sweep = known.get(input.get("id"))
        if sweep is None:
            name = f"sweep{len(self.held.sweeps)}"
            sweep = records.Sweep(name, project.entityName, project.name, input["config"])
            self.held.sweeps[name] = sweep
        sweep.state = input.get("state") or sweep.state
        told = {"id": encoded(f"Sweep:{sweep.id}"), "name": sweep.id, "project": project}
        return {"sweep": {**told, "state": sweep.state}, "configValidationWarnings": []}

    def upsertView(self, input: dict[str, Any]) -> dict[str, Any]:
        self.held.views.append(input)
        project = self.project(input["projectName"], input["entityName"])
        made = {**input, "id": encoded(f"View:{len(self.held.views)}"), "updatedAt": None}
        return {"view": {**made, "project": project}, "inserted": True}

    def createAgent(self, input: dict[str, Any]) -> dict[str, Any]:
        agent = uuid.uuid4().hex[:8]
        self.held.agents[agent] = input["sweep"]
        return {"agent": {"id": agent}}

    def agentHeartbeat(self, input: dict[str, Any]) -> dict[str, Any]:
        """One run at a time; the run is there, pending, before the agent starts it."""
        sweep, commands = self.held.sweeps[self.held.agents[input["id"]]], []
        if not json.loads(input.get("runState") or "{}"):
            command = sweep.next() if sweep.state == "RUNNING" else None
            commands = [command or {"type": "exit"}]
            if command:
                name = command["run_id"]
                run = records.Run(name, sweep.entity, sweep.project, {"sweep": sweep.id})
                self.held.runs[name] = run
        return {"agent": {"id": input["id"]}, "commands": json.dumps(commands)}

    def _put(self, key: str) -> str:
        return f"{self.url}/storage/{quote(key)}"


def _decoded(words: str) -> str:
    return base64.b64decode(words).decode()
