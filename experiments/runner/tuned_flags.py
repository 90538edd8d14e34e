"""The tuned settings of the chosen module as defaults of flags, and the origin of each setting."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from experiments.runner.given_flags import Given, by_flag
from experiments.runner.messages import as_typed


def wanted(given: Mapping[str, Given]) -> bool:
    """Whether tuned settings apply: unless the last ``--tuned`` is false."""
    one = given.get("--tuned")
    return one is None or one.value is not False


def find(kind: Any, given: Mapping[str, Given], default: Any, flags: Mapping[str, Any]) -> dict:
    """The tuned settings of the class of ``--model``, by flag with its dashes.

    Args:
        kind: The class.
        given: The last setting of each flag.
        default: The experiment's arguments of the model.
        flags: The flags of the class.

    Raises:
        ValueError: If a tuned setting of the class is wrong.
    """
    task = default.get("task") or {}
    task = task.get("class_path") if hasattr(task, "get") else None
    task = _value(given, "--model.task", task or kind.default_task)
    flag = flags.get("--model.backbone")
    backbone = _value(given, "--model.backbone", default.get("backbone", flag and flag.default))
    name = re.split(r"[.:]", task)[-1] if isinstance(task, str) else None
    found = kind.tuned(backbone if isinstance(backbone, str) else None, name)
    return {f"--{flag}": one for flag, one in found.items()}


def _value(given: Mapping[str, Given], flag: str, default: Any) -> Any:
    one = given.get(flag)
    return default if one is None or not one.values else one.value


def origins(
    given: list[Given], stated: Collection[str], tuned: Mapping[str, Any]
) -> dict[str, str]:
    """The origin of each setting that is not a default, by flag without dashes.

    Args:
        given: What the user set.
        stated: What the experiment sets.
        tuned: What is tuned for the chosen class.
    """
    found = dict.fromkeys(stated, "experiment")
    found |= {one.flag: f"tuned: {one.source}" for one in tuned.values()}
    for flag, one in by_flag(given).items():
        found[flag[2:]] = f"--config {one.file}" if one.file else "command line"
    return dict(sorted(found.items()))


def note(cls: type, origins: Mapping[str, str], tuned: Mapping[str, Any]) -> list[str]:
    """A remark on the settings that a class brings which is not the experiment's own."""
    held = [one for one in tuned.values() if origins.get(one.flag, "").startswith("tuned")]
    values = ", ".join(f"{one.flag} {as_typed(one.value)}" for one in held)
    return [f"tuned for {cls.__name__}: {values}; --tuned false leaves that out"] if held else []


def below(key: str, tuned: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The tuned values of the arguments of ``--key``, by name, where its class has the flag."""
    lead = f"--{key}."
    return {
        flag.removeprefix(lead): one.value
        for flag, one in tuned.items()
        if flag in flags and flag.startswith(lead) and "." not in flag.removeprefix(lead)
    }
