"""Objectives, strategies, ways of prompting and tasks by name; each class enters by being defined.

Importing :mod:`modules` imports every file of the folders that hold them, so that one file is all
that a new class needs. A class of a user's own file enters when that file is imported.
"""

import importlib
import pkgutil
import re
from types import ModuleType
from typing import Any, TypeVar

from datamodules.argument_names import SpeaksOfArguments
from modules import user_classes

T = TypeVar("T")

_CLASSES: dict[str, type] = {}


class Registered(metaclass=SpeaksOfArguments):
    """A class whose subclasses are found by name.

    These stay out: a class with the argument ``abstract=True``, one whose name begins with an
    underscore, and one defined inside a function, which nothing else could import.

    Raises:
        ValueError: If two classes have one name: the command line and checkpoints know a class
            by it.
    """

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if abstract:
            cls.abstract = True
        if abstract or cls.__name__.startswith("_") or "<locals>" in cls.__qualname__:
            return
        other = _CLASSES.get(cls.__name__)
        # A notebook defines its class again whenever the cell runs.
        if other is not None and _path(other) != _path(cls):
            raise ValueError(
                f"{_path(cls)}: {_path(other)} has the name {cls.__name__} already; give the new "
                f"class another one"
            )
        _CLASSES[cls.__name__] = cls


def registered(base: type[T]) -> dict[str, type[T]]:
    """The subclasses of ``base`` by name, in the order of their names."""
    return {name: cls for name, cls in sorted(_CLASSES.items()) if issubclass(cls, base)}


def find(base: type[T], text: str) -> type[T]:
    """Return the class that a checkpoint names, as :func:`user_classes.reference` gave it.

    A file of the user's own is imported from the current folder if it has not been.

    Raises:
        ValueError: If there is no such class here; one line says what to import.
    """
    name = re.split(r"[.:]", text)[-1]
    if (known := registered(base).get(name)) is not None:
        return known
    if name == text:
        raise ValueError(f"{text}: no such class; define or import it, outside of any function")
    try:
        found = user_classes.find_class(text)
    except ValueError as error:
        raise ValueError(f"{error}; go to the folder where it lies, or import it first") from None
    if not issubclass(found, base):
        raise ValueError(f"{text}: is not a {base.__name__}")
    return found


def import_submodules(package: ModuleType) -> None:
    """Import every file of a package, so that the classes in it are registered."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
