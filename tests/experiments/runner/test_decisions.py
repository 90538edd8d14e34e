"""Decisions of rank 0 reach processes that srun starts, at whatever moment they ask."""

import socket
import subprocess
import sys

import pytest

from experiments.common import distributed
from tests.experiments import forking
from tests.experiments.launching import free_port, srun_environment
from tests.experiments.running import ROOT

ASKS = """
import sys
from experiments.common import distributed

def refuse():
    raise ValueError("no such run")

if distributed.rank() == 1:
    sys.stdin.readline()  # until rank 0 has decided
try:
    distributed.decide_once("RUN", refuse if sys.argv[1] == "refused" else lambda: "here")
except ValueError as error:
    print(error, flush=True)
"""


@pytest.mark.slow
def test_a_refusal_reaches_a_process_that_asks_later(folder):
    port = free_port()
    first, second = (
        forking.start(
            [sys.executable, "-c", ASKS, "refused"],
            env=forking.STARTED | {"PYTHONPATH": str(ROOT)} | srun_environment(rank, port),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    )
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            first.wait(4)  # it has refused, and stays until the other has asked
        assert second.communicate("go on\n", timeout=60)[0] == "no such run\n"
        assert first.communicate(timeout=60)[0] == "no such run\n"
    finally:
        first.kill()
        second.kill()


def test_a_port_that_is_taken_is_one_line(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    port = free_port()
    for name, value in srun_environment(0, port).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PRETUNE_RUN", "")  # which the decision sets
    monkeypatch.setattr(distributed, "_stores", [])
    with socket.socket() as taken:
        taken.bind(("", int(port) + 1))
        taken.listen()
        with pytest.raises(ValueError, match=rf"^MASTER_PORT {port}: no connection on port"):
            distributed.decide_once("RUN", lambda: "here")
