"""Ends a run that fails with one line and an exit code, and leaves nothing half written."""

import os
import shlex
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

from experiments.common import distributed, notices
from experiments.common.redaction import redact
from experiments.common.storage import storage_error

_REPOSITORY = Path(__file__).parents[2]
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class TimeLimitError(Exception):
    """The time limit of a run was reached before its training was over."""


@contextmanager
def guarded(program: str) -> Iterator[SimpleNamespace]:
    """Turns an exception into an exit code and one line on the screen.

    The code is 2 for bad input or a full disk, 1 for any other error, 124 for a time limit, 130
    for Ctrl-C and 143 for SIGTERM. Assign the run to ``run`` of the yielded object: it is then
    closed with its state, and the last line tells how to resume it.
    """
    state = SimpleNamespace(run=None, signals=[])
    notices.show_as_notes()

    def stop(number: int, frame) -> None:
        # Only the first is raised: a second one would break off the closing of the run.
        state.signals.append(number)
        if len(state.signals) == 1:
            raise KeyboardInterrupt
        if len(state.signals) > 2:
            os._exit(128 + number)
        os.write(2, b"\nclosing the run; interrupt again to leave at once\n")

    handlers = {number: signal.signal(number, stop) for number in _SIGNALS}
    before = sys.unraisablehook

    def lost(unraisable) -> None:
        # Raised inside a callback, of a fork or of garbage, that has nobody to tell: once more,
        # when that is over.
        if unraisable.exc_type is KeyboardInterrupt and state.signals:
            number = state.signals.pop()
            threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
        else:
            before(unraisable)

    sys.unraisablehook = lost
    try:
        yield state
    except BaseException as error:
        if isinstance(error, SystemExit) and not (state.signals or state.run):
            raise  # --help, or an error that the parser has printed
        code = _end(program, error, state)
        for number in _SIGNALS:  # nothing is left to interrupt, and the exit code is settled
            signal.signal(number, signal.SIG_IGN)
        sys.exit(code)
    finally:
        sys.unraisablehook = before
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _end(program: str, error: BaseException, state: SimpleNamespace) -> int:
    """Closes the run, prints what happened in one line, and returns the exit code."""
    run, code, reason = state.run, 2, f"error: {redact(one_line(error))}"
    details = "" if _foreseen(error) else None
    if state.signals or isinstance(error, (KeyboardInterrupt, SystemExit)):
        code, reason = 128 + (state.signals or [signal.SIGINT])[0], "interrupted"
        details = ""
    elif isinstance(error, TimeLimitError):
        code, reason, details = 124, str(error), ""  # the code of timeout(1)
    elif stored := storage_error(error, run and run.folder):
        details, reason = "", f"error: {stored}"
    elif not isinstance(error, (ValueError, OSError)) and not _misconfigured(error):
        code, reason = 1, f"{type(error).__name__}: {redact(one_line(error))}"
    if number := distributed.rank():
        return _end_of_child(code, f"{program}: rank {number}: {reason}")
    if os.environ.get("PRETUNE_TRACEBACK"):
        traceback.print_exception(error)
    details = _trace(error, run) if details is None else details
    resume = ""
    if run:
        resume = f". {run.how_to_resume()}"
        with suppress(Exception):  # such as the same full disk
            run.close("interrupted" if code > 2 else "failed", reason)
    lead = "\n" if code > 2 else ""
    print(f"{lead}{program}: {reason.rstrip('.')}{details}{resume}", file=sys.stderr, flush=True)
    return code


def _misconfigured(error: BaseException) -> bool:
    """Tells whether it is Lightning's exception for bad input. Nothing is imported for that."""
    found = sys.modules.get("lightning.pytorch.utilities.exceptions")
    return found is not None and isinstance(error, found.MisconfigurationException)


def _end_of_child(code: int, line: str) -> int:
    """Prints the error of another rank than 0 only if rank 0 lives on; returns the exit code.

    If the run was interrupted, the rank ends at once and prints nothing: rank 0, which the terminal
    interrupts as well, may wait for it in a collective, where no signal reaches it.
    """
    if code > 2:
        return code
    parent = os.getppid()
    for _ in range(100):
        time.sleep(0.1)
        if os.getppid() != parent:
            return code
    print(line, file=sys.stderr, flush=True)
    return code


def one_line(error: BaseException) -> str:
    """The first line of an error's message that is not empty, else the name of its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _foreseen(error: BaseException) -> bool:
    """Tells whether a check of this project raised the error, so that its message is enough."""
    if not isinstance(error, (ValueError, OSError)):
        return False
    last = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    return last.is_relative_to(_REPOSITORY) and "site-packages" not in last.parts


def _trace(error: BaseException, run) -> str:
    """Writes the traceback into the run's folder, and returns a remark on where it is."""
    if run is None or os.environ.get("PRETUNE_TRACEBACK"):
        return " (PRETUNE_TRACEBACK=1 shows where)"
    with suppress(OSError):
        trace = "".join(traceback.format_exception(error))
        (run.folder / "error.txt").write_text(redact(trace))
        return f" (traceback in {shlex.quote(str(run.folder / 'error.txt'))})"
    return ""
