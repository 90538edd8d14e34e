"""Builds the parts of a run from the parsed flags: data, module, callbacks, Trainer."""

from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import BatchSizeFinder, Callback, Checkpoint, ProgressBar
from lightning.pytorch.loggers import Logger

from experiments.common import distributed
from experiments.common.exits import one_line
from experiments.runner.command_line import CommandLine
from experiments.runner.run import Run


def assemble(line: CommandLine) -> tuple[Run, Trainer, list[Logger]]:
    """Builds the run, its Trainer, and the loggers that the user added.

    It writes nothing: a mistake in data, module or Trainer shows before there is a folder.

    Raises:
        ValueError: If the parts do not fit together; the message names the flag to change.
    """
    built = line.build()
    model, data = built.model, built.data
    model.configure_data(data)
    data.setup("fit")
    model.check_data(data)
    run = Run(line.name, line.config, line.parsed, data, model, line.resumed)
    settings = dict(built.trainer)
    for key in ("callbacks", "logger", "plugins"):
        value = settings[key]
        settings[key] = value if isinstance(value, list) else [value] if value else []
    _check(settings, data)
    loggers = [logger for logger in settings["logger"] if logger is not True]
    settings["logger"] = False  # the run's own comes when there is a folder to keep it in
    settings["callbacks"] += _not_replaced(run.callbacks, settings)
    settings["plugins"] += [run.checkpoint_io]
    settings["default_root_dir"] = str(run.folder)
    try:
        return run, Trainer(**settings), loggers
    except Exception as error:  # Lightning's checks of its flags are of many types
        raise ValueError(f"{line.parser.blamed(str(error))}: {one_line(error)}") from error


def _check(settings: dict[str, Any], data: Any) -> None:
    if settings["default_root_dir"] is not None:
        raise ValueError("--trainer.default_root_dir: a run's folder is below --output; set that")
    if settings["barebones"]:
        raise ValueError(
            "--trainer.barebones: leaves out checkpoints, callbacks and records, which every run "
            "has; --tracking.mode disabled and --trainer.enable_progress_bar false are the least"
        )
    if settings["num_nodes"] > 1 and not distributed.launched_externally():
        raise ValueError(
            "--trainer.num_nodes: start several machines with torchrun or srun; docs/scaling.md "
            "has the commands"
        )
    finders = [c for c in settings["callbacks"] if isinstance(c, BatchSizeFinder)]
    if finders and data.batch_size is None:
        raise ValueError(
            "--trainer.callbacks BatchSizeFinder: needs a --data.batch_size to start from"
        )


def _not_replaced(ours: list[Callback], settings: dict[str, Any]) -> list[Callback]:
    """Our callbacks, without those that flags or the user's own callbacks replace."""
    replaced: tuple[type, ...] = ()
    bars = any(isinstance(callback, ProgressBar) for callback in settings["callbacks"])
    if settings["enable_progress_bar"] is False or bars:
        replaced += (ProgressBar,)
    if settings["enable_checkpointing"] is False:
        replaced += (Checkpoint,)
    return [callback for callback in ours if not isinstance(callback, replaced)]
