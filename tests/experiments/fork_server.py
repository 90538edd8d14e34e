"""A process that has imported the libraries, and forks itself for each command line of a test.

A fork is what ``python WORDS`` would be some seconds after its start: its environment, folder,
standard streams, session, signal handlers and ``__main__`` are those of a new process.
"""

import atexit
import fcntl
import gc
import importlib
import io
import json
import multiprocessing.process
import os
import runpy
import signal
import socket
import sys
import tempfile
import threading
import types
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from lightning.fabric.utilities.rank_zero import _get_rank, rank_zero_only
from torchmetrics.utilities import prints

import experiments
from experiments.studies.workers import _PRELOADED
from tests.experiments import fork_children

MORE = ["datamodules.pipeline", "experiments.tools.console", "matplotlib.figure", "peft"]
FOLDERS: list[tempfile.TemporaryDirectory] = []
HANDLED = "SIGINT SIGTERM SIGHUP SIGUSR1 SIGUSR2 SIGCHLD".split()


def serve(requests: socket.socket) -> None:
    """Forks once for each request, until whoever asks is gone.

    A request is four bytes of its length, and JSON. With it come four descriptors: standard input,
    output, error output, and a socket.
    The socket is told the fork's process id, and at its end how that came.
    """
    for name in [*_PRELOADED, *MORE]:
        importlib.import_module(name)
    gc.collect()
    # By their type alone: to ask an object that stands for another for its class may fail.
    FOLDERS.extend(one for one in gc.get_objects() if type(one) is tempfile.TemporaryDirectory)
    gc.freeze()  # no fork copies them only to look for garbage
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        length, given, *_ = socket.recv_fds(requests, 4, 4)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not length:
            for folder in FOLDERS:
                folder.cleanup()
            os._exit(0)
        text = requests.recv(int.from_bytes(length), socket.MSG_WAITALL)
        if os.fork() == 0:
            requests.close()
            _keep(json.loads(text), given)
        for descriptor in given:
            os.close(descriptor)


def _keep(request: dict, given: list[int]) -> None:
    """Forks again, waits for that and tells how it ended, which only a parent may know."""
    os.setsid()
    *streams, answer = given
    ready, begun = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answer)
        os.close(ready)
        _become(request, streams, begun)
    for descriptor in (*streams, begun):
        os.close(descriptor)
    os.read(ready, 1)  # its session is its own from here on
    os.write(answer, f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    os.write(answer, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: dict, given: list[int], begun: int | None = None) -> None:
    """Runs the words as Python would, and ends this process as Python does."""
    numbers = [0, 1, 2, *request.get("numbers", [])]
    above = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, max(100, *numbers) + 1) for one in given]
    for descriptor in given:
        os.close(descriptor)
    for number, descriptor in zip(numbers, above, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    for name in HANDLED:
        ignored = name in request.get("ignored", [])
        signal.signal(getattr(signal, name), signal.SIG_IGN if ignored else signal.SIG_DFL)
    if "SIGINT" not in request.get("ignored", []):
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["session"]:
        os.setsid()
    if request.get("group"):
        os.setpgid(0, 0)
    if begun is not None:
        os.close(begun)
    fork_children.prepare(request["standard"], request["early"], _become)
    signal.pthread_sigmask(signal.SIG_SETMASK, request.get("mask", []))
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.stdin, sys.stdout = _stream(sys.__stdin__, "r"), _stream(sys.__stdout__, "w")
    sys.stderr = _stream(sys.__stderr__, "w", 1)
    for decorator in (rank_zero_only, prints.rank_zero_only):
        decorator.rank = _get_rank() or 0  # as where they are imported
    sys.path[:] = request["path"]
    sys.excepthook = sys.__excepthook__
    tempfile.tempdir = None  # found anew
    for folder in FOLDERS:  # those that the libraries made, and delete at the end
        folder._finalizer.detach()
        folder.__init__(prefix="forked-")
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]  # as for a user, who has none of them
    multiprocessing.process.ORIGINAL_DIR = os.getcwd()
    code = _outcome(request)
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        if sys.stdout and not sys.stdout.closed:
            sys.stdout.flush()
    except OSError:
        code = 120
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 255)


def _stream(before: TextIO, mode: str, buffering: int = -1) -> TextIO:
    """A new stream in the place of one that Python made at its start, encoded alike."""
    number, alike = before.fileno(), {"encoding": before.encoding, "errors": before.errors}
    if os.environ.get("PYTHONUNBUFFERED") and mode == "w":
        raw = open(number, "wb", 0, closefd=False)
        return io.TextIOWrapper(raw, write_through=True, **alike)
    return open(number, mode, buffering, closefd=False, **alike)


def _outcome(request: dict) -> int:
    """The exit code of the words; a number below 0 is the signal that is to end the process."""
    try:
        if request["limits"]:
            import resource

            for limit, value in request["limits"].items():
                resource.setrlimit(getattr(resource, limit), (value, value))
        importlib.reload(experiments)  # it looks at the path, and what begins it
        _run(*request["words"])
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename in (__file__, "<frozen runpy>"):
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _run(first: str, *words: str) -> None:
    main = types.ModuleType("__main__")
    if first == "-c":
        code, *words = words
        sys.argv = ["-c", *words]
        sys.modules["__main__"] = main
        exec(compile(code, "<string>", "exec"), main.__dict__)
    elif first == "-m":
        name, *words = words
        sys.argv = ["-m", *words]
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *words]
        sys.modules["__main__"], main.__file__ = main, os.path.abspath(first)
        source = Path(first).read_bytes()
        exec(compile(source, main.__file__, "exec"), main.__dict__)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
