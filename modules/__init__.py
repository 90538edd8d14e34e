"""Every objective, strategy, way of prompting and task by name: ``from modules import LoRA``.

The classes are found in the folders: a new one needs its own file and no other place.
"""

from typing import Any

from modules import finetuning, pretraining, prompting, tasks
from modules.exporting import export
from modules.finetuning.base import FineTuningModule
from modules.loading import load
from modules.pretraining.base import PretrainingModule
from modules.prompting.base import PromptingModule
from modules.registry import import_submodules, registered
from modules.tuning import Tuned, tuned_settings

for _package in (tasks, pretraining, finetuning, prompting):
    import_submodules(_package)

__all__ = [
    *registered(PretrainingModule),
    *registered(FineTuningModule),
    *registered(PromptingModule),
    *registered(tasks.Task),
    "Tuned",
    "export",
    "load",
    "tuned_settings",
]


def __getattr__(name: str) -> Any:
    """A class by its name, also one that a user's own file has registered."""
    try:
        return registered(object)[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *registered(object)})
