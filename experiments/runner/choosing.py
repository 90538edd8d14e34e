"""The classes that a command line chooses, their flags, and the defaults of these flags.

Nothing here needs the classes themselves: the parser passes a :class:`Library` of the imported
ones, and the quick answers one of those in the index.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from datamodules.spelling import CLASS_FORMS, nearest
from experiments.runner import peer_flags, tuned_flags
from experiments.runner.given_flags import Given, by_flag
from experiments.runner.messages import Flag


class Setting(Protocol):
    """A tuned setting, as of :mod:`modules.tuning`."""

    @property
    def flag(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def source(self) -> str: ...


class Kind(Protocol):
    """A class that a flag may name.

    Attributes:
        name: Its name.
        path: Its dotted path.
        about: Its docstring above the arguments.
        own: The arguments that it declares itself.
        default_task: The name of its task if no other is asked for; None where there is no task.
    """

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def own(self) -> list[str]: ...
    @property
    def default_task(self) -> str | None: ...

    def flags(self, key: str) -> dict[str, Flag]:
        """Its flags below ``--key.``."""

    def tuned(self, backbone: str | None, task: str | None) -> Mapping[str, Setting]:
        """Its tuned settings by flag without dashes; the arguments are as of ``applicable``."""


class Library(Protocol):
    """The classes that flags may name, by the path of the class whose subclasses they are."""

    def named(self, base: str) -> Mapping[str, Kind]:
        """All subclasses of a class by their names."""

    def offered(self, base: str) -> list[str]:
        """The names of those that a user may choose."""

    def imported(self, given: Any, name: str, base: str) -> Kind:
        """The class at a dotted path or in a file; ``given`` begins the error."""


def find(library: Library, given: Any, name: str, base: str) -> Kind:
    """The class that a flag names: one of the project's or Lightning's, or of the user's own.

    Args:
        library: The classes that there are.
        given: The flag as given, which begins the error.
        name: The name of a class.
        base: The path of the class whose subclasses the flag takes.

    Raises:
        ValueError: If there is no such class, or it is of another kind.
    """
    known = library.named(base)
    if name in known:
        return known[name]
    if re.search("[./:]", name):
        return library.imported(given, name, base)
    offered = library.offered(base)
    near = peer_flags.class_of(name, offered) or nearest(name, offered, 0.7)
    hint = f"; did you mean {near}?" if near else ";"
    listed = ", ".join(offered)
    raise ValueError(f"{given}: unknown class{hint} choose from {listed}, or give {CLASS_FORMS}")


class Own(NamedTuple):
    """What an experiment has before its command line is read.

    Attributes:
        flags: The flags of the run and of the Trainer, with model and data.
        defaults: The classes of model and data with their arguments, as ``class_path`` and
            ``init_args``.
        stated: The flags that the experiment sets, without dashes.
        links: The flags that follow others, with the words for these.
    """

    flags: Mapping[str, Flag]
    defaults: Mapping[str, Any]
    stated: frozenset[str]
    links: Mapping[str, str]


class Choice:
    """What the flags of a command line choose.

    Attributes:
        known: Every flag of the run and of the chosen classes.
        shown: Their defaults.
        chosen: The class for model, data, model.task ...
        tuned: What is tuned for the chosen model, by flag.
        changed: Defaults other than the experiment's, by flag without dashes.
    """

    def __init__(self, library: Library, own: Own, given: list[Given]) -> None:
        self.library, self._own, self._last = library, own, by_flag(given)
        self.known: dict[str, Flag] = {}
        self.shown: dict[str, Any] = {}
        self.chosen: dict[str, Kind] = {}
        self.tuned: dict[str, Setting] = {}
        self.changed: dict[str, Any] = {}
        for key in ("model", "data"):
            flag = own.flags.get(f"--{key}")
            if flag and flag.base:
                default = own.defaults.get(key) or {}
                kept, kind = self._expand(key, flag, default), self.chosen.get(key)
                if kind and (
                    kind.path != self._default(flag, default)
                    or any(flag.startswith(f"--{key}.") for flag in self.tuned)
                ):
                    self.changed[key] = {"class_path": kind.path, "init_args": kept}
        for name, one in self.tuned.items():
            if name.startswith("--trainer.") and one.flag not in own.stated:
                self.changed[one.flag] = one.value
        for name, flag in own.flags.items():
            self.known.setdefault(name, flag)
            self.shown.setdefault(name, self.changed.get(name[2:], flag.default))
        held = {name: one for name, one in self.tuned.items() if self.shown.get(name) == one.value}
        self.tuned = held
        for name in own.links:
            self.known.pop(name, None)

    def flags_of(self, key: str) -> dict[str, dict[str, Flag]]:
        """The flags of each class that ``--key`` may name, by the name of the class."""
        flag = self.known.get(f"--{key}")
        if flag is None or not flag.base:
            return {}
        return {name: kind.flags(key) for name, kind in self.library.named(flag.base).items()}

    def _expand(self, key: str, flag: Flag, default: Any) -> dict[str, Any]:
        """Notes the class chosen for `--key` and its flags; returns its defaults."""
        default = default if hasattr(default, "get") else {}
        given = self._last.get(f"--{key}")
        name = given.values[0] if given and given.values else default.get("class_path")
        if not isinstance(name, str) or re.search(r"{|\.(ya?ml|json|null)$", f"{key}.{name}"):
            return {}  # not the name of a class: jsonargparse's business
        kind = find(self.library, given or f"--{key} {name}", name, flag.base)
        self.chosen[key] = kind
        flags, kept = kind.flags(key), dict(default.get("init_args") or {})
        if kind.path != self._default(flag, default):
            kept = {k: v for k, v in kept.items() if f"--{key}.{k}" in flags and k not in kind.own}
        if key == "model" and tuned_flags.wanted(self._last):
            self.tuned = tuned_flags.find(kind, self._last, kept, flags)
        kept = tuned_flags.below(key, self.tuned, flags) | kept
        for name, sub in flags.items():
            self.known[name], arg = sub, name.rsplit(".", 1)[-1]
            self.shown[name] = kept.get(arg, sub.default)
            if sub.base:
                held = self.shown[name]
                inner = self._expand(name[2:], sub, held)
                if tuned_flags.below(name[2:], self.tuned, self.known):
                    part, held = self.chosen[name[2:]], held if hasattr(held, "get") else {}
                    path = part.path
                    if path == self._default(sub, held):
                        path = held["class_path"]
                    kept[arg] = {"class_path": path, "init_args": inner}
        return kept

    def _default(self, flag: Flag, default: Any) -> str | None:
        """The path of the class that is a default; the default may name it by a shorter one."""
        name = default.get("class_path")
        return find(self.library, name, name, flag.base).path if name else None
