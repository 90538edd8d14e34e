"""Output into a pipe whose reader has gone, as that of ``| head`` does."""

import os
import sys
from contextlib import suppress

EXIT_CODE = 141  # that of a program which SIGPIPE ends


def broken() -> bool:
    """Tells whether nobody reads the output any more; further output then goes nowhere."""
    try:
        sys.stdout.flush()  # a line that nobody took is still in the buffer, and fails again
    except OSError:
        with suppress(OSError, ValueError):  # the output is no file
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
        return True
    return False
