"""Runs experiments in processes that have imported the libraries already.

The import of torch, lightning and transformers takes most of the time of a short run. One process
imports them and does nothing else. Each job is a fork of it, and otherwise the same as a process
that the command line starts.
"""

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import experiments

_PRELOADED = [
    *("experiments.runner.cli", "modules", "datamodules", "callbacks", "wandb"),
    # Libraries that these import late, but in every run: a third of a second.
    *("pandas", "pyarrow.csv", "requests", "transformers.optimization"),
    "transformers.trainer_utils",
]


def start(words: list[str], log: Path, environment: dict[str, str]) -> BaseProcess:
    """Starts a script in a process of its own; returns when the process can be interrupted.

    Args:
        words: The script and its flags.
        log: The file to which its output is added.
        environment: The environment variables to set.
    """
    os.environ.update(environment)  # before the first fork: the libraries read it when they load
    context = _context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(words, str(log), environment, theirs))
    process.start()
    theirs.close()
    ours.poll(None)  # also if it has ended
    ours.close()
    return process


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function of a module in such a process; returns its value or raises its error."""
    context = _context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    try:
        value = ours.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{function.__name__} ended with exit code {process.exitcode}") from None
    except BaseException:
        process.kill()
        raise
    process.join()
    if isinstance(value, BaseException):
        raise value
    return value


def _context() -> Any:
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _call(answer: Any, function: Callable[..., Any], arguments: tuple) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever waits for the value ends this
    try:
        value = function(*arguments)
    except Exception as error:
        value = error
    answer.send(value)


def add_script_folder(script: str) -> None:
    """Lets a user's script import the files beside it, as Python does; ours do not need it."""
    folder = Path(script).resolve().parent
    if not folder.is_relative_to(Path(experiments.__file__).parent):
        sys.path.insert(0, str(folder))


def _run(words: list[str], log: str, environment: dict[str, str], begun: Any) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(environment)
    sys.argv = words
    add_script_folder(words[0])
    # The server of the forks may have begun while interrupts were ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # An interrupt that arrives in the middle of closing would be swallowed: it waits.
    masks = hasattr(signal, "pthread_sigmask")  # Windows has none
    if masks:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    begun.close()
    if masks:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    runpy.run_path(words[0], run_name="__main__")
