"""The flags of the classes that a flag of the Trainer names: of callbacks, loggers, profilers."""

from collections.abc import Mapping
from contextlib import suppress

import yaml

from datamodules.spelling import nearest
from experiments.runner.choosing import Library, find
from experiments.runner.given_flags import Given
from experiments.runner.messages import Flag


def check(given: Given, flag: Flag, library: Library) -> None:
    """Refuses the name of an unknown class in a flag that takes nothing else by name.

    Raises:
        ValueError: As of :func:`find`.
    """
    if flag.base and not flag.text:
        for value in given.values:
            with suppress(yaml.YAMLError):
                if isinstance(value, str) and isinstance(name := yaml.safe_load(value), str):
                    find(library, given, name, flag.base)


def flags_below(
    parent: str, known: Mapping[str, Flag], given: list[Given], library: Library
) -> dict[str, Flag]:
    """The flags of the classes that the user chose for a flag, the last of them first.

    Args:
        parent: A flag that names a class, such as --trainer.callbacks.
        known: The flags of the run.
        given: The flags as the user gave them.
        library: The classes that there are.
    """
    base = known[parent].base if parent in known else ""
    found: dict[str, Flag] = {}
    for one in given if base else []:
        name = one.values[-1] if one.flag == parent and one.values else None
        with suppress(ValueError):
            found = find(library, one, str(name), base).flags(parent[2:]) | found
    return found


def unknown(flag: str, known: Mapping[str, Flag], given: list[Given], library: Library) -> str:
    """The error of a flag that the chosen class has not; the arguments are as above."""
    parent = flag.rpartition(".")[0]
    beside = flags_below(parent, known, given, library)
    if not beside and parent in known and known[parent].base:
        return f"{flag}: the class that has it comes first, as in {parent}+=NAME"
    near = nearest(flag, beside, 0.7)
    return f"unknown flag {flag}; " + (f"did you mean {near}?" if near else "see --help")
