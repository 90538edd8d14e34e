"""SLURM jobs that end before their run: they are queued again, and go on with it."""

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from experiments.common import signals

if TYPE_CHECKING:
    from lightning.pytorch import Trainer


def job() -> str:
    """The SLURM job and a digest of the command line; empty outside SLURM.

    A job may run several commands: after it was requeued, each finds its own run by this.
    """
    if not (number := _number()):
        return ""
    line = "\0".join(sys.argv[1:])
    return f"{number} {hashlib.sha256(line.encode()).hexdigest()[:16]}"


def requeued() -> bool:
    """Tells whether the job has run before, and was queued again."""
    return bool(_number()) and os.environ.get("SLURM_RESTART_COUNT", "0") not in ("", "0")


def requeue(trainer: "Trainer") -> str:
    """Queues the job again if SLURM warned of its end; returns a sentence on that, or nothing.

    As in Lightning, a job is queued again if it began with srun or sbatch and ended by SIGUSR1, or
    by the ``requeue_signal`` of a SLURMEnvironment that the user added; ``auto_requeue: false`` of
    one turns it off.
    """
    from lightning.fabric.plugins.environments import SLURMEnvironment

    environment = trainer._accelerator_connector.cluster_environment  # nothing public has it
    known = isinstance(environment, SLURMEnvironment)
    if not known or not environment.auto_requeue or not trainer.is_global_zero:
        return ""
    warning = environment.requeue_signal
    if warning is None or not signals.received(warning) or not _number():
        return ""
    command = ["scontrol", "requeue", _number()]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        said = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        said = str(error)
    if said:
        return f"SLURM did not queue the job again ({said.splitlines()[0]})"
    return f"SLURM has queued job {_number()} again, which goes on with this run"


def _number() -> str:
    """The number of the job, with that of its task in a job array."""
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        return f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID', '')}"
    return os.environ.get("SLURM_JOB_ID", "")
