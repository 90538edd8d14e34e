"""The tuned settings of the chosen module as defaults of flags, and the origin of each setting."""

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from datamodules.spelling import did_you_mean
from experiments.runner.given_flags import Given, by_flag
from experiments.runner.messages import as_typed, class_flags
from modules import tuning
from modules.registry import registered
from modules.tasks import Task
from modules.tuning import Tuned

TRAINER = ("max_epochs", "max_steps", "min_epochs", "min_steps", "accumulate_grad_batches")
TRAINER += ("gradient_clip_val", "gradient_clip_algorithm")
TRAINER += ("val_check_interval", "check_val_every_n_epoch")
DATA = ("batch_tokens", "batch_size", "max_length")
# They say on what a module is trained, or follow other flags, and are no matter of tuning.
_ASKED = (
    "backbone",
    "task",
    "tokenizer",
    "size",
    "family",
    "row_tokens",
    "bytes_per_token",
    "seed",
)
_OF_DATA = ("labels", "num_classes")


def wanted(given: Mapping[str, Given]) -> bool:
    """Whether tuned settings apply: unless the last ``--tuned`` is false."""
    one = given.get("--tuned")
    return one is None or one.value is not False


def find(cls: type, given: Mapping[str, Given], default: Any, flags: Mapping[str, Any]) -> dict:
    """The tuned settings of the class of ``--model``, by flag with its dashes.

    Args:
        cls: The class.
        given: The last setting of each flag.
        default: The experiment's arguments of the model.
        flags: The flags of the class.

    Raises:
        ValueError: If a tuned setting of the class is wrong.
    """
    entries = tuning.declared(cls)
    for one in entries:
        if reason := wrong(one, cls, flags):
            raise ValueError(f"--model {cls.__name__}: its tuned setting {reason}")
    if not entries:
        return {}
    task = default.get("task") or {}
    task = task.get("class_path") if hasattr(task, "get") else None
    task = _value(given, "--model.task", task or getattr(cls, "default_task", None))
    action = flags.get("--model.backbone")
    backbone = _value(given, "--model.backbone", default.get("backbone", action and action.default))
    name = re.split(r"[.:]", task)[-1] if isinstance(task, str) else None
    found = tuning.applicable(cls, backbone if isinstance(backbone, str) else None, name)
    return {f"--{flag}": one for flag, one in found.items()}


def _value(given: Mapping[str, Given], flag: str, default: Any) -> Any:
    one = given.get(flag)
    return default if one is None or not one.values else one.value


def origins(
    given: list[Given], stated: Collection[str], tuned: Mapping[str, Tuned]
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


def note(cls: type, origins: Mapping[str, str], tuned: Mapping[str, Tuned]) -> list[str]:
    """A remark on the settings that a class brings which is not the experiment's own."""
    held = [one for one in tuned.values() if origins.get(one.flag, "").startswith("tuned")]
    values = ", ".join(f"{one.flag} {as_typed(one.value)}" for one in held)
    return [f"tuned for {cls.__name__}: {values}; --tuned false leaves that out"] if held else []


def below(key: str, tuned: Mapping[str, Tuned], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The tuned values of the arguments of ``--key``, by name, where its class has the flag."""
    lead = f"--{key}."
    return {
        flag.removeprefix(lead): one.value
        for flag, one in tuned.items()
        if flag in flags and flag.startswith(lead) and "." not in flag.removeprefix(lead)
    }


def wrong(one: Any, cls: type, flags: Collection[str]) -> str:
    """What is wrong with a tuned setting of a class; empty if nothing is.

    Args:
        one: The setting.
        cls: The class.
        flags: The flags of the class, as ``--model.rank``.
    """
    if not isinstance(one, Tuned):
        return f"{one!r}: write it as Tuned(flag, value, source)"
    part, _, name = one.flag.removeprefix("model.task.").rpartition(".")
    part = part or ("task" if one.flag.startswith("model.task.") else "")
    if name not in _tunable(part, flags):
        known = [
            f"{p.replace('task', 'model.task')}.{n}"
            for p in ("model", "task", "data", "trainer")
            for n in _tunable(p, flags)
        ]
        return f"{one.flag}: {cls.__name__} cannot be tuned by it{did_you_mean(one.flag, known)}"
    if not one.source:
        return f"{one.flag}: needs its source, such as an experiment with its figure"
    if one.backbone not in (None, *tuning.BACKBONES):
        return f"{one.flag}: backbone {one.backbone}: there are {', '.join(tuning.BACKBONES)}"
    if one.task is not None and one.task not in (tasks := registered(Task)):
        return f"{one.flag}: task {one.task}: there is none{did_you_mean(one.task, tasks)}"
    return ""


def _tunable(part: str, flags: Collection[str]) -> Collection[str]:
    """The names of the arguments of a part by which a class with these flags can be tuned."""
    if part == "model":
        return [flag[8:] for flag in flags if flag[8:] not in _ASKED and "." not in flag[8:]]
    if part == "task":  # the flags of every task take a moment to find
        return [n for n in _arguments(*registered(Task).values()) if n not in _OF_DATA]
    return {"data": DATA, "trainer": TRAINER}.get(part, ())


@cache
def _arguments(*classes: type) -> tuple[str, ...]:
    """The names of the arguments of any of these classes."""
    lead = "part."
    flags = [flag for cls in classes for flag in class_flags(cls, lead[:-1])]
    return tuple(dict.fromkeys(flag.removeprefix(f"--{lead}") for flag in flags))
