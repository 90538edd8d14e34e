"""Tasks, one file each, and how a checkpoint holds one."""

import inspect
from typing import Any

from modules.builtin_values import to_builtin
from modules.registry import find
from modules.tasks.base import Task
from modules.user_classes import reference


def to_dict(task: Task) -> dict[str, Any]:
    """The name and the arguments of a task, for checkpoints: plain values only.

    Raises:
        ValueError: If its ``arguments`` do not rebuild it, or hold another kind of value.
    """
    kind = type(task)
    if kind.arguments is Task.arguments and not hasattr(task, "head"):
        raise ValueError(f"{kind.__name__}: has no head, so that it must override arguments()")
    arguments = to_builtin(task.arguments())
    try:
        inspect.signature(kind.__init__).bind(task, **arguments)
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: arguments() does not rebuild it: {error}") from error
    for name, value in arguments.items():
        if not _plain(value):
            raise ValueError(
                f"{kind.__name__}: arguments() holds a {type(value).__name__} as {name}, and has "
                f"to hold numbers, text, lists and mappings alone"
            )
    return {"name": reference(kind), "arguments": arguments}


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_plain(one) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return all(_plain(one) for one in value)
    return value is None or isinstance(value, bool | int | float | str)


def from_dict(stored: Task | dict[str, Any]) -> Task:
    """The task of what :func:`to_dict` gave; a task is returned as it is.

    Raises:
        ValueError: If there is no class of that name, it does not take these arguments, or what is
            given is no task.
    """
    if isinstance(stored, Task):
        if getattr(stored, "monitor", None) is None or getattr(stored, "mode", None) is None:
            raise ValueError(
                f"{type(stored).__name__}: must have a monitor, such as val/loss, and a mode, min "
                f"or max"
            )
        return stored
    if not isinstance(stored, dict):
        name = stored.__name__ if isinstance(stored, type) else stored
        raise ValueError(f"--model.task {name}: no object of a task; give one, as Classification()")
    kind = find(Task, stored["name"])
    try:
        return kind(**stored["arguments"])
    except TypeError as error:
        raise ValueError(f"{stored['name']}: arguments() does not rebuild it: {error}") from error
