"""The flags of the classes that a flag of the Trainer names: of callbacks, loggers, profilers."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, get_args

import yaml

from datamodules.spelling import nearest
from experiments.runner import unusable
from experiments.runner.given_flags import Given
from experiments.runner.messages import base_class, class_flags, subclasses, type_of
from modules.user_classes import HOW, find_class


def choices(base: type) -> dict[str, type]:
    """The classes that a user may choose where ``base`` is asked for: Lightning's stand last."""
    found = {
        name: cls
        for name, cls in subclasses(base).items()
        # Every run has those of the runner by itself; an abstract one is there to be inherited.
        if not (
            cls.__module__.startswith("experiments.")
            or "abstract" in vars(cls)
            or unusable.refused(cls)
        )
    }
    return dict(sorted(found.items(), key=lambda one: one[1].__module__.startswith("lightning.")))


def find(given: Any, name: str, action: Any) -> type:
    """The class that a flag names: one of the project's or Lightning's, or of the user's own.

    Args:
        given: The flag as given, which begins the error.
        name: The name of a class.
        action: The flag's action, which knows the class whose subclasses it takes.

    Raises:
        ValueError: If there is no such class, or it is of another kind.
    """
    base = base_class(action)
    assert base is not None  # the callers have looked
    known = subclasses(base)
    if name in known:
        return known[name]
    if not re.search("[./:]", name):
        near = nearest(name, choices(base), 0.7)
        hint = f"; did you mean {near}?" if near else ";"
        listed = ", ".join(choices(base))
        raise ValueError(f"{given}: unknown class{hint} choose from {listed}, or give {HOW}")
    try:
        cls = find_class(name)
    except ValueError as error:
        lead = str(given).removesuffix(name).rstrip()
        near = nearest(re.split("[.:]", name)[-1], choices(base), 0.7)
        hint = f"; did you mean {near}?" if near and "there is no class" not in str(error) else ""
        raise ValueError(f"{lead} {error}{hint}".lstrip()) from None
    if not issubclass(cls, base):
        raise ValueError(f"{given}: a {cls.__mro__[1].__name__}, and not a {base.__name__}")
    return cls


def check(given: Given, action: Any) -> None:
    """Refuses the name of an unknown class in a flag that takes nothing else by name.

    Raises:
        ValueError: As of :func:`find`.
    """
    if base_class(action) and str not in get_args(type_of(action)):
        for value in given.values:
            with suppress(yaml.YAMLError):
                if isinstance(value, str) and isinstance(name := yaml.safe_load(value), str):
                    find(given, name, action)


def flags_below(parent: str, known: Mapping[str, Any], given: list[Given]) -> dict[str, Any]:
    """The flags of the classes that the user chose for a flag, the last of them first.

    Args:
        parent: A flag that names a class, such as --trainer.callbacks.
        known: The actions of the flags of the run.
        given: The flags as the user gave them.
    """
    base = base_class(known.get(parent))
    found: dict[str, Any] = {}
    for one in given if base else []:
        name = one.values[-1] if one.flag == parent and one.values else None
        with suppress(ValueError):
            found = class_flags(find(one, str(name), known[parent]), parent[2:]) | found
    return found


def unknown(flag: str, known: Mapping[str, Any], given: list[Given]) -> str:
    """The error of a flag that the chosen class has not; the arguments are as above."""
    parent = flag.rpartition(".")[0]
    beside = flags_below(parent, known, given)
    if not beside and base_class(known.get(parent)):
        return f"{flag}: the class that has it comes first, as in {parent}+=NAME"
    near = nearest(flag, beside, 0.7)
    return f"unknown flag {flag}; " + (f"did you mean {near}?" if near else "see --help")


def class_names(action: Any) -> list[str]:
    """The names of the classes that a flag takes; none where it takes none."""
    base = base_class(action)
    return list(choices(base)) if base else []
