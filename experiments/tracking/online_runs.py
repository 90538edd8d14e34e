"""Reads runs and their curves from a project of W&B."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from experiments.tracking.keys import STEP
from experiments.tracking.run_reader import Curves, RunRecord, flat, numbers
from experiments.tracking.shutdown import forget_service


def online(project: str) -> list[RunRecord]:
    """The runs of a W&B project, entity/project, in the order in which they began.

    Raises:
        ValueError: If W&B does not give them.
    """
    import wandb

    forget_service()
    try:
        found = wandb.Api().runs(project, lazy=False, per_page=200)
        return [_online(run) for run in found]
    except (wandb.Error, ValueError) as error:
        raise ValueError(f"--project {project}: {str(error).splitlines()[0]}") from error


def _online(run: Any) -> RunRecord:
    summary = dict(run.summary_metrics)
    return RunRecord(
        id=run.id,
        name=run.name or "",
        group=run.group or "",
        job_type=run.job_type or "",
        tags=list(run.tags),
        state=summary.get("state", run.state),
        started=_local_time(run.created_at),
        config=flat(dict(run.config)),
        metrics=numbers(summary),
        place=run.url,
        load=partial(_online_curves, run),
    )


def _local_time(written: str | None) -> str:
    """W&B's time, which is UTC, as local time."""
    if not written:
        return ""
    began = datetime.fromisoformat(written).replace(tzinfo=UTC)
    return began.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _online_curves(run: Any) -> Curves:
    points: dict[str, dict[int, float]] = {}
    for row in run.scan_history():
        step = int(row.get(STEP) or row.get("_step") or 0)
        for name, value in row.items():
            if isinstance(value, int | float) and name[0] != "_" and name != STEP:
                points.setdefault(name, {})[step] = value
    return {name: tuple(np.array(sorted(v.items())).T) for name, v in points.items()}
