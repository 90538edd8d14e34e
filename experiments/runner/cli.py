"""Runs an experiment: parses the command line, assembles the parts, trains, records.

An experiment imports this module first: it answers ``--help`` and mistakes before the imports that
take seconds.
"""

from experiments.runner import flag_index, quick_answers

if _name := flag_index.program():
    quick_answers.answer(_name)
    flag_index.read(_name)  # of the sources as they are imported below

from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule

from experiments.common.exits import guarded
from experiments.runner import assembly, failures, run_folder, slurm, training
from experiments.runner.command_line import CommandLine


def main(
    file: str,
    doc: str,
    model: type[LightningModule],
    data: type[LightningDataModule],
    defaults: dict[str, Any] | None = None,
) -> None:
    """Runs an experiment from the command line.

    Args:
        file: The experiment's file; its name is the experiment's name.
        doc: The text of ``--help`` above the flags.
        model: The module that trains, unless ``--model`` names another.
        data: The data module, unless ``--data`` names another.
        defaults: The defaults of this experiment, as ``{"trainer.max_epochs": 2}``.
    """
    name = Path(file).stem
    with run_folder.released_at_end(), guarded(f"{name}.py") as guard:
        line = CommandLine(name, doc, model, data, defaults or {})
        run, trainer, loggers = assembly.assemble(line)
        run.open(trainer, loggers)
        guard.run = run
        try:
            with failures.one_line_with_flag(line.parser):
                training.train(run) if run.model.trains else training.evaluate(run)
        finally:
            run.requeued = slurm.requeue(trainer)
