"""Artifacts as the client can ask about them: GraphQL's types, by their names there."""

import json
from typing import Any

from tests.wandb_server import records
from tests.wandb_server.connections import blob, connection, encoded


class ArtifactSequence:
    interfaces = ("ArtifactCollection",)

    def __init__(self, project: Any, name: str) -> None:
        self.project, self.name, self.id = project, name, encoded(f"Sequence:{name}")

    @property
    def latestArtifact(self) -> "Artifact | None":
        found = self.project.held.collection(self.project.name, self.name)
        done = [artifact for artifact in found if artifact.committed]
        return Artifact(self.project, done[-1]) if done else None

    def artifacts(self, **_: Any) -> dict:
        """Those that are committed: the client asks for no others."""
        held = self.project.held.collection(self.project.name, self.name)
        found = [artifact for artifact in held if artifact.committed]
        page = connection([Artifact(self.project, artifact) for artifact in reversed(found)])
        for edge in page["edges"]:
            edge["version"] = f"v{edge['node'].versionIndex}"
        return page

    def artifactMembership(self, aliasName: str) -> dict | None:
        found = self.project.artifact(f"{self.name}:{aliasName}")
        return found and {"files": found.files, "artifact": found}


class Artifact:
    digestAlgorithm, commitHash, historyStep = "MANIFEST_MD5", None, None
    ttlDurationSeconds, ttlIsInherited, tags, updatedAt = -2, True, [], None
    createdAt = "2026-01-01T00:00:00Z"

    def __init__(self, project: Any, artifact: records.Artifact) -> None:
        self.project, self.record = project, artifact
        self.id, self.digest, self.versionIndex = artifact.id, artifact.digest, artifact.version
        self.state = "COMMITTED" if artifact.committed else "PENDING"
        self.metadata, self.description = json.dumps(artifact.metadata), artifact.description
        self.artifactType = {"__typename": "ArtifactType", "name": artifact.type}
        self.artifactSequence = ArtifactSequence(project, artifact.collection)
        self.fileCount = len(artifact.contents)
        self.size = sum(entry.get("size", 0) for entry in artifact.contents.values())
        self.aliases = [
            {
                "__typename": "ArtifactAlias",
                "id": encoded(f"Alias:{self.id}:{alias}"),
                "alias": alias,
                "artifactCollection": self.artifactSequence,
            }
            for alias in (*artifact.aliases, f"v{artifact.version}")
        ]

    @property
    def currentManifest(self) -> dict[str, Any]:
        url = f"{self.project.url}/storage/manifests/{self.id}/wandb_manifest.json"
        return {"id": encoded(f"Manifest:{self.id}"), "file": {"directUrl": url}}

    def _file(self, name: str, digest: str) -> dict[str, Any]:
        url = f"{self.project.url}/storage/{blob(digest)}"
        return {"__typename": "File", "name": name, "displayName": name, "directUrl": url}

    def files(self, **_: Any) -> dict:
        own = {n: e for n, e in self.record.contents.items() if "ref" not in e}
        return connection([self._file(name, entry["digest"]) for name, entry in own.items()])

    def filesByManifestEntries(self, entries: list[dict[str, str]], **_: Any) -> dict:
        return connection([self._file(entry["name"], entry["digest"]) for entry in entries])

    def usedBy(self, **_: Any) -> dict:
        used = [run for run, name in self.project.held.uses if name == self.record.name]
        return connection([self.project.run(run) for run in used])

    @property
    def createdBy(self) -> Any:
        return self.project.run(self.record.made_by) if self.record.made_by else None
