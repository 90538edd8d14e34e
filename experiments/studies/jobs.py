"""Runs of experiments, a fixed number at a time; what has finished before is not repeated."""

import hashlib
import json
import os
import re
import signal
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock
from typing import Any

from experiments.reporting.results import headline
from experiments.studies import workers

EXPERIMENTS = Path(__file__).parents[1]


def script_name(script: Path) -> str:
    """As ``Row.script`` has it."""
    return script.stem if script.parent == EXPERIMENTS else str(script)


@dataclass(frozen=True)
class Row:
    """A row of the table: an experiment's file and the flags that differ from its defaults.

    Attributes:
        script: name of a file of ``experiments/``, or the path of another, with its ``.py``.
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
        theirs = self.script.endswith(".py")
        return Path(self.script) if theirs else EXPERIMENTS / f"{self.script}.py"


@dataclass(frozen=True)
class Job:
    """One run of a row. Its folder is a function of all that was asked for.

    Attributes:
        after: the job that must have finished before; ``{run}`` in the flags is its run's folder.
    """

    row: Row
    seed: int
    flags: tuple[str, ...]
    root: Path
    after: "Job | None" = None

    @property
    def folder(self) -> Path:
        asked = json.dumps([self.row.script, self._flags()])
        mark = hashlib.sha256(asked.encode()).hexdigest()[:6]
        name = re.sub(r"[^\w.]+", "-", self.row.name)[:80]
        return self.root / "runs" / f"{name}-{mark}-seed{self.seed}"

    def result(self) -> dict[str, Any] | None:
        """What the finished run wrote, or None."""
        if self.after is not None and self.after.result() is None:
            return None
        files = sorted(self.folder.glob("*/*/result.json"))
        return json.loads(files[-1].read_text()) | {"run": str(files[-1].parent)} if files else None

    def command(self) -> list[str]:
        words = [str(self.row.file), "--output", str(self.folder)]
        begun = list(self.folder.glob("*/*/checkpoints/last.ckpt"))
        record = ["--tracking.group", self.root.name, *self.row.tracking]
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
    """Jobs that are counted together: those that wait for others are of another kind and length."""

    known: int  # made before
    left: int
    spent: int = 0
    began: float = 0.0

    def step(self) -> tuple[str, str]:
        """One more has ended: how many of how many, and how long the rest will take."""
        self.spent, self.left = self.spent + 1, self.left - 1
        done, of = self.known + self.spent, self.known + self.spent + self.left
        minutes = (time.monotonic() - self.began) / self.spent * self.left / 60
        return f"{done:>{len(str(of))}}/{of}", f", about {minutes:.0f} min left" * (self.left > 0)


class Comparison:
    """Runs jobs, a fixed number at a time; those that have finished before are not repeated."""

    def __init__(self, jobs: list[Job], at_once: int) -> None:
        self.jobs, self.at_once = jobs, at_once
        self.processes: dict[Job, BaseProcess] = {}
        self.failed: dict[Job, str] = {}
        self.stopped, self.lock = False, Lock()
        self.counts: dict[bool, _Count] = {}

    def run(self) -> None:
        waiting = [job for job in self.jobs if job.result() is None]
        ended = set(self.jobs) - set(waiting)
        if ended:
            print(f"{len(ended)} of {len(self.jobs)} runs have been made before")
        for later in (False, True):
            known, left = (sum((j.after is not None) is later for j in s) for s in (ended, waiting))
            self.counts[later] = _Count(known, left)
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
                    count, ahead = self.counts[job.after is not None].step()
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
            name, value = next(headline(result))
            return f"{name} {value:.4f}, {result['seconds']:.0f} s"
        lines = [line.strip() for line in log.read_text().splitlines() if line.strip()]
        self.failed[job] = f"{lines[-1] if lines else 'nothing was said'} (see {log})"
        return f"failed with exit code {code}: {self.failed[job]}"

    def _stop(self) -> None:
        """Every run closes its record and keeps its last checkpoint."""
        with self.lock:
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
