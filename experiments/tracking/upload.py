"""Uploads runs from disk, and asks the server whether they have arrived.

`wandb sync` reports success, with exit code 0, even if the server took only a part of a run. So
the server is asked.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.common.shell import program, relative
from experiments.tracking import wandb_log
from experiments.tracking.local_runs import LocalRun, LogFile
from experiments.tracking.server_check import missing, missing_after_retries, uploaded_rows

if TYPE_CHECKING:
    import wandb


def upload_run(api: "wandb.Api", host: str, run: LocalRun) -> tuple[str, str]:
    """Uploads a run unless it has arrived; returns the outcome in a word, and the details."""
    if run.in_use():
        return "still going on", ""
    if all(part.marked(host) for part in run.logs):
        return "uploaded before", ""
    try:
        recorded = run.recorded
    except ValueError as error:
        return "failed", f": {error}"
    if not recorded.rows:
        return "empty", ": killed before anything was recorded"
    path = f"{recorded.entity or api.default_entity}/{recorded.project}/{run.id}"
    kind, said = "uploaded before", ""
    if missing(api, path, recorded):
        kind = "uploaded"
        if gone := [file for file in recorded.files if not file.exists()]:
            more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
            return "failed", (
                f": {relative(gone[0])}{more} should be uploaded and is gone; "
                f"without it: {program('wandb')} sync {relative(run.logs[0].folder)}"
            )
        there = uploaded_rows(api, path)
        for part, rows in zip(run.logs, recorded.rows, strict=True):
            if not part.marked(host):
                said = said or upload(part, min(there, rows))
            there = max(0, there - rows)
        lacks = missing_after_retries(api, path, recorded)
        if lacks or said:
            return "failed", f": {'; '.join([*lacks, *([said] if said else [])])}"
    for part in run.logs:
        part.mark(host)
    counts = f", {sum(recorded.rows):,} rows, {len(recorded.artifacts)} artifacts"
    return kind, f"{counts}  {api.run(path).url}"


def upload(part: LogFile, there: int) -> str:
    """Sends one folder with `wandb sync`; returns the first error that it printed, or nothing.

    `wandb sync` appends all rows of a log to those that the server has. So it gets a copy without
    the first ``there`` rows, which have arrived.
    """
    with tempfile.TemporaryDirectory(dir=part.folder.parent, prefix=".sync-") as scratch:
        folder = Path(scratch) / part.folder.name
        folder.mkdir()
        try:
            (folder / "files").symlink_to(part.folder / "files")
        except OSError:  # Windows allows links to administrators alone
            shutil.copytree(part.folder / "files", folder / "files")
        for state in part.folder.glob("*.syncstate"):  # how its steps go on from earlier parts
            shutil.copy(state, folder)
        wandb_log.without_rows(part.log, there, folder / part.log.name)
        said = _send(folder / part.log.name, part.folder.parents[1])
        for state in folder.glob("*.syncstate"):
            shutil.copy(state, part.folder)
    return said


def _send(log: Path, run: Path) -> str:
    command = [sys.executable, "-m", "wandb", "sync", "--include-online", "--include-synced"]
    kept = {k: v for k, v in os.environ.items() if k not in ("WANDB_RUN_ID", "WANDB_RESUME")}
    places = {"WANDB_DIR": str(run), "WANDB_CACHE_DIR": str(run / "wandb" / "cache")}
    ended = subprocess.run(
        [*command, str(log)],
        env={**kept, **places},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line).strip() for line in ended.stdout.splitlines()]
    errors = [line.partition("ERROR")[2].strip() for line in lines if "ERROR" in line]
    if ended.returncode and not errors:
        errors = [lines[-1] if lines else f"wandb sync ended with {ended.returncode}"]
    return errors[0] if errors else ""
