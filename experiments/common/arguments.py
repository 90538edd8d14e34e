"""The parser of every command line that is not an experiment's."""

import argparse
import re
from typing import NoReturn

from datamodules.spelling import did_you_mean
from experiments.common.shell import command_name


class FlagParser(argparse.ArgumentParser):
    """Takes flags in full only; a mistake is a ValueError of one line.

    Args:
        doc: The text of ``--help`` above the flags.
        usage: The usage line after the command's name; made from the flags if there is none.
        name: What the command is called; the script's name if it is not given.
    """

    def __init__(self, doc: str | None, usage: str | None = None, name: str | None = None) -> None:
        name = name or command_name()
        super().__init__(
            name,
            usage and f"{name} {usage}",
            doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        hint = ""
        if unknown := re.fullmatch(r"unrecognized arguments: (--[\w-]+).*", message):
            hint = did_you_mean(unknown[1], self._option_string_actions)
        raise ValueError(f"{message}{hint or ' (see --help)'}")


def at_least_one(asked: argparse.Namespace, *names: str) -> None:
    """Refuses numbers below 1; a flag that was not given is None."""
    for name in names:
        if (number := getattr(asked, name)) is not None and number < 1:
            raise ValueError(f"--{name} {number}: at least 1")
