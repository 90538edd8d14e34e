"""Parses an experiment's command lines without reading data, building a model or writing."""

import io
import json
import re
import runpy
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from datamodules.spelling import did_you_mean
from experiments.common import exits, notices
from experiments.studies import workers
from experiments.studies.ablation import grid
from experiments.studies.ablation.grid import Combination
from experiments.studies.jobs import EXPERIMENTS


class Parsed(NamedTuple):
    """A parsed command line.

    Attributes:
        config: The settings that ``config.yaml`` would hold.
        flags: All flags of the run and of the chosen classes.
        unvalidated: The flag because of which the run has no validation; empty if it may have one.
    """

    config: dict[str, Any]
    flags: frozenset[str]
    unvalidated: str = ""


def script_of(word: str) -> Path:
    """The file of an experiment, given by its path or by the name of one of ours.

    Raises:
        ValueError: If there is no such file.
    """
    for path in (Path(word), EXPERIMENTS / f"{word.removesuffix('.py')}.py"):
        if path.is_file():
            return path.resolve()
    names = [path.stem for path in EXPERIMENTS.glob("*.py")]
    raise ValueError(f"{word}: there is no such file{did_you_mean(Path(word).stem, names)}")


def check(
    script: Path, varied: dict[str, list[str]], flags: list[str], metric: str | None = None
) -> tuple[list[Combination], list[str], Parsed]:
    """Parses every combination before the first run, so that a mistake in the last costs nothing.

    Args:
        script: The file of the experiment.
        varied: The values of each varied flag.
        flags: The flags of every run.
        metric: The metric to compare; None for the one that chooses the checkpoints.

    Returns:
        The combinations, notes on flags that were left out, and the first combination as parsed.

    Raises:
        ValueError: If a combination cannot be parsed, or if two are the same run.
    """
    for key in [*varied, *grid.RESERVED]:
        if any(word.partition("=")[0] == f"--{key}" for word in flags) and key != "config":
            reason = "is varied, so not for every run" if key in varied else grid.RESERVED[key]
            raise ValueError(f"-- --{key}: {reason}")
    combinations, notes = grid.product(varied), []
    if heads := grid.class_choices(varied):
        chosen = list(dict.fromkeys(c.only(heads) for c in combinations))
        found = parse(script, [[*one.flags, *flags] for one in chosen])
        known = {one: parsed.flags for one, parsed in zip(chosen, found, strict=True)}
        combinations, notes = grid.drop_inapplicable(combinations, known)
    parsed = parse(script, [[*combination.flags, *flags] for combination in combinations])
    refuse_unmeasured(parsed, metric)
    seen: dict[str, Combination] = {}
    for combination, one in zip(combinations, parsed, strict=True):
        same = seen.setdefault(json.dumps(one.config, sort_keys=True, default=str), combination)
        if same is not combination:
            raise ValueError(f"--vary: {same.name} and {combination.name} are the same run")
    return combinations, notes, parsed[0]


def parse(script: Path, lines: Iterable[list[str]]) -> list[Parsed]:
    """Parses each command line with the experiment itself.

    Raises:
        ValueError: If a command line is wrong; the message is that of the first.
    """
    lines = list(lines)
    found = workers.call(_parse, str(script), lines)
    if wrong := [one for one in found if isinstance(one, str)]:
        raise ValueError(wrong[0])
    return found


def refuse_unmeasured(parsed: Iterable[Parsed], metric: str | None) -> None:
    """Refuses runs that will not measure the rows by which they are to be compared.

    Args:
        parsed: The command lines of the runs.
        metric: The metric to compare; None for the one that chooses the checkpoints.

    Raises:
        ValueError: If a run will have no validation, or no test; the message names the flag.
    """
    parsed = list(parsed)
    held = any(one.config.get("hold_out_test") for one in parsed)
    if held and metric is not None and metric.startswith("test/"):
        raise ValueError(
            f"--hold_out_test true: no test row is measured, so there is no {metric} to compare "
            f"by; name {metric.replace('test/', 'val/')}"
        )
    for one in parsed if metric is None or metric.startswith("val/") else ():
        if one.unvalidated:
            raise ValueError(
                f"{one.unvalidated}: no checkpoint is chosen by a validation, so there is no "
                f"{metric or 'validation metric'} to compare by"
            )


def _parse(script: str, lines: list[list[str]]) -> list[Parsed | str]:
    """Runs the script with a ``main`` that only parses; a mistake is returned as its message."""
    from experiments.runner import cli, lengths, run_folder
    from experiments.runner.command_line import CommandLine

    notices.show_as_notes()
    found: list[Parsed | str] = []

    def main(file: str, doc: str, model: type, data: type, defaults: dict | None = None) -> None:
        for line in lines:
            sys.argv = [script, *line]
            try:
                with run_folder.released_at_end(), redirect_stderr(io.StringIO()) as said:
                    parsing = CommandLine(Path(file).stem, doc, model, data, defaults or {})
                trains = getattr(parsing.parser.chosen.get("model"), "trains", True)
                why = lengths.unvalidated(parsing.parsed["trainer"], trains)
                found.append(Parsed(parsing.parsed, frozenset(parsing.parser.known), why))
            except SystemExit:
                last = said.getvalue().strip().splitlines()[-1:]
                found.append(re.sub(r"^\S+: error: ", "", *last) if last else "not parsed")
            except ValueError as error:
                found.append(str(error))

    cli.main = main  # in this process, which does nothing else
    sys.argv = [script, "--help"]  # so that a script that is no experiment starts nothing
    workers.add_script_folder(script)
    try:
        with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
            runpy.run_path(script, run_name="__main__")
    except SystemExit:
        pass
    except Exception as error:
        line = f"{type(error).__name__}: {exits.one_line(error)}"
        raise ValueError(f"{script}: cannot be run: {line}") from None
    if not found:
        raise ValueError(
            f"{script}: no experiment: it does not call main of experiments.runner.cli"
        )
    return found
