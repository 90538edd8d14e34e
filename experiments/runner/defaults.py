"""The defaults of an experiment's flags: its own, and the Trainer's."""

from typing import Any

from modules.finetuning.base import FineTuningModule
from modules.kernels import trainer_precision

TRAINER_DEFAULTS = {
    "trainer.gradient_clip_val": 1.0,
    "trainer.log_every_n_steps": 10,
    "trainer.num_sanity_val_steps": 0,
    "trainer.enable_model_summary": False,
    "trainer.use_distributed_sampler": False,  # our sampler shares the rows out
}
_EPOCHS = {"trainer.max_epochs": 2}  # of a strategy for which nothing is tuned


def defaults_of(classes: dict[str, Any], stated: dict[str, Any]) -> dict[str, Any]:
    """The defaults of the Trainer's flags, and the classes with the arguments that are stated.

    Args:
        classes: The classes of ``model`` and ``data``.
        stated: The experiment's own defaults by flag, as ``{"trainer.max_epochs": 2}``.
    """
    given = {"trainer.precision": trainer_precision(), **TRAINER_DEFAULTS}
    given |= (_EPOCHS if issubclass(classes["model"], FineTuningModule) else {}) | stated
    found = {key: value for key, value in given.items() if key.startswith("trainer.")}
    for key, chosen in classes.items():
        own = _below(key, given)
        if key == "model" and chosen.default_task is not None:
            task, kind = _below("task", own), own.get("task", chosen.default_task)
            own = {k: v for k, v in own.items() if k.partition(".")[0] != "task"}
            own["task"] = {"class_path": f"modules.{kind}", "init_args": task}
        path = f"{chosen.__module__}.{chosen.__qualname__}"
        found[key] = {"class_path": path, "init_args": own}
    return found


def _below(key: str, settings: dict[str, Any]) -> dict[str, Any]:
    lead = f"{key}."
    return {k.removeprefix(lead): v for k, v in settings.items() if k.startswith(lead)}
