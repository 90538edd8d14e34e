"""How do my runs look in a browser? Shows them there without an account.

    python experiments/tools/dashboard.py
    python experiments/tools/dashboard.py group=ablate model=LoRA --port 7861 --no_open

Nothing leaves this machine. The filters are those of compare.py. Needs pretune[dashboard]; without
it, `wandb leet FOLDER` shows one run in the terminal. The page is made anew each time, and Ctrl-C
removes it.
"""

import argparse
import contextlib
import io
import os
import tempfile
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from datamodules.optional import require
from experiments.common.exits import guarded
from experiments.common.shell import command_name, program
from experiments.reporting import run_table
from experiments.tracking import filters
from experiments.tracking.run_reader import RunRecord

# Facts of tables and images that W&B logs beside them; as curves they would hide the others.
_MEDIA = (".width", ".height", ".nrows", ".ncols", ".size", ".count")
# The page opens with these curves; a user may have another order in the same variable.
_ORDER = "val/accuracy,val/*,test/*,train/*"


def main() -> None:
    """Shows the runs that the command line asks for until Ctrl-C."""
    with guarded(command_name()):
        asked = run_table.parse(__doc__, _flags)
        if asked.port is not None and not 0 < asked.port < 65536:
            raise ValueError(f"--port {asked.port}: from 1 to 65535")
        asked.project = None
        with tempfile.TemporaryDirectory(prefix="pretune-dashboard-") as store:
            prepare(store)
            require("trackio", "dashboard", "draws the dashboard")
            runs = filters.select(run_table.runs_of(asked), filters.parse(asked.filters))
            project = Path(asked.output).resolve().name
            fill(project, runs)
            url = show(project, asked)
            print(f"{len(runs):,} runs at {url}")
            print(f"terminal: {program('wandb')} leet {runs[-1].place}")
            print("Ctrl-C ends it", flush=True)
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                print(f"\ndone   the runs are where they were, in {asked.output}")


def _flags(add: Any) -> None:
    add("--port", type=int, help="Port of the page (the first free one from 7860)")
    add("--no_open", action="store_true", help="Print the address and open no browser")


def prepare(store: str) -> None:
    """Sets the environment that trackio reads: its folder, no network, and the first curves."""
    os.environ.update(TRACKIO_DIR=store, HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False")
    os.environ.setdefault("TRACKIO_PLOT_ORDER", _ORDER)


def fill(project: str, runs: list[RunRecord]) -> None:
    """Puts the runs with their curves and configs into trackio's store."""
    from trackio.sqlite_storage import SQLiteStorage

    keys = run_table.differing(runs)[:3]
    for run in runs:
        rows = table(run)
        config = {k: v for k, v in run_table.as_row(run).items() if k not in run.metrics}
        SQLiteStorage.bulk_log(
            project=project,
            run=title(run, keys),
            metrics_list=list(rows.values()),
            steps=list(rows),
            config={**config, "_Group": run.group or run.config.get("experiment") or None},
        )


def title(run: RunRecord, keys: list[str]) -> str:
    """The name of a run: its settings that differ from other runs', and its id."""
    said = run_table.label(run, [key for key in keys if run.config.get(key) is not None])
    return f"{said} ({run.id})" if said else run.id


def table(run: RunRecord) -> dict[int, dict[str, float]]:
    """The curves as rows by step, with test metrics in the last one.

    A run without curves has one row, its final metrics.
    """
    rows: dict[int, dict[str, float]] = {}
    for name, (steps, values) in run.curves.items():
        if not name.endswith(_MEDIA):
            for step, value in zip(steps, values, strict=True):
                rows.setdefault(int(step), {})[name] = float(value)
    tested = {name: value for name, value in run.metrics.items() if name.startswith("test/")}
    if rows:  # a metric that was measured only at the end is a point there
        rows[max(rows)] |= {n: v for n, v in tested.items() if n not in run.curves}
    return dict(sorted(rows.items())) or {0: dict(run.metrics)}


def show(project: str, asked: argparse.Namespace) -> str:
    """Serves the page on this machine only; returns its address."""
    import trackio

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # its own greeting
            _, local, *_ = trackio.show(
                project,
                open_browser=not asked.no_open,
                block_thread=False,
                host="127.0.0.1",
                server_port=asked.port,
                share=False,
            )
    except OSError as error:
        raise ValueError(f"--port {asked.port or ''}: {error}") from error
    return f"{local}?project={quote(project)}"


if __name__ == "__main__":
    main()
