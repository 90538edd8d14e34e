"""A parser of flags with errors of one line that name the remedy, and help of one screen.

jsonargparse's errors fill a page. `PlainParser` checks the flags first, with the flags of the
chosen classes; jsonargparse still parses, and its errors are put into plain words. It needs neither
torch nor Lightning.
"""

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from experiments.runner import classes, flag_checks, help, parser_errors
from experiments.runner.choosing import Choice, Own
from experiments.runner.given_flags import Given, ordered, short_flag, split
from experiments.runner.imported_classes import ImportedClasses
from experiments.runner.messages import Flag, either
from experiments.runner.user_flags import UserClasses


class PlainParser(ArgumentParser):
    """Parses flags; `description` is the docstring of the command.

    A flag overrides a configuration file, and a class is chosen before its flags are set, in any
    order on the command line. If the user chooses another class, the experiment's defaults hold for
    the flags that this class inherits; flags that it declares itself keep their own defaults. What
    is tuned for a class holds where the experiment sets nothing.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.links: dict[str, str] = {}  # flags that follow others
        self.given: list[Given] = []
        self.stated: frozenset[str] = frozenset()  # the flags that the experiment sets
        self.user_classes = UserClasses()
        self.own = Own({}, {}, frozenset(), {})  # before the command line is read
        self._choice = Choice(ImportedClasses(), self.own, [])

    @property
    def known(self) -> dict[str, Flag]:
        """Every flag of the run and of the chosen classes."""
        return self._choice.known

    @property
    def chosen(self) -> dict[str, type]:
        """The class for model, data, model.task ..."""
        kinds = self._choice.chosen.items()
        return {key: kind.cls for key, kind in kinds}  # type: ignore[attr-defined]

    @property
    def tuned(self) -> dict[str, Any]:
        """What is tuned for the chosen model, by flag."""
        return self._choice.tuned

    def link_arguments(self, source: Any, target: str, *args: Any, **kwargs: Any) -> None:
        super().link_arguments(source, target, *args, **kwargs)
        sources = [source] if isinstance(source, str) else source
        self.links[short_flag(f"--{target}")] = either(
            [short_flag(f"--{s}") for s in sources], "and"
        )

    def parse_args(self, args: list[str] | None = None, *rest: Any, **kwargs: Any) -> Any:
        if not self.exit_on_error:  # jsonargparse's own parser of a class
            return super().parse_args(args, *rest, **kwargs)
        args = sys.argv[1:] if args is None else args
        options = self._option_string_actions.items()
        long = {option: one.option_strings[-1] for option, one in options if len(option) == 2}
        try:
            typed = split(args, long)
            typed, lines = self.user_classes.replaced(typed, self._option_string_actions)
            self.given = lines + typed
            pages, extra = help.pages_of(typed)
            self.choose(extra)
            if pages:
                text = help.text_of(pages[0], self.description, self._choice)
                self._print_message(f"{text}\n", sys.stdout)
                self.exit()
            for given in self.given:
                flag_checks.check(given, self._choice, self.links)
            return super().parse_args(ordered(typed), *rest, **kwargs)
        except (ValueError, ImportError, OSError) as ex:
            self.error(str(ex))

    def _read_own(self) -> Own:
        actions = self._option_string_actions
        flags = {name: classes.flag(action) for name, action in actions.items()}
        defaults = {key: self.get_default(key) for key in ("model", "data") if f"--{key}" in flags}
        return Own(flags, defaults, self.stated, self.links)

    def choose(self, extra: Sequence[Given] = ()) -> None:
        """Finds the chosen classes, their flags, and the defaults of these flags.

        Args:
            extra: More flags than those of the command line, such as the class of a page of help.
        """
        self.own = self._read_own()
        self._choice = Choice(ImportedClasses(), self.own, [*self.given, *extra])
        if self._choice.changed:
            self.set_defaults(self._choice.changed)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:
            super().error(message, ex)
        worded = parser_errors.worded(message, self.given, self._choice)
        self.exit(2, f"{self.prog}: error: {self.user_classes.as_typed(worded)}\n")

    def blamed(self, message: str) -> str:
        """The Trainer's flags that its error is about, named in it by name, by value or by both."""
        return parser_errors.blamed(message, self.given)

    def dump(self, *args: Any, **kwargs: Any) -> str:
        """The settings as YAML; a class of a file is named as the user named it."""
        return self.user_classes.as_given(super().dump(*args, **kwargs))
