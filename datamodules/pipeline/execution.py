"""Runs the stages of a corpus in order, here, on Ray or on Slurm; a second call resumes."""

import contextlib
import errno
import io
import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pyarrow.parquet as pq
from datatrove.executor import LocalPipelineExecutor, RayPipelineExecutor, SlurmPipelineExecutor
from datatrove.executor.base import PipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupSignature,
)
from datatrove.utils.logging import logger
from multiprocess import forkserver, get_all_start_methods

from datamodules.cores import usable_cores
from datamodules.optional import require
from datamodules.pipeline import reading
from datamodules.pipeline.duplicates import (
    BUCKETS,
    MINHASH,
    ExactDuplicates,
    KeptDocuments,
    NearDuplicates,
)
from datamodules.pipeline.filtering import DocumentFilter, kept_files
from datamodules.pipeline.formatting import Formatting, Manifest
from datamodules.pipeline.mixing import Weights
from datamodules.pipeline.normalization import NormalizedWords
from datamodules.pipeline.progress import shown
from datamodules.pipeline.settings import Settings
from datamodules.pipeline.stage_files import add_seconds, write_json
from datamodules.pipeline.tokenizing import Tokenizer

_LOADED = ["__main__", "datamodules.pipeline.execution"]  # once, for all worker processes


@dataclass(frozen=True)
class Stage:
    """A list of steps that documents pass through, shared by a number of tasks."""

    name: str
    steps: list[PipelineStep]
    tasks: int


def stages(settings: Settings, facts: dict[str, Any]) -> list[Stage]:
    """List the stages from raw documents to the manifest."""
    work, tasks = settings.work, settings.tasks
    read = reading.DocumentReader(
        settings.sources, settings.unreadable == "stop", work / "progress" / "screen"
    )
    found = [Stage("screen", [read, DocumentFilter(settings, read)], tasks)]
    found.append(Stage("exact duplicates", [ExactDuplicates(settings)], 1))
    if settings.near_duplicates < 1:
        places = [str(work / "minhash" / name) for name in ("signatures", "buckets", "clusters")]
        signatures = MinhashDedupSignature(places[0], MINHASH, language=NormalizedWords())
        buckets = MinhashDedupBuckets(places[0], places[1], config=MINHASH)
        cluster = MinhashDedupCluster(places[1], places[2], config=MINHASH, save_cluster_id=True)
        found += [
            Stage("signatures", [KeptDocuments(settings), signatures], tasks),
            Stage("buckets", [buckets], BUCKETS),
            Stage("clusters", [cluster], 1),
            Stage("near duplicates", [NearDuplicates(settings)], 1),
        ]
    if settings.weights:
        found.append(Stage("weights", [Weights(settings)], 1))
    found += [
        Stage("tokenizer", [Tokenizer(settings)], 1),
        Stage("format", [Formatting(settings)], tasks),
        Stage("manifest", [Manifest(settings, facts)], 1),
    ]
    return found


class _Quiet(PipelineExecutor):
    """An executor whose messages go to the task's log only."""

    def _run_for_rank(self, rank: int, *args: Any, **kwargs: Any) -> Any:
        with contextlib.redirect_stderr(io.StringIO()):
            return super()._run_for_rank(rank, *args, **kwargs)


class _Local(_Quiet, LocalPipelineExecutor):
    pass


class _Ray(_Quiet, RayPipelineExecutor):
    pass


def run(settings: Settings, plan: list[Stage]) -> None:
    """Run all stages that are not done yet, with a bar for each. Not for Slurm."""
    logger.remove()
    workers = settings.workers or usable_cores()
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    forks = "forkserver" in get_all_start_methods()  # not on Windows
    if workers > 1 and forks:
        _start_forkserver(settings.work / "logs" / "workers.txt")
    if settings.executor == "ray":
        _join_ray(workers)
    for number, stage in enumerate(plan, 1):
        logs = settings.work / "logs" / stage.name.replace(" ", "_")
        options: dict[str, Any] = {"logging_dir": str(logs), "tasks": stage.tasks}
        options["workers"] = min(workers, stage.tasks)
        executor = _Ray if settings.executor == "ray" and stage.tasks > 1 else _Local
        if executor is _Local and not forks:
            options["start_method"] = "spawn"
        label = f"{number}/{len(plan)} {stage.name}"
        began = monotonic()
        with shown(label, stage.tasks, logs, settings.work / "progress" / stage.name):
            try:
                executor(stage.steps, **options).run()
            except (ValueError, OSError) as error:
                raise _as_own_error(error, logs) from error
            finally:
                add_seconds(settings.work, stage.name, monotonic() - began)
        missing = stage.tasks - len(list((logs / "completions").glob("*")))
        if missing:
            raise RuntimeError(
                f"{missing} of {stage.tasks} tasks of {stage.name} failed; see {logs / 'logs'}"
            )


def _as_own_error(error: Exception, logs: Path) -> Exception:
    """Turn the error of a worker into one of this process, so that it ends in one line."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if isinstance(error, OSError) and error.errno in full:
        return OSError(error.errno, os.strerror(error.errno), error.filename or str(logs.parent))
    return ValueError(str(error).strip().split("\n")[0])


def _start_forkserver(log: Path) -> None:
    """Start the server that worker processes fork off, with everything loaded and without Ctrl-C.

    What they say beyond their tasks' logs, such as where one died that was just being born, is in
    a file: on the screen it would bury our own last line.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    forkserver.set_forkserver_preload(_LOADED)
    before, screen = signal.signal(signal.SIGINT, signal.SIG_IGN), os.dup(2)
    try:
        with open(log, "a", encoding="utf-8") as file:
            os.dup2(file.fileno(), 2)
        forkserver.ensure_running()
    finally:
        os.dup2(screen, 2)
        os.close(screen)
        signal.signal(signal.SIGINT, before)


def _join_ray(workers: int) -> None:
    ray = require("ray", "ray", "shares the tasks out")
    if not ray.is_initialized():
        address = os.environ.get("RAY_ADDRESS")
        local = {} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(address=address, log_to_driver=False, logging_level="error", **local)


def submit(settings: Settings, plan: list[Stage]) -> list[str]:
    """Hand all stages to Slurm, each after the one before; returns the jobs' numbers."""
    if not shutil.which("sbatch"):
        raise ValueError("--executor slurm: there is no sbatch on this machine")
    logger.remove()
    jobs: list[SlurmPipelineExecutor] = []
    for stage in plan:
        jobs.append(
            SlurmPipelineExecutor(
                stage.steps,
                tasks=stage.tasks,
                workers=settings.workers or -1,
                time=settings.time_limit,
                partition=settings.partition,
                job_name=stage.name.replace(" ", "_"),
                qos="",
                logging_dir=str(settings.work / "logs" / stage.name.replace(" ", "_")),
                depends=jobs[-1] if jobs else None,
                venv_path=_activate(),
            )
        )
    jobs[-1].run()
    return [str(job.job_id) for job in jobs if job.job_id not in (None, -1)]


def _activate() -> str | None:
    script = Path(sys.prefix) / "bin" / "activate"
    return str(script) if script.exists() else None


def claim_folder(settings: Settings, origin: str) -> bool:
    """Take the output folder, or resume in it; returns whether the corpus is finished.

    A folder that holds another corpus, or something else, is an error. An attempt that left no
    document is made anew: other settings, or another file at the source, may leave some.
    """
    folder, file = settings.folder, settings.folder / "settings.json"
    wanted = settings.content_settings() | {"origin": origin}
    if file.exists():
        there = Settings.completed(json.loads(file.read_text(encoding="utf-8")))
        if _is_empty(settings.work, there["tasks"]):
            shutil.rmtree(settings.work)
            print(f"note   {settings.output}: held no document after the last call; made anew")
        elif there != wanted:
            keys = [key for key in wanted if there.get(key) != wanted[key]]
            differs = ", ".join(f"{key} {there.get(key)!r}, not {wanted[key]!r}" for key in keys)
            raise ValueError(
                f"--output {settings.output}: holds another corpus ({differs}); give another "
                f"folder, or remove that one"
            )
        else:
            return (folder / "manifest.json").exists()
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"--output {settings.output}: is there already and holds no corpus; give another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(file, wanted)
    return False


def _is_empty(work: Path, tasks: int) -> bool:
    """Whether all documents were screened, and none was kept."""
    files = kept_files(work)
    return len(files) == tasks and not any(pq.read_metadata(file).num_rows for file in files)
