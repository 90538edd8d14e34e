"""Makes objects of the parsed flags, and says in one line which argument a class refuses."""

import re
from enum import Enum
from traceback import walk_tb
from typing import Any

from jsonargparse import ArgumentParser, Namespace
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import Profiler
from lightning.pytorch.strategies import Strategy

from experiments.common.exits import one_line
from experiments.common.storage import causes

_WRAPPED = ("Union subtypes", "Problem with given class_path")  # how jsonargparse's errors begin
_PARTS = {
    "callbacks": Callback,
    "logger": Logger,
    "profiler": Profiler,
    "strategy": Strategy,
}


def replace_enumerations(settings: Any) -> None:
    """Puts the text of an enumeration that is also text in its place: YAML cannot hold the other.

    The default of Timer's interval is one.
    """
    for key, value in vars(settings).items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Namespace):
                replace_enumerations(part)
        if isinstance(value, str) and isinstance(value, Enum):
            settings[key] = str(value.value)


def build(parser: ArgumentParser, config: Namespace) -> Any:
    """The settings with classes as objects.

    Raises:
        ValueError: If a class refuses its arguments, or lacks a library.
    """
    try:
        return parser.instantiate(config)
    except Exception as error:  # jsonargparse wraps what a class's own __init__ raised
        cause = _unwrapped(error)
        flag = _flag_of(cause)
        if flag and isinstance(cause, ImportError):
            raise ValueError(f"{flag}: {_missing(cause)}") from cause
        if flag and not isinstance(cause, OSError):
            raise ValueError(f"{flag}: {one_line(cause)}") from cause
        raise cause from None


def _unwrapped(error: BaseException) -> BaseException:
    """The error that jsonargparse has wrapped, which is the cause of its own."""
    for one in causes(error):
        error = one
        if not any(words in str(one).partition("\n")[0] for words in _WRAPPED):
            break
    return error


def _flag_of(error: BaseException) -> str:
    """The flag of the Trainer whose class of Lightning's raised the error; empty for others."""
    for frame, _ in walk_tb(error.__traceback__):
        owner = frame.f_locals.get("self")
        for name, kind in _PARTS.items():
            if isinstance(owner, kind) and type(owner).__module__.startswith("lightning."):
                return f"--trainer.{name} {type(owner).__name__}"
    return ""


def _missing(error: ImportError) -> str:
    """Which libraries are missing, and how to install one."""
    names = re.findall(r"Requirement '([\w.-]+)", str(error)) or [error.name or ""]
    if not names[-1]:
        return one_line(error)
    verb = "which is missing" if len(names) == 1 else "and both are missing"
    return f"needs {' or '.join(names)}, {verb}: pip install {names[-1]}"
