"""Records a study in W&B as a run of its own, beside its runs."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.common import files
from experiments.runner import run_folder
from experiments.studies import workers
from experiments.tracking.settings import Tracking, resolve_mode

Table = tuple[list[str], list[list[Any]]]  # headings and rows


def log_once(root: Path, said: str, *arguments: Any) -> str:
    """Calls ``log`` unless the same report has been recorded; returns the lines that show it.

    Args:
        root: The folder of the study.
        said: The text of the report, which decides whether it is the same.
        arguments: The further arguments of ``log``.
    """
    return _once(root, said, log, root, *arguments)


def _once(root: Path, said: str, function: Callable[..., str], *arguments: Any) -> str:
    kept, mark = root / "recorded.json", hashlib.sha256(said.encode()).hexdigest()
    if kept.exists() and (before := json.loads(kept.read_text(encoding="utf-8")))["report"] == mark:
        return before["where"]
    where = workers.call(function, *arguments)
    files.write_json(kept, {"report": mark, "where": where})
    return where


def add_to_run(
    run: Path, root: Path, said: str, settings: dict[str, Any], tables: dict[str, Table]
) -> str:
    """Adds tables and pictures to the record of a finished run, unless they are there already.

    Args:
        run: The folder of the run.
        root: The folder of the report, with its pictures.
        said: The text of the report, which decides whether it is the same.
        settings: The settings of the run's tracking.
        tables: The tables, each as headings and rows, by name.

    Returns:
        The lines that show the record.
    """
    return _once(root, said, _add, run, root, settings, tables)


def _add(run: Path, root: Path, settings: dict[str, Any], tables: dict[str, Table]) -> str:
    from experiments.tracking.keys import run_folders
    from experiments.tracking.logger import finish, start_logger, where

    tracking = Tracking(**settings)
    if resolve_mode(tracking)[0] == "disabled" or not run_folders(run):
        return "the run was not tracked, so this is not either"
    logger = start_logger(tracking, run, run.name, {}, [], resume=True)
    try:
        logger.experiment.log(_shown(root, tables, "errors/"))
        finish(logger, "finished", {})
    except BaseException:
        finish(logger, "finished", {})  # the run itself was
        raise
    return where(logger)


def log(
    root: Path,
    settings: dict[str, Any],
    config: dict[str, Any],
    tables: dict[str, Table],
    kind: str,
    summary: dict[str, Any],
) -> str:
    """Records tables, images and pages of a study; returns the lines that show the record.

    Args:
        root: The folder of the study; its name is also the group.
        settings: The settings of tracking, as in the runs.
        config: The config of the record.
        tables: The tables, each as headings and rows, by name.
        kind: The job type, which is also a tag.
        summary: The last values.
    """
    from experiments.tracking.logger import finish, start_logger, where

    settings = {**settings, "group": root.name, "name": root.name, "job_type": kind}
    tracking = Tracking(**{**settings, "tags": [kind]})
    if resolve_mode(tracking)[0] == "disabled":
        return "W&B is disabled: nothing was tracked"
    import wandb

    logger = start_logger(tracking, root, run_folder.new_id(), config, [], resume=False)
    try:
        shown = _shown(root, tables)
        for page in root.glob("*.html"):
            shown["page"] = wandb.Html(page.read_text(encoding="utf-8"), inject=False)
        logger.experiment.log(shown)
        finish(logger, "finished", summary)
    except BaseException:
        finish(logger, "failed", {})
        raise
    return where(logger)


def _shown(root: Path, tables: dict[str, Table], lead: str = "") -> dict[str, Any]:
    """Tables and pictures as W&B takes them."""
    import wandb

    shown: dict[str, Any] = {
        name: wandb.Table(columns=columns, data=rows) for name, (columns, rows) in tables.items()
    }
    pictures = {f"{lead}{one.stem}": wandb.Image(str(one)) for one in root.glob("*.png")}
    return shown | pictures
