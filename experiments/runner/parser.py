"""The parser of experiments: errors of one line that name the remedy, help of one screen.

`LightningCLI` leaves the command line to jsonargparse, whose errors fill a page. `Parser` checks
the flags first, with the flags of the chosen classes; jsonargparse still parses, and its errors
are put into plain words.
"""

import inspect
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from datamodules.spelling import nearest
from experiments.runner import (
    help,
    messages,
    parser_errors,
    part_flags,
    peer_flags,
    tuned_flags,
)
from experiments.runner.given_flags import Given, by_flag, ordered, short_flag
from experiments.runner.messages import (
    as_typed,
    base_class,
    class_flags,
    either,
    expected,
    type_of,
)
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

    def link_arguments(self, source: Any, target: str, *args: Any, **kwargs: Any) -> None:
        super().link_arguments(source, target, *args, **kwargs)
        sources = [source] if isinstance(source, str) else source
        self.links[short_flag(f"--{target}")] = either(
            [short_flag(f"--{s}") for s in sources], "and"
        )

    def parse_args(self, args: list[str] | None = None, *rest: Any, **kwargs: Any) -> Any:
        if not self.exit_on_error:  # jsonargparse's own parser of a class
            return super().parse_args(args, *rest, **kwargs)
        typed = self._split(sys.argv[1:] if args is None else args)
        try:
            typed, lines = self.user_classes.replaced(typed, self._option_string_actions)
            self.given = lines + typed
            pages = [given for given in typed if given.flag.split(".")[0] == "--help"]
            self._choose([Given("--" + p.flag[7:], p.values, []) for p in pages if p.values])
            if pages:
                self._help(pages[0])
            for given in self.given:
                self._check(given)
            return super().parse_args(ordered(typed), *rest, **kwargs)
        except (ValueError, ImportError, OSError) as ex:
            self.error(str(ex))

    def _split(self, args: list[str]) -> list[Given]:
        typed: list[Given] = []
        for arg in args:
            if arg.startswith("-") and not re.match(r"-(\.?\d|$)", arg):
                option, has_value, value = arg.partition("=")
                action = self._option_string_actions.get(option)
                option = action.option_strings[-1] if action and len(option) == 2 else option
                typed.append(Given(short_flag(option), [value] if has_value else [], [arg]))
            elif typed:
                typed[-1].values.append(arg)
                typed[-1].words.append(arg)
            else:
                self.error(f"{arg}: every value follows a flag; see --help")
        return typed

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

    def _help(self, page: Given) -> NoReturn:
        key = page.flag[7:]
        callbacks = help.CALLBACKS[2:]
        keys = [*self.chosen, "trainer", *[callbacks] * (help.CALLBACKS in self.known)]
        if key and key not in keys:
            self.error(f"--help.{key}: there are {either([f'--help.{k}' for k in keys], 'and')}")
        flags = self.known, self.shown, self.chosen
        if key == callbacks:
            action = self.known[help.CALLBACKS]
            found = [part_flags.find(f"--help.{key} {n}", n, action) for n in page.values]
            text = help.callbacks(found[0] if found else None, action)
        else:
            text = (
                help.page(key, *flags, self.tuned) if key else help.screen(self.description, *flags)
            )
        self._print_message(text + "\n", sys.stdout)
        self.exit()

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:
            super().error(message, ex)
        worded = parser_errors.worded(message, self.known, self.given, self.chosen)
        worded = self.user_classes.as_typed(worded)
        self.exit(2, f"{self.prog}: error: {worded}\n")

    @staticmethod
    def _hint(word: str) -> str:
        return f"; did you mean {word}?" if word else ""

    def _check(self, given: Given) -> None:
        """Refuses a flag that is linked or unknown, has no value, or has too many."""
        flag, values, action = given.flag, given.values, self.known.get(given.flag)
        if flag in self.links:
            if not given.file:  # a run's own file names every setting
                self.error(f"{given}: follows {self.links[flag]}; set that instead")
        elif action is None:
            above = [flag[: dot.start()] for dot in re.finditer(r"\.", flag)]
            if not any(type_of(self.known.get(a)) and a[2:] not in self.chosen for a in above):
                self._unknown(given)  # else inside a value such as a callback: jsonargparse knows
        elif not given.file and not values and action.nargs in (None, "+"):
            takes = f", {expected(action)}" if type_of(action) else ""
            self.error(f"{flag}: needs a value{takes}")
        elif len(values) > {None: 1, "?": 1, 0: 0}.get(action.nargs, len(values)):
            self.error(f"{flag}: one value too many, {as_typed(values[-1])}; quote what has spaces")
        elif flag[2:] not in self.chosen:
            part_flags.check(given, action)

    def _unknown(self, given: Given) -> NoReturn:
        flag, leaf = given.flag, given.flag.rsplit(".", 1)[-1].lstrip("-")
        for key in [k for k in self.chosen if flag.startswith(f"--{k}.")]:
            others = messages.subclasses(base_class(self.known[f"--{key}"]))
            if owners := [n for n, c in others.items() if flag in class_flags(c, key)]:
                self.error(
                    f"{given}: {self.chosen[key].__name__} has no {leaf}; "
                    f"--{key} {either(owners)} has"
                )
        known = [f for f in self.known if f.startswith("--") and not re.search(r"help$|\+$", f)]
        leaves = {f.rsplit(".", 1)[-1].lstrip("-"): f for f in reversed(known)}
        root, roots = flag.split(".")[0], dict.fromkeys(f.split(".")[0] for f in known)
        beside = [f for f in known if f.startswith(f"{root}.")] if root in roots else roots
        own = leaves.get(leaf) or leaves.get(leaf.replace("-", "_"))
        if not own and (peers := peer_flags.hint(leaf, self.known, *self._models())):
            kind = "unknown key " if given.file else "unknown flag "
            self.error(given.named(kind) + peers)
        near = (
            own
            or nearest(flag if root in roots else root, beside, 0.7)
            or leaves.get(nearest(leaf, leaves, 0.7), "")
        )
        kind, near = ("unknown key ", near[2:]) if given.file else ("unknown flag ", near)
        self.error(given.named(kind) + (self._hint(near) or "; see --help"))

    def _models(self) -> tuple[str, Callable[[str, str], bool]]:
        """The name of the chosen model, and a test of whether another one has a flag."""
        others = messages.subclasses(base_class(self.known.get("--model")) or type(None))
        name = self.chosen["model"].__name__ if "model" in self.chosen else ""
        return name, lambda n, flag: n in others and flag in class_flags(others[n], "model")

    def blamed(self, message: str) -> str:
        """The Trainer's flags that its error is about, named in it by name, by value or by both."""
        return parser_errors.blamed(message, self.given)

    def dump(self, *args: Any, **kwargs: Any) -> str:
        """The settings as YAML; a class of a file is named as the user named it."""
        return self.user_classes.as_given(super().dump(*args, **kwargs))
