"""Tasks, one file each, and how a checkpoint holds one."""

from typing import Any

from modules.builtin_values import to_builtin
from modules.registry import find
from modules.tasks.base import Task
from modules.user_classes import reference


def to_dict(task: Task) -> dict[str, Any]:
    """The name and the arguments of a task, for checkpoints: plain values only."""
    return {"name": reference(type(task)), "arguments": to_builtin(task.arguments())}


def from_dict(stored: Task | dict[str, Any]) -> Task:
    """The task of what :func:`to_dict` gave; a task is returned as it is.

    Raises:
        ValueError: If there is no class of that name, or it does not take these arguments.
    """
    if isinstance(stored, Task):
        return stored
    kind = find(Task, stored["name"])
    try:
        return kind(**stored["arguments"])
    except TypeError as error:
        raise ValueError(f"{stored['name']}: arguments() does not rebuild it: {error}") from error
