"""The flags of the classes that a flag of the Trainer names: of callbacks, loggers, profilers."""

from collections.abc import Mapping
from pydoc import locate
from typing import Any

from datamodules.spelling import nearest
from experiments.runner.given_flags import Given
from experiments.runner.messages import base_class, class_flags, subclasses


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
        cls = subclasses(base).get(str(name)) or ("." in str(name) and locate(str(name)))
        if isinstance(cls, type):
            found = class_flags(cls, parent[2:]) | found
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
    return list(subclasses(base)) if base else []
