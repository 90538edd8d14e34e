"""Signals that end a run: Ctrl-C at once, the others as soon as the run has been saved.

SIGTERM comes from a scheduler or from kill, SIGHUP from a terminal that closes, SIGUSR1 and SIGUSR2
from a scheduler some time before its limit.
"""

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from experiments.common import pipes

# The seconds that a run gets to save itself. SLURM and Kubernetes kill 30 s after SIGTERM; before
# its time limit, a scheduler warns as early as it was asked to.
_SECONDS = {"SIGTERM": 15.0, "SIGHUP": 15.0, "SIGUSR1": 60.0, "SIGUSR2": 60.0}
_NAMES = ("SIGINT", "SIGBREAK", *_SECONDS)  # Windows has the first three
# A program that does something else on these keeps its handler, and `nohup` its immunity.
_LEFT_IF_CHANGED = ("SIGHUP", "SIGUSR1", "SIGUSR2")


class Signals:
    """Turns the signals that end a program into KeyboardInterrupt.

    Attributes:
        received: The numbers of the signals, the first one first.
        saving: Whether the program will ask ``asked_to_end`` soon, so that a signal can wait.
    """

    def __init__(self) -> None:
        self.received: list[int] = []
        self.saving = False
        self._raised = 0  # how many of them were told to the program
        self._process = os.getpid()
        self._terminals: list[int] = []
        self._handlers: dict[int, Any] = {}
        self._unraisable = sys.unraisablehook

    def install(self) -> None:
        """Takes the signals over. In another thread than the main one there are none to take."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._terminals = [number for number in (1, 2) if os.isatty(number)]
        sys.unraisablehook = self._lost
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is None:
                continue
            if name in _LEFT_IF_CHANGED and signal.getsignal(number) != signal.SIG_DFL:
                continue
            self._handlers[number] = signal.signal(number, self._handle)

    def restore(self, ignored: bool = False) -> None:
        """Gives the signals back, or has them ignored: then nothing is left to interrupt."""
        sys.unraisablehook = self._unraisable
        for number, handler in self._handlers.items():
            signal.signal(number, signal.SIG_IGN if ignored else handler)

    def _handle(self, number: int, frame: Any) -> None:
        if os.getpid() != self._process:  # a worker that was forked: its parent decides
            self._handle_in_fork(number)
            return
        self.received.append(number)
        name = signal.Signals(number).name
        if name == "SIGHUP":
            self._leave_terminal()
        if not self._raised and self.saving and name in _SECONDS:
            timer = threading.Timer(_SECONDS[name], self._raise_if_waiting)
            timer.daemon = True
            timer.start()
        elif not self._raised:
            self._raised = 1
            raise KeyboardInterrupt
        elif name not in _LEFT_IF_CHANGED:  # a closing terminal sends more than one
            self._raised += 1
            if self._raised > 2:
                os._exit(128 + number)
            os.write(2, b"\nclosing the run; interrupt again to leave at once\n")

    def taken(self) -> bool:
        """Tells whether a signal has come; the time that it would wait is then over."""
        self._raised = self._raised or len(self.received[:1])
        return bool(self.received)

    def _handle_in_fork(self, number: int) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _raise_if_waiting(self) -> None:
        if self.saving and not self._raised:
            _send(signal.SIGINT)

    def _leave_terminal(self) -> None:
        """Writes to nowhere from now on: a terminal that has gone refuses every line."""
        for number in self._terminals:
            pipes.discard(number)

    def _lost(self, unraisable: Any) -> None:
        """Sends a signal again that was raised where nobody could hear of it.

        That is inside a callback of a fork or of the garbage collector.
        """
        if unraisable.exc_type is KeyboardInterrupt and self.received:
            number = self.received.pop()
            self._raised = 0
            threading.Timer(0.05, _send, (signal.Signals(number),)).start()
        else:
            self._unraisable(unraisable)


_current = Signals()


@contextmanager
def handled() -> Iterator[Signals]:
    """Takes over the signals that end a program; gives them back unless the body raises."""
    global _current
    before, _current = _current, Signals()
    _current.install()
    yield _current
    _current.restore()
    _current = before


@contextmanager
def saved_first(saves: bool) -> Iterator[None]:
    """Lets all signals but Ctrl-C wait for the next checkpoint, though not for long.

    Args:
        saves: Whether the body asks ``asked_to_end`` and then raises KeyboardInterrupt.

    Raises:
        KeyboardInterrupt: If a signal still waits at the end.
    """
    _current.saving = saves
    try:
        yield
    finally:
        _current.saving = False
    if asked_to_end():
        raise KeyboardInterrupt


def asked_to_end() -> bool:
    """Tells whether a signal waits; whoever is told so saves and raises KeyboardInterrupt."""
    return _current.taken()


def received(number: int) -> bool:
    """Tells whether this signal has come, such as ``signal.SIGUSR1``."""
    return number in _current.received


def _send(number: signal.Signals) -> None:
    """Sends this process a signal. On Windows, ``os.kill`` would end it at once."""
    if os.name == "posix":
        os.kill(os.getpid(), number)
    else:
        _thread.interrupt_main(number)
