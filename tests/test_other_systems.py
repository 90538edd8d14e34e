"""Packages and a short run where Python lacks what only POSIX systems have, as on Windows."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from callbacks import throughput
from callbacks.throughput import ThroughputMonitor, process_age
from tests.experiments import forking, running

ROOT = Path(__file__).parents[1]

# The libraries are imported first, as their own files for Windows are not here to be tried. Then
# our files lose what Windows lacks.
WITHOUT = """
import builtins, importlib, os, pkgutil, signal, sys
OURS = ("callbacks", "datamodules", "experiments", "modules")
LACKING = {"resource", "fcntl", "termios", "pwd", "grp", "pty", "tty", "syslog", "readline"}
import lightning.pytorch.cli, wandb, datasets, peft, transformers, torchmetrics, pandas, filelock
import torch.distributed.checkpoint, torch.utils.data, multiprocess
for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
    del sys.modules[name]  # of the process that this is a fork of
import_any = builtins.__import__

def import_some(name, globals=None, *rest, **named):
    ours = ((globals or {}).get("__name__") or "").partition(".")[0] in OURS
    if ours and name.partition(".")[0] in LACKING:
        raise ImportError(f"No module named {name!r}")
    return import_any(name, globals, *rest, **named)

builtins.__import__ = import_some
for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGQUIT", "SIGKILL"):
    delattr(signal, name)
for name in ("pthread_sigmask", "setitimer", "alarm"):
    delattr(signal, name)
for name in ("fork", "killpg", "setsid", "getpgid", "getuid", "mkfifo", "register_at_fork"):
    delattr(os, name)

def no_link(*_, **__):
    raise OSError("A required privilege is not held by the client")

os.symlink = no_link
"""
IMPORTS = """
for package in OURS:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if ".benchmarks" in module.name or module.name.count(".") == 1 and package == "experiments":
            continue
        try:
            importlib.import_module(module.name)
        except ValueError as error:  # an extra that is not installed here
            print(f"{module.name}: {error}")
"""
RUN_AND_RESUME = """
import pathlib, runpy
script, *flags = sys.argv[1:]
for words in (flags, ["--resume", "last"]):
    sys.argv = [script, *words]
    runpy.run_path(script, run_name="__main__")
    if words is flags:  # as if it had been stopped before its last file
        (made,) = pathlib.Path("outputs").glob("*/*/result.json")
        made.rename("first.json")
"""


def call(code: str, folder: Path, cache: Path, *words: str) -> subprocess.CompletedProcess:
    environment = running.environment(cache) | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WITHOUT + code, *words]
    return forking.run(command, cwd=folder, env=environment, text=True)


@pytest.mark.slow
def test_every_package_is_imported(tmp_path, session_cache):
    done = call(IMPORTS, tmp_path, session_cache)
    assert done.returncode == 0, done.stderr
    assert "No module named" not in done.stdout, done.stdout


@pytest.mark.slow
def test_a_short_run_and_its_resume(tmp_path, bert, session_cache):
    running.write_rows(tmp_path / "my.csv")
    script = str(ROOT / "experiments" / "lora_sst2.py")
    flags = running.flags(bert, tracked=True)
    done = call(RUN_AND_RESUME, tmp_path, session_cache, script, *flags)
    assert done.returncode == 0 and "going on after step" in done.stdout, done.stderr
    run = running.only_run(tmp_path)
    assert json.loads((tmp_path / "first.json").read_text())["peak_memory_bytes"] > 1e6
    assert running.result(run)["metrics"]
    names = [path.name for path in run.rglob("*")]
    refused = set('<>:"\\|?*')
    assert not [name for name in names if refused & set(name) or name.endswith((".", " "))]


def test_peak_memory_without_the_module_of_posix(monkeypatch):
    class Memory:
        peak_wset, rss = 7, 5

    monkeypatch.setattr(throughput, "resource", None)
    monkeypatch.setattr(psutil.Process, "memory_info", lambda _: Memory)
    assert throughput.peak_memory(torch.device("cpu")) == 7


def test_age_of_the_process_after_the_clock_was_set_back(monkeypatch):
    before = process_age()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert before <= process_age() < before + 60 and ThroughputMonitor().elapsed() >= before
