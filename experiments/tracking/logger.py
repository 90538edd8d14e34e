"""Opens a tracked run, logs to it, and closes it with its state.

The functions import `wandb` when they run: the import takes half a second, which `--help` does
without.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only, rank_zero_warn

from experiments.common.metrics import lower_is_better
from experiments.common.redaction import redact, redact_argv
from experiments.common.shell import git_commit
from experiments.tracking.artifacts import publish
from experiments.tracking.keys import STATES, STEP, merge_summary, run_folders
from experiments.tracking.locations import address, upload, where
from experiments.tracking.run_reader import read_run
from experiments.tracking.settings import Tracking, resolve_mode
from experiments.tracking.shutdown import finish_within_limit, forget_service

__all__ = [
    "RunLogger",
    "Tracking",
    "address",
    "finish",
    "git_commit",
    "redact",
    "resolve_mode",
    "start_logger",
    "where",
]

State = Literal["finished", "interrupted", "failed"]
EXIT_CODES = {"finished": 0, "failed": 1, "interrupted": 130}
TAIL_SECONDS = 3.0  # three times the delay of W&B's log
FINISH_SECONDS = 300  # for the server to take the rest; without a limit a dead one holds the GPU
_placed: set[str] = set()  # environment variables that start_logger set and finish takes back


class RunLogger(WandbLogger):
    """Lightning's logger for a run that was opened with its complete config."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.closed = False
        self.earlier: dict[str, Any] = {}  # summary of the parts before a resume
        self.metric_facts: dict[str, Any] = {}  # those that the classes of the run declare
        self._tail: deque[tuple[float, dict[str, Any]]] = deque()
        self._best: dict[str, dict[str, float]] = {}

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: the record holds the parsed config already."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs metrics; the summary keeps the best value of each `val/` metric, not the last."""
        numbers = {k: float(v) for k, v in metrics.items() if isinstance(v, (int, float))}
        for key in [k for k in numbers if k.startswith("val/")]:
            kind = "min" if lower_is_better(key, self.metric_facts) else "max"
            if key not in self._best:
                # Without step_metric the definition would drop Lightning's step axis.
                self.experiment.define_metric(key, step_metric=STEP, summary=kind)
                self._best[key] = {}
            merge_summary(self._best, {key: {kind: numbers[key]}})
        super().log_metrics(metrics, step)
        if step is not None:
            now = time.monotonic()
            self._tail.append((now, {**numbers, STEP: step}))
            while now - self._tail[0][0] > TAIL_SECONDS:
                self._tail.popleft()

    def best(self) -> dict[str, dict[str, float]]:
        """The best value of each `val/` metric, over all parts of a resumed run."""
        before = {key: self.earlier[key] for key in self._best if key in self.earlier}
        merged = {key: dict(value) for key, value in self._best.items()}
        merge_summary(merged, before)
        return merged

    def tail(self) -> list[dict[str, Any]]:
        """The rows of the last seconds, which W&B may not have written to disk yet."""
        return [row for _, row in self._tail]


def start_logger(
    tracking: Tracking,
    run_dir: Path,
    run_id: str,
    config: Any,
    extra_tags: list[str],
    resume: bool,
    name: str = "",
) -> RunLogger:
    """Opens the run in `run_dir/wandb` on rank 0; other ranks get a logger that logs nothing.

    Args:
        tracking: The flags of the record; their name, or WANDB_NAME, comes before ``name``.
        run_dir: The folder of the run.
        run_id: The id of the run.
        config: The complete config.
        extra_tags: Tags beside those of the flags.
        resume: Whether the run goes on.
        name: The name of the run.
    """
    mode, _ = resolve_mode(tracking)
    run_dir = Path(run_dir).resolve()  # wandb stores staged paths, and sync may run elsewhere
    name = tracking.name or os.environ.get("WANDB_NAME") or name
    run, earlier = None, {}
    if rank_zero_only.rank == 0:
        if resume and mode != "disabled" and run_folders(run_dir):
            try:
                earlier = read_run(run_dir).summary
            except ValueError as error:
                rank_zero_warn(f"{error}: the best values of the earlier part are not counted")
        run = _open_run(tracking, mode, run_dir, run_id, config, extra_tags, resume, name)
    logger = RunLogger(experiment=run, project=tracking.project, id=run_id, save_dir=run_dir)
    logger.earlier, logger.metric_facts = earlier, config.get("metric_facts", {})
    return logger


def _open_run(
    tracking: Tracking,
    mode: str,
    run_dir: Path,
    run_id: str,
    config: Any,
    extra_tags: list[str],
    resume: bool,
    name: str,
) -> Any:
    import wandb

    if mode != "disabled":
        (run_dir / "wandb").mkdir(parents=True, exist_ok=True)
        _place("WANDB_DATA_DIR", run_dir / "wandb" / "staging")
        _place("WANDB_CACHE_DIR", run_dir / "wandb" / "cache")
    if mode != "online":
        _place("WANDB_ERROR_REPORTING", "false")  # else it looks up a host name even offline
    _place("WANDB_SHOW_INFO", "false")  # warnings and errors still show
    if "wandb.sdk.launch" not in sys.modules:
        # init looks for inputs staged by a launch job; importing the code for it takes a second.
        wandb.sdk.wandb_run.Run._detect_and_apply_job_inputs = lambda run: None
    if wandb.run is None:
        forget_service()  # it and the settings keep the environment they started with
    commit = git_commit()
    tags = [*tracking.tags, *filter(None, os.environ.get("WANDB_TAGS", "").split(","))]
    settings = wandb.Settings(
        # With the default of 15 s, a kill -9 would cost as much.
        x_transaction_log_flush_interval=1,
        console="off",  # the progress bar would fill the log
        save_code=False,
        disable_code=True,
        disable_git=True,  # the remote's address can hold a token; the commit is given here
        git_commit=commit and commit.removesuffix("-dirty"),
        reinit="finish_previous",
        init_timeout=30,
        quiet=True,
        silent=mode != "online",
    )

    if mode == "online":  # with a limit the log may be written to its end only after the run's
        limit = float(os.environ.get("WANDB_FINISH_TIMEOUT", FINISH_SECONDS))
        settings.finish_timeout, settings.finish_timeout_raises = limit, True

    def open_as(mode: str) -> Any:
        with _clean_argv():
            return wandb.init(
                mode=mode,
                dir=run_dir,
                id=run_id,
                resume="allow" if resume else None,
                config=redact(config),
                project=tracking.project,
                group=redact(tracking.group),
                name=redact(name) or None,
                job_type=redact(tracking.job_type),
                tags=[tag[:64] for tag in dict.fromkeys(redact([*tags, *extra_tags]))],  # its limit
                settings=settings,
            )

    try:
        run = open_as(mode)
    except wandb.errors.CommError as error:
        reason = f"W&B does not answer ({str(error).splitlines()[0]})"
        if tracking.mode == "online":
            raise ValueError(f"--tracking.mode online: {reason}") from None
        rank_zero_warn(f"{reason}: tracked offline; to upload it later: {upload(run_dir)}")
        forget_service()  # it still holds the run's id
        run = open_as("offline")
    run.log_artifact = partial(publish, run)  # which a table calls when it is logged
    run.define_metric(STEP)
    run.define_metric("*", step_metric=STEP, step_sync=True)
    return run


def finish(logger: RunLogger, state: State, summary: Mapping[str, Any]) -> None:
    """Writes the last values, closes the run, and resets the environment for the next one."""
    run = logger._experiment
    if run is None or logger.closed:
        return
    logger.closed = True
    # wandb's own best begins anew with each part of a resumed run; of the state it knows only an
    # exit code, and a resumed run brings the tags of its first part.
    run.summary.update({**logger.best(), **redact({**summary, "state": state})})
    kept = [tag for tag in run.tags or () if tag not in STATES]
    run.tags = (*kept, state) if state in STATES else tuple(kept)
    if not finish_within_limit(run, EXIT_CODES[state]):
        rest = upload(Path(logger.save_dir))
        rank_zero_warn(f"W&B did not take all of the run; to upload the rest: {rest}")
    while _placed:
        os.environ.pop(_placed.pop(), None)


def _place(name: str, value: Any) -> None:
    """Sets an environment variable unless the user did; ``finish`` removes it."""
    if name not in os.environ or name in _placed:
        os.environ[name] = str(value)
        _placed.add(name)


@contextmanager
def _clean_argv() -> Iterator[None]:
    """Hides secrets in the command line, which wandb records."""
    argv = sys.argv
    sys.argv = argv[:1] + redact_argv(argv[1:])
    try:
        yield
    finally:
        sys.argv = argv
