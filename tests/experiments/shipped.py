"""The files of ``experiments/``: which there are, and the command lines that they ask for."""

import importlib
import re
import shlex
from pathlib import Path
from types import ModuleType

from experiments.studies import dry_run
from tests.experiments.running import ROOT

SCRIPTS = sorted(path for path in (ROOT / "experiments").glob("*.py") if path.stem != "__init__")


def module_of(script: Path) -> ModuleType:
    return importlib.import_module(f"experiments.{script.stem}")


def is_study(script: Path) -> bool:
    """Whether it runs other experiments instead of being one."""
    return module_of(script).main.__module__.startswith("experiments.studies.")


EXPERIMENTS = [script for script in SCRIPTS if not is_study(script)]
STUDIES = [script for script in SCRIPTS if is_study(script)]


def examples(script: Path) -> list[list[str]]:
    """The flags of each command line that the docstring shows."""
    lines = re.findall(
        rf"^    python experiments/{script.name}(.*)$", module_of(script).__doc__, re.M
    )
    return [shlex.split(line) for line in lines]


def parse_all(lines: dict[Path, list[list[str]]]) -> dict[Path, list[dry_run.Parsed | str]]:
    """Each line of each experiment as it is parsed, or what is wrong with it.

    For a process that has nothing else to do: it replaces the experiments' ``main``.
    """
    found: dict[Path, list[dry_run.Parsed | str]] = {}
    for script, words in lines.items():
        try:
            found[script] = dry_run._parse(str(script), words)
        except ValueError as error:
            found[script] = [str(error)] * len(words)
    return found
