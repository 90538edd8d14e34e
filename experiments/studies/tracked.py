"""An ablation as a tracked run of its own, beside the runs that it is made of."""

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
    """``log`` with these, unless the same was ``said`` and recorded before; where the record is."""
    kept, mark = root / "recorded.json", hashlib.sha256(said.encode()).hexdigest()
    if kept.exists() and (before := json.loads(kept.read_text()))["report"] == mark:
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
    """Record tables, the picture and the page; returns where the record is.

    Args:
        root: the folder of the ablation, which is also its group.
        settings: of tracking, as the runs have them.
        kind: the job type, which is also a tag.
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
            shown["page"] = wandb.Html(page.read_text(), inject=False)
        logger.experiment.log(shown)
        finish(logger, "finished", summary)
    except BaseException:
        finish(logger, "failed", {})
        raise
    return where(logger)
