"""Flags as the user gave them, on the command line or in a configuration file."""

import re
import textwrap
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from experiments.runner.messages import as_typed


class Given(NamedTuple):
    """One setting as the user gave it: a flag with its values, or a line of a file."""

    flag: str  # --model.rank, also for --model.init_args.rank and for a file's line
    values: list[Any]
    words: list[str]  # as typed
    file: str = ""

    @property
    def value(self) -> Any:
        """The last value as YAML reads it, and text that is no YAML as it is; None without one."""
        value = self.values[-1] if self.values else None
        if self.file or value is None:
            return value
        with suppress(yaml.YAMLError, ValueError):  # the second of a date such as 2026-02-30
            return yaml.safe_load(str(value))
        return value

    def __str__(self) -> str:
        values = textwrap.shorten(" ".join(map(as_typed, self.values)), 60, placeholder=" ...")
        return f"{self.named()} {values}".rstrip()

    def named(self, prefix: str = "") -> str:
        return f"--config {self.file}: {prefix}{self.flag[2:]}" if self.file else prefix + self.flag


def listed(value: Any) -> list[Any]:
    """The values of a flag that takes one, a list or none."""
    return value if isinstance(value, list) else [] if value is None else [value]


def short_flag(option: str) -> str:
    """The short form of a flag: --model.rank for --model.init_args.rank."""
    return re.sub(r"\.init_args(?=\.)|\.class_path$|\+$", "", option)


def above(flag: str) -> list[str]:
    """The flags inside of which a flag lies: --model and --model.task of --model.task.labels."""
    return [flag[: dot.start()] for dot in re.finditer(r"\.", flag)]


def split(args: list[str], long: Mapping[str, str]) -> list[Given]:
    """The words of a command line as flags with their values.

    Args:
        args: The words.
        long: The long forms of short flags, such as --help of -h.

    Raises:
        ValueError: If a value stands before the first flag.
    """
    typed: list[Given] = []
    for arg in args:
        if arg.startswith("-") and not re.match(r"-(\.?\d|$)", arg):
            option, has_value, value = arg.partition("=")
            flag = short_flag(long.get(option, option))
            typed.append(Given(flag, [value] if has_value else [], [arg]))
        elif typed:
            typed[-1].values.append(arg)
            typed[-1].words.append(arg)
        else:
            raise ValueError(f"{arg}: every value follows a flag; see --help")
    return typed


def lines_of(settings: dict, file: str, flag: str = "") -> list[Given]:
    """The settings of a configuration file in the form of flags."""
    lines = []
    for key, value in settings.items():
        below = short_flag(f"{flag}.{key}" if flag else f"--{key}").removesuffix(".init_args")
        lines += (
            lines_of(value, file, below)
            if isinstance(value, dict)
            else [Given(below, [value], [], file)]
        )
    return lines


def by_flag(given: list[Given]) -> dict[str, Given]:
    """The last setting of each flag; a class given as a mapping sets a flag with each entry."""
    found: dict[str, Given] = {}
    for one in given:
        if re.match("--(model|data)", one.flag) and "class_path" in (held := _mapping(one)):
            found |= {line.flag: line for line in lines_of({one.flag[2:]: held}, "")}
        else:
            found[one.flag] = one
    return found


def _mapping(one: Given) -> dict[str, Any]:
    """The mapping that a value is, as of a class with its arguments; empty if it is none."""
    return value if isinstance(value := one.value, dict) else {}


def read_config(name: str) -> dict[str, Any]:
    """Reads the settings of a configuration file.

    Raises:
        ValueError: If the file is missing or is no configuration.
    """
    try:
        text = (
            name
            if re.search(r"[{\n]", name)
            else Path(name).expanduser().read_text(encoding="utf-8")
        )
        settings = yaml.safe_load(text)
    except FileNotFoundError:
        raise ValueError(f"--config {name}: there is no such file") from None
    except (OSError, UnicodeError) as ex:
        problem = getattr(ex, "strerror", "") or "not a text file"
        raise ValueError(f"--config {name}: {problem}") from None
    except yaml.YAMLError as ex:
        mark = getattr(ex, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(ex, "problem", "") or str(ex)
        raise ValueError(f"--config {name}: not YAML{line}: {problem}") from None
    if not isinstance(settings, dict):
        raise ValueError(f"--config {name}: not a configuration, whose lines read 'key: value'")
    return settings


def in_order(typed: list[Given]) -> list[Given]:
    """The flags in parsing order: files, then classes from the outside in, then the rest."""

    def place(given: Given) -> int:
        of_class = given.flag.split(".")[0] in ("--model", "--data")
        return 1 + given.flag.count(".") if of_class else 0 if given.flag == "--config" else 99

    return sorted(typed, key=place)


def ordered(typed: list[Given]) -> list[str]:
    """The arguments in parsing order."""
    args = []
    for given in in_order(typed):  # joined by =, as a value may look like a flag: -1e-3
        args += ["=".join(given.words)] if len(given.words) == 2 else given.words
    return args
