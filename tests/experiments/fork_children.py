"""Python processes that a forked one starts: forked, too, from a copy of it that has done nothing.

The copy is made before the process begins. Each child of it becomes a child of the process, which
waits for it and signals it as for one that it had started itself.
"""

import _posixsubprocess
import ctypes
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.experiments import fork_requests

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux: who takes the children of children that ended
NEVER_ENDS = "SIGINT SIGTERM SIGHUP SIGUSR1 SIGUSR2".split()
FLAGS = subprocess._args_from_interpreter_flags()
LIMITS = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}


def _adopt(on: bool) -> bool:
    try:
        return ctypes.CDLL(None).prctl(SUBREAPER, int(on), 0, 0, 0) == 0
    except AttributeError:  # another system
        return False


def prepare(path: list[str], early: dict[str, str], become: Callable) -> None:
    """Makes the copy of this process, and lets it fork the Python processes that this one starts.

    Args:
        path: Where Python looks for modules, without a script's folder and PYTHONPATH.
        early: The variables of the process that imported the libraries that are read so early.
        become: Called in a new process with a request and descriptors; does not return.
    """
    if not _adopt(False):
        return
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _copy(theirs, become)
    theirs.close()
    os.register_at_fork(after_in_child=ours.close)
    one_at_a_time = threading.Lock()
    start = _posixsubprocess.fork_exec
    limits = {name: resource.getrlimit(number) for name, number in LIMITS.items()}

    def fork_exec(*given: Any) -> int:
        request = _request(given, path, early) if ours.fileno() >= 0 else None
        if request is None:
            return start(*given)
        now = {name: resource.getrlimit(number) for name, number in LIMITS.items()}
        request["limits"] = {
            n: soft for n, (soft, hard) in now.items() if limits[n] != (soft, hard)
        }
        numbers = [number for number in given[3] if number != given[13]]  # for an error of exec
        ends = (given[6], given[9], given[11])
        streams = [place if one < 0 else one for place, one in enumerate(ends)]
        with one_at_a_time:
            return _ask(ours, request | {"numbers": numbers}, [*streams, *numbers])

    _posixsubprocess.fork_exec = subprocess._fork_exec = fork_exec


def _request(given: tuple, path: list[str], early: dict[str, str]) -> dict | None:
    """What is to be forked, or None where a process must be begun."""
    words, close, folder, pairs = [os.fsdecode(word) for word in given[0]], given[2], *given[4:6]
    variables = dict(os.environ)
    if pairs is not None:
        variables = dict(os.fsdecode(pair).split("=", 1) for pair in pairs)
    if words[0] == "/usr/bin/env":
        words = words[1:]
    program = shutil.which(words[0], path=variables.get("PATH"))
    if words[1 : 1 + len(FLAGS)] == FLAGS:  # those of this process
        del words[1 : 1 + len(FLAGS)]
    unbuffered = words[1:2] == ["-u"]
    words = words[2 if unbuffered else 1 :]
    folder = Path(os.fsdecode(folder or "."))
    plain = given[17:] == (None, None, None, -1, None, subprocess._USE_VFORK)
    if not plain or given[16] > 0 or not close or program != sys.executable or not words:
        return None
    script = (folder / words[0]).absolute()
    ours = words[0] in ("-c", "-m") or (script.is_file() and not script.is_relative_to(sys.prefix))
    if not ours or fork_requests.early(variables) != early:
        return None
    variables |= {"PYTHONUNBUFFERED": "1"} if unbuffered else {}
    mask = [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])]
    handlers = {name: signal.getsignal(getattr(signal, name)) for name in NEVER_ENDS}
    ignored = [name for name, handler in handlers.items() if handler == signal.SIG_IGN]
    more = {"session": bool(given[15]), "group": given[16] == 0, "mask": mask, "ignored": ignored}
    return fork_requests.request(words, folder, variables, path, early) | more


def _ask(copy: socket.socket, request: dict, descriptors: list[int]) -> int:
    """The process id of a new child of this process."""
    text = json.dumps(request).encode()
    _adopt(True)
    try:
        socket.send_fds(copy, [len(text).to_bytes(4)], descriptors)
        copy.sendall(text)
        answer = b""
        while not answer.endswith(b"."):
            if not (more := copy.recv(99)):
                raise OSError("the process that forks is gone")
            answer += more
    finally:
        _adopt(False)
    return int(answer[:-1])


def _copy(requests: socket.socket, become: Callable) -> None:
    """Forks twice for each request, until the process that it is a copy of has ended."""
    for name in NEVER_ENDS:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.close(nothing)
    while True:
        length, given, *_ = socket.recv_fds(requests, 4, 60)
        if not length:
            os._exit(0)
        text = requests.recv(int.from_bytes(length), socket.MSG_WAITALL)
        if (between := os.fork()) == 0:
            parent = os.getpid()
            if (child := os.fork()) == 0:
                requests.close()
                while os.getppid() == parent:
                    time.sleep(0.001)
                become(json.loads(text), given)
            requests.sendall(str(child).encode())
            os._exit(0)  # and the child has another parent
        for descriptor in given:
            os.close(descriptor)
        os.waitpid(between, 0)
        requests.sendall(b".")
