"""The facts about a run for the model card of its export."""

import os
import platform
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from datamodules import packaged
from experiments.common.redaction import redact, redact_argv
from experiments.reporting.intervals import of_share
from modules.card import without_folders

if TYPE_CHECKING:
    from experiments.runner.run import Run

_PROPORTIONS = ("accuracy", "exact_match")


def card_facts(run: "Run", metrics: dict[str, float]) -> dict[str, Any]:
    """The facts about the run that its export tells, without secrets and without paths."""
    backbone = run.config["model"].get("backbone")
    base = packaged.PACKAGES.get(backbone) if backbone in packaged.BACKBONES else None
    package = packaged.find_package(str(run.data.get("origin", "")))
    return {
        "name": redact(run.name),
        "data": redact(run.data),
        "metrics": metrics,
        "held_out": run.config["hold_out_test"],
        "report": run.report,
        "intervals": intervals(run.report),
        "tokens": run.throughput.tokens,
        "git_commit": run.commit,
        "command": command(sys.argv),
        "base_licence": base.licence if base else None,
        "data_licence": package.licence if package else None,
        "training": _training(run),
        "unknown_share": getattr(run.datamodule, "unknown_share", None),
    }


def intervals(report: dict[str, Any]) -> dict[str, dict[str, tuple[float, float]]]:
    """The 95 % intervals (Wilson 1927) of the shares of right answers, by split and metric."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for split, measured in report.items():
        for name in _PROPORTIONS:
            if (share := measured.get(name)) is None or not measured["rows"]:
                continue
            if bounds := of_share(share, measured["rows"]):
                found.setdefault(split, {})[name] = bounds
    return found


def command(argv: list[str]) -> str:
    """The command line without secrets, and with the names of files in place of their paths."""
    script, *words = redact_argv(argv)
    if script.startswith("pretune "):
        return shlex.join([*script.split(), *map(without_folders, words)])
    place = Path(script)
    name = place.name if place.is_absolute() or ".." in place.parts else script
    return shlex.join(["python", name, *map(without_folders, words)])


def _training(run: "Run") -> dict[str, Any]:
    trainer, config = run.trainer, run.config
    assert trainer is not None
    told = {
        "epochs": trainer.current_epoch,
        "steps": f"{trainer.global_step:,}",
        "highest learning rate": config["model"].get("learning_rate"),
        "precision": trainer.precision,
        "seed": config.get("seed_everything"),
        "machine": _machine(trainer.world_size),
        "training time": f"{run.throughput.seconds / 60:.1f} minutes",
    }
    return {name: value for name, value in told.items() if value is not None}


def _machine(processes: int) -> str:
    """The kind of the machine; no name of it."""
    if torch.cuda.is_available():
        return f"{processes} x {torch.cuda.get_device_name()}"
    return f"CPU ({platform.machine()}, {os.cpu_count()} cores)"
