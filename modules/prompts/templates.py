"""Prompt templates over the columns of a row, and the words that answer them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jinja2 import StrictUndefined, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

_ANSWER = "\ue000"  # of Unicode's private use: `{{ mask }}`, until the text is split there


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja that only reads columns: no globals, no files, no private attributes."""

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True)
        self.globals.clear()


class Texts(list[str]):
    """Texts of a row, such as choices: joined by commas where the template names them alone."""

    def __str__(self) -> str:
        return ", ".join(self)


def _clean(value: Any) -> str | Texts:
    if isinstance(value, list | tuple):
        return Texts(str(_clean(one)) for one in value)
    return str(value).replace(_ANSWER, "")


class Prompt(NamedTuple):
    """The text before the answer and the text after it."""

    before: str
    after: str = ""

    def fill(self, word: str) -> str:
        """Return the text with the answer in its place."""
        return f"{self.context}{self.separator}{word}{self.after}"

    @property
    def context(self) -> str:
        """Return ``before`` without spaces at its end: tokenizers put them into the next word."""
        return self.before.rstrip(" ")

    @property
    def separator(self) -> str:
        """Return the space between ``context`` and the answer: none at the start of a line."""
        return " " if self.context and not self.context[-1].isspace() else ""


class Template:
    """A prompt over the columns of a row, such as ``"{{ text }}\\nIt was {{ mask }}."``.

    The answer stands at ``mask``, or at the end. The template cannot run code.

    Attributes:
        columns: The columns that it names.
        optional: Those of them that it asks for by a condition, so that they may be empty.

    Args:
        source: The template in Jinja.
        flag: The flag that an error names.

    Raises:
        ValueError: If Jinja refuses the template, or it has no column.
    """

    def __init__(self, source: str, flag: str = "--model.task.template") -> None:
        self.source, self.flag = source, flag
        sandbox = Sandbox()
        try:
            parsed = sandbox.parse(source)
            names = meta.find_undeclared_variables(parsed)
            self._template = sandbox.from_string(source)
        except TemplateError as error:
            raise ValueError(f"{flag}: {error}") from None
        self.columns = tuple(sorted(names - {"mask"}))
        tests: list[Any] = [*parsed.find_all(nodes.If), *parsed.find_all(nodes.CondExpr)]
        asked = {name.name for one in tests for name in _names(one.test)}
        self.optional = tuple(name for name in self.columns if name in asked)
        if not self.columns:
            raise ValueError(
                f"{flag} {source!r}: names no column, as {{{{ text }}}} does, and so would ask the "
                f"same of every row"
            )

    def check_columns(self, columns: Iterable[str]) -> None:
        """Refuse a row without one of the template's columns.

        Raises:
            ValueError: If a column is missing; the message names it.
        """
        there = list(columns)
        for name in self.columns:
            if name not in there:
                raise ValueError(f"{self.flag}: no column {name!r} (there: {', '.join(there)})")

    def render(self, row: Mapping[str, Any]) -> Prompt:
        """Return the prompt of one row of texts, or lists of texts."""
        self.check_columns(row)
        clean = {name: _clean(value) for name, value in row.items()}
        try:
            text = self._template.render({**clean, "mask": _ANSWER})
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError) as error:
            raise ValueError(f"{self.flag}: {' '.join(str(error).split())}") from None
        before, *after = text.split(_ANSWER)
        if len(after) > 1:
            raise ValueError(f"{self.flag}: one place for the answer, and here are {len(after)}")
        return Prompt(before, "".join(after))


def _names(test: nodes.Node) -> list[nodes.Name]:
    return [*([test] if isinstance(test, nodes.Name) else []), *test.find_all(nodes.Name)]


def label_words(
    labels: Sequence[str],
    verbalizer: Mapping[str, str] | None = None,
    flag: str = "--model.task.verbalizer",
) -> list[str]:
    """Return the word of each label: its own name where there is no verbalizer.

    Raises:
        ValueError: If a label has no word, or two labels have the same word.
    """
    given = {label: label for label in labels} if verbalizer is None else verbalizer
    found: dict[str, str] = {}
    for label in labels:
        if label not in given:
            known = ", ".join(labels)
            raise ValueError(f"{flag}: no word for the label {label!r}; give one for each: {known}")
        word = str(given[label]).strip()
        if not word:
            raise ValueError(f"{flag}.{label}: the word is empty")
        if word in found:
            raise ValueError(f"{flag}.{label} {word}: is the word of {found[word]!r} as well")
        found[word] = label
    for label in given:
        if label not in labels:
            raise ValueError(f"{flag}.{label}: no such label; there are {', '.join(labels)}")
    return list(found)
