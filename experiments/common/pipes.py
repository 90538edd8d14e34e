"""Output that nobody reads: the reader of a pipe has gone, as that of ``| head`` does."""

import os
import select
import sys
from contextlib import suppress

EXIT_CODE = 141  # that of a program which SIGPIPE ends


def broken() -> bool:
    """Tells whether nobody reads the output any more; further output then goes nowhere."""
    with suppress(OSError, ValueError, AttributeError):  # the output is no file
        number = sys.stdout.fileno()
        if not _reader_gone(number):
            return False
        discard(number)
        return True
    return False


def discard(number: int) -> None:
    """Sends all further output of this file descriptor to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def _reader_gone(number: int) -> bool:
    if hasattr(select, "poll"):  # tells it also where Python has thrown the refused lines away
        watch = select.poll()
        watch.register(number, 0)
        return any(event & select.POLLERR for _, event in watch.poll(0))
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False
