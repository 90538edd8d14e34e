"""Records a study in W&B as a run of its own, beside its runs."""

import hashlib
import json
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
    kept, mark = root / "recorded.json", hashlib.sha256(said.encode()).hexdigest()
    if kept.exists() and (before := json.loads(kept.read_text(encoding="utf-8")))["report"] == mark:
        return before["where"]
    where = workers.call(log, root, *arguments)
    files.write_json(kept, {"report": mark, "where": where})
    return where


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
        shown: dict[str, Any] = {
            name: wandb.Table(columns=columns, data=rows)
            for name, (columns, rows) in tables.items()
        }
        for picture in root.glob("*.png"):
            shown[picture.stem] = wandb.Image(str(picture))
        for page in root.glob("*.html"):
            shown["page"] = wandb.Html(page.read_text(encoding="utf-8"), inject=False)
        logger.experiment.log(shown)
        finish(logger, "finished", summary)
    except BaseException:
        finish(logger, "failed", {})
        raise
    return where(logger)
