"""Where an export finds its backbone: in the folder, or by a name that other machines know too."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from datamodules import packaged
from modules import backbone_files

_CONFIGS = ("*.json", "*.txt", "*.model", "*.jinja")  # beside the weights in a repository


def is_published(backbone: str) -> bool:
    """Tell whether a package or the hub has the backbone, rather than a folder alone."""
    return backbone in packaged.BACKBONES or not Path(backbone).expanduser().is_dir()


def describe(backbone: str, with_fingerprint: bool) -> dict[str, str]:
    """Return what tells a backbone from others, as ``module.json`` holds it.

    Returns:
        ``name``; the ``package`` or the ``revision`` of the hub that it comes from, if one of them
        has it; and ``fingerprint``, if asked for.
    """
    known = {"name": backbone}
    if backbone in packaged.BACKBONES:
        package = packaged.PACKAGES[backbone]
        known["package"] = f"{package.name} {package.version}"
    elif not is_published(backbone):
        known["name"] = Path(backbone).expanduser().resolve().name  # no path of this machine
    elif (folder := backbone_files.weight_files(backbone)[0].parent).parent.name == "snapshots":
        known["revision"] = folder.name  # the hub's cache names it by the commit
    return known | ({"fingerprint": fingerprint(backbone)} if with_fingerprint else {})


def fingerprint(backbone: str) -> str:
    """Return the SHA-256 of a backbone's weights: their names, types, shapes and values.

    It is the same for one file and for several, and for safetensors and torch's own format.
    """
    found = {}
    for file in backbone_files.weight_files(backbone):
        for name, tensor in _tensors(file):
            held = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
            digest = hashlib.sha256(memoryview(held)).hexdigest()  # type: ignore[arg-type]
            found[name] = f"{tensor.dtype} {tuple(tensor.shape)} {digest}"
    whole = "".join(f"{name} {value}\n" for name, value in sorted(found.items()))
    return hashlib.sha256(whole.encode()).hexdigest()


def locate(known: dict[str, str], place: str, given: str | None) -> str:
    """Return the backbone of an export.

    Args:
        known: What :func:`describe` gave.
        place: The path of the export, for errors.
        given: The name or folder to use in place of the one that is known.

    Raises:
        ValueError: If it cannot be had here, or has other weights.
    """
    name, where = known["name"], known.get("package") or f"revision {known.get('revision')}"
    found = given or name
    cure = "give a folder with its weights: load(path, backbone=FOLDER), or --backbone FOLDER"
    try:
        if given is None and "revision" in known:
            found = _snapshot(name, known["revision"])
        same = fingerprint(backbone_files.resolve(found)) == known["fingerprint"]
    except Exception as error:  # of many types, from pip to the hub
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        if given is not None:
            raise ValueError(f"{place}: --backbone {given}: cannot be read ({reason})") from error
        raise ValueError(
            f"{place}: its backbone {name} ({where}) is not here, and cannot be fetched "
            f"({reason}); {cure}"
        ) from error
    if not same:
        lead = f"--backbone {given}" if given is not None else f"{name} ({where}) as found here"
        more = "" if given is not None else f"; {cure}"
        raise ValueError(
            f"{place}: {lead} has other weights than the {name} it was trained on{more}"
        )
    return found


def _snapshot(name: str, revision: str) -> str:
    """Return the folder of a commit of the hub, or the name where that is its newest one."""
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    newest = try_to_load_from_cache(name, "config.json")
    if isinstance(newest, str) and Path(newest).parent.name == revision:
        return name
    for pattern in backbone_files.WEIGHTS:
        kept = [*_CONFIGS, pattern]
        folder = snapshot_download(name, revision=revision, allow_patterns=kept)
        if list(Path(folder).glob(pattern)):
            break
    return folder


def _tensors(file: Path) -> Iterator[tuple[str, Tensor]]:
    if file.suffix == ".safetensors":
        with safe_open(file, "pt") as held:
            for name in held.keys():  # noqa: SIM118 (it is no dict)
                yield name, held.get_tensor(name)
    elif file.suffix == ".bin":
        yield from torch.load(file, map_location="cpu", weights_only=True).items()
