"""The classes that flags may name, as they are imported: a library for :mod:`choosing`."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

from datamodules.spelling import nearest
from experiments.runner import classes
from experiments.runner.messages import Flag


class ImportedKind:
    """A class that a flag may name, as :class:`choosing.Kind` has it."""

    def __init__(self, cls: type) -> None:
        self.cls, self.name, self.path = cls, cls.__name__, classes.path(cls)
        self.default_task = getattr(cls, "default_task", None)

    @property
    def about(self) -> str:
        return re.split(r"\n\s*Args:|\bArgs:", inspect.getdoc(self.cls) or "")[0].rstrip()

    @property
    def own(self) -> list[str]:
        declares = "__init__" in vars(self.cls)
        return list(inspect.signature(self.cls.__init__).parameters) if declares else []

    def flags(self, key: str) -> dict[str, Flag]:
        return classes.class_flags(self.cls, key)

    def tuned(self, backbone: str | None, task: str | None) -> Mapping[str, Any]:
        from experiments.runner import tuned_checks  # with torch, which a module has imported

        return tuned_checks.applicable(self.cls, self.flags("model"), backbone, task)


class ImportedClasses:
    """The subclasses of the classes for which flags ask, and those of the user's own."""

    def named(self, base: str) -> Mapping[str, ImportedKind]:
        return {n: ImportedKind(cls) for n, cls in classes.subclasses(classes.BASES[base]).items()}

    def offered(self, base: str) -> list[str]:
        return list(classes.offered(classes.BASES[base]))

    def imported(self, given: Any, name: str, base: str) -> ImportedKind:
        from modules.user_classes import find_class

        offered, wanted = self.offered(base), classes.BASES[base]
        try:
            cls = find_class(name)
        except ValueError as error:
            lead = str(given).removesuffix(name).rstrip()
            near = nearest(re.split("[.:]", name)[-1], offered, 0.7)
            known = near and "there is no class" not in str(error)
            hint = f"; did you mean {near}?" if known else ""
            raise ValueError(f"{lead} {error}{hint}".lstrip()) from None
        if not issubclass(cls, wanted):
            raise ValueError(f"{given}: a {cls.__mro__[1].__name__}, and not a {wanted.__name__}")
        return ImportedKind(cls)
