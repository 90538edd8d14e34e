"""Command lines in processes of their own that are spared the seconds of the imports."""

import atexit
import json
import os
import resource
import socket
import subprocess
import sys
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests.experiments import fork_requests

ROOT = Path(__file__).parents[2]
STARTED = dict(os.environ)  # before any test sets a variable


def start(command: list, **options: Any) -> subprocess.Popen:
    """``subprocess.Popen`` of ``[sys.executable, *words]``, forked where that is the same.

    Args:
        command: Python, and its words: a script, ``-m`` and a module, or ``-c`` and code.
        options: Those of ``Popen`` for streams, text, ``cwd``, ``env`` and ``start_new_session``;
            ``limits`` of the process's own go to ``resource.setrlimit``.
    """
    variables = options.setdefault("env", dict(os.environ))
    if fork_requests.early(variables) != _server().early:
        limits = options.pop("limits", None) or {}
        return subprocess.Popen(command, preexec_fn=partial(_limit, limits), **options)
    return Fork(command, **options)


def _limit(limits: dict[str, int]) -> None:
    for limit, value in limits.items():
        resource.setrlimit(getattr(resource, limit), (value, value))


def run(command: list, timeout: float = 300, **options: Any) -> subprocess.CompletedProcess:
    """``subprocess.run`` of the same, with what it says."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(command, **streams | options) as process:
        try:
            said = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, *said)


class Fork(subprocess.Popen):
    """A process that ``fork_server`` forks; ``limits`` go to ``resource.setrlimit``."""

    def __init__(self, command: list, limits: dict[str, int] | None = None, **options: Any) -> None:
        self._limits = limits or {}
        super().__init__(command, **options)

    def _execute_child(self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *rest):
        """In place of CPython's: all else of ``Popen`` reads the same pipes and process id."""
        in_read, _, _, out_write, _, err_write = pipes = rest[3:9]
        folder, words = Path(cwd or "."), [os.fspath(word) for word in args[1:]]
        server = _server()
        request = fork_requests.request(words, folder, env, server.path, server.early)
        request |= {"session": rest[-2], "limits": self._limits}
        given = (in_read, out_write, err_write)
        streams = [place if one < 0 else one for place, one in enumerate(given)]
        self.pid, self._end = server.fork(request, streams)
        self._child_created = True
        self._close_pipe_fds(*pipes)

    def _internal_poll(self, *_args: Any, **_named: Any) -> int | None:
        try:
            return self._wait(0)
        except subprocess.TimeoutExpired:
            return None

    def _wait(self, timeout: float | None) -> int:
        if self.returncode is None:
            self._end.settimeout(timeout)
            try:
                self.returncode = int(_line(self._end))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout) from None
            self._end.close()
        return self.returncode


class _Server:
    """The process that forks; it ends with this one.

    Attributes:
        early: The variables of its environment that are read before a fork could set them.
        path: Where Python looks for modules, without a script's folder and PYTHONPATH.
    """

    def __init__(self) -> None:
        passing = ("WANDB_", "PRETUNE_", "SLURM_", "RANK", "LOCAL_RANK")
        clean = {k: v for k, v in STARTED.items() if not k.startswith(passing)}
        clean |= {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
        self.early = fork_requests.early(clean)
        look = [sys.executable, "-I", "-c", "import json, sys; print(json.dumps(sys.path))"]
        self.path = json.loads(subprocess.run(look, capture_output=True, check=True).stdout)
        self._requests, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, "-m", "tests.experiments.fork_server", str(number)]
            settings = {"cwd": ROOT, "env": clean, "stdin": subprocess.DEVNULL}
            self._process = subprocess.Popen(
                command, pass_fds=[number], start_new_session=True, **settings
            )

        atexit.register(self.end)

    def end(self) -> None:
        """Ends the process, which then has told how much its forks computed."""
        self._requests.close()
        self._process.wait(20)

    def fork(self, request: dict[str, Any], streams: list[int]) -> tuple[int, socket.socket]:
        """The process id of a new fork, and the socket on which its exit code arrives."""
        ours, theirs = socket.socketpair()
        with theirs:
            text = json.dumps(request).encode()
            length = len(text).to_bytes(4)
            socket.send_fds(self._requests, [length], [*streams, theirs.fileno()])
            self._requests.sendall(text)
        return int(_line(ours)), ours


@cache
def _server() -> _Server:
    return _Server()


def _line(end: socket.socket) -> bytes:
    text = b""
    while not text.endswith(b"\n"):
        if not (more := end.recv(1)):
            raise RuntimeError("the process that forks is gone")
        text += more
    return text
