"""Several experiments over several seeds: run what has not been run, then a table and a plot."""

import argparse
import hashlib
import json
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NoReturn

from experiments import folders, tables, warm
from experiments.guard import guarded
from experiments.tracking.place import typed

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """A row of the table: an experiment's file and the flags that differ from its defaults.

    Attributes:
        script: name of a file of this folder, or the path of another, with its ``.py``.
        seeds: how many runs it has unless ``--seeds`` says.
        tracking: flags of the record, such as its tags: with others it is still the same run.
    """

    name: str
    script: str
    flags: tuple[str, ...] = ()
    seeds: int = 3
    tracking: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        return Path(self.script) if self.script.endswith(".py") else _HERE / f"{self.script}.py"


@dataclass(frozen=True)
class Job:
    """One run of a row. Its folder is a function of all that was asked for."""

    row: Row
    seed: int
    flags: tuple[str, ...]
    root: Path

    @property
    def folder(self) -> Path:
        asked = json.dumps([self.row.script, self.flags])
        mark = hashlib.sha256(asked.encode()).hexdigest()[:6]
        name = re.sub(r"[^\w.]+", "-", self.row.name)[:80]
        return self.root / "runs" / f"{name}-{mark}-seed{self.seed}"

    def result(self) -> dict[str, Any] | None:
        """What the finished run wrote, or None."""
        files = sorted(self.folder.glob("*/*/result.json"))
        return json.loads(files[-1].read_text()) | {"run": str(files[-1].parent)} if files else None

    def command(self) -> list[str]:
        words = [str(self.row.file), "--output", str(self.folder)]
        begun = list(self.folder.glob("*/*/checkpoints/last.ckpt"))
        record = ["--tracking.group", self.root.name, *self.row.tracking]
        return words + (
            ["--resume", "last"]
            if begun
            else [*record, *self.flags, "--seed_everything", str(self.seed)]
        )


class Comparison:
    """Runs jobs, a fixed number at a time; those that have finished before are not repeated."""

    def __init__(self, jobs: list[Job], at_once: int) -> None:
        self.jobs, self.at_once = jobs, at_once
        self.processes: dict[Job, BaseProcess] = {}
        self.failed: dict[Job, str] = {}
        self.stopped = False

    def run(self) -> None:
        waiting = [job for job in self.jobs if job.result() is None]
        done, started, spent = len(self.jobs) - len(waiting), time.monotonic(), 0
        if done:
            print(f"{done} of {len(self.jobs)} runs have been made before")
        pool = ThreadPoolExecutor(self.at_once)
        futures = {pool.submit(self._one, job): job for job in waiting}
        try:
            for future in as_completed(futures):
                job, line = futures[future], future.result()
                done, spent = done + 1, spent + 1
                left = (time.monotonic() - started) / spent * (len(waiting) - spent)
                ahead = f", about {left / 60:.0f} min left" if spent < len(waiting) else ""
                count = f"{done:>{len(str(len(self.jobs)))}}/{len(self.jobs)}"
                print(f"{count}  {job.row.name}, seed {job.seed}: {line}{ahead}", flush=True)
        except BaseException:
            self._stop()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _one(self, job: Job) -> str:
        if self.stopped:
            return "not run"
        job.folder.mkdir(parents=True, exist_ok=True)
        log, environment = job.folder / "log.txt", share_of_cores(self.at_once)
        process = self.processes[job] = warm.start(job.command(), log, environment)
        process.join()
        code, result = process.exitcode, job.result()
        if code == 0 and result:
            name, value = next(tables.headline(result))
            return f"{name} {value:.4f}, {result['seconds']:.0f} s"
        lines = [line.strip() for line in log.read_text().splitlines() if line.strip()]
        self.failed[job] = f"{lines[-1] if lines else 'nothing was said'} (see {log})"
        return f"failed with exit code {code}: {self.failed[job]}"

    def _stop(self) -> None:
        """Every run closes its record and keeps its last checkpoint."""
        self.stopped = True
        running = [process for process in self.processes.values() if process.is_alive()]
        for process in running:
            os.kill(process.pid, signal.SIGINT)
        for process in running:
            process.join()


def share_of_cores(at_once: int) -> dict[str, str]:
    """What the environment says to each of so many runs at a time, unless the user said it."""
    threads = str(max(1, (os.cpu_count() or 1) // at_once))
    return {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)}


@contextmanager
def how_to_go_on() -> Iterator[None]:
    """After Ctrl-C, say what goes on with the same command."""
    try:
        yield
    except KeyboardInterrupt:
        command = shlex.join([typed("python"), *sys.argv])
        print(f"\nGo on, without what has finished, with: {command}", file=sys.stderr)
        raise


def main(file: str, doc: str, rows: list[Row]) -> None:
    """The command line of a comparison: ``--seeds``, ``--only``, ``--jobs``, ``--output``.

    Args:
        file: of the comparison; its name is the comparison's.
        doc: what ``--help`` says first.
        rows: of the table, in its order.
    """
    name = Path(file).stem
    with guarded(f"{name}.py"):
        asked = _parse(name, doc, rows)
        wanted = [row for row in rows if not asked.only or row.name.lower() in asked.only]
        root = Path(asked.output) / name
        jobs = [
            Job(row, seed, (*row.flags, *asked.flags), root)
            for seed in range(asked.seeds or max(row.seeds for row in wanted))
            for row in wanted
            if seed < (asked.seeds or row.seeds)
        ]
        comparison = Comparison(jobs, asked.jobs)
        with how_to_go_on():
            comparison.run()
        finished = {job: result for job in jobs if (result := job.result())}
        _report(name, root, wanted, finished, comparison.failed)


class FlagParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see --help)")  # one line, without the usage


def _parse(name: str, doc: str, rows: list[Row]) -> argparse.Namespace:
    parser = FlagParser(
        f"{name}.py",
        usage=f"{name}.py [--seeds N] [--only NAME …] [--jobs N] [--output FOLDER] [-- FLAGS]",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    names = [row.name.lower() for row in rows]
    usual = "/".join(sorted({str(row.seeds) for row in rows}))
    parser.add_argument("--seeds", type=int, help=f"runs per row, seeds 0, 1 … ({usual})")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", type=str.lower, help=", ".join(names)
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="runs at a time, the cores shared out (1)"
    )
    parser.add_argument("--output", default="outputs", help="folder that keeps it all (outputs)")
    parser.add_argument(
        "flags", nargs="*", help="after --: flags of every run, as --trainer.max_epochs 1"
    )
    asked = parser.parse_args()
    for flag in ("seeds", "jobs"):
        if (number := getattr(asked, flag)) is not None and number < 1:
            raise ValueError(f"--{flag} {number}: at least 1")
    for unknown in set(asked.only) - set(names):
        raise ValueError(f"--only {unknown}: no such row; there are {', '.join(names)}")
    return asked


def _report(name: str, root: Path, rows: list[Row], finished: dict, failed: dict) -> None:
    if not finished:
        raise ValueError(f"no run has finished: {next(iter(failed.values()))}")
    results = {row.name: [r for job, r in finished.items() if job.row is row] for row in rows}
    lines = tables.summaries({key: value for key, value in results.items() if value})
    with folders.whole(root / "table.md") as scratch:
        scratch.write_text(tables.markdown(lines, finished.values()))
    with folders.whole(root / "runs.csv") as scratch:
        scratch.write_text(tables.csv((job.row.name, job.seed, r) for job, r in finished.items()))
    with folders.whole(root / "plot.svg") as scratch:
        tables.plot(lines, scratch)
    print(f"\n{(root / 'table.md').read_text()}")
    for job, reason in failed.items():
        print(f"failed: {job.row.name}, seed {job.seed}: {reason}")
    print(f"done   {root} (table.md, runs.csv, plot.svg, runs/)")
    if failed:
        raise SystemExit(1)
