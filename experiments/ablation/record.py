"""An ablation as a tracked run of its own, beside the runs that it is made of."""

from pathlib import Path
from typing import Any

from experiments.folders import new_id
from experiments.tracking.modes import Tracking, resolve_mode

Table = tuple[list[str], list[list[Any]]]  # headings and rows


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

    logger = start_logger(tracking, root, new_id(), config, [], resume=False)
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
