"""Decisions of rank 0 reach processes that srun starts, at whatever moment they ask."""

import socket
import subprocess
import sys

import pytest

from experiments.common import distributed
from tests.experiments.runner.test_two_processes import free_port
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


def environment(rank: int, port: str) -> dict[str, str]:
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "2"}
    job |= {"SLURM_NTASKS_PER_NODE": "2", "SLURM_NODEID": "0"}
    job |= {"SLURM_NODELIST": "127.0.0.1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return job | {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)}


@pytest.mark.slow
def test_a_refusal_reaches_a_process_that_asks_later(folder):
    port = free_port()
    first, second = (
        subprocess.Popen(
            [sys.executable, "-c", ASKS, "refused"],
            env={"PYTHONPATH": str(ROOT)} | environment(rank, port),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    )
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            first.wait(12)  # it has refused, and stays until the other has asked
        assert second.communicate("go on\n", timeout=60)[0] == "no such run\n"
        assert first.communicate(timeout=60)[0] == "no such run\n"
    finally:
        first.kill()
        second.kill()


def test_a_port_that_is_taken_is_one_line(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    port = free_port()
    for name, value in environment(0, port).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PRETUNE_RUN", "")  # which the decision sets
    monkeypatch.setattr(distributed, "_stores", [])
    with socket.socket() as taken:
        taken.bind(("", int(port) + 1))
        taken.listen()
        with pytest.raises(ValueError, match=rf"^MASTER_PORT {port}: no connection on port"):
            distributed.decide_once("RUN", lambda: "here")
