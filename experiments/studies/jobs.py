"""Runs experiments, a fixed number at a time; a run that has finished is not repeated."""

import hashlib
import json
import math
import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock
from typing import Any

from datamodules.cores import usable_cores
from experiments.reporting.results import main_metric, on_validation
from experiments.studies import workers

EXPERIMENTS = Path(__file__).parents[1]


def script_name(script: Path) -> str:
    """The name of a script in ``Row.script``."""
    return script.stem if script.parent == EXPERIMENTS else str(script)


@dataclass(frozen=True)
class Row:
    """A row of the table: an experiment's file and the flags that differ from its defaults.

    Attributes:
        script: The name of a file in ``experiments/``, or the path of another one with ``.py``.
        seeds: The number of its runs unless ``--seeds`` gives another.
        tracking: The flags of the record, such as tags; they do not make it a different run.
    """

    name: str
    script: str
    flags: tuple[str, ...] = ()
    seeds: int = 3
    tracking: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        theirs = self.script.endswith(".py")
        return Path(self.script) if theirs else EXPERIMENTS / f"{self.script}.py"


@dataclass(frozen=True)
class Job:
    """One run of a row. Its folder follows from its flags and its seed.

    Attributes:
        after: The job that must finish first; ``{run}`` in the flags is its folder.
        work: Its time in relation to that of the others; 0 of one that takes none to speak of.
    """

    row: Row
    seed: int
    flags: tuple[str, ...]
    root: Path
    after: "Job | None" = None
    work: float = 1.0

    @property
    def folder(self) -> Path:
        asked = json.dumps([self.row.script, self._flags()])
        mark = hashlib.sha256(asked.encode()).hexdigest()[:6]
        name = re.sub(r"[^\w.]+", "-", self.row.name)[:80]
        return self.root / "runs" / f"{name}-{mark}-seed{self.seed}"

    def result(self) -> dict[str, Any] | None:
        """The result.json of the finished run, with its folder as ``run``; None before that."""
        if self.after is not None and self.after.result() is None:
            return None
        files = sorted(self.folder.glob("*/*/result.json"))
        if not files:
            return None
        found = json.loads(files[-1].read_text(encoding="utf-8"))
        values = {n: math.nan if v is None else v for n, v in found["metrics"].items()}
        return found | {"metrics": values, "run": str(files[-1].parent)}

    def command(self) -> list[str]:
        """The script and its flags; a run that was stopped is resumed."""
        words = [str(self.row.file), "--output", str(self.folder)]
        begun = list(self.folder.glob("*/*/checkpoints/last.ckpt"))
        record = ["--tracking.group", self.root.name, "--tracking.job_type", "comparison-run"]
        record += self.row.tracking
        return words + (
            ["--resume", "last"]
            if begun
            else [*record, *self._flags(), "--seed_everything", str(self.seed)]
        )

    def _flags(self) -> tuple[str, ...]:
        if self.after is None:
            return self.flags
        before = self.after.result()["run"]
        return tuple(flag.replace("{run}", before) for flag in self.flags)


@dataclass
class _Count:
    """The progress of jobs of one kind, such as all fine-tuning runs."""

    known: int  # finished before
    left: int
    work: float  # of those that are left
    ended: int = 0
    timed: float = 0.0  # work of these; without what another study made meanwhile
    began: float = 0.0

    def step(self, work: float, timed: bool) -> tuple[str, str]:
        """Counts a job that has ended; returns the count and the time that is left, as text."""
        self.ended, self.left, self.work = self.ended + 1, self.left - 1, self.work - work
        self.timed += work * timed
        done, of = self.known + self.ended, self.known + self.ended + self.left
        count = f"{done:>{len(str(of))}}/{of}"
        if not self.timed or not self.left:
            return count, ""
        minutes = (time.monotonic() - self.began) / self.timed * self.work / 60
        return count, f", about {minutes:.0f} min left"


class Comparison:
    """Runs jobs, a fixed number at a time; a job that has finished before is not repeated."""

    def __init__(
        self,
        jobs: list[Job],
        at_once: int,
        measure: Callable[[dict[str, Any]], tuple[str, float]] = main_metric,
    ) -> None:
        self.jobs, self.at_once, self.measure = jobs, at_once, measure
        self.processes: dict[Job, BaseProcess] = {}
        self.failed: dict[Job, str] = {}
        self.stopped, self.lock = False, Lock()
        self.counts: dict[bool, _Count] = {}
        self.taken: set[Job] = set()

    def run(self) -> None:
        """Runs all jobs that have not finished; ``failed`` then holds the reasons of failures.

        Raises:
            ValueError: If a finished run lacks the metric to compare by. All runs then stop.
        """
        waiting = [job for job in self.jobs if job.result() is None]
        ended = set(self.jobs) - set(waiting)
        for job in self.jobs:
            if job in ended:
                self.measure(job.result())
        if ended:
            print(f"{len(ended)} of {len(self.jobs)} runs have been made before")
        for later in (False, True):
            known, left = (
                [j.work for j in s if (j.after is not None) is later] for s in (ended, waiting)
            )
            self.counts[later] = _Count(len(known), len(left), sum(left))
        pool, running = ThreadPoolExecutor(self.at_once), dict[Future[str], Job]()
        try:
            while True:
                ready = [job for job in waiting if job.after is None or job.after in ended]
                waiting = [job for job in waiting if job not in ready]
                able = [job for job in ready if job.after is None or job.after.result()]
                running |= {pool.submit(self._one, job): job for job in able}
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    job = running.pop(future)
                    ended.add(job)
                    group = self.counts[job.after is not None]
                    count, ahead = group.step(job.work, job not in self.taken)
                    line = f"{job.row.name}, seed {job.seed}: {future.result()}"
                    print(f"{count}  {line}{ahead}", flush=True)
        except BaseException:
            self._stop()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _one(self, job: Job) -> str:
        if self.stopped:
            return "not run"
        if made := job.result():  # meanwhile, by another study in the same folder
            self.taken.add(job)
            return self._said(made)
        count = self.counts[job.after is not None]
        count.began = count.began or time.monotonic()
        job.folder.mkdir(parents=True, exist_ok=True)
        log, environment = job.folder / "log.txt", share_of_cores(self.at_once)
        process = workers.start(job.command(), log, environment)
        with self.lock:
            self.processes[job] = process
            if self.stopped:  # while it started
                os.kill(process.pid, signal.SIGINT)
        process.join()
        code, result = process.exitcode, job.result()
        if code == 0 and result:
            return self._said(result)
        lines = [
            line.strip()
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
            if line.strip()
        ]
        self.failed[job] = f"{lines[-1] if lines else 'nothing was said'} (see {log})"
        return f"failed with exit code {code}: {self.failed[job]}"

    def _said(self, result: dict[str, Any]) -> str:
        name, value = on_validation(result, *self.measure(result))
        return f"{name} {value:.4f}, {result['seconds']:.0f} s"

    def _stop(self) -> None:
        """Interrupts all runs, which close their records and keep their last checkpoints."""
        with self.lock:
            self.stopped = True
            running = [process for process in self.processes.values() if process.is_alive()]
            for process in running:
                os.kill(process.pid, signal.SIGINT)
        for process in running:
            process.join()


def share_of_cores(at_once: int) -> dict[str, str]:
    """The environment that shares the cores among so many runs, unless the user has set it."""
    threads = str(max(1, usable_cores() // at_once))
    return {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)}
