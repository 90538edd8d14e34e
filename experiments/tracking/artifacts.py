"""Inputs and outputs of a run as W&B artifacts, offline as well.

The functions import `wandb` when they run: the import takes half a second, which `--help` does
without.
"""

import json
import re
from pathlib import Path
from typing import Any

from experiments.common.files import finite
from experiments.common.redaction import redact
from experiments.tracking.provenance import Node, files_of, is_folder


def declare(logger: Any, inputs: dict[str, Node], outputs: dict[str, Node]) -> None:
    """Puts inputs and outputs into the record of a run, as artifacts."""
    run = logger._experiment
    if run is None or run.disabled:
        return
    for nodes, used in ((inputs, True), (outputs, False)):
        for node in nodes.values():
            publish(run, artifact(node), used)


def publish(run: Any, made: Any, used: bool = False) -> Any:
    """Puts a `wandb.Artifact` into the record of a run, as one that it made or used.

    It calls a private method, so wandb is pinned. `use_artifact` does not work offline; online it
    and `log_artifact` ask the server, which may not answer, and leave nothing on disk for a later
    upload. This writes an ordinary record into the log instead.
    """
    made.finalize()
    run._interface.publish_artifact(run, made, ["latest"], use_after_commit=used)
    return made


def artifact(node: Node) -> Any:
    """Makes the artifact of a node: references to a folder's files, else a small file of facts.

    The run that makes it and the runs that use it give the same name and the same digests, so the
    server sees one version.
    """
    import wandb
    from wandb.sdk.artifacts.artifact_manifest_entry import ArtifactManifestEntry

    said = redact({key: node[key] for key in ("name", "type", "digest")})
    name = re.sub(r"[^\w.-]+", "-", said["name"], flags=re.ASCII)[-128:]
    made = wandb.Artifact(name, node["type"], metadata=said)
    place = Path(node.get("path") or "/")
    if is_folder(node) and place.is_dir() and redact(str(place)) == str(place):
        for file, digest in files_of(place, node["type"]).items():
            # As add_reference(checksum=True) does it, with digests that need not be computed again.
            entry = ArtifactManifestEntry(
                path=file, ref=(place / file).as_uri(), size=digest.size, digest=digest.md5
            )
            made.manifest.add_entry(entry)
    else:
        with made.new_file(f"{node['type']}.json") as file:
            json.dump(finite(redact(node.get("about", said))), file, indent=2)
    return made
