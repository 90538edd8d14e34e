"""Messages that name flags on a command line, and arguments where there is none."""

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_command_line = False  # whether this process runs one
_FLAG = re.compile(r"--(?:(?:model|data|trainer)\.)?([a-z_]\w*(?:\.\w+)*)")
_VALUE = re.compile(rf"^{_FLAG.pattern} ([^\s:]+): ")


def on_command_line() -> None:
    """Have messages name flags from now on."""
    global _command_line
    _command_line = True


def as_arguments(message: str) -> str:
    """Return a message that speaks of flags in the words of Python.

    ``--model.rank 0: must be above 0`` is ``rank=0: must be above 0``.
    """
    message = re.sub(r"^--(?:model|data|trainer\.callbacks) (?=[A-Z])", "", message)
    return _FLAG.sub(r"\1", _VALUE.sub(r"\1=\2: ", message))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        if not _command_line and error.args and isinstance(error.args[0], str):
            error.args = (as_arguments(error.args[0]), *error.args[1:])
        raise


def in_arguments(function: F) -> F:
    """Make a function's errors of bad input speak of arguments where there is no command line."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _translated():
            return function(*args, **kwargs)

    return call  # type: ignore[return-value]


class SpeaksOfArguments(type):
    """The class of a class whose constructor's errors speak of arguments."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        with _translated():
            return super().__call__(*args, **kwargs)

    @property
    def __signature__(cls) -> inspect.Signature:
        """The constructor's, which would be lost behind that of ``__call__``."""
        found = inspect.signature(cls.__init__)  # type: ignore[misc]
        return found.replace(parameters=list(found.parameters.values())[1:])
