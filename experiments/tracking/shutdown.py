"""Closes a tracked run, also if the server never answers, and W&B's service."""

import os
import threading
from contextlib import suppress
from typing import Any

import psutil

GRACE_SECONDS = 15.0  # for W&B's service to notice that its time limit has passed


def forget_service() -> None:
    """Ends this process's W&B service, so that the next call starts one in today's environment.

    A service that another program has named in the environment is forgotten, too: it may have
    ended.
    """
    import wandb

    wandb.teardown()
    os.environ.pop("WANDB_SERVICE", None)


def finish_within_limit(run: Any, code: int) -> bool:
    """Closes the run; returns False if W&B did not take all of it within its time limit.

    If a server accepts connections and never answers, W&B's service may exceed its own limit, and
    its client waits without one. The service is then killed; its log is on disk.
    """
    gave_up = threading.Event()

    def give_up() -> None:
        gave_up.set()
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child.name().startswith("wandb-core"):
                    child.kill()

    if run.offline:
        run.finish(exit_code=code)
        return True
    watch = threading.Timer(run.settings.finish_timeout + GRACE_SECONDS, give_up)
    watch.daemon = True
    watch.start()
    try:
        run.finish(exit_code=code)
    except Exception as error:  # of many types where the service was ended
        if not (gave_up.is_set() or isinstance(error, TimeoutError)):
            raise
        if gave_up.is_set():
            with suppress(Exception):
                forget_service()
        return False
    finally:
        watch.cancel()
    return True
