"""The life of a server: its socket, its requests, and an end that answers what runs."""

import contextlib
import errno
import logging
import signal
import socket
import sys
import time
from typing import Any

import uvicorn

from experiments.tools.serving.gate import Gate

_GRACE = 60  # seconds that running requests get at the end
_BACKLOG = 128


def listening(host: str, port: int) -> socket.socket:
    """Opens the socket; a client that connects before the model is loaded waits for it.

    Raises:
        ValueError: If the address cannot be had; the message names the flag.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "not a name of a machine"
        raise ValueError(f"--host {host}: cannot be found ({why})") from error
    family, kind, protocol, _, address = found[0]
    opened = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":  # where it lets two servers share a port
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        reasons = {
            errno.EADDRINUSE: f"--port {port}: is in use; take another, or 0 for a free one",
            errno.EACCES: f"--port {port}: is not allowed to you; take one above 1023",
            errno.EADDRNOTAVAIL: f"--host {host}: is no address of this machine",
        }
        said = reasons.get(error.errno or 0, f"--host {host} --port {port}: {error.strerror}")
        raise ValueError(said) from error
    return opened


def url(opened: socket.socket) -> str:
    """The address of a socket, as a browser takes it."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def prepared(gate: Gate) -> uvicorn.Server:
    """The server of an application; whoever runs it sets ``should_exit`` to end it."""
    logger = logging.getLogger("uvicorn.error")
    logger.handlers, logger.propagate = [logging.StreamHandler()], False
    config = uvicorn.Config(
        gate,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
    return server


def run(gate: Gate, opened: socket.socket) -> None:
    """Serves until Ctrl-C or SIGTERM; a second one ends without the requests that run."""
    server = prepared(gate)
    started, left = time.monotonic(), 0

    def end(number: int, frame: Any) -> None:
        nonlocal left
        server.force_exit = server.should_exit
        left = gate.running if server.force_exit else 0
        logging.getLogger("uvicorn.error").disabled = server.force_exit  # of requests cut off
        server.should_exit = True

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    for number in (getattr(signal, name, None) for name in names):
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as of nohup
            signal.signal(number, end)
    server.run(sockets=[opened])
    seconds = time.monotonic() - started
    took = f"{seconds / 60:,.0f} min" if seconds > 600 else f"{seconds:.0f} s"
    lost = f"; left without an answer: {left:,}" if left else ""
    print(f"\nstopped after {took}; requests answered: {gate.answered:,}{lost}", file=sys.stderr)
