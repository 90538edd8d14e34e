"""Asks the server whether a run has arrived completely."""

import time
from typing import TYPE_CHECKING, Any

from experiments.common.exits import one_line
from experiments.tracking.local_runs import Recorded

if TYPE_CHECKING:
    import wandb

RETRY_AFTER = (0, 1, 2, 4, 8)  # seconds of waiting before each question to the server


def missing_after_retries(api: "wandb.Api", path: str, recorded: Recorded) -> list[str]:
    """The parts that the server lacks after all retries, in words."""
    lacks: list[str] = []
    for seconds in RETRY_AFTER:
        time.sleep(seconds)
        lacks = missing(api, path, recorded)
        if not lacks:
            break
    return lacks


def uploaded_rows(api: "wandb.Api", path: str) -> int:
    """The number of a run's history rows that the server has."""
    import wandb

    api.flush()
    try:
        return api.run(path).history_line_count or 0
    except (ValueError, wandb.errors.CommError):
        return 0


def missing(api: "wandb.Api", path: str, recorded: Recorded) -> list[str]:
    """The parts of a run that the server lacks, in words."""
    import wandb

    api.flush()
    try:
        run = api.run(path)
    except (ValueError, wandb.errors.CommError) as error:
        if "ould not find" in str(error):
            return ["the run is not there"]
        return [f"the server does not answer: {one_line(error)}"]
    lacks, rows = [], sum(recorded.rows)
    if (there := run.history_line_count or 0) < rows:
        lacks.append(f"{there:,} of {rows:,} rows are there")
    summary = run.summary_metrics
    other = [key for key, value in _values(recorded.summary) if summary.get(key) != value]
    if other:
        lacks.append(f"the summary has another {other[0]}")
    lacks += _missing_artifacts(api, run, path, recorded)
    if run.state == "running":
        lacks.append("the run is not closed there")
    return lacks


def _values(summary: dict[str, Any]) -> list[tuple[str, Any]]:
    """The entries that the server must have unchanged: neither W&B's own nor media."""
    own = [(key, value) for key, value in summary.items() if not key.startswith("_")]
    return [(k, v) for k, v in own if not (isinstance(v, dict) and "_type" in v)]


def _missing_artifacts(api: "wandb.Api", run: Any, path: str, recorded: Recorded) -> list[str]:
    import wandb

    if not (recorded.artifacts or recorded.inputs):
        return []
    made = {artifact.digest for artifact in run.logged_artifacts()}
    used = {artifact.digest for artifact in run.used_artifacts()}
    lacks, project = [], path.rpartition("/")[0]
    for kind, name, digest in recorded.artifacts:
        if digest in made:
            continue
        # Another run that made the same one before it is the one that the server names.
        try:
            there = {version.digest for version in api.artifacts(kind, f"{project}/{name}")}
        except (ValueError, wandb.errors.CommError):  # nothing of that name
            there = set()
        if digest not in there:
            lacks.append(f"the artifact {name} is not there")
    if unlinked := [digest for digest in recorded.inputs if digest not in used]:
        lacks.append(f"{len(unlinked)} of {len(recorded.inputs)} inputs are not linked")
    return lacks
