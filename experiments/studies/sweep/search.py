"""Proposes the next trial of a sweep from those before it: grid, random or Bayesian."""

import itertools
import json
from collections.abc import Sequence
from random import Random
from typing import Any

from datamodules.optional import require
from experiments.studies.sweep.sweep_file import SweepFile

Trial = tuple[dict[str, Any], float | None]  # settings, and the metric if it has finished
_TRIES = 100  # to draw settings that no trial has had


def size(plan: SweepFile) -> int | None:
    """The number of different trials; None if there is no limit."""
    count = 1
    for parameter in plan.parameters:
        values = parameter.listed()
        if values is None:
            return None
        count *= len(values)
    return count


def propose(plan: SweepFile, trials: Sequence[Trial], seed: int) -> dict[str, Any] | None:
    """The settings of the next trial; None if all have been tried.

    They follow from the arguments alone, so that a sweep that was stopped continues the same.
    """
    if plan.method == "grid":
        rows = itertools.product(*(parameter.listed() for parameter in plan.parameters))
        row = next(itertools.islice(rows, len(trials), None), None)
        names = [parameter.name for parameter in plan.parameters]
        return None if row is None else dict(zip(names, row, strict=True))
    before = {_key(given) for given, _ in trials}
    for attempt in range(_TRIES):
        if plan.method == "bayes":
            given = _bayes(plan, trials, seed + 1000 * attempt)
        else:
            given = {
                p.name: p.draw(Random(f"{seed}/{len(trials)}/{attempt}/{p.name}"))
                for p in plan.parameters
            }
        if _key(given) not in before:
            return given
    return None


def _key(given: dict[str, Any]) -> str:
    return json.dumps(given, sort_keys=True)


def _bayes(plan: SweepFile, trials: Sequence[Trial], seed: int) -> dict[str, Any]:
    """Proposes settings by Optuna's TPE (Bergstra et al. 2011); W&B uses a Gaussian process."""
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {p.name: _distribution(p) for p in plan.parameters if p.varies}
    direction = "maximize" if plan.maximize else "minimize"
    sampler = optuna.samplers.TPESampler(seed=seed + len(trials))
    study = optuna.create_study(direction=direction, sampler=sampler)
    for given, value in trials:
        if value is not None:
            chosen = {name: _told(plan, name, given[name]) for name in space}
            study.add_trial(
                optuna.trial.create_trial(params=chosen, distributions=space, value=value)
            )
    asked = study.ask(space).params
    for parameter in plan.parameters:
        if parameter.distribution == "categorical":
            asked[parameter.name] = parameter.settings["values"][asked[parameter.name]]
        elif not parameter.varies:
            asked[parameter.name] = parameter.settings["value"]
    return {parameter.name: asked[parameter.name] for parameter in plan.parameters}


def _optuna() -> Any:
    return require("optuna", "bayes", "the method bayes needs")


def check(plan: SweepFile) -> None:
    """Checks that Optuna, if it is needed, is installed and has the distributions.

    Raises:
        ValueError: If Optuna is missing or does not have a distribution.
    """
    if plan.method == "bayes":
        _optuna()
        for parameter in plan.parameters:
            if parameter.varies:
                _distribution(parameter)


def _distribution(parameter: Any) -> Any:
    found, told = _optuna().distributions, parameter.settings
    kind = parameter.distribution
    if kind == "categorical":  # by place, since values may be lists
        if told.get("probabilities"):
            raise ValueError(f"parameters.{parameter.name}: bayes takes no probabilities")
        return found.CategoricalDistribution(range(len(told["values"])))
    if kind == "int_uniform":
        return found.IntDistribution(told["min"], told["max"])
    if kind == "uniform":
        return found.FloatDistribution(told["min"], told["max"])
    if kind == "log_uniform_values":
        return found.FloatDistribution(told["min"], told["max"], log=True)
    if kind == "q_uniform":
        whole = all(isinstance(told[key], int) for key in ("min", "max", "q"))
        make = found.IntDistribution if whole else found.FloatDistribution
        return make(told["min"], told["max"], step=told["q"])
    raise ValueError(
        f"parameters.{parameter.name}.distribution: bayes has no {kind} here; use values, "
        f"int_uniform, uniform, q_uniform or log_uniform_values"
    )


def _told(plan: SweepFile, name: str, value: Any) -> Any:
    """A value as Optuna gets it: a categorical one by its position."""
    parameter = next(p for p in plan.parameters if p.name == name)
    if parameter.distribution == "categorical":
        return parameter.settings["values"].index(value)
    return value
