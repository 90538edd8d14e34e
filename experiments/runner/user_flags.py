"""Values of flags that name a class in a file of the user's own: ``--model ./file.py:MyClass``.

jsonargparse knows a class by its dotted path alone. These values are imported and replaced by that
before it parses, and stand again in what is recorded and printed.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from datamodules.spelling import names_file
from experiments.runner.classes import base_class
from experiments.runner.given_flags import Given, lines_of, read_config

_CLASS_KEYS = ("class_path", "model", "data", "task", "callbacks", "logger")  # of a configuration


class UserClasses:
    """The classes that were given as ``file.py:MyClass``."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}  # by dotted path

    def replaced(
        self, typed: list[Given], known: Mapping[str, Any]
    ) -> tuple[list[Given], list[Given]]:
        """The flags with dotted paths for classes, and the lines of configuration files.

        Args:
            typed: The flags as typed.
            known: The actions of the flags that the parser has by itself.

        Raises:
            ValueError: If a class cannot be imported, or a file cannot be read.
        """
        flags, lines = [], []
        for given in typed:
            values = list(given.values)
            if given.flag == "--config":
                for place, name in enumerate(given.values):
                    settings = read_config(name)
                    new = self._walk(f"--config {name}:", settings)
                    lines += lines_of(new, name)
                    if new != settings:
                        values[place] = yaml.safe_dump(new, sort_keys=False)
            elif given.flag not in known or base_class(known[given.flag]):
                values = [self._value(given.flag, value) for value in values]
            if values != given.values:
                option = given.words[0].partition("=")[0]
                given = given._replace(values=values, words=[option, *values])
            flags.append(given)
        return flags, lines

    def as_given(self, dumped: str) -> str:
        """A dumped configuration in which the classes are named as the user named them."""
        for path, given in self._given.items():
            dumped = dumped.replace(f"class_path: {path}\n", f"class_path: {given}\n")
        return dumped

    def as_typed(self, error: str) -> str:
        """An error in which the classes are named as the user named them."""
        for path, given in self._given.items():
            error = error.replace(f" {path}:", f" {given}:")
        return error

    def _value(self, flag: str, value: str) -> str:
        if names_file(value):
            return self._path(flag, value)
        if "class_path" not in value or ".py:" not in value:
            return value
        try:
            settings = yaml.safe_load(value)
        except yaml.YAMLError:  # the parser says so
            return value
        new = self._walk(flag, settings)
        return value if new == settings else yaml.safe_dump(new, default_flow_style=True, width=9e9)

    def _walk(self, flag: str, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: self._walk(flag, inner, k) for k, inner in value.items()}
        if isinstance(value, list):
            return [self._walk(flag, inner, key) for inner in value]
        return self._path(flag, value) if key in _CLASS_KEYS and names_file(value) else value

    def _path(self, flag: str, text: str) -> str:
        from modules.user_classes import find_class  # with torch

        try:
            cls = find_class(text)
        except ValueError as error:
            raise ValueError(f"{flag} {error}") from error
        path = f"{cls.__module__}.{cls.__qualname__}"
        self._given[path] = text
        return path
