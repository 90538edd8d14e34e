"""Reads a run as W&B's own program does (``wandb leet inspect``), to compare with our reader."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from experiments.tracking.keys import run_folders


def inspect(folder: Path) -> dict[str, Any]:
    """Config, summary, history, facts and state of a run that has one log."""
    (part,) = run_folders(folder)
    summary = json.loads(_leet("--summary", part))
    run = {key: summary[key] for key in ("config", "summary", "project", "name", "tags", "state")}
    run |= {"id": summary["run_id"], "artifacts": [], "history": [], "files": []}
    for line in _leet("", part).splitlines():
        record = json.loads(line)
        kind = record["type"]
        if kind == "run":
            run |= {
                "group": record["run"].get("run_group"),
                "job_type": record["run"].get("job_type"),
            }
        elif kind == "history":
            run["history"].append(record["history"]["item"])
        elif kind == "artifact":
            run["artifacts"].append(record["artifact"])
        elif kind == "files":
            own = [file for file in record["files"]["files"] if file.get("type") != "WANDB"]
            run["files"] += [file["path"] for file in own]
    return run


def _leet(flag: str, folder: Path) -> str:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", *flag.split()]
    environment = os.environ | {"WANDB_ERROR_REPORTING": "false"}
    return subprocess.check_output([*command, str(folder)], env=environment, text=True)
