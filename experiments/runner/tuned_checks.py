"""Checks that the tuned settings of a class name flags of its own, a kind of backbone, a task."""

from collections.abc import Collection
from functools import cache
from typing import Any

from datamodules.spelling import did_you_mean
from experiments.runner.classes import class_flags
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


def applicable(
    cls: type, flags: Collection[str], backbone: str | None, task: str | None
) -> dict[str, Tuned]:
    """The tuned settings of a class that hold for a backbone and a task, by flag without dashes.

    Raises:
        ValueError: If a tuned setting of the class is wrong.
    """
    for one in tuning.declared(cls):
        if reason := wrong(one, cls, flags):
            raise ValueError(f"--model {cls.__name__}: its tuned setting {reason}")
    return tuning.applicable(cls, backbone, task)


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
