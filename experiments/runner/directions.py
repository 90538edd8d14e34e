"""The direction of a metric, where the user names the metric alone."""

from typing import Any

from datamodules.spelling import did_you_mean
from experiments.common.metrics import declared, direction
from experiments.runner.given_flags import Given, listed
from modules.stage_metrics import StageMetrics

_FLAG = "--trainer.callbacks"


def choose(model: Any, wanted: str | None) -> None:
    """Lets a metric choose the best checkpoint, in the direction that its task knows.

    Args:
        model: The module; its ``monitor`` and ``mode`` are set.
        wanted: The metric of ``--monitor``; None leaves that of the module.

    Raises:
        ValueError: If the module does not measure it, or does not train.
    """
    if wanted is None:
        return
    if not model.trains:
        raise ValueError(
            f"--monitor {wanted}: {type(model).__name__} trains nothing, so there is no checkpoint "
            f"to choose; leave it out"
        )
    known: dict[str, str | None] = {"val/loss": "min", model.monitor: model.mode}
    own = declared(model)
    for name in _validated(model):
        known.setdefault(name, direction(name, own))
    if wanted in known and known[wanted] is None:
        raise ValueError(
            f"--monitor {wanted}: nobody has said whether more or less of it is better; declare it "
            f"as metric_facts in the class of the task"
        )
    if wanted not in known:
        hint = did_you_mean(wanted, known)
        there = ", ".join(name for name, mode in known.items() if mode)
        kind = type(model).__name__
        raise ValueError(
            f"--monitor {wanted}: {kind} does not validate it; there are {there}{hint}"
        )
    model.monitor, model.mode = wanted, known[wanted]


def set_modes(callbacks: Any, given: list[Given]) -> None:
    """Sets the mode of callbacks that watch a metric, unless the user gave the mode.

    EarlyStopping and ModelCheckpoint take lower values for better ones by default, which is wrong
    for an accuracy.

    Args:
        callbacks: The parsed callbacks: one, a list, or none; they are changed in place.
        given: All flags and lines of files as the user gave them, in their order.
    """
    parsed, with_mode = listed(callbacks), _with_mode(given)
    if len(with_mode) != len(parsed):  # given in a form that is not understood here
        return
    for callback, has_mode in zip(parsed, with_mode, strict=True):
        settings = getattr(callback, "init_args", None) or {}
        if has_mode or settings.get("mode") not in ("min", "max"):
            continue
        if found := direction(settings.get("monitor") or ""):
            settings["mode"] = found


def check_modes(callbacks: Any, model: Any, given: list[Given]) -> None:
    """Refuses a callback that takes its metric's direction from nobody.

    Names tell the direction of most metrics; see :func:`set_modes`. Of others the module or its
    task may have declared one.

    Args:
        callbacks: The callbacks: one, a list, or none.
        model: The module.
        given: All flags and lines of files as the user gave them, in their order.

    Raises:
        ValueError: If nobody has said which values are better, or the other ones are taken.
    """
    built, with_mode = listed(callbacks), _with_mode(given)
    own, names = declared(model), _validated(model)
    for callback, has_mode in zip(built, with_mode, strict=False):
        monitor, mode = (getattr(callback, name, None) for name in ("monitor", "mode"))
        found, by_name = direction(monitor or "", own), direction(monitor or "")
        # A declaration may also contradict the name.
        if has_mode or len(built) != len(with_mode) or (by_name and found == by_name):
            continue
        if mode not in ("min", "max") or monitor not in names:  # no metric: said where it runs
            continue
        if found is None:
            why, cure = "nobody has said whether more or less of it is better", "min or max"
        elif found != mode:
            why, cure = f"{'more' if found == 'max' else 'less'} of it is better", found
        else:
            continue
        raise ValueError(f"{_FLAG}.monitor {monitor}: {why}: give {_FLAG}.mode {cure}")


def _validated(model: Any) -> list[str]:
    """The names of the metrics by which a module with a task is validated."""
    measured = getattr(model, "metrics", None)
    if not isinstance(measured, StageMetrics):
        return [model.monitor]
    return [model.monitor, *(f"val/{name}" for name in measured.metrics["val_metrics"])]


def _with_mode(given: list[Given]) -> list[bool]:
    """Tells for each callback, in the order of the callbacks, whether the user gave its mode."""
    found: list[bool] = []
    for one in given:
        if one.flag == _FLAG and one.values:
            adds = bool(one.words) and one.words[0].partition("=")[0].endswith("+")
            found = (found if adds else []) + [_names_mode(value) for value in listed(one.value)]
        elif one.flag == f"{_FLAG}.mode" and found:
            found[-1] = True
    return found


def _names_mode(callback: Any) -> bool:
    return isinstance(callback, dict) and "mode" in (callback.get("init_args") or {})
