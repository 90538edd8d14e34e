"""Runs of the real experiments on tiny parts: in this process, or as a command line."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from experiments.tracking import wandb_log
from experiments.tracking.keys import run_folders
from experiments.tracking.run_reader import read_run
from experiments.tracking.wandb_log import LogContents
from tests.experiments import forking
from tests.wandb_server import Server

ROOT = Path(__file__).parents[2]
GOOD, BAD = "good great fine".split(), "bad awful dull".split()
TINY_PRETRAINING = """--model.size tiny --data.row_tokens 24 --data.batch_size 4
    --trainer.accelerator cpu --trainer.precision 32-true --trainer.log_every_n_steps 1
    --trainer.max_epochs 2""".split()


def write_rows(file: Path, count: int = 120) -> Path:
    """A CSV of texts whose first word tells the class; each text is another."""
    draw = random.Random(0)
    lines = ["text,label"]
    for number in range(count):
        word = draw.choice(GOOD if number % 2 else BAD)
        rest = " ".join(draw.choices("film plot the a very cast".split(), k=draw.randint(2, 7)))
        lines.append(f"{word} {rest} {number},{('negative', 'positive')[number % 2]}")
    file.write_text("\n".join(lines) + "\n")
    return file


def flags(backbone: str, *more: Any, tracked: bool = False) -> list[str]:
    """A run of four steps in two epochs that is not tracked unless it is to be looked at."""
    line = f"""--model.backbone {backbone} --data TextFiles --data.source my.csv
        --data.batch_tokens 512 --trainer.accelerator cpu --trainer.precision 32-true
        --trainer.max_epochs 2 --trainer.log_every_n_steps 1""".split()
    line += [] if tracked else ["--tracking.mode", "disabled"]
    return line + [str(word) for word in more]


def environment(cache: Path, server: Server | None = None) -> dict[str, str]:
    """Of a user who has no account, or one on a server of the tests."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "PRETUNE_"))}
    clean.pop("LOCAL_RANK", None)
    return clean | {
        "PRETUNE_CACHE": str(cache),
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        **(server.variables if server else {"WANDB_MODE": "offline"}),
    }


def start(
    words: list[str],
    folder: Path,
    cache: Path,
    script: str = "lora_sst2",
    server: Server | None = None,
    begin: Callable[..., subprocess.Popen] = forking.start,
    **options: Any,
) -> subprocess.Popen:
    """The real command line, in a process group of its own as a shell would make it.

    Args:
        words: The flags.
        folder: The working directory.
        cache: The user's cache.
        script: The name of the script in ``experiments/``.
        server: The W&B server of the user, who otherwise has no account.
        begin: Begins the process: ``subprocess.Popen`` for one that imports everything itself.
        options: Those of ``begin``.
    """
    command = [sys.executable, str(ROOT / "experiments" / f"{script}.py"), *words]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    own = {"cwd": folder, "env": environment(cache, server), "start_new_session": True}
    return begin(command, **streams | own | options)


def call(*words: Any, **settings: Any) -> tuple[int, str, str]:
    """Exit code, output and errors of what :func:`start` starts, when it has ended."""
    process = start(*words, **settings)
    said = process.communicate(timeout=240)
    return process.returncode, *said


def written(run: Path) -> Path:
    """A run's newest log, when W&B has written its end: that may be a moment after the run's."""
    log = next(run_folders(run)[-1].glob("run-*.wandb"))
    deadline = time.monotonic() + 10
    while wandb_log.read(log).exit is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return log


def recorded(run: Path) -> LogContents:
    """What W&B's logs hold of a run that has ended."""
    written(run)
    return read_run(run)


def only_run(folder: Path, experiment: str = "lora_sst2") -> Path:
    (run,) = (folder / "outputs" / experiment).iterdir()
    return run


def finished(ended: Any) -> Any:
    """The call that is given, checked to have ended without an error."""
    assert ended.code == 0, ended
    return ended


def result(run: Path) -> dict[str, Any]:
    return json.loads((run / "result.json").read_text())


def config(run: Path) -> dict[str, Any]:
    return yaml.safe_load((run / "config.yaml").read_text())
