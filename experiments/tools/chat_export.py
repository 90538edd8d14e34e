"""Finds the export of a run that can answer, and loads its decoder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from datamodules import packaged
from experiments.common.exits import one_line
from experiments.common.runs import RunFolder, choose_run
from modules import load
from modules.exported import MODULE_FILE, OWN_WEIGHTS

_ADAPTER = "adapter_config.json"
_WRITERS = ("InstructionFollowing", "LanguageModeling", "Preference")
# These write, too, behind the prompt of their own template.
_TEMPLATED = ("PromptedGeneration", "SequenceToSequence")


def find(wanted: str, output: str, needs_template: bool) -> Path:
    """The folder of a model: of a run (last, or its id), of an export, or of a bundled name.

    Args:
        wanted: The model.
        output: The folder in which all runs are kept.
        needs_template: Whether ``last`` passes over a run without a chat template.

    Raises:
        ValueError: If there is no such model.
    """
    if wanted in packaged.BACKBONES:
        return Path(packaged.locate(wanted))
    folder = Path(wanted).expanduser()
    if not folder.is_dir():

        def unfit(run: RunFolder) -> str:
            return unable(run.path / "export", needs_template)

        folder = choose_run(wanted, Path(output), unfit, "run that can answer").path
    return folder / "export" if (folder / "export").is_dir() else folder


def unable(export: Path, needs_template: bool) -> str:
    """The reason for which an export cannot answer, read from its small files; empty if it can."""
    if not export.is_dir():
        return "has no export"
    try:
        if (reason := _writes_nothing(export)) or has_own_template(export):
            return reason
        settings = json.loads((export / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return "has an export that is not whole"
    there = "chat_template" in settings or (export / "chat_template.jinja").is_file()
    return "" if there or not needs_template else "has no chat template (--raw needs none)"


def has_own_template(export: Path) -> bool:
    """Whether what an export holds answers by the template of its task, not by that of a chat.

    Raises:
        ValueError: If the file that tells its task cannot be read.
    """
    return _whole(export, _task, export).get("name") in _TEMPLATED


def _task(export: Path) -> dict[str, Any]:
    if not (export / MODULE_FILE).is_file():
        return {}
    held = json.loads((export / MODULE_FILE).read_text(encoding="utf-8"))
    return held["arguments"].get("task") or {}


def _writes_nothing(export: Path) -> str:
    """The reason for which what an export holds writes no text; empty if it does."""
    if task := _task(export):
        if task["name"] not in (*_WRITERS, *_TEMPLATED):
            return f"has a model for {task['name']}"
        if task["arguments"].get("answers") == "choices":
            return f"has a model that chooses, for {task['name']}"
    if (export / _ADAPTER).is_file():
        kind = json.loads((export / _ADAPTER).read_text(encoding="utf-8")).get("task_type")
        return "" if kind == "CAUSAL_LM" else f"has an adapter for {kind}"
    whole = (export / "config.json").is_file()
    config = (export if whole else export / "base") / "config.json"
    kind = (json.loads(config.read_text(encoding="utf-8")).get("architectures") or [""])[0]
    return "" if _is_decoder(kind) else f"has a {kind}"


def _is_decoder(architecture: str) -> bool:
    return not architecture or architecture in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()


def load_decoder(folder: Path, wanted: str) -> tuple[nn.Module, Any]:
    """Loads a complete model, a peft adapter on its base, or an export for ``modules.load``.

    Args:
        folder: The folder.
        wanted: The model as the command line names it, for errors.

    Returns:
        The decoder and its tokenizer.

    Raises:
        ValueError: If the folder holds no model that writes answers, or is not whole.
    """
    if (folder / OWN_WEIGHTS).is_file():
        module = load(folder)
        if module.task.peft_type != "CAUSAL_LM":
            raise ValueError(f"{wanted}: {type(module.task).__name__} does not write answers")
        return module.model, _whole(folder, AutoTokenizer.from_pretrained, folder)
    if (folder / _ADAPTER).is_file():
        held = _whole(folder, lambda: json.loads((folder / _ADAPTER).read_text(encoding="utf-8")))
        if held.get("task_type") != "CAUSAL_LM":
            raise ValueError(f"{wanted}: an adapter for {held.get('task_type')} writes no answers")
        # The folder may have been moved since its path was written down.
        beside = folder / "base"
        base = _load_weights(beside if beside.is_dir() else held["base_model_name_or_path"], wanted)
        model = _whole(folder, peft.PeftModel.from_pretrained, base, folder)
        model = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    elif not (folder / "config.json").is_file():
        raise ValueError(f"{wanted}: {folder} holds no model that was exported")
    else:
        model = _load_weights(folder, wanted)
    return model, _whole(folder, AutoTokenizer.from_pretrained, folder)


def _load_weights(place: Path | str, wanted: str) -> nn.Module:
    config = _whole(place, AutoConfig.from_pretrained, place)
    kind = (config.architectures or [""])[0]
    if not _is_decoder(kind):
        raise ValueError(f"{wanted}: a {kind} does not write answers")
    return _whole(place, AutoModelForCausalLM.from_pretrained, place, dtype=torch.float32)


def _whole(place: Path | str, read: Callable[..., Any], *given: Any, **settings: Any) -> Any:
    """Reads a part of an export; whatever is wrong with it is one line that names the folder."""
    try:
        return read(*given, **settings)
    except Exception as error:  # the libraries have many types for a broken file
        why = f"cannot be read ({one_line(error)})"
        raise ValueError(f"{place}: {why}: it may be half written; export it again") from error
