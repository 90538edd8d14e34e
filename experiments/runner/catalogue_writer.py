"""Collects the flags and classes of experiments, and writes them into the project's catalogue.

    python -m experiments.runner.catalogue_writer

That is due after a change of flags, defaults, types or docstrings; a test of the suite says so.
"""

import multiprocessing
import runpy
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.runner import catalogue, flag_index, sources
from experiments.runner.catalogue_entries import collected


class _Described(Exception):
    """The flags of an experiment are known: nothing more of it need run."""


def of_script(script: Path) -> dict[str, Any]:
    """The catalogue of an experiment of ours, without the precision of this machine."""
    from experiments.runner import cli
    from experiments.runner.command_line import CommandLine

    found: dict[str, Any] = {}

    class Described(CommandLine):
        """Reads no command line: a required flag may be missing."""

        def parse_arguments(self, parser: Any, args: Any) -> None:
            parser.choose()
            found.update(collected(script.stem, parser))
            if flag_index.PRECISION[2:] not in parser.stated:
                found["flags"][flag_index.PRECISION][1] = None
            raise _Described

    def describe(file: str, doc: str, model: Any, data: Any, defaults: Any = None) -> None:
        sys.argv = [file]
        with suppress(_Described):
            Described(script.stem, doc, model, data, defaults or {})

    cli.main = describe
    runpy.run_path(str(script), run_name="__main__")
    return found


def of_scripts(scripts: list[Path]) -> list[dict[str, Any]]:
    """The catalogues of several experiments, for a process that has imported nothing else.

    Each is made in a process of its own: which classes there are depends on what is imported.
    """
    from experiments.runner import cli, command_line  # noqa: F401  before the processes part

    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        return pool.map(of_script, scripts, chunksize=1)


if __name__ == "__main__":
    kept = {**catalogue.joined(of_scripts(sources.scripts())), **sources.facts()}
    sources.FILE.write_text(catalogue.text_of(kept), encoding="utf-8")
