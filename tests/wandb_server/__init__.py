"""A W&B server on loopback, for tests: what the client of wandb 0.31 asks for, and no more.

``Server`` holds all that it was told as plain Python (``runs``, ``artifacts``, ``sweeps``,
``edges``), keeps every byte that it received (``received``), and misbehaves when told to.
"""

from tests.wandb_server.server import Server

__all__ = ["Server"]
