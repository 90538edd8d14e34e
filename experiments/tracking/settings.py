"""The flags of tracking, and the choice between online and offline.

The functions import `wandb` when they run: the import takes half a second, which `--help` does
without.
"""

import os
from dataclasses import dataclass, field
from typing import Literal

from experiments.common.redaction import redact


@dataclass
class Tracking:
    """Settings of the run's record in W&B.

    Args:
        project: Project in W&B; WANDB_PROJECT sets the default.
        mode: Kind of record: auto, online, offline or disabled. With auto it is online if a key for
            the host is configured, else offline.
        group: Common name of runs that belong together.
        tags: Labels by which runs can be filtered.
        name: Display name of the run in W&B; that of the run (--name) by default.
        job_type: Kind of run within its group.
    """

    project: str = field(default_factory=lambda: os.environ.get("WANDB_PROJECT") or "pretune")
    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    group: str | None = None
    tags: list[str] = field(default_factory=list)
    name: str | None = None
    job_type: str | None = None


def resolve_mode(tracking: Tracking) -> tuple[str, str]:
    """Decides between online, offline and disabled; returns the mode and a line with the reason.

    Raises:
        ValueError: If W&B has no such mode, or if online is asked for without a key.
    """
    mode, origin = tracking.mode, f"--tracking.mode {tracking.mode}"
    if mode == "auto" and (wished := os.environ.get("WANDB_MODE", "").lower()):
        mode = {"dryrun": "offline", "run": "online"}.get(wished, wished)  # wandb's old names
        origin = f"WANDB_MODE={wished}"
        if mode not in ("online", "offline", "disabled"):
            raise ValueError(f"{origin} is not known here: use online, offline or disabled")
    if mode in ("offline", "disabled"):
        return mode, f"W&B {mode} ({origin})"
    host, source = find_key()
    if source:
        return "online", f"W&B online at {host} (key from {source})"
    if mode == "online":
        raise ValueError(
            f"{origin} needs a key for {host}: run `wandb login`, set WANDB_API_KEY, "
            "or use --tracking.mode offline"
        )
    for_host = f" for {host}" if os.environ.get("WANDB_BASE_URL") else ""
    return "offline", f"W&B offline: no key{for_host} (`wandb login` makes one)"


def find_key() -> tuple[str, str | None]:
    """The configured host and where a key for it was found; nothing is sent."""
    # Private, so wandb is pinned; the public wandb.setup() would start its service here.
    from wandb.errors import AuthenticationError
    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import wbauth

    url = wandb_setup.singleton().settings.base_url
    host = redact(url)
    try:
        if not wbauth.authenticate_session(
            host=url, source="pretune", prompt=False, update_session=False
        ):
            return host, None
    except AuthenticationError as error:
        raise ValueError(f"the W&B key for {host} cannot be used: {error}") from None
    names = [n for n in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE") if os.environ.get(n)]
    return host, names[0] if names else "netrc or the W&B settings"
