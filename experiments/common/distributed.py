"""The rank of this process, and decisions that rank 0 makes for all processes of a run.

Lightning starts the processes of one machine itself; they inherit the decisions in environment
variables. Processes that torchrun or srun starts read them from a store on rank 0's machine.
"""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

_TIMEOUT = timedelta(minutes=10)  # for machines that start later
_PATIENCE_SECONDS = 60.0  # of rank 0 for processes that start later, before it ends with an error
_stores: list[Any] = []  # kept open for as long as the process lives


def rank() -> int:
    """The rank of this process in its run; 0 if there is no other process."""
    names = ("RANK", "SLURM_PROCID", "LOCAL_RANK") if launched_externally() else ("LOCAL_RANK",)
    return next((int(os.environ[name]) for name in names if name in os.environ), 0)


def launched_externally() -> bool:
    """Tells whether torchrun or srun started the processes of this run."""
    return "TORCHELASTIC_RUN_ID" in os.environ or _launched_by_srun()


def _launched_by_srun() -> bool:
    shell = os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive")
    return int(os.environ.get("SLURM_NTASKS", 1)) > 1 and not shell


def decide_once(name: str, decide: Callable[[], str]) -> str:
    """Calls ``decide`` on rank 0 and returns its answer in every process of the run.

    Args:
        name: The name under which the answer is passed on.
        decide: Makes the decision; only rank 0 calls it.

    Raises:
        ValueError: If ``decide`` raises one; every process raises the same.
    """
    key = f"PRETUNE_{name}"
    if rank() == 0:
        try:
            os.environ[key] = decide()
        except ValueError as error:
            if launched_externally():
                _store().set(key, f"!{error}")
                _wait_for_readers()
            raise
        if launched_externally():
            _store().set(key, os.environ[key])
    elif launched_externally() and key not in os.environ:
        answer = _store().get(key).decode()
        if answer.startswith("!"):
            _store().add("READERS", 1)
            raise ValueError(answer[1:])
        os.environ[key] = answer
    return os.environ[key]


def _wait_for_readers() -> None:
    """Keeps the store of rank 0 open until the others have read the error, or for a minute.

    They would wait ten for a store that is gone.
    """
    others = 0 if "TORCHELASTIC_RUN_ID" in os.environ else int(os.environ["SLURM_NTASKS"]) - 1
    end = time.monotonic() + _PATIENCE_SECONDS
    while _store().add("READERS", 0) < others and time.monotonic() < end:
        time.sleep(0.05)


def _store() -> Any:
    """The store of torchrun, or one that rank 0 opens on the port after Lightning's."""
    if not _stores:
        from torch.distributed import DistNetworkError, PrefixStore, TCPStore

        if "TORCHELASTIC_RUN_ID" in os.environ:
            place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
            store = TCPStore(*place, is_master=False, timeout=_TIMEOUT)
            attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
            _stores.append(PrefixStore(f"pretune/{attempt}", store))
        else:
            from lightning.fabric.plugins.environments import SLURMEnvironment

            slurm = SLURMEnvironment()
            port = slurm.main_port + 1
            try:
                store = TCPStore(
                    slurm.main_address,
                    port,
                    is_master=rank() == 0,
                    wait_for_workers=False,
                    timeout=_TIMEOUT,
                )
            except DistNetworkError as error:
                raise ValueError(
                    f"MASTER_PORT {slurm.main_port}: no connection on port {port} after it, which "
                    f"must be free, too ({str(error).splitlines()[0]}); set another MASTER_PORT"
                ) from error
            _stores.append(store)
    return _stores[0]
