"""The cores that a process may use."""

import os


def usable_cores() -> int:
    """The cores that this process may run on: under Slurm or taskset, fewer than there are."""
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
