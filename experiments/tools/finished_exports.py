"""Finds the model or export that a command is to work on, and the folder that it writes to."""

import os
from pathlib import Path

from experiments.common.runs import RunFolder, choose_run, list_runs, read_run_folder

_MODELS = ("export", "checkpoints/best.ckpt", "checkpoints/last.ckpt")


def lacks_model(run: RunFolder) -> str:
    """The reason for which a run has no model to open; empty if it has one."""
    there = any((run.path / name).exists() for name in _MODELS)
    return "" if there else "has neither an export nor a checkpoint"


def find_export(wanted: str, output: str) -> Path:
    """Finds the export of a finished run (last, its id or its folder), or takes a folder as one.

    Raises:
        ValueError: If there is no such run, if it is not finished or left no export, or if the
            folder is of another kind.
    """
    place = Path(wanted).expanduser()
    if not place.is_dir():
        if place.exists():
            raise ValueError(f"{wanted}: a file; give a run, or the folder of an export")
        kind = "finished run with an export"
        run: RunFolder | None = choose_run(wanted, Path(output), _lacks, kind)
    else:
        run = read_run_folder(place)
    if run is None:
        if reason := _another_kind(place):
            raise ValueError(f"{wanted}: {reason}")
        return place
    if reason := _lacks(run):
        raise ValueError(f"{wanted}: that run {reason}")
    return run.path / "export"


def _lacks(run: RunFolder) -> str:
    """The reason for which a run has no finished export; empty if it has one."""
    if run.finished and (run.path / "export").is_dir():
        return ""
    if run.in_use:
        return "is still going on"
    if not run.finished:
        return f"has not finished; go on with it by --resume {run.id}"
    return "has no export: it trained nothing"


def _another_kind(folder: Path) -> str:
    """The reason for which a folder is no export; empty if it may be one."""
    names = ("module.json", "config.json", "adapter_config.json")
    if any((folder / name).is_file() for name in names):
        return ""
    if (folder / "manifest.json").is_file():
        return "a corpus, which holds no model"
    if runs := list_runs(folder):
        several = f"holds {len(runs)} runs, as a study does; give one of them"
        return f"{several}, such as {runs[-1].path}"
    return f"holds no export ({', '.join(names)}) and no run"


def new_folder(given: str | None, source: Path, suffix: str) -> Path:
    """The folder to write, which must not hold anything yet.

    Args:
        given: What ``--output`` said; if None, a folder beside ``source``.
        source: The export.
        suffix: The name of the folder beside the export of a run, and the end of it beside another.

    Raises:
        ValueError: If it is not empty, lies in the export, or cannot be made.
    """
    beside = suffix if source.name == "export" else f"{source.resolve().name}-{suffix}"
    folder = Path(given).expanduser() if given else source.resolve().with_name(beside)
    lead = f"--output {folder}"
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ValueError(f"{lead}: is there already; remove it, or give another folder")
    if folder.resolve().is_relative_to(source.resolve()):
        raise ValueError(f"{lead}: lies in the export itself; give another folder")
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir():
        raise ValueError(f"{lead}: {above} is no folder")
    if not os.access(above, os.W_OK):
        raise ValueError(f"{lead}: {above} cannot be written")
    return folder
