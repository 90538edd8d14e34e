"""Opens the folder of an export or of a run as a module that predicts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from transformers.utils import logging

from datamodules.argument_names import in_arguments
from datamodules.spelling import names_file
from modules import backbone_reference, plain_folders
from modules.backbones import UnknownFamily
from modules.exported import ADAPTER, MODULE_FILE, OWN_WEIGHTS, Exported, Refused
from modules.finetuning.base import FineTuningModule
from modules.registry import find
from modules.tasks import from_dict

_BASE = "base"  # a folder of an export with the backbone's weights
_CHECKPOINTS = ("best.ckpt", "last.ckpt")


@in_arguments
def load(
    path: Path | str, device: str | torch.device = "cpu", backbone: str | None = None
) -> FineTuningModule:
    """Open an export, or a run: its export, or its best checkpoint where it has none.

    A plain folder of transformers with a head for texts, or with a chat template, opens as well.

    Args:
        path: The folder.
        device: The device that the module is on.
        backbone: The folder or name of the backbone that the export was trained on, where it lies
            neither in the export nor where a package or the hub would have it.

    Returns:
        The module in eval mode: ``predict(texts)``, ``predict_proba(texts)``, ``label_names``, and
        all that a module of its class has.

    Raises:
        ValueError: If there is no such folder, it is incomplete, what it holds gives no answers, or
            the backbone is another one.
    """
    folder = Path(path).expanduser().absolute()
    if not folder.is_dir():
        raise ValueError(f"{path}: there is no such folder")
    folder = folder / "export" if (folder / "export").is_dir() else folder
    checkpoints = (folder / "checkpoints" / name for name in _CHECKPOINTS)
    if (folder / MODULE_FILE).is_file():
        module = _read(folder, lambda: _of_export(folder, backbone))
    elif backbone is not None:
        raise ValueError(f"{path}: --backbone {backbone}: only an export has another place for it")
    elif checkpoint := next((file for file in checkpoints if file.is_file()), None):
        module = _read(checkpoint, lambda: _of_checkpoint(checkpoint))
    elif (folder / ADAPTER).is_file():
        raise ValueError(f"{path}: an adapter without {MODULE_FILE}, which tells its task")
    elif (folder / "config.json").is_file():
        module = _read(folder, lambda: plain_folders.read(folder))
    else:
        raise ValueError(_unknown(path, folder))
    return module.to(device).eval()


def _unknown(path: Path | str, folder: Path) -> str:
    if not (folder / "run.json").is_file():
        return f"{path}: holds no export ({MODULE_FILE} or config.json), no run and no checkpoint"
    if list(folder.glob("checkpoints")):
        return f"{path}: a run without a checkpoint; resume it, or give another"
    return f"{path}: a run that trained nothing; `pretune predict` asks its model"


def _read(place: Path, make: Callable[[], FineTuningModule]) -> FineTuningModule:
    """Make a module of a folder or file; whatever is wrong with it is one line that names it."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        return make()
    except (Refused, UnknownFamily):
        raise
    except Exception as error:  # the libraries have many types for a broken file
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = (lines or [type(error).__name__])[0]
        raise ValueError(
            f"{place}: cannot be read ({reason}): it may be half written; export or copy it again"
        ) from error
    finally:
        logging.set_verbosity(verbosity)


def _of_export(folder: Path, given: str | None) -> FineTuningModule:
    made = json.loads((folder / MODULE_FILE).read_text(encoding="utf-8"))
    arguments = {**made["arguments"], "backbone": _backbone(folder, made, given)}
    if not (folder / OWN_WEIGHTS).is_file():
        if made["backbone"]["folder"] == _BASE and not (folder / ADAPTER).is_file():
            raise ValueError(f"it lacks {ADAPTER} or {OWN_WEIGHTS}")
        kept = {name: arguments.get(name) for name in ("backbone", "quantize")}
        kept["task"] = _task(folder, arguments["task"])
        module: FineTuningModule = Exported(str(folder), made["module"], **kept)
    else:
        module = _of_class(folder, made["module"], arguments)
    module.read_backbone = made["backbone"]
    return module


def _of_class(folder: Path, name: str, arguments: dict[str, Any]) -> FineTuningModule:
    """Build a strategy's class, and load the weights that it trained."""
    strategy = _strategy(folder, name)
    module = strategy(**{**arguments, "task": _task(folder, arguments["task"])})
    keys = module.load_state_dict(safetensors.torch.load_file(folder / OWN_WEIGHTS), strict=False)
    if keys.missing_keys or keys.unexpected_keys:
        key = (keys.missing_keys + keys.unexpected_keys)[0]
        raise Refused(f"{folder} does not fit this version of {name}: {key}")
    return module


def _backbone(folder: Path, made: dict[str, Any], given: str | None) -> str:
    """Return the folder or the name of an export's backbone."""
    known = made["backbone"]
    if given is not None and known["folder"] not in (_BASE, None):
        raise Refused(f"{folder}: --backbone {given}: the export holds all of its weights itself")
    if given is None and known["folder"] is not None:
        return str(folder / known["folder"])
    try:
        return backbone_reference.locate(known, str(folder), given)
    except ValueError as error:
        raise Refused(str(error)) from error


def _task(folder: Path, stored: dict[str, Any]) -> Any:
    _check_outside(folder, stored["name"])
    try:
        return from_dict(stored)
    except ValueError as error:
        raise Refused(f"{folder}: {error}") from error


def _strategy(folder: Path, text: str) -> type[FineTuningModule]:
    _check_outside(folder, text)
    try:
        return find(FineTuningModule, text)
    except ValueError as error:
        raise Refused(f"{folder}: {error}") from error


def _check_outside(folder: Path, text: str) -> None:
    """Refuse a class in the folder that names it: what is opened may not bring code of its own."""
    file = Path(text.rpartition(":")[0])
    if names_file(text) and file.resolve().is_relative_to(folder.resolve()):
        raise Refused(f"{folder}: {text} lies in that folder itself; read it, and import it first")


def _of_checkpoint(file: Path) -> FineTuningModule:
    held = torch.load(file, map_location="cpu", weights_only=True)
    if (name := held.get("module")) is None:
        raise Refused(f"{file}: a checkpoint of a pre-trained network: it has no head for a task")
    strategy, task = _strategy(file, name), held["hyper_parameters"]["task"]
    _task(file, task)  # an error of its class in one line
    return strategy.load_from_checkpoint(file, map_location="cpu", weights_only=True)
