"""Folders and files that people give for a backbone and that hold none."""

import json
from pathlib import Path

# Kinds of peft and of ours that ``merging.obstacle`` refuses.
_UNMERGED = {"PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "Adapter"}


def no_backbone(place: Path) -> str:
    """Return the reason for which a folder or file holds no whole network; empty if it does.

    It ends with what to give instead.
    """
    if place.is_file():
        return _of_file(place)
    if (place / "adapter_config.json").is_file():
        return _of_adapter(place, place / "adapter_config.json")
    if (place / "config.json").is_file():
        return ""
    if (place / "module.json").is_file():
        return _of_adapter(place, place / "module.json")
    if (place / "run.json").is_file() or (place / "export").is_dir():
        return _of_run(place)
    if (place / "best.ckpt").is_file() or (place / "last.ckpt").is_file():
        return f"checkpoints of a run: {_of_run(place.parent)}"
    return "that folder holds no config.json"


def _of_adapter(folder: Path, settings: Path) -> str:
    """The reason of a folder with an adapter of peft, or with an export of ours that has one."""
    base, kinds = "a network", set()
    for file in (folder / "module.json", settings):  # the first names it as the user did
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
            kinds |= {str(known.get("peft_type")), str(known.get("module"))}
            found = known.get("base_model_name_or_path") or known["backbone"]["name"]
            base = found if base == "a network" else base
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # a broken file
            continue
    if kinds & _UNMERGED:
        return (
            f"an adapter of {base}, and no whole network; it cannot be merged (it is no change of "
            f"weights): give {base} itself"
        )
    return f"an adapter of {base}, and no whole network; merge them: `pretune merge {folder}`"


def _of_run(folder: Path) -> str:
    """The reason of a run's folder, with the part of it that holds a network."""
    if (folder / "merged" / "config.json").is_file():
        return f"a run; give its merged network, {folder / 'merged'}"
    if not (folder / "export").is_dir():
        return "a run without an export: it has not finished, or trains nothing"
    if reason := no_backbone(folder / "export"):
        return f"a run, whose export is {reason}"
    return f"a run; give its export, {folder / 'export'}"


def _of_file(file: Path) -> str:
    """The reason of a file, with the folder to give instead."""
    folder = file.absolute().parent
    run = next((f for f in (folder, *folder.parents[:2]) if (f / "run.json").is_file()), None)
    reason = no_backbone(run if run and folder.name == "checkpoints" else folder)
    return f"a file, and not a folder with a network: {reason or f'give its folder, {folder}'}"
