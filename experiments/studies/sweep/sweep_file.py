"""Reads and checks a W&B sweep file, and notes the settings that are not followed here."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from datamodules.spelling import did_you_mean
from experiments.common.metrics import direction
from experiments.studies.sweep.distributions import Parameter

_KEYS = ("program", "method", "parameters", "metric", "command", "name", "description")
_KEYS += ("project", "entity", "run_cap", "early_terminate")
METHODS = ("grid", "random", "bayes")
_SEED = "seed_everything"
_RESERVED = {
    _SEED: "write it as a parameter, such as seed_everything: {value: 3}",
    "output": "give --output to this command",
    "resume": "a sweep that was stopped is continued by the same command",
}
_START = ["${env}", "${interpreter}", "python", "python3", "/usr/bin/env"]


@dataclass(frozen=True)
class SweepFile:
    """The settings of a sweep file.

    Attributes:
        words: The flags of the command beside the parameters, as ``--trainer.max_epochs=1``.
        cap: The largest number of trials, if the file has one.
        notes: Remarks on settings that are not followed here.
    """

    file: Path
    program: Path
    method: str
    parameters: list[Parameter]
    metric: str | None
    maximize: bool
    words: list[str]
    project: str | None
    cap: int | None
    notes: list[str]


def read(name: str) -> SweepFile:
    """Reads a sweep file.

    Raises:
        ValueError: If W&B or this runner cannot follow the file.
    """
    file = Path(name)
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{name}: there is no such file") from None
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{name}: cannot be read ({type(error).__name__})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"{name}: not YAML{f', line {mark.line + 1}' if mark else ''}") from None
    if not isinstance(said, dict):
        raise ValueError(f"{name}: not a sweep file, whose lines read 'key: value'")
    try:
        return _plan(file, said)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _plan(file: Path, said: dict[str, Any]) -> SweepFile:
    for key in said:
        if key not in _KEYS:
            hint = did_you_mean(str(key), _KEYS) or f"; there are {', '.join(_KEYS)}"
            raise ValueError(f"{key}: unknown key{hint}")
    for key in ("program", "method", "parameters"):
        if not said.get(key):
            raise ValueError(f"{key} is missing")
    method, metric, notes = said["method"], said.get("metric") or {}, []
    if not isinstance(metric, dict):
        raise ValueError(
            f"metric: {metric}: lines below it read 'name: val/loss', 'goal: minimize'"
        )
    if method not in METHODS:
        raise ValueError(f"method: {method} is not one of {', '.join(METHODS)}")
    if not isinstance(metric.get("name", ""), str):
        raise ValueError(f"metric.name: {metric['name']}: name a metric, such as val/loss")
    if method == "bayes" and not metric.get("name"):
        raise ValueError("metric.name is missing; bayes needs it")
    if metric.get("goal", "minimize") not in ("minimize", "maximize"):
        raise ValueError(f"metric.goal: {metric['goal']} is not minimize or maximize")
    if not isinstance(said["parameters"], dict):
        raise ValueError("parameters: lines below it read 'model.rank: {values: [2, 8]}'")
    parameters = [Parameter.read(str(k), value) for k, value in said["parameters"].items()]
    _check_reserved("parameters.", (one.name for one in parameters if one.name != _SEED))
    for parameter in parameters if method == "grid" else ():
        if parameter.listed() is None:
            lead = f"parameters.{parameter.name}"
            raise ValueError(f"{lead}: {parameter.distribution} has no end; a grid takes values")
    if said.get("early_terminate"):
        notes.append("early_terminate is not followed here: every trial runs to its end")
    if "target" in metric:
        notes.append("metric.target is not followed here: all trials are run")
    if said.get("entity"):
        notes.append("entity is not followed here: runs go to the account's own")
    known = direction(metric.get("name") or "")
    goal = metric.get("goal") or ("maximize" if known == "max" else "minimize")
    if known == "max" and "goal" not in metric:
        notes.append(
            f"metric.goal is missing: here the largest {metric['name']} is the best, and in W&B "
            f"the smallest; write goal: maximize"
        )
    elif metric.get("name") and known is None and "goal" not in metric:
        notes.append(
            f"metric.goal is missing, and nobody has said whether more or less of {metric['name']} "
            f"is better: the smallest is taken for the best, as in W&B; write goal"
        )
    elif known and not goal.startswith(known):
        better = "more" if known == "max" else "less"
        notes.append(f"metric.goal {goal}: of {metric['name']}, {better} is better")
    cap = said.get("run_cap")
    if cap is not None and (not isinstance(cap, int) or cap < 1):
        raise ValueError(f"run_cap: {cap} is not a whole number above 0")
    return SweepFile(
        file,
        _program(said["program"]),
        method,
        parameters,
        metric.get("name"),
        goal == "maximize",
        _words(said.get("command")),
        said.get("project"),
        cap,
        notes,
    )


def _program(name: str) -> Path:
    """The program's file: in the working directory, as for `wandb agent`, or in this repository."""
    for folder in (Path.cwd(), Path(__file__).parents[3]):
        if (folder / name).is_file():
            return (folder / name).resolve()
    raise ValueError(f"program: {name}: there is no such file")


def _words(command: Any) -> list[str]:
    """The flags in the command; the words before the program start the interpreter."""
    command = ["${env}", "${interpreter}", "${program}", "${args}"] if command is None else command
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        raise ValueError("command: give a list of words, '- ${env}' and so on")
    if "${program}" not in command or "${args}" not in command:
        raise ValueError(
            "command: needs ${program} and ${args}, since experiments take --flag=value"
        )
    at = command.index("${program}")
    for word in command[:at]:
        if word not in _START:
            raise ValueError(f"command: {word} before the program runs under `wandb agent` only")
    words = [word for word in command[at + 1 :] if word != "${args}"]
    for word in words:
        if word.startswith("${"):
            raise ValueError(f"command: {word} is followed by `wandb agent` only")
    _check_reserved("command: --", (w.partition("=")[0].removeprefix("--") for w in words))
    return words


def _check_reserved(lead: str, flags: Iterable[str]) -> None:
    """Refuses flags that this runner sets itself for each trial."""
    for name in flags:
        if name in _RESERVED:
            raise ValueError(f"{lead}{name}: {_RESERVED[name]}")


def flag(name: str, value: Any) -> str:
    """A parameter as a flag on the command line of a trial."""
    return f"--{name}={value if isinstance(value, str) else json.dumps(value)}"
