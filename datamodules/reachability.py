"""Tells whether the Hugging Face hub answers, within seconds."""

import os
import threading
import time


def reachable(deadline: float = 4.0) -> bool:
    """Whether the hub (or the mirror in HF_ENDPOINT) answers within `deadline` seconds."""
    start = time.monotonic()
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    datasets_offline = os.environ.get("HF_DATASETS_OFFLINE", "").upper()
    if constants.HF_HUB_OFFLINE or datasets_offline in {"1", "ON", "YES", "TRUE"}:
        return False
    statuses: list[int] = []

    def ask() -> None:
        try:
            statuses.append(get_session().head(constants.ENDPOINT, timeout=deadline).status_code)
        except Exception:
            return

    # No timeout reaches into a name look-up that hangs, so a thread does the asking; a daemon
    # thread, because the process must be able to end meanwhile.
    thread = threading.Thread(target=ask, name="hub-reachable", daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - (time.monotonic() - start)))
    # 403 and 5xx are what a firewall or a gateway says in the hub's place.
    return bool(statuses) and statuses[0] < 500 and statuses[0] != 403
