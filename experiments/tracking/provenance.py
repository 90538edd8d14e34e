"""What a run used and what it made, each with a digest of its content, and where that came from.

An export and a corpus say themselves where they came from (``lineage.json``, ``manifest.json``), so
the chain can be followed with no server, and after a folder was moved.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, TypedDict

from datamodules import digests, packaged, shards
from experiments.common import files
from experiments.common.redaction import redact

LINEAGE_FILE = "lineage.json"  # in an export; of its folder's digest it is no part
_KEPT = ("name", "type", "digest", "path")
_FOLDERS = ("corpus", "tokenizer", "model")


class Node(TypedDict, total=False):
    """Something that runs use or make.

    name, type, digest and path are in every run's config. run and commit made it of its inputs;
    declared is its maker's digest, where that is another one; about is what a record holds.
    """

    name: str
    type: str  # text | corpus | tokenizer | model | dataset | evaluation | package
    digest: str
    path: str | None
    run: str | None
    commit: str | None
    inputs: dict[str, "Node"]
    declared: str
    about: dict[str, Any]


def for_config(nodes: dict[str, Node]) -> dict[str, dict[str, Any]]:
    """What a run's config says of its inputs, by role."""
    return {role: {key: node.get(key) for key in _KEPT} for role, node in nodes.items()}


def inputs_of(data: dict[str, Any], datamodule: Any, backbone: str | None) -> dict[str, Node]:
    """What a run begins with, by role: ``data`` is what the data module says of itself."""
    if data["source"] == "corpus":
        place = datamodule.folder
        found = {"corpus": of_corpus(place), "tokenizer": of_tokenizer(place / "tokenizer")}
    else:
        found = {"dataset": of_dataset(data)}
    return found | ({"backbone": of_backbone(backbone)} if backbone else {})


def changed_inputs(nodes: dict[str, Node]) -> list[str]:
    """A line for each input that is no longer what its maker declared."""
    return [
        f"{role} {node['name']} has changed since {node.get('run') or 'its run'} made it: "
        f"digest {node['digest'][:12]}, not {node['declared'][:12]}"
        for role, node in nodes.items()
        if "declared" in node
    ]


def of_package(package: packaged.Package, kind: str = "package") -> Node:
    """Where a chain ends: what the package index carries, by the SHA-256 of its archive."""
    name = f"{package.name}=={package.version}"
    return {"name": name, "type": kind, "digest": package.sha256, "path": None}


def _package_of(origin: str) -> dict[str, Node]:
    package = packaged.find_package(origin)
    return {"package": of_package(package)} if package else {}


def of_dataset(data: dict[str, Any]) -> Node:
    """Of labelled texts or of conversations: the fingerprint is that of all of them."""
    origin, files = data["origin"], data["source"] == "files"
    node: Node = {
        "name": Path(origin).name if files else origin,
        "type": "dataset",
        "digest": data["fingerprint"],
        "path": str(Path(origin).resolve()) if files else None,
    }
    return node | {"inputs": made} if (made := _package_of(origin)) else node


def of_corpus(folder: Path) -> Node:
    """Of a folder of ``prepare_corpus.py``; its digest is its fingerprint, computed anew."""
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
    """Of a tokenizer's folder; a corpus's comes from the same texts."""
    node = of_folder(folder, "tokenizer")
    manifest = folder.parent / "manifest.json"
    return node | made_from(json.loads(manifest.read_text())) if manifest.is_file() else node


def made_from(manifest: dict[str, Any]) -> dict[str, Any]:
    """Run, commit and inputs of a corpus and of its tokenizer."""
    made = {"run": manifest.get("run"), "commit": manifest.get("git_commit")}
    if "inputs" not in manifest:
        return made
    settings, origin = manifest["settings"], manifest["origin"]
    source = Path(settings["source"]).expanduser()
    text: Node = {
        "name": origin if packaged.find_package(origin) else f"{source.name} ({origin})",
        "type": "text",
        "digest": manifest["inputs"],
        "path": str(source.resolve()) if source.exists() else None,
    }
    text |= {"inputs": found} if (found := _package_of(origin)) else {}
    inputs = {"text": text}
    if settings["tokenizer"] in packaged.BACKBONES:  # it was there before the corpus
        package = packaged.PACKAGES[settings["tokenizer"]]
        inputs["tokenizer"] = of_package(package, "tokenizer")
    return made | {"inputs": inputs}


def of_backbone(name: str) -> Node:
    """Of pretrained weights: a bundled name, a folder, or a hub id."""
    if name in packaged.BACKBONES:
        return of_package(packaged.PACKAGES[name], "model")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return of_export(folder)
    from modules.backbones import weight_files

    snapshot = weight_files(name)[0].parent  # the hub's cache names it by the commit
    return {"name": f"hub:{name}", "type": "model", "digest": snapshot.name, "path": str(snapshot)}


def of_export(folder: Path) -> Node:
    """Of a folder with weights, or of the export that it is a part of."""
    home = next((f for f in (folder, folder.parent) if (f / LINEAGE_FILE).is_file()), folder)
    node = of_folder(home, "model")
    if (home / LINEAGE_FILE).is_file():
        passport = json.loads((home / LINEAGE_FILE).read_text())
        node |= {k: passport[k] for k in ("name", "run", "commit", "inputs")}
        node |= {"declared": d} if (d := passport["digest"]) != node["digest"] else {}
    return node


def of_folder(folder: Path, kind: str) -> Node:
    """Of a folder that does not say where it came from."""
    if not (files := files_of(folder, kind)):
        raise FileNotFoundError(f"{folder}: holds no files")
    digest = digests.combined(files)
    name = f"{kind if kind == 'tokenizer' else folder.resolve().name}-{digest[:12]}"
    return {"name": name, "type": kind, "digest": digest, "path": str(folder.resolve())}


def write_lineage(folder: Path, name: str, made: dict[str, Any]) -> Node:
    """Write into an export where it came from; ``made`` is its run, commit and inputs."""
    node = of_folder(folder, "model") | {"name": name, **made}
    said = {key: value for key, value in node.items() if key != "path"}  # it may be moved
    files.write_json(folder / LINEAGE_FILE, redact(said))
    return node


def evaluation(
    name: str, metrics: dict[str, float], model: Node, data: dict[str, Any], file: Path
) -> Node:
    """The record of a test: which model, on which rows of which data, with what result."""
    about = {
        "metrics": metrics,
        "model": {key: model[key] for key in ("name", "digest")},
        "data": {key: data[key] for key in ("origin", "fingerprint", "test_split")},
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    path = str(file.resolve())
    return {"name": name, "type": "evaluation", "digest": digest, "path": path, "about": about}


def is_folder(node: Node) -> bool:
    """Whether it is of files whose digest can be computed again."""
    own = node.get("path") is not None and not node["name"].startswith("hub:")
    return own and node["type"] in _FOLDERS


def digest_of(folder: Path, kind: str) -> str | None:
    """Of what lies there, as a corpus, a tokenizer or a model; None if nothing does."""
    try:
        return (of_corpus(folder) if kind == "corpus" else of_folder(folder, kind))["digest"]
    except (OSError, ValueError):  # such as a corpus of which half was removed
        return None


def files_of(folder: Path, kind: str) -> dict[str, digests.Digest]:
    if kind == "corpus":
        parts = ("manifest.json", "tokenizer", "train", "validation")
        names = [n for n in digests.contents(folder) if n.partition("/")[0] in parts]
    else:
        names = digests.contents(folder, without=[LINEAGE_FILE])
    return digests.of_files(folder, names)
