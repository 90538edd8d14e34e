"""Ends a run that fails with one line and an exit code, and leaves nothing half written."""

import os
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

from datamodules import argument_names
from experiments.common import distributed, notices, pipes, signals
from experiments.common.redaction import redact
from experiments.common.storage import storage_error

_REPOSITORY = Path(__file__).parents[2]


class TimeLimitError(Exception):
    """The time limit of a run was reached before its training was over."""


@contextmanager
def guarded(program: str) -> Iterator[SimpleNamespace]:
    """Turns an exception into an exit code and one line on the screen.

    The code is 2 for bad input or a full disk, 1 for any other error, 124 for a time limit, 130
    for Ctrl-C, and 128 and its number for another signal: 143 for SIGTERM, 129 for SIGHUP. If the
    reader of the output has gone, as `head` does, it is 141, and nothing is said. Assign the run
    to ``run`` of the yielded object: it is then closed with its state, and the last line tells how
    to resume it.
    """
    argument_names.on_command_line()
    with signals.handled() as handled:
        state = SimpleNamespace(run=None, signals=handled.received)
        notices.show_as_notes()
        try:
            yield state
            sys.stdout.flush()  # here, where a reader that has gone is no error
        except BaseException as error:
            printed = isinstance(error, SystemExit) and not (state.signals or state.run)
            if printed and not pipes.broken():
                raise  # --help, or an error that the parser has printed
            code = pipes.EXIT_CODE if printed else _end(program, error, state)
            handled.restore(ignored=True)  # the exit code is settled
            sys.exit(code)


def _end(program: str, error: BaseException, state: SimpleNamespace) -> int:
    """Closes the run, prints what happened in one line, and returns the exit code."""
    run, code, reason = state.run, 2, f"error: {redact(one_line(error))}"
    foreseen = _foreseen(error)
    details = "" if foreseen else None
    if isinstance(error, BrokenPipeError) and pipes.broken():
        code, reason, details = pipes.EXIT_CODE, "interrupted: nobody reads the output", ""
        if run is None:
            return code
    elif state.signals or isinstance(error, (KeyboardInterrupt, SystemExit)):
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
        refused = foreseen and isinstance(error, ValueError) and code == 2
        resume = "" if refused else run.how_to_resume()  # again it would end the same way
        resume = f". {resume}" if resume else ""
        with suppress(Exception):  # such as the same full disk
            run.close("interrupted" if code > 2 else "failed", reason)
    lead = "\n" if code > 2 else ""
    with suppress(OSError):  # nobody reads that either
        line = f"{lead}{program}: {reason.rstrip('.')}{details}{resume}"
        print(line, file=sys.stderr, flush=True)
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
        (run.folder / "error.txt").write_text(redact(trace), encoding="utf-8")
        return f" (traceback in {shlex.quote(str(Path(run.shown) / 'error.txt'))})"
    return ""
