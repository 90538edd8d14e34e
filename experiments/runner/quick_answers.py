"""Answers ``--help`` and refuses mistakes before torch and Lightning are imported.

The answers are made by the parser's own code, from the catalogue of flags and classes in place of
the classes themselves. Whatever needs more is left to the parser.
"""

import ast
import sys
from pathlib import Path

from experiments.common.exits import guarded
from experiments.runner import (
    flag_checks,
    flag_index,
    help,
    parser_errors,
    plain_values,
    slurm,
)
from experiments.runner.catalogue import Catalogue, Unanswerable
from experiments.runner.choosing import Choice, Own
from experiments.runner.given_flags import Given, in_order, split
from experiments.runner.messages import as_typed

# Flags that read a file, and pages that only the parser has.
_LEFT = ("--config", "--resume", "--print_config")


def answer(name: str) -> None:
    """Ends the process if its command line asks for a page of help or has a mistake.

    Args:
        name: The name of the experiment.
    """
    if len(sys.argv) < 2 or slurm.requeued():  # a requeued job goes on with its run
        return
    if (catalogue := flag_index.read(name)) is None:
        return
    try:
        doc = description(flag_index.ROOT / "experiments" / f"{name}.py")
        page, line = answered(sys.argv[1:], catalogue, doc)
    except Unanswerable:
        return
    if not page and not line:
        return
    with guarded(f"{name}.py"):
        if page:
            sys.stdout.write(f"{page}\n")
            sys.exit()
        sys.stderr.write(f"{name}.py: error: {line}\n")
        sys.exit(2)


def description(file: Path) -> str | None:
    """The docstring of a script, as the process has it."""
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")), clean=False)


def answered(words: list[str], catalogue: Catalogue, doc: str | None) -> tuple[str, str]:
    """A page of help or the line of an error; both are empty if the run can begin.

    Args:
        words: The command line.
        catalogue: What is known of the experiment.
        doc: Its docstring.

    Raises:
        Unanswerable: If only the parser can tell.
    """
    given: list[Given] = []
    choice = Choice(catalogue, Own({}, {}, frozenset(), {}), [])
    try:
        given = split(words, {"-h": "--help", "-c": "--config"})
        _leave(given)
        pages, extra = help.pages_of(given)
        choice = Choice(catalogue, catalogue.own, given + extra)
        if pages:
            return help.text_of(pages[0], doc, choice), ""
        for one in given:
            flag_checks.check(one, choice, catalogue.own.links)
    except ValueError as error:
        return "", parser_errors.worded(str(error), given, choice)
    for one in in_order(given):
        if one.flag[2:] not in choice.chosen:
            wrong = plain_values.is_wrong(one, choice.known.get(one.flag))
            if wrong is None:  # the parser may refuse it, and later ones do not count then
                return "", ""
            if wrong:
                flag, value = choice.known[one.flag], str(one.values[0])
                typed = as_typed(value)
                return "", parser_errors.wrong_value(one.flag, one, typed, flag, catalogue)
    return "", ""


def _leave(given: list[Given]) -> None:
    """Leaves a command line to the parser that may name a file, or a class of the user's own."""
    for one in given:
        words = (one.flag, *map(str, one.values))
        if one.flag.startswith(_LEFT) or any(".py" in w or "class_path" in w for w in words):
            raise Unanswerable
