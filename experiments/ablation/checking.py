"""What a script makes of flags, found out without reading data, building a model or writing."""

import io
import re
import runpy
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, NamedTuple

from experiments import warm


class Parsed(NamedTuple):
    """A command line that was parsed.

    Attributes:
        config: what ``config.yaml`` would hold.
        flags: every flag that the chosen classes and the run have.
    """

    config: dict[str, Any]
    flags: frozenset[str]


def parse(script: Path, lines: Iterable[list[str]]) -> list[Parsed]:
    """Each command line parsed by the experiment itself; ValueError for the first that is wrong."""
    lines = list(lines)
    found = warm.call(_parse, str(script), lines)
    for line, one in zip(lines, found, strict=True):
        if isinstance(one, str):
            raise ValueError(one)
    return found


def _parse(script: str, lines: list[list[str]]) -> list[Parsed | str]:
    """Run the script with a ``main`` that only parses."""
    from experiments import cli

    found: list[Parsed | str] = []

    class Parsing(cli.Experiment):
        def instantiate_classes(self) -> None:
            """Nothing: what was typed has been parsed."""

    def main(file: str, doc: str, model: type, data: type, defaults: dict | None = None) -> None:
        for line in lines:
            sys.argv = [script, *line]
            try:
                with redirect_stderr(io.StringIO()) as said:
                    parsing = Parsing(Path(file).stem, doc, model, data, defaults or {})
                found.append(Parsed(parsing.parsed, frozenset(parsing.parser.known)))
            except SystemExit:
                last = said.getvalue().strip().splitlines()[-1:]
                found.append(re.sub(r"^[\w.]+: error: ", "", *last) if last else "not parsed")
            except ValueError as error:
                found.append(str(error))

    cli.main = main  # in this process, which does nothing else
    sys.argv = [script]
    sys.path.insert(0, str(Path(script).resolve().parent))
    try:
        with redirect_stderr(io.StringIO()):
            runpy.run_path(script, run_name="__main__")
    except (Exception, SystemExit) as error:
        if not found:
            line = (str(error).splitlines() or [""])[0]
            raise ValueError(f"{script}: cannot be run: {type(error).__name__}: {line}") from None
    if not found:
        raise ValueError(f"{script}: no experiment: it does not call main of experiments.cli")
    return found
