"""Processes that load rows: as many as asked for, and by default some on a GPU alone."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from datamodules.base import RowDataModule


@pytest.mark.parametrize(
    ("asked", "device", "cores", "devices", "expected"),
    [
        ("auto", "cpu", 16, 0, 0),
        ("auto", "cuda", 16, 1, 4),
        ("auto", "cuda", 16, 8, 1),
        ("auto", "cuda", 1, 1, 0),
        ("auto", None, 16, 1, 0),
        (3, "cpu", 16, 0, 3),
        (0, "cuda", 16, 1, 0),
    ],
)
def test_workers(asked, device, cores, devices, expected, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    data = RowDataModule(0, None, 8, asked)
    if device is not None:
        data.trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device(device)))
    assert data._num_workers() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are set on Linux")
def test_cores_that_a_process_may_not_use_are_not_counted():
    count = "from datamodules.cores import usable_cores; print(usable_cores())"
    one = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, {{{one}}}); {count}"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).stdout == b"1\n"
