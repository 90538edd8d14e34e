"""Processes as a launcher starts them: a free port, and what srun tells each of two."""

import random
import socket
from contextlib import suppress


def free_port() -> str:
    """A port that is free with the one after it, below those that outgoing connections take."""
    for port in random.sample(range(20_000, 30_000, 2), 100):
        with suppress(OSError), socket.socket() as one, socket.socket() as next_one:
            one.bind(("127.0.0.1", port))
            next_one.bind(("127.0.0.1", port + 1))
            return str(port)
    raise AssertionError("no free port")


def srun_environment(rank: int, port: str) -> dict[str, str]:
    """The variables of one of two processes on this machine."""
    job = {"SLURM_JOB_ID": port, "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "2"}
    job |= {"SLURM_NTASKS_PER_NODE": "2", "SLURM_NODEID": "0", "SLURM_NODELIST": "127.0.0.1"}
    job |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return job | {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)}
