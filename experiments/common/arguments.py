"""Command lines that are not an experiment's."""

import argparse
from typing import NoReturn


class FlagParser(argparse.ArgumentParser):
    """Takes flags in full only; what is wrong is a ValueError of one line."""

    def __init__(self, name: str, doc: str | None, usage: str | None = None) -> None:
        style = argparse.RawDescriptionHelpFormatter
        super().__init__(name, usage, doc, formatter_class=style, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see --help)")  # without the usage


def at_least_one(asked: argparse.Namespace, *names: str) -> None:
    """Refuse numbers below 1; those that were not given are None."""
    for name in names:
        if (number := getattr(asked, name)) is not None and number < 1:
            raise ValueError(f"--{name.replace('_', '-')} {number}: at least 1")
