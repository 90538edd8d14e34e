"""Runs for a view in the browser: named by what differs, in a store that lives as long as it."""

import argparse
import contextlib
import io
import os
import tempfile
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from experiments import extras, overview
from experiments.guard import guarded
from experiments.tracking import filters
from experiments.tracking.place import typed
from experiments.tracking.reading import Run

# Facts of tables and pictures that W&B logs beside them; as curves they only hide the others.
_MEDIA = (".width", ".height", ".nrows", ".ncols", ".size", ".count")


def main(file: str, doc: str) -> None:
    """Show the runs that the command line asks for until Ctrl-C."""
    name = Path(file).name
    with guarded(name):
        asked = overview.parse(name, doc, _flags)
        if asked.port is not None and not 0 < asked.port < 65536:
            raise ValueError(f"--port {asked.port}: from 1 to 65535")
        asked.project = None
        with tempfile.TemporaryDirectory(prefix="pretune-dashboard-") as store:
            prepare(store)
            extras.needed("trackio", "dashboard", "draws the dashboard")
            runs = filters.select(overview.runs_of(asked), filters.parse(asked.filters))
            project = Path(asked.runs).resolve().name
            fill(project, runs)
            url = show(project, asked)
            print(f"{len(runs):,} runs at {url}")
            print(f"terminal: {typed('wandb')} leet {runs[-1].place}")
            print("Ctrl-C ends it", flush=True)
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                print(f"\ndone   the runs are where they were, in {asked.runs}")


def _flags(add: Any) -> None:
    add("--port", type=int, help="of the page (the first that is free from 7860)")
    add("--no-open", action="store_true", help="print the address, open no browser")


def prepare(store: str) -> None:
    """What trackio reads when it is imported: where to keep its data, and to stay offline."""
    os.environ.update(TRACKIO_DIR=store, HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False")


def fill(project: str, runs: list[Run]) -> None:
    """Put the runs with their curves and configs into the store."""
    from trackio.sqlite_storage import SQLiteStorage

    keys = overview.differing(runs)[:3]
    for run in runs:
        rows = table(run)
        config = {k: v for k, v in overview.as_row(run).items() if k not in run.metrics}
        SQLiteStorage.bulk_log(
            project=project,
            run=title(run, keys),
            metrics_list=list(rows.values()),
            steps=list(rows),
            config={**config, "_Group": run.group or run.config.get("experiment") or None},
        )


def title(run: Run, keys: list[str]) -> str:
    """A name that says what is different about a run; its id tells it from its twins."""
    said = overview.label(run, [key for key in keys if run.config.get(key) is not None])
    return f"{said} ({run.id})" if said else run.id


def table(run: Run) -> dict[int, dict[str, float]]:
    """The curves as rows by step; of a run without any, what it measured at its end."""
    rows: dict[int, dict[str, float]] = {}
    for name, (steps, values) in run.curves.items():
        if not name.endswith(_MEDIA):
            for step, value in zip(steps, values, strict=True):
                rows.setdefault(int(step), {})[name] = float(value)
    return dict(sorted(rows.items())) or {0: dict(run.metrics)}


def show(project: str, asked: argparse.Namespace) -> str:
    """Begin to serve the page, on this machine only; returns its address."""
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
