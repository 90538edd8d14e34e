"""Every task by name, and how a checkpoint holds one."""

from typing import Any

from modules.tasks.base import Task
from modules.tasks.classification import Classification
from modules.tasks.instruction_following import InstructionFollowing
from modules.tasks.language_modeling import LanguageModeling
from modules.tasks.multilabel import MultiLabel
from modules.tasks.pair_classification import PairClassification
from modules.tasks.prompted_classification import PromptedClassification
from modules.tasks.regression import Regression

TASKS: dict[str, type[Task]] = {
    task.__name__: task
    for task in (
        Classification,
        InstructionFollowing,
        LanguageModeling,
        MultiLabel,
        PairClassification,
        PromptedClassification,
        Regression,
    )
}


def restore(task: Task | dict) -> Task:
    """A task from what a checkpoint holds of it."""
    if isinstance(task, Task):
        return task
    return TASKS[task["name"]](**task["arguments"])


def stored(task: Task) -> dict:
    return {"name": type(task).__name__, "arguments": task.arguments()}


def plain(value: Any) -> Any:
    """A copy with Python's own numbers in place of the command line's restricted ones.

    Checkpoints are read with ``weights_only=True``, which knows no other types.
    """
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return int(value) if isinstance(value, int) else float(value)
