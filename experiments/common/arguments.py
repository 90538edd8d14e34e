"""The parser of every command line except those of experiments."""

import argparse
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from datamodules.spelling import did_you_mean
from experiments.common.help_text import HelpFormatter
from experiments.common.shell import command_name


class FlagParser(argparse.ArgumentParser):
    """Takes flags only if they are written in full, and turns a mistake into a one-line ValueError.

    Args:
        doc: The text of ``--help`` above the flags.
        usage: The usage line after the command's name; if None, it is made from the flags.
        name: The name of the command; if None, the script's name.
    """

    def __init__(self, doc: str | None, usage: str | None = None, name: str | None = None) -> None:
        name = name or command_name()
        super().__init__(
            name,
            usage and f"{name} {usage}",
            doc,
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        hint = ""
        if unknown := re.fullmatch(r"unrecognized arguments: (--[\w-]+).*", message):
            hint = did_you_mean(unknown[1], self._option_string_actions)
        raise ValueError(f"{message}{hint or ' (see --help)'}")


def at_least_one(asked: argparse.Namespace, *names: str) -> None:
    """Refuses numbers below 1. A flag that was not given is None and is not checked.

    Raises:
        ValueError: If a number is below 1.
    """
    for name in names:
        if (number := getattr(asked, name)) is not None and number < 1:
            raise ValueError(f"--{name} {number}: at least 1")


def check_only(asked: Sequence[str], names: Sequence[str]) -> None:
    """Refuses names after ``--only`` that no row has.

    Args:
        asked: The names in lower case.
        names: Those of the rows, in whatever case.

    Raises:
        ValueError: If a name is no row's; the likeliest one is named.
    """
    known = [name.lower() for name in names]
    for unknown in (name for name in asked if name not in known):
        hint = did_you_mean(unknown, known)
        raise ValueError(f"--only {unknown}: no such row; there are {', '.join(known)}{hint}")


def parse_study(parser: FlagParser) -> argparse.Namespace:
    """Parses the flags of a study, and keeps as ``flags`` what stands behind ``--`` for its runs.

    Raises:
        ValueError: If a flag is wrong, ``--seeds`` or ``--jobs`` is below 1, or ``--name`` is no
            name for a folder.
    """
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    asked = parser.parse_args(words[:cut])
    asked.flags = words[cut + 1 :]
    at_least_one(asked, "seeds", "jobs")
    if asked.name and not all(part.isalnum() or part in "._- " for part in asked.name):
        raise ValueError(f"--name {asked.name}: letters, digits, spaces and . _ - only")
    return asked
