"""Test rows that wait until the user asks for them."""

import json
import sys
from typing import TYPE_CHECKING, Any

from callbacks.before_and_after import BeforeAndAfter
from experiments.common.shell import this_command
from experiments.runner import run_folder
from experiments.runner.given_flags import listed

if TYPE_CHECKING:
    from experiments.runner.run import Run

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


def earlier(run: "Run") -> dict[str, Any]:
    """The result of the run up to the test that was held out, which is now asked for; else empty.

    Raises:
        ValueError: If the run has kept no weights to test.
    """
    file = run.folder / "result.json"
    if run.resumed is None or not run_folder.held_out(run.folder):
        return {}
    if run.model.trains and not (run.last.exists() or run.last.with_name("best.ckpt").exists()):
        raise ValueError(f"--hold_out_test false: {run.folder.name} has kept no checkpoint to test")
    return json.loads(file.read_text(encoding="utf-8"))


def kept(result: dict[str, Any]) -> dict[str, Any]:
    """The entries of an earlier result that a later test leaves as they are."""
    return {key: value for key, value in result.items() if key not in _CHANGED}


def how_to_test(run: "Run") -> str:
    """The command that tests the run."""
    return this_command([sys.argv[0], "--resume", run.word, "--hold_out_test", "false"])
