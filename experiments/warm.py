"""Experiments in processes of their own that have their libraries imported already.

To import torch, lightning and transformers takes most of a short run. One process does it and
does nothing else; each job is a fork of it, and in all else what the command line would start.
"""

import multiprocessing
import os
import runpy
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

_LOADED = ["experiments.cli", "modules", "datamodules", "callbacks", "wandb"]


def start(words: list[str], log: Path, environment: dict[str, str]) -> BaseProcess:
    """Begin ``words``, a script and its flags, with what it prints at the end of ``log``."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    os.environ.update(environment)  # before the first fork: the libraries read it when they load
    process = context.Process(target=_run, args=(words, str(log), environment))
    process.start()
    return process


def _run(words: list[str], log: str, environment: dict[str, str]) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(environment)
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")
