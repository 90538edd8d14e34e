"""Where a run lies, how to look at it, and the commit that made it."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.tracking.runs import run_folders

if TYPE_CHECKING:  # it takes seconds that not every command needs
    from lightning.pytorch.loggers import WandbLogger


def where(logger: "WandbLogger") -> str:
    """Where the run is and the commands that show it, for the last screen."""
    run = logger._experiment
    if run is None or run.disabled:
        return "W&B is disabled: nothing was tracked"
    if not run.offline:
        return f"W&B run: {run.url}"
    wandb = typed("wandb")
    newest = _shown(run_folders(Path(logger.save_dir))[-1])
    return "\n".join(
        [
            f"look:   {wandb} leet {newest}",
            f"values: {wandb} leet inspect --summary {newest}",
            f"upload: {upload(Path(logger.save_dir))}",
        ]
    )


def upload(folder: Path) -> str:
    """The command that uploads a run, or what the server has not taken of it."""
    script = Path(__file__).parents[1] / "sync.py"
    return f"{typed('python')} {_shown(script)} {_shown(folder)}"


def address(logger: "WandbLogger") -> str | None:
    """The run's URL, or its newest folder if it is offline; None where nothing is tracked."""
    run = logger._experiment
    if run is None or run.disabled:
        return None
    return relative(run_folders(Path(logger.save_dir))[-1]) if run.offline else run.url


def typed(program: str) -> str:
    """A program of this environment as one would type it here, whether or not it is activated."""
    beside = Path(sys.executable).with_name(program)
    there = beside.exists() and shutil.which(program) != str(beside)
    return _shown(beside) if there else program


def _shown(path: Path) -> str:
    """A path as one would type it here."""
    return shlex.quote(relative(path))


def relative(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def git_commit() -> str | None:
    """Commit of the repository that holds this file, with -dirty if the tree has changes."""

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # not some repository around it
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
