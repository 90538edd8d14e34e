"""Test rows that wait until the user asks for them."""

import json
import sys
from pathlib import Path
from typing import Any

from callbacks.before_and_after import BeforeAndAfter
from experiments.common.shell import this_command
from experiments.runner import run_folder
from experiments.runner.given_flags import listed

# What a later test changes in result.json; all else is of the training.
_CHANGED = {"metrics", "report", "held_out", "config", "outputs", "wandb"}


def check(asked: bool, model: Any, callbacks: Any) -> None:
    """Refuses to hold out test rows that there are not, or that a callback reads.

    Raises:
        ValueError: With the reason.
    """
    if not asked:
        return
    if model.final_split != "test":
        raise ValueError(
            f"--hold_out_test true: {type(model).__name__} is measured on validation rows alone; "
            f"leave it out"
        )
    for callback in listed(callbacks):
        if isinstance(callback, BeforeAndAfter):
            raise ValueError(
                f"--hold_out_test true: {type(callback).__name__} asks test records before and "
                f"after the training; leave it out (--trainer.callbacks null)"
            )


def earlier(folder: Path | None, trains: bool) -> dict[str, Any]:
    """The result of a run up to the test that was held out, which is now asked for; else empty.

    Args:
        folder: The folder of the run that is resumed; None of a new run.
        trains: Whether its module trains, so that there is something to test by a checkpoint.

    Raises:
        ValueError: If the run has kept no weights to test.
    """
    if folder is None or not run_folder.held_out(folder):
        return {}
    files = (folder / "checkpoints" / name for name in ("last.ckpt", "best.ckpt"))
    if trains and not any(file.exists() for file in files):
        raise ValueError(f"--hold_out_test false: {folder.name} has kept no checkpoint to test")
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def kept(result: dict[str, Any]) -> dict[str, Any]:
    """The entries of an earlier result that a later test leaves as they are."""
    return {key: value for key, value in result.items() if key not in _CHANGED}


def how_to_test(word: str) -> str:
    """The command that tests a run, which is given as ``--resume`` takes it."""
    return this_command([sys.argv[0], "--resume", word, "--hold_out_test", "false"])
