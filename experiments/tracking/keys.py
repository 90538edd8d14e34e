"""Read runs back from disk, with no server, through the documented `wandb leet inspect`."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

STEP = "trainer/global_step"
LOWER_IS_BETTER = re.compile(r"(loss|perplexity|error|mae|mse|bits_per_\w+)$")
STATES = ("interrupted", "failed")  # the tags that finish() writes
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def run_folders(folder: Path) -> list[Path]:
    """W&B's folders under a run's folder (or the one given), in the order they were started."""
    folder = Path(folder)
    if any(folder.glob("run-*.wandb")):
        return [folder]
    logs = [*folder.glob("*run-*/run-*.wandb"), *folder.glob("wandb/*run-*/run-*.wandb")]
    return sorted((log.parent for log in logs), key=lambda path: path.name.partition("run-")[2])


def read_offline(folder: Path) -> dict[str, Any]:
    """One run as config, summary, history (one row per step), state and folders.

    A run that was killed and resumed left several folders: they become one run, where the
    later one wins on the steps that both have.
    """
    folders = run_folders(folder)
    if not folders:
        raise ValueError(f"no W&B run in {folder}")
    run: dict[str, Any] = {"config": {}, "summary": {}, "folders": folders, "state": "unknown"}
    history: dict[int, dict] = {}
    for part in folders:
        summary, records = inspect_log(part)
        if not summary["run_id"]:
            continue  # killed in the second before W&B wrote its first record
        if run.setdefault("id", summary["run_id"]) != summary["run_id"]:
            raise ValueError(f"{folder} holds more than one run: {run['id']}, {summary['run_id']}")
        run["config"].update(summary["config"] or {})
        merge_summary(run["summary"], summary["summary"] or {})
        run.update({key: summary[key] for key in ("project", "name", "tags", "state")})
        for record in records:
            if record["type"] == "run":
                opened = record["run"]
                run.update(group=opened.get("run_group"), job_type=opened.get("job_type"))
            if record["type"] == "history":
                item = {key: _number(value) for key, value in record["history"]["item"].items()}
                history.setdefault(item.get(STEP, -1), {}).update(item)
    run["state"] = run["summary"].get("state", run["state"])
    run["history"] = [history[step] for step in sorted(history)]
    return run


def inspect_log(folder: Path) -> tuple[dict, list[dict]]:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(folder)]
    environment = os.environ | {"WANDB_ERROR_REPORTING": "false"}
    # Nearly all of a call is wandb's import, so the two run side by side.
    calls = [
        subprocess.Popen(
            command + extra, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        for extra in (["--summary"], [])
    ]
    outputs = []
    for call in calls:
        output, error = call.communicate()
        if call.returncode:
            raise ValueError(f"cannot read {folder}: {error.decode().strip()}")
        outputs.append(output)
    return json.loads(outputs[0]), [json.loads(line) for line in outputs[1].splitlines()]


def merge_summary(old: dict, new: dict) -> None:
    """A later summary over an earlier one; `max` and `min` of a metric stay the best of both."""
    for key, value in new.items():
        value = _number(value)
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            merge_summary(old[key], value)
        elif key in ("max", "min") and key in old and not math.isnan(old[key]):
            worse = value <= old[key] if key == "max" else value >= old[key]
            old[key] = old[key] if worse or math.isnan(value) else value
        else:
            old[key] = value


def _number(value: Any) -> Any:
    return _SPECIAL.get(value, value) if isinstance(value, str) else value
