"""Inputs and outputs of runs, each with a digest of its content and with its own inputs.

An export and a corpus hold their own origin (``lineage.json``, ``manifest.json``). The chain can so
be followed without a server, and after a folder was moved.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

from datamodules import digests, packaged, shards
from experiments.common import files
from experiments.common.redaction import redact

LINEAGE_FILE = "lineage.json"  # in an export; the digest of the folder leaves it out
_KEPT = ("name", "type", "digest", "path")
_FOLDERS = ("corpus", "tokenizer", "model")


class Node(TypedDict, total=False):
    """Something that runs use or make.

    Attributes:
        name: A name that a reader recognises.
        type: One of text, corpus, tokenizer, model, dataset, evaluation and package.
        digest: The digest of its content.
        path: Its file or folder; None if it is in none.
        run: The run that made it.
        commit: The commit of this repository that made it.
        inputs: The nodes that it was made from, by role.
        declared: The digest when it was made, if its content has changed since.
        about: The facts that its record in W&B holds.
    """

    name: str
    type: str
    digest: str
    path: str | None
    run: str | None
    commit: str | None
    inputs: dict[str, "Node"]
    declared: str
    about: dict[str, Any]


def for_config(nodes: dict[str, Node]) -> dict[str, dict[str, Any]]:
    """The entries of a run's config for some nodes, by role."""
    return {role: {key: node.get(key) for key in _KEPT} for role, node in nodes.items()}


def inputs_of(data: dict[str, Any], datamodule: Any, backbone: str | None) -> dict[str, Node]:
    """The inputs of a run, by role.

    Args:
        data: The facts of the data module about itself.
        datamodule: The data module.
        backbone: A bundled name, a folder or a hub id; None for a new network.
    """
    if data["source"] == "corpus":
        place = datamodule.folder
        found = {"corpus": of_corpus(place), "tokenizer": of_tokenizer(place / "tokenizer")}
    else:
        found = {"dataset": of_dataset(data)}
    return found | ({"backbone": of_backbone(backbone)} if backbone else {})


def changed_inputs(nodes: dict[str, Node]) -> list[str]:
    """A line for each input whose content has changed since it was made."""
    return [
        f"{role} {node['name']} has changed since {node.get('run') or 'its run'} made it: "
        f"digest {node['digest'][:12]}, not {node['declared'][:12]}"
        for role, node in nodes.items()
        if "declared" in node
    ]


def of_package(package: packaged.Package, kind: str = "package") -> Node:
    """The node of a package, with the SHA-256 of its archive: the end of a chain."""
    name = f"{package.name}=={package.version}"
    return {"name": name, "type": kind, "digest": package.sha256, "path": None}


def _package_of(origin: str) -> dict[str, Node]:
    """The package behind bundled data, under its role; empty for other data."""
    package = packaged.find_package(origin)
    return {"package": of_package(package)} if package else {}


def of_dataset(data: dict[str, Any]) -> Node:
    """The node of labelled texts or conversations, with the fingerprint of all of them."""
    origin, files = data["origin"], data["source"] == "files"
    node: Node = {
        "name": Path(origin).name if files else origin,
        "type": "dataset",
        "digest": data["fingerprint"],
        "path": str(Path(origin).resolve()) if files else None,
    }
    return node | {"inputs": made} if (made := _package_of(origin)) else node


def of_corpus(folder: Path) -> Node:
    """The node of a corpus of ``prepare_corpus.py``, with its fingerprint computed anew."""
    manifest, digest = shards.read_manifest(folder), shards.fingerprint(folder)
    node: Node = {
        "name": f"corpus-{manifest['fingerprint'][:12]}",
        "type": "corpus",
        "digest": digest,
        "path": str(folder.resolve()),
        **made_from(manifest),
    }
    return node | ({"declared": d} if (d := manifest["fingerprint"]) != digest else {})


def of_tokenizer(folder: Path) -> Node:
    """The node of a tokenizer's folder; one in a corpus has the corpus's inputs."""
    node = of_folder(folder, "tokenizer")
    manifest = folder.parent / "manifest.json"
    return (
        node | made_from(json.loads(manifest.read_text(encoding="utf-8")))
        if manifest.is_file()
        else node
    )


def made_from(manifest: dict[str, Any]) -> dict[str, Any]:
    """The run, commit and inputs that a corpus's manifest holds."""
    made = {"run": manifest.get("run"), "commit": manifest.get("git_commit")}
    if "inputs" not in manifest:
        return made
    settings, origin = manifest["settings"], manifest["origin"]
    given = settings["source"]
    paths = [Path(one).expanduser() for one in (given if isinstance(given, list) else [given])]
    name = f"{' + '.join(path.name for path in paths)} ({origin})"
    text: Node = {
        "name": origin if packaged.find_package(origin) else name,
        "type": "text",
        "digest": manifest["inputs"],
        "path": str(paths[0].resolve()) if len(paths) == 1 and paths[0].exists() else None,
    }
    inputs = {"text": text | ({"inputs": found} if (found := _package_of(origin)) else {})}
    if settings["tokenizer"] in packaged.BACKBONES:  # it was there before the corpus
        package = packaged.PACKAGES[settings["tokenizer"]]
        inputs["tokenizer"] = of_package(package, "tokenizer")
    return made | {"inputs": inputs}


def of_backbone(name: str) -> Node:
    """The node of pretrained weights: a bundled name, a folder, or a hub id."""
    if name in packaged.BACKBONES:
        return of_package(packaged.PACKAGES[name], "model")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return of_export(folder)
    from modules.backbone_files import weight_files

    snapshot = weight_files(name)[0].parent  # the hub's cache names it by the commit
    return {"name": f"hub:{name}", "type": "model", "digest": snapshot.name, "path": str(snapshot)}


def of_export(folder: Path) -> Node:
    """The node of a folder with weights, or of the export that holds the folder."""
    home = next((f for f in (folder, folder.parent) if (f / LINEAGE_FILE).is_file()), folder)
    node = of_folder(home, "model")
    if (home / LINEAGE_FILE).is_file():
        passport = read_lineage(home)
        node |= {k: passport[k] for k in ("name", "run", "commit", "inputs")}
        node |= {"declared": d} if (d := passport["digest"]) != node["digest"] else {}
    return node


def of_folder(folder: Path, kind: str) -> Node:
    """The node of a folder that does not hold its own origin.

    Raises:
        FileNotFoundError: If the folder holds no files.
    """
    if not (files := files_of(folder, kind)):
        raise FileNotFoundError(f"{folder}: holds no files")
    digest = digests.combined(files)
    name = f"{kind if kind == 'tokenizer' else folder.resolve().name}-{digest[:12]}"
    return {"name": name, "type": kind, "digest": digest, "path": str(folder.resolve())}


def write_lineage(folder: Path, name: str, made: dict[str, Any]) -> Node:
    """Writes the origin of an export into its folder; ``made`` holds run, commit and inputs."""
    node = of_folder(folder, "model") | {"name": name, **made}
    said = {key: value for key, value in node.items() if key != "path"}
    here = folder.resolve()  # where paths start, as the folder may be moved
    said["inputs"] = _with_paths(made["inputs"], lambda path: os.path.relpath(path, here))
    files.write_json(folder / LINEAGE_FILE, redact(said))
    return node


def read_lineage(folder: Path) -> dict[str, Any]:
    """The origin that an export holds, with the places where its inputs would be now."""
    said = json.loads((folder / LINEAGE_FILE).read_text(encoding="utf-8"))
    here = folder.resolve()
    return said | {"inputs": _with_paths(said["inputs"], lambda path: str((here / path).resolve()))}


def _with_paths(nodes: dict[str, Node], change: Callable[[str], str]) -> dict[str, Node]:
    """The nodes, and all before them, with their paths changed."""
    found: dict[str, Node] = {role: {**node} for role, node in nodes.items()}
    for node in found.values():
        if path := node.get("path"):
            node["path"] = change(path)
        if "inputs" in node:
            node["inputs"] = _with_paths(node["inputs"], change)
    return found


def evaluation(
    name: str, metrics: dict[str, float], model: Node, data: dict[str, Any], file: Path
) -> Node:
    """The node of an evaluation: the model, the data with its rows, and the metrics."""
    about = {
        "metrics": metrics,
        "model": {key: model[key] for key in ("name", "digest")},
        "data": {key: data[key] for key in ("origin", "fingerprint", "test_split")},
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    path = str(file.resolve())
    return {"name": name, "type": "evaluation", "digest": digest, "path": path, "about": about}


def is_folder(node: Node) -> bool:
    """Tells whether the node is a folder of files, whose digest can be computed again."""
    own = node.get("path") is not None and not node["name"].startswith("hub:")
    return own and node["type"] in _FOLDERS


def digest_of(folder: Path, kind: str) -> str | None:
    """The digest of a folder as a corpus, a tokenizer or a model; None if it cannot be read."""
    try:
        return (of_corpus(folder) if kind == "corpus" else of_folder(folder, kind))["digest"]
    except (OSError, ValueError):  # such as a corpus without some of its shards
        return None


def files_of(folder: Path, kind: str) -> dict[str, digests.Digest]:
    """The digests of the files that make up a corpus, a tokenizer or a model."""
    if kind == "corpus":
        parts = ("manifest.json", "tokenizer", "train", "validation")
        names = [n for n in digests.contents(folder) if n.partition("/")[0] in parts]
    else:
        names = digests.contents(folder, without=[LINEAGE_FILE])
    return digests.of_files(folder, names)
