"""The place of a run's record, and the commands that show and upload it."""

from pathlib import Path
from typing import TYPE_CHECKING

from experiments.common.shell import program, relative, shown
from experiments.tracking.keys import run_folders

if TYPE_CHECKING:  # it takes seconds that not every command needs
    from lightning.pytorch.loggers import WandbLogger


def where(logger: "WandbLogger") -> str:
    """The place of the run's record and the commands that show it, for the last screen."""
    run = logger._experiment
    if run is None or run.disabled:
        return "W&B is disabled: nothing was tracked"
    if not run.offline:
        return f"W&B run: {run.url}"
    wandb = program("wandb")
    newest = shown(run_folders(Path(logger.save_dir))[-1])
    return "\n".join(
        [
            f"look:   {wandb} leet {newest}",
            f"values: {wandb} leet inspect --summary {newest}",
            f"upload: {upload(Path(logger.save_dir))}",
        ]
    )


def upload(folder: Path) -> str:
    """The command that uploads a run, or what the server lacks of it."""
    return f"{program('pretune')} sync {shown(folder)}"


def address(logger: "WandbLogger") -> str | None:
    """The run's URL, or its newest folder if it is offline; None if nothing is tracked."""
    run = logger._experiment
    if run is None or run.disabled:
        return None
    return relative(run_folders(Path(logger.save_dir))[-1]) if run.offline else run.url
