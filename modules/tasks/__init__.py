"""Tasks, one file each, and how a checkpoint holds one."""

from typing import Any

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


def to_builtin(value: Any) -> Any:
    """Return a copy with Python's own numbers in place of the command line's restricted ones.

    Checkpoints are read with ``weights_only=True``, which knows no other types.
    """
    if isinstance(value, dict):
        return {key: to_builtin(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_builtin(inner) for inner in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return int(value) if isinstance(value, int) else float(value)
