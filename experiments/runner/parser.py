"""The parser of experiments: errors of one line that name the remedy, help of one screen.

`LightningCLI` leaves the command line to jsonargparse, whose errors fill a page. `Parser` checks
the flags first, with the flags of the chosen classes; jsonargparse still parses, and its errors
are put into plain words.
"""

import inspect
import re
import sys
from functools import partial
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from experiments.runner import (
    help,
    parser_errors,
    part_flags,
    quick_answers,
    tuned_flags,
    unknown_flags,
)
from experiments.runner.given_flags import Given, above, by_flag, ordered, short_flag, split
from experiments.runner.messages import (
    as_typed,
    base_class,
    class_flags,
    either,
    expected,
    type_of,
)
from experiments.runner.unknown_flags import Names
from experiments.runner.user_flags import UserClasses
from modules.tuning import Tuned


class Parser(LightningArgumentParser):
    """Parses an experiment's flags; `description` is the experiment's docstring.

    A flag overrides a configuration file, and a class is chosen before its flags are set, in any
    order on the command line. If the user chooses another class, the experiment's defaults hold for
    the flags that this class inherits; flags that it declares itself keep their own defaults. What
    is tuned for a class holds where the experiment sets nothing.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.links: dict[str, str] = {}  # flags that follow others
        self.given: list[Given] = []
        self.known: dict[str, Any] = {}  # every flag of the run and of the chosen classes
        self.shown: dict[str, Any] = {}  # their defaults
        self.chosen: dict[str, type] = {}  # the class for model, data, model.task ...
        self.stated: frozenset[str] = frozenset()  # the flags that the experiment sets
        self.tuned: dict[str, Tuned] = {}  # what is tuned for the chosen model, by flag
        self.user_classes = UserClasses()
        self.program = ""  # the experiment of ours for which quick answers are kept

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
            pages = [given for given in typed if given.flag.split(".")[0] == "--help"]
            self._choose([Given("--" + p.flag[7:], p.values, []) for p in pages if p.values])
            if self.program:
                quick_answers.keep_names(self.program, self)
            if pages:
                text = self._page(pages[0]) + "\n"
                if self.program:
                    quick_answers.keep_page(self.program, self, args, text)
                self._print_message(text, sys.stdout)
                self.exit()
            for given in self.given:
                self._check(given)
            return super().parse_args(ordered(typed), *rest, **kwargs)
        except (ValueError, ImportError, OSError) as ex:
            self.error(str(ex))

    def _choose(self, extra: list[Given]) -> None:
        """Finds the chosen classes, their flags, and the defaults of these flags."""
        last = by_flag(self.given + extra)
        self.known, self.shown, self.chosen, self.tuned = {}, {}, {}, {}
        for key in ("model", "data"):
            action = self._option_string_actions.get(f"--{key}")
            if base_class(action):
                default = self.get_default(key) or {}
                kept, cls = self._expand(key, action, default, last), self.chosen.get(key)
                other = cls is not self._default_class(action, default)
                if cls and (other or any(flag.startswith(f"--{key}.") for flag in self.tuned)):
                    path = f"{cls.__module__}.{cls.__qualname__}"
                    self.set_defaults({key: {"class_path": path, "init_args": kept}})
        for flag, one in self.tuned.items():
            if flag.startswith("--trainer.") and one.flag not in self.stated:
                self.set_defaults({one.flag: one.value})
        for flag, action in self._option_string_actions.items():
            self.known.setdefault(flag, action)
            self.shown.setdefault(flag, action.default)
        held = {flag: one for flag, one in self.tuned.items() if self.shown.get(flag) == one.value}
        self.tuned = held
        for flag in self.links:
            self.known.pop(flag, None)

    def _expand(self, key: str, action: Any, default: Any, last: dict[str, Given]) -> dict:
        """Notes the class chosen for `--key` and its flags; returns its defaults."""
        default = default if hasattr(default, "get") else {}
        given = last.get(f"--{key}")
        name = given.values[0] if given and given.values else default.get("class_path")
        if not isinstance(name, str) or re.search(r"{|\.(ya?ml|json|null)$", f"{key}.{name}"):
            return {}  # not the name of a class: jsonargparse's business
        cls = part_flags.find(given or f"--{key} {name}", name, action)
        self.chosen[key] = cls
        flags, kept = class_flags(cls, key), dict(default.get("init_args") or {})
        if cls is not self._default_class(action, default):
            own = inspect.signature(cls.__init__).parameters if "__init__" in vars(cls) else {}
            kept = {k: v for k, v in kept.items() if f"--{key}.{k}" in flags and k not in own}
        if key == "model" and tuned_flags.wanted(last):
            self.tuned = tuned_flags.find(cls, last, kept, flags)
        kept = tuned_flags.below(key, self.tuned, flags) | kept
        for flag, sub in flags.items():
            self.known[flag], arg = sub, flag.rsplit(".", 1)[-1]
            self.shown[flag] = kept.get(arg, sub.default)
            if base_class(sub):
                held = self.shown[flag]
                inner = self._expand(flag[2:], sub, held, last)
                if tuned_flags.below(flag[2:], self.tuned, self.known):
                    part, held = self.chosen[flag[2:]], held if hasattr(held, "get") else {}
                    path = f"{part.__module__}.{part.__qualname__}"
                    if part is self._default_class(sub, held):
                        path = held["class_path"]
                    kept[arg] = {"class_path": path, "init_args": inner}
        return kept

    @staticmethod
    def _default_class(action: Any, default: Any) -> type | None:
        name = default.get("class_path")
        return part_flags.find(name, name, action) if name else None

    def _page(self, page: Given) -> str:
        """The text of a page of help."""
        key = page.flag[7:]
        callbacks = help.CALLBACKS[2:]
        keys = [*self.chosen, "trainer", *[callbacks] * (help.CALLBACKS in self.known)]
        if key and key not in keys:
            self.error(f"--help.{key}: there are {either([f'--help.{k}' for k in keys], 'and')}")
        flags = self.known, self.shown, self.chosen
        if key == callbacks:
            action = self.known[help.CALLBACKS]
            found = [part_flags.find(f"--help.{key} {n}", n, action) for n in page.values]
            return help.callbacks(found[0] if found else None, action)
        return help.page(key, *flags, self.tuned) if key else help.screen(self.description, *flags)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:
            super().error(message, ex)
        worded = parser_errors.worded(message, self.known, self.given, self.chosen)
        worded = self.user_classes.as_typed(worded)
        self.exit(2, f"{self.prog}: error: {worded}\n")

    def _check(self, given: Given) -> None:
        """Refuses a flag that is linked or unknown, has no value, or has too many."""
        flag, values, action = given.flag, given.values, self.known.get(given.flag)
        if flag in self.links:
            if not given.file:  # a run's own file names every setting
                self.error(f"{given}: follows {self.links[flag]}; set that instead")
        elif action is None:
            # Inside a value that is no chosen class, such as a callback, jsonargparse knows.
            outer = [one for one in above(flag) if one[2:] not in self.chosen]
            if not any(type_of(self.known.get(one)) for one in outer):
                chosen = {key: cls.__name__ for key, cls in self.chosen.items()}
                flags_of = partial(quick_answers.flags_of, self)
                self.error(unknown_flags.error(given, Names(self.known, chosen, flags_of)))
        elif not given.file and not values and action.nargs in (None, "+"):
            takes = f", {expected(action)}" if type_of(action) else ""
            self.error(f"{flag}: needs a value{takes}")
        elif len(values) > {None: 1, "?": 1, 0: 0}.get(action.nargs, len(values)):
            self.error(f"{flag}: one value too many, {as_typed(values[-1])}; quote what has spaces")
        elif flag[2:] not in self.chosen:
            part_flags.check(given, action)

    def blamed(self, message: str) -> str:
        """The Trainer's flags that its error is about, named in it by name, by value or by both."""
        return parser_errors.blamed(message, self.given)

    def dump(self, *args: Any, **kwargs: Any) -> str:
        """The settings as YAML; a class of a file is named as the user named it."""
        return self.user_classes.as_given(super().dump(*args, **kwargs))
