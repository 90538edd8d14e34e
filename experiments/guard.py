"""How a run ends when something is wrong: one line, an exit code, nothing half written."""

import errno
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NoReturn

from experiments.tracking import logger as tracking


@contextmanager
def guarded(program: str) -> Iterator[SimpleNamespace]:
    """Turn what comes out of a run into its exit: 2 for bad input, 1 for a fault, 130 for Ctrl-C.

    Give the yielded object's ``run`` the run once there is one: it is then closed with its state,
    and the last line says how to go on.
    """
    state = SimpleNamespace(run=None)
    quiet()
    try:
        yield state
    except (KeyboardInterrupt, SystemExit) as stop:
        if state.run is None and isinstance(stop, SystemExit):
            raise  # --help, or an error that the parser has printed
        _close(state.run, "interrupted", stop)
        _exit(130, f"\n{program}: interrupted. {_how_to_resume(program, state.run)}")
    except OSError as error:
        _close(state.run, "failed", error)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        reason = f"no space left to write {error.filename or 'here'}" if full else str(error)
        _exit(2, f"{program}: error: {reason}. {_how_to_resume(program, state.run)}")
    except ValueError as error:
        _close(state.run, "failed", error)
        _exit(2, f"{program}: error: {_one_line(error)}{_trace(error, state.run)}")
    except Exception as error:
        _close(state.run, "failed", error)
        name = type(error).__name__
        _exit(1, f"{program}: {name}: {_one_line(error)}{_trace(error, state.run)}")


def quiet() -> None:
    """Libraries' notices that a user can do nothing about stay off the screen."""
    for library in ("lightning", "transformers", "torch", "peft"):
        warnings.filterwarnings("ignore", module=library)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _close(run, state: str, error: BaseException) -> None:
    if run is not None:
        tracking.finish(run.logger, state, {"error": _one_line(error)} if str(error) else {})


def _how_to_resume(program: str, run) -> str:
    if run is None or not run.last.exists():
        return "Nothing was trained yet." if run is None else "No checkpoint was written yet."
    return f"Go on with: python experiments/{program} --resume {run.folder.name}"


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _trace(error: Exception, run) -> str:
    """Where the traceback lies: beside the run, or on screen if PRETUNE_TRACEBACK is set."""
    text = "".join(traceback.format_exception(error))
    if os.environ.get("PRETUNE_TRACEBACK"):
        print(text, file=sys.stderr)
    if run is None:
        return "" if isinstance(error, ValueError) else " (PRETUNE_TRACEBACK=1 shows where)"
    try:
        (run.folder / "error.txt").write_text(text)
    except OSError:
        return ""
    return f" (traceback in {run.folder / 'error.txt'})"


def _exit(code: int, line: str) -> NoReturn:
    print(line.rstrip(), file=sys.stderr, flush=True)
    # Lightning's launcher and W&B's service leave threads that would hold an exit up.
    sys.exit(code)
