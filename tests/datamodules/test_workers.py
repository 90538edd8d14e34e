"""Processes that load rows: as many as asked for, and by default some on a GPU alone."""

import os
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
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    data = RowDataModule(0, None, 8, asked)
    if device is not None:
        data.trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device(device)))
    assert data._num_workers() == expected
