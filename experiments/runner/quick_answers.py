"""Answers ``--help`` and refuses unknown flags before torch and Lightning are imported.

The answers are those of the parser, word by word: the index holds the names and the pages of an
earlier run. Whatever needs more is left to the parser.
"""

import re
import sys
from typing import Any

from experiments.common.exits import guarded
from experiments.common.help_text import text_columns
from experiments.runner import flag_index, slurm, unknown_flags
from experiments.runner.given_flags import Given, above, by_flag, split
from experiments.runner.messages import base_class, class_flags, subclasses, type_of
from experiments.runner.unknown_flags import Names

_LEFT = ("--help", "--config", "--resume", "--print_config")  # pages, and flags that read a file


def answer(name: str, facts: dict[str, Any]) -> None:
    """Ends the process if its command line asks for a known page or has an unknown flag.

    Args:
        name: The name of the experiment.
        facts: What is kept for it.
    """
    words, line = sys.argv[1:], ""
    page = facts["pages"].get(_page(words))
    if page is None and not (line := _refusal(words, facts["names"].values())):
        return
    if slurm.requeued():  # it goes on with a run, whose settings count
        return
    with guarded(f"{name}.py"):
        if page is not None:
            sys.stdout.write(page)
            sys.exit()
        sys.stderr.write(f"{name}.py: error: {line}\n")
        sys.exit(2)


def keep_names(name: str, parser: Any) -> None:
    """Keeps the names of flags and classes that a command line has chosen, for later ones."""
    asked = _asked(parser.given, parser.chosen)
    others = [one for one in parser.given if one.values or not one.flag.startswith("--help")]
    if not all(value.isidentifier() for value in asked.values()) or _leaves(others):
        return
    key = " ".join(map(" ".join, asked.items()))
    if not flag_index.lacks(name, "names", key):  # the flags of all classes take a second
        return
    known = {
        flag: _nature(action, flag[2:] in parser.chosen) for flag, action in parser.known.items()
    }
    facts = {
        "asked": asked,
        "known": known,
        "links": list(parser.links),
        "chosen": {key: cls.__name__ for key, cls in parser.chosen.items()},
        "flags_of": {
            one: {n: list(flags) for n, flags in flags_of(parser, one).items()}
            for one in ("model", *parser.chosen)
        },
    }
    flag_index.keep(name, "names", key, facts)


def keep_page(name: str, parser: Any, words: list[str], text: str) -> None:
    """Keeps a page of help, if it is about classes of ours and holds for every user."""
    asked = _asked(parser.given, parser.chosen)
    for one in parser.given:
        if not one.flag.startswith("--help") and one.flag not in asked:
            return
        if not all(value.isidentifier() for value in one.values):
            return
    flag_index.keep(name, "pages", _page(words), text)


def flags_of(parser: Any, key: str) -> dict[str, Any]:
    """The flags of each class that ``--key`` may name, by the name of the class."""
    base = base_class(parser.known.get(f"--{key}"))
    return {n: class_flags(cls, key) for n, cls in subclasses(base).items()} if base else {}


def _nature(action: Any, chosen: bool) -> list[bool]:
    """Whether any one value of a flag passes the parser, and whether it has settings inside."""
    plain = chosen or (action.nargs in (None, "?") and base_class(action) is None)
    return [plain, type_of(action) is not None and not chosen]


def _page(words: list[str]) -> str:
    return "\0".join([str(text_columns()), *words])


def _asked(given: list[Given], chosen: Any) -> dict[str, str]:
    """The classes that a command line names, by flag."""
    last = by_flag(given).values()
    keys = [*chosen, "model", "data"]
    return {one.flag: " ".join(map(str, one.values)) for one in last if one.flag[2:] in keys}


def _leaves(given: list[Given]) -> bool:
    """Tells whether a command line may name a file, or a class of the user's own in one."""
    words = [word for one in given for word in (one.flag, *map(str, one.values))]
    named = any(".py" in word or "class_path" in word for word in words)
    return named or any(word.startswith(_LEFT) for word in words)


def _refusal(words: list[str], kept: Any) -> str:
    """The error of the first unknown flag; empty if the parser must look at the command line."""
    try:
        given = split(words, {"-h": "--help"})
    except ValueError:
        return ""
    if _leaves(given):
        return ""
    entry = next((e for e in kept if e["asked"] == _asked(given, e["chosen"])), None)
    for one in given if entry else []:
        plain, _ = entry["known"].get(one.flag, (False, False))
        if plain and len(one.values) == 1:
            continue
        # Inside of a value that is no chosen class, such as a callback, the flag may be known.
        inside = any(entry["known"].get(flag, (False, False))[1] for flag in above(one.flag))
        usual = re.fullmatch(r"--[\w.-]+", one.flag) and all(
            re.fullmatch(r"[\w.,:/=+~-]*", value) for value in one.values
        )
        if one.flag in entry["known"] or one.flag in entry["links"] or inside or not usual:
            return ""
        names = Names(entry["known"], entry["chosen"], entry["flags_of"].__getitem__)
        return unknown_flags.error(one, names)
    return ""
